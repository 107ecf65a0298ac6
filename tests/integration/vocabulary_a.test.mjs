// Every event of vocabulary A (CONTRACT 3.1): two users in one room through the official client, and a third app's user in a room
// of the same name who must see nothing of it.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/;

describe('vocabulary A', () => {
  let chatd;
  let app;
  let foreign;
  let count = 0;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
    foreign = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  /** A room of its own with two joined users, and the stranger: same user ids, same room name, another app. */
  async function scene(t) {
    const [first, second] = [++count, ++count];
    const users = [await app.user(first, { firstName: 'Ann', lastName: 'Lee' }), await app.user(second)];
    const strangers = [await foreign.user(first), await foreign.user(second)];
    const name = `talk-${first}`;
    const room = await app.room(name, 'group', [first, second], { name: 'A talk' });
    await foreign.room(name, 'group', [first, second]);
    const a = await ChatClient.join(chatd.url, users[0].token, name);
    const b = await ChatClient.join(chatd.url, users[1].token, name);
    const stranger = await ChatClient.join(chatd.url, strangers[0].token, name);
    await stranger.next('roomData');
    t.after(() => [a, b, stranger].forEach((client) => client.close()));
    const before = stranger.mark();
    return {
      a, b, stranger, room, name, users,
      /** Proof by order: a word of the stranger's own comes back, and nothing came before it. */
      async strangerSawNothing() {
        await stranger.ask('send_message', 'only for us');
        await stranger.next('message', (message) => textOf(message) === 'only for us');
        const seen = stranger.events.slice(before).filter(({ name: event, args }) => !(event === 'message' && textOf(args[0]) === 'only for us'));
        assert.deepEqual(seen, []);
      },
    };
  }

  test('join answers info, room_info, roomData and an acknowledgement', async (t) => {
    const { a, room, name, users, strangerSawNothing } = await scene(t);
    assert.equal(await a.next('info'), 'You have joined the room');
    const info = await a.next('room_info');
    assert.equal(info.room, name);
    assert.equal(info.unread, 0);
    assert.equal(info.lastMessage, null);
    assert.deepEqual(info.members.map((member) => member.id).sort(), users.map((user) => user.id).sort());
    const both = await a.next('roomData', (data) => data.users.length === 2);
    assert.equal(both.room, name);
    const own = both.users.find((entry) => entry.id === a.id);
    assert.deepEqual(own, { appId: app.id, room: name, roomId: room.id, sender: users[0].id, id: a.id });
    await strangerSawNothing();
  });

  test('the acknowledgement of join carries the room', async (t) => {
    const { a, name, room } = await scene(t);
    const answer = await a.ask('join', name);
    assert.equal(answer.ok, true);
    assert.equal(answer.room.id, room.id);
    assert.equal(answer.room.room, name);
    assert.equal(answer.room.type, 'group');
  });

  test('roomData follows joins, leaves and disconnects', async (t) => {
    const { a, b, name, users } = await scene(t);
    await a.next('roomData', (data) => data.users.length === 2);
    const mark = a.mark();
    b.close();
    const alone = await a.next('roomData', (data) => data.users.length === 1, { after: mark });
    assert.equal(alone.users[0].sender, users[0].id);
    const again = await ChatClient.join(chatd.url, users[1].token, name);
    t.after(() => again.close());
    const back = await a.next('roomData', (data) => data.users.length === 2, { after: a.events.length - 1 });
    assert.ok(back.users.some((entry) => entry.id === again.id));
  });

  test('roomData is coalesced: many joins make few of them, and the last has them all', async (t) => {
    const { a, name, users } = await scene(t);
    await a.next('roomData', (data) => data.users.length === 2);
    const mark = a.mark();
    const more = await Promise.all(Array.from({ length: 12 }, () => ChatClient.join(chatd.url, users[1].token, name)));
    t.after(() => more.forEach((client) => client.close()));
    const last = await a.next('roomData', (data) => data.users.length === 14, { after: mark });
    assert.equal(new Set(last.users.map((entry) => entry.id)).size, 14);
    const told = a.events.slice(mark).filter((event) => event.name === 'roomData').length;
    assert.ok(told < 12, `${told} roomData for 12 joins`);
  });

  test('send_message reaches everyone in the room, the sender too, and is acknowledged in plain text', async (t) => {
    const { a, b, room, users, strangerSawNothing } = await scene(t);
    const answer = await a.ask('send_message', 'hello');
    assert.equal(answer.ok, true);
    assert.equal(answer.message.text, 'hello');
    assert.equal(answer.message.seq, 1);
    assert.equal(answer.message.userId, users[0].id);
    for (const client of [a, b]) {
      const message = await client.next('message');
      assert.deepEqual(Object.keys(message).sort(), ['clientMsgId', 'createdAt', 'deletedAt', 'id', 'message', 'roomId', 'seq', 'updatedAt', 'userId']);
      assert.equal(message.message, 'aGVsbG8=');
      assert.equal(message.id, answer.message.id);
      assert.equal(message.roomId, room.id);
      assert.equal(message.userId, users[0].id);
      assert.equal(message.seq, 1);
      assert.equal(message.clientMsgId, null);
      assert.equal(message.deletedAt, null);
      assert.match(message.createdAt, TIME);
      assert.match(message.updatedAt, TIME);
    }
    await strangerSawNothing();
  });

  test('send_message takes an object with clientMsgId, replyTo and metadata', async (t) => {
    const { a, b } = await scene(t);
    const first = await a.ask('send_message', { text: 'one', clientMsgId: 'c-1' });
    assert.equal(first.message.clientMsgId, 'c-1');
    const reply = await b.ask('send_message', { text: 'two', replyTo: first.message.id, metadata: { mood: 'good' } });
    assert.equal(reply.ok, true);
    assert.equal(reply.message.replyTo, first.message.id);
    assert.deepEqual(reply.message.metadata, { mood: 'good' });
    assert.equal((await a.next('message', (message) => message.seq === 2)).clientMsgId, null);
  });

  test('send_message without an acknowledgement is delivered all the same', async (t) => {
    const { a, b } = await scene(t);
    a.emit('send_message', 'no answer wanted');
    assert.equal(textOf(await b.next('message')), 'no answer wanted');
  });

  test('typing reaches the others only, as text, without a token', async (t) => {
    const { a, b, users, strangerSawNothing } = await scene(t);
    a.emit('typing', true);
    const started = await b.next('is_typing');
    assert.equal(started.typing, 'true');
    assert.deepEqual(Object.keys(started.data).sort(), ['appUserId', 'createdAt', 'deletedAt', 'firstName', 'id', 'lastName', 'middleName', 'token', 'updatedAt']);
    assert.equal(started.data.id, users[0].id);
    assert.equal(started.data.firstName, 'Ann');
    assert.equal(started.data.token, null);
    a.emit('typing', false);
    await b.next('is_typing', (event) => event.typing === 'false');
    await a.settled();
    assert.deepEqual(a.all('is_typing'), []);
    await strangerSawNothing();
  });

  test('seen tells the others how far the user has read', async (t) => {
    const { a, b, name, room, users, strangerSawNothing } = await scene(t);
    const { message } = await a.ask('send_message', 'read this');
    await b.next('message');
    assert.deepEqual(await b.ask('seen'), { ok: true });
    const seen = await a.next('seen_by');
    assert.equal(seen.room, name);
    assert.equal(seen.roomId, room.id);
    assert.equal(seen.user.id, users[1].id);
    assert.equal(seen.messageId, message.id);
    assert.equal(seen.seq, 1);
    assert.match(seen.seenAt, TIME);
    await b.settled();
    assert.deepEqual(b.all('seen_by'), []);
    await strangerSawNothing();
  });

  test('unread and lastMessage come with room_info, and seen takes unread back', async (t) => {
    const { a, b, name, users } = await scene(t);
    b.close();
    await a.ask('send_message', 'while you were away');
    await a.ask('send_message', 'twice');
    const back = await ChatClient.join(chatd.url, users[1].token, name);
    t.after(() => back.close());
    const info = await back.next('room_info');
    assert.equal(info.unread, 2);
    assert.equal(textOf(info.lastMessage), 'twice');
    await back.ask('seen');
    await back.ask('join', name);
    assert.equal((await back.next('room_info', () => true, { after: back.events.findIndex((event) => event.name === 'room_info') + 1 })).unread, 0);
  });

  test('load_more pages through the history, newest first', async (t) => {
    const { a, b, strangerSawNothing } = await scene(t);
    for (let i = 1; i <= 25; ++i) await a.ask('send_message', `message ${i}`);
    const page = async (argument) => {
      const mark = b.mark();
      assert.deepEqual(await b.ask('load_more', ...argument), { ok: true });
      return (await b.next('load_more', () => true, { after: mark })).map((message) => message.seq);
    };
    const descending = (from, to) => Array.from({ length: from - to + 1 }, (_, i) => from - i);
    assert.deepEqual(await page([{ page: 1, limit: 10 }]), descending(25, 16));
    assert.deepEqual(await page([{ page: 3, limit: 10 }]), descending(5, 1));
    assert.deepEqual(await page([{ page: 4, limit: 10 }]), []);
    assert.deepEqual(await page([{}]), descending(25, 6));
    assert.deepEqual(await page([]), descending(25, 6));
    const list = b.all('load_more')[0];
    assert.equal(textOf(list[0]), 'message 25');
    assert.deepEqual(a.all('load_more'), []);
    await strangerSawNothing();
  });

  test('a page over the limit, a page 0 and a page that is no number are refused', async (t) => {
    const { a } = await scene(t);
    for (const wrong of [{ limit: 101 }, { limit: 0 }, { page: 0 }, { page: -1 }, { page: 'x' }, { page: 1.5 }]) {
      assert.equal((await a.ask('load_more', wrong)).code, 'invalid', JSON.stringify(wrong));
    }
  });

  test('a second join leaves the first room', async (t) => {
    const { a, b, users } = await scene(t);
    await app.room(`other-${count}`, 'group', [users[0].appUserId]);
    await b.next('roomData', (data) => data.users.length === 2);
    const mark = b.mark();
    assert.equal((await a.ask('join', `other-${count}`)).ok, true);
    await b.next('roomData', (data) => data.users.length === 1, { after: mark });
    await b.ask('send_message', 'for those who stayed');
    await a.ask('send_message', 'in the other room');
    const heard = await a.next('message');
    assert.equal(textOf(heard), 'in the other room');
    assert.equal(a.all('message').length, 1);
  });

  test('events that need a room are refused before the join', async (t) => {
    const { users } = await scene(t);
    const outside = await ChatClient.connect(chatd.url, { token: users[0].token });
    t.after(() => outside.close());
    for (const [event, argument] of [['send_message', 'x'], ['typing', true], ['seen', undefined], ['load_more', {}]]) {
      const answer = await outside.ask(event, ...(argument === undefined ? [] : [argument]));
      assert.deepEqual([answer.ok, answer.code], [false, 'not_joined'], event);
      assert.equal(typeof answer.message, 'string');
    }
  });

  test('a refusal without an acknowledgement is the event error, and names the event', async (t) => {
    const { a, b } = await scene(t);
    a.emit('send_message', '');
    const error = await a.next('error');
    assert.equal(error.code, 'empty_text');
    assert.equal(error.event, 'send_message');
    assert.equal(typeof error.message, 'string');
    await b.settled();
    assert.deepEqual(b.all('error'), []);
  });

  test('a room that does not exist, and a room of others, cannot be joined or told apart by name', async (t) => {
    const { a, b } = await scene(t);
    const loner = await app.user(`loner-${count}`);
    await app.room(`private-${count}`, 'group', [loner.appUserId]);
    const missing = await a.ask('join', 'no-such-room');
    assert.deepEqual([missing.ok, missing.code], [false, 'room_not_found']);
    const foreignRoom = await a.ask('join', `private-${count}`);
    assert.equal(foreignRoom.ok, false);
    assert.ok(['forbidden', 'room_not_found'].includes(foreignRoom.code), foreignRoom.code);
    // The refused join has not cost the room that it was in.
    assert.equal((await a.ask('send_message', 'still here')).ok, true);
    await b.next('message');
  });

  test('join takes the id of the room as well', async (t) => {
    const { a, room } = await scene(t);
    assert.equal((await a.ask('join', String(room.id))).room.id, room.id);
    assert.equal((await a.ask('join', room.id)).room.id, room.id);
  });

  test('a room of another app cannot be reached by its id', async (t) => {
    const { stranger, room } = await scene(t);
    const answer = await stranger.ask('join', String(room.id));
    assert.deepEqual([answer.ok, answer.code], [false, 'room_not_found']);
  });

  test('join refuses what is no room name', async (t) => {
    const { a } = await scene(t);
    for (const wrong of ['', 'a/b', 'x'.repeat(129), 'a\u0000b', null, {}, [], true, -1, 1.5]) {
      const answer = await a.ask('join', wrong);
      assert.equal(answer.ok, false, JSON.stringify(wrong));
      assert.ok(['invalid', 'room_not_found'].includes(answer.code), `${JSON.stringify(wrong)}: ${answer.code}`);
    }
  });

  test('an unknown event is refused and the session goes on', async (t) => {
    const { a } = await scene(t);
    assert.equal((await a.ask('make_coffee', { sugar: 2 })).code, 'unknown_event');
    a.emit('make_coffee');
    assert.equal((await a.next('error')).code, 'unknown_event');
    assert.equal((await a.ask('send_message', 'alive')).ok, true);
  });

  test('all sessions of a user hear everything, the sender session included', async (t) => {
    const { a, b, name, users } = await scene(t);
    const phone = await ChatClient.join(chatd.url, users[0].token, name);
    t.after(() => phone.close());
    await a.ask('send_message', 'from the desk');
    for (const client of [a, b, phone]) assert.equal(textOf(await client.next('message')), 'from the desk');
    await phone.ask('send_message', 'from the phone');
    for (const client of [a, b, phone]) await client.next('message', (message) => textOf(message) === 'from the phone');
    await until('each has exactly two', () => [a, b, phone].every((client) => client.all('message').length === 2));
  });
});
