// Completion in the shells themselves, with names from a daemon.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Chatctl, missing } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment } from '../support/chatd.mjs';

describe('chatctl completion', () => {
  let chatd;
  let ctl;
  let env;

  before(async () => {
    chatd = await Chatd.start();
    ctl = new Chatctl(chatd);
    const bin = join(chatd.folder, 'bin');
    mkdirSync(bin);
    symlinkSync(CHATCTL, join(bin, 'chatctl'));
    env = cleanEnvironment({ ...ctl.env, PATH: `${bin}:${process.env.PATH}`, TERM: 'dumb' });
    for (const app of ['shop', 'shipping', 'it\'s "quoted"', '$(touch pwned)', '-dash']) await ctl.ok('app', 'create', '--', app);
    for (const user of ['ann', 'anton', 'bob']) await ctl.ok('user', 'create', '-a', 'shop', user);
    await ctl.ok('room', 'create', '-a', 'shop', 'support', '--type', 'group', '--users', 'ann');
  });
  after(() => chatd.stop());

  function shell(program, args, options = {}) {
    const done = spawnSync(program, args, { env, encoding: 'utf8', cwd: chatd.folder, timeout: 60_000, ...options });
    assert.equal(done.status, 0, `${program}: ${done.stderr}${done.error ?? ''}`);
    return done.stdout;
  }

  /** What each line of a shell would offer. */
  const CASES = [
    ['chatctl ap', ['api', 'app', 'apply']],
    ['chatctl app k', ['key']],
    ['chatctl app get sh', ['shipping', 'shop']],
    ['chatctl -o nd', ['ndjson']],
    ['chatctl user get -a shop an', ['ann', 'anton']],
    ['chatctl room get -a shop ', ['support']],
    ['chatctl room member role -a shop support ann m', ['member', 'moderator']],
    ['chatctl app list --no-h', ['--no-headers']],
    ['chatctl help exit', ['exit-codes']],
    ['chatctl plugin show j', ['jwt']],
    ['chatctl app create new --verifier ht', ['http']],
  ];

  test('bash', { skip: missing('bash') }, () => {
    const script = `source <(chatctl completion bash)
      offer() {
        COMP_LINE=$1; COMP_POINT=\${#1}; local -a words; IFS=' ' read -ra words <<< "$1"
        [[ $1 == *' ' ]] && words+=('')
        COMP_WORDS=("\${words[@]}"); COMP_CWORD=$((\${#words[@]} - 1)); COMPREPLY=()
        _chatctl; printf '%s\\n' "\${COMPREPLY[@]}"; echo "=="
      }
      compopt() { :; }
      ${CASES.map(([line]) => `offer '${line}'`).join('\n')}
      offer 'chatctl app get '
      offer 'chatctl app list --output=js'`;
    const answers = shell('bash', ['--norc', '-c', script]).split('==\n').map((part) => part.trim().split('\n'));
    for (const [i, [line, expected]] of CASES.entries()) assert.deepEqual(answers[i].sort(), expected, line);
    // Names are quoted for the line; one that looks like a flag is not offered.
    assert.deepEqual(answers[CASES.length].sort(), ['\\$\\(touch\\ pwned\\)', 'it\\\'s\\ \\"quoted\\"', 'shipping', 'shop']);
    assert.match(answers[CASES.length + 1][0], /json$/);
  });

  test('bash at a terminal, with the Tab key', { skip: missing('tmux', 'bash') }, () => {
    const rc = join(chatd.folder, 'bashrc');
    writeFileSync(rc, 'source <(chatctl completion bash)\nPS1="ready> "\n');
    const socket = join(chatd.folder, 'tmux.sock');
    const tmux = (...words) => spawnSync('tmux', ['-S', socket, '-f', '/dev/null', ...words], { env: { ...env, TERM: 'screen' }, encoding: 'utf8' });
    const screen = (wanted) => {
      const deadline = Date.now() + 30_000;
      let shown = '';
      while (Date.now() < deadline) {
        shown = tmux('capture-pane', '-p', '-t', 'c').stdout;
        if (wanted.test(shown)) return shown;
        spawnSync('sleep', ['0.05']);
      }
      return assert.fail(`${wanted} did not come up in: ${shown}`);
    };
    assert.equal(tmux('new-session', '-d', '-s', 'c', '-x', '100', '-y', '20', `bash --rcfile ${rc} -i`).status, 0);
    try {
      screen(/^ready>/m);
      tmux('send-keys', '-t', 'c', 'chatctl app get ship', 'Tab', '-o name', 'Enter');
      screen(/chatctl app get shipping -o name\nshipping$/m);
      tmux('send-keys', '-t', 'c', 'chatctl app get \\$', 'Tab', '-o name', 'Enter');
      screen(/^\$\(touch pwned\)$/m);
    } finally {
      tmux('kill-server');
    }
    assert.equal(shell('sh', ['-c', 'ls']).includes('pwned'), false);
  });

  test('zsh', { skip: missing('zsh') }, () => {
    // compadd is what the completion calls at the end: it is made to print what it was given.
    const script = `fpath=(); source <(chatctl completion zsh) 2>/dev/null
      compadd() { print -rl -- "\${names[@]}" }
      offer() { words=("\${(@Q)\${(z)1}}"); [[ $1 == *' ' ]] && words+=(''); CURRENT=\${#words}; _chatctl; print -- '==' }
      ${CASES.map(([line]) => `offer '${line}'`).join('\n')}
      offer 'chatctl app get '`;
    const answers = shell('zsh', ['-f', '-c', script]).split('==\n').map((part) => part.trim().split('\n'));
    for (const [i, [line, expected]] of CASES.entries()) assert.deepEqual(answers[i].sort(), expected, line);
    assert.deepEqual(answers[CASES.length].sort(), ['$(touch pwned)', 'it\'s "quoted"', 'shipping', 'shop']);
  });

  test('fish', { skip: missing('fish') }, () => {
    const script = `chatctl completion fish | source
      ${CASES.map(([line]) => `complete -C '${line}'; echo ==`).join('\n')}
      complete -C 'chatctl app get '; echo ==`;
    const answers = shell('fish', ['--no-config', '-c', script]).split('==\n')
      .map((part) => part.trim().split('\n').map((line) => line.split('\t')[0]));
    for (const [i, [line, expected]] of CASES.entries()) assert.deepEqual(answers[i].sort(), expected, line);
    assert.ok(answers[CASES.length].some((name) => name.includes('touch')));
    assert.ok(answers[CASES.length].every((name) => !name.startsWith('-')));
  });

  test('a name with a leading dash is offered where it is no flag', async () => {
    const words = async (...typed) => (await ctl.ok('__complete', '--', ...typed)).split('\n').filter((line) => line !== '').map((line) => line.split('\t')[0]);
    assert.deepEqual(await words('app', 'get', '--', '-d'), ['-dash']);
    assert.deepEqual(await words('user', 'list', '--app=-'), ['--app=-dash']);
    assert.ok((await words('app', 'get', '--', '')).includes('-dash'));
    assert.ok(!(await words('app', 'get', '')).includes('-dash'));
    assert.deepEqual(await words('app', 'get', '-d'), []);
    await ctl.ok('app', 'get', '--', '-dash');
    await ctl.ok('user', 'list', '--app=-dash');
  });

  test('a daemon that is away costs nothing but the names', async () => {
    const away = ctl.with({ CHATCTL_SERVER: 'http://127.0.0.1:1' });
    const { code, out, err } = await away.raw(['__complete', '--', 'app', 'get', '']);
    assert.deepEqual([code, out, err], [0, '', '']);
    assert.equal((await away.raw(['__complete', '--', 'ver'])).out.split('\t')[0], 'version');
    await away.fails(2, 'completion', 'tcsh');
  });
});
