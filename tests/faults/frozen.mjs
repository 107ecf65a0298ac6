// A PostgreSQL that stops in its tracks (SIGSTOP: its connections stay open and nothing answers), one without a connection to
// spare, and one that ends connections: senders are answered in time, sessions stay, typing goes on, everything resumes alone,
// and what stayed unknown is one message once it is sent again.
import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { Postgres, postgresPrograms } from '../support/postgres.mjs';
import { until } from '../support/wait.mjs';
import { FULL, run } from './report.mjs';
import { checkAll, judge, Ledger, wholeHistory } from './senders.mjs';

const FROZEN_MS = FULL ? 20_000 : 4_000;
const TIMEOUT_MS = FULL ? 5_000 : 1_000;
const SLACK_MS = 1_500; // this machine may be busy
const ENDED = FULL ? 100 : 20; // connections ended
const CLIENTS = 8;
const ROOM = 'cold';
const MAX_CONNECTIONS = 20;

async function ready(chatd) {
  return (await chatd.rest('GET', '/readyz')).status === 200;
}

class Talker {
  constructor(client, name, ledger) {
    Object.assign(this, { client, name, ledger, next: 1, slowest: 0 });
  }

  /** Sends one; answers its code, 'ok' if it is stored. */
  async say(text = `${this.name}:${this.next++}`) {
    const begin = Date.now();
    const answer = await this.client.socket.emitWithAck('send_message', { text, clientMsgId: text });
    this.slowest = Math.max(this.slowest, Date.now() - begin);
    if (answer.ok) this.ledger.acknowledged(text, answer.message);
    else if (answer.code === 'outcome_unknown') this.ledger.unknown.add(text);
    else if (answer.code !== 'store_unavailable') this.ledger.faults.push(`${text}: ${answer.code}`);
    else if (!this.ledger.unknown.has(text)) this.ledger.refused.add(text);
    return answer.ok ? 'ok' : answer.code;
  }

  /** Sends for ever, one after the other. */
  async sayUntil(over) {
    const codes = {};
    while (!over()) {
      const code = await this.say();
      codes[code] = (codes[code] ?? 0) + 1;
    }
    return codes;
  }
}

async function freeze(report, { chatd, postgres, talkers, ledger }) {
  const [first, second] = talkers;
  let over = false;
  for (const talker of talkers) talker.slowest = 0;
  postgres.freeze();
  const frozenAt = Date.now();
  let typed = 0;
  try {
    const talking = talkers.slice(2).map((talker) => talker.sayUntil(() => over));
    for (const each of talking) each.catch(() => {}); // a fault below ends them too, and is the one to be told of
    while (Date.now() - frozenAt < FROZEN_MS) {
      const mark = second.client.mark();
      first.client.emit('typing', typed % 2 === 0);
      await second.client.next('is_typing', () => true, { after: mark, patience: SLACK_MS });
      typed += 1;
    }
    report.check('readyz says that the store is away', !await ready(chatd));
    over = true;
    const codes = (await Promise.all(talking)).reduce((sum, each) => {
      for (const [code, count] of Object.entries(each)) sum[code] = (sum[code] ?? 0) + count;
      return sum;
    }, {});
    report.note(`frozen for ${FROZEN_MS} ms: ${JSON.stringify(codes)}, slowest answer ${Math.max(...talkers.map((talker) => talker.slowest))} ms, typed ${typed} times`);
    report.check('every sender was answered within its deadline', talkers.every((talker) => talker.slowest < TIMEOUT_MS + SLACK_MS));
    report.check('some outcomes were unknown, or this proves nothing', ledger.unknown.size > 0);
  } finally {
    postgres.thaw();
  }
  const thawedAt = Date.now();
  await until('ready again', () => ready(chatd), 15_000);
  report.note(`ready ${Date.now() - thawedAt} ms after it goes on`);
  for (const text of [...ledger.unknown]) {
    const talker = talkers.find((each) => text.startsWith(`${each.name}:`));
    await until(`${text} is known`, async () => await talker.say(text) === 'ok', 15_000);
  }
}

