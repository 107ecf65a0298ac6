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

  test('set while sessions live: they are asked about within it, spread over it, and who is refused goes', async () => {
    const late = await TestApp.create(chatd, undefined, { tokenVerificationUrl: server.url });
    const stay = [];
    for (let i = 0; i < 30; ++i) stay.push(await WsClient.connect(chatd, { token: `many${i}-5`, app: late.name }));
    const goes = await WsClient.connect(chatd, { token: 'max-5', app: late.name });
    const socket = await ChatClient.connect(chatd.url, { auth: { token: 'may-5', app: late.name } });
    for (const token of ['max-5', 'may-5']) word.set(token, 401);
    const times = [];
    const usual = server.answer;
    server.answer = (token) => {
      if (token.startsWith('many')) times.push(Date.now());
      return usual(token);
    };
    const began = Date.now();
    await late.must('PATCH', `/app/${late.id}`, { settings: { reverifySeconds: 5 } });
    const error = await socket.next('error', undefined, { patience: 10_000 });
    assert.equal(error.code, 'token_revoked');
    assert.equal((await goes.closed).code, 4001);
    assert.ok(Date.now() - began <= 6000, `${Date.now() - began} ms`);
    await until('all were asked about', () => times.length >= 30);
    const busiest = Math.max(...times.map((from) => times.filter((at) => at >= from && at < from + 500).length));
    assert.ok(busiest < 15, `${busiest} of 30 in half a second`);
    server.answer = usual;

    await late.must('PATCH', `/app/${late.id}`, { settings: { reverifySeconds: 3600 } });
    const asked = server.askedFor('many0-5');
    await late.must('PATCH', `/app/${late.id}`, { settings: { reverifySeconds: 1 } });
    await until('asked about in the shorter interval', () => server.askedFor('many0-5') > asked, 5000);
    for (const one of stay) {
      await one.must('rooms');
      one.close();
    }
    socket.close();
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
