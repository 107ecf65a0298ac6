// Thousands of connections that send one byte of a request head a second. They must hold nothing that others need: a new client is
// served at once all the while, no thread is spent on them, and each is ended at the header deadline.
import net from 'node:net';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';
import { kib, residentBytes, threadCount } from './process.mjs';
import { FULL, run } from './report.mjs';

const COUNT = FULL ? 5000 : 300;
const ROUNDS = 5; // bytes a connection sends, one a second
const AT_ONCE_MS = 1000; // "at once", with everything else that this machine does meanwhile
const HEADER_DEADLINE_MS = 10_000;

await run(async (report) => {
  const chatd = await Chatd.start({ purpose: 'headers' });
  const slow = [];
  let ended = 0;
  try {
    const app = await TestApp.create(chatd);
    const { a, room } = await app.pair();
    const before = { rss: residentBytes(chatd.pid), threads: threadCount(chatd.pid) };
    const started = Date.now();
    for (let i = 0; i < COUNT; ++i) {
      const socket = net.connect(chatd.port, chatd.host);
      socket.on('error', () => {});
      socket.on('close', () => { ended += 1; });
      socket.resume(); // else Node would not notice the end
      slow.push(socket);
      if (i % 200 === 199) await new Promise((next) => setImmediate(next));
    }
    await until(`${COUNT} connections`, () => slow.every((socket) => !socket.connecting), 60_000);

    let worst = 0;
    const head = 'GET /healthz HTTP/1.1\r\n';
    for (let round = 0; round < ROUNDS; ++round) {
      const roundEnds = Date.now() + 1000;
      for (const socket of slow) if (socket.writable) socket.write(head[round]);
      const asked = Date.now();
      const answer = await chatd.rest('GET', '/healthz');
      const client = await ChatClient.join(chatd.url, a.token, room.room);
      const sent = await client.ask('send_message', `round ${round}`);
      client.close();
      worst = Math.max(worst, Date.now() - asked);
      if (answer.status !== 200 || !sent.ok) report.check(`round ${round} is served`, false);
      await until('the second is over', () => Date.now() >= roundEnds);
    }
    const held = slow.length - ended;
    report.check(`beside ${COUNT} slow connections a new client is served at once`, worst < AT_ONCE_MS, `worst ${worst} ms for health, connect, join and send`);
    report.check('they are still there meanwhile', held === COUNT || Date.now() - started > HEADER_DEADLINE_MS, `${held} of ${COUNT}`);
    report.check('no thread is spent on them', threadCount(chatd.pid) === before.threads, `${before.threads} threads before, ${threadCount(chatd.pid)} now`);
    report.note(`${kib((residentBytes(chatd.pid) - before.rss) / COUNT)} of resident memory each`);
    await until('all are ended at the header deadline', () => ended === COUNT, 2 * HEADER_DEADLINE_MS + 30_000);
    report.check('each is ended at the header deadline', ended === COUNT, `after ${((Date.now() - started) / 1000).toFixed(1)} s`);
    report.check('the daemon goes on', (await chatd.rest('GET', '/healthz')).status === 200);
  } finally {
    slow.forEach((socket) => socket.destroy());
    await chatd.stop();
  }
});