async function endConnections(report, { postgres, talkers, ledger }) {
  let over = false;
  const talking = talkers.map((talker) => talker.sayUntil(() => over));
  for (let i = 0; i < ENDED; ++i) {
    postgres.sql("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'chatd%'");
    const before = ledger.acked.size;
    await until('sends go on', () => ledger.acked.size > before, 15_000);
  }
  over = true;
  const codes = await Promise.all(talking);
  report.note(`${ENDED} × all connections ended: ${JSON.stringify(codes[0])}`);
  report.check('connections that the server ended cost nobody a message', codes.every((each) => Object.keys(each).join() === 'ok'), JSON.stringify(codes));
}

async function exhaust(report, { chatd, postgres, talkers }) {
  const { default: pg } = await import('pg');
  const hogs = [];
  const hog = async () => {
    const client = new pg.Client({ connectionString: postgres.url });
    client.on('error', () => {});
    await client.connect();
    hogs.push(client);
  };
  const fill = async () => {
    for (;;) {
      try {
        await hog();
      } catch (error) {
        return error.message;
      }
    }
  };
  const said = await fill();
  report.check('the server has no connection left', /too many clients|remaining connection slots/.test(said), said);
  report.check('chatd goes on with those that it has', await talkers[0].say() === 'ok');
  // Its own are taken from it, and by us: from now on it has none.
  await hogs[0].query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'chatd%'");
  const codes = new Set();
  await until('it is refused', async () => {
    await fill();
    codes.add(await talkers[0].say());
    return codes.has('store_unavailable') || codes.has('outcome_unknown');
  }, 30_000);
  report.check('without a connection a sender is told 503 codes', ![...codes].some((code) => !['ok', 'store_unavailable', 'outcome_unknown'].includes(code)), [...codes].join());
  for (const client of hogs) await client.end();
  await until('ready again', () => ready(chatd), 15_000);
  report.check('it resumes alone', await talkers[0].say() === 'ok');
}

await run(async (report) => {
  if (!postgresPrograms()) return report.skip('a frozen PostgreSQL: it is not installed');
  const folder = temporaryFolder('frozen');
  const postgres = await Postgres.start(folder, { max_connections: MAX_CONNECTIONS, superuser_reserved_connections: 0 });
  let chatd;
  try {
    chatd = await Chatd.start({ env: { CHATD_STORE__URL: postgres.url, CHATD_STORE__TIMEOUT_MS: String(TIMEOUT_MS), CHATD_LIMITS__MESSAGES_PER_SECOND: '0' }, purpose: 'frozen' });
    const app = await TestApp.create(chatd);
    const ledger = new Ledger();
    const names = Array.from({ length: CLIENTS }, (_, i) => `talker-${i}`);
    const users = [];
    for (const name of names) users.push(await app.user(name));
    const room = await app.room(ROOM, 'group', names);
    const talkers = [];
    for (const [i, name] of names.entries()) talkers.push(new Talker(await ChatClient.join(chatd.url, users[i].token, ROOM), name, ledger));
    await freeze(report, { chatd, postgres, talkers, ledger });
    await endConnections(report, { postgres, talkers, ledger });
    await exhaust(report, { chatd, postgres, talkers });
    for (const text of ledger.unknown) await until(`${text} is known`, async () => await talkers.find((each) => text.startsWith(`${each.name}:`)).say(text) === 'ok', 15_000);
    report.check('every session stayed connected', talkers.every((talker) => talker.client.disconnects.length === 0));
    // A sender here goes on while an earlier one of its own is unknown, so only its own order of answers is known.
    const count = judge([await wholeHistory(app, room.id)], ledger);
    checkAll(report, 'frozen, ended, exhausted', count, ledger);
    const lines = chatd.readLog().split('\n').filter((line) => / area=store /.test(line));
    report.check('an outage is a few lines of log', lines.length > 0 && lines.length < 60, `${lines.length} lines`);
    for (const talker of talkers) talker.client.close();
  } finally {
    if (chatd) await chatd.stop();
    await postgres.stop();
    removeFolder(folder);
  }
});
