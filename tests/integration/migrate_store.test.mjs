// migrate-store: everything from one database to another, killed in the middle and gone on with.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { CHATCTL, Chatd, cleanEnvironment, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { run } from '../support/run.mjs';
import { within } from '../support/wait.mjs';

const MESSAGES = 100_000;

describe('migrate-store', () => {
  let folder;
  let source;
  let app;
  let room;
  const chatctl = (...words) => run(CHATCTL, words, { env: { XDG_CONFIG_HOME: folder, FROM: source } });

  /** A daemon on `dataDir`, for the time of `use`. */
  async function daemon(dataDir, use) {
    const chatd = new Chatd();
    Object.assign(chatd, { folder, dataDir, env: {}, args: [], wrap: [], port: 0, host: '127.0.0.1' });
    Object.assign(chatd, { log: join(folder, 'log'), out: join(folder, 'out') });
    await chatd.launch();
    try {
      return await use(chatd);
    } finally {
      await chatd.terminate();
    }
  }

  before(async () => {
    folder = temporaryFolder('migrate');
    const data = join(folder, 'from');
    await daemon(data, async (chatd) => {
      app = await TestApp.create(chatd);
      await app.user('u1');
      room = await app.room('hall', 'group', ['u1']);
      for (let i = 0; i < 20; i += 1) {
        assert.equal((await app.rest('POST', `/chats/${room.id}/messages`, { text: `said ${i}`, clientMsgId: `${i}`, appUserId: 'u1' })).status, 201);
      }
    });
    source = `sqlite:${join(data, 'chatd.db')}`;
    // The bulk of the rows by SQL: how they came there is no matter of a copy.
    const rows = `WITH RECURSIVE n(i) AS (SELECT 21 UNION ALL SELECT i + 1 FROM n WHERE i < ${MESSAGES})
      INSERT INTO message (id, room_id, seq, sender_id, text, created_at, updated_at, rev, send_high, send_low)
      SELECT 1000000 + i, ${room.id}, i, 1, 'message number ' || i, i, i, 0, 0, 0 FROM n;
      UPDATE room_counter SET last_seq = ${MESSAGES} WHERE room_id = ${room.id};
      UPDATE id_block SET next = 9000000 WHERE name = 'message';`;
    const script = 'import sqlite3,sys; d=sqlite3.connect(sys.argv[1]); d.executescript(sys.argv[2]); d.close()';
    const made = await run('python3', ['-c', script, join(data, 'chatd.db'), rows]);
    assert.equal(made.code, 0, made.err);
  });
  after(() => removeFolder(folder));

  /** Starts the copy and sends it a signal once it says that it is so far: { code, signal, said }. */
  const stoppedAt = (percent, how, from, to) => signalled(`copying ${percent}[0-9]%`, how, 'migrate-store', from, to);
  async function signalled(when, how, ...words) {
    const child = spawn(CHATCTL, words,
      { stdio: ['ignore', 'ignore', 'pipe'], env: cleanEnvironment({ XDG_CONFIG_HOME: folder }) });
    let said = '';
    let sent = false;
    const ended = new Promise((done) => child.once('close', (code, signal) => done({ code, signal })));
    child.stderr.on('data', (bytes) => {
      said += bytes;
      if (!sent && new RegExp(when).test(said)) sent = child.kill(how); // a second Ctrl-C ends it at once
    });
    return { ...(await within(ended, 'the copy ended', 120_000)), said };
  }
  const killedAt = async (...words) => (await stoppedAt(words[0], 'SIGKILL', ...words.slice(1))).signal === 'SIGKILL';

  test('killed in the middle it is refused by a daemon, goes on, and ends equal', async () => {
    const data = join(folder, 'to');
    const target = `sqlite:${join(data, 'chatd.db')}`;
    assert.equal(await killedAt(3, source, target), true);
    assert.equal(await killedAt(6, source, target), true);
    await assert.rejects(daemon(data, () => {}), /half of a copy/);
    const done = await chatctl('migrate-store', 'env:FROM', target, '-o', 'json');
    assert.equal(done.code, 0, done.err);
    const report = JSON.parse(done.out);
    assert.equal(report.tables.message.rows, MESSAGES);
    await daemon(data, async (chatd) => {
      const rest = (method, path, body) => chatd.rest(method, path, { token: app.key, body });
      const newest = await rest('GET', `/chats/${room.id}/messages?limit=1`);
      assert.equal(newest.body.items[0].text, `message number ${MESSAGES}`);
      const deep = await rest('GET', `/chats/${room.id}/messages?before=12&limit=1`);
      assert.equal(deep.body.items[0].text, 'said 10');
      const again = await rest('POST', `/chats/${room.id}/messages`, { text: 'said 3', clientMsgId: '3', appUserId: 'u1' });
      assert.equal(again.body.duplicate, true);
      assert.equal(again.body.seq, 4);
      const next = await rest('POST', `/chats/${room.id}/messages`, { text: 'next', appUserId: 'u1' });
      assert.equal(next.body.seq, MESSAGES + 1);
      assert.ok(next.body.id >= 9_000_000);
    });
  });

  test('Ctrl-C ends it with 130 and says how to go on; whatever ends it, nobody copies behind its back', async () => {
    const data = join(folder, 'interrupted');
    mkdirSync(data);
    const target = `sqlite:${join(data, 'chatd.db')}`;
    const { code, said } = await stoppedAt(2, 'SIGINT', source, target);
    assert.equal(code, 130, said);
    assert.match(said, /chatctl: It was stopped\. The same command goes on where it was/);
    for (const [percent, how] of [[3, 'SIGTERM'], [5, 'SIGHUP']]) assert.equal((await stoppedAt(percent, how, source, target)).code, 130, how);
    // Who still copied would hold the folder.
    const done = await chatctl('migrate-store', source, target, '-o', 'json');
    assert.equal(done.code, 0, done.err);
    assert.equal(JSON.parse(done.out).tables.message.rows, MESSAGES);
  });

  test('a restore that is stopped or killed leaves nothing that a daemon would serve, and is repeated', async () => {
    const backup = join(folder, 'from', 'backups', 'whole');
    await daemon(join(folder, 'from'), async (chatd) => {
      const made = await run(CHATCTL, ['backup', 'create', '--name', 'whole'], { env: { XDG_CONFIG_HOME: folder, CHATCTL_SERVER: `unix:${chatd.adminSocket}` } });
      assert.equal(made.code, 0, made.err);
    });
    const data = join(folder, 'half');
    const database = join(data, 'chatd.db');
    const restore = ['backup', 'restore', backup, '--data-dir', data];
    for (const how of ['SIGTERM', 'SIGHUP', 'SIGINT', 'SIGKILL']) {
      const { code, signal, said } = await signalled('restoring 0%', how, ...restore);
      assert.deepEqual([code, signal], how === 'SIGKILL' ? [null, 'SIGKILL'] : [130, null], said);
      assert.equal(existsSync(database), false, how);
    }
    // Killed while it wrote: what it had begun keeps the daemon away, whatever else it left.
    writeFileSync(`${database}.restore`, 'half');
    await assert.rejects(daemon(data, () => {}), /chatd\.db\.restore is half of a restore: repeat the restore/);
    assert.equal(existsSync(database), false);
    rmSync(join(data, 'server.key'), { force: true }); // of the daemon that refused
    const done = await chatctl(...restore);
    assert.equal(done.code, 0, done.err);
    assert.equal(existsSync(`${database}.restore`), false);
    await daemon(data, async (chatd) => {
      const newest = await chatd.rest('GET', `/chats/${room.id}/messages?limit=1`, { token: app.key });
      assert.equal(newest.body.items[0].text, `message number ${MESSAGES}`);
    });
  });

  test('a target that has data and a source that is not there are refused', async () => {
    const data = join(folder, 'used');
    await daemon(data, (chatd) => TestApp.create(chatd));
    const used = await chatctl('migrate-store', source, `sqlite:${join(data, 'chatd.db')}`);
    assert.equal(used.code, 6, used.err);
    assert.match(used.err, /not empty/);
    assert.equal((await chatctl('migrate-store', 'sqlite:/nowhere/x.db', `sqlite:${join(folder, 'x.db')}`)).code, 3);
    for (const words of [['mysql://x', source], [source, 'env:NOPE'], ['@/nowhere/url', source], [source, '@/nowhere/url'], ['', source], ['sqlite:', source]])
      assert.equal((await chatctl('migrate-store', ...words)).code, 2, words.join(' '));
    for (const to of [source, source.replace('/from/', '/from/./')]) {
      const same = await chatctl('migrate-store', source, to);
      assert.equal(same.code, 2, same.err);
      assert.match(same.err, /From and to are the same store/);
    }
  });

  test('a store in use is refused, and a URL may come from a file', async () => {
    const data = join(folder, 'busy');
    mkdirSync(data);
    const file = join(folder, 'url');
    writeFileSync(file, `sqlite:${join(data, 'chatd.db')}\n`, { mode: 0o600 });
    await daemon(data, async () => {
      const busy = await chatctl('migrate-store', source, `@${file}`);
      assert.equal(busy.code, 6, busy.err);
      assert.match(busy.err, /Another chatd uses the folder/);
    });
  });
});
