// The official clients as they are: socket.io-client 4, 3 and 2 and engine.io-client 6, over polling, over WebSocket, and with
// the upgrade between them, against chatd-conformance and against chatd itself in both vocabularies, with connections lost in
// between.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Socket as EngineSocket } from 'engine.io-client';

import { textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { Conformance } from '../support/conformance.mjs';
import { OfficialClient, VERSIONS, WAYS } from '../support/official_client.mjs';
import { until } from '../support/wait.mjs';
import { WsClient } from '../support/ws_client.mjs';

const bytes = (...values) => Buffer.from(values);
const plain = (value) => (value instanceof ArrayBuffer || ArrayBuffer.isView(value) ? Buffer.from(value) : value);

describe('official clients against chatd-conformance', () => {
  let server;

  before(async () => { server = await Conformance.start('--ping-interval', '300', '--ping-timeout', '2000'); });
  after(() => server?.stop());

  for (const { way, transports } of WAYS) {
    for (const version of VERSIONS) {
      describe(`socket.io-client ${version} over ${way}`, () => {
        const make = (t, path = '', options = {}) => {
          const client = new OfficialClient(version, server.url + path, { transports, ...options }).listen('auth', 'message-back');
          t.after(() => client.close());
          return client;
        };

        test('it connects, and is told its payload', async (t) => {
          const client = make(t, '', { auth: { token: '123' } });
          await client.connected();
          assert.equal(client.transport, transports.at(-1));
          assert.deepEqual(await client.nth('auth', 0), [version === 2 ? {} : { token: '123' }]);
        });

        test('its events come back in order', async (t) => {
          const client = make(t);
          await client.connected();
          for (let i = 0; i < 50; ++i) client.emit('message', i, 'two', { three: [true, null, 'κόσμε 😀'] });
          await client.nth('message-back', 49);
          assert.deepEqual(client.all('message-back'), Array.from({ length: 50 }, (_, i) => [i, 'two', { three: [true, null, 'κόσμε 😀'] }]));
        });

        test('its acknowledgements come back', async (t) => {
          const client = make(t);
          await client.connected();
          const answers = await Promise.all([1, 2, 3].map((n) => client.ask('message-with-ack', n, { a: [n] })));
          assert.deepEqual(answers, [1, 2, 3].map((n) => [n, { a: [n] }]));
        });

        test('its attachments come back', async (t) => {
          const client = make(t);
          await client.connected();
          client.emit('message', bytes(1, 2, 3), { deep: bytes(0, 255) }, 'text');
          const [first, second, third] = await client.nth('message-back', 0);
          assert.deepEqual([plain(first), plain(second.deep), third], [bytes(1, 2, 3), bytes(0, 255), 'text']);
          const [large] = await client.ask('message-with-ack', Buffer.alloc(300_000, 7));
          assert.ok(plain(large).equals(Buffer.alloc(300_000, 7)));
        });

        test('it joins another namespace, and is refused at an unknown one', async (t) => {
          const custom = make(t, '/custom');
          await custom.connected();
          assert.deepEqual(await custom.nth('auth', 0), [{}]);
          const unknown = make(t, '/unknown', { reconnection: false });
          const [error] = await until('the refusal', () => unknown.errors.length > 0 && unknown.errors);
          assert.equal(error.message ?? error, 'Invalid namespace');
        });

        test('it lives through heartbeats', async (t) => {
          const client = make(t);
          await client.connected();
          let beats = 0;
          // Engine.IO 3 clients ping, those of 4 are pinged; both see packets of the other side.
          client.socket.io.engine.on('packet', (packet) => { if (['ping', 'pong'].includes(packet.type)) beats += 1; });
          await until('three beats', () => beats >= 3);
          assert.equal(client.connects, 1);
          assert.deepEqual(await client.ask('message-with-ack', 'alive'), ['alive']);
        });

        test('it comes back after its connection is lost', async (t) => {
          const client = make(t);
          await client.connected();
          for (let round = 0; round < 3; ++round) {
            assert.deepEqual(await client.ask('message-with-ack', round), [round]);
            await client.lose();
          }
          client.emit('message', 'after all');
          assert.deepEqual(await client.nth('message-back', 0), ['after all']);
        });
      });
    }

    describe(`engine.io-client 6 over ${way}`, () => {
      async function open(t) {
        const socket = new EngineSocket(server.url, { path: '/engine.io/', transports });
        socket.binaryType = 'arraybuffer';
        const got = [];
        socket.on('message', (data) => got.push(typeof data === 'string' ? data : Buffer.from(data)));
        t.after(() => socket.close());
        await until('open', () => socket.readyState === 'open' && socket.transport.name === transports.at(-1));
        return { socket, got };
      }

      test('text and binary come back in order', async (t) => {
        const { socket, got } = await open(t);
        const sent = ['hello', bytes(1, 2, 3), 'κόσμε 😀', Buffer.alloc(100_000, 9)];
        for (const message of sent) socket.send(message);
        await until('all echoes', () => got.length === sent.length);
        assert.deepEqual(got, sent);
      });

      test('messages that are sent during the upgrade keep their order', async (t) => {
        const socket = new EngineSocket(server.url, { path: '/engine.io/', transports });
        const got = [];
        socket.on('message', (data) => got.push(data));
        t.after(() => socket.close());
        const sent = Array.from({ length: 200 }, (_, i) => `number ${i}`);
        let next = 0;
        // One after each echo, so that some fall into every moment of the upgrade.
        socket.on('open', () => socket.send(sent[next++]));
        socket.on('message', () => { if (next < sent.length) socket.send(sent[next++]); });
        await until('all echoes', () => got.length === sent.length);
        assert.deepEqual(got, sent);
        assert.equal(socket.transport.name, transports.at(-1));
      });

      test('a close of the client is a close', async (t) => {
        const { socket } = await open(t);
        socket.close();
        await until('closed', () => socket.readyState === 'closed');
      });
    });
  }
});

describe('official clients against chatd', () => {
  let chatd;
  let app;
  let count = 0;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd?.stop());

  /** Two users, a room, and a client for each. */
  async function scene(t, version, transports) {
    const ids = [`one-${++count}`, `two-${count}`];
    const users = [await app.user(ids[0]), await app.user(ids[1])];
    const room = await app.room(`official-${count}`, 'group', ids);
    const clients = users.map(({ token }) => new OfficialClient(version, chatd.url, { transports, auth: { token } }).listen('message', 'new-message', 'roomData', 'error'));
    t.after(() => clients.forEach((client) => client.close()));
    for (const client of clients) await client.connected();
    return { clients, room, users };
  }

  for (const { way, transports } of WAYS) {
    for (const version of VERSIONS) {
      test(`socket.io-client ${version} over ${way} chats in vocabulary A`, async (t) => {
        const { clients: [a, b], room, users } = await scene(t, version, transports);
        for (const client of [a, b]) assert.equal((await client.ask('join', room.room))[0].ok, true);
        const [answer] = await a.ask('send_message', 'κόσμε');
        assert.deepEqual([answer.ok, answer.message.text, answer.message.userId], [true, 'κόσμε', users[0].id]);
        for (const client of [a, b]) {
          const [message] = await client.nth('message', 0);
          assert.deepEqual([textOf(message), message.seq], ['κόσμε', 1]);
        }
        // A lost connection: the room is joined again, and nothing is said twice.
        await b.lose();
        assert.equal((await b.ask('join', room.room))[0].ok, true);
        for (let i = 2; i <= 20; ++i) await (i % 2 ? a : b).ask('send_message', `number ${i}`);
        for (const client of [a, b]) {
          await client.nth('message', 19);
          assert.deepEqual(client.all('message').map(([message]) => message.seq), Array.from({ length: 20 }, (_, i) => i + 1));
        }
      });
    }
  }

  for (const { way, transports } of WAYS) {
    for (const version of VERSIONS) {
      test(`socket.io-client ${version} over ${way} chats in vocabulary B`, async (t) => {
        const { clients: [a, b], room, users } = await scene(t, version, transports);
        for (const client of [a, b]) assert.equal((await client.ask('join-chat', String(room.id)))[0].ok, true);
        const [answer] = await a.ask('send-message', { chat_id: String(room.id), text: 'κόσμε' });
        assert.deepEqual([answer.ok, answer.message.text, answer.message.userId], [true, 'κόσμε', users[0].id]);
        for (const client of [a, b]) {
          const [message] = await client.nth('new-message', 0);
          assert.deepEqual([message.text, message.seq], ['κόσμε', 1]);
        }
        await b.lose();
        assert.equal((await b.ask('join-chat', room.id))[0].ok, true);
        for (let i = 2; i <= 20; ++i) await (i % 2 ? a : b).ask('send-message', { chat_id: room.id, text: `number ${i}` });
        for (const client of [a, b]) {
          await client.nth('new-message', 19);
          assert.deepEqual(client.all('new-message').map(([message]) => message.seq), Array.from({ length: 20 }, (_, i) => i + 1));
        }
        assert.equal((await b.ask('leave-chat', room.id))[0].ok, true);
      });
    }
  }

  test('the two vocabularies are one room, over whatever way', async (t) => {
    const { clients: [a, b], room } = await scene(t, 4, ['polling']);
    assert.equal((await a.ask('join', room.room))[0].ok, true);
    assert.equal((await b.ask('join-chat', room.id))[0].ok, true);
    await Promise.all(Array.from({ length: 10 }, (_, i) => Promise.all([
      a.ask('send_message', `a ${i}`), b.ask('send-message', { chat_id: room.id, text: `b ${i}` })])));
    await a.nth('message', 19);
    await b.nth('new-message', 19);
    const seenByA = a.all('message').map(([message]) => `${message.seq} ${textOf(message)}`);
    const seenByB = b.all('new-message').map(([message]) => `${message.seq} ${message.text}`);
    assert.deepEqual(seenByA, seenByB);
  });

  test('who polls and who is on plain /ws see one order', async (t) => {
    const ids = [`mixed-${++count}-one`, `mixed-${count}-two`];
    const users = [await app.user(ids[0]), await app.user(ids[1])];
    const room = await app.room(`mixed-${count}`, 'group', ids);
    const polling = new OfficialClient(4, chatd.url, { transports: ['polling'], auth: { token: users[0].token } }).listen('message');
    t.after(() => polling.close());
    await polling.connected();
    assert.equal((await polling.ask('join', room.room))[0].ok, true);
    const plain = await WsClient.connect(chatd, { token: users[1].token });
    t.after(() => plain.close());
    await plain.must('join', { room: room.room });
    await Promise.all(Array.from({ length: 50 }, (_, i) => Promise.all([
      polling.ask('send_message', `polled ${i}`), plain.must('send', { room: room.room, text: `plain ${i}` })])));
    await polling.nth('message', 99);
    await until('all on /ws', () => plain.all('message').length === 100);
    const polled = polling.all('message').map(([message]) => `${message.seq} ${textOf(message)}`);
    assert.deepEqual(plain.all('message').map((event) => `${event.message.seq} ${event.message.text}`), polled);
    assert.deepEqual(polled.map((line) => Number(line.split(' ')[0])), Array.from({ length: 100 }, (_, i) => i + 1));
  });

  test('clients of every version and way are in one room, in one order', async (t) => {
    const ways = WAYS.flatMap(({ transports }) => VERSIONS.map((version) => ({ version, transports })));
    const ids = ways.map((_, i) => `all-${i}`);
    const users = await Promise.all(ids.map((id) => app.user(id)));
    await app.room('everybody', 'group', ids);
    const clients = ways.map(({ version, transports }, i) => new OfficialClient(version, chatd.url, { transports, auth: { token: users[i].token } }).listen('message'));
    t.after(() => clients.forEach((client) => client.close()));
    for (const client of clients) {
      await client.connected();
      assert.equal((await client.ask('join', 'everybody'))[0].ok, true);
    }
    await Promise.all(clients.flatMap((client, i) => [0, 1, 2].map((n) => client.ask('send_message', `${i}-${n}`))));
    const total = 3 * clients.length;
    for (const client of clients) await client.nth('message', total - 1);
    const told = clients.map((client) => client.all('message').map(([message]) => `${message.seq} ${textOf(message)}`));
    for (const one of told) assert.deepEqual(one, told[0]);
    assert.equal(new Set(told[0]).size, total);
  });

  test('a client over polling comes back after chatd was killed and started again', async (t) => {
    const { clients: [a, b], room } = await scene(t, 4, ['polling', 'websocket']);
    for (const client of [a, b]) await client.ask('join', room.room);
    await a.ask('send_message', 'before');
    await chatd.kill9();
    await chatd.launch();
    for (const client of [a, b]) {
      await client.connected(2);
      assert.equal((await client.ask('join', room.room))[0].ok, true);
    }
    await b.ask('send_message', 'after');
    const [message] = await a.nth('message', 1);
    assert.deepEqual([textOf(message), message.seq], ['after', 2]);
  });
});
