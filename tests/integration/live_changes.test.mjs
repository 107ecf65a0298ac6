// REST and live sessions are one room: what one changes the other sees at once.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';

describe('REST and live sessions', () => {
  let chatd;
  let app;
  let count = 0;

  before(async () => {
    chatd = await Chatd.start();
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  async function scene(t) {
    const names = [`u${++count}`, `u${++count}`];
    const users = [await app.user(names[0]), await app.user(names[1])];
    const room = await app.room(`live-${count}`, 'group', names);
    const a = await ChatClient.join(chatd.url, users[0].token, room.room);
    const b = await ChatClient.join(chatd.url, users[1].token, room.room);
    t.after(() => [a, b].forEach((client) => client.close()));
    return { a, b, users, names, room };
  }

  test('a message by REST arrives at every session', async (t) => {
    const { a, b, room, names, users } = await scene(t);
    const posted = await app.rest('POST', `/chats/${room.id}/messages`, { text: 'by REST 😀', appUserId: names[0] });
    assert.equal(posted.status, 201);
    for (const client of [a, b]) {
      const message = await client.next('message');
      assert.equal(textOf(message), 'by REST 😀');
      assert.equal(message.id, posted.body.id);
      assert.equal(message.userId, users[0].id);
    }
  });

  test('a message by the user token over REST arrives too', async (t) => {
    const { a, room, users } = await scene(t);
    const posted = await chatd.rest('POST', `/chats/${room.id}/messages`, { token: users[1].token, body: { text: 'as myself' } });
    assert.equal(posted.status, 201);
    assert.equal((await a.next('message')).userId, users[1].id);
  });

  test('a live message is in the REST history', async (t) => {
    const { a, room, users } = await scene(t);
    const { message } = await a.ask('send_message', { text: 'to be read later', clientMsgId: 'k' });
    const history = await chatd.rest('GET', `/chats/${room.id}/messages`, { token: users[1].token });
    assert.deepEqual(history.body.items, [message]);
    const { body } = await app.rest('GET', `/room/${room.id}`);
    assert.equal(body.lastMessage.id, message.id);
  });

  test('the same clientMsgId by event and by REST is one message', async (t) => {
    const { a, b, room, names } = await scene(t);
    const first = await a.ask('send_message', { text: 'once', clientMsgId: 'same' });
    const repeat = await app.rest('POST', `/chats/${room.id}/messages`, { text: 'once', clientMsgId: 'same', appUserId: names[0] });
    assert.equal(repeat.status, 200);
    assert.equal(repeat.body.duplicate, true);
    assert.equal(repeat.body.id, first.message.id);
    await b.ask('send_message', 'barrier');
    await a.next('message', (message) => textOf(message) === 'barrier');
    assert.equal(a.all('message').length, 2);
  });

  test('an edit tells the members message-updated, a deletion message-deleted', async (t) => {
    const { a, b, room, users } = await scene(t);
    const { message } = await a.ask('send_message', 'wrnog');
    const edited = await chatd.rest('PATCH', `/message/${message.id}`, { token: users[0].token, body: { text: 'right' } });
    assert.equal(edited.status, 200);
    for (const client of [a, b]) {
      const updated = await client.next('message-updated');
      assert.equal(updated.id, message.id);
      assert.equal(updated.text, 'right');
      assert.equal(updated.seq, message.seq);
    }
    const deleted = await chatd.rest('DELETE', `/message/${message.id}`, { token: users[0].token });
    assert.ok([200, 204].includes(deleted.status));
    for (const client of [a, b]) assert.deepEqual(await client.next('message-deleted'), { id: message.id, roomId: room.id, room: room.room });
    const { body } = await app.rest('GET', `/message/${message.id}`);
    assert.equal(body.text, '');
    assert.notEqual(body.deletedAt, null);
    assert.equal(body.seq, message.seq);
  });

  test('a removed member loses the room at once, and an added one can join', async (t) => {
    const { a, b, room, names } = await scene(t);
    await b.next('roomData', (data) => data.users.length === 2);
    const mark = a.mark();
    assert.equal((await app.rest('PUT', '/room/remove', { room: room.room, users: [names[1]] })).status, 200);
    await a.next('roomData', (data) => data.users.length === 1, { after: mark });
    await a.ask('send_message', 'behind the back');
    const refused = await b.ask('send_message', 'let me in');
    assert.equal(refused.ok, false);
    assert.ok(['not_joined', 'forbidden', 'room_not_found'].includes(refused.code), refused.code);
    assert.equal((await b.ask('join', room.room)).ok, false);
    assert.deepEqual(b.all('message'), []);
    assert.equal((await app.rest('PUT', '/room/add', { room: room.room, users: [names[1]] })).status, 200);
    assert.equal((await b.ask('join', room.room)).ok, true);
    assert.equal((await b.ask('send_message', 'back')).ok, true);
    await a.next('message', (message) => textOf(message) === 'back');
  });

  async function endsWith(client, code) {
    const error = await client.next('error');
    assert.equal(error.code, code);
    assert.equal(typeof error.message, 'string');
    assert.equal(await client.disconnected(), 'io server disconnect');
    assert.equal(client.events.at(-1).name, 'error');
  }

  test('a kicked user gets error and DISCONNECT, the others stay', async (t) => {
    const { a, b, users } = await scene(t);
    const { body } = await app.rest('GET', `/user/${users[0].id}/sessions`);
    assert.deepEqual(body.items.map((session) => session.id), [a.id]);
    await app.must('DELETE', `/user/${users[0].id}/sessions`);
    await endsWith(a, 'kicked');
    assert.equal((await b.ask('send_message', 'alone')).ok, true);
    // A kick is not a ban.
    (await ChatClient.connect(chatd.url, { token: users[0].token })).close();
  });

  test('a banned user is out at once', async (t) => {
    const { a, users } = await scene(t);
    await app.must('PUT', `/user/${users[0].id}/ban`, {});
    await endsWith(a, 'banned');
    await assert.rejects(ChatClient.connect(chatd.url, { token: users[0].token }), (error) => error.data.code === 'banned');
  });

  test('a deleted user is out at once', async (t) => {
    const { a, users } = await scene(t);
    await app.must('DELETE', `/user/${users[0].id}`);
    await endsWith(a, 'user_deleted');
  });

  test('revoked tokens end the sessions and open no more', async (t) => {
    const { a, users } = await scene(t);
    await app.must('DELETE', `/user/${users[0].id}/tokens`);
    await endsWith(a, 'token_revoked');
    await assert.rejects(ChatClient.connect(chatd.url, { token: users[0].token }), (error) => error.data.code === 'unauthorized');
  });

  test('a deleted room is gone for those who are in it', async (t) => {
    const { a, room } = await scene(t);
    assert.equal((await app.rest('DELETE', `/room/${room.id}`)).status, 204);
    const answer = await a.ask('send_message', 'into the void');
    assert.equal(answer.ok, false);
    assert.ok(['not_joined', 'room_not_found', 'room_deleted'].includes(answer.code), answer.code);
    assert.equal((await a.ask('join', room.room)).code, 'room_not_found');
  });

  test('a deleted app is gone with its sessions', async () => {
    const doomed = await TestApp.create(chatd);
    const { a: user, room } = await doomed.pair();
    const client = await ChatClient.join(chatd.url, user.token, room.room);
    assert.equal((await chatd.admin('DELETE', `/app/${doomed.id}`)).status, 204);
    await client.disconnected();
    await assert.rejects(ChatClient.connect(chatd.url, { token: user.token }));
    assert.equal((await doomed.rest('GET', '/room')).status, 401);
    client.close();
  });

  test('a user renamed by REST has the new name in the next typing event', async (t) => {
    const { a, b, users } = await scene(t);
    await app.must('PATCH', `/user/${users[0].id}`, { firstName: 'Renamed' });
    a.close();
    const back = await ChatClient.join(chatd.url, users[0].token, `live-${count}`);
    t.after(() => back.close());
    back.emit('typing', true);
    assert.equal((await b.next('is_typing')).data.firstName, 'Renamed');
  });
});
