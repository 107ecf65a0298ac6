// "A day of an admin" of the README, word for word. What it says to systemd goes to the daemon of this test.
import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { after, before, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Chatctl, missing } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment } from '../support/chatd.mjs';
import { within } from '../support/wait.mjs';

const README = join(dirname(fileURLToPath(import.meta.url)), '../../README.md');
let chatd;

before(async () => { chatd = await Chatd.start(); });
after(() => chatd.stop());

/** `sudo` and `systemctl` of this test in `bin`: the one does what it is given, the other asks us by two pipes. */
function standIns(bin) {
  const [asked, answered] = ['asked', 'answered'].map((name) => join(bin, name));
  execFileSync('mkfifo', [asked, answered]);
  writeFileSync(join(bin, 'sudo'), '#!/bin/sh\n[ "$1" = -u ] && shift 2\nexec "$@"\n', { mode: 0o755 });
  writeFileSync(join(bin, 'systemctl'), `#!/bin/sh\necho "$*" > ${asked}\nread answer < ${answered}\n`, { mode: 0o755 });
  const done = [];
  const serve = (async () => {
    for (;;) {
      const wish = (await readFile(asked, 'utf8')).trim();
      if (wish === 'end') return;
      if (wish === 'stop chatd') await chatd.terminate();
      if (wish === 'start chatd') await chatd.launch();
      done.push(wish);
      await writeFile(answered, 'done\n');
    }
  })();
  return { done, end: async () => { await writeFile(asked, 'end\n'); await serve; } };
}

test('the day of an admin in the README runs as it stands', { skip: missing('jq') }, async () => {
  const script = /A day of an admin, as a script:\n\n```sh\n(.*?)```/s.exec(readFileSync(README, 'utf8'))[1];
  const ctl = new Chatctl(chatd);
  const bin = join(chatd.folder, 'bin');
  const desk = join(chatd.folder, 'desk');
  mkdirSync(bin);
  mkdirSync(desk);
  symlinkSync(CHATCTL, join(bin, 'chatctl'));
  const service = standIns(bin);
  let code;
  let out = '';
  let err = '';
  try {
    const child = spawn('sh', ['-eux', '-c', script], { cwd: desk, stdio: ['ignore', 'pipe', 'pipe'],
      env: cleanEnvironment({ ...ctl.env, DATA: chatd.dataDir, PATH: `${bin}:${process.env.PATH}` }) });
    child.stdout.on('data', (part) => { out += part; });
    child.stderr.on('data', (part) => { err += part; });
    code = await within(new Promise((ended) => { child.once('close', ended); }), 'the day ended', 60_000);
  } finally {
    await service.end();
  }
  assert.equal(code, 0, err);
  assert.deepEqual(service.done, ['stop chatd', 'start chatd']);
  assert.match(out, /help 42: is anybody here\?\n\S+ help 43: buy cheap watches\n/);
  // Without a terminal no progress moves a cursor.
  assert.doesNotMatch(out + err, /[\u0000-\u0009\u000b-\u001f]/);
  assert.deepEqual((await ctl.json('message', 'list', '-a', 'store', 'help')).items.map((message) => message.text),
    ['buy cheap watches', 'is anybody here?']);
  assert.equal((await ctl.json('user', 'get', '-a', 'store', '43')).ban.reason, 'spam');
  const key = readFileSync(join(desk, 'store.key'), 'utf8').trim();
  assert.match(key, /^ck_/);
  assert.equal((await ctl.with({ CHATCTL_SERVER: chatd.url, CHATCTL_TOKEN: key }).json('user', 'list')).items.length, 3);
});
