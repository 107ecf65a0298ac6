// Backups by chatctl: made under load, checked, restored into another directory, refused when damaged.
import assert from 'node:assert/strict';
import { existsSync, mkdirSync, openSync, closeSync, readFileSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { CHATCTL, CHATD, Chatd, TestApp } from '../support/chatd.mjs';
import { run } from '../support/run.mjs';
import { WsClient } from '../support/ws_client.mjs';

describe('backup', () => {
  let chatd;
  let app;
  let room;
  const chatctl = (...words) =>
    run(CHATCTL, words, { env: { CHATCTL_SERVER: `unix:${chatd.adminSocket}`, XDG_CONFIG_HOME: chatd.folder } });
  const fileOf = (name) => join(chatd.dataDir, 'backups', name);

  before(async () => {
    chatd = await Chatd.start();
    app = await TestApp.create(chatd);
    await app.user('u1');
    room = await app.room('hall', 'group', ['u1']);
  });
  after(() => chatd.stop());

  const say = (text) => app.rest('POST', `/chats/${room.id}/messages`, { text, clientMsgId: text, appUserId: 'u1' });

  /** Says things until stop() and keeps what was acknowledged. */
  function load(senders) {
    const acked = [];
    let going = true;
    let number = 0;
    const each = async (sender) => {
      while (going) {
        const text = `load ${sender} ${(number += 1)}`;
        const { status, body } = await say(text);
        if (status === 201) acked.push({ seq: body.seq, text });
      }
    };
    const all = Promise.all(Array.from({ length: senders }, (_, i) => each(i)));
    return { acked, stop: async () => { going = false; await all; } };
  }

  /** A daemon on the restored directory, for the time of `use`. */
  async function restored(name, use) {
    const other = new Chatd();
    Object.assign(other, { folder: join(chatd.folder, `other-${name}`), env: {}, args: [], wrap: [], port: 0, host: '127.0.0.1' });
    mkdirSync(other.folder);
    other.dataDir = join(other.folder, 'data');
    Object.assign(other, { log: join(other.folder, 'log'), out: join(other.folder, 'out') });
    const done = await chatctl('backup', 'restore', fileOf(name), '--data-dir', other.dataDir, '-o', 'json');
    assert.equal(done.code, 0, done.err);
    await other.launch();
    try {
      await use(other, JSON.parse(done.out));
    } finally {
      await other.terminate();
    }
  }

  test('under load it is one moment: everything acknowledged before it, in order, without gaps', async () => {
    for (let i = 0; i < 50; i += 1) assert.equal((await say(`before ${i}`)).status, 201);
    const { acked, stop } = load(8);
    const made = await chatctl('backup', 'create', '--name', 'loaded', '-o', 'json');
    await stop();
    assert.equal(made.code, 0, made.err);
    assert.equal(JSON.parse(made.out).state, 'verified');
    assert.equal(statSync(fileOf('loaded')).mode & 0o777, 0o600);
    const verified = await chatctl('backup', 'verify', 'loaded', '-o', 'json');
    assert.equal(verified.code, 0, verified.err);
    await restored('loaded', async (other, report) => {
      assert.ok(report.tables.message.rows >= 50);
      const seqs = [];
      const texts = new Map();
      for (let cursor = ''; cursor !== null;) {
        const { body } = await other.rest('GET', `/chats/${room.id}/messages?limit=100${cursor && `&cursor=${cursor}`}`, { token: app.key });
        for (const message of body.items) {
          seqs.push(message.seq);
          texts.set(message.seq, message.text);
        }
        cursor = body.nextCursor;
      }
      seqs.reverse();
      assert.deepEqual(seqs, seqs.map((_, i) => i + 1), 'gaps');
      assert.equal(seqs.length, report.tables.message.rows);
      for (const { seq, text } of acked.filter((m) => m.seq <= seqs.length)) assert.equal(texts.get(seq), text);
      console.log(`acked ${acked.length} during the backup, present ${seqs.length}, lost 0, doubled 0, gaps 0`);
      // A retry of what the backup has is a duplicate; what came behind it is a new message.
      const again = await other.rest('POST', `/chats/${room.id}/messages`,
        { token: app.key, body: { text: 'before 0', clientMsgId: 'before 0', appUserId: 'u1' } });
      assert.equal(again.body.duplicate, true);
    });
  });

  test('what came after the backup is another history: /ws answers recovered:false, and from then on recovers again', async () => {
    const member = await app.user('ws1');
    const hall = await app.room('ws-hall', 'group', ['ws1']);
    const tell = (where, text) => where.rest('POST', `/chats/${hall.id}/messages`, { token: app.key, body: { text, appUserId: 'ws1' } });
    const enter = (client, fields) => client.ask('join', { room: 'ws-hall', ...fields });
    for (let i = 1; i <= 3; i += 1) assert.equal((await tell(chatd, `kept ${i}`)).status, 201);
    assert.equal((await chatctl('backup', 'create', '--name', 'history')).code, 0);
    assert.equal((await tell(chatd, 'not in the backup')).status, 201);
    const before = await WsClient.connect(chatd, { token: member.token });
    const seen = await enter(before, {});
    before.close();
    assert.equal(seen.seq, 4);
    await restored('history', async (other) => {
      // The place is taken again by another message: seq alone would not tell.
      assert.equal((await tell(other, 'another fourth')).body.seq, 4);
      const client = await WsClient.connect(other, { token: member.token });
      const lost = await enter(client, { since: seen.seq, epoch: seen.epoch });
      assert.equal(lost.recovered, false);
      assert.notEqual(lost.epoch, seen.epoch);
      assert.equal((await enter(client, { since: 3, epoch: lost.epoch })).recovered, true);
      client.close();
    });
  });

  test('a damaged backup is refused, by name and by path, and restores nothing', async () => {
    assert.equal((await chatctl('backup', 'create', '--name', 'broken')).code, 0);
    const at = readFileSync(fileOf('broken')).indexOf('before 7');
    const fd = openSync(fileOf('broken'), 'r+');
    writeSync(fd, 'BEFORE', at);
    closeSync(fd);
    const byName = await chatctl('backup', 'verify', 'broken');
    assert.equal(byName.code, 1);
    assert.match(byName.err, /damaged/);
    const byPath = await chatctl('backup', 'verify', fileOf('broken'));
    assert.equal(byPath.code, 10, byPath.err);
    const target = join(chatd.folder, 'nothing');
    const restore = await chatctl('backup', 'restore', fileOf('broken'), '--data-dir', target);
    assert.equal(restore.code, 10, restore.err);
    assert.equal(existsSync(join(target, 'server.key')), false);
    // An empty database would be taken for one by the next daemon.
    assert.equal(existsSync(target), false);
    const json = await chatctl('backup', 'verify', fileOf('broken'), '-o', 'json');
    assert.match(JSON.parse(json.err.trimEnd().split('\n').at(-1)).message, /backup .*is damaged/);
    // Pages that SQLite itself finds broken, of which it says several lines.
    const bytes = readFileSync(fileOf('broken'));
    bytes.fill(0x5a, 3 * 4096, 9 * 4096);
    writeFileSync(fileOf('torn'), bytes);
    const torn = await chatctl('backup', 'verify', fileOf('torn'), '-o', 'json');
    assert.equal(torn.code, 10, torn.err);
    assert.match(JSON.parse(torn.err.trimEnd().split('\n').at(-1)).message, /backup .*is damaged/);
  });

  test('the exit codes of a restore: the words, what is no backup, and a folder that cannot be made', async () => {
    assert.equal((await chatctl('backup', 'create', '--name', 'coded')).code, 0);
    const into = (file, ...words) => chatctl('backup', 'restore', file, ...words);
    const fresh = join(chatd.folder, 'fresh', 'deep');
    for (const [code, file, ...words] of [[2, fileOf('coded'), '--data-dir', ''], [2, fileOf('coded'), '--data-dir', fresh, '--store', 'mysql://x'],
      [2, fileOf('coded'), '--data-dir', fresh, '--store', 'env:NOPE'], [2, fileOf('coded'), '--data-dir', fresh, '--store', '@/nowhere/url'], [1, fileOf('coded'), '--data-dir', '/proc/none/of/this'],
      [7, '/etc/passwd', '--data-dir', fresh], [7, join(chatd.dataDir, 'chatd.db'), '--data-dir', fresh]]) {
      const { code: ended, err } = await into(file, ...words);
      assert.equal(ended, code, words.join(' ') + err);
      assert.equal(existsSync(join(chatd.folder, 'fresh')), false, words.join(' '));
    }
  });

  test('a daemon that is started beside half of a restore makes no key that the restore would have to ask about', async () => {
    assert.equal((await chatctl('backup', 'create', '--name', 'half')).code, 0);
    const target = join(chatd.folder, 'half');
    mkdirSync(target, { mode: 0o700 });
    writeFileSync(join(target, 'chatd.db.restore'), ''); // killed before it had written the key
    const started = await run(CHATD, ['--data-dir', target, '--dev', '--listen', '127.0.0.1:0']);
    assert.equal(started.code, 1, started.err);
    assert.match(started.err, /half of a restore/);
    assert.equal(existsSync(join(target, 'server.key')), false);
    const done = await chatctl('backup', 'restore', fileOf('half'), '--data-dir', target);
    assert.equal(done.code, 0, done.err);
    assert.deepEqual(readFileSync(join(target, 'server.key')), readFileSync(join(chatd.dataDir, 'server.key')));
  });

  test('what is said of a file keeps the contract of the output: data, words and codes', async () => {
    assert.equal((await chatctl('backup', 'create', '--name', 'told')).code, 0);
    const file = fileOf('told');
    const json = await chatctl('backup', 'verify', file, '-o', 'json');
    assert.equal(json.code, 0, json.err);
    assert.equal(JSON.parse(json.out).file, file);
    assert.ok(JSON.parse(json.out).tables.app.rows >= 1);
    assert.equal((await chatctl('backup', 'verify', file, '-q')).out, `${file}\n`);
    assert.equal((await chatctl('backup', 'verify', file, '-q')).err, '');
    const people = await chatctl('backup', 'verify', file);
    assert.match(people.out, /^file +\//);
    assert.match(people.out, /^rows +\d+$/m);
    assert.doesNotMatch(people.out, /hash/);
    assert.match((await chatctl('backup', 'verify', file, '-o', 'tsv')).out, /^file\tcreatedAt\tchatd\tschema\trows\n\//);
    assert.equal((await chatctl('backup', 'verify', file, '--fields', 'rws')).code, 2);
    for (const [words, code] of [[['verify', '/nowhere/at/all'], 3], [['verify', '/etc/passwd'], 7], [['restore', file, '--data-dir', chatd.dataDir], 6]]) {
      const bad = await chatctl('backup', ...words, '-o', 'json');
      assert.equal(bad.code, code, bad.err);
      assert.equal(bad.out, '');
      const error = JSON.parse(bad.err.trimEnd().split('\n').at(-1));
      assert.ok(error.code && error.message && !error.message.includes('chatd-store:'), bad.err);
    }
    const tried = await chatctl('--dry-run', 'backup', 'verify', 'told');
    assert.equal(tried.code, 0, tried.err);
    assert.match(tried.out, /operation/);
    assert.equal((await chatctl('--dry-run', 'backup', 'verify', file)).code, 0);
    assert.equal((await chatctl('backup', 'delete', 'told', '--dry-run')).code, 0);
    assert.equal(existsSync(file), true);
    for (const words of [['verify', 'tolt'], ['delete', 'tolt', '--yes'], ['delete', 'tolt', '--dry-run'], ['verify', 'tolt', '--dry-run']]) {
      const { code, err } = await chatctl('backup', ...words);
      assert.equal(code, 3);
      assert.match(err, /there is no backup tolt\nhint: Did you mean told\?/);
    }
  });

  test('a directory in use, one with a database, and a missing file are refused', async () => {
    assert.equal((await chatctl('backup', 'create', '--name', 'good')).code, 0);
    const running = await chatctl('backup', 'restore', fileOf('good'), '--data-dir', chatd.dataDir);
    assert.equal(running.code, 6, running.err);
    assert.match(running.err, /Another chatd uses the folder/);
    const target = join(chatd.folder, 'twice');
    assert.equal((await chatctl('backup', 'restore', fileOf('good'), '--data-dir', target)).code, 0);
    assert.equal((await chatctl('backup', 'restore', fileOf('good'), '--data-dir', target)).code, 6);
    assert.equal((await chatctl('backup', 'restore', '/nowhere/at/all', '--data-dir', join(chatd.folder, 'x'))).code, 3);
  });

  test('backups are for operators, listed and deleted', async () => {
    assert.equal((await app.rest('POST', '/backup', {})).status, 403);
    assert.equal((await app.rest('GET', '/backup')).status, 403);
    const names = (await chatctl('backup', 'list', '-q')).out.trim().split('\n');
    assert.ok(names.includes('good'));
    assert.equal((await chatctl('backup', 'delete', 'good', '--yes')).code, 0);
    assert.equal((await chatctl('backup', 'delete', 'good', '--yes')).code, 3);
    assert.equal(existsSync(fileOf('good')), false);
  });

  test('a daemon that is stopped in the middle of a backup leaves no file that looks like one', async () => {
    const started = await chatctl('backup', 'create', '--name', 'cut', '--no-wait');
    assert.equal(started.code, 0, started.err);
    await chatd.kill9();
    await chatd.launch();
    if (existsSync(fileOf('cut'))) assert.equal((await chatctl('backup', 'verify', 'cut')).code, 0);
    assert.equal((await chatctl('backup', 'create', '--name', 'cut2')).code, 0);
  });
});
