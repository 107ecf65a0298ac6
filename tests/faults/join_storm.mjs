// Many sessions join one room within a second. Nobody is closed, everybody ends up with the same newest roomData, and the daemon
// does not write a list to everyone for every join: how many roomData and bytes it took is told.
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';
import { LightSession } from './light_session.mjs';
import { mib, peakDuring, residentBytes } from './process.mjs';
import { FULL, run } from './report.mjs';

const COUNT = FULL ? 1000 : 200;
const SESSIONS_PER_USER = 20;
const COALESCE_MS = 250; // at most one roomData a room in this time (CONTRACT 3.1)
const QUIET_MS = 4 * COALESCE_MS;

await run(async (report) => {
  const chatd = await Chatd.start({ purpose: 'storm' });
  const sessions = [];
  try {
    const app = await TestApp.create(chatd);
    const names = Array.from({ length: COUNT / SESSIONS_PER_USER }, (_, i) => `user-${i}`);
    const users = [];
    for (const name of names) users.push(await app.user(name));
    await app.room('square', 'group', names);
    let lastData = 0;
    for (let i = 0; i < COUNT; ++i) {
      const session = new LightSession(chatd, users[i % users.length].token);
      session.roomData = 0;
      session.onPacket = (packet) => {
        if (packet.startsWith('430[')) {
          session.joined = packet.includes('"ok":true');
        } else if (packet.startsWith('42["roomData"')) {
          session.roomData += 1;
          session.newest = packet;
          lastData = Date.now();
        }
      };
      sessions.push(session);
    }
    await until('all are connected', () => sessions.every((session) => session.connected || session.gone), 60_000);
    const before = { bytes: sessions.reduce((sum, session) => sum + session.bytesRead, 0), rss: residentBytes(chatd.pid) };

    const started = Date.now();
    sessions.forEach((session) => session.send('420["join","square"]'));
    const asked = Date.now() - started;
    const { peak } = await peakDuring(chatd.pid, async () => {
      await until('all have joined', () => sessions.every((session) => session.joined || session.gone), 60_000);
      await until('roomData has come to rest', () => lastData > 0 && Date.now() - lastData > QUIET_MS, 60_000);
    });
    const took = lastData - started;
    const told = sessions.reduce((sum, session) => sum + session.roomData, 0);
    const bytes = sessions.reduce((sum, session) => sum + session.bytesRead, 0) - before.bytes;
    const gone = sessions.filter((session) => session.gone).length;
    report.note(`${COUNT} joins sent in ${asked} ms, at rest after ${took} ms; ${told} roomData, ${mib(bytes)} in all; resident memory ${mib(before.rss)} before, ${mib(peak)} at most`);
    report.check('the joins were sent within a second', asked < 1000, `${asked} ms`);
    report.check('nobody was closed', gone === 0, `${gone} gone`);
    report.check('everybody has joined', sessions.every((session) => session.joined));
    const newest = new Set(sessions.map((session) => session.newest?.replace(/"users":\[.*\]/, '')));
    const counts = new Set(sessions.map((session) => {
      const [, data] = JSON.parse(session.newest.slice(2));
      return data.total ?? data.users.length;
    }));
    report.check('everybody ends with the newest state', newest.size === 1 && counts.size === 1 && counts.has(COUNT), [...counts].join());
    // One for the join itself, then one for each interval that passed, and the last one.
    const most = COUNT * (Math.ceil(took / COALESCE_MS) + 2);
    report.check('roomData is coalesced', told <= most, `${told} told, at most ${most}; ${COUNT * COUNT} without`);
  } finally {
    sessions.forEach((session) => session.destroy());
    await chatd.stop();
  }
});
