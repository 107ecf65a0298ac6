// Vocabulary B (CONTRACT 3.1): many rooms at once, plain text, and one room over both vocabularies.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

describe('vocabulary B', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  /** A connected client in these chats. */
  async function inChats(t, user, ...chats) {
    const client = await ChatClient.connect(chatd.url, { token: user.token });
    t.after(() => client.close());
    for (const chat of chats) assert.equal((await client.ask('join-chat', chat)).ok, true);
    return client;
  }

  test('join-chat takes an id, its digits or the name, and answers the room', async (t) => {
    const { a, room } = await app.pair('j1', 'j2');
    const client = await inChats(t, a);
    for (const chat of [room.id, String(room.id), room.room]) {
      const answer = await client.ask('join-chat', chat);
      assert.equal(answer.ok, true);
      assert.equal(answer.room.id, room.id);
      assert.equal(answer.room.room, room.room);
      assert.equal(answer.room.members.length, 2);
    }
    assert.equal((await client.ask('join-chat', 'nowhere')).code, 'room_not_found');
    assert.equal((await client.ask('join-chat', 'a/b')).code, 'invalid');
    assert.equal((await client.ask('join-chat')).code, 'invalid');
    assert.equal((await client.ask('join-chat', { id: room.id })).code, 'invalid');
  });

  test('one session hears many rooms, each message once, with plain text', async (t) => {
    const ann = await app.user('many-ann');
    const bob = await app.user('many-bob');
    for (const name of ['red', 'green', 'blue']) await app.room(name, 'group', ['many-ann', 'many-bob']);
    const hears = await inChats(t, ann, 'red', 'green', 'blue');
    const says = await inChats(t, bob);
    const texts = [];
    for (const chat of ['red', 'green', 'blue', 'red']) {
      const text = `in ${chat} \u{1F600} ${texts.length}`;
      texts.push(text);
      const answer = await says.ask('send-message', { chat_id: chat, text, clientMsgId: `m-${texts.length}` });
      assert.equal(answer.ok, true);
      assert.equal(answer.message.text, text);
      assert.equal(answer.message.room, chat);
    }
    await until('four messages', () => hears.all('new-message').length === 4);
    assert.deepEqual(hears.all('new-message').map((m) => m.text), texts);
    assert.deepEqual(hears.all('new-message').map((m) => [m.room, m.seq]), [['red', 1], ['green', 1], ['blue', 1], ['red', 2]]);
    const [first] = hears.all('new-message');
    assert.deepEqual(Object.keys(first), ['id', 'roomId', 'room', 'seq', 'userId', 'text', 'clientMsgId', 'replyTo', 'metadata', 'createdAt', 'updatedAt', 'deletedAt']);
    assert.equal(hears.all('message').length, 0);
    await says.settled();
    assert.equal(says.all('new-message').length, 0, 'who has not joined hears nothing');
  });

  test('a repeat with the same clientMsgId is one message, another text is refused', async (t) => {
    const { a, b, room } = await app.pair('once-1', 'once-2');
    const client = await inChats(t, a, room.id);
    const other = await inChats(t, b, room.id);
    const first = await client.ask('send-message', { chat_id: room.id, text: 'once', clientMsgId: 'k' });
    const again = await client.ask('send-message', { chat_id: room.room, text: 'once', clientMsgId: 'k' });
    assert.deepEqual([again.ok, again.duplicate, again.message.id], [true, true, first.message.id]);
    assert.equal((await client.ask('send-message', { chat_id: room.id, text: 'twice', clientMsgId: 'k' })).code, 'client_msg_id_reused');
    const last = await client.ask('send-message', { chat_id: room.id, text: 'last' });
    await other.next('new-message', (m) => m.id === last.message.id);
    assert.deepEqual(other.all('new-message').map((m) => m.text), ['once', 'last']);
  });

  test('a bare chat id announces the newest message again to the others, with repeat', async (t) => {
    const { a, b, room } = await app.pair('again-1', 'again-2');
    const says = await inChats(t, a, room.id);
    const hears = await inChats(t, b, room.id);
    assert.equal((await says.ask('send-message', room.room)).code, 'message_not_found');
    const sent = await says.ask('send-message', { chat_id: room.id, text: 'look' });
    assert.deepEqual(await says.ask('send-message', String(room.id)), { ok: true });
    const repeated = await hears.next('new-message', (m) => m.repeat === true);
    assert.equal(repeated.id, sent.message.id);
    assert.equal(repeated.text, 'look');
    await says.settled();
    assert.equal(says.all('new-message').filter((m) => m.repeat).length, 0);
    const { body } = await app.rest('GET', `/chats/${room.id}/messages`);
    assert.equal(body.items.length, 1, 'nothing was stored');
    const stranger = await inChats(t, await app.user('again-3'));
    assert.equal((await stranger.ask('send-message', room.room)).code, 'forbidden');
  });

  test('leave-chat ends it for that room alone', async (t) => {
    const { a, b, room } = await app.pair('leave-1', 'leave-2');
    await app.room('stays', 'group', ['leave-1', 'leave-2']);
    const hears = await inChats(t, a, room.id, 'stays');
    const says = await inChats(t, b);
    assert.deepEqual(await hears.ask('leave-chat', room.id), { ok: true });
    assert.equal((await hears.ask('leave-chat', room.id)).code, 'not_joined');
    await says.ask('send-message', { chat_id: room.id, text: 'unheard' });
    await says.ask('send-message', { chat_id: 'stays', text: 'heard' });
    await hears.next('new-message', (m) => m.text === 'heard');
    assert.deepEqual(hears.all('new-message').map((m) => m.text), ['heard']);
  });

  test('one room over both vocabularies and REST: the same messages in the same order', async (t) => {
    const { a, b, room } = await app.pair('both-1', 'both-2');
    const inA = await ChatClient.join(chatd.url, a.token, room.room);
    t.after(() => inA.close());
    const inB = await inChats(t, b, room.id);
    for (let i = 0; i < 20; ++i) {
      if (i % 3 === 0) await inA.ask('send_message', `n${i}`);
      else if (i % 3 === 1) await inB.ask('send-message', { chat_id: room.id, text: `n${i}` });
      else await app.must('POST', `/chats/${room.id}/messages`, { appUserId: 'both-1', text: `n${i}` });
    }
    await until('all of them', () => inA.all('message').length === 20 && inB.all('new-message').length === 20);
    const expected = Array.from({ length: 20 }, (_, i) => `n${i}`);
    assert.deepEqual(inA.all('message').map(textOf), expected);
    assert.deepEqual(inB.all('new-message').map((m) => m.text), expected);
    assert.deepEqual(inA.all('message').map((m) => m.id), inB.all('new-message').map((m) => m.id));
  });

  test('a session in one room by both vocabularies hears each in its own words, and edits and deletions once', async (t) => {
    const { a, b, room } = await app.pair('double-1', 'double-2');
    const other = await inChats(t, b, room.id);
    const client = await ChatClient.join(chatd.url, a.token, room.room);
    t.after(() => client.close());
    await client.ask('join-chat', room.id);
    const { message } = await other.ask('send-message', { chat_id: room.id, text: 'hi' });
    await chatd.must('PATCH', `/message/${message.id}`, { text: 'hello' }, { token: b.token });
    await chatd.must('DELETE', `/message/${message.id}`, undefined, { token: b.token });
    for (const who of [client, other]) {
      const updated = await who.next('message-updated');
      assert.deepEqual([updated.id, updated.text, updated.room], [message.id, 'hello', room.room]);
      assert.deepEqual(await who.next('message-deleted'), { id: message.id, roomId: room.id, room: room.room });
    }
    await client.settled();
    assert.equal(client.all('message').length, 1);
    assert.equal(client.all('new-message').length, 1);
    assert.equal(client.all('message-updated').length, 1);
    assert.equal(client.all('message-deleted').length, 1);
    // The current room of vocabulary A moves on; the chat stays joined.
    await app.room('elsewhere', 'group', ['double-1']);
    await client.ask('join', 'elsewhere');
    const { message: second } = await other.ask('send-message', { chat_id: room.id, text: 'still there?' });
    await client.next('new-message', (m) => m.id === second.id);
    await chatd.must('DELETE', `/message/${second.id}`, undefined, { token: b.token });
    await client.next('message-deleted', (m) => m.id === second.id);
    assert.equal(client.all('message').length, 1);
  });

  test('who is removed hears why, and nothing more of that room', async (t) => {
    await app.user('out-1');
    const b = await app.user('out-2');
    const hall = await app.room('hall-b', 'group', ['out-1', 'out-2']);
    const client = await inChats(t, b, hall.id);
    await app.must('PUT', '/room/remove', { room: 'hall-b', users: ['out-2'] });
    const error = await client.next('error');
    assert.deepEqual([error.code, error.room, error.roomId], ['forbidden', 'hall-b', hall.id]);
    await app.must('POST', `/chats/${hall.id}/messages`, { appUserId: 'out-1', text: 'without you' });
    assert.equal((await client.ask('send-message', { chat_id: hall.id, text: 'let me' })).code, 'forbidden');
    assert.equal(client.all('new-message').length, 0);
  });

  test('bad input is refused with what is expected, without an ack as the event error', async (t) => {
    const { a, room } = await app.pair('bad-1', 'bad-2');
    const client = await inChats(t, a, room.id);
    const cases = [
      [{ chat_id: room.id }, 'invalid'], [{ text: 'x' }, 'invalid'], [{ chat_id: room.id, text: 5 }, 'invalid'],
      [{ chat_id: room.id, text: '' }, 'empty_text'], [{ chat_id: room.id, text: 'a\0b' }, 'invalid_text'],
      [{ chat_id: room.id, text: 'x'.repeat(16385) }, 'too_large'], [{ chat_id: 999999, text: 'x' }, 'room_not_found'],
      [{ chat_id: room.id, text: 'x', clientMsgId: '' }, 'invalid'], [[], 'invalid'], [true, 'invalid'], [null, 'invalid'],
    ];
    for (const [argument, code] of cases) {
      const answer = await client.ask('send-message', argument);
      assert.deepEqual([answer.ok, answer.code], [false, code], JSON.stringify(argument).slice(0, 80));
      assert.ok(answer.message.length > 0);
    }
    client.emit('send-message', { text: 'no chat' });
    const error = await client.next('error', (e) => e.event === 'send-message');
    assert.equal(error.code, 'invalid');
  });

  test('acknowledgements of many sends come in the order of sending', async (t) => {
    const { a, room } = await app.pair('acks-1', 'acks-2');
    const client = await inChats(t, a, room.id);
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => client.ask('send-message', { chat_id: i % 2 ? room.id : room.room, text: `${i}` })));
    assert.deepEqual(answers.map((answer) => answer.message.seq), Array.from({ length: 200 }, (_, i) => i + 1));
    assert.deepEqual(answers.map((answer) => answer.message.text), Array.from({ length: 200 }, (_, i) => `${i}`));
  });
});

describe('vocabulary B, rates', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '1', CHATD_LIMITS__MESSAGES_BURST: '5' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  test('announcing again counts against the rate of messages', async (t) => {
    const { a, room } = await app.pair();
    const client = await ChatClient.connect(chatd.url, { token: a.token });
    t.after(() => client.close());
    await client.ask('send-message', { chat_id: room.id, text: 'x' });
    const answers = await Promise.all(Array.from({ length: 30 }, () => client.ask('send-message', room.room)));
    assert.ok(answers.filter((answer) => answer.code === 'rate_limited').length >= 15);
    assert.ok(answers.some((answer) => answer.ok));
  });
});
