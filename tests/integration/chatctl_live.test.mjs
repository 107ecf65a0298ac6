// tail, watch stats and doctor against real daemons, whole ones and broken ones.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Chatctl } from '../support/chatctl.mjs';
import { CHATCTL, Chatd, cleanEnvironment, removeFolder, temporaryFolder } from '../support/chatd.mjs';
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

  /** A server that answers every path well, but for what the test has it answer, with headers of the test's. */
  async function fake(create, headers, use, answer = () => undefined) {
    const server = create((request, response) => {
      const [status, body] = answer(request) ?? [200, { status: 'ok' }];
      response.writeHead(status, { 'Content-Type': 'application/json', ...headers });
      response.end(JSON.stringify(body));
    });
    await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
    try {
      return await use(server.address().port);
    } finally {
      server.closeAllConnections();
      server.close();
    }
  }

  test('a well daemon has no fault', async () => {
    const { code, failed } = await examine(ctl);
    assert.deepEqual(failed, []);
    assert.equal(code, 0);
    assert.match(await ctl.ok('doctor'), /^ok +server/m);
  });

  test('no daemon', async () => {
    const socket = await oneFault(8, ctl.with({ CHATCTL_SERVER: `unix:${chatd.folder}/none.sock` }));
    assert.match(socket.detail, /no daemon: there is no socket/);
    assert.match(socket.mend, /systemctl start chatd/);
    const port = await oneFault(8, ctl.with({ CHATCTL_SERVER: 'http://127.0.0.1:1' }));
    assert.match(port.detail, /refused/);
  });

  test('a wrong token, and none', async () => {
    const wrong = await oneFault(4, ctl.with({ CHATCTL_SERVER: chatd.url, CHATCTL_TOKEN: `ca_${'x'.repeat(43)}` }));
    assert.match(wrong.detail, /wrong token/);
    assert.equal(wrong.mend, `chatctl login --server ${chatd.url}`);
    assert.match((await oneFault(4, ctl.with({ CHATCTL_SERVER: chatd.url }))).detail, /no token/);
  });

  test('an expired certificate', async () => {
    const folder = temporaryFolder('tls');
    try {
      const made = spawnSync('sh', ['-ec', `openssl genpkey -algorithm ed25519 -out key.pem
        openssl req -new -key key.pem -subj /CN=127.0.0.1 -out request.pem
        mkdir ca && : > index.txt && echo 01 > serial
        printf '[ca]\\ndefault_ca=d\\n[d]\\ndatabase=index.txt\\nserial=serial\\nnew_certs_dir=ca\\npolicy=p\\ndefault_md=default\\n[p]\\ncommonName=supplied\\n' > ca.conf
        openssl ca -batch -selfsign -config ca.conf -keyfile key.pem -in request.pem -out cert.pem -startdate 20200101000000Z -enddate 20210101000000Z -notext`],
      { cwd: folder, encoding: 'utf8' });
      assert.equal(made.status, 0, made.stderr);
      const { readFileSync } = await import('node:fs');
      const options = { key: readFileSync(join(folder, 'key.pem')), cert: readFileSync(join(folder, 'cert.pem')) };
      await fake((handler) => createTlsServer(options, handler), {}, async (port) => {
        const fault = await oneFault(11, ctl.with({ CHATCTL_SERVER: `https://127.0.0.1:${port}` }));
        assert.match(fault.detail, /certificate of 127\.0\.0\.1 has expired \d+ days ago/);
        assert.match(fault.mend, /renew.*reload/);
      });
    } finally {
      removeFolder(folder);
    }
  });

  test('a clock that is ten minutes off', async () => {
    const date = new Date(Date.now() - 600_000).toUTCString();
    await fake(createServer, { Date: date }, async (port) => {
      const { failed } = await examine(ctl.with({ CHATCTL_SERVER: `http://127.0.0.1:${port}` }));
      const fault = failed.find((finding) => finding.check === 'clock');
      assert.match(fault.detail, /the server's is (10 min|9 min 59 s).* behind/);
      assert.match(fault.mend, /timedatectl set-ntp true/);
    });
  });

  test('an unwritable data directory', async () => {
    const file = join(chatd.folder, 'no-folder');
    writeFileSync(file, '');
    const fault = await oneFault(11, ctl, '--data-dir', file);
    assert.match(fault.detail, /cannot write its data directory .*no-folder: it is no folder/);
    assert.match(fault.mend, /sudo install -d/);
    const config = join(chatd.folder, 'chatd.yaml');
    writeFileSync(config, 'data_dir: /proc/chatd-data\n');
    assert.match((await oneFault(11, ctl, '--config', config)).detail, /\/proc\/chatd-data/);
    const good = join(chatd.folder, 'good');
    mkdirSync(good);
    assert.deepEqual((await examine(ctl, '--data-dir', good)).failed, []);
  });

  test('the database is down', async () => {
    await fake(createServer, {}, async (port) => {
      const fault = await oneFault(11, ctl.with({ CHATCTL_SERVER: `http://127.0.0.1:${port}` }));
      assert.equal(fault.check, 'database');
      assert.match(fault.detail, /the database is down.*connection refused/);
      assert.match(fault.mend, /systemctl status postgresql/);
    }, (request) => {
      if (request.url === '/readyz') return [503, { status: 'unready', reasons: ['store: connection refused'] }];
      return request.url.startsWith('/app') ? [200, { items: [], nextCursor: null }] : undefined;
    });
  });

  test('a plugin that fails', async () => {
    const app = { appId: 7, name: 'shop', verifiers: [{ plugin: 'lost', config: {} }] };
    await fake(createServer, {}, async (port) => {
      const fault = await oneFault(11, ctl.with({ CHATCTL_SERVER: `http://127.0.0.1:${port}` }));
      assert.equal(fault.check, 'plugin');
      assert.match(fault.detail, /a verifier of app shop fails: there is no plugin lost/);
      assert.match(fault.mend, /chatctl app update shop --verifiers/);
    }, (request) => {
      if (request.method === 'PATCH') return [422, { code: 'invalid', detail: 'there is no plugin lost' }];
      return request.url.startsWith('/app') ? [200, { items: [app], nextCursor: null }] : undefined;
    });
  });

  test('a daemon that drains', async () => {
    await ctl.ok('drain', '--yes');
    assert.equal((await oneFault(11, ctl)).mend, 'chatctl drain --off');
    await ctl.ok('drain', '--off');
  });
});
