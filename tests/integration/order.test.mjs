// Order and once: gapless seq with many senders at once, repeats by clientMsgId, rates.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { RawSocket } from '../support/raw_socket.mjs';
import { until } from '../support/wait.mjs';

const SENDERS = 20;
const EACH = 25;

describe('order and repeats', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  test(`${SENDERS} senders at once: everyone sees every message once, in the same order, seq without a gap`, async (t) => {
    const names = Array.from({ length: SENDERS }, (_, i) => `sender-${i}`);
    const users = [];
    for (const name of names) users.push(await app.user(name));
    await app.room('crowd', 'group', names);
    const clients = await Promise.all(users.map((user) => ChatClient.join(chatd.url, user.token, 'crowd')));
    t.after(() => clients.forEach((client) => client.close()));

    const total = SENDERS * EACH;
    const answers = await Promise.all(clients.flatMap((client, who) => Array.from({ length: EACH }, (_, i) => client.ask('send_message', `${who}:${i}`))));
    assert.ok(answers.every((answer) => answer.ok));
    assert.deepEqual(answers.map((answer) => answer.message.seq).sort((x, y) => x - y), Array.from({ length: total }, (_, i) => i + 1));
    await until('all have all', () => clients.every((client) => client.all('message').length >= total));
    for (const client of clients) {
      const messages = client.all('message');
      assert.deepEqual(messages.map((message) => message.seq), Array.from({ length: total }, (_, i) => i + 1));
    }
    // Each sender's own messages are in the order in which it sent them.
    const texts = clients[0].all('message').map(textOf);
    for (let who = 0; who < SENDERS; ++who) {
      assert.deepEqual(texts.filter((text) => text.startsWith(`${who}:`)), Array.from({ length: EACH }, (_, i) => `${who}:${i}`));
    }
    // And the acknowledged seq is the delivered one.
    const bySeq = new Map(clients[0].all('message').map((message) => [message.seq, message.id]));
    for (const { message } of answers) assert.equal(bySeq.get(message.seq), message.id);
  });

  test('events of one session are handled in the order sent, sends and others mixed', async (t) => {
    const { a, room } = await app.pair('mix-a', 'mix-b');
    const client = await ChatClient.join(chatd.url, a.token, room.room);
    t.after(() => client.close());
    const done = [];
    const asked = [];
    for (let i = 0; i < 30; ++i) {
      const [event, argument] = i % 3 === 0 ? ['seen'] : i % 3 === 1 ? ['send_message', `m${i}`] : ['typing', true];
      asked.push(client.ask(event, ...(argument === undefined ? [] : [argument])).then(() => done.push(i)));
    }
    await Promise.all(asked);
    assert.deepEqual(done, Array.from({ length: 30 }, (_, i) => i));
  });

  test('200 sends at once on one session are all taken: the socket waits, nothing is refused', async (t) => {
    const { a, room } = await app.pair('burst-a', 'burst-b');
    const client = await ChatClient.join(chatd.url, a.token, room.room);
    t.after(() => client.close());
    const answers = await Promise.all(Array.from({ length: 200 }, (_, i) => client.ask('send_message', `n${i}`)));
    assert.deepEqual(answers.map((answer) => answer.message?.text), Array.from({ length: 200 }, (_, i) => `n${i}`));
    assert.deepEqual(answers.map((answer) => answer.message.seq), Array.from({ length: 200 }, (_, i) => i + 1));
  });

  test('a repeat with the same clientMsgId answers the first message and tells nobody twice', async (t) => {
    const { a, b, room } = await app.pair('once-a', 'once-b');
    const sender = await ChatClient.join(chatd.url, a.token, room.room);
    const other = await ChatClient.join(chatd.url, b.token, room.room);
    t.after(() => [sender, other].forEach((client) => client.close()));
    const first = await sender.ask('send_message', { text: 'once', clientMsgId: 'id-1' });
    const again = await sender.ask('send_message', { text: 'once', clientMsgId: 'id-1' });
    assert.equal(again.ok, true);
    assert.equal(again.message.id, first.message.id);
    const reused = await sender.ask('send_message', { text: 'another text', clientMsgId: 'id-1' });
    assert.deepEqual([reused.ok, reused.code], [false, 'client_msg_id_reused']);
    // The key belongs to the sender: another user may use the same one.
    const theirs = await other.ask('send_message', { text: 'mine', clientMsgId: 'id-1' });
    assert.notEqual(theirs.message.id, first.message.id);
    await sender.next('message', (message) => message.id === theirs.message.id);
    assert.deepEqual(sender.all('message').map((message) => message.seq), [1, 2]);
  });

  test('twenty repeats at the same moment, from several sessions, are one message', async (t) => {
    const { a, room } = await app.pair('race-a', 'race-b');
    const clients = await Promise.all(Array.from({ length: 5 }, () => ChatClient.join(chatd.url, a.token, room.room)));
    t.after(() => clients.forEach((client) => client.close()));
    const answers = await Promise.all(Array.from({ length: 20 }, (_, i) => clients[i % 5].ask('send_message', { text: 'x', clientMsgId: 'race' })));
    assert.equal(new Set(answers.map((answer) => answer.message.id)).size, 1);
    const { body } = await app.rest('GET', `/chats/${room.id}/messages`);
    assert.equal(body.items.length, 1);
  });

  test('a repeat after the deletion still answers the first message', async (t) => {
    const { a, room } = await app.pair('del-a', 'del-b');
    const client = await ChatClient.join(chatd.url, a.token, room.room);
    t.after(() => client.close());
    const first = await client.ask('send_message', { text: 'to go', clientMsgId: 'gone' });
    await app.rest('DELETE', `/message/${first.message.id}`);
    const again = await client.ask('send_message', { text: 'to go', clientMsgId: 'gone' });
    assert.equal(again.ok, true);
    assert.equal(again.message.id, first.message.id);
  });

  test('clientMsgId holds 128 bytes and not 129', async (t) => {
    const { a, room } = await app.pair('len-a', 'len-b');
    const client = await ChatClient.join(chatd.url, a.token, room.room);
    t.after(() => client.close());
    assert.equal((await client.ask('send_message', { text: 'x', clientMsgId: 'k'.repeat(128) })).ok, true);
    assert.equal((await client.ask('send_message', { text: 'x', clientMsgId: 'k'.repeat(129) })).code, 'invalid');
  });
});

