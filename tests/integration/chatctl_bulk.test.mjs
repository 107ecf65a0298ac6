// export and import against a real daemon: ten thousand users with bad rows, interrupted and resumed, and a round trip.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { existsSync, lstatSync, mkdirSync, readFileSync, readdirSync, statSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { constants, gunzipSync, gzipSync } from 'node:zlib';

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
    // A script that repeats itself with --resume does nothing twice; and a place is good for its own app and file alone.
    const writes = async () => (await ctl.json('status')).daemon.writes;
    const before = await writes();
    const again = await ctl.raw(['import', '-a', 'big', file, '--resume', '-o', 'json']);
    assert.equal(again.code, 9, again.err);
    assert.match(again.err, /imported already/);
    assert.deepEqual(['imported', 'rejected', 'complete'].map((name) => JSON.parse(again.out)[name]), [ROWS - bad.size, bad.size, true]);
    assert.equal(await writes(), before);
    assert.equal(jsonLines(readFileSync(`${file}.rejects.ndjson`, 'utf8')).length, bad.size);
    await ctl.ok('app', 'create', 'another');
    assert.match(await ctl.fails(2, 'import', '-a', 'another', file, '--resume'), /another app or server/);
    utimesSync(file, 1, 1);
    assert.match(await ctl.fails(2, 'import', '-a', 'big', file, '--resume'), /another file, or of this one as it was/);
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
    assert.equal(await within(ended, 'the import ended'), 130, err);
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
    // However many are under way, what stands before the bad row is done and counted, and it is the first bad row that counts.
    const long = join(chatd.folder, 'long.ndjson');
    const good = Array.from({ length: 200 }, (_, i) => `{"appUserId":"g${i}"}\n`).join('');
    writeFileSync(long, `${good}{"appUserId":"x","firstName":"a\\u0007b"}\n{"nonsense":1,"appUserId":"y"}\n${good}`);
    const counted = await ctl.raw(['import', '-a', 'strict', long, '--on-error', 'stop', '--concurrency', '16', '-o', 'json']);
    assert.equal(counted.code, 7, counted.err);
    assert.match(JSON.parse(counted.err).message, /^line 201: firstName/);
    assert.ok(JSON.parse(counted.out).imported >= 200, counted.out);
    assert.ok((await ctl.raw(['user', 'get', '-a', 'strict', 'g199'])).code === 0);
    const rest = await ctl.raw(['import', '-a', 'strict', long, '--resume', '-o', 'json']);
    assert.equal(rest.code, 9, rest.err);
    assert.deepEqual(['imported', 'rejected', 'complete'].map((name) => JSON.parse(rest.out)[name]), [400, 2, true]);
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

  test('a dry run of an import writes nothing, neither there nor here, and says what it found', async () => {
    await ctl.ok('app', 'create', 'tried');
    const file = join(chatd.folder, 'tried.ndjson');
    writeFileSync(file, ['{"appUserId":"n1"}', '{"appUserId":"n2","firstName":"a\\u0007"}', '{"room":"r","users":["n1"]}', '{"nonsense":1}',
      '{"kind":"ban","appUserId":"n1"}', '{"kind":"ban","appUserId":"nobody"}'].join('\n'));
    const { code, out, err } = await ctl.raw(['import', '-a', 'tried', file, '--dry-run', '-o', 'json']);
    assert.equal(code, 9, err);
    const { dryRun, imported, passed, rejected, unchecked, rejects } = JSON.parse(out);
    assert.deepEqual({ dryRun, imported, passed, rejected, unchecked, rejects }, { dryRun: true, imported: 0, passed: 1, rejected: 3, unchecked: 2, rejects: null });
    assert.match(err, /line 2: firstName: has a control character/);
    assert.match(err, /line 4: /);
    assert.match(err, /line 6: there is no such user/);
    for (const end of ['rejects.ndjson', 'chatctl-resume']) assert.ok(!existsSync(`${file}.${end}`), end);
    assert.deepEqual((await ctl.json('user', 'list', '-a', 'tried')).items, []);
  });

  test('an export that was broken off goes on with --resume, and is what a whole one is', async () => {
    await ctl.ok('app', 'create', 'large');
    const { appId } = await ctl.json('app', 'get', 'large');
    const rows = [];
    for (let i = 0; i < 1200; i += 1) rows.push({ appUserId: i });
    for (let r = 0; r < 120; r += 1) rows.push({ room: `r${r}`, users: r === 7 ? rows.slice(0, 1150).map((row) => row.appUserId) : [r, 1] });
    for (let r = 0; r < 120; r += 1) for (let i = 0; i < 12; i += 1) rows.push({ room: `r${r}`, appUserId: 1, text: `${r} ${i}` });
    const file = join(chatd.folder, 'large.ndjson');
    writeFileSync(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
    const done = await ctl.raw(['import', '-a', 'large', file, '--concurrency', '16']);
    assert.equal(done.code, 0, done.err);
    assert.equal((await ctl.json('room', 'get', '-a', 'large', 'r7')).members.length, 1150);
    const whole = await ctl.ok('export', '-a', 'large', '--messages');
    assert.equal(whole.split('\n').length - 1, rows.length);

    // A daemon that is gone in the middle: a proxy that lets so many requests through and then none.
    for (const [gzip, through] of [[false, 3], [true, 13], [false, 60]]) {
      const target = join(chatd.folder, `export-${through}`);
      const words = ['export', '-a', String(appId), '--messages', '-f', target, '--concurrency', '3', ...(gzip ? ['--gzip'] : [])];
      let left = through;
      const proxy = createServer((request, response) => {
        if ((left -= 1) < 0) return response.writeHead(500).end();
        const { method, url, headers } = request;
        return httpRequest({ socketPath: chatd.adminSocket, method, path: url, headers }, (answer) => {
          response.writeHead(answer.statusCode, answer.headers);
          answer.pipe(response);
        }).end();
      });
      await new Promise((ready) => { proxy.listen(0, '127.0.0.1', ready); });
      const there = ctl.with({ CHATCTL_SERVER: `http://127.0.0.1:${proxy.address().port}` });
      try {
        const broken = await there.raw(words);
        assert.equal(broken.code, 8, broken.err);
        assert.match(broken.err, /--resume/);
        assert.ok(!existsSync(target) && existsSync(`${target}.part`));
        assert.match(await there.fails(2, ...words.filter((word) => word !== '--messages'), '--resume'), /another export/);
        left = Infinity;
        const resumed = await there.raw([...words, '--resume']);
        assert.equal(resumed.code, 0, resumed.err);
        assert.match(resumed.err, /resuming after \d+ rows?/);
      } finally {
        proxy.closeAllConnections();
        proxy.close();
      }
      const content = readFileSync(target);
      assert.ok((gzip ? gunzipSync(content) : content).toString() === whole, `broken off after ${through} requests it is another one`);
      assert.equal(statSync(target).mode & 0o777, 0o600);
      for (const end of ['.part', '.part.chatctl-resume']) assert.ok(!existsSync(target + end), end);
    }
  });

  test('Ctrl-C stops an export with 130, and --resume ends it', async () => {
    const whole = await ctl.ok('export', '-a', 'big');
    const target = join(chatd.folder, 'big.out');
    const child = spawn(CHATCTL, ['export', '-a', 'big', '-f', target, '-v'], { env: cleanEnvironment(ctl.env), stdio: ['ignore', 'ignore', 'pipe'] });
    let err = '';
    child.stderr.on('data', (part) => { err += part; });
    const ended = new Promise((done) => { child.once('close', (code) => done(code)); });
    await until('it reads users', () => (err.match(/GET \/user/g) ?? []).length > 3);
    child.kill('SIGINT');
    assert.equal(await within(ended, 'the export ended'), 130, err);
    assert.ok(statSync(`${target}.part`).size < whole.length);
    await ctl.ok('export', '-a', 'big', '-f', target, '--resume');
    assert.equal(readFileSync(target, 'utf8'), whole);
    await ctl.fails(2, 'export', '-a', 'big', '--resume');
  });

  test('a room that is deleted under an export is left out and told, or stops it', async () => {
    await ctl.ok('app', 'create', 'moving');
    const { appId } = await ctl.json('app', 'get', 'moving');
    await ctl.ok('user', 'create', '-a', 'moving', '1');
    for (const room of ['a', 'b', 'c']) await ctl.ok('room', 'create', '-a', 'moving', room, '--type', 'group', '--users', '1');
    for (const room of ['a', 'b', 'c']) await ctl.ok('message', 'send', '-a', 'moving', room, '--as', '1', `in ${room}`);
    const { id } = await ctl.json('room', 'get', '-a', 'moving', 'b');
    const proxy = createServer((request, response) => {
      if (request.url.startsWith(`/chats/${id}/`)) return response.writeHead(404, { 'Content-Type': 'application/problem+json' }).end('{"code":"room_not_found","detail":"There is no such room."}');
      return httpRequest({ socketPath: chatd.adminSocket, method: request.method, path: request.url, headers: request.headers }, (answer) => {
        response.writeHead(answer.statusCode, answer.headers);
        answer.pipe(response);
      }).end();
    });
    await new Promise((ready) => { proxy.listen(0, '127.0.0.1', ready); });
    try {
      const there = ctl.with({ CHATCTL_SERVER: `http://127.0.0.1:${proxy.address().port}` });
      const some = await there.raw(['export', '-a', String(appId), '--messages']);
      assert.equal(some.code, 9, some.err);
      assert.match(some.err, /what is said in room b is left out/);
      assert.deepEqual(jsonLines(some.out).filter((row) => row.kind === 'message').map((row) => row.text), ['in a', 'in c']);
      assert.equal((await there.raw(['export', '-a', String(appId), '--messages', '--on-error', 'stop'])).code, 3);
    } finally {
      proxy.closeAllConnections();
      proxy.close();
    }
  });

  test('a damaged archive and an unreachable daemon stop the job, and say so', async () => {
    const file = join(chatd.folder, 'damaged.gz');
    writeFileSync(file, gzipSync('{"appUserId":"x"}\n'.repeat(5000)).subarray(0, 60));
    const damaged = await ctl.raw(['import', '-a', 'strict', file, '-o', 'json']);
    assert.equal(damaged.code, 7, damaged.err);
    // The half of a line is no row; and no place helps, because the whole file is another one.
    const cut = gunzipSync(readFileSync(file), { finishFlush: constants.Z_SYNC_FLUSH }).toString();
    assert.ok(!cut.endsWith('\n'), 'the test wants a half line');
    const { imported, rejected, line } = JSON.parse(damaged.out);
    assert.deepEqual({ imported, rejected, line }, { imported: cut.split('\n').length - 1, rejected: 0, line: cut.split('\n').length - 1 });
    assert.match(damaged.err, /cut short or damaged/);
    assert.match(damaged.err, /Get it again whole and import it without --resume/);
    assert.doesNotMatch(damaged.err, /goes on after/);
    writeFileSync(file, gzipSync('{"appUserId":"x"}\n'.repeat(5000)));
    assert.equal((await ctl.raw(['import', '-a', 'strict', file])).code, 0);
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

  test('a file to write is not a device or a pipe, is where a link leads, and is not the file that is read', async () => {
    await ctl.ok('app', 'create', 'files');
    const at = (name) => join(chatd.folder, name);
    execFileSync('mkfifo', [at('pipe')]);
    await ctl.fails(2, 'export', '-a', 'files', '--file', at('pipe'));
    assert.ok(statSync(at('pipe')).isFIFO());
    writeFileSync(at('rows'), '{"appUserId":"1"}\n{"appUserId":""}\n');
    await ctl.fails(2, 'import', '-a', 'files', '--rejects', at('pipe'), at('rows'));
    assert.ok(statSync(at('pipe')).isFIFO());
    await ctl.fails(2, 'import', '-a', 'files', '--rejects', at('rows'), at('rows'));
    await ctl.fails(2, 'import', '-a', 'files', '--rejects', at('no/such/folder'), at('rows'));
    assert.equal(readFileSync(at('rows'), 'utf8').split('\n').length, 3);
    assert.equal((await ctl.raw(['import', '-a', 'files', '--rejects', at('refused'), at('rows')])).code, 9);
    assert.equal(jsonLines(readFileSync(at('refused'), 'utf8')).length, 1);
    writeFileSync(at('target'), 'before');
    symlinkSync(at('target'), at('link'));
    await ctl.ok('export', '-a', 'files', '--file', at('link'));
    assert.ok(lstatSync(at('link')).isSymbolicLink());
    assert.match(readFileSync(at('target'), 'utf8'), /"appUserId":"1"/);
  });

  test('the rejects of an import from the standard input take no file of before, and leave none behind', async () => {
    const folder = join(chatd.folder, 'piped');
    mkdirSync(folder);
    const piped = async (input) => {
      const { code, out, err } = await ctl.raw(['import', '-a', 'files', '-', '-o', 'json'], { input, cwd: folder });
      assert.equal(code, input.includes('nonsense') ? 9 : 0, err);
      return JSON.parse(out).rejects;
    };
    const bad = (name) => `{"nonsense":"${name}"}\n`;
    assert.equal(await piped(bad('first')), 'import.rejects.ndjson');
    assert.equal(await piped(bad('second')), 'import.rejects.2.ndjson');
    assert.deepEqual(new Set(await Promise.all(['a', 'b', 'c'].map((name) => piped(bad(name))))),
      new Set([3, 4, 5].map((i) => `import.rejects.${i}.ndjson`)));
    assert.equal(await piped('{"appUserId":"good"}\n'), null);
    assert.equal(readdirSync(folder).length, 5);
    assert.equal(jsonLines(readFileSync(join(folder, 'import.rejects.ndjson'), 'utf8'))[0].row.nonsense, 'first');
    assert.equal(jsonLines(readFileSync(join(folder, 'import.rejects.2.ndjson'), 'utf8'))[0].row.nonsense, 'second');
  });

  test('a byte order mark in front of the first row is none of its text', async () => {
    const file = join(chatd.folder, 'bom.ndjson');
    writeFileSync(file, '\ufeff{"appUserId":"marked"}\n{"appUserId":"plain"}\n');
    assert.equal((await ctl.raw(['import', '-a', 'files', file])).code, 0);
    await ctl.ok('user', 'get', '-a', 'files', 'marked');
    // One JSON list is no rows, and the way there is told.
    writeFileSync(file, '[\n{"appUserId":"listed"}\n]\n');
    assert.equal((await ctl.raw(['import', '-a', 'files', file])).code, 9);
    assert.match(readFileSync(`${file}.rejects.ndjson`, 'utf8'), /the beginning of a list: `jq -c \.\[\]` makes rows of it/);
  });

  test('two exports to one file, and two imports of one, do not write into each other: the second is told', async () => {
    const target = join(chatd.folder, 'both.out');
    const slow = async (words, use) => {
      const child = spawn(CHATCTL, words, { env: cleanEnvironment(ctl.env), stdio: ['ignore', 'ignore', 'pipe'] });
      let err = '';
      child.stderr.on('data', (part) => { err += part; });
      const ended = new Promise((done) => { child.once('close', (code) => done(code)); });
      await until('it is at work', () => /GET \/user|POST \/user/.test(err));
      child.kill('SIGSTOP');
      try {
        await use();
      } finally {
        child.kill('SIGCONT');
      }
      assert.equal(await within(ended, 'it ended', 60_000), 0, err.slice(-500));
    };
    await slow(['export', '-a', 'big', '-f', target, '-v'], async () => {
      for (const flags of [[], ['--resume']]) {
        assert.match(await ctl.fails(6, 'export', '-a', 'strict', '-f', target, ...flags), /another chatctl is at work on .*both\.out\.part/);
      }
    });
    assert.equal(readFileSync(target, 'utf8'), await ctl.ok('export', '-a', 'big'));
    await ctl.ok('export', '-a', 'big', '-f', target);
    await ctl.ok('app', 'create', 'both');
    await slow(['import', '-a', 'both', target, '-v'], async () => {
      assert.match(await ctl.fails(6, 'import', '-a', 'strict', target), /another chatctl is at work on/);
    });
    await ctl.fails(2, 'export', '-a', 'both', '-f', join(chatd.folder, 'no/such/folder'));
    writeFileSync(`${target}.part.chatctl-resume`, '{"of":["another"]}');
    await ctl.fails(2, 'export', '-a', 'big', '-f', target, '--resume');
    assert.ok(!existsSync(`${target}.part`));
  });

  test('what cannot be tried refuses --dry-run and writes nothing', async () => {
    const folder = join(chatd.folder, 'untouched');
    mkdirSync(folder);
    await ctl.fails(2, '--dry-run', 'backup', 'restore', '/no/backup', '--data-dir', folder);
    await ctl.fails(2, '--dry-run', 'migrate-store', 'sqlite:/no/database', `sqlite:${join(folder, 'x.db')}`);
    await ctl.fails(2, '--dry-run', 'backup', 'create');
    assert.deepEqual(readdirSync(folder), []);
  });
});
