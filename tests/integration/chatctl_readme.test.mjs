// "A day of an admin" of the README, word for word.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Chatctl, missing } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment } from '../support/chatd.mjs';

const README = join(dirname(fileURLToPath(import.meta.url)), '../../README.md');
let chatd;

before(async () => { chatd = await Chatd.start(); });
after(() => chatd.stop());

test('the day of an admin in the README runs as it stands', { skip: missing('jq') }, async () => {
  const script = /A day of an admin, as a script:\n\n```sh\n(.*?)```/s.exec(readFileSync(README, 'utf8'))[1];
  const ctl = new Chatctl(chatd);
  const bin = join(chatd.folder, 'bin');
  const desk = join(chatd.folder, 'desk');
  mkdirSync(bin);
  mkdirSync(desk);
  symlinkSync(CHATCTL, join(bin, 'chatctl'));
  const done = spawnSync('sh', ['-eux', '-c', script], { cwd: desk, encoding: 'utf8', timeout: 60_000,
    env: cleanEnvironment({ ...ctl.env, PATH: `${bin}:${process.env.PATH}` }) });
  assert.equal(done.status, 0, done.stderr);
  assert.match(readFileSync(join(desk, 'store.key'), 'utf8'), /^ck_/);
  assert.match(done.stdout, /help 42: is anybody here\?\n\S+ help 43: buy cheap watches\n/);
  assert.deepEqual((await ctl.json('message', 'list', '-a', 'copy', 'help')).items.map((message) => message.text),
    ['buy cheap watches', 'is anybody here?']);
  assert.equal((await ctl.json('user', 'get', '-a', 'copy', '43')).ban.reason, 'spam');
  assert.equal((await ctl.json('user', 'list', '-a', 'copy')).items.length, 3);
});
