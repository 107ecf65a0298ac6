// Who gets in, by which way, and how the others are turned away (CONTRACT 3 and 3.1).
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { io } from 'socket.io-client';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { RawSocket } from '../support/raw_socket.mjs';
import { until } from '../support/wait.mjs';

describe('connecting', () => {
  let chatd;
  let app;
  let a;
  let room;

  before(async () => {
    chatd = await Chatd.start();
    app = await TestApp.create(chatd);
    ({ a, room } = await app.pair());
  });
  after(() => chatd.stop());

  async function worksAs(client, user) {
    try {
      const answer = await client.ask('join', room.room);
      assert.equal(answer.ok, true, JSON.stringify(answer));
      const data = await client.next('roomData', (event) => event.users.some((entry) => entry.id === client.id));
      assert.equal(data.users.find((entry) => entry.id === client.id).sender, user.id);
    } finally {
      client.close();
    }
  }

  async function refusal(options) {
    const client = new ChatClient(chatd.url, options);
    try {
      return await client.refused();
    } finally {
      client.close();
    }
  }

  test('a token in the auth payload', async () => {
    await worksAs(await ChatClient.connect(chatd.url, { auth: { token: a.token } }), a);
  });

  test('a token in the query', async () => {
    await worksAs(await ChatClient.connect(chatd.url, { query: { token: a.token } }), a);
  });

  test('a token in the Authorization header', async () => {
    await worksAs(await ChatClient.connect(chatd.url, { extraHeaders: { Authorization: `Bearer ${a.token}` } }), a);
  });

  test('the app may be named by id or name, in the query, the payload or the header', async () => {
    await worksAs(await ChatClient.connect(chatd.url, { auth: { token: a.token, app: app.name } }), a);
    await worksAs(await ChatClient.connect(chatd.url, { auth: { token: a.token, app: String(app.id) } }), a);
    await worksAs(await ChatClient.connect(chatd.url, { query: { token: a.token, app: app.name } }), a);
    await worksAs(await ChatClient.connect(chatd.url, { auth: { token: a.token }, extraHeaders: { 'X-Chat-App': app.name } }), a);
  });

  test('no token is a CONNECT_ERROR with a code', async () => {
    const error = await refusal({});
    assert.equal(error.data.code, 'unauthorized');
    assert.ok(error.message.length > 0);
  });

  test('a wrong token is a CONNECT_ERROR and says nothing about the token', async () => {
    const error = await refusal({ token: 'wrong-token-of-nobody', auth: { token: 'wrong-token-of-nobody', app: app.name } });
    assert.equal(error.data.code, 'unauthorized');
    assert.ok(!error.message.includes('wrong-token-of-nobody'));
  });

  test('an unknown app is refused', async () => {
    const error = await refusal({ auth: { token: 'some-token', app: 'no-such-app' } });
    assert.ok(['unauthorized', 'not_found'].includes(error.data.code), error.data.code);
  });

  test('a token of another app does not open this one', async () => {
    const other = await TestApp.create(chatd);
    const stranger = await other.user(1);
    const error = await refusal({ auth: { token: stranger.token, app: app.name } });
    assert.equal(error.data.code, 'unauthorized');
  });

  test('a token that several apps hold needs the app', async () => {
    const [one, two] = [await TestApp.create(chatd), await TestApp.create(chatd)];
    for (const each of [one, two]) await each.must('POST', '/user', { appUserId: 7, token: 'a-token-held-by-two-apps' });
    const error = await refusal({ auth: { token: 'a-token-held-by-two-apps' } });
    assert.equal(error.data.code, 'app_required');
    const client = await ChatClient.connect(chatd.url, { auth: { token: 'a-token-held-by-two-apps', app: two.name } });
    client.close();
  });

  test('a token over its expiry is refused', async () => {
    const expiry = Date.now() + 300;
    await app.must('POST', '/user', { appUserId: 'expired', token: 'a-token-that-has-expired', tokenExpiresAt: new Date(expiry).toISOString() });
    await until('it has expired', () => Date.now() > expiry);
    const error = await refusal({ auth: { token: 'a-token-that-has-expired', app: app.name } });
    assert.ok(['unauthorized', 'token_expired'].includes(error.data.code), error.data.code);
  });

  test('a session ends when its token expires', async () => {
    const expiry = new Date(Date.now() + 1500).toISOString();
    await app.must('POST', '/user', { appUserId: 'short', token: 'a-token-of-short-life', tokenExpiresAt: expiry });
    const client = await ChatClient.connect(chatd.url, { token: 'a-token-of-short-life' });
    const error = await client.next('error');
    assert.equal(error.code, 'token_expired');
    assert.equal(await client.disconnected(), 'io server disconnect');
    client.close();
  });

  test('a banned user is refused, and let in again after the ban', async () => {
    const banned = await app.user('banned');
    await app.must('PUT', `/user/${banned.id}/ban`, { reason: 'test' });
    assert.equal((await refusal({ token: banned.token })).data.code, 'banned');
    await app.must('DELETE', `/user/${banned.id}/ban`);
    (await ChatClient.connect(chatd.url, { token: banned.token })).close();
  });

  test('a deleted user is refused', async () => {
    const gone = await app.user('gone');
    await app.must('DELETE', `/user/${gone.id}`);
    const error = await refusal({ token: gone.token });
    assert.ok(['unauthorized', 'user_deleted'].includes(error.data.code), error.data.code);
  });

  test('a custom namespace is refused and the default one is not harmed', async () => {
    const client = await ChatClient.connect(chatd.url, { token: a.token });
    const custom = io(`${chatd.url}/admin`, { transports: ['websocket'], forceNew: true, reconnection: false, auth: { token: a.token } });
    try {
      const error = await new Promise((resolve, reject) => {
        custom.on('connect_error', resolve);
        custom.on('connect', () => reject(new Error('connected to a namespace that does not exist')));
      });
      assert.ok(error.message.length > 0);
      assert.equal((await client.ask('join', room.room)).ok, true);
    } finally {
      custom.disconnect();
      client.close();
    }
  });

  test('one user may have limits.sessions_per_user sessions and no more', async () => {
    const many = await app.user('many');
    const clients = [];
    try {
      for (let i = 0; i < 20; ++i) clients.push(await ChatClient.connect(chatd.url, { token: many.token }));
      assert.equal((await refusal({ token: many.token })).data.code, 'too_many_sessions');
      clients.pop().close();
      await until('a place is free again', async () => {
        const { body } = await app.rest('GET', `/user/${many.id}/sessions`);
        return body.items.length === 19;
      });
      clients.push(await ChatClient.connect(chatd.url, { token: many.token }));
    } finally {
      clients.forEach((client) => client.close());
    }
  });

  test('a page of another origin is refused, the same origin and no origin pass', async () => {
    const path = `${chatd.webSocketUrl}/socket.io/?EIO=4&transport=websocket`;
    const foreign = new RawSocket(path, { headers: { Origin: 'https://evil.example' } });
    assert.equal((await foreign.ended()).status, 403);
    for (const headers of [{ Origin: chatd.url }, {}]) {
      const socket = new RawSocket(path, { headers });
      await socket.next('0{');
      socket.close();
    }
  });

  test('the official client comes back by itself after a restart of the daemon and hears what is said then', async () => {
    const own = await Chatd.start();
    let client;
    try {
      const its = await TestApp.create(own);
      const pair = await its.pair();
      client = await ChatClient.connect(own.url, { token: pair.a.token, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
      await own.kill9();
      await client.disconnected();
      await own.launch();
      await until('it is back', () => client.connects === 2);
      assert.equal((await client.ask('join', pair.room.room)).ok, true);
    } finally {
      client?.close();
      await own.stop();
    }
  });
});
