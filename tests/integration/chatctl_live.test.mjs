// tail and watch stats against a real daemon that comes and goes.
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { after, before, describe, test } from 'node:test';

import { Chatctl } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment } from '../support/chatd.mjs';
import { until, within } from '../support/wait.mjs';

/** A chatctl that runs on: its output so far, and its end. */
class Running {
  constructor(ctl, args, env = {}) {
    this.out = '';
    this.err = '';
    this.child = spawn(CHATCTL, args, { env: cleanEnvironment({ ...ctl.env, ...env }), stdio: ['ignore', 'pipe', 'pipe'] });
    this.child.stdout.on('data', (part) => { this.out += part; });
    this.child.stderr.on('data', (part) => { this.err += part; });
    this.ended = new Promise((done) => { this.child.once('close', (code, signal) => done(code ?? signal)); });
  }

  lines() { return this.out.split('\n').slice(0, -1); }

  stop() {
    this.child.kill('SIGINT');
    return within(this.ended, 'chatctl ended after SIGINT');
  }
}

describe('chatctl tail and watch', () => {
  let chatd;
  let ctl;

  before(async () => {
    chatd = await Chatd.start();
    ctl = new Chatctl(chatd);
    await ctl.ok('app', 'create', 'shop');
    for (const user of ['1', '2']) await ctl.ok('user', 'create', '-a', 'shop', user);
    for (const room of ['a', 'b']) await ctl.ok('room', 'create', '-a', 'shop', room, '--type', 'group', '--users', '1,2');
  });
  after(() => chatd.stop());

  const say = (room, text) => ctl.ok('message', 'send', '-a', 'shop', room, '--as', '1', '--', text);

  test('tail follows rooms through a restart of the daemon: nothing is lost, nothing comes twice', async () => {
    await say('a', 'before');
    const tail = new Running(ctl, ['tail', '-a', 'shop', '-o', 'ndjson', '--since', 'all']);
    try {
      await until('the old message', () => tail.lines().length === 1);
      await say('a', 'one');
      await say('b', 'two');
      await until('two more', () => tail.lines().length === 3);
      await chatd.kill9();
      await until('it notices', () => tail.err.includes('trying again'));
      await chatd.launch();
      for (let i = 0; i < 5; i += 1) await say('a', `after ${i}`);
      await until('all of them', () => tail.lines().length === 8);
      const texts = tail.lines().map((line) => JSON.parse(line)).filter((message) => message.room === 'a').map((message) => message.text);
      assert.deepEqual(texts, ['before', 'one', 'after 0', 'after 1', 'after 2', 'after 3', 'after 4']);
      await until('it says that it is back', () => tail.err.includes('the daemon is back'));
    } finally {
      assert.equal(await tail.stop(), 130);
    }
  });

  test('tail begins at a seq, at a time ago, or now, and shows people and escapes', async () => {
    await say('b', 'an \u001b[31mescape\nand a line');
    const since = await ctl.ok('tail', '-a', 'shop', 'b', '--since', '1', '--limit', '1');
    assert.match(since, /^\S+Z b 1: an \\x1b\[31mescape\\nand a line\n$/);
    const all = await ctl.ok('tail', '-a', 'shop', 'b', '--since', '1h', '--limit', '2', '-o', 'json');
    assert.equal(all.trimEnd().split('\n').length, 2);
    await ctl.fails(2, 'tail', '-a', 'shop', 'b', '--since', 'yesterday');
    await ctl.fails(3, 'tail', '-a', 'shop', 'no-such-room');
    const now = new Running(ctl, ['tail', '-a', 'shop', 'b', '--limit', '1', '-v']);
    await until('it watches', () => now.err.includes('/messages'));
    await say('b', 'fresh');
    assert.equal(await within(now.ended, 'tail ended after one message'), 0);
    assert.match(now.out, / b 1: fresh\n$/);
  });

  test('watch stats shows load and rates, as lines and as data', async () => {
    const table = await ctl.ok('watch', 'stats', '--interval', '50ms', '--limit', '3');
    const lines = table.trimEnd().split('\n');
    assert.equal(lines.length, 4);
    assert.match(lines[0], /^TIME +SESSIONS .* WRITES\/S/);
    const rows = (await ctl.ok('watch', 'stats', '--interval', '50ms', '--limit', '2', '-o', 'ndjson')).trimEnd().split('\n').map((line) => JSON.parse(line));
    assert.equal(rows[0].writesPerSecond, null);
    assert.equal(typeof rows[1].writesPerSecond, 'number');
    const endless = new Running(ctl, ['watch', 'stats', '--interval', '50ms']);
    await until('some lines', () => endless.lines().length > 2);
    assert.equal(await endless.stop(), 130);
    assert.equal(endless.err, '');
  });
});
