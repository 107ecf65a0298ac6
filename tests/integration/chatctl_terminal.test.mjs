// chatctl at a terminal: widths, colours, questions, progress and Ctrl-C. tmux is the terminal.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Chatctl, missing } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

describe('chatctl at a terminal', { skip: missing('tmux') }, () => {
  let chatd;
  let ctl;
  let socket;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    ctl = new Chatctl(chatd);
    socket = join(chatd.folder, 'tmux.sock');
    await ctl.ok('app', 'create', 'shop');
    await ctl.ok('user', 'create', '-a', 'shop', 'somebody-with-a-very-long-identifier-in-the-app', '--first-name', 'Ann-Kathrin '.repeat(4),
      '--last-name', 'Müller-Lüdenscheidt '.repeat(4));
    tmux('new-session', '-d', '-s', 't', '-x', '80', '-y', '30', 'env', 'PS1=ready> ', 'sh');
    await screen('a prompt', (text) => text.includes('ready>'));
  });
  after(async () => {
    tmux('kill-server');
    await chatd.stop();
  });

  function tmux(...words) {
    const env = cleanEnvironment({ ...ctl.env, TERM: 'screen', ENV: '', chatctl: CHATCTL, NO_COLOR: '' });
    return spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...words], { env, encoding: 'utf8' }).stdout;
  }
  const shown = (...flags) => tmux('capture-pane', '-p', '-t', 't', ...flags);
  const screen = (what, good, ...flags) => until(() => `${what}: ${shown()}`, () => { const text = shown(...flags); return good(text) && text; }, 60_000);

  let lines = 0;

  /** Types a line into a cleared screen; answers what waits for its end with an exit code. */
  function type(line) {
    const mark = `-${lines += 1}`;
    tmux('send-keys', '-t', 't', '-l', `clear; ${line}; echo end$?${mark}`);
    tmux('send-keys', '-t', 't', 'Enter');
    return (code, ...flags) => screen(`exit code ${code}`, (text) => text.includes(`end${code}${mark}`), ...flags);
  }

  test('a table fits 80 columns, and -o wide does not cut', async () => {
    const text = await type('$chatctl user list -a shop')(0);
    const rows = text.split('\n').filter((line) => line.includes('somebody') || line.startsWith('ID'));
    assert.equal(rows.length, 2, text);
    assert.ok(rows[1].includes('…'), text);
    const wide = await type('$chatctl user list -a shop -o wide')(0, '-J');
    assert.ok(wide.includes('Müller-Lüdenscheidt Müller-Lüdenscheidt'), wide);
  });

  test('titles are bold and errors red; NO_COLOR and --color turn it off', async () => {
    const colours = (line, code = 0) => type(line)(code, '-e');
    assert.match(await colours('$chatctl app list'), /\u001b\[1m.*NAME/);
    assert.match(await colours('$chatctl app get nothing', 3), /\u001b\[31m.*chatctl:/);
    assert.doesNotMatch(await colours('NO_COLOR=1 $chatctl app list'), /\u001b\[1m/);
    assert.doesNotMatch(await colours('$chatctl app list --color never'), /\u001b\[1m/);
    assert.match(await colours('$chatctl app list --color always | cat'), /\u001b\[1m.*NAME/);
  });

  test('what is destroyed is asked for, and --no-input is no answer', async () => {
    await ctl.ok('app', 'create', 'doomed');
    const asked = type('$chatctl app delete doomed');
    await screen('the question', (now) => now.includes('to go on:'));
    tmux('send-keys', '-t', 't', 'nonsense', 'Enter');
    assert.match(await asked(1), /nothing was changed/);
    assert.match(await type('$chatctl app delete doomed --no-input')(2, '-J'), /--yes --confirm doomed/);
    const again = type('$chatctl app delete doomed');
    await screen('the question', (now) => now.includes('to go on:'));
    tmux('send-keys', '-t', 't', 'doomed', 'Enter');
    await again(0);
    await ctl.fails(3, 'app', 'get', 'doomed');
  });

  test('a password is asked for without an echo', async () => {
    const ended = type('$chatctl account create asked --role operator');
    await screen('the question', (now) => now.includes('New password:'));
    tmux('send-keys', '-t', 't', 'correct horse', 'Enter');
    await screen('the second question', (now) => now.includes('The same again:'));
    tmux('send-keys', '-t', 't', 'correct horse', 'Enter');
    const text = await ended(0);
    assert.ok(!text.includes('horse'), text);
    await ctl.ok('account', 'get', 'asked');
  });

  test('an import shows its progress, Ctrl-C stops it, --resume ends it', async () => {
    const file = join(chatd.folder, 'rows.ndjson');
    const rows = 6_000;
    writeFileSync(file, Array.from({ length: rows }, (_, i) => `{"appUserId":"r${i}"}\n`).join(''));
    await ctl.ok('app', 'create', 'imported');
    const stopped = type(`$chatctl import -a imported --concurrency 2 ${file}`);
    await screen('the bar', (now) => /import \[#+ *\] +\d+% +\d+ rows +\d+\/s/.test(now));
    tmux('send-keys', '-t', 't', 'C-c');
    assert.match(await stopped(130), /interrupted after line \d+/);
    assert.ok(existsSync(`${file}.chatctl-resume`));
    assert.match(await type(`$chatctl import -a imported --resume ${file}`)(0), /resuming after line \d+/);
    assert.equal((await ctl.ok('user', 'list', '-a', 'imported', '-q')).trimEnd().split('\n').length, rows);
  });

  test('an export and a backup draw over one line, which is gone at the end', async () => {
    const record = join(chatd.folder, 'record');
    tmux('pipe-pane', '-t', 't', `cat > ${record}`);
    const exported = await type(`$chatctl export -a imported -f ${join(chatd.folder, 'drawn.ndjson')}`)(0);
    assert.match(exported, /6000 rows exported/);
    assert.doesNotMatch(exported, /\/s/);
    const backed = await type('$chatctl backup create --name drawn')(0);
    assert.match(backed, /state +verified/);
    assert.doesNotMatch(backed, /\[#* *\]/);
    tmux('pipe-pane', '-t', 't');
    const drawn = readFileSync(record, 'utf8');
    assert.match(drawn, /\rexport \d+ rows +\d+\/s\u001b\[K/);
    assert.match(drawn, /\r(creating|verifying) drawn \[#* *\] +\d+%\u001b\[K/);
  });
});
