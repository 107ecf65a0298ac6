// tokenVerificationUrl: the app's own service decides who a token is. Allowed, denied, and every way in which it can be out of
// order, which means closed doors but never a verdict.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { RawSocket } from '../support/raw_socket.mjs';
import { VerifierServer } from '../support/verifier.mjs';
import { until } from '../support/wait.mjs';

describe('token verification by URL', () => {
  let chatd;
  let verifier;
  let app;
  let count = 0;

  before(async () => {
    verifier = await VerifierServer.start();
    chatd = await Chatd.start();
    app = await TestApp.create(chatd, undefined, { tokenVerificationUrl: verifier.url });
  });
  after(async () => {
    await chatd.stop();
    await verifier.stop();
  });

  const newToken = () => `opaque-token-number-${++count}`;
  const connect = (token, options) => ChatClient.connect(chatd.url, { auth: { token, app: app.name }, ...options });

  for (const [what, body] of Object.entries({
    'appUserId at the top': (id) => ({ appUserId: id }),
    'id at the top': (id) => ({ id }),
    'sub at the top': (id) => ({ sub: id }),
    'id in user': (id) => ({ user: { id } }),
    'sub in data': (id) => ({ data: { sub: id } }),
    'appUserId before id and sub': (id) => ({ sub: 'wrong', id: 'wrong too', appUserId: id }),
  })) {
    test(`2xx with ${what} lets the user in and creates it`, async () => {
      const token = newToken();
      const id = `user-of-${token}`;
      verifier.answer = () => ({ status: 200, body: body(id) });
      (await connect(token)).close();
      const { body: users } = await app.rest('GET', `/user?appUserId=${id}`);
      assert.deepEqual(users.items.map((user) => user.appUserId), [id]);
      assert.equal(verifier.askedFor(token), 1);
      assert.equal(verifier.requests.at(-1).method, 'GET');
    });
  }

  test('a verdict is kept for a while: the second session does not ask again', async () => {
    const token = newToken();
    verifier.answer = () => ({ status: 200, body: { id: 'cached' } });
    const clients = [await connect(token), await connect(token)];
    assert.equal(verifier.askedFor(token), 1);
    clients.forEach((client) => client.close());
  });

  test('many sessions at once with one token ask once', async () => {
    const token = newToken();
    verifier.answer = () => ({ status: 200, body: { id: 'crowd' } });
    const clients = await Promise.all(Array.from({ length: 10 }, () => connect(token)));
    assert.equal(verifier.askedFor(token), 1);
    clients.forEach((client) => client.close());
  });

  for (const status of [401, 403]) {
    test(`${status} is a CONNECT_ERROR`, async () => {
      verifier.answer = () => ({ status });
      await assert.rejects(connect(newToken()), (error) => error.data.code === 'unauthorized');
    });
  }

  for (const [what, answer] of Object.entries({
    'a 500': { status: 500 },
    'a 404': { status: 404 },
    'a redirect': { status: 302, headers: { Location: 'http://127.0.0.1:1/' } },
    'a 200 that is no JSON': { status: 200, body: 'yes' },
    'a 200 without a user': { status: 200, body: { ok: true } },
    'a 200 whose user is empty': { status: 200, body: { id: '' } },
    'a reset connection': 'reset',
  })) {
    test(`${what} closes the transport without CONNECT_ERROR, so that the client comes back`, async () => {
      verifier.answer = () => answer;
      const socket = await RawSocket.open(chatd);
      socket.send(`40${JSON.stringify({ token: newToken(), app: app.name })}`);
      await socket.ended();
      assert.ok(!socket.packets.some((packet) => packet.startsWith('44') || packet.startsWith('41') || packet.startsWith('40')), socket.packets.join());
    });
  }

  test('a service that hangs closes the transport at the deadline, and others are served meanwhile', async () => {
    await chatd.must('PATCH', `/app/${app.id}`, { verifiers: [{ plugin: 'http', config: { url: verifier.url }, timeoutMs: 1000 }] });
    const registered = await app.user('registered');
    verifier.answer = () => 'hang';
    const socket = await RawSocket.open(chatd);
    socket.send(`40${JSON.stringify({ token: newToken(), app: app.name })}`);
    const other = await ChatClient.connect(chatd.url, { token: registered.token });
    assert.equal(socket.closed, null);
    other.close();
    await socket.ended(8000);
    assert.ok(!socket.packets.some((packet) => packet.startsWith('44')));
  });

  test('the client comes back by itself once the service is there again', async () => {
    const token = newToken();
    verifier.answer = () => ({ status: 500 });
    const client = new ChatClient(chatd.url, { auth: { token, app: app.name }, reconnection: true, reconnectionDelay: 50, reconnectionDelayMax: 200 });
    await until('it has been turned away', () => verifier.askedFor(token) > 0);
    verifier.answer = () => ({ status: 200, body: { id: 'patient' } });
    await client.connected();
    client.close();
  });

  test('live sessions stay when the service goes', async () => {
    verifier.answer = () => ({ status: 200, body: { id: 'stays' } });
    const client = await connect(newToken());
    verifier.answer = () => 'reset';
    await app.room('stays', 'group', ['stays']);
    assert.equal((await client.ask('join', 'stays')).ok, true);
    assert.equal((await client.ask('send_message', 'still talking')).ok, true);
    client.close();
  });

  test('an unknown user is refused where autoCreateUsers is off', async () => {
    await app.must('PATCH', `/app/${app.id}`, { settings: { autoCreateUsers: false } });
    verifier.answer = () => ({ status: 200, body: { id: 'never-seen' } });
    await assert.rejects(connect(newToken()), (error) => error.data.code === 'unknown_user');
    await app.user('never-seen');
    (await connect(newToken())).close();
    await app.must('PATCH', `/app/${app.id}`, { settings: { autoCreateUsers: true } });
  });

  test('where private networks are not allowed the service is not even asked', async () => {
    // Only an operator changes this setting.
    assert.equal((await app.rest('PATCH', `/app/${app.id}`, { settings: { allowPrivateNetworks: true } })).status, 403);
    await chatd.must('PATCH', `/app/${app.id}`, { settings: { allowPrivateNetworks: false } });
    verifier.answer = () => ({ status: 200, body: { id: 'private' } });
    const asked = verifier.requests.length;
    const socket = await RawSocket.open(chatd);
    socket.send(`40${JSON.stringify({ token: newToken(), app: app.name })}`);
    await socket.ended();
    assert.equal(verifier.requests.length, asked);
  });
});
