// The process: clean stop, reload, what survives a restart, one daemon a data directory, no secrets on disk or in the log.
import assert from 'node:assert/strict';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { CHATD, Chatd, TestApp } from '../support/chatd.mjs';
import { RawSocket } from '../support/raw_socket.mjs';
import { run } from '../support/run.mjs';
import { until } from '../support/wait.mjs';

describe('the process', () => {
  let chatd;
  let app;
  let pair;

  before(async () => {
    chatd = await Chatd.start();
    app = await TestApp.create(chatd);
    pair = await app.pair();
  });
  after(() => chatd.stop());

  test('SIGTERM drains: what is under way is answered, sessions are told to come back, exit 0', async () => {
    const client = await ChatClient.join(chatd.url, pair.a.token, pair.room.room);
    const raw = await RawSocket.connect(chatd, pair.b.token);
    const answers = Array.from({ length: 10 }, (_, i) => client.ask('send_message', `last words ${i}`));
    await answers[0];
    const { code, signal } = await chatd.terminate();
    assert.deepEqual([code, signal], [0, null]);
    const ended = await raw.ended();
    assert.ok([1001, 1012, 1006, 1005].includes(ended.code), JSON.stringify(ended));
    // Not an "io server disconnect": after that the official client would stay away.
    assert.notEqual(await client.disconnected(), 'io server disconnect');
    const said = (await Promise.allSettled(answers)).filter((each) => each.value?.ok).map((each) => each.value.message);
    await chatd.launch();
    const { body } = await app.rest('GET', `/chats/${pair.room.id}/messages?limit=100`);
    for (const message of said) assert.ok(body.items.some((each) => each.id === message.id && each.text === message.text));
    client.close();
    raw.close();
  });

  test('everything registered survives a restart: apps, keys, tokens, rooms, history', async () => {
    const client = await ChatClient.join(chatd.url, pair.a.token, pair.room.room);
    await client.ask('send_message', 'to be remembered');
    client.close();
    await chatd.terminate();
    await chatd.launch();
    const again = await ChatClient.join(chatd.url, pair.b.token, pair.room.room);
    assert.equal(textOf((await again.next('room_info')).lastMessage), 'to be remembered');
    again.close();
    assert.equal((await app.rest('GET', '/user')).status, 200);
  });

  test('SIGHUP is survived, and a changed limit is in force without a restart', async () => {
    const file = join(chatd.folder, 'chatd.yaml');
    writeFileSync(file, 'limits: {message_bytes: 10}\n');
    const own = await Chatd.start({ args: ['--config', file] });
    try {
      const its = await TestApp.create(own);
      const two = await its.pair();
      const client = await ChatClient.join(own.url, two.a.token, two.room.room);
      assert.equal((await client.ask('send_message', 'more than ten bytes')).code, 'too_large');
      writeFileSync(file, 'limits: {message_bytes: 100}\n');
      own.signal('SIGHUP');
      await until('the new limit', async () => (await client.ask('send_message', 'more than ten bytes')).ok);
      // A file that is wrong changes nothing and ends nothing.
      writeFileSync(file, 'limits: {message_bytes: none}\n');
      const before = own.readLog().length;
      own.signal('SIGHUP');
      await until('the complaint is logged', () => own.readLog().slice(before).includes('message_bytes'));
      assert.equal((await client.ask('send_message', 'still more than ten')).ok, true);
      client.close();
    } finally {
      await own.stop();
    }
  });

  test('a second daemon on the same data directory does not start', async () => {
    const { code, err } = await run(CHATD, ['--dev', '--data-dir', chatd.dataDir, '--listen', '127.0.0.1:0']);
    assert.equal(code, 1, err);
    assert.equal((await chatd.rest('GET', '/healthz')).status, 200);
    assert.equal((await chatd.admin('GET', '/app')).status, 200);
  });

  test('a port that is taken is said, and the exit is 1', async () => {
    const { code, err } = await run(CHATD, ['--dev', '--data-dir', join(chatd.folder, 'other'), '--listen', `127.0.0.1:${chatd.port}`]);
    assert.equal(code, 1, err);
    assert.ok(err.includes(String(chatd.port)), err);
  });

  test('the admin socket has mode 0660', () => {
    assert.equal(statSync(chatd.adminSocket).mode & 0o777, 0o660);
  });

  test('no token, key or password is in the data directory or the log', async () => {
    const made = await chatd.must('POST', '/app', { name: 'full-of-secrets' });
    const { body } = await chatd.rest('POST', '/auth/login', { body: made.login });
    await chatd.rest('GET', '/user', { token: 'a-wrong-token-that-came-in' });
    const secrets = [pair.a.token, app.key, made.apiKey, made.login.password, body.token, 'a-wrong-token-that-came-in'];
    const files = readdirSync(chatd.dataDir, { recursive: true }).map((name) => join(chatd.dataDir, name)).filter((name) => statSync(name).isFile());
    assert.ok(files.length > 0);
    for (const file of [...files, chatd.log]) {
      const content = readFileSync(file, 'latin1');
      for (const secret of secrets) assert.ok(!content.includes(secret), `${file} holds a secret`);
    }
  });
});
