// Every command of chatctl against a real daemon: what it prints as data, and its exit code.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Authority } from '../support/certificates.mjs';
import { ChatClient } from '../support/chat_client.mjs';
import { Chatctl, missing } from '../support/chatctl.mjs';
import { CHATCTL, Chatd } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

for (const over of ['the Unix socket', 'TLS']) describe(`chatctl over ${over}`, () => {
  let chatd;
  let ctl;
  let bare; // over plain TCP, with no credential

  before(async () => {
    Chatctl.asked.length = 0;
    let authority;
    chatd = await Chatd.start({
      listen: (folder) => {
        authority = new Authority(folder);
        return [{ address: '127.0.0.1', port: 0 }, { address: '127.0.0.1', port: 0, tls: authority.issue('localhost') }];
      },
    });
    ctl = new Chatctl(chatd);
    bare = ctl.with({ CHATCTL_SERVER: chatd.url });
    if (over === 'TLS') {
      await chatd.must('POST', '/auth/register', { login: 'root', password: 'the password', role: 'operator' });
      const { token } = await chatd.must('POST', '/auth/login', { login: 'root', password: 'the password' });
      const url = chatd.urls.find((one) => one.startsWith('https:'));
      ctl = ctl.with({ CHATCTL_SERVER: url, CHATCTL_TOKEN: token, SSL_CERT_FILE: authority.file });
    }
    await ctl.ok('app', 'create', 'shop');
    await ctl.ok('user', 'create', '-a', 'shop', '1', '--first-name', 'Ann');
    await ctl.ok('user', 'create', '-a', 'shop', '2', '--first-name', 'Bob');
    await ctl.ok('room', 'create', '-a', 'shop', 'support', '--type', 'group', '--users', '1,2');
  });
  after(() => chatd.stop());

  test('app update, disable and enable', async () => {
    const made = await ctl.json('app', 'create', 'other');
    const changed = await ctl.json('app', 'update', 'other', '--settings', '{"autoCreateUsers":false}', '--name', 'renamed');
    assert.equal(changed.settings.autoCreateUsers, false);
    assert.equal(changed.name, 'renamed');
    const keyed = ctl.with({ CHATCTL_SERVER: chatd.url, CHATCTL_TOKEN: made.apiKey });
    assert.equal((await keyed.json('user', 'list')).items.length, 0);
    assert.equal((await ctl.json('app', 'disable', 'renamed')).settings.enabled, false);
    assert.match(await keyed.fails(5, 'user', 'list'), /disabled/);
    assert.equal((await ctl.json('app', 'enable', 'renamed')).settings.enabled, true);
    assert.equal((await keyed.json('user', 'list')).items.length, 0);
    await ctl.fails(2, 'app', 'update', 'renamed');
    await ctl.fails(7, 'app', 'update', 'renamed', '--settings', '{"nonsense":1}');
    await keyed.fails(5, 'app', 'create', 'mine');
  });

  test('a disabled app ends its live sessions and takes no token', async () => {
    const app = await ctl.json('app', 'create', 'closing');
    const token = 'token-of-the-closing-app';
    await chatd.must('POST', '/user', { appUserId: 1, token }, { token: app.apiKey });
    await chatd.must('POST', '/room', { room: 'r', users: [1] }, { token: app.apiKey });
    const client = await ChatClient.join(chatd.url, token, 'r');
    try {
      await ctl.ok('app', 'disable', 'closing');
      await client.next('error', (error) => error.code === 'app_disabled');
      await assert.rejects(ChatClient.join(chatd.url, token, 'r'));
    } finally {
      client.close();
    }
  });

  test('app key list, create, rotate, revoke', async () => {
    const app = await ctl.json('app', 'create', 'keyed');
    const works = async (key) => (await ctl.with({ CHATCTL_SERVER: chatd.url, CHATCTL_TOKEN: key }).raw(['user', 'list'])).code === 0;
    const second = await ctl.json('app', 'key', 'create', 'keyed');
    assert.ok(await works(app.apiKey) && await works(second.apiKey));
    const third = await ctl.json('app', 'key', 'rotate', 'keyed', '--grace', '1h');
    assert.ok(await works(second.apiKey) && await works(third.apiKey));
    const keys = (await ctl.json('app', 'key', 'list', 'keyed')).items;
    assert.equal(keys.length, 3);
    assert.ok(keys.every((key) => key.apiKey === undefined));
    await ctl.fails(2, 'app', 'key', 'revoke', 'keyed', String(second.id));
    await ctl.ok('app', 'key', 'revoke', 'keyed', second.id, '--yes');
    assert.ok(!await works(second.apiKey));
    await ctl.fails(2, 'app', 'key', 'rotate', 'keyed', '--grace', '0');
    const last = await ctl.json('app', 'key', 'rotate', 'keyed', '--grace', '0', '--yes');
    assert.ok(!await works(third.apiKey) && await works(last.apiKey));
    await ctl.fails(3, 'app', 'key', 'revoke', 'keyed', '999999', '--yes');
  });

  test('account create, list, get, update, delete, and a login that works', async () => {
    const made = await ctl.raw(['account', 'create', 'ops', '--role', 'owner', '--apps', 'shop', '--password-stdin', '-o', 'json'],
      { input: 'correct horse\n' });
    assert.equal(made.code, 0, made.err);
    assert.equal(JSON.parse(made.out).appIds.length, 1);
    assert.ok((await ctl.ok('account', 'list', '-o', 'name')).split('\n').includes('ops'));
    assert.equal((await ctl.json('account', 'update', 'ops', '--role', 'operator')).role, 'operator');
    assert.equal((await ctl.json('account', 'get', 'ops')).login, 'ops');
    const remote = bare;
    await remote.fails(4, 'app', 'list');
    const login = await remote.raw(['login', '--login', 'ops', '--password-stdin'], { input: 'correct horse' });
    assert.equal(login.code, 0, login.err);
    const file = join(ctl.home, '.config/chatctl/config.yaml');
    assert.equal(statSync(file).mode & 0o777, 0o600);
    assert.equal((await remote.json('whoami')).role, 'operator');
    assert.ok((await remote.json('app', 'list')).items.length > 0);
    await remote.ok('logout');
    assert.ok(!readFileSync(file, 'utf8').includes('ca_'));
    await remote.fails(4, 'whoami');
    await ctl.ok('account', 'delete', 'ops', '-y');
    await ctl.fails(3, 'account', 'get', 'ops');
  });

  test('what is refused is told in the words of the command, with advice that helps', async () => {
    const told = async (expected, words, ...said) => {
      const err = await ctl.fails(expected, ...words);
      for (const text of said) assert.match(err, text, words.join(' '));
      assert.doesNotMatch(err, /(GET|POST|PUT|DELETE) \/(?!openapi)/, words.join(' '));
      return err;
    };
    await told(3, ['app', 'key', 'revoke', 'shop', '999999', '--yes'], /app shop has no key 999999/, /chatctl app key list shop/);
    await told(3, ['plugin', 'show', 'jwtt'], /there is no plugin "jwtt"/);
    await told(3, ['message', 'get', '999999'], /no such message/);
    await told(3, ['room', 'member', 'add', '-a', 'shop', 'suport', '1'], /there is no room suport/, /Did you mean support/);
    await told(3, ['message', 'send', '-a', 'shop', 'support', '--as', '11', 'hi'], /there is no user 11/, /Did you mean 1/);
    await told(3, ['api', 'get', '/ap'], /There is no such path/, /openapi\.json. has all paths/);
    await told(2, ['user', 'ban', '-a', 'shop', '1', '--for', 'soon'], /--for: how long is soon\?/, /15m, 24h, 7d/);
    await told(7, ['user', 'ban', '-a', 'shop', '1', '--until', 'tomorrow'], /until: /, /2030-01-31T00:00:00Z; or how long by --for 24h/);
    await told(7, ['user', 'ban', '-a', 'shop', '1', '--until', '2020-01-01T00:00:00Z'], /in the past/, /--for 24h/);
    const wrong = await bare.raw(['login', '--login', 'nobody', '--password-stdin'], { input: 'wrong' });
    assert.equal(wrong.code, 4);
    assert.match(wrong.err, /the login or the password is wrong/);
    assert.doesNotMatch(wrong.err, /chatctl login/);
    assert.match(await bare.fails(4, 'whoami'), new RegExp(`Nobody is logged in there: run .chatctl login --server ${chatd.url}`));
    assert.match(await bare.with({ CHATCTL_TOKEN: 'ca_wrong' }).fails(4, 'whoami'), /The token is the one of CHATCTL_TOKEN: name another/);
  });

  test('a text of - is the standard input, as everywhere else', async () => {
    const said = await ctl.raw(['message', 'send', '-a', 'shop', 'support', '--as', '1', '-', '-o', 'json'], { input: 'piped\n' });
    assert.equal(said.code, 0, said.err);
    assert.equal(JSON.parse(said.out).text, 'piped');
    const since = await ctl.raw(['tail', '-a', 'shop', 'support', '--since', '2020-01-01', '--limit', '1', '-o', 'ndjson']);
    assert.equal(since.code, 0, since.err);
    assert.match(await ctl.fails(2, 'tail', '-a', 'shop', 'support', '--since', '2020-1-1'), /a date \(2026-01-31\)/);
  });

  test('api DELETE asks first, as every command does that destroys', async () => {
    const { appId } = await ctl.json('app', 'create', 'doomed');
    assert.match(await ctl.fails(2, 'api', 'DELETE', `/app/${appId}`), /Deleting app doomed with its users, rooms and messages cannot be undone/);
    await ctl.ok('room', 'create', '-a', 'doomed', 'hall');
    const { id } = await ctl.json('room', 'get', '-a', 'doomed', 'hall');
    assert.match(await ctl.fails(2, 'api', 'DELETE', `/room/${id}`), /DELETE \/room\/\d+\? Nobody is at the terminal to say yes/);
    await ctl.ok('api', 'DELETE', `/room/${id}`, '--yes');
    await ctl.fails(2, 'api', 'DELETE', `/app/${appId}`, '--yes');
    await ctl.fails(2, 'api', 'DELETE', `/app/${appId}`, '--yes', '--confirm', 'doom');
    await ctl.fails(2, 'api', 'delete', `/app/${appId}`);
    const tried = await ctl.raw(['api', 'DELETE', `/app/${appId}`, '--dry-run']);
    assert.equal(tried.code, 0, tried.err);
    await ctl.ok('app', 'get', 'doomed');
    await ctl.ok('api', 'DELETE', `/app/${appId}`, '--yes', '--confirm', 'doomed');
    await ctl.fails(3, 'app', 'get', 'doomed');
  });

  test('an ensure that changes nothing changes nothing: updatedAt stays', async () => {
    await ctl.ok('app', 'create', 'still');
    const words = ['user', 'ensure', '-a', 'still', 'same', '--first-name', 'S', '--metadata', '{"a":[1,2]}'];
    const first = await ctl.json(...words);
    const last = async () => (await ctl.json('user', 'get', '-a', 'still', 'same')).updatedAt;
    assert.equal((await ctl.json(...words)).updatedAt, first.updatedAt);
    assert.equal((await ctl.json('user', 'update', '-a', 'still', 'same', '--first-name', 'S')).updatedAt, first.updatedAt);
    assert.equal(await last(), first.updatedAt);
    await until('the clock has moved', () => new Date().toISOString() > first.updatedAt);
    assert.ok((await ctl.json('user', 'ensure', '-a', 'still', 'same', '--last-name', 'T')).updatedAt > first.updatedAt);
    assert.ok(await last() > first.updatedAt);
  });

  test('contexts: a new one wants a server of its own, and one that is there keeps what is not named', async () => {
    const own = ctl.with({ CHATCTL_SERVER: '', XDG_CONFIG_HOME: join(ctl.home, 'contexts') });
    assert.match(await own.fails(2, 'context', 'add', 'first'), /which server\? --server is missing/);
    await own.ok('context', 'add', 'first', '--server', chatd.url, '-a', 'shop');
    assert.match(await own.fails(2, 'context', 'add', 'second'), /which server/);
    await own.ok('context', 'add', 'second', '--server', 'http://127.0.0.1:1');
    assert.equal((await own.json('context', 'show', 'second')).app, null);
    assert.match(await own.fails(2, 'context', 'add', 'first'), /nothing to change/);
    await own.ok('context', 'add', 'first', '-a', 'other');
    const { server, app } = await own.json('context', 'show', 'first');
    assert.deepEqual({ server, app }, { server: chatd.url, app: 'other' });
    assert.match(await own.fails(3, 'context', 'use', 'frist'), /there is no context frist\nhint: Did you mean first/);
    await own.with({ CHATCTL_SERVER: chatd.url }).ok('context', 'add', 'third');
    assert.equal((await own.json('context', 'show', 'third')).server, chatd.url);
  });

  test('contexts: a flag wins over the environment, the environment over the context', async () => {
    const plain = ctl.with({ CHATCTL_SERVER: '' });
    await plain.ok('context', 'add', 'here', '--server', `unix:${chatd.adminSocket}`, '-a', 'shop');
    await plain.ok('context', 'add', 'nowhere', '--server', 'http://127.0.0.1:1');
    await plain.ok('context', 'use', 'nowhere');
    await plain.fails(8, 'app', 'list');
    assert.equal((await plain.json('user', 'list', '-c', 'here')).items.length, 2);
    assert.equal((await plain.with({ CHATCTL_CONTEXT: 'here' }).json('user', 'list')).items.length, 2);
    await plain.with({ CHATCTL_CONTEXT: 'here' }).fails(8, 'app', 'list', '-c', 'nowhere');
    await plain.ok('context', 'use', 'here');
    assert.equal((await plain.json('user', 'list')).items.length, 2);
    await plain.with({ CHATCTL_APP: 'no-such-app' }).fails(3, 'user', 'list');
    assert.equal((await plain.with({ CHATCTL_APP: 'no-such-app' }).json('user', 'list', '-a', 'shop')).items.length, 2);
    assert.equal((await plain.with({ CHATCTL_OUTPUT: 'name' }).ok('app', 'get', 'shop')), 'shop\n');
    const names = (await plain.json('context', 'list')).items.map((item) => item.name);
    assert.ok(names.includes('here') && names.includes('nowhere'));
    assert.equal((await plain.json('context', 'show', 'here')).app, 'shop');
    assert.match(await plain.fails(2, 'user', 'list', '-c', 'hree'), /Did you mean here\?/);
    await plain.ok('context', 'remove', 'here');
    await plain.ok('context', 'remove', 'nowhere');
    await plain.fails(3, 'context', 'use', 'here');
    const many = Array.from({ length: 8 }, (_, i) => `at-once-${i}`);
    await Promise.all(many.map((name) => plain.ok('context', 'add', name, '--server', chatd.url)));
    const kept = (await plain.json('context', 'list')).items.map((item) => item.name);
    assert.deepEqual(kept.filter((name) => name.startsWith('at-once-')).sort(), many);
    await Promise.all(many.map((name) => plain.ok('context', 'remove', name)));
  });

  test('user update, sessions, kick, ban, unban, revoke', async () => {
    const changed = await ctl.json('user', 'update', '-a', 'shop', '1', '--last-name', 'Lee', '--metadata', '{"vip":true}');
    assert.equal(changed.lastName, 'Lee');
    assert.deepEqual(changed.metadata, { vip: true });
    assert.equal((await ctl.json('user', 'update', '-a', 'shop', '1', '--last-name', '')).lastName, null);
    const token = 'a-token-to-be-kicked';
    assert.equal((await ctl.raw(['user', 'ensure', '-a', 'shop', '1', '--token-stdin'], { input: token })).code, 0);
    const client = await ChatClient.join(chatd.url, token, 'support');
    try {
      assert.equal((await ctl.json('user', 'sessions', '-a', 'shop', '1')).items.length, 1);
      await ctl.ok('user', 'kick', '-a', 'shop', '1');
      await client.next('error', (error) => error.code === 'kicked');
    } finally {
      client.close();
    }
    await until('no session', async () => (await ctl.json('user', 'sessions', '-a', 'shop', '1')).items.length === 0);
    const banned = await ctl.json('user', 'ban', '-a', 'shop', '1', '--for', '1h', '--reason', 'spam');
    const left = Date.parse(banned.ban.until) - Date.now();
    assert.ok(left > 3_500_000 && left <= 3_600_000, String(left));
    await ctl.fails(5, 'message', 'send', '-a', 'shop', 'support', '--as', '1', 'hello');
    await ctl.ok('user', 'unban', '-a', 'shop', '1');
    assert.equal((await ctl.json('user', 'get', '-a', 'shop', '1')).ban, null);
    await ctl.fails(2, 'user', 'revoke', '-a', 'shop', '1');
    await ctl.ok('user', 'revoke', '-a', 'shop', '1', '--yes');
    await assert.rejects(ChatClient.join(chatd.url, token, 'support'));
  });

  test('room update, member list and role, message get and delete', async () => {
    assert.equal((await ctl.json('room', 'update', '-a', 'shop', 'support', '--name', 'Help')).name, 'Help');
    assert.equal((await ctl.json('room', 'list', '-a', 'shop')).items.length, 1);
    const room = await ctl.json('room', 'member', 'role', '-a', 'shop', 'support', '2', 'moderator');
    assert.equal(room.members.find((member) => member.appUserId === '2').role, 'moderator');
    assert.equal((await ctl.json('room', 'member', 'list', '-a', 'shop', 'support')).items.length, 2);
    const sent = await ctl.json('message', 'send', '-a', 'shop', 'support', '--as', '2', 'one');
    assert.equal((await ctl.json('message', 'get', String(sent.id))).text, 'one');
    await ctl.fails(2, 'message', 'delete', String(sent.id));
    await ctl.ok('message', 'delete', String(sent.id), '--yes');
    assert.notEqual((await ctl.json('message', 'get', String(sent.id))).deletedAt, null);
    await ctl.ok('room', 'create', '-a', 'shop', 'gone', '--type', 'group');
    await ctl.ok('room', 'delete', '-a', 'shop', 'gone', '-y');
    await ctl.fails(3, 'room', 'get', '-a', 'shop', 'gone');
    await ctl.ok('user', 'create', '-a', 'shop', 'gone');
    await ctl.ok('user', 'delete', '-a', 'shop', 'gone', '-y');
  });

  test('names that are misspelled are guessed', async () => {
    assert.match(await ctl.fails(3, 'app', 'get', 'shpo'), /Did you mean shop\?/);
    assert.match(await ctl.fails(3, 'room', 'get', '-a', 'shop', 'suport'), /Did you mean support\?/);
    assert.match(await ctl.fails(3, 'user', 'list', '-a', 'shoop'), /Did you mean shop\?/);
    assert.match(await ctl.fails(2, 'app', 'lits'), /Did you mean list\?/);
    assert.match(await ctl.fails(2, 'app', 'list', '--ouptut', 'json'), /Did you mean --output\?/);
  });

  test('--fields, -o wide, -q, --no-headers, and a misspelled field', async () => {
    assert.equal(await ctl.ok('app', 'list', '--fields', 'name,settings.autoCreateUsers', '-o', 'tsv', '--no-headers', '--limit', '1'),
      'shop\ttrue\n');
    assert.deepEqual(await ctl.json('app', 'get', 'shop', '--fields', 'name'), { name: 'shop' });
    assert.match(await ctl.ok('app', 'list', '-o', 'wide'), /ENABLED/);
    assert.doesNotMatch(await ctl.ok('app', 'list'), /ENABLED/);
    assert.match(await ctl.fails(2, 'app', 'list', '--fields', 'nmae'), /Did you mean name\?/);
  });

  test('--dry-run is judged by the server and changes nothing', async () => {
    const tried = await ctl.json('app', 'create', 'tried', '--dry-run');
    assert.deepEqual(tried, { dryRun: true, operation: 'createApp', changes: true });
    await ctl.fails(3, 'app', 'get', 'tried');
    await ctl.fails(7, 'app', 'create', 'a/b', '--dry-run');
    await ctl.fails(6, 'app', 'create', 'shop', '--dry-run');
    await ctl.ok('app', 'delete', 'shop', '--dry-run');
    await ctl.ok('user', 'delete', '-a', 'shop', '1', '--dry-run');
    // Users, rooms and members: refused as the real call would be, and told whether it would change anything.
    const inShop = (...words) => [...words.slice(0, 2), '-a', 'shop', ...words.slice(2), '--dry-run'];
    const judged = async (...words) => (await ctl.json(...inShop(...words))).changes;
    await ctl.fails(6, ...inShop('user', 'create', '1'));
    assert.equal(await judged('user', 'create', 'unheard-of'), true);
    assert.equal(await judged('user', 'ensure', '1', '--first-name', 'Ann'), false);
    assert.equal(await judged('user', 'ensure', '1', '--first-name', 'Bea'), true);
    await ctl.fails(6, ...inShop('room', 'create', 'support', '--users', '1'));
    assert.match(await ctl.fails(3, ...inShop('room', 'create', 'tried', '--users', '1,nobody')), /There is no user nobody/);
    await ctl.fails(7, ...inShop('room', 'create', 'tried', '--type', 'direct', '--users', '1'));
    assert.equal(await judged('room', 'create', 'tried', '--users', '1'), true);
    assert.match(await ctl.fails(3, 'room', 'member', 'add', '-a', 'shop', 'support', 'nobody', '--dry-run'), /There is no user nobody/);
    for (const [verb, user, changes] of [['add', '1', false], ['remove', '1', true]])
      assert.equal((await ctl.json('room', 'member', verb, '-a', 'shop', 'support', user, '--dry-run')).changes, changes, verb);
    await ctl.fails(3, 'room', 'get', '-a', 'shop', 'tried');
    assert.equal((await ctl.json('room', 'get', '-a', 'shop', 'support')).members.length, 2);
    assert.equal((await ctl.json('user', 'list', '-a', 'shop')).items.length, 2);
  });

  test('status, version, wait, loglevel, reload, drain', async () => {
    const status = await ctl.json('status');
    assert.equal(status.ready, true);
    assert.equal(status.daemon.pid, chatd.pid);
    const version = await ctl.json('version');
    assert.equal(version.chatctl, version.chatd);
    assert.equal((await ctl.with({ CHATCTL_SERVER: 'http://127.0.0.1:1' }).json('version')).chatd, null);
    await ctl.ok('wait', '--for', 'ready', '--within', '10s');
    assert.equal((await ctl.json('loglevel', 'debug')).logLevel, 'debug');
    assert.equal((await ctl.json('loglevel')).logLevel, 'debug');
    assert.deepEqual(await ctl.json('reload'), { applied: [], needRestart: [], warnings: [] });
    assert.equal((await ctl.json('loglevel')).logLevel, 'info');
    await ctl.fails(2, 'drain');
    assert.equal((await ctl.json('drain', '--yes')).draining, true);
    await ctl.ok('wait', '--for', 'drained', '--within', '10s');
    const drained = await ctl.raw(['status', '-o', 'json']);
    assert.equal(drained.code, 11);
    assert.equal(JSON.parse(drained.out).ready, false);
    assert.equal((await ctl.raw(['wait', '--within', '1s'])).code, 11);
    assert.equal((await ctl.json('drain', '--off')).draining, false);
    await ctl.ok('wait');
    assert.equal((await ctl.with({ CHATCTL_SERVER: 'http://127.0.0.1:1' }).raw(['wait', '--within', '1s'])).code, 8);
  });

  test('api sends anything', async () => {
    assert.equal(JSON.parse(await ctl.ok('api', 'GET', '/app/shop')).name, 'shop');
    await ctl.fails(7, 'api', 'POST', '/app', '-d', '{"nope":1}');
  });

  test('-v and --debug go to stderr and hold no secret', async () => {
    const { out, err } = await ctl.raw(['app', 'create', 'debugged', '--debug', '-o', 'json']);
    const { apiKey, login } = JSON.parse(out);
    assert.match(err, /POST \/app -> 201/);
    assert.match(err, /"apiKey":"\*\*\*"/);
    assert.ok(!err.includes(apiKey) && !err.includes(login.password));
    const token = 'ck_' + 'x'.repeat(43);
    const refused = await ctl.with({ CHATCTL_SERVER: chatd.url, CHATCTL_TOKEN: token }).raw(['app', 'list', '--debug']);
    assert.equal(refused.code, 4);
    assert.match(refused.err, /Authorization: Bearer \*\*\*/);
    assert.ok(!refused.err.includes(token));
  });

  test('a token comes from a file or the environment, never from the command line', async () => {
    const { apiKey } = await ctl.json('app', 'create', 'filed');
    const file = join(ctl.home, 'key');
    writeFileSync(file, `${apiKey}\n`, { mode: 0o600 });
    const remote = bare;
    assert.equal((await remote.json('whoami', '--token-file', file)).kind, 'appKey');
    assert.equal(await remote.ok('app', 'list', '--token-file', file, '-o', 'name'), 'filed\n');
    assert.doesNotMatch(await ctl.ok('--help'), /--token[ =]/);
  });

  test('-o json of each noun is what jq reads', { skip: missing('jq') }, async () => {
    const lists = [['app', 'list'], ['app', 'key', 'list', 'shop'], ['user', 'list', '-a', 'shop'], ['room', 'list', '-a', 'shop'],
      ['room', 'member', 'list', '-a', 'shop', 'support'], ['message', 'list', '-a', 'shop', 'support'], ['account', 'list'],
      ['context', 'list'], ['user', 'sessions', '-a', 'shop', '1'], ['plugin', 'list'], ['backup', 'list']];
    for (const words of lists) {
      const piped = spawnSync('sh', ['-c', '"$0" "$@" -o json | jq -e ".items | type == \\"array\\""', CHATCTL, ...words],
        { env: { ...process.env, ...ctl.env }, encoding: 'utf8' });
      assert.equal(piped.stdout, 'true\n', words.join(' ') + piped.stderr);
    }
    for (const words of [['status'], ['version'], ['whoami'], ['app', 'get', 'shop'], ['loglevel'],
      ['watch', 'stats', '--limit', '1'], ['plugin', 'show', 'jwt']]) {
      const piped = spawnSync('sh', ['-c', '"$0" "$@" -o json | jq -e type', CHATCTL, ...words],
        { env: { ...process.env, ...ctl.env }, encoding: 'utf8' });
      assert.equal(piped.stdout, '"object"\n', words.join(' ') + piped.stderr);
    }
  });

  test('errors are JSON with -o json, and every exit code has its text', async () => {
    const { err } = await ctl.raw(['app', 'get', 'nothing', '-o', 'json']);
    const error = JSON.parse(err);
    assert.deepEqual(Object.keys(error), ['code', 'message', 'hint', 'requestId']);
    assert.equal(error.code, 'not_found');
    const text = await ctl.ok('help', 'exit-codes');
    for (const code of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 130]) assert.match(text, new RegExp(`^ *${code}  `, 'm'));
    for (const topic of ['formats', 'environment', 'files']) assert.notEqual(await ctl.ok('help', topic), '');
  });

  test('odd names neither break a line nor act on the terminal', async () => {
    // Control characters are refused in names; in texts and metadata they are not.
    assert.match(await ctl.fails(7, 'user', 'ensure', '-a', 'shop', '--', 'two\nlines'), /control character/);
    const odd = ['right-to-\u202eleft', 'a "quote" and \'another\'', '-leading-dash', 'back\\slash', '$(touch x)', '[list]'];
    for (const name of odd) {
      const metadata = JSON.stringify({ text: 'two\nlines, an \u001b[31mescape' });
      await ctl.ok('user', 'ensure', '-a', 'shop', `--first-name=${name}`, '--metadata', metadata, '--', name);
      assert.equal((await ctl.json('user', 'get', '-a', 'shop', '--', name)).firstName, name);
    }
    await ctl.ok('room', 'member', 'add', '-a', 'shop', 'support', '--', ...odd);
    await ctl.ok('message', 'send', '-a', 'shop', 'support', '--as=-leading-dash', '--', 'two\nlines\u001b[2J');
    assert.equal((await ctl.ok('message', 'list', '-a', 'shop', 'support', '--limit', '1', '--no-headers')).split('\n').length, 2);
    const out = await ctl.ok('user', 'list', '-a', 'shop', '-o', 'wide');
    assert.ok(!out.includes('\u001b') && !out.includes('\u202e'));
    assert.equal(out.trimEnd().split('\n').length, 1 + 2 + odd.length);
    const tsv = await ctl.ok('user', 'list', '-a', 'shop', '-o', 'tsv', '--no-headers');
    assert.ok(tsv.trimEnd().split('\n').every((line) => line.split('\t').length === 5));
    for (const name of odd) await ctl.ok('user', 'delete', '-a', 'shop', '-y', '--', name);
  });

  test('an app is named by a word or by -a, and verify-test says what the chain says', async () => {
    await ctl.ok('app', 'create', 'named', '--verifier', 'allow', '--verifier-config', '{"prefix":"guest-"}');
    const [key] = (await ctl.json('app', 'key', 'list', 'named')).items;
    assert.deepEqual((await ctl.json('app', 'key', 'list', '-a', 'named')).items, [key]);
    const second = await ctl.json('app', 'key', 'create', '-a', 'named');
    const third = await ctl.json('app', 'key', 'rotate', '-a', 'named', '--grace', '1h');
    await ctl.ok('app', 'key', 'revoke', '-a', 'named', String(second.id), '--yes');
    await ctl.ok('app', 'key', 'revoke', 'named', String(third.id), '--yes');
    assert.deepEqual((await ctl.json('app', 'key', 'list', 'named')).items.map((one) => one.id), [key.id]);
    assert.match(await ctl.fails(2, 'app', 'key', 'list'), /which app\?/);
    assert.match(await ctl.fails(2, 'app', 'key', 'revoke', '5', '--yes'), /which app\?/);
    const verify = (input, ...words) => ctl.raw(['app', 'verify-test', '--token-stdin', ...words], { input });
    const allowed = await verify('zoe\n', 'named', '-o', 'json');
    assert.equal(allowed.code, 0, allowed.err);
    assert.equal(JSON.parse(allowed.out).verdict, 'allow');
    assert.deepEqual(JSON.parse(allowed.out).steps.map((step) => [step.plugin, step.verdict, step.appUserId]), [['allow', 'allow', 'guest-zoe']]);
    const table = await verify('zoe', '-a', 'named');
    assert.match(table.out, /^PLUGIN +VERDICT.*\nallow +allow/);
    assert.match(table.err, /the chain says allow/);
    assert.equal((await verify('zoe', '-a', 'named', '-o', 'name')).out, 'allow\n');
    await ctl.ok('app', 'update', 'named', '--verifiers', '[]');
    const denied = await verify('zoe', 'named', '-o', 'json');
    assert.deepEqual(JSON.parse(denied.out), { verdict: 'deny', steps: [] });
    assert.equal(denied.code, 7, denied.err);
    await ctl.ok('app', 'update', 'named', '--verifiers', '[{"plugin":"http","config":{"url":"http://127.0.0.1:1/"}}]');
    const nobodyKnows = await verify('zoe', 'named');
    assert.match(nobodyKnows.out, /unavailable/);
    assert.equal(nobodyKnows.code, 8, nobodyKnows.err);
    assert.equal((await verify('', 'named')).code, 2);
    assert.equal((await verify('zoe')).code, 2);
    assert.equal((await verify('zoe', 'nobody-is-called-so')).code, 3);
  });

  test('what cannot be undone wants --yes without a terminal, and what can be does not ask', async () => {
    await ctl.ok('app', 'create', 'asked');
    for (const user of ['1', '2']) await ctl.ok('user', 'create', '-a', 'asked', user);
    await ctl.ok('room', 'create', '-a', 'asked', 'r', '--type', 'group', '--users', '1,2');
    const sent = await ctl.json('message', 'send', '-a', 'asked', 'r', '--as', '1', 'hello');
    const [key] = (await ctl.json('app', 'key', 'list', 'asked')).items;
    const [owner] = (await ctl.json('account', 'list')).items;
    await ctl.ok('backup', 'create', '--name', 'asked');
    for (const words of [['user', 'delete', '-a', 'asked', '1'], ['user', 'revoke', '-a', 'asked', '1'], ['room', 'delete', '-a', 'asked', 'r'],
      ['message', 'delete', String(sent.id)], ['app', 'key', 'revoke', 'asked', String(key.id)], ['app', 'key', 'rotate', 'asked', '--grace', '0'],
      ['account', 'delete', owner.login], ['backup', 'delete', 'asked'], ['drain'], ['app', 'delete', 'asked'], ['app', 'delete', 'asked', '--yes']]) {
      const err = await ctl.fails(2, ...words);
      assert.match(err, /--yes/, words.join(' '));
    }
    await ctl.ok('backup', 'delete', 'asked', '--yes');
    for (const words of [['user', 'kick', '-a', 'asked', '1'], ['user', 'ban', '-a', 'asked', '1'], ['user', 'unban', '-a', 'asked', '1'],
      ['room', 'member', 'remove', '-a', 'asked', 'r', '2'], ['room', 'member', 'add', '-a', 'asked', 'r', '2'],
      ['app', 'disable', 'asked'], ['app', 'enable', 'asked'], ['drain', '--off']]) await ctl.ok(...words);
    // The owner that came with the app goes with it.
    const owns = async (login) => (await ctl.json('account', 'list')).items.some((account) => account.login === login);
    const { login } = await ctl.json('app', 'create', 'brief');
    assert.ok(await owns(login.login));
    await ctl.ok('app', 'delete', 'brief', '--yes', '--confirm', 'brief');
    assert.ok(!await owns(login.login));
  });

  test('app names with quotes, dashes, emoji and 128 bytes work; with control characters, slashes and more bytes they do not', async () => {
    for (const name of ['a "quoted" \'name\'', '-dash', '😀 und ü', 'x'.repeat(128), '$(reboot)', '[a]', '--', 'a,b', '@file']) {
      const made = JSON.parse((await ctl.raw(['app', 'create', '-o', 'json', '--', name])).out);
      assert.equal(made.name, name);
      assert.equal((await ctl.raw(['app', 'get', '-q', '--', name])).out, `${made.appId}\n`);
      await ctl.ok('room', 'create', '-a', String(made.appId), '--type', 'group', '--', name);
      assert.equal((await ctl.raw(['room', 'get', '-o', 'json', `--app=${name}`, '--', name])).code, 0, name);
      assert.equal((await ctl.raw(['app', 'delete', '--yes', `--confirm=${name}`, '--', name])).code, 0, name);
    }
    for (const name of ['two\nlines', 'an \u001b[31mescape', 'a/b', '42', '', 'é'.repeat(65)]) {
      const { code, out, err } = await ctl.raw(['app', 'create', '--', name]);
      assert.equal(code, 7, JSON.stringify(name) + err);
      assert.equal(out, '');
      assert.ok(!err.includes('\u001b'));
    }
    assert.match(await ctl.fails(2, 'app', 'get', 'shop', '--', '-q'), /one word too many: -q/);
  });

  test('files of contexts and tokens that are broken are named, and never overwritten', async () => {
    const own = join(ctl.home, 'broken');
    const there = ctl.with({ XDG_CONFIG_HOME: own });
    mkdirSync(join(own, 'chatctl'), { recursive: true });
    const file = join(own, 'chatctl/config.yaml');
    for (const [text, said] of [['contexts: [', /config\.yaml:\d+: /], ['contexts: {a: 5}', /config\.yaml:1: context a is no map/], ['contexts: 7', /config\.yaml:1: contexts is no map/],
      ['[]', /config\.yaml:1: it is no map/], ['contexts: {a: {app: x}}', /config\.yaml:1: context a has no server/], ['current: [x]', /config\.yaml:1: /]]) {
      writeFileSync(file, text, { mode: 0o600 });
      for (const words of [['app', 'list'], ['context', 'add', 'new', '--server', 'http://127.0.0.1:1']]) {
        const err = await there.fails(1, ...words);
        assert.match(err, said);
        assert.match(err, /Mend the file or remove it/);
      }
      // Who looks for faults goes on behind this one.
      const found = await there.raw(['doctor', '-o', 'json']);
      assert.equal(found.code, 1, found.err);
      const { items } = JSON.parse(found.out);
      assert.deepEqual(items.filter((one) => one.state === 'failed').map((one) => one.check), ['contexts']);
      assert.match(items[0].detail, said);
      assert.equal(items[0].mend, `mend that line, or mv ${file} ${file}.broken and log in again`);
      assert.ok(items.some((one) => one.check === 'ready'), found.out);
      assert.match(await there.ok('completion', 'bash'), /chatctl/);
      assert.equal(readFileSync(file, 'utf8'), text);
    }
    assert.match(await ctl.fails(2, 'app', 'list', '--token-file', join(own, 'none')), /No such file/);
    assert.match(await ctl.fails(2, 'app', 'list', '--token-file', own), /Is a directory/);
    writeFileSync(join(own, 'empty'), '\n');
    assert.match(await ctl.fails(2, 'app', 'list', '--token-file', join(own, 'empty')), /holds no token/);
    // Without a home there is nothing to read, and nowhere to write.
    const homeless = ctl.with({ HOME: '', XDG_CONFIG_HOME: '' });
    await homeless.ok('app', 'list');
    assert.match(await homeless.fails(1, 'context', 'add', 'x', '--server', 'http://127.0.0.1:1'), /set HOME or XDG_CONFIG_HOME/);
  });

  test('declared state, bulk work, live commands, plugins and backups', async () => {
    const file = join(ctl.home, 'declared.yaml');
    writeFileSync(file, 'apps: [{name: declared, users: [{appUserId: 1}], rooms: [{room: r, users: [1]}]}]\n');
    assert.equal((await ctl.raw(['diff', '-f', file])).code, 10);
    await ctl.ok('apply', '-f', file);
    await ctl.ok('app', 'ensure', 'declared');
    await ctl.ok('room', 'ensure', '-a', 'declared', 'r');
    await ctl.ok('message', 'send', '-a', 'declared', 'r', '--as', '1', 'hello');
    assert.match(await ctl.ok('tail', '-a', 'declared', 'r', '--since', 'all', '--limit', '1'), / r 1: hello\n$/);
    const rows = join(ctl.home, 'declared.ndjson');
    await ctl.ok('export', '-a', 'declared', '--messages', '--file', rows);
    await ctl.ok('app', 'create', 'imported');
    await ctl.ok('import', '-a', 'imported', rows);
    assert.deepEqual((await ctl.json('message', 'list', '-a', 'imported', 'r')).items.map((message) => message.text), ['hello']);
    await ctl.ok('delete', '-f', file, '--yes');
    await ctl.fails(3, 'app', 'get', 'declared');
    assert.equal((await ctl.ok('watch', 'stats', '--interval', '50ms', '--limit', '2', '-o', 'ndjson')).trimEnd().split('\n').length, 2);
    assert.ok((await ctl.json('plugin', 'list')).items.some((plugin) => plugin.name === 'jwt'));
    assert.equal((await ctl.json('plugin', 'show', 'jwt')).bundled, true);
    await ctl.ok('plugin', 'check', 'allow', '--config', '{"prefix":"guest-"}');
    await ctl.fails(7, 'plugin', 'check', 'hmac', '--config', '{}');
    assert.deepEqual((await ctl.json('plugin', 'health', 'jwt')).items, []);
    assert.match(await ctl.fails(7, 'plugin', 'reload', 'jwt'), /bundled|part of/);
    assert.equal((await ctl.json('backup', 'create', '--name', 'whole')).state, 'verified');
    assert.deepEqual((await ctl.json('backup', 'list')).items.map((backup) => backup.name), ['whole']);
    assert.equal((await ctl.json('backup', 'verify', 'whole')).state, 'verified');
    await ctl.ok('backup', 'delete', 'whole', '--yes');
    assert.equal((await ctl.raw(['doctor'])).code, 0);
    assert.match(await ctl.ok('completion', 'bash'), /chatctl/);
  });

  test('a full disk, a closed output and a reader that has gone end every list as they should', { skip: missing('python3') }, () => {
    const env = { ...process.env, ...ctl.env };
    const lists = [['app', 'list'], ['app', 'key', 'list', 'shop'], ['user', 'list', '-a', 'shop'], ['room', 'list', '-a', 'shop'], ['room', 'member', 'list', '-a', 'shop', 'support'],
      ['user', 'list', '-a', 'shop', '-o', 'ndjson'], ['account', 'list'], ['plugin', 'list'], ['backup', 'list'], ['context', 'list'], ['export', '-a', 'shop'], ['doctor'], ['help', 'formats']];
    const gone = 'import os, sys\nr, w = os.pipe()\nos.close(r)\nos.dup2(w, 1)\nos.execv(sys.argv[1], sys.argv[1:])';
    for (const words of lists) {
      const full = spawnSync('sh', ['-c', '"$0" "$@" > /dev/full', CHATCTL, ...words], { env, encoding: 'utf8' });
      assert.equal(full.status, 1, words.join(' '));
      assert.match(full.stderr, /No space left on device/);
      const closed = spawnSync('sh', ['-c', '"$0" "$@" >&-', CHATCTL, ...words], { env, encoding: 'utf8' });
      assert.equal(closed.status, 1, words.join(' '));
      assert.match(closed.stderr, /Bad file descriptor/);
      // Node ignores SIGPIPE for its children, Python gives it back.
      const left = spawnSync('python3', ['-c', `import signal\nsignal.signal(signal.SIGPIPE, signal.SIG_DFL)\n${gone}`, CHATCTL, ...words], { env, encoding: 'utf8' });
      assert.equal(left.signal, 'SIGPIPE', words.join(' '));
    }
  });

  test('a reader that goes away ends it silently', () => {
    const all = spawnSync('bash', ['-c', 'set -o pipefail; { "$0" api GET /openapi.json; echo $? >&3; } 3>&2 | head -c 10 >/dev/null', CHATCTL],
      { env: { ...process.env, ...ctl.env }, encoding: 'utf8' });
    assert.equal(all.stderr.trim(), '141');
  });

  test('every command that there is was run here', async () => {
    const commands = [...(await ctl.ok('__reference')).matchAll(/^## `chatctl ([a-z -]+?)(?: [[A-Z].*)?`$/gm)].map((match) => match[1]);
    assert.ok(commands.length > 70, String(commands.length));
    // These two start chatd-store and talk to no daemon: backup.test.mjs and migrate_store.test.mjs run them.
    const ofTheStore = ['backup restore', 'migrate-store'];
    const words = Chatctl.asked.map((args) => (args[0] === '-o' ? args.slice(2) : args).join(' '));
    const missed = commands.filter((command) => !ofTheStore.includes(command) && !words.some((line) => line === command || line.startsWith(`${command} `)));
    assert.deepEqual(missed, []);
  });
});
