// What permessage-deflate and long-polling cost the daemon and the wire, beside a plain WebSocket: one room, MEMBERS listeners,
// texts of several sizes, a message at a time. Prints deliveries per CPU second of the server and bytes a delivery, with the heads
// of polling. Run: node tests/bench/wires.mjs [MEMBERS]
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';

import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

const MEMBERS = Number(process.argv[2] ?? 200);
const MESSAGES = 200;
const TICKS_A_SECOND = 100; // CLK_TCK of Linux
const WORDS = 'the order is on its way and should arrive you can track it with number we have sent by mail please let us know '
  .split(' ');

function cpuSeconds(pid) {
  const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').split(') ')[1].split(' ');
  return (Number(fields[11]) + Number(fields[12])) / TICKS_A_SECOND;
}

function words(size) {
  let [text, x] = ['', 42];
  while (text.length < size) {
    x = (x * 1664525 + 1013904223) >>> 0;
    text += `${x % 9 === 0 ? x % 100000 : WORDS[(x >>> 8) % WORDS.length]} `;
  }
  return text.slice(0, size);
}

/** A short masked frame; the mask is zero. */
function frame(text) {
  const payload = Buffer.from(text);
  const long = payload.length > 125;
  const head = Buffer.from([0x81, 0x80 | (long ? 126 : payload.length), ...(long ? [payload.length >> 8, payload.length & 0xff] : []), 0, 0, 0, 0]);
  return Buffer.concat([head, payload]);
}

/** A listener that counts bytes and frames and looks at nothing else, so that it costs as little as it can. */
class Listener {
  constructor(chatd, token, room, deflate) {
    Object.assign(this, { room, bytes: 0, data: Buffer.alloc(0), packets: 0, open: false });
    this.socket = net.connect(chatd.port, chatd.host);
    this.socket.write(`GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
      + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
      + `${deflate ? 'Sec-WebSocket-Extensions: permessage-deflate\r\n' : ''}\r\n`);
    this.socket.write(frame(`40${JSON.stringify({ token })}`));
    this.socket.on('data', (part) => this.take(part));
    this.socket.on('close', () => { if (!this.ended) throw new Error('a listener was closed'); });
  }

  take(part) {
    this.bytes += part.length;
    this.data = this.data.length === 0 ? part : Buffer.concat([this.data, part]);
    if (!this.open) {
      const end = this.data.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.open = true;
      this.data = this.data.subarray(end + 4);
    }
    for (;;) {
      if (this.data.length < 2) return;
      const short = this.data[1] & 0x7f;
      const head = short === 127 ? 10 : short === 126 ? 4 : 2;
      if (this.data.length < head) return;
      const size = short === 127 ? Number(this.data.readBigUInt64BE(2)) : short === 126 ? this.data.readUInt16BE(2) : short;
      if (this.data.length < head + size) return;
      this.packets += 1;
      if (this.packets === 2) this.socket.write(frame(`421["join","${this.room}"]`)); // behind the answer to CONNECT
      this.data = this.data.subarray(head + size);
    }
  }

  close() {
    this.ended = true;
    this.socket.destroy();
  }
}

/** The same over long-polling: one GET after the other on a connection of its own, POSTs on another. */
class PollingListener {
  constructor(chatd, token, room) {
    Object.assign(this, { chatd, room, packets: 0, path: '/socket.io/?EIO=4&transport=polling' });
    this.agent = new http.Agent({ keepAlive: true });
    this.run(token).catch((error) => { if (!this.ended) throw error; });
  }

  get bytes() { return Object.values(this.agent.sockets).concat(Object.values(this.agent.freeSockets)).flat().reduce((sum, one) => sum + one.bytesRead, 0); }

  request(method, body) {
    return new Promise((resolve, reject) => {
      const { host, port } = this.chatd;
      const request = http.request({ host, port, path: this.path, method, agent: this.agent }, (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (part) => { text += part; }).on('end', () => resolve(text));
      });
      request.on('error', reject);
      request.end(body);
    });
  }

  async run(token) {
    const open = await this.request('GET');
    this.packets = 1;
    this.path += `&sid=${JSON.parse(open.slice(1)).sid}`;
    await this.request('POST', `40${JSON.stringify({ token })}`);
    while (!this.ended) {
      for (const packet of (await this.request('GET')).split('\x1e')) {
        if (packet === '2') await this.request('POST', '3');
        else if (++this.packets === 2) await this.request('POST', `421["join","${this.room}"]`);
      }
    }
  }

  close() {
    this.ended = true;
    this.agent.destroy();
  }
}

async function measure(wire, size) {
  const deflate = wire === 'deflate';
  const chatd = await Chatd.start({
    purpose: 'bench',
    env: { CHATD_ENGINE__DEFLATE: String(deflate), CHATD_LIMITS__MESSAGES_PER_SECOND: '0', CHATD_LIMITS__SESSIONS_PER_USER: '10000',
      CHATD_LIMITS__MESSAGE_BYTES: '65536', CHATD_LOG__LEVEL: 'error' },
  });
  try {
    const app = await TestApp.create(chatd);
    const user = await app.user(1);
    await app.user(2);
    await app.room('hall', 'group', [1, 2]);
    const listeners = Array.from({ length: MEMBERS }, () => (wire === 'polling'
      ? new PollingListener(chatd, user.token, 'hall') : new Listener(chatd, user.token, 'hall', deflate)));
    await until('all have joined and all rosters are told', () => listeners.every((one) => one.packets >= 6), 60_000);
    await new Promise((resolve) => setTimeout(resolve, 1000)); // the rosters, coalesced, have come to rest
    const before = { cpu: cpuSeconds(chatd.pid), bytes: listeners.reduce((sum, one) => sum + one.bytes, 0) };
    const start = listeners.map((one) => one.packets);
    const text = words(size);
    for (let i = 0; i < MESSAGES; ++i) {
      await app.must('POST', '/chats/hall/messages', { appUserId: 2, text });
      await until('delivered', () => listeners.every((one, k) => one.packets > start[k] + i), 60_000);
    }
    const deliveries = MESSAGES * MEMBERS;
    const cpu = cpuSeconds(chatd.pid) - before.cpu;
    const bytes = listeners.reduce((sum, one) => sum + one.bytes, 0) - before.bytes;
    for (const one of listeners) one.close();
    return { size, wire, perCpuSecond: Math.round(deliveries / cpu), bytesADelivery: Math.round(bytes / deliveries) };
  } finally {
    await chatd.stop();
  }
}

for (const size of [512, 2048, 16_000]) {
  for (const wire of ['websocket', 'deflate', 'polling']) console.log(JSON.stringify(await measure(wire, size)));
}