describe('rates', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '1', CHATD_LIMITS__MESSAGES_BURST: '5' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  test('over the rate a message is refused with rate_limited, per user and not per session; an app key is not bound', async (t) => {
    const { a, b, room } = await app.pair();
    const desk = await ChatClient.join(chatd.url, a.token, room.room);
    const phone = await ChatClient.join(chatd.url, a.token, room.room);
    const other = await ChatClient.join(chatd.url, b.token, room.room);
    t.after(() => [desk, phone, other].forEach((client) => client.close()));
    const answers = await Promise.all(Array.from({ length: 30 }, (_, i) => (i % 2 ? desk : phone).ask('send_message', `n${i}`)));
    const refused = answers.filter((answer) => !answer.ok);
    assert.ok(refused.length >= 15, `${refused.length} refused`);
    assert.ok(refused.every((answer) => answer.code === 'rate_limited'));
    assert.equal((await other.ask('send_message', 'I have not said a word')).ok, true);
    for (let i = 0; i < 10; ++i) {
      assert.equal((await app.rest('POST', `/chats/${room.id}/messages`, { text: `server ${i}`, appUserId: 1 })).status, 201);
    }
  });

  test('who goes on after 100 refusals is closed with 4029', async () => {
    const { a, room } = await app.pair('flood-a', 'flood-b');
    const socket = await RawSocket.connect(chatd, a.token);
    socket.send(`420["join","${room.room}"]`);
    await socket.next('430');
    for (let i = 0; i < 150; ++i) socket.send(`42${i + 1}["send_message","x"]`);
    assert.equal((await socket.ended()).code, 4029);
  });
});
