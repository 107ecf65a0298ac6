// The command line and the configuration of chatd (CONTRACT 5): what is wrong is named by file, line and key, and nothing starts.
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { CHATD, removeFolder, temporaryFolder } from '../support/chatd.mjs';
import { run } from '../support/run.mjs';

const USAGE = 2;
const BAD_CONFIGURATION = 78;

describe('configuration', () => {
  let folder;
  let count = 0;

  before(() => { folder = temporaryFolder('config'); });
  after(() => removeFolder(folder));

  function check(yaml, env = {}, flags = []) {
    const file = join(folder, `chatd-${++count}.yaml`);
    writeFileSync(file, yaml);
    return run(CHATD, ['--check-config', '--config', file, ...flags], { env, cwd: folder }).then((result) => ({ ...result, file }));
  }

  const GOOD = `
listen:
  - {address: 127.0.0.1, port: 8080}
data_dir: ${'/tmp'}/nowhere
limits:
  message_bytes: 1000
log:
  level: warning
`;

  test('a good file passes', async () => {
    const { code, err } = await check(GOOD);
    assert.equal(code, 0, err);
  });

  test('an empty file is all defaults', async () => {
    const { code, err } = await check('');
    assert.equal(code, 0, err);
  });

  for (const [what, [yaml, line, key]] of Object.entries({
    'an unknown key': ['limits:\n  message_bites: 1\n', 2, 'message_bites'],
    'an unknown section': ['log:\n  level: info\nlimitz:\n  replay: 1\n', 3, 'limitz'],
    'a number out of range': ['limits:\n  replay: 1\n  message_bytes: 0\n', 3, 'limits.message_bytes'],
    'a word for a number': ['limits:\n  message_bytes: many\n', 2, 'limits.message_bytes'],
    'a level that does not exist': ['log:\n  level: chatty\n', 2, 'log.level'],
    'a list for a value': ['demo: [true]\n', 1, 'demo'],
    'a folder of plugins that is relative': ['plugins:\n  paths: [plugins]\n', 2, 'must be an absolute path'],
    'a folder of plugins that is not there': ['plugins:\n  paths: [/no/such/folder]\n', 2, '/no/such/folder is not there; make it'],
    'an origin with a port that is none': ['cors:\n  origins: ["https://a.example:70000"]\n', 2, 'the port must be 1 to 65535'],
    'a port out of range': ['listen:\n  - address: 127.0.0.1\n    port: 70000\n', 1, 'listen'],
  })) {
    test(`${what} is refused with 78, by file, line and key`, async () => {
      const { code, err, file } = await check(yaml);
      assert.equal(code, BAD_CONFIGURATION, err);
      assert.ok(err.includes(`${file}:${line}`), err);
      assert.ok(err.includes(key), err);
    });
  }

  test('YAML that is none is refused with its line', async () => {
    const { code, err, file } = await check('limits:\n  replay: [1\nlog: }\n');
    assert.equal(code, BAD_CONFIGURATION, err);
    assert.ok(err.includes(`${file}:`), err);
  });

  test('every fault is told, not only the first', async () => {
    const { err } = await check('limits:\n  message_bytes: 0\nlog:\n  level: chatty\n');
    assert.ok(err.includes('limits.message_bytes') && err.includes('log.level'), err);
  });

  test('a file that is not there is 78', async () => {
    const { code, err } = await run(CHATD, ['--check-config', '--config', join(folder, 'none.yaml')]);
    assert.equal(code, BAD_CONFIGURATION, err);
    assert.ok(err.includes('none.yaml'));
  });

  test('the environment wins over the file, its names and values are checked', async () => {
    assert.equal((await check(GOOD, { CHATD_LIMITS__MESSAGE_BYTES: '2000' })).code, 0);
    const unknown = await check(GOOD, { CHATD_LIMITS__MESSAGE_BITES: '1' });
    assert.equal(unknown.code, BAD_CONFIGURATION);
    assert.ok(unknown.err.includes('CHATD_LIMITS__MESSAGE_BITES'));
    const wrong = await check(GOOD, { CHATD_LIMITS__MESSAGE_BYTES: 'many' });
    assert.equal(wrong.code, BAD_CONFIGURATION);
    assert.ok(wrong.err.includes('CHATD_LIMITS__MESSAGE_BYTES'));
  });

  test('a secret of the configuration is not repeated in a complaint', async () => {
    const { code, err } = await check(GOOD, { CHATD_STORE__URL: 'mysql://user:the-secret-word@host/db' });
    assert.equal(code, BAD_CONFIGURATION);
    assert.ok(!err.includes('the-secret-word'), err);
  });

  test('a wrong command line is 2', async () => {
    for (const args of [['--no-such-flag'], ['--listen'], ['--listen', 'nonsense', '--dev'], ['one', 'two']]) {
      const { code, err } = await run(CHATD, args, { cwd: folder });
      assert.equal(code, USAGE, `${args.join(' ')}: ${err}`);
      assert.notEqual(err, '');
    }
  });

  test('--version and --help', async () => {
    const version = await run(CHATD, ['--version']);
    assert.equal(version.code, 0);
    assert.match(version.out, /chatd \d+\.\d+\.\d+/);
    const help = await run(CHATD, ['--help']);
    assert.equal(help.code, 0);
    assert.ok(help.out.includes('--check-config'));
  });
});
