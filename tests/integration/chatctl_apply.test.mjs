// apply, diff and delete of declared state against a real daemon.
import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Chatctl } from '../support/chatctl.mjs';
import { Chatd } from '../support/chatd.mjs';

const FILE = `apps:
  - name: shop
    settings: {autoCreateUsers: false}
    verifiers:
      - plugin: http
        config: {url: "http://127.0.0.1:1/me"}
        timeoutMs: 2000
    users:
      - {appUserId: 1, firstName: Ann}
      - {appUserId: "two", firstName: Bob, metadata: {vip: true}}
    rooms:
      - {room: support, type: group, name: Help, users: [1, two]}
`;

describe('chatctl apply', () => {
  let chatd;
  let ctl;
  let file;

  before(async () => {
    chatd = await Chatd.start();
    ctl = new Chatctl(chatd);
    file = join(chatd.folder, 'chat.yaml');
    writeFileSync(file, FILE);
  });
  after(() => chatd.stop());

  const writes = async () => (await ctl.json('status')).daemon.writes;

  test('diff shows what is missing with exit code 10, a dry run writes nothing', async () => {
    const { code, out } = await ctl.raw(['diff', '-f', file]);
    assert.equal(code, 10);
    assert.deepEqual(out.trimEnd().split('\n'), ['+ app shop', '+ user shop/1', '+ user shop/two', '+ room shop/support']);
    const before = await writes();
    const tried = await ctl.raw(['apply', '-f', file, '--dry-run']);
    assert.equal(tried.code, 10, tried.err);
    assert.equal(await writes(), before);
    await ctl.fails(3, 'app', 'get', 'shop');
  });

  test('apply makes it, and its second run says unchanged and writes nothing', async () => {
    const first = await ctl.raw(['apply', '-f', file, '-o', 'json']);
    assert.equal(first.code, 0, first.err);
    const made = JSON.parse(first.out).items;
    assert.deepEqual(made.map((item) => [item.change, item.kind, item.name]),
      [['created', 'app', 'shop'], ['created', 'user', '1'], ['created', 'user', 'two'], ['created', 'room', 'support']]);
    assert.match(made[0].apiKey, /^ck_/);
    const app = await ctl.json('app', 'get', 'shop');
    assert.equal(app.settings.autoCreateUsers, false);
    assert.equal(app.verifiers[0].timeoutMs, 2000);
    const users = (await ctl.json('user', 'list', '-a', 'shop')).items;
    assert.deepEqual(users.map((user) => user.appUserId), [1, 'two']);
    assert.deepEqual(users[1].metadata, { vip: true });
    assert.equal((await ctl.json('room', 'member', 'list', '-a', 'shop', 'support')).items.length, 2);

    const before = await writes();
    const second = await ctl.raw(['apply', '-f', file]);
    assert.equal(second.code, 0);
    assert.equal(second.out, '');
    assert.match(second.err, /unchanged: 6 things are as declared; 0 writes/);
    assert.equal(await writes(), before);
    assert.equal((await ctl.raw(['diff', '-f', file])).code, 0);
  });

  test('diff after a change by hand names the lines, and apply mends them', async () => {
    await ctl.ok('user', 'update', '-a', 'shop', '1', '--first-name', 'Eve');
    await ctl.ok('room', 'member', 'remove', '-a', 'shop', 'support', 'two');
    await ctl.ok('app', 'update', 'shop', '--settings', '{"autoCreateUsers":true}');
    const { code, out } = await ctl.raw(['diff', '-f', file]);
    assert.equal(code, 10);
    assert.deepEqual(out.trimEnd().split('\n'), ['~ app shop', '    settings.autoCreateUsers: true -> false', '~ user shop/1',
      '    firstName: "Eve" -> "Ann"', '+ member shop/support/two']);
    const json = JSON.parse((await ctl.raw(['diff', '-f', file, '-o', 'json'])).out);
    assert.deepEqual(json.items.map((item) => item.differences.length), [1, 1, 0]);
    await ctl.ok('apply', '-f', file);
    assert.equal((await ctl.raw(['diff', '-f', file])).code, 0);
  });

  test('--prune deletes what is not declared, asks for --yes, and leaves other apps alone', async () => {
    await ctl.ok('app', 'create', 'bystander');
    await ctl.ok('user', 'create', '-a', 'shop', 'extra');
    await ctl.ok('room', 'create', '-a', 'shop', 'side', '--type', 'group', '--users', 'extra');
    await ctl.ok('room', 'member', 'add', '-a', 'shop', 'support', 'extra');
    assert.equal((await ctl.raw(['diff', '-f', file])).code, 0);
    const pruned = await ctl.raw(['diff', '-f', file, '--prune']);
    assert.deepEqual(pruned.out.trimEnd().split('\n'), ['- member shop/support/extra', '- room shop/side', '- user shop/extra']);
    await ctl.fails(2, 'apply', '-f', file, '--prune');
    await ctl.ok('apply', '-f', file, '--prune', '--yes');
    assert.equal((await ctl.raw(['diff', '-f', file, '--prune'])).code, 0);
    await ctl.ok('app', 'get', 'bystander');
  });

  test('a folder and the standard input', async () => {
    const folder = join(chatd.folder, 'declared');
    mkdirSync(folder);
    writeFileSync(join(folder, '1.yaml'), 'apps: [{name: first}]\n');
    writeFileSync(join(folder, '2.json'), '{"apps":[{"name":"second","users":[{"appUserId":"x"}]}]}');
    assert.equal((await ctl.raw(['apply', '-f', folder])).code, 0);
    await ctl.ok('user', 'get', '-a', 'second', 'x');
    const piped = await ctl.raw(['apply', '-f', '-'], { input: 'apps: [{name: first, users: [{appUserId: 5}]}]' });
    assert.equal(piped.code, 0, piped.err);
    assert.match(piped.err, /1 created/);
  });

  test('what the file or the server refuses is named by line, with exit code 7', async () => {
    const bad = async (text) => {
      const { code, err } = await ctl.raw(['apply', '-f', '-'], { input: text });
      assert.equal(code, 7, err);
      return err;
    };
    assert.match(await bad('apps:\n  - nmae: x\n'), /standard input:2: an app has no nmae; did you mean name\?/);
    assert.match(await bad('apps:\n  - name: x\n    users: [{firstName: y}]\n'), /:3: appUserId is missing/);
    assert.match(await bad('apps: [\n'), /standard input:\d+: /);
    assert.match(await bad('apps:\n  - {name: x}\n  - {name: x}\n'), /declared twice/);
    assert.match(await bad('apps:\n  - name: x\n    verifiers: [{plugin: no-such}]\n'), /no-such/);
    await ctl.fails(3, 'app', 'get', 'x');
    await ctl.fails(2, 'apply', '-f', join(chatd.folder, 'absent.yaml'));
  });

  test('a part that fails is exit code 9, and the rest is done', async () => {
    const input = 'apps:\n  - name: partly\n    users: [{appUserId: "a\\nb"}, {appUserId: good}]\n';
    const { code, out, err } = await ctl.raw(['apply', '-f', '-', '-o', 'json'], { input });
    assert.equal(code, 9, err);
    assert.deepEqual(JSON.parse(out).items.map((item) => item.change), ['created', 'failed', 'created']);
    await ctl.ok('user', 'get', '-a', 'partly', 'good');
  });

  test('delete takes the declared apps away, once', async () => {
    await ctl.fails(2, 'delete', '-f', file);
    await ctl.ok('delete', '-f', file, '--yes');
    await ctl.fails(3, 'app', 'get', 'shop');
    await ctl.ok('app', 'get', 'bystander');
    const again = await ctl.raw(['delete', '-f', file, '--yes']);
    assert.equal(again.code, 0);
    assert.match(again.err, /unchanged/);
  });
});
