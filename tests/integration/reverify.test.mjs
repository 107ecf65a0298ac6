// Re-verification: at the app's interval live sessions' tokens are put to the chain again. Refused: the session ends within a
// second. Nobody can say: it stays.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { VerifierServer } from '../support/verifier.mjs';
import { until } from '../support/wait.mjs';
import { WsClient } from '../support/ws_client.mjs';

describe('re-verification of live sessions', () => {
  let chatd;
  let server;
  let app;
  const SECONDS = 2;
  const word = new Map(); // token → status

  before(async () => {
    server = await VerifierServer.start();
    server.answer = (token) => ({ status: word.get(token) ?? 200, body: { id: token.split('-')[0] } });
    chatd = await Chatd.start();
    app = await TestApp.create(chatd, undefined, { tokenVerificationUrl: server.url, settings: { reverifySeconds: SECONDS } });
  });
  after(async () => {
    await chatd.stop();
    await server.stop();
  });

  const askedMore = (token, times) => {
    const before = server.askedFor(token);
    return until(`${token} asked about ${times} times more`, () => server.askedFor(token) >= before + times, 20_000);
  };

  test('the interval is a setting like others', async () => {
    assert.equal((await chatd.must('GET', `/app/${app.id}`)).settings.reverifySeconds, SECONDS);
    for (const wrong of [-1, 86_401, 'x', 1.5]) {
      assert.equal((await app.rest('PATCH', `/app/${app.id}`, { settings: { reverifySeconds: wrong } })).status, 422, String(wrong));
    }
    const other = await TestApp.create(chatd);
    assert.equal((await chatd.must('GET', `/app/${other.id}`)).settings.reverifySeconds, 0);
  });

  test('refused: Socket.IO hears `error`, WebSocket is closed with 4001, within a second of the interval', async () => {
    const socket = await ChatClient.connect(chatd.url, { auth: { token: 'ann-1', app: app.name } });
    const ws = await WsClient.connect(chatd, { token: 'bob-1', app: app.name });
    const stays = await WsClient.connect(chatd, { token: 'eve-1', app: app.name });
    const began = Date.now();
    word.set('ann-1', 401).set('bob-1', 403);
    const error = await socket.next('error', undefined, { patience: SECONDS * 1000 + 5000 });
    assert.ok(Date.now() - began <= SECONDS * 1000 + 1000, `${Date.now() - began} ms`);
    assert.equal(error.code, 'token_revoked');
    const closed = await ws.closed;
    assert.ok(Date.now() - began <= SECONDS * 1000 + 1000, `${Date.now() - began} ms`);
    assert.equal(closed.code, 4001);
    await stays.must('rooms');
    stays.close();
    socket.close();
  });

  test('unavailable: live sessions stay however long, and are judged once somebody can', async () => {
    const ws = await WsClient.connect(chatd, { token: 'ann-2', app: app.name });
    word.set('ann-2', 500);
    await askedMore('ann-2', 3);
    await ws.must('rooms');
    word.set('ann-2', 401);
    assert.equal((await ws.closed).code, 4001);
  });

  test('another user than before: the session ends', async () => {
    const ws = await WsClient.connect(chatd, { token: 'ann-3', app: app.name });
    const usual = server.answer;
    server.answer = (token) => (token === 'ann-3' ? { status: 200, body: { id: 'bob' } } : usual(token));
    assert.equal((await ws.closed).code, 4001);
    server.answer = usual;
  });

  test('without an interval nobody is asked again', async () => {
    const quiet = await TestApp.create(chatd, undefined, { tokenVerificationUrl: server.url });
    const ws = await WsClient.connect(chatd, { token: 'zoe-4', app: quiet.name });
    const other = await WsClient.connect(chatd, { token: 'ann-4', app: app.name });
    word.set('zoe-4', 401);
    await askedMore('ann-4', 2);
    assert.equal(server.askedFor('zoe-4'), 1);
    await ws.must('rooms');
    for (const one of [ws, other]) one.close();
  });
});
