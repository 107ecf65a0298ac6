// apply, diff and delete of declared state against a real daemon.
import assert from 'node:assert/strict';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
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

  test('roles of members are declared: made, kept, shown by diff and set again', async () => {
    const roles = join(chatd.folder, 'roles.yaml');
    writeFileSync(roles, `apps:
  - name: roles
    users: [{appUserId: 1}, {appUserId: two}, {appUserId: "3"}]
    rooms:
      - {room: hall, users: [1, {appUserId: two, role: moderator}, {appUserId: "3", role: member}]}
      - {room: empty}
`);
    const roleOf = async (user) => (await ctl.json('room', 'member', 'list', '-a', 'roles', 'hall')).items.find((one) => String(one.appUserId) === user)?.role;
    await ctl.ok('apply', '-f', roles);
    assert.deepEqual([await roleOf('1'), await roleOf('two'), await roleOf('3')], ['member', 'moderator', 'member']);
    const before = await writes();
    assert.match((await ctl.raw(['apply', '-f', roles])).err, /unchanged: 9 things are as declared; 0 writes/);
    assert.equal(await writes(), before);
    // A plain id says nothing of the role; a role that is said is kept; who is added gets one at once.
    for (const [user, role] of [['1', 'moderator'], ['two', 'member'], ['3', 'moderator']]) await ctl.ok('room', 'member', 'role', '-a', 'roles', 'hall', user, role);
    const changed = await ctl.raw(['diff', '-f', roles]);
    assert.equal(changed.code, 10);
    assert.deepEqual(changed.out.trimEnd().split('\n'), ['~ member roles/hall/two', '    role: "member" -> "moderator"',
      '~ member roles/hall/3', '    role: "moderator" -> "member"']);
    assert.match(changed.err, /2 differences/);
    await ctl.ok('room', 'member', 'remove', '-a', 'roles', 'hall', 'two');
    const tried = await ctl.raw(['apply', '-f', roles, '--dry-run']);
    assert.equal(tried.code, 10, tried.err);
    assert.match(tried.err, /1 created, 2 changed.*\n.*1 of them need/);
    await ctl.ok('apply', '-f', roles);
    assert.deepEqual([await roleOf('1'), await roleOf('two'), await roleOf('3')], ['moderator', 'moderator', 'member']);
    assert.equal((await ctl.raw(['diff', '-f', roles])).code, 0);
  });

  test('a room of more members than one call takes', async () => {
    const users = Array.from({ length: 1005 }, (_, i) => `u${i}`);
    const input = JSON.stringify({ apps: [{ name: 'crowd', users: users.map((appUserId) => ({ appUserId })),
      rooms: [{ room: 'stadium', users: [...users.slice(0, -1), { appUserId: 'u1004', role: 'moderator' }] }] }] });
    const { code, err } = await ctl.raw(['apply', '-f', '-', '--timeout', '60'], { input });
    assert.equal(code, 0, err);
    const { members } = await ctl.json('room', 'get', '-a', 'crowd', 'stadium');
    assert.equal(members.length, 1005);
    assert.deepEqual(members.filter((member) => member.role === 'moderator').map((member) => member.appUserId), ['u1004']);
    assert.equal((await ctl.raw(['diff', '-f', '-'], { input })).code, 0);
  });

  test('diff names what changes in verifiers, shows no secret, and has the server judge them', async () => {
    const chain = join(chatd.folder, 'chain.yaml');
    const secret = 'the-secret-of-the-file-0123456789';
    writeFileSync(chain, `apps:
  - name: chained
    verifiers:
      - {plugin: hmac, config: {secret: ${secret}}}
      - {plugin: http, config: {url: "http://127.0.0.1:1/me"}, timeoutMs: 2000}
`);
    await ctl.ok('apply', '-f', chain);
    assert.equal((await ctl.raw(['diff', '-f', chain])).code, 0);
    await ctl.ok('app', 'update', 'chained', '--verifiers',
      `[{"plugin":"hmac","config":{"secret":"${secret}","maxSeconds":60}},{"plugin":"http","config":{"url":"http://127.0.0.1:2/me"}},{"plugin":"allow","config":{}}]`);
    const { code, out } = await ctl.raw(['diff', '-f', chain]);
    assert.equal(code, 10);
    assert.ok(!out.includes(secret), out);
    for (const line of ['~ app chained', '    verifiers[0].config.maxSeconds: 60 -> (none)',
      '    verifiers[1].config.url: "http://127.0.0.1:2/me" -> "http://127.0.0.1:1/me"', '    verifiers[1].timeoutMs: 5000 -> 2000',
      '    verifiers[2]: plugin "allow" -> (none)']) assert.ok(out.split('\n').includes(line), out);
    const before = await writes();
    for (const [from, to, said] of [[secret, 'short', /chain\.yaml:2 \(app chained\): verifiers\[0\]\.config: secret: must be at least 16/], ['hmac', 'hmca', /there is no plugin "hmca"/]]) {
      writeFileSync(chain, readFileSync(chain, 'utf8').replace(from, to));
      assert.match(await ctl.fails(7, 'diff', '-f', chain), said);
      writeFileSync(chain, readFileSync(chain, 'utf8').replace(to, from));
    }
    const fresh = await ctl.raw(['diff', '-f', '-'], { input: 'apps: [{name: fresh, verifiers: [{plugin: http, config: {}}]}]' });
    assert.equal(fresh.code, 7, fresh.err);
    assert.equal(await writes(), before);
  });

  test('an empty input is a mistake, and is said', async () => {
    for (const words of [['apply'], ['diff'], ['delete', '--yes']]) {
      for (const input of ['', '# nothing\n', '---\n']) {
        const { code, err } = await ctl.raw([...words, '-f', '-'], { input });
        assert.equal(code, 2, err);
        assert.match(err, /the standard input declares nothing/);
      }
    }
    const empty = join(chatd.folder, 'empty.yaml');
    writeFileSync(empty, '');
    assert.match(await ctl.fails(2, 'apply', '-f', empty), /empty\.yaml declares nothing/);
    assert.match((await ctl.raw(['apply', '-f', '-'], { input: 'apps: []' })).err, /unchanged: 0 things/);
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
    // The same bad part, once the good ones are there: the same end.
    const again = await ctl.raw(['apply', '-f', '-', '-o', 'json'], { input });
    assert.equal(again.code, 9, again.err);
    assert.deepEqual(JSON.parse(again.out).items.map((item) => item.change), ['failed']);
  });

  test('a direct room whose members differ is refused by diff, dry run and apply in the same words, before anything is written', async () => {
    const direct = (users, more = '') => `apps: [{name: pairs, users: [{appUserId: a}, {appUserId: b}, {appUserId: c}${more}], rooms: [{room: two, type: direct, users: [${users}]}]}]`;
    const told = async (input, ...flags) => {
      const ends = [];
      for (const words of [['diff'], ['apply', '--dry-run'], ['apply']]) {
        const { code, out, err } = await ctl.raw([...words, '-f', '-', ...flags], { input });
        assert.equal(out, '');
        ends.push(`${code} ${err}`);
      }
      assert.deepEqual(ends, Array(3).fill(ends[0]));
      return ends[0];
    };
    for (const users of ['a', 'a, b, c', '']) assert.match(await told(direct(users)), /^7 .*standard input:1 \(app pairs\): room two is declared as direct and has \d members?: a direct room is of exactly two/);
    await ctl.fails(3, 'app', 'get', 'pairs');
    const made = await ctl.raw(['apply', '-f', '-'], { input: direct('a, b') });
    assert.equal(made.code, 0, made.err);
    const before = await writes();
    for (const [users, declared] of [['a, c', 'a, c'], ['a, b, c', 'a, b, c'], ['c', 'c']]) {
      const end = await told(direct(users, ', {appUserId: new}'));
      assert.match(end, new RegExp(`^6 .*room two is direct and of a, b; declared are ${declared}\n.*cannot change`));
    }
    assert.match(await told(direct('a'), '--prune', '--yes'), /^6 /);
    assert.equal(await writes(), before);
    for (const users of ['b, a', 'a']) assert.equal((await ctl.raw(['diff', '-f', '-'], { input: direct(users) })).code, 0, users);
  });

  test('a pair has one direct room: declared under another name it is refused before anything is written, and never pruned', async () => {
    await ctl.ok('app', 'create', 'two');
    for (const user of ['1', '2', '3']) await ctl.ok('user', 'create', '-a', 'two', user);
    await ctl.ok('room', 'create', '-a', 'two', 'x1', '--type', 'direct', '--users', '1,2');
    const before = await writes();
    const input = 'apps: [{name: two, rooms: [{room: new, users: [3]}, {room: y1, type: direct, users: [2, 1]}]}]';
    for (const words of [['diff'], ['apply', '--dry-run'], ['apply'], ['diff', '--prune'], ['apply', '--prune', '--yes']]) {
      const { code, out, err } = await ctl.raw([...words, '-f', '-'], { input });
      assert.equal(code, 6, words.join(' ') + err);
      assert.equal(out, '');
      assert.match(err, /standard input:1 \(app two\): the direct room of 1 and 2 is x1; it is declared as y1\n/);
    }
    assert.equal(await writes(), before);
    const twice = await ctl.raw(['apply', '-f', '-'], { input: 'apps: [{name: two, rooms: [{room: y1, type: direct, users: [1, 3]}, {room: y2, type: direct, users: ["3", 1]}]}]' });
    assert.equal(twice.code, 7, twice.err);
    assert.match(twice.err, /the direct room of 1 and 3 is declared twice/);
    // One of the two left and comes back with this very file: only the answer tells that the room is theirs.
    await ctl.ok('user', 'delete', '-a', 'two', '2', '--yes');
    const back = 'apps: [{name: two, users: [{appUserId: 1}, {appUserId: 2}, {appUserId: 3}], rooms: [{room: y1, type: direct, users: [1, 2]}]}]';
    const late = await ctl.raw(['apply', '-f', '-', '--prune', '--yes'], { input: back });
    assert.equal(late.code, 9, late.err);
    assert.match(late.err, /room y1 of app two: the direct room of 1 and 2 is x1; it is declared as y1\n.*room x1 of app two stays/);
    assert.equal((await ctl.json('room', 'get', '-a', 'two', 'x1')).members.length, 2);
  });

  test('room create and ensure refuse a direct room whose pair has one of another name, and their dry runs say so', async () => {
    await ctl.ok('app', 'create', 'pair');
    for (const user of ['1', '2']) await ctl.ok('user', 'create', '-a', 'pair', user);
    const room = (verb, name, ...flags) => ['room', verb, '-a', 'pair', name, '--type', 'direct', '--users', '2,1', ...flags];
    assert.equal((await ctl.json(...room('create', 'x1', '--dry-run'))).changes, true);
    await ctl.ok(...room('create', 'x1'));
    for (const verb of ['create', 'ensure']) {
      assert.match(await ctl.fails(6, ...room(verb, 'y1')), /the direct room of 1 and 2 is x1; it is asked for as y1/);
      assert.match(await ctl.fails(6, ...room(verb, 'y1', '--dry-run')), /have a direct room of another name; it is asked for as y1/);
      assert.equal((await ctl.json(...room(verb, 'x1'))).room, 'x1');
    }
    assert.equal((await ctl.json(...room('create', 'x1', '--dry-run'))).changes, false);
  });

  test('a member whom nobody knows is told by the dry run already', async () => {
    const input = 'apps: [{name: bystander, rooms: [{room: lost, users: [nobody]}]}]';
    for (const flags of [['--dry-run'], []]) {
      const { code, err } = await ctl.raw(['apply', '-f', '-', ...flags], { input });
      assert.equal(code, 9, err);
      assert.match(err, /room lost of app bystander: There is no user nobody/);
    }
  });

  test('delete takes the declared apps away, once', async () => {
    await ctl.fails(2, 'delete', '-f', file);
    const tried = await ctl.raw(['delete', '-f', file, '--dry-run']);
    assert.equal(tried.code, 10, tried.err);
    assert.match(tried.err, /1 difference\n/);
    await ctl.ok('app', 'get', 'shop');
    const gone = await ctl.raw(['delete', '-f', file, '--yes']);
    assert.equal(gone.code, 0);
    assert.match(gone.err, /1 deleted.*; 1 write\n/);
    await ctl.fails(3, 'app', 'get', 'shop');
    await ctl.ok('app', 'get', 'bystander');
    const again = await ctl.raw(['delete', '-f', file, '--yes']);
    assert.equal(again.code, 0);
    assert.match(again.err, /unchanged: 1 thing is not there; 0 writes/);
    assert.equal((await ctl.raw(['delete', '-f', file, '--dry-run'])).code, 0);
  });
});
