// Connection state recovery of the official client: what was missed comes once and in order, over a restart too, or the session
// is a plain new one and says so.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { io } from 'socket.io-client';

import { textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

const REPLAY = 20;

/** An official client that keeps what it is sent, and comes back only when it is told to. */
class Visitor {
  constructor(chatd, token, options = {}) {
    this.events = [];
    this.socket = io(chatd.url, { forceNew: true, reconnection: false, auth: { token }, ...options });
    for (const name of ['message', 'message-updated', 'message-deleted', 'room_info', 'info']) {
      this.socket.on(name, (value) => this.events.push({ name, value }));
    }
  }

  async connected() {
    await until('connected', () => this.socket.connected);
    return this;
  }

  async join(room) {
    const answer = await this.socket.emitWithAck('join', room);
    assert.equal(answer.ok, true, JSON.stringify(answer));
    await until('room_info', () => this.events.some((event) => event.name === 'room_info'));
  }

  /** Loses the connection as a dead network does. */
  async lose() {
    this.socket.io.engine.close();
    await until('disconnected', () => !this.socket.connected);
  }

  async back() {
    this.socket.connect();
    await this.connected();
  }

  of(name) { return this.events.filter((event) => event.name === name).map((event) => event.value); }
  get seqs() { return this.of('message').map((message) => message.seq); }
  close() { this.socket.close(); }
}

describe('connection state recovery', () => {
  let chatd;
  let app;
  let count = 0;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__REPLAY: String(REPLAY), CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd?.stop());

  /** Two users in a room, both connected. */
  async function scene(t, options) {
    const ids = [`one-${++count}`, `two-${count}`];
    const users = [await app.user(ids[0]), await app.user(ids[1])];
    const room = await app.room(`recovery-${count}`, 'group', ids);
    const visitors = [new Visitor(chatd, users[0].token, options), new Visitor(chatd, users[1].token)];
    t.after(() => visitors.forEach((visitor) => visitor.close()));
    for (const visitor of visitors) {
      await visitor.connected();
      await visitor.join(room.room);
    }
    return { a: visitors[0], b: visitors[1], room, users };
  }

  const say = async (visitor, text) => {
    const answer = await visitor.socket.emitWithAck('send_message', text);
    assert.equal(answer.ok, true, JSON.stringify(answer));
    return answer.message;
  };

  for (const transports of [['polling'], ['websocket'], ['polling', 'websocket']]) {
    test(`what was missed comes once and in order (${transports})`, async (t) => {
      const { a, b } = await scene(t, { transports });
      assert.equal(a.socket.recovered, false);
      await say(b, 'heard');
      await until('the first', () => a.seqs.length === 1);
      const id = a.socket.id;
      for (let round = 0; round < 3; ++round) {
        await a.lose();
        for (let i = 0; i < 3; ++i) await say(b, `missed ${round} ${i}`);
        await a.back();
        assert.equal(a.socket.recovered, true);
        assert.equal(a.socket.id, id);
        await say(b, `live ${round}`);
        await until('all of it', () => a.seqs.length >= 1 + 4 * (round + 1));
      }
      assert.deepEqual(a.seqs, Array.from({ length: 13 }, (_, i) => i + 1));
      // It is in its room as before: it speaks without a join.
      assert.equal((await say(a, 'me too')).seq, 14);
      assert.equal(a.of('room_info').length, 1);
    });
  }

  test('edits and deletions that were missed come once', async (t) => {
    const { a, b, users } = await scene(t);
    const kept = [];
    for (const text of ['one', 'two', 'three']) kept.push(await say(b, text));
    await until('three', () => a.seqs.length === 3);
    const change = (method, message, body) => chatd.rest(method, `/message/${message.id}`, { token: users[1].token, body });
    await change('PATCH', kept[0], { text: 'ONE' });
    await until('the edit', () => a.of('message-updated').length === 1);
    await a.lose();
    await change('PATCH', kept[1], { text: 'TWO' });
    await change('DELETE', kept[2]);
    await a.back();
    assert.equal(a.socket.recovered, true);
    await until('the deletion', () => a.of('message-deleted').length === 1);
    assert.deepEqual(a.of('message-updated').map((message) => message.text), ['ONE', 'TWO']);
    assert.deepEqual(a.of('message-deleted').map((message) => message.id), [kept[2].id]);
    await a.lose();
    await a.back();
    await say(b, 'four');
    await until('four', () => a.seqs.length === 4);
    assert.equal(a.of('message-updated').length, 2);
    assert.equal(a.of('message-deleted').length, 1);
  });

  test('nothing was missed: it is the same session all the same', async (t) => {
    const { a, b } = await scene(t);
    const id = a.socket.id;
    await a.lose();
    await a.back();
    assert.deepEqual([a.socket.recovered, a.socket.id], [true, id]);
    await say(b, 'hello');
    await until('hello', () => a.seqs.length === 1);
  });

  test('it works over a restart of the daemon', async (t) => {
    const { a, b, users, room } = await scene(t);
    await say(b, 'before');
    await until('before', () => a.seqs.length === 1);
    const id = a.socket.id;
    await a.lose();
    await say(b, 'missed');
    await chatd.kill9();
    await chatd.launch();
    const c = new Visitor(chatd, users[1].token);
    t.after(() => c.close());
    await c.connected();
    await c.join(room.room);
    await say(c, 'after');
    await a.back();
    assert.deepEqual([a.socket.recovered, a.socket.id], [true, id]);
    await until('all', () => a.seqs.length === 3);
    assert.deepEqual(a.of('message').map(textOf), ['before', 'missed', 'after']);
  });

  test('who missed too much is a new session, in no room', async (t) => {
    const { a, b } = await scene(t);
    const id = a.socket.id;
    await a.lose();
    for (let i = 0; i <= REPLAY; ++i) await say(b, `number ${i}`);
    await a.back();
    assert.equal(a.socket.recovered, false);
    assert.notEqual(a.socket.id, id);
    assert.equal((await a.socket.emitWithAck('send_message', 'hello?')).code, 'not_joined');
    assert.deepEqual(a.seqs, []);
  });

  test('who is no longer a member is a new session', async (t) => {
    const { a, room } = await scene(t);
    await a.lose();
    await app.must('PUT', '/room/remove', { room: room.room, users: [`one-${count}`] });
    await a.back();
    assert.equal(a.socket.recovered, false);
  });

  test('who was in rooms of vocabulary B too is a new session', async (t) => {
    const { a, b, room } = await scene(t);
    assert.equal((await a.socket.emitWithAck('join-chat', room.id)).ok, true);
    await say(b, 'told twice');
    await until('heard', () => a.seqs.length === 1);
    await a.lose();
    await a.back();
    assert.equal(a.socket.recovered, false);
  });

  test('the pid of somebody else is worth nothing', async (t) => {
    const { a, b } = await scene(t);
    await say(b, 'a secret');
    await until('heard', () => a.seqs.length === 1);
    const { token } = await app.user(`thief-${count}`);
    const thief = new Visitor(chatd, token, { auth: { token, pid: a.socket._pid, offset: a.socket._lastOffset } });
    t.after(() => thief.close());
    await thief.connected();
    assert.notEqual(thief.socket.id, a.socket.id);
    assert.equal((await thief.socket.emitWithAck('send_message', 'hello')).code, 'not_joined');
    assert.ok(a.socket.connected);
  });

  for (const transport of ['polling', 'websocket']) {
    test(`who is kicked on ${transport} hears why before the end`, async () => {
      const user = await app.user(`kicked-${transport}`);
      const visitor = new Visitor(chatd, user.token, { transports: [transport] });
      const heard = [];
      visitor.socket.on('error', ({ code }) => heard.push(code));
      visitor.socket.on('disconnect', (reason) => heard.push(reason));
      await visitor.connected();
      assert.equal((await app.rest('DELETE', `/user/${user.id}/sessions`)).status, 204);
      await until('the end', () => heard.length >= 2);
      assert.deepEqual(heard, ['kicked', 'io server disconnect']);
      visitor.close();
    });

    test(`what was on its way on ${transport} when the daemon stopped comes once and in order`, async () => {
      const here = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
      try {
        const own = await TestApp.create(here);
        const { a, b, room } = await own.pair(1, 2);
        const x = new Visitor(here, a.token, { transports: [transport], reconnection: true, reconnectionDelay: 100 });
        const y = new Visitor(here, b.token);
        await x.connected();
        await y.connected();
        await x.join(room.room);
        await y.join(room.room);
        for (let i = 0; i < 15; i += 1) y.socket.emit('send_message', `m${i}`);
        await until('the first message', () => y.seqs.length > 0);
        here.signal('SIGTERM');
        await here.exited;
        await here.launch();
        await until('it is back', () => x.socket.connected && x.socket.recovered);
        const said = await own.rest('GET', `/chats/${room.id}/messages?limit=100`);
        await until('all of them', () => x.seqs.length >= said.body.items.length);
        assert.deepEqual(x.seqs, said.body.items.map((message) => message.seq).reverse());
        x.close();
        y.close();
      } finally {
        await here.stop();
      }
    });
  }
});
