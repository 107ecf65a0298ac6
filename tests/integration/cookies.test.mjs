// Tokens of web apps: in a cookie or in a named header, where a verifier is configured to read one. A cookie counts only for
// pages of the same origin or one that cors.origins names.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import * as jose from 'jose';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { pluginFolder } from '../support/plugin_folder.mjs';
import { WsClient } from '../support/ws_client.mjs';

const SHOP = 'https://shop.example';
const EVIL = 'https://evil.example';

describe('tokens in cookies and named headers', () => {
  let chatd;
  let folder;
  let app;
  let plain;
  let token;
  const secret = randomBytes(32).toString('hex');
  const sign = (sub) => new jose.SignJWT({ sub, exp: Math.floor(Date.now() / 1000) + 300 }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));

  before(async () => {
    folder = temporaryFolder('cookies');
    chatd = await Chatd.start({ env: { CHATD_CORS__ORIGINS: `[${SHOP}]`, CHATD_PLUGINS__PATHS: `[${pluginFolder(folder, 'evil-peer')}]` } });
    const keys = [{ alg: 'HS256', secret }];
    app = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'jwt', config: { keys, cookie: ['sid', '__Host-chat'], header: 'X-Shop-Token' } }] });
    plain = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'jwt', config: { keys } }] });
    token = await sign('ann');
  });
  after(async () => {
    await chatd.stop();
    removeFolder(folder);
  });

  const rest = async (headers, of = app) => (await chatd.rest('GET', `/auth/verify?app=${of.id}`, { headers })).status;
  const same = () => `http://${chatd.host}:${chatd.port}`;

  test('REST: a cookie with the page of the same or a named origin, and no other', async () => {
    const cookie = `theme=dark; sid=${token}`;
    assert.equal(await rest({ Cookie: cookie, Origin: same() }), 200);
    assert.equal(await rest({ Cookie: cookie, Origin: SHOP }), 200);
    assert.equal(await rest({ Cookie: `__Host-chat=${token}`, Origin: SHOP }), 200);
    const answer = await chatd.rest('GET', `/auth/verify?app=${app.id}`, { headers: { Cookie: cookie, Origin: SHOP } });
    assert.equal(answer.headers['access-control-allow-credentials'], 'true');
    assert.equal(await rest({ Cookie: cookie, 'Sec-Fetch-Site': 'same-origin' }), 200);
    assert.equal(await rest({ Cookie: cookie, Origin: EVIL }), 403);
    assert.equal(await rest({ Cookie: cookie }), 401);
    assert.equal(await rest({ Cookie: `other=${token}`, Origin: SHOP }), 401);
    assert.equal(await rest({ Cookie: 'sid=nonsense', Origin: SHOP }), 401);
    // Only where a verifier is configured to read one.
    assert.equal(await rest({ Cookie: cookie, Origin: SHOP }, plain), 401);
    // And only of the app that was named.
    assert.equal((await chatd.rest('GET', '/auth/verify', { headers: { Cookie: cookie, Origin: SHOP } })).status, 401);
  });

  test('REST: a named header, with or without Bearer, from anywhere', async () => {
    assert.equal(await rest({ 'X-Shop-Token': token }), 200);
    assert.equal(await rest({ 'x-shop-token': `Bearer ${token}` }), 200);
    assert.equal(await rest({ 'X-Other-Token': token }), 401);
    assert.equal(await rest({ 'X-Shop-Token': token }, plain), 401);
  });

  test('a token that is presented comes before the cookie', async () => {
    const bob = await sign('bob');
    const answer = await chatd.rest('GET', `/auth/verify?app=${app.id}`, { token: bob, headers: { Cookie: `sid=${token}`, Origin: SHOP } });
    const [named] = (await app.must('GET', '/user?appUserId=bob')).items;
    assert.equal(answer.body.subject, `user:${named.id}`);
    assert.equal((await chatd.rest('GET', `/auth/verify?app=${app.id}`, { token: 'nonsense', headers: { Cookie: `sid=${token}`, Origin: SHOP } })).status, 401);
  });

  test('another token on /ws is judged with the fields of the handshake', async () => {
    const device = { 'X-Device': 'd-7' };
    const evil = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'evil-peer', config: { header: 'X-Device' }, cacheTtlMs: 0 }] });
    const ws = await WsClient.connect(chatd, { token: 'field:x-device', app: evil.name, headers: device });
    assert.equal(ws.hello.user.appUserId, 'd-7');
    await ws.must('auth', { token: 'field:x-device' });
    ws.close();
  });

  test('two spaces behind Bearer', async () => {
    assert.equal(await rest({ Authorization: `Bearer  ${token}` }), 200);
    assert.equal(await rest({ 'X-Shop-Token': `bearer   ${token}` }), 200);
    const ws = await WsClient.connect(chatd, { app: app.name, headers: { Authorization: `Bearer  ${token}` } });
    assert.equal(ws.hello.user.appUserId, 'ann');
    ws.close();
    const client = await ChatClient.connect(chatd.url, { auth: { app: app.name }, extraHeaders: { Authorization: `bearer  ${token}` } });
    client.close();
  });

  test('WebSocket and Socket.IO, over polling too', async () => {
    const headers = { Cookie: `sid=${token}`, Origin: SHOP };
    const ws = await WsClient.connect(chatd, { app: app.name, headers });
    assert.equal(ws.hello.user.appUserId, 'ann');
    ws.close();
    assert.equal((await WsClient.refused(chatd, { app: app.name, headers: { ...headers, Origin: EVIL } })).status, 403);
    assert.equal((await WsClient.refused(chatd, { app: app.name, headers: { Cookie: headers.Cookie } })).status, 401);
    assert.equal((await WsClient.refused(chatd, { headers })).status, 401);
    for (const transports of [['websocket'], ['polling']]) {
      const client = await ChatClient.connect(chatd.url, { auth: { app: app.name }, extraHeaders: headers, transports });
      client.close();
      const stranger = new ChatClient(chatd.url, { auth: { app: app.name }, extraHeaders: { Cookie: headers.Cookie }, transports });
      assert.match((await stranger.refused()).message, /./);
      stranger.close();
    }
  });

  test('no cookie and no header value is ever logged', async () => {
    assert.equal(chatd.readLog().includes(token.split('.')[2]), false);
  });
});
