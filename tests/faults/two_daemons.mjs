// Two daemons on one PostgreSQL, writers in the same rooms through both, while one of them is stopped (SIGSTOP) at any moment for
// three seconds, with whatever it has open in the database. Nothing is doubled, no seq is missing, and rooms that the other daemon
// serves go on.

import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { Postgres, postgresPrograms } from '../support/postgres.mjs';
import { FULL, run } from './report.mjs';
import { checkAll, judge, Ledger, wholeHistory } from './senders.mjs';

const ROUNDS = FULL ? 20 : 3;
const FROZEN_MS = 3_000;
const BETWEEN_MS = [100, 600];
const WRITERS = 8;
const SHARED_ROOMS = 3;
const SLOWEST_ELSEWHERE_MS = 1_500; // this machine may be busy; unaffected it is a few ms

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** Writes one after the other, by turns through the daemons that it was given, and repeats until it knows. */
async function write(over, { app, room, name, daemons, ledger, times }) {
  for (let number = 1; !over(); ++number) {
    const text = `${name}@${room.id}:${number}`;
    for (let attempt = number; ; ++attempt) {
      const begin = Date.now();
      const { status, body } = await daemons[attempt % daemons.length].rest('POST', `/chats/${room.id}/messages`, {
        token: app.key, body: { text, clientMsgId: text, appUserId: name },
      });
      times?.push(Date.now() - begin);
      if (status < 300) {
        ledger.acknowledged(text, body);
        break;
      }
      if (body.code === 'outcome_unknown') ledger.unknown.add(text);
      else if (!['store_unavailable', 'busy', 'access_changed'].includes(body.code)) {
        ledger.faults.push(`${status} ${body.code}`);
        break;
      }
      await pause(20);
    }
  }
}

/** Jobs that hold locks over several round trips: what a daemon can be stopped in the middle of. */
async function stir(over, { app, room, daemon }) {
  for (let i = 0; !over(); ++i) {
    await daemon.rest('PUT', i % 2 === 0 ? '/room/remove' : '/room/add', { token: app.key, body: { room: room.room, users: ['guest'] } });
    await pause(10);
  }
}

await run(async (report) => {
  if (!postgresPrograms()) return report.skip('two daemons: PostgreSQL is not installed');
  const folder = temporaryFolder('two');
  const postgres = await Postgres.start(folder);
  const daemons = [];
  try {
    const env = { CHATD_STORE__URL: postgres.url, CHATD_LIMITS__MESSAGES_PER_SECOND: '0' };
    daemons.push(...await Promise.all([0, 1].map(() => Chatd.start({ env, purpose: 'two' }))));
    const app = await TestApp.create(daemons[0]);
    const names = Array.from({ length: WRITERS }, (_, i) => `writer-${i}`);
    for (const name of [...names, 'guest']) await app.user(name);
    const shared = [];
    for (let i = 0; i < SHARED_ROOMS; ++i) shared.push(await app.room(`shared-${i}`, 'group', [...names, 'guest']));
    const own = await app.room('own', 'group', names);
    const ledger = new Ledger();
    const times = [];
    let stop = false;
    const over = () => stop;
    const working = [
      ...names.map((name, i) => write(over, { app, room: shared[i % SHARED_ROOMS], name, daemons: [daemons[i % 2], daemons[(i + 1) % 2]], ledger })),
      write(over, { app, room: own, name: names[0], daemons: [daemons[1]], ledger, times }),
      stir(over, { app, room: shared[0], daemon: daemons[0] }),
    ];
    for (let round = 0; round < ROUNDS; ++round) {
      const [least, most] = BETWEEN_MS;
      await pause(least + Math.random() * (most - least));
      daemons[0].signal('SIGSTOP');
      await pause(FROZEN_MS);
      daemons[0].signal('SIGCONT');
    }
    stop = true;
    await Promise.all(working);
    const histories = await Promise.all([...shared, own].map((room) => wholeHistory(app, room.id)));
    const count = judge(histories, ledger);
    checkAll(report, `${ROUNDS} × one of two daemons stopped for ${FROZEN_MS} ms`, count, ledger);
    report.note(`another room: ${times.length} sends, slowest ${Math.max(...times)} ms`);
    report.check('rooms of the other daemon went on', Math.max(...times) < SLOWEST_ELSEWHERE_MS, `${Math.max(...times)} ms`);
  } finally {
    for (const daemon of daemons) {
      daemon.signal('SIGCONT');
      await daemon.stop();
    }
    await postgres.stop();
    removeFolder(folder);
  }
});
