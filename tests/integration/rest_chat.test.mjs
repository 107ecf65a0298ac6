// Users, rooms and messages by REST, and that nothing crosses from one app to another (CONTRACT 2).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Chatd, TestApp } from '../support/chatd.mjs';

describe('users, rooms and messages', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  const asUser = (user) => (method, path, body) => chatd.rest(method, path, { token: user.token, body });

  describe('users', () => {
    test('POST creates, then changes only what is present; null clears', async () => {
      const made = await app.rest('POST', '/user', { appUserId: 'u-1', firstName: 'Ann', lastName: 'Lee', metadata: { a: 1 } });
      assert.equal(made.status, 201);
      const changed = await app.rest('POST', '/user', { appUserId: 'u-1', lastName: null, middleName: 'M.' });
      assert.equal(changed.status, 200);
      assert.equal(changed.body.id, made.body.id);
      assert.deepEqual([changed.body.firstName, changed.body.middleName, changed.body.lastName], ['Ann', 'M.', null]);
      assert.deepEqual(changed.body.metadata, { a: 1 });
    });

    test('If-None-Match: * makes it create-only', async () => {
      const create = () => app.rest('POST', '/user', { appUserId: 'only-once' }, { headers: { 'If-None-Match': '*' } });
      assert.equal((await create()).status, 201);
      assert.equal((await create()).status, 409);
    });

    test('1 and "1" are one user, told in the type first registered', async () => {
      const integer = await app.rest('POST', '/user', { appUserId: 4711 });
      const text = await app.rest('POST', '/user', { appUserId: '4711' });
      assert.equal(text.status, 200);
      assert.equal(text.body.id, integer.body.id);
      assert.strictEqual(text.body.appUserId, 4711);
      const other = await app.rest('POST', '/user', { appUserId: '4712' });
      assert.strictEqual((await app.rest('POST', '/user', { appUserId: 4712 })).body.appUserId, '4712');
      assert.equal((await app.rest('GET', '/user?appUserId=4712')).body.items[0].id, other.body.id);
    });

    test('what is no appUserId is 422', async () => {
      for (const appUserId of [null, '', 1.5, -1.5, true, {}, [], 'x'.repeat(2000), 2 ** 53]) {
        assert.equal((await app.rest('POST', '/user', { appUserId })).status, 422, JSON.stringify(appUserId));
      }
    });

    test('no answer shows a token', async () => {
      const user = await app.user('secretive');
      for (const path of [`/user/${app.id}`, '/user?limit=100', `/user/${user.id}/sessions`]) {
        assert.ok(!(await app.rest('GET', path)).text.includes(user.token), path);
      }
    });

    test('ten tokens are kept, the oldest goes', async () => {
      for (let i = 0; i < 11; ++i) await app.must('POST', '/user', { appUserId: 'tokens', token: `a-token-with-number-${i}` });
      const works = async (i) => (await chatd.rest('GET', '/room', { token: `a-token-with-number-${i}` })).status === 200;
      assert.equal(await works(0), false);
      assert.equal(await works(1), true);
      assert.equal(await works(10), true);
    });

    test('GET /user/{appId} is the classic list of the app', async () => {
      const small = await TestApp.create(chatd);
      await small.user('one');
      const { body } = await small.rest('GET', `/user/${small.id}`);
      assert.deepEqual(body.items.map((user) => user.appUserId), ['one']);
    });

    test('PATCH changes, DELETE removes, both 404 for what is not there', async () => {
      const user = await app.user('patched');
      assert.equal((await app.rest('PATCH', `/user/${user.id}`, { firstName: 'New' })).body.firstName, 'New');
      assert.equal((await app.rest('DELETE', `/user/${user.id}`)).status, 204);
      assert.equal((await app.rest('PATCH', '/user/999999', { firstName: 'x' })).status, 404);
      assert.equal((await app.rest('DELETE', '/user/999999')).status, 404);
    });

    test('a ban with an end in the past is none', async () => {
      const user = await app.user('was-banned');
      const put = await app.rest('PUT', `/user/${user.id}/ban`, { until: '2020-01-01T00:00:00.000Z' });
      if (put.status < 300) assert.equal((await asUser(user)('GET', '/room')).status, 200);
      else assert.equal(put.status, 422);
      await app.must('PUT', `/user/${user.id}/ban`, { reason: 'test' });
      assert.equal((await asUser(user)('GET', '/room')).status, 403);
    });
  });

  describe('rooms', () => {
    test('a direct room without a name is usr-<lower>-<higher>, made once', async () => {
      const [a, b] = [await app.user('d-1'), await app.user('d-2')];
      const made = await app.rest('POST', '/room', { type: 'direct', users: ['d-2', 'd-1'] });
      assert.equal(made.status, 201);
      assert.equal(made.body.room, `usr-${Math.min(a.id, b.id)}-${Math.max(a.id, b.id)}`);
      assert.equal(made.body.type, 'direct');
      const again = await app.rest('POST', '/room', { type: 'direct', users: ['d-1', 'd-2'] });
      assert.equal(again.status, 200);
      assert.equal(again.body.id, made.body.id);
    });

    test('a direct room has exactly two different members', async () => {
      await app.user('d-3');
      for (const users of [[], ['d-1'], ['d-1', 'd-1'], ['d-1', 'd-2', 'd-3']]) {
        assert.equal((await app.rest('POST', '/room', { type: 'direct', users })).status, 422, JSON.stringify(users));
      }
    });

    test('a group needs a name that is free', async () => {
      assert.equal((await app.rest('POST', '/room', { users: [] })).status, 422);
      assert.equal((await app.rest('POST', '/room', { room: 'taken', users: [] })).status, 201);
      assert.equal((await app.rest('POST', '/room', { room: 'taken', users: [] })).status, 409);
      for (const room of ['42', 'a/b', '', 'x'.repeat(129)]) assert.equal((await app.rest('POST', '/room', { room, users: [] })).status, 422, room);
    });

    test('a room is found by id and by name, with members and the last message', async () => {
      await app.user('found');
      const made = await app.room('find me', 'group', ['found'], { name: 'Title', metadata: { topic: 'x' } });
      await app.must('POST', `/chats/${made.id}/messages`, { text: 'last', appUserId: 'found' });
      for (const key of [made.id, encodeURIComponent('find me')]) {
        const { status, body } = await app.rest('GET', `/room/${key}`);
        assert.equal(status, 200);
        assert.equal(body.id, made.id);
        assert.equal(body.name, 'Title');
        assert.deepEqual(body.metadata, { topic: 'x' });
        assert.equal(body.members.length, 1);
        assert.equal(body.lastMessage.text, 'last');
      }
    });

    test('a user sees own rooms only, with unread', async () => {
      const [inside, outside] = [await app.user('inside'), await app.user('outside')];
      const room = await app.room('club', 'group', ['inside', 'found']);
      await app.must('POST', `/chats/${room.id}/messages`, { text: 'news', appUserId: 'found' });
      const { body } = await asUser(inside)('GET', '/room');
      assert.deepEqual(body.items.map((each) => each.room), ['club']);
      assert.equal(body.items[0].unread, 1);
      assert.deepEqual((await asUser(outside)('GET', '/room')).body.items, []);
      assert.ok([403, 404].includes((await asUser(outside)('GET', `/room/${room.id}`)).status));
      assert.ok([403, 404].includes((await asUser(outside)('GET', `/chats/${room.id}/messages`)).status));
      assert.ok([403, 404].includes((await asUser(outside)('POST', `/chats/${room.id}/messages`, { text: 'x' })).status));
    });

    test('members are added, removed and made moderators', async () => {
      for (const name of ['m-1', 'm-2', 'm-3']) await app.user(name);
      const room = await app.room('changing', 'group', ['m-1']);
      const added = await app.rest('PUT', '/room/add', { room: 'changing', users: ['m-2', 'm-3'] });
      assert.equal(added.status, 200);
      assert.equal(added.body.members.length, 3);
      const removed = await app.rest('PUT', '/room/remove', { room: 'changing', users: ['m-2'] });
      assert.equal(removed.body.members.length, 2);
      const m3 = app.users.get('m-3');
      assert.equal((await app.rest('PUT', `/room/${room.id}/members/${m3.id}`, { role: 'moderator' })).status, 200);
      const { body } = await app.rest('GET', `/room/${room.id}`);
      assert.equal(body.members.find((member) => member.id === m3.id).role, 'moderator');
      assert.equal((await app.rest('PUT', `/room/${room.id}/members/${m3.id}`, { role: 'king' })).status, 422);
      assert.ok([404, 422].includes((await app.rest('PUT', '/room/add', { room: 'changing', users: ['nobody-at-all'] })).status));
      assert.equal((await app.rest('PUT', '/room/add', { room: 'no-such-room', users: ['m-1'] })).status, 404);
    });

    test('PATCH renames the title, DELETE takes the room and its history', async () => {
      const room = await app.room('to-go', 'group', ['m-1']);
      assert.equal((await app.rest('PATCH', `/room/${room.id}`, { name: 'New title' })).body.name, 'New title');
      assert.equal((await app.rest('DELETE', `/room/${room.id}`)).status, 204);
      assert.equal((await app.rest('GET', `/room/${room.id}`)).status, 404);
      assert.equal((await app.rest('GET', `/chats/${room.id}/messages`)).status, 404);
    });

    test('users may not make or change rooms', async () => {
      const user = await app.user('plain');
      const room = await app.room('theirs', 'group', ['plain']);
      assert.equal((await asUser(user)('POST', '/room', { room: 'mine', users: ['plain'] })).status, 403);
      assert.equal((await asUser(user)('DELETE', `/room/${room.id}`)).status, 403);
      assert.equal((await asUser(user)('GET', '/user')).status, 403);
    });
  });

  describe('messages', () => {
    let room;
    let ann;
    let bob;
    let mod;

    before(async () => {
      [ann, bob, mod] = [await app.user('ann'), await app.user('bob'), await app.user('mod')];
      room = await app.room('talk', 'group', ['ann', 'bob', 'mod']);
      await app.must('PUT', `/room/${room.id}/members/${mod.id}`, { role: 'moderator' });
    });

    const post = (text, more = {}) => app.rest('POST', `/chats/${room.id}/messages`, { text, appUserId: 'ann', ...more });

    test('a message has the fields of the contract', async () => {
      const { status, body } = await post('hello');
      assert.equal(status, 201);
      assert.deepEqual(Object.keys(body).sort(), ['clientMsgId', 'createdAt', 'deletedAt', 'id', 'metadata', 'replyTo', 'room', 'roomId', 'seq', 'text', 'updatedAt', 'userId']);
      assert.equal(body.room, 'talk');
      assert.equal(body.userId, ann.id);
      assert.match(body.createdAt, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
    });

    test('history is newest first; before and after are exclusive', async () => {
      const own = await app.room('history', 'group', ['ann']);
      for (let i = 1; i <= 10; ++i) await app.must('POST', `/chats/${own.id}/messages`, { text: `n${i}`, appUserId: 'ann' });
      const seqs = async (query) => (await app.rest('GET', `/chats/${own.id}/messages?${query}`)).body.items.map((message) => message.seq);
      assert.deepEqual(await seqs('limit=3'), [10, 9, 8]);
      assert.deepEqual(await seqs('limit=3&before=8'), [7, 6, 5]);
      assert.deepEqual(await seqs('limit=100&after=7'), [10, 9, 8]);
      assert.deepEqual(await seqs('limit=4&page=2'), [6, 5, 4, 3]);
      assert.deepEqual(await seqs('after=10'), []);
      assert.deepEqual((await app.rest('GET', '/chats/history/messages?limit=1')).body.items.map((message) => message.text), ['n10']);
    });

    test('an app key must say who speaks, and it must be a member', async () => {
      assert.equal((await app.rest('POST', `/chats/${room.id}/messages`, { text: 'who?' })).status, 422);
      await app.user('not-in-it');
      const outsider = await post('let me', { appUserId: 'not-in-it' });
      assert.ok([403, 404, 422].includes(outsider.status), String(outsider.status));
      assert.ok([404, 422].includes((await post('ghost', { appUserId: 'no-such-user' })).status));
    });

    test('a user token must not speak for others', async () => {
      const answer = await asUser(bob)('POST', `/chats/${room.id}/messages`, { text: 'x', appUserId: 'ann' });
      assert.ok([403, 422].includes(answer.status));
    });

    test('clientMsgId: a repeat is 200 and the first message, another text 409', async () => {
      const first = await post('once', { clientMsgId: 'r-1' });
      const again = await post('once', { clientMsgId: 'r-1' });
      assert.equal(again.status, 200);
      assert.deepEqual(again.body, { ...first.body, duplicate: true });
      const other = await post('twice', { clientMsgId: 'r-1' });
      assert.equal(other.status, 409);
      assert.equal(other.body.code, 'client_msg_id_reused');
    });

    test('only the author changes; author, moderator and app key delete', async () => {
      const mine = (await post('mine')).body;
      assert.equal((await asUser(bob)('PATCH', `/message/${mine.id}`, { text: 'yours' })).status, 403);
      assert.equal((await asUser(bob)('DELETE', `/message/${mine.id}`)).status, 403);
      assert.equal((await asUser(mod)('PATCH', `/message/${mine.id}`, { text: 'mod' })).status, 403);
      const changed = await asUser(ann)('PATCH', `/message/${mine.id}`, { text: 'better' });
      assert.equal(changed.body.text, 'better');
      assert.equal(changed.body.seq, mine.seq);
      assert.ok(changed.body.updatedAt >= mine.updatedAt);
      assert.ok([200, 204].includes((await asUser(mod)('DELETE', `/message/${mine.id}`)).status));
      const second = (await post('again')).body;
      assert.ok([200, 204].includes((await app.rest('DELETE', `/message/?id=${second.id}`)).status));
      const { body } = await app.rest('GET', `/message/${second.id}`);
      assert.deepEqual([body.text, body.seq], ['', second.seq]);
      assert.notEqual(body.deletedAt, null);
      assert.ok([404, 409].includes((await asUser(ann)('PATCH', `/message/${second.id}`, { text: 'zombie' })).status));
    });

    test('what is deleted keeps its seq and the next one follows without a gap', async () => {
      const one = (await post('one')).body;
      await app.rest('DELETE', `/message/${one.id}`);
      assert.equal((await post('two')).body.seq, one.seq + 1);
    });

    test('replyTo must be a message of the room', async () => {
      const first = (await post('question')).body;
      assert.equal((await post('answer', { replyTo: first.id })).body.replyTo, first.id);
      const elsewhere = await app.room('elsewhere', 'group', ['ann']);
      const other = await app.must('POST', `/chats/${elsewhere.id}/messages`, { text: 'x', appUserId: 'ann' });
      for (const replyTo of [other.id, 999999999]) assert.ok([404, 422].includes((await post('?', { replyTo })).status));
    });
  });

  test('nothing of one app can be seen, changed or named by another: all 404', async () => {
    const { a, room } = await app.pair('iso-a', 'iso-b');
    const message = await app.must('POST', `/chats/${room.id}/messages`, { text: 'private', appUserId: 'iso-a' });
    const other = await TestApp.create(chatd);
    const stranger = await other.user('iso-a');
    const calls = [
      ['PATCH', `/user/${a.id}`, { firstName: 'x' }], ['DELETE', `/user/${a.id}`], ['GET', `/user/${a.id}/sessions`],
      ['DELETE', `/user/${a.id}/sessions`], ['DELETE', `/user/${a.id}/tokens`], ['PUT', `/user/${a.id}/ban`, {}], ['DELETE', `/user/${a.id}/ban`],
      ['GET', `/room/${room.id}`], ['GET', `/room/${room.room}`], ['PATCH', `/room/${room.id}`, { name: 'x' }], ['DELETE', `/room/${room.id}`],
      ['PUT', '/room/add', { room: room.room, users: ['iso-a'] }], ['PUT', '/room/remove', { room: room.room, users: ['iso-a'] }],
      ['PUT', `/room/${room.id}/members/${a.id}`, { role: 'moderator' }],
      ['GET', `/chats/${room.id}/messages`], ['POST', `/chats/${room.id}/messages`, { text: 'x', appUserId: 'iso-a' }],
      ['GET', `/message/${message.id}`], ['DELETE', `/message/${message.id}`], ['GET', `/app/${app.id}`],
      ['GET', `/user/${app.id}`], ['GET', `/user?appId=${app.id}`], ['GET', `/room?appId=${app.id}`], ['POST', '/user', { appId: app.id, appUserId: 'x' }],
    ];
    for (const [method, path, body] of calls) {
      const answer = await other.rest(method, path, body);
      assert.equal(answer.status, 404, `${method} ${path}: ${answer.text}`);
    }
    for (const [method, path, body] of [['GET', `/room/${room.id}`], ['GET', `/chats/${room.id}/messages`], ['GET', `/message/${message.id}`],
      ['PATCH', `/message/${message.id}`, { text: 'x' }], ['DELETE', `/message/${message.id}`]]) {
      const answer = await chatd.rest(method, path, { token: stranger.token, body });
      assert.equal(answer.status, 404, `${method} ${path} as a user: ${answer.status}`);
    }
    const { body } = await app.rest('GET', `/message/${message.id}`);
    assert.equal(body.text, 'private');
  });
});
