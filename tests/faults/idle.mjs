// Idle sessions by the thousand: all are held over several pings, what one costs is told, and the daemon serves beside them.
import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';
import { LightSession } from './light_session.mjs';
import { kib, residentBytes, threadCount } from './process.mjs';
import { FULL, run } from './report.mjs';

const COUNT = FULL ? 10_000 : 1000;
const SESSIONS_PER_USER = 20;
const AT_ONCE = 100;
const PING_MS = 2000;

await run(async (report) => {
  // Short pings: three of them pass while the sessions idle, so a session that is held has proven to be alive.
  const chatd = await Chatd.start({ env: { CHATD_ENGINE__PING_INTERVAL_MS: String(PING_MS) }, purpose: 'idle' });
  const sessions = [];
  try {
    const app = await TestApp.create(chatd);
    const { a, room } = await app.pair();
    const users = [];
    for (let i = 0; i < COUNT / SESSIONS_PER_USER; ++i) users.push(await app.user(`idle-${i}`));
    const before = { rss: residentBytes(chatd.pid), threads: threadCount(chatd.pid) };
    const started = Date.now();
    for (let i = 0; i < COUNT; i += AT_ONCE) {
      const group = Array.from({ length: Math.min(AT_ONCE, COUNT - i) }, (_, k) => new LightSession(chatd, users[Math.floor((i + k) / SESSIONS_PER_USER)].token));
      sessions.push(...group);
      await until('a group has connected', () => group.every((session) => session.connected || session.gone), 60_000);
    }
    const held = sessions.filter((session) => session.connected && !session.gone).length;
    report.check(`${COUNT} sessions connect`, held === COUNT, `${held} in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    const quietUntil = Date.now() + 3 * PING_MS;
    await until('three pings', () => Date.now() > quietUntil, 4 * PING_MS);
    const still = sessions.filter((session) => !session.gone).length;
    report.check('all are held over three pings', still === COUNT, `${still}`);
    report.note(`${kib((residentBytes(chatd.pid) - before.rss) / COUNT)} of resident memory a session`);
    report.check('no thread is spent on them', threadCount(chatd.pid) === before.threads, `${before.threads} before, ${threadCount(chatd.pid)} now`);
    const asked = Date.now();
    const client = await ChatClient.join(chatd.url, a.token, room.room);
    const answer = await client.ask('send_message', 'among the idle');
    client.close();
    report.check('a new client is served', answer.ok, `${Date.now() - asked} ms`);
  } finally {
    sessions.forEach((session) => session.destroy());
    await chatd.stop();
  }
});
