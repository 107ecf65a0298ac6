// Backups of PostgreSQL and moves between the databases: everything arrives, a copy that was killed goes on, no password is shown.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { CHATCTL, Chatd, cleanEnvironment, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { Postgres } from '../support/postgres.mjs';
import { run } from '../support/run.mjs';
import { within } from '../support/wait.mjs';

const MESSAGES = 100_000;

describe('copies of PostgreSQL', () => {
  let folder;
  let postgres;
  let count = 0;
  const chatctl = (env, ...words) => run(CHATCTL, words, { env: { XDG_CONFIG_HOME: folder, ...env } });

  before(async () => {
    folder = temporaryFolder('copies');
    postgres = await Postgres.start(folder);
  });
  after(async () => {
    await postgres?.stop();
    removeFolder(folder);
  });

  /** A daemon on a data directory of its own, and on `url` if one is given, for the time of `use`. */
  async function daemon(dataDir, url, use) {
    const chatd = new Chatd();
    const env = url ? { CHATD_STORE__URL: url } : {};
    Object.assign(chatd, { folder, dataDir, env, args: [], wrap: [], port: 0, host: '127.0.0.1' });
    Object.assign(chatd, { log: join(folder, 'log'), out: join(folder, 'out') });
    await chatd.launch();
    try {
      return await use(chatd);
    } finally {
      await chatd.terminate();
    }
  }
  const place = (name) => join(folder, `${name}-${(count += 1)}`);

  async function scene(chatd, messages) {
    const app = await TestApp.create(chatd);
    const user = await app.user('u1');
    const room = await app.room('hall', 'group', ['u1']);
    const say = (rest, text) => rest('POST', `/chats/${room.id}/messages`, { token: app.key, body: { text, clientMsgId: text, appUserId: 'u1' } });
    const on = (other) => other.rest.bind(other);
    for (let i = 1; i <= messages; i += 1) assert.equal((await say(on(chatd), `said ${i} "\\ 😀`)).status, 201);
    return { app, user, room, say, on };
  }

  /** What a client sees of the store, to be compared. */
  async function view(chatd, { app, room }) {
    const { body } = await chatd.rest('GET', `/chats/${room.id}/messages?limit=100`, { token: app.key });
    const { body: rooms } = await chatd.rest('GET', '/room', { token: app.key });
    return { messages: body.items, rooms: rooms.items };
  }

  test('a backup of PostgreSQL restores into PostgreSQL and into SQLite', async () => {
    const data = place('pg');
    let scenery;
    let before;
    await daemon(data, postgres.create('backed'), async (chatd) => {
      scenery = await scene(chatd, 60);
      before = await view(chatd, scenery);
      const made = await chatctl({ CHATCTL_SERVER: `unix:${chatd.adminSocket}` }, 'backup', 'create', '--name', 'b', '-o', 'json');
      assert.equal(made.code, 0, made.err);
      assert.equal(JSON.parse(made.out).state, 'verified');
      // What comes behind the backup is not in it.
      await scenery.say(scenery.on(chatd), 'later');
    });
    const backup = join(data, 'backups', 'b');
    for (const url of [postgres.create('restored'), undefined]) {
      const other = place('restored');
      const done = await chatctl({ TO: url ?? '' }, 'backup', 'restore', backup, '--data-dir', other, '-o', 'json', ...(url ? ['--store', 'env:TO'] : []));
      assert.equal(done.code, 0, done.err);
      await daemon(other, url, async (chatd) => {
        assert.deepEqual(await view(chatd, scenery), before);
        const again = await scenery.say(scenery.on(chatd), 'said 7 "\\ 😀');
        assert.equal(again.body.duplicate, true);
        // The token of the user is registered still: the server key came along.
        const { status } = await chatd.rest('GET', '/room', { token: scenery.user.token });
        assert.equal(status, 200);
        assert.equal((await scenery.say(scenery.on(chatd), 'next')).body.seq, 61);
      });
      const twice = await chatctl({ TO: url ?? '' }, 'backup', 'restore', backup, '--data-dir', other, ...(url ? ['--store', 'env:TO'] : []));
      assert.equal(twice.code, 6, twice.err);
    }
    const text = readFileSync(backup, 'utf8');
    writeFileSync(`${backup}.bad`, text.replace('said 9', 'Said 9'), { mode: 0o600 });
    const bad = await chatctl({}, 'backup', 'verify', `${backup}.bad`);
    assert.equal(bad.code, 10);
    assert.match(bad.err, /content differs/);
    writeFileSync(`${backup}.cut`, text.slice(0, text.length / 2), { mode: 0o600 });
    assert.equal((await chatctl({}, 'backup', 'verify', `${backup}.cut`)).code, 10);
  });

  test('what a daemon serves is neither moved nor filled', async () => {
    const url = postgres.create('served');
    const filled = place('filled');
    const backup = await daemon(place('plain'), undefined, async (chatd) => {
      await scene(chatd, 3);
      const made = await chatctl({ CHATCTL_SERVER: `unix:${chatd.adminSocket}` }, 'backup', 'create', '--name', 'b');
      assert.equal(made.code, 0, made.err);
      return join(chatd.dataDir, 'backups', 'b');
    });
    await daemon(place('serving'), url, async (chatd) => {
      for (const words of [
        ['migrate-store', 'env:SERVED', `sqlite:${filled}`],
        ['backup', 'restore', backup, '--data-dir', place('restored'), '--store', 'env:SERVED'],
      ]) {
        const refused = await chatctl({ SERVED: url }, ...words);
        assert.equal(refused.code, 6, refused.err);
        assert.match(refused.err, /1 daemon serves the database .*Stop it first/);
      }
      await scene(chatd, 1);
    });
    const moved = await chatctl({ SERVED: url }, 'migrate-store', 'env:SERVED', `sqlite:${filled}`);
    assert.equal(moved.code, 0, moved.err);
  });

  async function killedAt(percent, env, from, to) {
    const child = spawn(CHATCTL, ['migrate-store', from, to],
      { stdio: ['ignore', 'ignore', 'pipe'], env: cleanEnvironment({ XDG_CONFIG_HOME: folder, ...env }) });
    let said = '';
    const ended = new Promise((done) => child.once('exit', (code, signal) => done({ code, signal })));
    child.stderr.on('data', (bytes) => {
      said += bytes;
      if (new RegExp(`copying ${percent}[0-9]%`).test(said)) child.kill('SIGKILL');
    });
    const { signal } = await within(ended, 'the copy ended', 120_000);
    assert.equal(signal, 'SIGKILL', said);
  }

  test(`${MESSAGES} messages move from SQLite to PostgreSQL and back, killed on the way, and nothing differs`, async () => {
    const data = place('lite');
    const scenery = await daemon(data, undefined, (chatd) => scene(chatd, 20));
    const rows = `WITH RECURSIVE n(i) AS (SELECT 21 UNION ALL SELECT i + 1 FROM n WHERE i < ${MESSAGES})
      INSERT INTO message (id, room_id, seq, sender_id, text, created_at, updated_at, rev, send_high, send_low)
      SELECT 1000000 + i, ${scenery.room.id}, i, 1, 'message number ' || i, i, i, 0, 0, 0 FROM n;
      UPDATE room_counter SET last_seq = ${MESSAGES} WHERE room_id = ${scenery.room.id};
      UPDATE id_block SET next = 9000000 WHERE name = 'message';`;
    const script = 'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.executescript(sys.argv[2]); d.close()';
    assert.equal((await run('python3', ['-c', script, join(data, 'chatd.db'), rows])).code, 0);
    const before = await daemon(data, undefined, (chatd) => view(chatd, scenery));

    postgres.sql("CREATE ROLE mover LOGIN SUPERUSER PASSWORD 's3cr3t/@?'");
    const url = postgres.create('moved').replace('bench@', `mover:${encodeURIComponent('s3cr3t/@?')}@`);
    const lite = `sqlite:${join(data, 'chatd.db')}`;
    const env = { TO: url };
    await killedAt(2, env, lite, 'env:TO');
    await killedAt(6, env, lite, 'env:TO');
    await assert.rejects(daemon(place('refused'), url, () => {}), /half of a copy/);
    const there = await chatctl(env, 'migrate-store', lite, 'env:TO', '-o', 'json');
    assert.equal(there.code, 0, there.err);
    assert.doesNotMatch(there.out + there.err, /s3cr3t/);
    assert.equal(JSON.parse(there.out).tables.message.rows, MESSAGES);

    const back = place('back');
    mkdirSync(back);
    const home = `sqlite:${join(back, 'chatd.db')}`;
    await killedAt(5, env, 'env:TO', home);
    const done = await chatctl(env, 'migrate-store', 'env:TO', home, '-o', 'json');
    assert.equal(done.code, 0, done.err);
    assert.deepEqual(JSON.parse(done.out).tables, JSON.parse(there.out).tables);
    for (const [where, store] of [[data, url], [back, undefined]]) {
      await daemon(where, store, async (chatd) => {
        assert.deepEqual(await view(chatd, scenery), before);
        const next = await scenery.say(scenery.on(chatd), 'next');
        assert.equal(next.body.seq, MESSAGES + 1);
        assert.ok(next.body.id >= 9_000_000);
      });
    }
  });

  test('a target that was changed meanwhile is told, and stays half of a copy', async () => {
    const data = place('small');
    await daemon(data, undefined, (chatd) => scene(chatd, 5));
    const url = postgres.create('changed');
    const lite = `sqlite:${join(data, 'chatd.db')}`;
    // The schema first, with a rule that spoils a row on its way in.
    await daemon(place('schema'), url, () => {});
    const psql = (text) => run(join(postgres.bin, 'psql'), ['-Xq', '-v', 'ON_ERROR_STOP=1', '-d', url, '-c', text]);
    assert.equal((await psql(`CREATE FUNCTION spoil() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.text := upper(NEW.text); RETURN NEW; END';
      CREATE TRIGGER spoil BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION spoil();`)).code, 0);
    const done = await chatctl({}, 'migrate-store', lite, url);
    assert.equal(done.code, 10, done.err);
    assert.match(done.err, /message \(content differs\)/);
    await assert.rejects(daemon(place('refused'), url, () => {}), /half of a copy/);
  });
});
