// export and import against a real daemon: ten thousand users with bad rows, interrupted and resumed, and a round trip.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { gunzipSync, gzipSync } from 'node:zlib';

import { Chatctl } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment } from '../support/chatd.mjs';
import { until, within } from '../support/wait.mjs';

const ROWS = 10_000;

/** One line in a hundred is bad: not JSON, no id, or a field that the server refuses. */
function userLines(count) {
  const bad = new Set();
  const lines = [];
  for (let i = 1; i <= count; i += 1) {
    if (i % 100 === 50) {
      bad.add(i);
      lines.push(['{"appUserId":', '{"firstName":"nobody"}', `{"appUserId":"u${i}","firstName":"a\\u0007b"}`][i % 3]);
    } else {
      lines.push(JSON.stringify({ kind: 'user', appUserId: `u${i}`, firstName: `Name ${i}`, metadata: { row: i } }));
    }
  }
  return { text: `${lines.join('\n')}\n`, bad };
}

const jsonLines = (text) => text.trimEnd().split('\n').map((line) => JSON.parse(line));

describe('chatctl import and export', () => {
  let chatd;
  let ctl;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    ctl = new Chatctl(chatd);
  });
  after(() => chatd.stop());

  async function countUsers(app) {
    return (await ctl.ok('user', 'list', '-a', app, '-q')).trimEnd().split('\n').length;
  }

  test('10,000 users with one bad row in a hundred: the good ones are in, the bad ones in a file with their lines', async (t) => {
    await ctl.ok('app', 'create', 'big');
    const file = join(chatd.folder, 'users.ndjson');
    const { text, bad } = userLines(ROWS);
    writeFileSync(file, text);
    const { code, out, err } = await ctl.raw(['import', '-a', 'big', file, '-o', 'json']);
    assert.equal(code, 9, err);
    const result = JSON.parse(out);
    assert.equal(result.imported, ROWS - bad.size);
    assert.equal(result.rejected, bad.size);
    assert.equal(result.complete, true);
    t.diagnostic(`${result.rowsPerSecond} users a second`);
    const rejects = jsonLines(readFileSync(`${file}.rejects.ndjson`, 'utf8'));
    assert.deepEqual(new Set(rejects.map((reject) => reject.line)), bad);
    assert.ok(rejects.every((reject) => reject.message !== '' && reject.row !== undefined));
    assert.equal(statSync(`${file}.rejects.ndjson`).mode & 0o777, 0o600);
    assert.equal(await countUsers('big'), ROWS - bad.size);
    assert.ok(!existsSync(`${file}.chatctl-resume`));
  });

  test('Ctrl-C ends with 130 and a place, and --resume does the rest once', async () => {
    await ctl.ok('app', 'create', 'halved');
    const file = join(chatd.folder, 'halved.ndjson');
    const { text, bad } = userLines(4000);
    writeFileSync(file, text);
    const child = spawn(CHATCTL, ['import', '-a', 'halved', file, '-o', 'json', '--concurrency', '2'],
      { env: cleanEnvironment(ctl.env), stdio: ['ignore', 'pipe', 'pipe'] });
    let out = '';
    let err = '';
    child.stdout.on('data', (part) => { out += part; });
    child.stderr.on('data', (part) => { err += part; });
    const ended = new Promise((done) => { child.once('close', (code) => done(code)); });
    await until('a place is kept', () => existsSync(`${file}.chatctl-resume`) || child.exitCode !== null);
    child.kill('SIGINT');
    assert.equal(await within(ended, 'the import ended', 20_000), 130, err);
    const stopped = JSON.parse(out);
    assert.equal(stopped.complete, false);
    assert.equal(stopped.imported + stopped.rejected, stopped.line);
    assert.ok(stopped.line < 4000);
    const { code, out: rest, err: said } = await ctl.raw(['import', '-a', 'halved', file, '-o', 'json', '--resume']);
    assert.equal(code, 9, said);
    assert.match(said, new RegExp(`resuming after line ${stopped.line}`));
    const whole = JSON.parse(rest);
    assert.equal(whole.imported, 4000 - bad.size);
    assert.equal(whole.rejected, bad.size);
    const rejects = jsonLines(readFileSync(`${file}.rejects.ndjson`, 'utf8'));
    assert.deepEqual(rejects.map((reject) => reject.line).sort((a, b) => a - b), [...bad]);
    assert.equal(await countUsers('halved'), 4000 - bad.size);
  });

  test('--on-error stop ends at the first bad row; --resume of another file is refused', async () => {
    await ctl.ok('app', 'create', 'strict');
    const file = join(chatd.folder, 'strict.ndjson');
    writeFileSync(file, '{"appUserId":"a"}\n{"nonsense":1,"appUserId":"b"}\n{"appUserId":"c"}\n');
    const stopped = await ctl.raw(['import', '-a', 'strict', file, '--on-error', 'stop', '--concurrency', '1']);
    assert.equal(stopped.code, 7, stopped.err);
    assert.match(stopped.err, /line 2: there is no field nonsense/);
    writeFileSync(file, '{"appUserId":"another"}\n');
    assert.equal((await ctl.raw(['import', '-a', 'strict', file, '--resume'])).code, 2);
    assert.equal((await ctl.raw(['import', '-a', 'strict', file])).code, 0);
    await ctl.fails(2, 'import', '-a', 'strict', join(chatd.folder, 'absent.ndjson'));
    await ctl.fails(3, 'import', '-a', 'no-such-app', file);
  });

  test('what is exported can be imported: users, bans, rooms, moderators, messages, through gzip', async () => {
    await ctl.ok('app', 'create', 'from');
    for (const user of ['1', '2', 'three']) await ctl.ok('user', 'create', '-a', 'from', user, '--first-name', `N${user}`);
    await ctl.ok('room', 'create', '-a', 'from', 'team', '--type', 'group', '--users', '1,2', '--name', 'Team');
    await ctl.ok('room', 'create', '-a', 'from', 'pair', '--type', 'direct', '--users', '1,three');
    await ctl.ok('room', 'member', 'role', '-a', 'from', 'team', '2', 'moderator');
    const { appId } = await ctl.json('app', 'get', 'from');
    for (let i = 1; i <= 120; i += 1) await chatd.must('POST', '/chats/team/messages', { appId, appUserId: '1', text: `m${i} "ü"\n` });
    await ctl.ok('message', 'send', '-a', 'from', 'pair', '--as', 'three', 'of one who is banned later');
    for (const user of ['2', 'three']) await ctl.ok('user', 'ban', '-a', 'from', user, '--reason', 'spam');
    const packed = join(chatd.folder, 'from.ndjson.gz');
    await ctl.ok('export', '-a', 'from', '--messages', '--gzip', '--file', packed);
    assert.equal(statSync(packed).mode & 0o777, 0o600);
    const rows = jsonLines(gunzipSync(readFileSync(packed)).toString());
    assert.deepEqual([...new Set(rows.map((row) => row.kind))], ['user', 'room', 'message', 'ban']);
    await ctl.ok('app', 'create', 'to');
    const { code, err } = await ctl.raw(['import', '-a', 'to', packed, '--concurrency', '1']);
    assert.equal(code, 0, err);
    assert.equal((await ctl.json('user', 'get', '-a', 'to', '2')).ban.reason, 'spam');
    const team = await ctl.json('room', 'get', '-a', 'to', 'team');
    assert.equal(team.members.find((member) => member.appUserId === '2').role, 'moderator');
    assert.equal((await ctl.json('room', 'get', '-a', 'to', 'pair')).type, 'direct');
    const texts = (await ctl.json('message', 'list', '-a', 'to', 'team')).items.map((message) => message.text).reverse();
    assert.deepEqual(texts, Array.from({ length: 120 }, (_, i) => `m${i + 1} "ü"\n`));
    const strip = (text) => jsonLines(text).map(({ createdAt, seq, clientMsgId, ...row }) => row);
    assert.deepEqual(strip(await ctl.ok('export', '-a', 'to', '--messages')), strip(await ctl.ok('export', '-a', 'from', '--messages')));
    for (const user of ['2', 'three']) await ctl.ok('user', 'unban', '-a', 'to', user);
    const again = await ctl.raw(['import', '-a', 'to', '-'], { input: gunzipSync(readFileSync(packed)), cwd: chatd.folder });
    assert.equal(again.code, 0, again.err);
    assert.equal((await ctl.json('message', 'list', '-a', 'to', 'team')).items.length, 120);
  });

  test('a damaged archive and an unreachable daemon stop the job, and say so', async () => {
    const file = join(chatd.folder, 'damaged.gz');
    writeFileSync(file, gzipSync('{"appUserId":"x"}\n'.repeat(5000)).subarray(0, 60));
    const damaged = await ctl.raw(['import', '-a', 'strict', file]);
    assert.equal(damaged.code, 7, damaged.err);
    const other = await Chatd.start();
    try {
      const there = new Chatctl(other);
      await there.ok('app', 'create', 'x');
      const key = join(other.folder, 'rows.ndjson');
      writeFileSync(key, '{"appUserId":"x"}\n');
      const id = (await there.json('app', 'get', 'x')).appId;
      await other.terminate();
      const away = await there.raw(['import', '-a', String(id), key]);
      assert.equal(away.code, 8, away.err);
      assert.match(away.err, /--resume/);
    } finally {
      await other.stop();
    }
  });
});
