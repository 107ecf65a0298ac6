// Secrets that are shown once, and --fields: whatever the output is, no key is lost, and what is misspelled is refused before
// anything is done.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { Chatctl } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment } from '../support/chatd.mjs';

const KEY = /ck_[\w-]{43}/g;
/** Every way to ask for less; `one` and `another` are fields. */
const formsWith = (one, another) => [[], ['-o', 'wide'], ['-o', 'json'], ['-o', 'ndjson'], ['-o', 'yaml'], ['-o', 'tsv'], ['-o', 'tsv', '--no-headers'], ['-o', 'name'], ['-q'],
  ['--fields', one], ['--fields', `apiKey,${one}`], ['-o', 'json', '--fields', one], ['-o', 'json', '--fields', another], ['-o', 'tsv', '--fields', one], ['-q', '-o', 'json']];

describe('chatctl and what is shown once', () => {
  let chatd;
  let ctl;
  let made = 0;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    ctl = new Chatctl(chatd);
    await ctl.ok('app', 'create', 'shop');
  });
  after(() => chatd.stop());

  /** The one key in what was printed; it opens the door. */
  async function keyIn({ code, out, err }, words) {
    assert.equal(code, 0, `${words.join(' ')}: ${err}`);
    const keys = new Set(`${out}${err}`.match(KEY));
    assert.equal(keys.size, 1, `${words.join(' ')}: ${out}${err}`);
    const [key] = keys;
    assert.equal((await ctl.with({ CHATCTL_SERVER: chatd.url, CHATCTL_TOKEN: key }).raw(['user', 'list'])).code, 0);
    return key;
  }

  test('app create, app ensure and apply lose neither the key nor the password, in any format', async () => {
    for (const flags of formsWith('name', 'login')) {
      for (const words of [['app', 'create'], ['app', 'ensure'], ['apply', '-f', '-']]) {
        const name = `app${(made += 1)}`;
        const applies = words[0] === 'apply';
        const done = await ctl.raw([...words, ...(applies ? [] : [name]), ...flags], { input: applies ? `apps: [{name: ${name}}]` : '' });
        await keyIn(done, [...words, ...flags]);
        const password = /password[\s":]+([\w-]{43})/i.exec(done.out + done.err)?.[1] ?? /owner-\d+\s+([\w-]{43})/.exec(done.out)?.[1];
        const login = /owner-\d+/.exec(done.out + done.err)?.[0];
        assert.ok(password && login, `${words.join(' ')} ${flags.join(' ')}: ${done.out}${done.err}`);
        if (flags.length === 0) assert.equal((await chatd.rest('POST', '/auth/login', { body: { login, password } })).status, 200);
      }
    }
    assert.match(await ctl.ok('app', 'create', 'quiet', '-q'), /^\d+\n$/);
    assert.equal(await ctl.ok('app', 'create', 'named', '-o', 'name'), 'named\n');
    const [titles, row] = (await ctl.ok('app', 'create', 'columns', '-o', 'tsv')).split('\n').map((line) => line.split('\t'));
    assert.deepEqual(titles.slice(-3), ['apiKey', 'login.login', 'login.password']);
    assert.match(row.at(-3), /^ck_/);
  });

  test('app key create and rotate print the key alone for -q and -o name, and never lose it', async () => {
    for (const verb of ['create', 'rotate']) {
      for (const form of formsWith('hint', 'id')) {
        const words = ['app', 'key', verb, 'shop', ...form];
        const done = await ctl.raw(words);
        const key = await keyIn(done, words);
        if (form.includes('-q') || form.join() === '-o,name') assert.equal(done.out, `${key}\n`);
        if (form.includes('tsv') && !form.includes('--fields')) assert.ok(done.out.trimEnd().endsWith(`\t${key}`), done.out);
      }
    }
  });

  test('an output that fails does not take the key with it', () => {
    for (const redirection of ['> /dev/full', '>&-']) {
      for (const words of [['app', 'key', 'create', 'shop'], ['api', 'POST', '/app', '-d', `{"name":"raw${redirection.length}"}`]]) {
        const { status, stderr } = spawnSync('sh', ['-c', `"$0" "$@" ${redirection}`, CHATCTL, ...words],
          { env: cleanEnvironment(ctl.env), encoding: 'utf8' });
        assert.equal(status, 1, stderr);
        assert.match(stderr, /apiKey ck_[\w-]{43}[,\n]/);
        if (words[0] === 'api') assert.match(stderr, /login owner-\d+ password \S+\n/);
      }
    }
  });

  test('a dry run makes no secret and says none', async () => {
    for (const words of [['app', 'create', 'tried'], ['app', 'key', 'create', 'shop']]) {
      for (const flags of [[], ['-o', 'tsv'], ['-q'], ['--fields', 'apiKey']]) {
        const { code, out, err } = await ctl.raw([...words, '--dry-run', ...flags]);
        assert.equal(code, 0, err);
        assert.doesNotMatch(out + err, /ck_|shown this once/);
        if (!flags.includes('-q')) assert.match(out, /operation/i);
      }
    }
    await ctl.fails(3, 'app', 'get', 'tried');
  });

  test('a misspelled --fields is refused before anything is done, and on one object as on many', async () => {
    await ctl.ok('user', 'create', '-a', 'shop', 'u1');
    await ctl.ok('room', 'create', '-a', 'shop', 'hall', '--users', 'u1');
    const writes = async () => (await ctl.json('status')).daemon.writes;
    const before = await writes();
    const input = 'apps: [{name: declared}]';
    for (const [words, near, meant] of [[['app', 'create', 'x'], 'nam', 'name'], [['app', 'ensure', 'x'], 'apikey', 'apiKey'], [['app', 'update', 'shop', '--name', 'y'], 'verifier', 'verifiers'],
      [['app', 'key', 'rotate', 'shop'], 'hnit', 'hint'], [['user', 'create', '-a', 'shop', 'u2'], 'appUserID', 'appUserId'], [['user', 'ban', '-a', 'shop', 'u1'], 'bna', 'ban'],
      [['room', 'member', 'add', '-a', 'shop', 'hall', 'u1'], 'member', 'members'], [['message', 'send', '-a', 'shop', 'hall', '--as', 'u1', 'hi'], 'seqs', 'seq'],
      [['account', 'create', 'a', '--password-stdin'], 'rol', 'role'], [['backup', 'create'], 'nmae', 'name'], [['drain', '--yes'], 'pidd', 'pid'], [['apply', '-f', '-'], 'chnage', 'change'],
      [['app', 'get', 'shop'], 'nam', 'name'], [['user', 'get', '-a', 'shop', 'u1'], 'idd', 'id'], [['whoami'], 'rol', 'role'], [['status'], 'helthy', 'healthy'],
      [['version'], 'chatdd', 'chatd'], [['tail', '-a', 'shop', '--since', 'all', '--limit', '1', '-o', 'tsv'], 'seqq', 'seq']]) {
      if (words[0] === 'tail') await ctl.ok('message', 'send', '-a', 'shop', 'hall', '--as', 'u1', 'to be seen');
      const { code, out, err } = await ctl.raw([...words, '--fields', near], { input });
      assert.equal(code, 2, `${words.join(' ')}: ${out}${err}`);
      assert.equal(out, '', words.join(' '));
      assert.match(err, new RegExp(`there is no field ${near}\\nhint: Did you mean ${meant}\\?`), words.join(' '));
      if (words[0] !== 'tail') assert.equal(await writes(), before, words.join(' '));
    }
    // An empty list refuses what a full one would, and takes what it would take.
    await ctl.ok('app', 'create', 'vacant');
    await ctl.ok('room', 'create', '-a', 'vacant', 'hall');
    await ctl.ok('app', 'create', 'lonely');
    await ctl.ok('user', 'create', '-a', 'lonely', 'idle');
    for (const [words, field] of [[['user', 'list', '-a', 'vacant'], 'middleName'], [['message', 'list', '-a', 'vacant', 'hall'], 'roomId'], [['backup', 'list'], 'state'],
      [['user', 'sessions', '-a', 'lonely', 'idle'], 'expiresAt'], [['room', 'member', 'list', '-a', 'vacant', 'hall'], 'middleName'], [['context', 'list'], 'loggedIn']]) {
      for (const format of ['json', 'tsv', 'table']) {
        assert.match(await ctl.fails(2, ...words, '-o', format, '--fields', 'nosuch'), /there is no field nosuch/);
        await ctl.ok(...words, '-o', format, '--fields', field);
      }
    }
    assert.match(await ctl.fails(2, 'app', 'list', '--fields', 'name,appId,name'), /--fields has name twice/);
  });

  test('every field of what a command writes can be asked for', async () => {
    const password = { input: 'a password for tests' };
    for (const [words, options] of [[['app', 'create', 'whole']], [['app', 'ensure', 'whole']], [['app', 'update', 'whole', '--settings', '{"autoCreateUsers":false}']], [['app', 'disable', 'whole']],
      [['app', 'enable', 'whole']], [['app', 'key', 'create', 'whole']], [['user', 'ensure', '-a', 'shop', 'w1']], [['user', 'update', '-a', 'shop', 'w1', '--first-name', 'W']],
      [['user', 'ban', '-a', 'shop', 'w1', '--for', '1h']], [['room', 'ensure', '-a', 'shop', 'whole', '--users', 'u1']], [['room', 'update', '-a', 'shop', 'whole', '--name', 'W']],
      [['room', 'member', 'role', '-a', 'shop', 'whole', 'u1', 'moderator']], [['message', 'send', '-a', 'shop', 'whole', '--as', 'u1', '--client-msg-id', 'm1', 'hi']],
      [['message', 'send', '-a', 'shop', 'whole', '--as', 'u1', '--client-msg-id', 'm1', 'hi']], [['account', 'update', 'owner-1', '--password-stdin'], password],
      [['reload']], [['loglevel', 'info']], [['drain', '--off']], [['import', '-a', 'shop', '-'], { input: '{"appUserId":"i"}', cwd: chatd.folder }]]) {
      const whole = await ctl.raw([...words, '-o', 'json'], options);
      assert.equal(whole.code, 0, whole.err);
      const fields = Object.keys(JSON.parse(whole.out));
      const again = words[1] === 'create' && words[0] === 'app' ? ['app', 'create', 'whole2'] : words;
      const asked = await ctl.raw([...again, '-o', 'json', '--fields', fields.join(',')], options);
      assert.equal(asked.code, 0, `${words.join(' ')}: ${asked.err}`);
      assert.deepEqual(Object.keys(JSON.parse(asked.out)), fields);
    }
  });
});
