// What no honest client sends: broken JSON, events before CONNECT, binary, oversize frames, broken HTTP. Each ends by the contract,
// and the daemon is there for the next one.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { RawSocket } from '../support/raw_socket.mjs';
import { until } from '../support/wait.mjs';

describe('hostile input', () => {
  let chatd;
  let pair;
  let pid;

  before(async () => {
    chatd = await Chatd.start();
    pair = await (await TestApp.create(chatd)).pair();
    pid = chatd.pid;
  });
  after(() => chatd.stop());

  async function stillServes() {
    assert.equal(chatd.pid, pid);
    const client = await ChatClient.join(chatd.url, pair.a.token, pair.room.room);
    const answer = await client.ask('send_message', 'still here');
    assert.equal(textOf(await client.next('message')), 'still here');
    assert.equal(answer.ok, true);
    client.close();
  }

  const connected = {
    'a packet type that does not exist': '9',
    'a Socket.IO type that does not exist': '49',
    'an event that is no JSON': '42["send_message",',
    'an event that is no array': '42{"a":1}',
    'an event without a name': '42[]',
    'an event whose name is no text': '42[7,"x"]',
    'an acknowledgement number without end': `42${'9'.repeat(400)}["seen"]`,
    'a namespace that never ends': `42/${'x'.repeat(2000)}`,
    'JSON that nests 5,000 deep': `42["send_message",${'['.repeat(5000)}${']'.repeat(5000)}]`,
    'an acknowledgement of ours that was never asked for': '43999[{}]',
    'a second CONNECT': '40{"token":"x"}',
    'an empty frame': '',
    'NUL bytes': '42["send_message","\u0000\u0000"]',
  };
  for (const [what, packet] of Object.entries(connected)) {
    test(`${what}: refused or closed, and nobody else notices`, async () => {
      const socket = await RawSocket.connect(chatd, pair.a.token);
      const before = socket.packets.length;
      socket.send(packet);
      socket.send('421["no_such_event"]');
      await until('an answer or the end', () => socket.closed || socket.packets.length > before);
      assert.ok(!socket.packets.slice(before).some((answer) => answer.startsWith('43') && answer.includes('"ok":true')));
      socket.close();
      await stillServes();
    });
  }

  test('an event before CONNECT closes the connection', async () => {
    const socket = await RawSocket.open(chatd);
    socket.send('42["join","usr-1-2"]');
    await socket.ended();
    await stillServes();
  });

  test('a CONNECT whose payload is no JSON object is refused', async () => {
    for (const payload of ['{', '[]', '"x"', '7', '{"token":7}', '{"token":{"a":1}}']) {
      const socket = await RawSocket.open(chatd);
      socket.send(`40${payload}`);
      await until('refused', () => socket.closed || socket.packets.some((packet) => packet.startsWith('44')));
      assert.ok(!socket.packets.some((packet) => packet.startsWith('40')), payload);
      socket.close();
    }
    await stillServes();
  });

  test('a binary frame is refused and ends nothing else', async () => {
    const socket = await RawSocket.connect(chatd, pair.a.token);
    socket.send(Buffer.from([4, 1, 2, 3]), { binary: true });
    await socket.ended();
    await stillServes();
  });

  test('an event with binary attachments is refused', async () => {
    const socket = await RawSocket.connect(chatd, pair.a.token);
    socket.send('451-0["send_message",{"_placeholder":true,"num":0}]');
    socket.send(Buffer.from('secret'), { binary: true });
    await until('an answer or the end', () => socket.closed || socket.packets.some((packet) => packet.startsWith('42["error"') || packet.startsWith('43')));
    assert.ok(!socket.packets.some((packet) => typeof packet === 'string' && packet.includes('"ok":true')));
    socket.close();
    await stillServes();
  });

  test('text that is not UTF-8 closes with 1007', async () => {
    const socket = await RawSocket.connect(chatd, pair.a.token);
    socket.ws._sender.send(Buffer.from([0x34, 0x32, 0xff, 0xfe]), { binary: false, mask: true, compress: false, fin: true });
    assert.equal((await socket.ended()).code, 1007);
    await stillServes();
  });

  test('a frame over engine.max_payload closes with 1009', async () => {
    const socket = await RawSocket.connect(chatd, pair.a.token);
    socket.send(`42["send_message","${'x'.repeat(1_000_001)}"]`);
    assert.equal((await socket.ended()).code, 1009);
    await stillServes();
  });

  test('an unmasked frame closes with 1002', async () => {
    const socket = await RawSocket.connect(chatd, pair.a.token);
    socket.ws._socket.write(Buffer.from([0x81, 0x01, 0x32]));
    assert.equal((await socket.ended()).code, 1002);
    await stillServes();
  });

  test('a frame with reserved bits closes with 1002', async () => {
    const socket = await RawSocket.connect(chatd, pair.a.token);
    socket.ws._socket.write(Buffer.from([0xf1, 0x80, 0, 0, 0, 0]));
    assert.equal((await socket.ended()).code, 1002);
    await stillServes();
  });

  test('a client that never sends CONNECT is closed in time, and costs nothing meanwhile', async () => {
    const socket = await RawSocket.open(chatd);
    await stillServes();
    await socket.ended(60_000);
  });

  /** Writes bytes to a bare TCP connection; resolves with everything that came back once the server closed it. */
  function bytes(text) {
    return new Promise((resolve, reject) => {
      let answer = '';
      const socket = net.connect(chatd.port, chatd.host, () => socket.write(text));
      socket.setTimeout(20_000, () => socket.destroy(new Error(`no end to: ${JSON.stringify(text.slice(0, 60))} answer: ${answer}`)));
      socket.on('data', (part) => { answer += part; });
      socket.on('close', () => resolve(answer));
      socket.on('error', (error) => (error.code === 'ECONNRESET' || error.code === 'EPIPE' ? resolve(answer) : reject(error)));
    });
  }

  const requests = {
    'no HTTP': ['hello\r\n\r\n', 400],
    'bare line feeds': ['GET /healthz HTTP/1.1\nHost: x\n\n', 400],
    'a space before the colon': ['GET /healthz HTTP/1.1\r\nHost : x\r\n\r\n', 400],
    'a folded header': ['GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n', 400],
    'no Host': ['GET /healthz HTTP/1.1\r\n\r\n', 400],
    'two Hosts': ['GET /healthz HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n', 400],
    'length and chunks together': ['POST /user HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n', 400],
    'two lengths': ['POST /user HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nxx', 400],
    'a length below zero': ['POST /user HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n', 400],
    'HTTP/3.0': ['GET / HTTP/3.0\r\nHost: x\r\n\r\n', 505],
    'a header line of 20 KiB': [`GET /healthz HTTP/1.1\r\nHost: x\r\nA: ${'b'.repeat(20_000)}\r\n\r\n`, 431],
    '101 headers': [`GET /healthz HTTP/1.1\r\nHost: x\r\n${Array.from({ length: 101 }, (_, i) => `H${i}: x\r\n`).join('')}\r\n`, 431],
    'NUL in a header': ['GET /healthz HTTP/1.1\r\nHost: x\r\nA: b\u0000c\r\n\r\n', 400],
  };
  for (const [what, [text, status]] of Object.entries(requests)) {
    test(`HTTP with ${what} is answered with ${status} and closed`, async () => {
      const answer = await bytes(text);
      assert.match(answer, new RegExp(`^HTTP/1\\.1 ${status} `), answer.slice(0, 200));
    });
  }

  test('pipelined requests are answered in order', async () => {
    const answer = await bytes('GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nGET /no-such HTTP/1.1\r\nHost: x\r\n\r\nGET /readyz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n');
    const statuses = [...answer.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map((match) => match[1]);
    assert.deepEqual(statuses, ['200', '404', '200']);
  });

  test('an upgrade without a key or with another version is refused', async () => {
    const upgrade = { Connection: 'Upgrade', Upgrade: 'websocket' };
    for (const headers of [{ 'Sec-WebSocket-Version': '13' }, { 'Sec-WebSocket-Version': '8', 'Sec-WebSocket-Key': 'AAECAwQFBgcICQoLDA0ODw==' }]) {
      const answer = await chatd.rest('GET', '/socket.io/?EIO=4&transport=websocket', { headers: { ...upgrade, ...headers } });
      assert.ok([400, 426].includes(answer.status), String(answer.status));
    }
  });

  test('no token, key or password of these tests is in the log', async () => {
    const log = chatd.readLog();
    assert.ok(log.length > 0);
    assert.ok(!log.includes(pair.a.token));
    assert.ok(!log.includes('ck_'));
  });
});
