// permessage-deflate: clients of every persuasion, the official one through chat, and a bomb.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';
import zlib from 'node:zlib';

import WebSocket from 'ws';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until, within } from '../support/wait.mjs';

const LONG = 'the same words again and again, '.repeat(400); // 12,800 bytes
const RSV1 = 0x40;

function residentBytes(pid) {
  return Number(/^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) * 1024;
}

/** A client's frame, masked with zeros. */
function clientFrame(first, payload) {
  const head = Buffer.alloc(payload.length > 65535 ? 14 : 8);
  head[0] = first;
  if (payload.length > 65535) {
    head[1] = 0x80 | 127;
    head.writeBigUInt64BE(BigInt(payload.length), 2);
  } else {
    head[1] = 0x80 | 126;
    head.writeUInt16BE(payload.length, 2);
  }
  return Buffer.concat([head, payload]);
}

describe('permessage-deflate', () => {
  let chatd;
  let app;
  let pair;
  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_ENGINE__DEFLATE: 'true', CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
    pair = await app.pair(1, 2);
  });
  after(() => chatd.stop());

  const path = '/socket.io/?EIO=4&transport=websocket';

  /** The extension that a client of `ws` with these options gets. */
  async function extensionOf(url, perMessageDeflate) {
    const socket = new WebSocket(`${url}${path}`, { perMessageDeflate });
    try {
      await within(new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); }), 'open');
      return socket.extensions;
    } finally {
      socket.terminate();
    }
  }

  for (const [what, options, taken] of [
    ['the defaults', true, true],
    ['no server context', { serverNoContextTakeover: true }, true],
    ['no client context', { clientNoContextTakeover: true }, true],
    ['a small window of its own', { clientMaxWindowBits: 9 }, true],
    ['the largest window of ours', { serverMaxWindowBits: 15 }, true],
    ['a small window of ours', { serverMaxWindowBits: 9 }, false],
    ['nothing', false, false],
  ]) {
    test(`a client that offers ${what} chats`, async () => {
      assert.equal(await extensionOf(chatd.webSocketUrl, options), taken ? 'permessage-deflate' : '');
      const perMessageDeflate = options === true ? { threshold: 0 } : options && { threshold: 0, ...options };
      const one = await ChatClient.join(chatd.url, pair.a.token, pair.room.room, { perMessageDeflate });
      const other = await ChatClient.join(chatd.url, pair.b.token, pair.room.room, { perMessageDeflate: false });
      try {
        for (const text of [LONG, 'short', randomBytes(6000).toString('hex'), '\u{1F600}'.repeat(3000)]) {
          const { message } = await one.ask('send_message', text);
          for (const client of [one, other]) {
            assert.equal(textOf(await client.next('message', (m) => m.seq === message.seq)), text);
          }
          await other.ask('send_message', text);
          assert.equal(textOf(await one.next('message', (m) => m.seq === message.seq + 1)), text);
        }
      } finally {
        one.close();
        other.close();
      }
    });
  }

  test('a plain WebSocket gets its messages compressed', async () => {
    const socket = new WebSocket(`${chatd.webSocketUrl}/ws?token=${pair.a.token}`, { perMessageDeflate: { threshold: 0 } });
    const events = [];
    socket.on('message', (data) => events.push(JSON.parse(data)));
    try {
      await until('hello', () => events.find((event) => event.type === 'hello'));
      assert.equal(socket.extensions, 'permessage-deflate');
      socket.send(JSON.stringify({ type: 'join', id: 1, room: pair.room.room }));
      await until('joined', () => events.find((event) => event.id === 1 && event.type === 'ok'));
      const start = socket._socket.bytesRead;
      socket.send(JSON.stringify({ type: 'send', id: 2, room: pair.room.room, text: LONG }));
      const sent = await until('stored', () => events.find((event) => event.id === 2));
      assert.equal(sent.message.text, LONG);
      const told = await until('told', () => events.find((event) => event.type === 'message' && event.message?.seq === sent.message.seq));
      assert.equal(told.message.text, LONG);
      assert.ok(socket._socket.bytesRead - start < LONG.length / 5);
    } finally {
      socket.terminate();
    }
  });

  test('what is delivered is smaller on the wire', async () => {
    const read = async (perMessageDeflate) => {
      const client = await ChatClient.join(chatd.url, pair.a.token, pair.room.room, { perMessageDeflate });
      try {
        const socket = client.socket.io.engine.transport.ws._socket;
        const start = socket.bytesRead;
        const { message } = await client.ask('send_message', LONG);
        await client.next('message', (m) => m.seq === message.seq);
        return socket.bytesRead - start;
      } finally {
        client.close();
      }
    };
    const plain = await read(false);
    const compressed = await read(true);
    assert.ok(plain > 2 * LONG.length && compressed < plain / 10, `${plain} and ${compressed}`);
  });

  test('a megabyte that inflates to a gibibyte is closed with 1009 and takes no memory', async () => {
    const step = zlib.deflateRawSync(Buffer.alloc(1 << 20), { level: 9, finishFlush: zlib.constants.Z_SYNC_FLUSH });
    const bomb = Buffer.concat(Array(Math.floor(999_000 / step.length)).fill(step));
    assert.ok(bomb.length <= 1_000_000 && bomb.length / step.length > 900);
    const before = residentBytes(chatd.pid);
    let most = 0;
    for (let i = 0; i < 5; ++i) {
      const socket = net.connect(chatd.port, chatd.host);
      let received = Buffer.alloc(0);
      socket.on('data', (part) => { received = Buffer.concat([received, part]); });
      socket.on('error', () => {}); // the server ends it while we may still be sending
      socket.write(`GET ${path} HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n`
        + 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Extensions: permessage-deflate\r\n\r\n');
      await until('the upgrade', () => received.includes('\r\n\r\n'));
      socket.write(clientFrame(0x82 | RSV1, bomb));
      const close = await until('a close frame', () => {
        const at = received.lastIndexOf(0x88);
        return at >= 0 && received.length >= at + 4 && received.readUInt16BE(at + 2);
      });
      assert.equal(close, 1009);
      most = Math.max(most, residentBytes(chatd.pid));
      socket.destroy();
    }
    assert.ok(most - before < 32 << 20, `grew by ${most - before} bytes`);
  });
});

test('it is off by default', async () => {
  const chatd = await Chatd.start();
  try {
    const socket = new WebSocket(`${chatd.webSocketUrl}/socket.io/?EIO=4&transport=websocket`);
    await within(new Promise((resolve, reject) => { socket.on('open', resolve); socket.on('error', reject); }), 'open');
    assert.equal(socket.extensions, '');
    socket.terminate();
  } finally {
    await chatd.stop();
  }
});
