// doctor on set-ups that are really broken: it names the cause and the command that mends it. Only the clock is played, by a
// proxy in front of the daemon, because a test cannot set that of the machine.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmodSync, chownSync, copyFileSync, existsSync, mkdirSync, openSync, closeSync, rmSync, writeFileSync, writeSync } from 'node:fs';
import { createServer, request as httpRequest } from 'node:http';
import { dirname, join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Authority } from '../support/certificates.mjs';
import { Chatctl } from '../support/chatctl.mjs';
import { CHATCTL, CHATD, Chatd, cleanEnvironment, TestApp } from '../support/chatd.mjs';
import { Postgres, postgresPrograms } from '../support/postgres.mjs';
import { until } from '../support/wait.mjs';

const PLUGINS = resolve(CHATD, '../../test-plugins');
const NOBODY = 65534;

/** What is not there to run it, as a skip; in CI that is a failure. */
function without(there, words) {
  if (there) return false;
  assert.notEqual(process.env.CI, 'true', words);
  return words;
}

/** How to give a process a file system of its own, or nothing. */
const OWN_MOUNTS = [['unshare', '-m'], ['unshare', '-r', '-m']].find(
  (words) => spawnSync(words[0], [...words.slice(1), 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt']).status === 0);

describe('chatctl doctor', () => {
  let chatd;
  let ctl;

  before(async () => {
    chatd = await Chatd.start();
    ctl = new Chatctl(chatd);
  });
  after(() => chatd.stop());

  /** What is wrong: the findings that failed, and the exit code. */
  async function examine(who, ...args) {
    const { code, out, err } = await who.raw(['doctor', '-o', 'json', ...args]);
    const failed = JSON.parse(out).items.filter((finding) => finding.state === 'failed');
    assert.ok(failed.every((finding) => finding.mend !== ''), out);
    return { code, failed, err };
  }

  async function oneFault(expected, who, ...args) {
    const { code, failed } = await examine(who, ...args);
    assert.equal(failed.length, 1, JSON.stringify(failed));
    assert.equal(code, expected, JSON.stringify(failed));
    return failed[0];
  }

  test('a well daemon has no fault', async () => {
    const { code, failed } = await examine(ctl);
    assert.deepEqual(failed, []);
    assert.equal(code, 0);
    assert.match(await ctl.ok('doctor'), /^ok +server/m);
    const good = join(chatd.folder, 'good');
    mkdirSync(good);
    assert.deepEqual((await examine(ctl, '--data-dir', good)).failed, []);
  });

  test('no daemon', async () => {
    const socket = await oneFault(8, ctl.with({ CHATCTL_SERVER: `unix:${chatd.folder}/none.sock` }));
    assert.match(socket.detail, /no daemon: there is no socket/);
    assert.match(socket.mend, /systemctl start chatd/);
    const port = await oneFault(8, ctl.with({ CHATCTL_SERVER: 'http://127.0.0.1:1' }));
    assert.match(port.detail, /refused/);
    const killed = await Chatd.start();
    try {
      await killed.kill9();
      const left = await oneFault(8, new Chatctl(killed));
      assert.match(left.detail, /no daemon: nobody listens on/);
      assert.match(left.mend, /systemctl restart chatd/);
    } finally {
      await killed.stop();
    }
  });

  test('a wrong token, and none', async () => {
    const wrong = await oneFault(4, ctl.with({ CHATCTL_SERVER: chatd.url, CHATCTL_TOKEN: `ca_${'x'.repeat(43)}` }));
    assert.match(wrong.detail, /wrong token/);
    assert.equal(wrong.mend, `chatctl login --server ${chatd.url}`);
    assert.match((await oneFault(4, ctl.with({ CHATCTL_SERVER: chatd.url }))).detail, /no token/);
  });

  test('an expired certificate, on the listener of a daemon', async () => {
    let authority;
    const old = await Chatd.start({ listen: (folder) => {
      authority = new Authority(folder);
      return [{ address: '127.0.0.1', port: 0 }, { address: '127.0.0.1', port: 0, tls: authority.expired('localhost') }];
    } });
    try {
      const url = old.urls.find((one) => one.startsWith('https:'));
      const fault = await oneFault(11, new Chatctl(old, { CHATCTL_SERVER: url, SSL_CERT_FILE: authority.file }));
      assert.equal(fault.check, 'certificate');
      assert.match(fault.detail, /the certificate of localhost has expired \d+ days ago/);
      assert.match(fault.mend, /renew.*reload/);
    } finally {
      await old.stop();
    }
  });

  /** A web server on a free port, for as long as `use` takes. */
  async function served(handler, use) {
    const server = createServer(handler);
    await new Promise((ready) => { server.listen(0, '127.0.0.1', ready); });
    try {
      return await use(ctl.with({ CHATCTL_SERVER: `http://127.0.0.1:${server.address().port}` }));
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test('a clock that is ten minutes off, of a daemon behind a proxy that has it so', async () => {
    for (const [minutes, said] of [[-10, /the server's is (10 min|9 min 59 s).* behind/], [10, /the server's is (10 min|9 min 59 s).* ahead/]]) {
      await served((request, response) => {
        httpRequest({ socketPath: chatd.adminSocket, method: request.method, path: request.url, headers: request.headers }, (answer) => {
          const date = new Date(Date.parse(answer.headers.date) + minutes * 60_000).toUTCString();
          response.writeHead(answer.statusCode, { ...answer.headers, date });
          answer.pipe(response);
        }).end();
      }, async (there) => {
        const fault = await oneFault(11, there);
        assert.equal(fault.check, 'clock');
        assert.match(fault.detail, said);
        assert.match(fault.mend, /timedatectl set-ntp true/);
      });
    }
  });

  test('another web server is not taken for chatd, whatever it answers', async () => {
    const answers = [[200, 'text/html', '<html>welcome</html>'], [200, 'application/json', '{}'], [200, 'application/json', '{"status":"ok"}'],
      [404, 'text/html', '<h1>Not Found</h1>'], [301, 'text/plain', ''], [401, 'text/html', 'who are you?']];
    for (const [status, type, body] of answers) {
      await served((request, response) => { response.writeHead(status, { 'Content-Type': type }).end(body); }, async (there) => {
        for (const words of [['status'], ['wait'], ['wait', '--for', 'healthy']]) {
          const err = await there.fails(1, ...words);
          assert.match(err, /what answers at http:\/\/127\.0\.0\.1:\d+ is not chatd: to \/(healthz|readyz) it says/, `${status} ${body}`);
          assert.match(err, /CHATCTL_SERVER names another; this one is from CHATCTL_SERVER/);
        }
        const fault = await oneFault(1, there);
        assert.equal(fault.check, 'server');
        assert.match(fault.detail, /is not chatd/);
        // "There is none" would let a script make it.
        if (status === 404) assert.match(await there.fails(1, 'app', 'ensure', 'shop'), /is not chatd/);
      });
    }
    // A proxy whose chatd is away is waited for.
    await served((request, response) => { response.writeHead(502, { 'Content-Type': 'text/html' }).end('Bad Gateway'); }, async (there) => {
      await there.fails(8, 'status');
      await there.fails(8, 'wait', '--within', '1');
    });
  });

  test('a configuration that is missing, no YAML, or has a key that nobody knows', async () => {
    const config = join(chatd.folder, 'judged.yaml');
    const data = join(chatd.folder, 'judged');
    mkdirSync(data);
    const judged = async () => oneFault(11, ctl, '--config', config, '--data-dir', data);
    for (const [text, said] of [[null, /judged\.yaml: cannot be read: No such file or directory/], ['limits: [', /judged\.yaml:\d+: is not YAML/],
      ['limits:\n  mesage_bytes: 5\n', /judged\.yaml:2: limits\.mesage_bytes: unknown key; did you mean `limits\.message_bytes`/]]) {
      if (text !== null) writeFileSync(config, text);
      const fault = await judged();
      assert.equal(fault.check, 'configuration');
      assert.match(fault.detail, said);
      assert.equal(fault.mend, `sudoedit ${config}, then chatd --config ${config} --check-config`);
    }
    writeFileSync(config, 'limits: {message_bytes: 5000}\n');
    const { failed } = await examine(ctl, '--config', config, '--data-dir', data);
    assert.deepEqual(failed, []);
  });

  test('a data directory that the daemon cannot write: it does not start, and doctor says why', async () => {
    const folder = join(chatd.folder, 'unwritable');
    const dataDir = join(folder, 'data');
    mkdirSync(dataDir, { recursive: true });
    const root = process.getuid() === 0;
    chmodSync(dataDir, 0o555);
    // Root may write anywhere: both run as nobody, from where nobody may read.
    for (const path of root ? [chatd.folder, folder] : []) chmodSync(path, 0o755);
    const [daemon, admin] = [CHATD, CHATCTL].map((program) => {
      const copy = join(folder, program.split('/').pop());
      copyFileSync(program, copy);
      return copy;
    });
    const home = join(folder, 'home');
    mkdirSync(home);
    if (root) chownSync(home, NOBODY, NOBODY);
    const as = { cwd: '/', env: { ...cleanEnvironment(), HOME: home }, encoding: 'utf8', ...(root ? { uid: NOBODY, gid: NOBODY } : {}) };
    const started = spawnSync(daemon, ['--dev', '--data-dir', dataDir, '--listen', '127.0.0.1:0'], as);
    assert.equal(started.status, 1, started.stderr);
    const seen = spawnSync(admin, ['doctor', '-o', 'json', '--server', `unix:${dataDir}/admin.sock`, '--data-dir', dataDir], as);
    const failed = JSON.parse(seen.stdout).items.filter((finding) => finding.state === 'failed');
    assert.deepEqual(failed.map((finding) => finding.check), ['data directory', 'server'], seen.stdout);
    assert.match(failed[0].detail, /cannot write its data directory .*data: Permission denied/);
    assert.match(failed[0].mend, /sudo install -d/);
    assert.equal(seen.status, 11, seen.stderr);
    if (root) {
      // A certificate for the daemon alone is no fault of its configuration; who asks is told who can judge it.
      const closed = join(folder, 'closed.yaml');
      writeFileSync(closed, `listen: [{address: 127.0.0.1, port: 1, tls: {certificate: ${chatd.dataDir}/x.pem, key: ${chatd.dataDir}/x.pem}}]\n`, { mode: 0o644 });
      chmodSync(chatd.dataDir, 0o700);
      const { stdout } = spawnSync(admin, ['doctor', '-o', 'json', '--server', `unix:${dataDir}/admin.sock`, '--config', closed], as);
      const judged = JSON.parse(stdout).items.find((finding) => finding.check === 'configuration');
      assert.equal(judged.state, 'warning', stdout);
      assert.match(judged.detail, /you may not read all of it: .*x\.pem: cannot be read: Permission denied/);
      assert.equal(judged.mend, `sudo chatd --config ${closed} --check-config`);
    }
    const config = join(chatd.folder, 'chatd.yaml');
    writeFileSync(config, 'data_dir: /proc/chatd-data\n');
    assert.match((await oneFault(11, ctl, '--config', config)).detail, /\/proc\/chatd-data/);
  });

  test('a daemon whose disk is full', { skip: without(OWN_MOUNTS, 'no mounts of our own here') }, async () => {
    // Its data directory is a small disk that this daemon alone sees; its socket is elsewhere.
    const mount = 'for word; do [ "$last" = --data-dir ] && disk=$word; last=$word; done; mkdir -p "$disk"; mount -t tmpfs -o size=6m tmpfs "$disk" && exec "$@"';
    const socket = join(chatd.folder, 'full.sock');
    const small = await Chatd.start({ env: { CHATD_ADMIN_SOCKET: socket }, wrap: [...OWN_MOUNTS, 'sh', '-c', mount, 'sh'] });
    try {
      const there = new Chatctl(small, { CHATCTL_SERVER: `unix:${socket}` });
      await there.ok('app', 'create', 'shop');
      const disk = openSync(`/proc/${small.pid}/root${small.dataDir}/filler`, 'w');
      assert.throws(() => { for (;;) writeSync(disk, Buffer.alloc(65536)); }, /ENOSPC/);
      closeSync(disk);
      await there.raw(['app', 'create', 'another']);
      await until('it is not ready', async () => (await there.raw(['status'])).code === 11);
      const fault = await oneFault(11, there);
      assert.equal(fault.check, 'database');
      assert.match(fault.detail, /the database is down or cannot be written: .*full/);
      assert.match(fault.mend, /df -h/);
    } finally {
      await small.stop();
    }
  });

  test('the database is down', { skip: without(postgresPrograms(), 'PostgreSQL is not installed') }, async () => {
    const folder = join(chatd.folder, 'postgres');
    mkdirSync(folder);
    chmodSync(chatd.folder, 0o755);
    const postgres = await Postgres.start(folder);
    let served;
    try {
      served = await Chatd.start({ env: { CHATD_STORE__URL: postgres.url } });
      const there = new Chatctl(served);
      assert.deepEqual((await examine(there)).failed, []);
      await postgres.stop();
      await until('it is not ready', async () => (await there.raw(['status'])).code === 11, 30_000);
      const { failed, code } = await examine(there);
      assert.equal(code, 11, JSON.stringify(failed));
      assert.equal(failed[0].check, 'database', JSON.stringify(failed));
      assert.match(failed[0].detail, /the database is down/);
      assert.match(failed[0].mend, /systemctl status postgresql/);
    } finally {
      await served?.stop();
      await postgres.stop();
    }
  });

  test('a plugin that fails: not well, dead again and again, its file gone', { skip: without(existsSync(join(PLUGINS, 'evil.so')), 'the plugins of the tests are not built') }, async () => {
    const folder = join(chatd.folder, 'plugins');
    mkdirSync(folder, { mode: 0o755 });
    const put = (name) => {
      copyFileSync(join(PLUGINS, 'evil.so'), join(folder, `${name}.so`));
      chmodSync(join(folder, `${name}.so`), 0o644);
    };
    ['evil', 'lost'].forEach(put);
    const sick = await Chatd.start({ env: { CHATD_PLUGINS__PATHS: `[${folder}]` } });
    try {
      const there = new Chatctl(sick);
      const chain = (plugin, config = {}) => ({ verifiers: [{ plugin, config, cacheTtlMs: 0, timeoutMs: 2000 }] });
      const ask = (app, token) => sick.rest('GET', '/auth/verify', { token, headers: { 'X-Chat-App': String(app.id) } });
      const lost = await TestApp.create(sick, 'lost', chain('lost'));
      assert.deepEqual((await examine(there)).failed, []);
      rmSync(join(folder, 'lost.so'));
      const gone = await oneFault(11, there);
      assert.match(gone.detail, /a verifier of app lost fails: .*there is no plugin "lost"/);
      assert.match(gone.mend, /chatctl app update lost --verifiers/);
      await there.ok('app', 'delete', lost.name, '--yes', '--confirm', lost.name);

      const app = await TestApp.create(sick, 'shop', chain('evil', { sick: 'no backend' }));
      assert.equal((await ask(app, 'ok:ann')).status, 200);
      const unwell = await oneFault(11, there);
      assert.equal(unwell.check, 'plugin');
      assert.equal(unwell.detail, `plugin evil fails for app ${app.id}: no backend`);
      assert.match(unwell.mend, /chatctl plugin health evil.*chatctl plugin reload evil/);

      await sick.must('PATCH', `/app/${app.id}`, chain('evil'));
      assert.notEqual((await ask(app, 'crash')).status, 200);
      await until('it serves again', async () => (await ask(app, 'ok:ann')).status === 200, 30_000);
      const { items } = JSON.parse((await there.raw(['doctor', '-o', 'json'])).out);
      const dying = items.find((finding) => finding.check === 'plugin');
      assert.match(dying.detail, new RegExp(`plugin evil of app ${app.id} has died and been started again \\d+ times?`));
    } finally {
      await sick.stop();
    }
  });

  test('a secret that the daemon cannot read: its name, its place, and a command that mends it', async () => {
    const folder = join(chatd.folder, 'keys of apps');
    mkdirSync(folder);
    const file = join(folder, 'shop');
    writeFileSync(file, 'x'.repeat(32), { mode: 0o600 });
    const secrets = [`shop/jwt=file:${file}`, `*/gone=file:${folder}/gone`, '*/unset=env:UNSET_IN_TESTS', `*/folder=file:${folder}`];
    const sealed = await Chatd.start({ env: { CHATD_PLUGINS__SECRETS: JSON.stringify(secrets) } });
    try {
      const there = new Chatctl(sealed);
      await TestApp.create(sealed, 'shop', { verifiers: [{ plugin: 'jwt', config: { keys: [{ alg: 'HS256', secretName: 'jwt' }] } }] });
      chmodSync(file, 0o644);
      const { code, failed } = await examine(there);
      assert.equal(code, 11);
      assert.deepEqual(failed.map((one) => one.check), ['secret', 'secret', 'secret', 'secret', 'plugin'], JSON.stringify(failed));
      const [jwt, gone, unset, notAFile, verifier] = failed;
      assert.equal(jwt.detail, `the daemon cannot read the secret shop/jwt of plugins.secrets: ${file}: must not be open to others, nor writable by its group; chmod 0640`);
      assert.match(gone.detail, /the secret \*\/gone of plugins\.secrets: .*\/gone: No such file/);
      assert.match(gone.mend, /^write the secret to that file, then: sudo chown .*&& chatctl reload$/);
      assert.match(unset.detail, /\*\/unset of plugins\.secrets: UNSET_IN_TESTS: is not in the environment/);
      assert.match(unset.mend, /Environment=UNSET_IN_TESTS=.*systemctl restart chatd$/);
      assert.match(notAFile.mend, /make it a plain file/);
      assert.match(verifier.detail, /a verifier of app shop fails: .*the secret jwt of plugins\.secrets cannot be used/);
      assert.match(verifier.mend, /mends the secret that is named/);
      // What is named does mend it.
      const env = { ...cleanEnvironment(), PATH: `${dirname(CHATCTL)}:${process.env.PATH}`, CHATCTL_SERVER: `unix:${sealed.adminSocket}`, HOME: sealed.folder };
      const mended = spawnSync('sh', ['-c', jwt.mend.replaceAll('sudo ', '')], { env, encoding: 'utf8' });
      assert.equal(mended.status, 0, `${jwt.mend}: ${mended.stderr}`);
      const left = (await examine(there)).failed;
      assert.deepEqual(left.map((one) => one.check), ['secret', 'secret', 'secret'], JSON.stringify(left));
    } finally {
      await sealed.stop();
    }
  });

  test('a daemon that drains', async () => {
    await ctl.ok('drain', '--yes');
    assert.equal((await oneFault(11, ctl)).mend, 'chatctl drain --off');
    await ctl.ok('drain', '--off');
  });
});
