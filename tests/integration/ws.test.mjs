// Plain WebSocket (CONTRACT 3.2): the door, every request, every event, bad input, the heartbeat, the close codes.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until, within } from '../support/wait.mjs';
import { WsClient } from '../support/ws_client.mjs';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('/ws', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  async function connect(t, user, options = {}) {
    const client = await WsClient.connect(chatd, { token: user.token, ...options });
    t.after(() => client.close());
    return client;
  }
  /** Two users, their room, and a joined session of each. */
  async function scene(t, first, second) {
    const { a, b, room } = await app.pair(first, second);
    const ann = await connect(t, a);
    const bob = await connect(t, b);
    await ann.must('join', { room: room.room });
    await bob.must('join', { room: room.id });
    return { a, b, room, ann, bob };
  }

  test('hello comes first, with who one is and the limits that matter', async (t) => {
    const user = await app.user('hello', { firstName: 'Ann' });
    const client = await connect(t, user);
    const { hello } = client;
    assert.equal(hello.type, 'hello');
    assert.ok(hello.session.length >= 16);
    assert.equal(hello.user.id, user.id);
    assert.equal(hello.user.appUserId, 'hello');
    assert.equal(hello.user.firstName, 'Ann');
    assert.match(hello.time, TIME);
    assert.equal(hello.limits.message_bytes, 16384);
    assert.equal(hello.limits.messages_per_second, 0);
    assert.equal(hello.limits.replay, 1000);
    assert.ok(!JSON.stringify(hello).includes(user.token));
    const { body } = await app.rest('GET', `/user/${user.id}/sessions`);
    assert.equal(body.items[0].id, hello.session);
  });

  test('the token comes by query, Authorization or subprotocol, and is never echoed', async (t) => {
    const user = await app.user('door');
    const bearer = `bearer.${Buffer.from(user.token).toString('base64url')}`;
    const ways = [
      { token: user.token },
      { token: undefined, headers: { Authorization: `Bearer ${user.token}` } },
      { token: undefined, protocols: ['chatd.v1', bearer] },
      { token: undefined, protocols: [bearer, 'chatd.v1'] },
      { token: user.token, app: app.name },
      { token: user.token, app: String(app.id) },
      { token: user.token, headers: { 'X-Chat-App': app.name } },
    ];
    for (const way of ways) {
      const client = await connect(t, user, way);
      assert.equal(client.hello.user.id, user.id);
      if (way.protocols) assert.equal(client.socket.protocol, 'chatd.v1');
      const echoed = JSON.stringify(client.upgrade.headers);
      assert.ok(!echoed.includes(user.token) && !echoed.includes('bearer.'), echoed);
      client.close();
    }
  });

  test('who may not come in gets an HTTP answer with a problem document', async () => {
    const user = await app.user('refused');
    const cases = [
      [{}, 401, 'unauthorized'],
      [{ token: 'nobody' }, 401, 'unauthorized'],
      [{ protocols: ['chatd.v1', 'bearer.%%%'] }, undefined, undefined],
      [{ token: user.token, headers: { Origin: 'https://evil.example' } }, 403, 'origin_refused'],
    ];
    for (const [options, status, code] of cases.filter(([, wanted]) => wanted)) {
      const refusal = await WsClient.refused(chatd, options);
      assert.equal(refusal.status, status, refusal.text);
      assert.match(refusal.headers['content-type'], /^application\/problem\+json/);
      assert.equal(refusal.body.code, code);
      assert.ok(refusal.headers['x-request-id']);
    }
    const banned = await app.user('refused-ban');
    await app.must('PUT', `/user/${banned.id}/ban`, {});
    const refusal = await WsClient.refused(chatd, { token: banned.token });
    assert.deepEqual([refusal.status, refusal.body.code], [403, 'banned']);
    const plain = await chatd.rest('GET', '/ws', {});
    assert.equal(plain.status, 426);
    assert.equal(plain.headers.upgrade, 'websocket');
    assert.equal(plain.body.code, 'upgrade_required');
    const post = await chatd.rest('POST', '/ws', { body: {} });
    assert.deepEqual([post.status, post.headers.allow, post.body.code], [405, 'GET', 'method_not_allowed']);
  });

  test('one session more than a user may have is 429 before the upgrade', async (t) => {
    const user = await app.user('many');
    for (let i = 0; i < 20; ++i) await connect(t, user);
    const refusal = await WsClient.refused(chatd, { token: user.token });
    assert.deepEqual([refusal.status, refusal.body.code], [429, 'too_many_sessions']);
    assert.ok(refusal.headers['retry-after']);
  });

  test('join answers the room, where it stands, and one list of who is there', async (t) => {
    const { room, ann, bob } = await scene(t, 'join-1', 'join-2');
    const answer = ann.frames.find((frame) => frame.type === 'ok');
    assert.equal(answer.room.id, room.id);
    assert.equal(answer.room.room, room.room);
    assert.equal(answer.room.members.length, 2);
    assert.equal(answer.seq, 0);
    assert.equal(answer.rev, 0);
    assert.ok(answer.epoch.length > 0);
    assert.ok(!('recovered' in answer));
    const list = bob.all('presence')[0];
    assert.equal(list.room, room.room);
    assert.deepEqual(list.users.map((one) => one.session).sort(), [ann.hello.session, bob.hello.session].sort());
    assert.equal(list.total, 2);
    const change = await ann.next('presence', (event) => event.joined);
    assert.deepEqual(change.joined, [{ userId: bob.hello.user.id, session: bob.hello.session }]);
    assert.deepEqual(change.left, []);
    assert.equal(change.total, 2);
    bob.close();
    const gone = await ann.next('presence', (event) => event.left?.length > 0);
    assert.deepEqual(gone.left, [{ userId: bob.hello.user.id, session: bob.hello.session }]);
    assert.equal(gone.total, 1);
    assert.equal((await ann.ask('join', { room: 'nowhere' })).code, 'room_not_found');
    await app.user('join-3');
    await app.room('not-mine', 'group', ['join-3']);
    assert.equal((await ann.ask('join', { room: 'not-mine' })).code, 'forbidden');
  });

  test('send is durable, answered with the message, and told to all; a repeat says duplicate', async (t) => {
    const { room, ann, bob } = await scene(t, 'send-1', 'send-2');
    const first = await ann.must('send', { room: room.room, text: 'h\u00e9llo \u{1F600}', clientMsgId: 'c1', metadata: { k: [1] } });
    assert.deepEqual(Object.keys(first), ['type', 'id', 'message']);
    assert.equal(first.message.text, 'h\u00e9llo \u{1F600}');
    assert.deepEqual(first.message.metadata, { k: [1] });
    const again = await ann.must('send', { room: room.id, text: 'h\u00e9llo \u{1F600}', clientMsgId: 'c1' });
    assert.equal(again.duplicate, true);
    assert.equal(again.message.id, first.message.id);
    assert.equal((await ann.ask('send', { room: room.id, text: 'other', clientMsgId: 'c1' })).code, 'client_msg_id_reused');
    const reply = await bob.must('send', { room: String(room.id), text: 're', replyTo: first.message.id });
    assert.equal(reply.message.replyTo, first.message.id);
    for (const client of [ann, bob]) {
      await client.next('message', (event) => event.seq === 2);
      assert.deepEqual(client.all('message').map((event) => event.seq), [1, 2]);
      const [event] = client.all('message');
      assert.deepEqual([event.room, event.roomId], [room.room, room.id]);
      assert.deepEqual(event.message, first.message);
    }
  });

  test('many sends without waiting: each answered once, in order', async (t) => {
    const { room, ann, bob } = await scene(t, 'fast-1', 'fast-2');
    const ids = Array.from({ length: 300 }, (_, i) => ann.post('send', { room: i % 2 ? room.room : room.id, text: `${i}` }));
    await ann.answered(ids.at(-1));
    const answers = ann.frames.filter((frame) => ids.includes(frame.id));
    assert.deepEqual(answers.map((answer) => answer.id), ids);
    assert.deepEqual(answers.map((answer) => answer.message.seq), ids.map((_, i) => i + 1));
    await bob.next('message', (event) => event.seq === 300);
    assert.deepEqual(bob.all('message').map((event) => event.message.text), ids.map((_, i) => `${i}`));
  });

  test('edit and delete: the answer and the event carry the rev', async (t) => {
    const { room, ann, bob } = await scene(t, 'edit-1', 'edit-2');
    const { message } = await ann.must('send', { room: room.room, text: 'helo' });
    const edited = await ann.must('edit', { messageId: message.id, text: 'hello' });
    assert.deepEqual([edited.message.text, edited.rev], ['hello', 1]);
    assert.equal((await bob.ask('edit', { messageId: message.id, text: 'mine' })).code, 'forbidden');
    assert.equal((await bob.ask('delete', { messageId: message.id })).code, 'forbidden');
    const deleted = await ann.must('delete', { messageId: message.id });
    assert.equal(deleted.message.text, '');
    assert.equal(deleted.rev, 2);
    for (const client of [ann, bob]) {
      const updated = await client.next('updated');
      assert.deepEqual([updated.room, updated.roomId, updated.rev, updated.message.text], [room.room, room.id, 1, 'hello']);
      const gone = await client.next('deleted');
      assert.deepEqual([gone.rev, gone.messageId, gone.seq], [2, message.id, 1]);
      assert.ok(gone.message.deletedAt);
    }
    assert.equal((await ann.ask('edit', { messageId: 999999999, text: 'x' })).code, 'message_not_found');
  });

  test('typing and seen are told to the others', async (t) => {
    const { room, ann, bob } = await scene(t, 'seen-1', 'seen-2');
    const { message } = await ann.must('send', { room: room.room, text: 'look' });
    await ann.must('typing', { room: room.room, typing: true });
    const typing = await bob.next('typing');
    assert.deepEqual([typing.room, typing.user.id, typing.user.appUserId, typing.typing], [room.room, ann.hello.user.id, 'seen-1', true]);
    assert.ok(!('token' in typing.user));
    const seen = await bob.must('seen', { room: room.id });
    assert.equal(seen.seq, 1);
    const told = await ann.next('seen');
    assert.deepEqual([told.user.id, told.messageId, told.seq], [bob.hello.user.id, message.id, 1]);
    assert.match(told.seenAt, TIME);
    await ann.must('leave', { room: room.room });
    assert.equal((await ann.ask('typing', { room: room.room, typing: false })).code, 'not_joined');
    assert.equal((await ann.ask('leave', { room: room.room })).code, 'not_joined');
    assert.equal(ann.all('typing').length, 0);
  });

  test('history is newest first, by before or after, and says whether there is more', async (t) => {
    const { room, ann } = await scene(t, 'hist-1', 'hist-2');
    for (let i = 1; i <= 25; ++i) ann.post('send', { room: room.id, text: `${i}` });
    await ann.next('message', (event) => event.seq === 25);
    const seqs = (answer) => answer.messages.map((message) => message.seq);
    const newest = await ann.must('history', { room: room.room });
    assert.deepEqual(seqs(newest), Array.from({ length: 20 }, (_, i) => 25 - i));
    assert.deepEqual([newest.more, newest.firstSeq], [true, 1]);
    const older = await ann.must('history', { room: room.room, before: 6, limit: 20 });
    assert.deepEqual([seqs(older), older.more], [[5, 4, 3, 2, 1], false]);
    const onward = await ann.must('history', { room: room.id, after: 10, limit: 3 });
    assert.deepEqual([seqs(onward), onward.more], [[13, 12, 11], true]);
    assert.equal((await ann.ask('history', { room: room.id, before: 3, after: 1 })).code, 'invalid');
    assert.equal((await ann.ask('history', { room: room.id, limit: 101 })).code, 'invalid');
  });

  test('rooms lists the own rooms with unread, last message and where they stand', async (t) => {
    const { a, room, ann, bob } = await scene(t, 'list-1', 'list-2');
    await app.room('list-empty', 'group', ['list-1']);
    await bob.must('send', { room: room.id, text: 'one' });
    const last = await bob.must('send', { room: room.id, text: 'two' });
    const answer = await ann.must('rooms');
    assert.equal(answer.next, null);
    const listed = answer.rooms.find((one) => one.id === room.id);
    assert.deepEqual([listed.room, listed.unread, listed.seq, listed.rev], [room.room, 2, 2, 0]);
    assert.deepEqual(listed.lastMessage, last.message);
    assert.ok(listed.epoch.length > 0);
    const empty = answer.rooms.find((one) => one.room === 'list-empty');
    assert.deepEqual([empty.unread, empty.lastMessage, empty.seq], [0, null, 0]);
    assert.equal(answer.rooms.length, 2);
    assert.ok(a.id);
  });

  test('without any join: room at most once a second with the unread of each, and member', async (t) => {
    const { a, b, room } = await app.pair('quiet-1', 'quiet-2');
    const listens = await connect(t, a);
    const says = await connect(t, b);
    await listens.must('rooms');
    await until('the rooms are followed', async () => {
      await says.must('send', { room: room.id, text: 'knock' });
      return listens.all('room').length > 0;
    });
    const before = listens.mark();
    const count = 40;
    const started = Date.now();
    for (let i = 0; i < count; ++i) await says.must('send', { room: room.id, text: `n${i}` });
    const newest = await says.must('send', { room: room.id, text: 'last' });
    const event = await listens.next('room', (one) => one.seq === newest.message.seq, { after: before });
    assert.deepEqual([event.room, event.roomId, event.unread], [room.room, room.id, newest.message.seq]);
    assert.equal(event.lastMessage.text, 'last');
    const seconds = (Date.now() - started) / 1000;
    assert.ok(listens.frames.slice(before).filter((one) => one.type === 'room').length <= seconds + 2, 'at most one a second');
    assert.equal(listens.all('message').length, 0);
    // Reading it on another session is news for the own ones.
    const desk = await connect(t, a);
    await desk.must('seen', { room: room.id });
    await listens.next('room', (one) => one.unread === 0, { after: before });
    // A new room and its members.
    const { room: joinable } = await app.room('quiet-group', 'group', ['quiet-2']);
    const mark = says.mark();
    await app.must('PUT', '/room/add', { room: joinable, users: ['quiet-1'] });
    for (const [client, from] of [[listens, before], [says, mark]]) {
      const member = await client.next('member', (one) => one.room === 'quiet-group' && one.user.appUserId === 'quiet-1', { after: from });
      assert.deepEqual([member.change, member.role], ['added', 'member']);
    }
    await says.must('send', { room: 'quiet-group', text: 'welcome' });
    await listens.next('room', (one) => one.room === 'quiet-group' && one.lastMessage?.text === 'welcome');
    const { id: group } = await chatd.must('GET', `/room/quiet-group?appId=${app.id}`, undefined, { token: app.key });
    await app.must('PUT', `/room/${group}/members/${a.id}`, { role: 'moderator' });
    assert.equal((await says.next('member', (one) => one.change === 'role')).role, 'moderator');
    await app.must('PUT', '/room/remove', { room: 'quiet-group', users: ['quiet-1'] });
    await listens.next('member', (one) => one.change === 'removed');
    await says.next('member', (one) => one.change === 'removed' && one.user.id === a.id);
    const quiet = listens.mark();
    await says.must('send', { room: 'quiet-group', text: 'without you' });
    await says.must('send', { room: room.id, text: 'with you' });
    await listens.next('room', (one) => one.lastMessage?.text === 'with you', { after: quiet });
    assert.equal(listens.frames.slice(quiet).filter((one) => one.room === 'quiet-group').length, 0);
  });

  test('who is removed from a room loses it at once', async (t) => {
    await app.user('lose-1');
    const b = await app.user('lose-2');
    await app.room('lose', 'group', ['lose-1', 'lose-2']);
    const client = await connect(t, b);
    await client.must('join', { room: 'lose' });
    await app.must('PUT', '/room/remove', { room: 'lose', users: ['lose-2'] });
    const left = await client.next('left');
    assert.deepEqual([left.room, left.code], ['lose', 'forbidden']);
    await app.must('POST', '/chats/lose/messages', { appUserId: 'lose-1', text: 'unheard' });
    assert.equal((await client.ask('send', { room: 'lose', text: 'x' })).code, 'forbidden');
    assert.equal(client.all('message').length, 0);
  });

  test('one room over /ws and Socket.IO: the same messages in the same order', async (t) => {
    const { a, b, room } = await app.pair('mix-1', 'mix-2');
    const onWs = await connect(t, a);
    await onWs.must('join', { room: room.room });
    const onSocketIo = await ChatClient.join(chatd.url, b.token, room.room);
    const chats = await ChatClient.connect(chatd.url, { token: b.token });
    await chats.ask('join-chat', room.id);
    t.after(() => { onSocketIo.close(); chats.close(); });
    const sends = [];
    for (let i = 0; i < 60; ++i) {
      if (i % 3 === 0) sends.push(onWs.must('send', { room: room.id, text: `w${i}` }));
      else if (i % 3 === 1) sends.push(onSocketIo.ask('send_message', `s${i}`));
      else sends.push(chats.ask('send-message', { chat_id: room.id, text: `b${i}` }));
    }
    await Promise.all(sends);
    await until('all of them', () => onWs.all('message').length === 60 && onSocketIo.all('message').length === 60 && chats.all('new-message').length === 60);
    const texts = onWs.all('message').map((event) => event.message.text);
    assert.deepEqual(onWs.all('message').map((event) => event.seq), Array.from({ length: 60 }, (_, i) => i + 1));
    assert.deepEqual(onSocketIo.all('message').map(textOf), texts);
    assert.deepEqual(chats.all('new-message').map((message) => message.text), texts);
  });

  test('bad input is answered with what to do, and the session goes on', async (t) => {
    const { room, ann } = await scene(t, 'bad-1', 'bad-2');
    const withoutId = ['', 'x', '{', '[]', '7', 'null', '{}', '{"type":"send"}', '{"id":"7","type":"rooms"}', '{"id":1.5,"type":"rooms"}', '{"id":null,"type":"rooms"}'];
    for (const text of withoutId) {
      const mark = ann.mark();
      ann.raw(text);
      const error = await ann.next('error', () => true, { after: mark });
      assert.equal(error.id, null, text);
      assert.ok(['invalid', 'not_json'].includes(error.code), `${text}: ${error.code}`);
      assert.ok(error.message.length > 0);
      assert.equal(error.retryable, false);
    }
    const bad = [
      ['nonsense', {}, 'unknown_event'], [undefined, {}, 'invalid'], ['join', {}, 'invalid'], ['join', { room: 1.5 }, 'invalid'], ['join', { room: 'a/b' }, 'invalid'],
      ['join', { room: room.id, since: -1 }, 'invalid'], ['join', { room: room.id, since: '1' }, 'invalid'], ['join', { room: room.id, since: 1, epoch: 5 }, 'invalid'],
      ['sync', {}, 'invalid'], ['sync', { rooms: {} }, 'invalid'], ['sync', { rooms: { a: 1 } }, 'invalid'], ['sync', { rooms: [] }, 'invalid'],
      ['typing', { room: room.id }, 'invalid'], ['typing', { room: room.id, typing: 'yes' }, 'invalid'], ['seen', { room: room.id, seq: -1 }, 'invalid'],
      ['send', { room: room.id }, 'invalid'], ['send', { text: 'x' }, 'invalid'], ['send', { room: room.id, text: '' }, 'empty_text'],
      ['send', { room: room.id, text: 'a\0' }, 'invalid_text'], ['send', { room: room.id, text: 'x'.repeat(16385) }, 'too_large'],
      ['send', { room: room.id, text: 'x', metadata: 5 }, 'invalid'], ['send', { room: room.id, text: 'x', clientMsgId: 'k'.repeat(129) }, 'invalid'],
      ['send', { room: room.id, text: 'x', replyTo: 999999999 }, 'invalid'], ['send', { room: 'nowhere', text: 'x' }, 'room_not_found'],
      ['edit', { messageId: 'x', text: 'y' }, 'invalid'], ['edit', { messageId: 1 }, 'invalid'], ['delete', {}, 'invalid'],
      ['history', { room: room.id, limit: 0 }, 'invalid'], ['rooms', { after: 'x' }, 'invalid'], ['auth', {}, 'invalid'], ['auth', { token: 'nobody' }, 'unauthorized'],
    ];
    for (const [type, fields, code] of bad) {
      const answer = await ann.ask(type, fields);
      assert.deepEqual([answer.type, answer.code], ['error', code], `${type} ${JSON.stringify(fields).slice(0, 60)}`);
      assert.equal(typeof answer.retryable, 'boolean');
    }
    const sent = await ann.must('send', { room: room.id, text: 'still here', unknown: true, because: ['ignored'] });
    assert.equal(sent.message.seq, 1);
  });

  test('a binary frame closes with 1003, a broken text with 1007, a frame too large with 1009', async (t) => {
    const user = await app.user('closes');
    const binary = await connect(t, user);
    binary.socket.send(Buffer.from([1, 2, 3]));
    assert.equal((await within(binary.closed, 'closed')).code, 1003);
    const large = await connect(t, user);
    large.raw('x'.repeat(1_000_001));
    assert.equal((await within(large.closed, 'closed')).code, 1009);
    const broken = await connect(t, user);
    broken.socket.send(Buffer.from([0xff, 0xfe]), { binary: false });
    assert.equal((await within(broken.closed, 'closed')).code, 1007);
  });

  test('auth refreshes the token of the same user only; an expired one ends with 4001', async (t) => {
    const soon = new Date(Date.now() + 2500).toISOString();
    const user = await app.user('auth');
    await app.must('POST', '/user', { appUserId: 'auth', token: 'short-lived', tokenExpiresAt: soon });
    const stays = await connect(t, user, { token: 'short-lived' });
    const goes = await connect(t, user, { token: 'short-lived' });
    const answer = await stays.must('auth', { token: user.token });
    assert.equal(answer.expiresAt, null);
    const stranger = await app.user('auth-2');
    assert.equal((await stays.ask('auth', { token: stranger.token })).code, 'forbidden');
    assert.equal((await within(goes.closed, 'closed')).code, 4001);
    assert.equal(goes.frames.at(-1).code, 'token_expired');
    assert.equal(goes.frames.at(-1).id, null);
    await stays.must('rooms');
  });

  test('a kicked user is closed with 4003, a revoked token with 4001', async (t) => {
    const user = await app.user('kick');
    const kicked = await connect(t, user);
    await app.rest('DELETE', `/user/${user.id}/sessions`);
    assert.equal((await within(kicked.closed, 'closed')).code, 4003);
    assert.equal(kicked.frames.at(-1).code, 'kicked');
    const revoked = await connect(t, user);
    await app.rest('DELETE', `/user/${user.id}/tokens`);
    assert.equal((await within(revoked.closed, 'closed')).code, 4001);
  });

  test('a flood of requests is rate limited, then closed with 4029', async (t) => {
    const user = await app.user('flood');
    const client = await connect(t, user);
    for (let i = 0; i < 600; ++i) client.post('rooms');
    assert.equal((await within(client.closed, 'closed')).code, 4029);
    assert.ok(client.frames.some((frame) => frame.code === 'rate_limited' && frame.retryable));
    const noise = await connect(t, user);
    for (let i = 0; i < 600; ++i) noise.raw('{');
    assert.equal((await within(noise.closed, 'closed')).code, 4029);
    const lost = await connect(t, user);
    for (let i = 0; i < 600; ++i) lost.post('send', { room: 'nowhere', text: 'hello?' });
    assert.equal((await within(lost.closed, 'closed')).code, 4029);
  });

  test('nothing of another app is seen', async (t) => {
    const foreign = await TestApp.create(chatd);
    const { a } = await foreign.pair('join-1', 'join-2');
    const { room } = await app.pair('tenant-1', 'tenant-2');
    const stranger = await connect(t, a);
    for (const [type, fields] of [['join', {}], ['send', { text: 'x' }], ['seen', {}], ['history', {}], ['join', { since: 0 }]]) {
      assert.equal((await stranger.ask(type, { room: room.id, ...fields })).code, 'room_not_found', type);
    }
  });
});

describe('/ws, heartbeat', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_ENGINE__PING_INTERVAL_MS: '200', CHATD_ENGINE__PING_TIMEOUT_MS: '300' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  test('the server pings, keeps who answers and closes who does not', async (t) => {
    const user = await app.user('beat');
    const alive = await WsClient.connect(chatd, { token: user.token });
    const dead = await WsClient.connect(chatd, { token: user.token });
    t.after(() => { alive.close(); dead.close(); });
    dead.socket._receiver.removeAllListeners('ping');
    const closed = await within(dead.closed, 'closed');
    assert.equal(closed.code, 1001);
    await until('several pings', () => alive.pings >= 4);
    await alive.must('rooms');
  });

  test('a stopping daemon closes with 1012', async () => {
    const user = await app.user('drain');
    const client = await WsClient.connect(chatd, { token: user.token });
    chatd.signal('SIGTERM');
    assert.equal((await within(client.closed, 'closed')).code, 1012);
    await chatd.terminate();
    await chatd.launch();
  });
});
