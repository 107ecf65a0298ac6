// chatctl against a real daemon: the forms of CONTRACT 5, what goes to stdout, and the exit codes.
import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { CHATCTL, Chatd } from '../support/chatd.mjs';
import { run } from '../support/run.mjs';

describe('chatctl', () => {
  let chatd;
  let home;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    home = join(chatd.folder, 'home');
    mkdirSync(home);
    assert.equal((await ctl('app', 'create', 'shop')).code, 0);
  });
  after(() => chatd.stop());

  function ctlWith(options, ...args) {
    const env = { HOME: home, CHATCTL_SERVER: `unix:${chatd.adminSocket}`, ...options.env };
    return run(CHATCTL, args, { ...options, env });
  }
  const ctl = (...args) => ctlWith({}, ...args);

  async function json(...args) {
    const { code, out, err } = await ctl(...args, '-o', 'json');
    assert.equal(code, 0, err);
    return JSON.parse(out);
  }

  async function fails(expected, ...args) {
    const { code, out, err } = await ctl(...args);
    assert.equal(code, expected, `${args.join(' ')}: ${err}`);
    assert.equal(out, '');
    assert.notEqual(err, '');
    return err;
  }

  test('app create shows the secrets once, get by name and id, list', async () => {
    const made = await json('app', 'create', 'secrets');
    assert.match(made.apiKey, /^ck_/);
    const byName = await json('app', 'get', 'secrets');
    assert.equal(byName.appId, made.appId);
    assert.deepEqual(await json('app', 'get', made.appId), byName);
    assert.equal(byName.apiKey, undefined);
    const { out } = await ctl('app', 'list', '-o', 'name');
    assert.ok(out.split('\n').includes('secrets'));
    assert.equal((await ctl('app', 'get', 'secrets', '-q')).out.trim(), String(made.appId));
  });

  test('json is the REST object unchanged', async () => {
    const { out } = await ctl('app', 'get', 'shop', '-o', 'json');
    const rest = await chatd.admin('GET', `/app/${JSON.parse(out).appId}`);
    assert.equal(out.trim(), rest.text.trim());
  });

  test('a whole chat: users, room, messages, and the live session hears it', async () => {
    const token = 'a-token-from-standard-input';
    assert.equal((await ctlWith({ input: `${token}\n` }, 'user', 'create', '-a', 'shop', '1', '--first-name', 'Ann', '--token-stdin')).code, 0);
    assert.equal((await ctl('user', 'create', '-a', 'shop', '2', '--first-name', 'Bob', '--metadata', '{"vip":true}')).code, 0);
    const room = await json('room', 'create', '-a', 'shop', 'support', '--type', 'group', '--users', '1');
    assert.equal(room.room, 'support');
    const added = await json('room', 'member', 'add', '-a', 'shop', 'support', '2');
    assert.equal(added.members.length, 2);
    const client = await ChatClient.join(chatd.url, token, 'support');
    try {
      const sent = await json('message', 'send', '-a', 'shop', 'support', '--as', '2', 'from chatctl 😀');
      assert.equal(sent.text, 'from chatctl 😀');
      assert.equal(textOf(await client.next('message')), 'from chatctl 😀');
      await ctlWith({ input: 'from a pipe\n' }, 'message', 'send', '-a', 'shop', 'support', '--as', '2');
      assert.equal(textOf(await client.next('message', (message) => message.seq === 2)), 'from a pipe');
    } finally {
      client.close();
    }
    const list = await json('message', 'list', '-a', 'shop', 'support', '--limit', '1');
    assert.deepEqual(list.items.map((message) => message.text), ['from a pipe']);
    const older = await json('message', 'list', '-a', 'shop', 'support', '--before', '2');
    assert.deepEqual(older.items.map((message) => message.seq), [1]);
    const removed = await json('room', 'member', 'remove', '-a', 'shop', 'support', '2');
    assert.equal(removed.members.length, 1);
  });

  test('ensure makes and then changes nothing; create refuses what is there with 6', async () => {
    const first = await json('user', 'ensure', '-a', 'shop', 'ensured', '--first-name', 'A');
    const again = await json('user', 'ensure', '-a', 'shop', 'ensured', '--first-name', 'B');
    assert.equal(again.id, first.id);
    assert.equal(again.firstName, 'B');
    await fails(6, 'user', 'create', '-a', 'shop', 'ensured');
    await json('room', 'ensure', '-a', 'shop', 'ensured-room', '--type', 'group', '--users', 'ensured');
    const room = await json('room', 'ensure', '-a', 'shop', 'ensured-room', '--type', 'group', '--users', 'ensured');
    assert.equal(room.members.length, 1);
    await fails(6, 'room', 'create', '-a', 'shop', 'ensured-room', '--type', 'group');
    await fails(6, 'app', 'create', 'shop');
  });

  test('exit 3 for what is not there', async () => {
    await fails(3, 'app', 'get', 'no-such-app');
    await fails(3, 'room', 'get', '-a', 'shop', 'no-such-room');
    await fails(3, 'user', 'create', '-a', 'no-such-app', '1');
  });

  test('exit 2 for a wrong command line', async () => {
    await fails(2, 'app', 'creat', 'x');
    await fails(2, 'app', 'create');
    await fails(2, 'no-such-noun');
    await fails(2, 'app', 'get', 'shop', '--no-such-flag');
    await fails(2, 'app', 'get', 'shop', '-o', 'xml');
    await fails(2, '--server', 'gopher://x', 'app', 'list');
  });

  test('exit 7 for what the server refuses as invalid', async () => {
    await fails(7, 'app', 'create', 'a/b');
    await fails(7, 'room', 'create', '-a', 'shop', 'd', '--type', 'direct', '--users', '1');
  });

  test('exit 4 without a credential, 8 where nobody listens', async () => {
    const noToken = await ctlWith({ env: { CHATCTL_SERVER: chatd.url } }, 'app', 'list');
    assert.equal(noToken.code, 4, noToken.err);
    assert.equal((await ctlWith({ env: { CHATCTL_SERVER: 'http://127.0.0.1:1' } }, 'app', 'list')).code, 8);
    assert.equal((await ctlWith({ env: { CHATCTL_SERVER: `unix:${home}/none.sock` } }, 'app', 'list')).code, 8);
  });

  test('app delete wants --yes and the name, and takes the app away', async () => {
    await ctl('app', 'create', 'doomed');
    assert.notEqual((await ctl('app', 'delete', 'doomed')).code, 0);
    assert.notEqual((await ctl('app', 'delete', 'doomed', '--yes')).code, 0);
    assert.notEqual((await ctl('app', 'delete', 'doomed', '--yes', '--confirm', 'other')).code, 0);
    assert.equal((await ctl('app', 'get', 'doomed')).code, 0);
    const { code, err } = await ctl('app', 'delete', 'doomed', '--yes', '--confirm', 'doomed');
    assert.equal(code, 0, err);
    await fails(3, 'app', 'get', 'doomed');
  });

  test('status says that the daemon is well', async () => {
    assert.equal((await ctl('status')).code, 0);
  });

  test('a name cannot forge a line of a table', async () => {
    await ctl('user', 'ensure', '-a', 'shop', 'forger', '--first-name', 'x\u001b[31m\u2028red');
    const { out } = await ctl('user', 'list', '-a', 'shop');
    assert.ok(!out.includes('\u001b'));
  });

  test('--version and --help are there', async () => {
    for (const flag of ['--version', '--help']) {
      const { code, out } = await ctl(flag);
      assert.equal(code, 0);
      assert.notEqual(out, '');
    }
  });
});
