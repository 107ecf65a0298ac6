// A verification URL whose name has another address at every look-up (DNS rebinding). In a network namespace with a name
// server of the test's own and a "public" address on its loopback device: what is judged is what is connected to.
import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

const PUBLIC = '93.184.216.34';
const PORT = 8080;
const HELPER = resolve(fileURLToPath(new URL('../support/netns_helper.mjs', import.meta.url)));
const mayHaveNamespaces = spawnSync('unshare', ['-n', '-m', 'ip', 'link', 'set', 'lo', 'up']).status === 0;

describe('a name whose address changes', { skip: mayHaveNamespaces ? false : 'network namespaces need root and iproute2' }, () => {
  let folder;
  let chatd;
  let helper;
  const heard = [];
  const reached = (address) => heard.filter((line) => line.reached === address).length;

  before(async () => {
    folder = temporaryFolder('rebinding');
    writeFileSync(join(folder, 'resolv.conf'), 'nameserver 127.0.0.1\noptions timeout:1 attempts:1\n');
    writeFileSync(join(folder, 'nsswitch.conf'), 'hosts: files dns\n');
    const script = `ip link set lo up && ip address add ${PUBLIC}/32 dev lo && mount --bind ${folder}/resolv.conf /etc/resolv.conf && mount --bind ${folder}/nsswitch.conf /etc/nsswitch.conf && exec "$@"`;
    // The namespace is not reached by TCP from outside, but the admin socket is a file.
    chatd = await Chatd.start({ wrap: ['unshare', '-n', '-m', 'sh', '-c', script, 'sh'] });
    helper = spawn('nsenter', ['-t', String(chatd.pid), '-n', process.execPath, HELPER, String(PORT), PUBLIC, '127.0.0.1', '127.0.0.2'], { stdio: ['pipe', 'pipe', 'inherit'] });
    createInterface({ input: helper.stdout }).on('line', (line) => heard.push(JSON.parse(line)));
    await until('the name server', () => heard.includes('ready'));
  });
  after(async () => {
    helper?.stdin.end();
    await chatd?.stop();
    if (folder) removeFolder(folder);
  });

  const names = async (...addresses) => {
    const mark = heard.length;
    helper.stdin.write(`${JSON.stringify({ addresses })}\n`);
    await until('the new address', () => heard.slice(mark).some((line) => line.set));
  };
  const appFor = async (allowed) => {
    const made = await TestApp.create(chatd, undefined, {
      verifiers: [{ plugin: 'http', config: { url: `http://rebind.example:${PORT}/verify` }, cacheTtlMs: 0, timeoutMs: 3000 }], settings: { allowPrivateNetworks: allowed },
    });
    return async (token) => (await chatd.must('POST', `/app/${made.id}/verify-test`, { token })).steps[0];
  };

  test('is called while it is public, refused once it is not, and called again', async () => {
    const ask = await appFor(false);
    await names(PUBLIC);
    assert.equal((await ask('one')).verdict, 'allow');
    assert.equal(reached(PUBLIC), 1);
    for (const inside of ['127.0.0.1', '127.0.0.2', '10.0.0.1', '169.254.169.254']) {
      await names(inside);
      const step = await ask(`to-${inside}`);
      assert.equal(step.verdict, 'unavailable');
      assert.match(step.detail, /may not be called/);
    }
    assert.equal(reached('127.0.0.1') + reached('127.0.0.2'), 0);
    await names(PUBLIC);
    assert.equal((await ask('again')).verdict, 'allow');
    assert.equal(reached(PUBLIC), 2);
  });

  test('with a public and a private address only the public one is called', async () => {
    const ask = await appFor(false);
    const before = reached(PUBLIC);
    for (const order of [['127.0.0.1', PUBLIC], [PUBLIC, '127.0.0.1']]) {
      await names(...order);
      assert.equal((await ask(order.join())).verdict, 'allow');
    }
    assert.equal(reached(PUBLIC), before + 2);
    assert.equal(reached('127.0.0.1'), 0);
  });

  test('an app that may reach private networks does, but never a metadata service', async () => {
    const ask = await appFor(true);
    await names('127.0.0.1');
    assert.equal((await ask('inside')).verdict, 'allow');
    assert.equal(reached('127.0.0.1'), 1);
    await names('169.254.169.254');
    assert.match((await ask('metadata')).detail, /may not be called/);
  });
});
