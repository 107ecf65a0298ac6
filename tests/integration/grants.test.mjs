// Tokens for some rooms only: what a verifier grants holds for every wire and for REST, from a foreign plugin's process, from
// the answer of a verification URL, from a JWT's claim, and out of the cache.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import * as jose from 'jose';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { pluginFolder } from '../support/plugin_folder.mjs';
import { VerifierServer } from '../support/verifier.mjs';
import { WsClient } from '../support/ws_client.mjs';

describe('tokens for some rooms only', () => {
  let folder;
  let chatd;
  let app;
  const READER = 'grant:ann:1:hall-*'; // of the plugin `evil`: USER:PERMS:GLOB,…

  before(async () => {
    folder = temporaryFolder('grants');
    const plugins = pluginFolder(folder, 'evil');
    chatd = await Chatd.start({ env: { CHATD_PLUGINS__PATHS: `[${plugins}]` } });
    app = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'evil', config: {} }] });
    for (const user of ['ann', 'bob']) await app.must('POST', '/user', { appUserId: user });
    for (const room of ['hall-1', 'kitchen']) {
      await app.room(room, 'group', ['ann', 'bob']);
      await app.must('POST', `/chats/${room}/messages`, { text: `bob in ${room}`, appUserId: 'bob' });
    }
  });
  after(async () => {
    await chatd.stop();
    removeFolder(folder);
  });

  const rest = (token, method, path, body) => chatd.rest(method, path, { token, body, headers: { 'X-Chat-App': String(app.id) } });

  test('Socket.IO: join, send, typing, load_more, seen', async () => {
    const client = await ChatClient.connect(chatd.url, { auth: { token: READER, app: app.name } });
    assert.equal((await client.ask('join', 'kitchen')).code, 'forbidden');
    assert.equal((await client.ask('join', 'hall-1')).ok, true);
    assert.equal((await client.ask('load_more', { page: 1 })).ok, true);
    assert.equal((await client.ask('seen')).ok, true);
    assert.equal((await client.ask('send_message', 'hello')).code, 'forbidden');
    assert.equal((await client.ask('join-chat', 'kitchen')).code, 'forbidden');
    assert.equal((await client.ask('send-message', { chat_id: 'hall-1', text: 'hello' })).code, 'forbidden');
    client.close();
    const writer = await ChatClient.connect(chatd.url, { auth: { token: 'grant:ann:3:hall-*', app: app.name } });
    assert.equal((await writer.ask('join', 'hall-1')).ok, true);
    assert.equal((await writer.ask('send_message', 'hello')).ok, true);
    assert.equal((await writer.ask('send-message', { chat_id: 'kitchen', text: 'hello' })).code, 'forbidden');
    writer.close();
    // One grant of nothing: the door is open and every room is shut.
    const nobody = await ChatClient.connect(chatd.url, { auth: { token: 'grant:ann:0:*', app: app.name } });
    assert.equal((await nobody.ask('join', 'hall-1')).code, 'forbidden');
    nobody.close();
    // No grants: as membership says.
    const free = await ChatClient.connect(chatd.url, { auth: { token: 'ok:ann', app: app.name } });
    assert.equal((await free.ask('join', 'kitchen')).ok, true);
    free.close();
  });

  test('WebSocket: rooms, room events, history, recovery, edit and delete', async () => {
    const client = await WsClient.connect(chatd, { token: READER, app: app.name });
    const free = await WsClient.connect(chatd, { token: 'ok:ann', app: app.name });
    const { rooms } = await client.must('rooms');
    assert.deepEqual(rooms.map((room) => room.room), ['hall-1']);
    for (const [type, fields] of [['join', {}], ['join', { since: 0 }], ['history', {}], ['seen', {}], ['send', { text: 'x' }]]) {
      assert.equal((await client.ask(type, { room: 'kitchen', ...fields })).code, 'forbidden', type);
    }
    const { messages } = await client.must('history', { room: 'hall-1' });
    assert.ok(messages.length > 0);
    const kitchen = await free.must('send', { room: 'kitchen', text: 'mine' });
    const hall = await free.must('send', { room: 'hall-1', text: 'mine' });
    assert.equal((await client.ask('edit', { messageId: hall.message.id, text: 'x' })).code, 'forbidden');
    for (const type of ['edit', 'delete']) {
      assert.equal((await client.ask(type, { messageId: kitchen.message.id, text: 'x' })).code, 'message_not_found', type);
    }
    await free.next('room', (frame) => frame.room === 'kitchen');
    await client.next('room', (frame) => frame.room === 'hall-1');
    assert.equal(client.frames.filter((frame) => frame.room === 'kitchen').length, 0);
    client.close();
    free.close();
  });

  test('WebSocket: a room that is renamed out of the token’s reach is lost', async () => {
    const room = await app.room('hall-2', 'group', ['ann', 'bob']);
    const client = await WsClient.connect(chatd, { token: READER, app: app.name });
    await client.must('join', { room: 'hall-2' });
    await app.must('PATCH', `/room/${room.id}`, { room: 'cellar' });
    await client.next('left', (frame) => frame.code === 'forbidden');
    await app.must('POST', '/chats/cellar/messages', { text: 'dark', appUserId: 'bob' });
    await client.settled();
    assert.equal(client.all('message').length, 0);
    client.close();
  });

  test('REST: rooms, messages, sends, edits', async () => {
    assert.deepEqual((await rest(READER, 'GET', '/room')).body.items.map((room) => room.room).filter((name) => name !== 'hall-1'), []);
    assert.equal((await rest(READER, 'GET', '/room/kitchen')).status, 404);
    assert.equal((await rest(READER, 'GET', '/room/hall-1')).status, 200);
    assert.equal((await rest(READER, 'GET', '/chats/kitchen/messages')).status, 403);
    assert.equal((await rest(READER, 'GET', '/chats/hall-1/messages')).status, 200);
    assert.equal((await rest(READER, 'POST', '/chats/hall-1/messages', { text: 'x' })).status, 403);
    const { body: mine } = await rest('ok:ann', 'POST', '/chats/kitchen/messages', { text: 'mine' });
    for (const [method, body] of [['GET'], ['PATCH', { text: 'x' }], ['DELETE']]) {
      assert.equal((await rest(READER, method, `/message/${mine.id}`, body)).status, 404, method);
    }
    const answer = await chatd.must('POST', `/app/${app.id}/verify-test`, { token: 'grant:ann:3:hall-*,0:*' });
    assert.deepEqual(answer.steps[0].grants, [{ room: 'hall-*', permissions: ['read', 'write'] }, { room: '*', permissions: [] }]);
  });

  test('bundled verifiers take grants from a claim', async () => {
    const secret = randomBytes(32).toString('hex');
    const server = await VerifierServer.start();
    try {
      const jwt = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'jwt', config: { keys: [{ alg: 'HS256', secret }], grantsClaim: 'chat.grants' } }] });
      const url = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'http', config: { url: server.url, grantsClaim: 'grants' } }] });
      const sign = (chat) => new jose.SignJWT({ sub: 'ann', chat, exp: Math.floor(Date.now() / 1000) + 300 }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
      const grants = [{ room: 'hall-*', permissions: ['read'] }];
      server.answer = (token) => ({ status: 200, body: { id: 'ann', ...JSON.parse(Buffer.from(token, 'base64url').toString()) } });
      const trace = async (of, token) => (await chatd.must('POST', `/app/${of.id}/verify-test`, { token })).steps.at(-1);
      for (const [given, verdict, seen] of [
        [grants, 'allow', grants],
        [[], 'allow', [{ room: '*', permissions: [] }]],
        [undefined, 'allow', null],
        [[{ room: 'x' }], 'refused', null],
        [[{ room: 'x', permissions: ['fly'] }], 'refused', null],
        ['all', 'refused', null],
        [Array(65).fill(grants[0]), 'refused', null],
      ]) {
        const byClaim = await trace(jwt, await sign({ grants: given }));
        assert.deepEqual([byClaim.verdict, byClaim.grants], [verdict === 'refused' ? 'deny' : verdict, seen], JSON.stringify(byClaim));
        const byUrl = await trace(url, Buffer.from(JSON.stringify({ grants: given })).toString('base64url'));
        assert.deepEqual([byUrl.verdict, byUrl.grants], [verdict === 'refused' ? 'unavailable' : verdict, seen], JSON.stringify(byUrl));
      }
    } finally {
      await server.stop();
    }
  });
});
