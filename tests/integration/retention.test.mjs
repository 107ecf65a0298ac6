// Retention of a running daemon: what is removed is gone for live sessions, lists and history alike, and is not sent twice.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

describe('retention', () => {
  let chatd;
  let app;
  let count = 0;

  before(async () => {
    chatd = await Chatd.start();
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  async function scene(messages) {
    count += 1;
    const [a, b] = [await app.user(`a${count}`), await app.user(`b${count}`)];
    const room = await app.room(`kept-${count}`, 'group', [`a${count}`, `b${count}`]);
    const say = (text) => app.rest('POST', `/chats/${room.id}/messages`, { text, clientMsgId: text, appUserId: `a${count}` });
    for (let i = 1; i <= messages; i += 1) assert.equal((await say(`m${i}`)).status, 201);
    const seqs = async (query = '') => (await app.must('GET', `/chats/${room.id}/messages${query}`)).items.map((m) => m.seq);
    return { a, b, room, say, seqs };
  }

  test('a room keeps its newest messages, and so does the page of a live session', async (t) => {
    const { a, b, room, seqs } = await scene(30);
    const client = await ChatClient.join(chatd.url, a.token, room.room);
    t.after(() => client.close());
    await app.must('PATCH', `/room/${room.id}`, { retention: { messages: 4 } });
    await until('the rest is gone', async () => (await seqs()).length === 4);
    assert.deepEqual(await seqs(), [30, 29, 28, 27]);
    assert.deepEqual(await seqs('?page=2&limit=3'), [27]);
    assert.deepEqual(await seqs('?after=2&before=29'), [28, 27]);
    await client.ask('load_more', { page: 1, limit: 20 });
    assert.deepEqual((await client.next('load_more')).map((m) => m.seq), [30, 29, 28, 27]);
    const listed = await chatd.must('GET', '/room', undefined, { token: b.token });
    assert.equal(listed.items[0].unread, 4);
    assert.equal(listed.items[0].lastMessage.seq, 30);
  });

  test('a retry of a removed message is a duplicate, also after kill -9', async () => {
    const { room, say, seqs } = await scene(10);
    await app.must('PATCH', `/room/${room.id}`, { retention: { messages: 1 } });
    await until('the rest is gone', async () => (await seqs()).length === 1);
    await chatd.kill9();
    await chatd.launch();
    const again = await say('m1');
    assert.equal(again.status, 200);
    assert.equal(again.body.duplicate, true);
    assert.equal(again.body.seq, 1);
    assert.equal(again.body.text, '');
    assert.notEqual(again.body.deletedAt, null);
    const other = await app.rest('POST', `/chats/${room.id}/messages`, { text: 'other', clientMsgId: 'm1', appUserId: `a${count}` });
    assert.equal(other.status, 409);
    assert.equal(other.body.code, 'client_msg_id_reused');
    assert.equal((await say('m11')).body.seq, 11);
  });

  test("an app's rule holds for rooms without one of their own", async () => {
    const mine = await scene(8);
    const own = await scene(8);
    await app.must('PATCH', `/room/${own.room.id}`, { retention: {} });
    await app.must('PATCH', `/app/${app.id}`, { settings: { retention: { messages: 3 } } });
    await until('the rest is gone', async () => (await mine.seqs()).length === 3);
    assert.equal((await own.seqs()).length, 8);
    await app.must('PATCH', `/app/${app.id}`, { settings: { retention: null } });
  });
});
