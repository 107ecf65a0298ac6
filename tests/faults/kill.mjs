// kill -9 in the middle of sending, again and again on the same data: chatd on SQLite, chatd on PostgreSQL, and PostgreSQL under
// chatd. What was ever acknowledged must be in the history once, each sender's order kept, seq 1, 2, 3 … without a gap; what was
// refused must not be there; what stayed unknown is sent again under its clientMsgId, as a client would, and is there once.
import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { Postgres, postgresPrograms } from '../support/postgres.mjs';
import { until } from '../support/wait.mjs';
import { FULL, run } from './report.mjs';
import { checkAll, judge, Ledger, Sender, settleUnanswered, wholeHistory } from './senders.mjs';

const KILLS = FULL ? 100 : 10;
const SENDERS = 64;
const ROOMS = 8;
const ACKS_BEFORE_KILL = [50, 250]; // a random number between them
// Short, so that a server that restarts is away for longer than a write is tried.
const TIMEOUT_MS = 300;

const CASES = [
  { store: 'sqlite', victim: 'chatd' },
  { store: 'postgresql', victim: 'chatd' },
  { store: 'postgresql', victim: 'postgres' },
];

/** Listens in a room for as long as one chatd runs: seq must rise by one. */
class Listener {
  async open(url, user, room) {
    this.client = await ChatClient.join(url, user.token, room);
    this.from = this.client.mark();
  }

  gaps() {
    const seqs = this.client.events.slice(this.from).filter((event) => event.name === 'message').map((event) => event.args[0].seq);
    return seqs.filter((seq, i) => i > 0 && seq !== seqs[i - 1] + 1).length;
  }
}

async function rounds(report, what, { chatd, postgres, app, senders, rooms, ledger, victim }) {
  const listeners = rooms.map(() => new Listener());
  const listen = () => Promise.all(listeners.map((listener, i) => listener.open(chatd.url, senders[i].user, senders[i].room)));
  const talk = () => Promise.all(senders.map((sender) => sender.talk(chatd.url)));
  let unheard = 0;
  await listen();
  await talk();
  for (let kill = 1; kill <= KILLS; ++kill) {
    const [least, most] = ACKS_BEFORE_KILL;
    const target = ledger.acked.size + least + Math.floor(Math.random() * (most - least));
    await until(`${target} acknowledgements`, () => ledger.acked.size >= target, 60_000);
    if (victim === 'chatd') {
      await chatd.kill9();
      await Promise.all(senders.map((sender) => sender.silenced()));
      for (const listener of listeners) {
        unheard += listener.gaps();
        listener.client.close();
      }
      await chatd.launch();
      if (kill < KILLS) {
        await listen();
        await talk();
      }
    } else {
      await postgres.kill9();
      // Long enough for some to be told that the outcome is unknown.
      const before = ledger.unknown.size + ledger.refused.size;
      await until('somebody was told of the outage', () => ledger.unknown.size + ledger.refused.size > before, 30_000);
      await postgres.launch();
    }
    if (FULL && kill % 10 === 0) report.note(`${what}: kill ${kill}, acked ${ledger.acked.size}, unknown ${ledger.unknown.size}`);
  }
  if (victim === 'postgres') {
    await until('writes go on', () => ledger.acked.size > 0 && chatd.rest('GET', '/readyz').then(({ status }) => status === 200), 30_000);
    await Promise.all(senders.map((sender) => sender.stop()));
    for (const listener of listeners) {
      report.check(`${what}: a listener stayed connected throughout`, listener.client.disconnects.length === 0);
    }
  }
  await settleUnanswered(chatd.url, senders);
  if (victim === 'postgres') {
    const last = await Promise.all(rooms.map((room) => app.rest('GET', `/chats/${room.id}/messages?limit=1`).then(({ body }) => body.items[0].seq)));
    await until('listeners have all', () => listeners.every((listener, i) => listener.client.all('message').some((message) => message.seq === last[i])), 10_000);
    for (const listener of listeners) {
      unheard += listener.gaps();
      listener.client.close();
    }
  }
  const histories = await Promise.all(rooms.map((room) => wholeHistory(app, room.id)));
  const count = judge(histories, ledger);
  checkAll(report, what, count, ledger);
  report.check(`${what}: live sessions saw every seq once and in order`, unheard === 0, `${unheard} breaks`);
  report.check(`${what}: some outcomes were unknown, or this proves nothing`, count.unknown > 0);
}

async function one(report, { store, victim }) {
  const what = `${KILLS} × kill -9 ${victim} on ${store}`;
  const folder = temporaryFolder('kill');
  let postgres;
  let chatd;
  try {
    const env = { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' };
    if (store === 'postgresql') {
      postgres = await Postgres.start(folder);
      env.CHATD_STORE__URL = postgres.url;
    }
    if (victim === 'postgres') env.CHATD_STORE__TIMEOUT_MS = String(TIMEOUT_MS);
    chatd = await Chatd.start({ env, purpose: 'kill' });
    const app = await TestApp.create(chatd);
    const ledger = new Ledger();
    const names = Array.from({ length: SENDERS }, (_, i) => `sender-${i}`);
    const users = [];
    for (const name of names) users.push(await app.user(name));
    const rooms = [];
    for (let i = 0; i < ROOMS; ++i) rooms.push(await app.room(`room-${i}`, 'group', names.filter((_, n) => n % ROOMS === i)));
    const senders = names.map((name, i) => new Sender(name, users[i], `room-${i % ROOMS}`, ledger));
    await rounds(report, what, { chatd, postgres, app, senders, rooms, ledger, victim });
  } finally {
    if (chatd) await chatd.stop();
    if (postgres) await postgres.stop();
    removeFolder(folder);
  }
}

await run(async (report) => {
  for (const each of CASES) {
    if (each.store === 'postgresql' && !postgresPrograms()) {
      report.skip(`kill -9 ${each.victim} on postgresql: PostgreSQL is not installed`);
      continue;
    }
    const begin = Date.now();
    await one(report, each);
    report.note(`${((Date.now() - begin) / 1000).toFixed(1)} s`);
  }
});
