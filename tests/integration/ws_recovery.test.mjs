// Recovery on /ws (CONTRACT 3.2 and 4): a client that comes back gets every message after `since` and every change after
// `sinceRev`, in order, each once, before anything newer; or is told that it cannot.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Chatd, TestApp } from '../support/chatd.mjs';
import { until, within } from '../support/wait.mjs';
import { WsClient } from '../support/ws_client.mjs';

const count = (from, to) => Array.from({ length: to - from + 1 }, (_, i) => from + i);

async function connect(t, chatd, user) {
  const client = await WsClient.connect(chatd, { token: user.token });
  t.after(() => client.close());
  return client;
}
const seqs = (client) => client.all('message').map((event) => event.seq);

/** Says it, a few at a time: who sends faster than it reads its answers is too slow itself. */
async function fill(client, room, from, to, text = (i) => `m${i}`) {
  for (let i = from; i <= to; i += 20) {
    const ids = count(i, Math.min(i + 19, to)).map((n) => client.post('send', { room, text: text(n) }));
    await client.answered(ids.at(-1), 60_000);
  }
}

describe('recovery', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  test('ok first, then the messages after since, then the changes after sinceRev, then what is new', async (t) => {
    const { a, b, room } = await app.pair('order-1', 'order-2');
    const says = await connect(t, chatd, a);
    await says.must('join', { room: room.id });
    await fill(says, room.id, 1, 10);
    const ids = says.all('message').map((event) => event.message.id);
    await says.must('edit', { messageId: ids[0], text: 'edited before' });
    await says.must('edit', { messageId: ids[1], text: 'edited once' });
    await says.must('edit', { messageId: ids[1], text: 'edited twice' });
    await says.must('delete', { messageId: ids[2] });
    const back = await connect(t, chatd, b);
    const answer = await back.must('join', { room: room.room, since: 4, sinceRev: 1 });
    assert.deepEqual([answer.recovered, answer.seq, answer.rev], [true, 10, 4]);
    await says.must('send', { room: room.id, text: 'new' });
    await back.next('message', (event) => event.seq === 11);
    const told = back.frames.slice(back.frames.indexOf(answer) + 1).filter((frame) => frame.type !== 'presence' && frame.type !== 'room');
    assert.deepEqual(told.map((event) => [event.type, event.type === 'message' ? event.seq : event.rev]), [
      ...count(5, 10).map((seq) => ['message', seq]), ['updated', 2], ['updated', 3], ['deleted', 4], ['message', 11],
    ]);
    assert.equal(told.find((event) => event.type === 'updated').message.text, 'edited twice');
    assert.equal(back.all('ok').length, 1);
  });

  test('nothing missed is recovered too, and without since nothing is said of it', async (t) => {
    const { a, room } = await app.pair('none-1', 'none-2');
    const client = await connect(t, chatd, a);
    const empty = await client.must('join', { room: room.id, since: 0, sinceRev: 0 });
    assert.equal(empty.recovered, true);
    await fill(client, room.id, 1, 3);
    const again = await client.must('join', { room: room.id, since: 3, sinceRev: 0, epoch: empty.epoch });
    assert.equal(again.recovered, true);
    const plain = await client.must('join', { room: room.id });
    assert.ok(!('recovered' in plain));
    await client.settled();
    assert.deepEqual(seqs(client), [1, 2, 3]);
  });

  test('too much missed, another epoch, or a future that never was: recovered is false and nothing comes', async (t) => {
    const small = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0', CHATD_LIMITS__REPLAY: '5' } });
    t.after(() => small.stop());
    const theirs = await TestApp.create(small);
    const { a, b, room } = await theirs.pair();
    const says = await connect(t, small, a);
    const { epoch } = await says.must('join', { room: room.id });
    await fill(says, room.id, 1, 6);
    const whole = await connect(t, small, b);
    assert.equal((await whole.must('join', { room: room.id, since: 1, epoch })).recovered, true);
    await until('five', () => seqs(whole).length === 5);
    const { message } = await says.must('send', { room: room.id, text: 'seventh' });
    await says.must('delete', { messageId: message.id });
    const impossible = [{ since: 0 }, { since: 1, epoch }, { since: 6, epoch: 'another' }, { since: 8 }, { since: 7, sinceRev: 2 }];
    for (const have of impossible) {
      const client = await connect(t, small, b);
      const answer = await client.must('join', { room: room.id, ...have });
      assert.equal(answer.recovered, false, JSON.stringify(have));
      await client.settled();
      assert.deepEqual(seqs(client), []);
    }
  });

  test('a room that is deleted and made again has another epoch', async (t) => {
    const user = await app.user('epoch-1');
    await app.room('epoch', 'group', ['epoch-1']);
    const client = await connect(t, chatd, user);
    const first = await client.must('join', { room: 'epoch' });
    await fill(client, 'epoch', 1, 3);
    await app.must('DELETE', `/room/${first.room.id}`);
    assert.equal((await client.next('left')).code, 'room_deleted');
    await app.room('epoch', 'group', ['epoch-1']);
    await fill(client, 'epoch', 1, 4);
    const again = await client.must('join', { room: 'epoch', since: 3, epoch: first.epoch });
    assert.notEqual(again.epoch, first.epoch);
    assert.equal(again.recovered, false);
  });

  test('a thousand messages of 16 KiB are recovered by a slow reader too, without tripping the outbox', { timeout: 180_000 }, async (t) => {
    const { a, b, room } = await app.pair('big-1', 'big-2');
    const says = await connect(t, chatd, a);
    const text = 'x'.repeat(16_380);
    await fill(says, room.id, 1, 1000, (i) => text + String(i).padStart(4, '0'));
    const slow = await connect(t, chatd, b);
    const id = slow.post('join', { room: room.id, since: 0 });
    slow.socket.pause();
    // While it does not read, the room goes on; the daemon holds no more for it than its outbox.
    await fill(says, room.id, 1001, 1050);
    slow.socket.resume();
    const answer = await slow.answered(id);
    assert.equal(answer.recovered, true);
    await until('all of them', () => seqs(slow).length >= 1050 || slow.close_, 60_000);
    assert.equal(slow.close_, undefined);
    assert.deepEqual(seqs(slow), count(1, 1050));
    assert.equal(slow.all('message')[999].message.text, `${text}1000`);
  });

  test('under live load each comer gets everything once and in order', { timeout: 120_000 }, async (t) => {
    const { a, b, room } = await app.pair('live-1', 'live-2');
    const says = await connect(t, chatd, a);
    await says.must('join', { room: room.id });
    let going = true;
    let sent = 0;
    const stream = (async () => {
      while (going) {
        const ids = Array.from({ length: 20 }, () => says.post('send', { room: room.id, text: `m${++sent}` }));
        await says.answered(ids.at(-1));
        if (sent % 100 === 0) await says.must('edit', { messageId: says.frames.findLast((frame) => frame.type === 'message').message.id, text: `e${sent}` });
      }
    })();
    let have = 0;
    let rev = 0;
    const texts = new Map();
    for (let round = 0; round < 15; ++round) {
      const client = await connect(t, chatd, b);
      const answer = await client.must('join', { room: room.id, since: have, sinceRev: rev });
      assert.equal(answer.recovered, true);
      const goal = answer.seq + 50;
      await until('it has caught up with what is live', () => seqs(client).at(-1) >= goal);
      client.close();
      await within(client.closed, 'closed');
      const got = seqs(client);
      assert.deepEqual(got, count(have + 1, got.at(-1)), `round ${round}`);
      const revs = client.frames.filter((frame) => frame.type === 'updated').map((event) => event.rev);
      assert.deepEqual(revs, count(rev + 1, rev + revs.length), `revs of round ${round}`);
      for (const event of client.frames) if (event.type === 'message' || event.type === 'updated') texts.set(event.message.seq, event.message.text);
      have = got.at(-1);
      rev += revs.length;
    }
    going = false;
    await stream;
    const client = await connect(t, chatd, b);
    const answer = await client.must('join', { room: room.id, since: have, sinceRev: rev });
    assert.equal(answer.recovered, true);
    await until('the rest', () => answer.seq === have || seqs(client).at(-1) === answer.seq);
    await client.settled();
    for (const event of client.frames) if (event.type === 'message' || event.type === 'updated') texts.set(event.message.seq, event.message.text);
    const history = await client.must('history', { room: room.id, limit: 100 });
    for (const message of history.messages) assert.equal(texts.get(message.seq), message.text);
    assert.equal(answer.seq, sent);
  });

  test('over kill -9: whoever comes back with what it has, has everything', { timeout: 120_000 }, async (t) => {
    const own = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    t.after(() => own.stop());
    const theirs = await TestApp.create(own);
    const { a, b, room } = await theirs.pair();
    const heard = [];
    let epoch;
    let rev = 0;
    let acknowledged = 0;
    for (let round = 0; round < 4; ++round) {
      const says = await connect(t, own, a);
      const hears = await connect(t, own, b);
      const answer = await hears.must('join', { room: room.id, since: heard.length, sinceRev: rev, ...(epoch ? { epoch } : {}) });
      assert.equal(answer.recovered, true);
      epoch = answer.epoch;
      for (let i = 0; i < 300; ++i) says.post('send', { room: room.id, text: `r${round}-${i}`, clientMsgId: `r${round}-${i}` });
      await until('some are acknowledged', () => says.all('ok').length >= 50);
      const edit = says.all('ok')[0].message.id;
      await says.must('edit', { messageId: edit, text: `edited ${round}` });
      await own.kill9();
      acknowledged = Math.max(acknowledged, ...says.all('ok').filter((frame) => frame.message).map((frame) => frame.message.seq));
      await within(hears.closed, 'closed');
      heard.push(...seqs(hears));
      const revs = hears.all('updated').map((event) => event.rev);
      rev = Math.max(rev, ...revs);
      assert.deepEqual(heard, count(1, heard.length));
      await own.launch();
    }
    const last = await connect(t, own, b);
    const answer = await last.must('join', { room: room.id, since: heard.length, sinceRev: rev, epoch });
    assert.equal(answer.recovered, true);
    await until('the rest', () => heard.length + seqs(last).length === answer.seq);
    heard.push(...seqs(last));
    assert.deepEqual(heard, count(1, heard.length));
    assert.ok(heard.length >= acknowledged, `${heard.length} of ${acknowledged} acknowledged`);
  });

  test('sync brings many rooms up to date in one go, each by itself', async (t) => {
    const user = await app.user('sync-1');
    const other = await app.user('sync-2');
    const names = count(1, 40).map((i) => `sync-room-${i}`);
    for (const name of names) await app.room(name, 'group', ['sync-1', 'sync-2']);
    await app.room('sync-foreign', 'group', ['sync-2']);
    const says = await connect(t, chatd, other);
    for (const [i, name] of names.entries()) await fill(says, name, 1, i % 5);
    const client = await connect(t, chatd, user);
    const rooms = Object.fromEntries(names.map((name, i) => [name, i % 2 ? { since: 0 } : {}]));
    rooms['sync-room-3'] = { since: 1, epoch: 'another' };
    const answer = await client.must('sync', { rooms: { ...rooms, nowhere: { since: 1 }, 'sync-foreign': {} } });
    assert.equal(answer.rooms.nowhere.error.code, 'room_not_found');
    assert.equal(answer.rooms['sync-foreign'].error.code, 'forbidden');
    for (const [i, name] of names.entries()) {
      const one = answer.rooms[name];
      assert.deepEqual([one.room.room, one.seq, one.rev, one.room.unread], [name, i % 5, 0, i % 5]);
      assert.equal(one.recovered, name === 'sync-room-3' ? false : i % 2 ? true : undefined);
    }
    for (const name of names) says.post('send', { room: name, text: 'after' });
    await until('all live', () => names.every((name) => client.all('message').some((event) => event.room === name && event.message.text === 'after')));
    for (const [i, name] of names.entries()) {
      const got = client.all('message').filter((event) => event.room === name).map((event) => event.seq);
      const live = (i % 5) + 1;
      assert.deepEqual(got, i % 2 ? count(1, live) : [live], name);
    }
    const tooMany = Object.fromEntries(count(1, 201).map((i) => [`r${i}`, {}]));
    assert.equal((await client.ask('sync', { rooms: tooMany })).code, 'invalid');
  });

  test('who is removed while being brought up to date loses the room', async (t) => {
    await app.user('gone-1');
    const b = await app.user('gone-2');
    await app.room('gone', 'group', ['gone-1', 'gone-2']);
    const text = 'y'.repeat(16_000);
    for (let i = 0; i < 200; ++i) await app.must('POST', '/chats/gone/messages', { appUserId: 'gone-1', text });
    const slow = await connect(t, chatd, b);
    slow.post('join', { room: 'gone', since: 0 });
    await slow.next('message');
    slow.socket.pause();
    await app.must('PUT', '/room/remove', { room: 'gone', users: ['gone-2'] });
    slow.socket.resume();
    await slow.next('left', (event) => event.room === 'gone');
    assert.equal((await slow.ask('join', { room: 'gone' })).code, 'forbidden');
  });
});
