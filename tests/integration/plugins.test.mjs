// Foreign plugins in a running daemon: whatever one of them does, another app is served as ever; operators see and change
// plugins while the daemon runs.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdirSync, readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { ChatClient } from '../support/chat_client.mjs';
import { CHATCTL, CHATD, Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { run } from '../support/run.mjs';
import { until } from '../support/wait.mjs';

const BUILT = resolve(CHATD, '../../test-plugins');

/** Puts a plugin of the build into a folder, as a package manager does. */
function put(folder, from, name) {
  copyFileSync(join(BUILT, `${from}.so`), join(folder, `${name}.next`));
  chmodSync(join(folder, `${name}.next`), 0o644);
  renameSync(join(folder, `${name}.next`), join(folder, `${name}.so`));
}

/** The host processes of this daemon. */
function hostProcesses(pid) {
  return readdirSync('/proc').filter((entry) => /^\d+$/.test(entry)).filter((entry) => {
    try {
      const status = readFileSync(`/proc/${entry}/status`, 'utf8');
      return status.includes(`\nPPid:\t${pid}\n`) && status.startsWith('Name:\tchatd-plugin-ho');
    } catch {
      return false; // it has ended meanwhile
    }
  });
}

describe('foreign plugins', () => {
  let folder;
  let chatd;
  const evilApp = (config = {}, more = {}) => TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'evil', config, cacheTtlMs: 0, timeoutMs: 2000, ...more }] });
  const ask = async (app, token) => {
    const answer = await chatd.rest('GET', '/auth/verify', { token, headers: { 'X-Chat-App': String(app.id) } });
    return answer.status === 200 ? 'allow' : `${answer.status} ${answer.body.code}`;
  };

  before(async () => {
    folder = temporaryFolder('plugins');
    const plugins = join(folder, 'plugins');
    mkdirSync(plugins, { mode: 0o755 });
    for (const name of ['evil', 'evil-peer', 'wrong-abi']) put(plugins, name, name);
    chatd = await Chatd.start({ env: { CHATD_PLUGINS__PATHS: `[${plugins}]` } });
  });
  after(async () => {
    const pid = chatd.pid;
    await chatd.stop();
    assert.deepEqual(hostProcesses(pid), []);
    removeFolder(folder);
  });

  test('a user comes in by a foreign plugin and chats', async () => {
    const app = await evilApp();
    const client = await ChatClient.connect(chatd.url, { auth: { token: 'ok:ann', app: app.name } });
    await app.room('hall', 'group', ['ann']);
    assert.equal((await client.ask('join', 'hall')).ok, true);
    client.close();
    assert.ok(hostProcesses(chatd.pid).length >= 1);
  });

  test('while one app’s plugin does all that a plugin must not, another app sees no error and no delay', async () => {
    const evil = await evilApp();
    const good = await evilApp();
    assert.equal(await ask(good, 'ok:warm'), 'allow');
    const measure = async (ms) => {
      const times = [];
      const end = Date.now() + ms;
      let errors = 0;
      while (Date.now() < end) {
        const began = process.hrtime.bigint();
        if ((await ask(good, `ok:u${times.length % 50}`)) !== 'allow') errors++;
        times.push(Number(process.hrtime.bigint() - began) / 1e6);
      }
      times.sort((a, b) => a - b);
      return { errors, count: times.length, p99: times[Math.floor(times.length * 0.99)] };
    };
    const quiet = await measure(2000);
    let stop = false;
    let answers = 0;
    const torment = (async () => {
      const deeds = ['crash', 'throw', 'exit', 'wild', 'garbage', 'double:x', 'never', 'hang', 'closefds', 'fork', 'spam', 'late:3000:x', 'foreign'];
      for (let i = 0; !stop; i++) {
        await Promise.all([ask(evil, deeds[i % deeds.length]), ask(evil, `${deeds[(i + 1) % deeds.length]}`), ask(evil, `ok:${i}`)]);
        answers++;
      }
    })();
    const loud = await measure(10_000);
    stop = true;
    await torment;
    console.log(`other app: quiet ${quiet.count} in 2 s, p99 ${quiet.p99.toFixed(1)} ms; during ${loud.count} in 10 s, p99 ${loud.p99.toFixed(1)} ms`);
    assert.ok(answers > 0);
    assert.equal(quiet.errors + loud.errors, 0);
    assert.ok(loud.p99 < Math.max(2 * quiet.p99, 50), `${loud.p99} ms against ${quiet.p99} ms`);
    assert.match(chatd.readLog(), /its process was killed by signal 6/);
  });

  test('a configuration that the plugin refuses changes nothing, and the admin reads why', async () => {
    const app = await evilApp();
    const answer = await chatd.admin('PATCH', `/app/${app.id}`, { body: { verifiers: [{ plugin: 'evil', config: { refuse: 'not on Sundays' } }] } });
    assert.equal(answer.status, 422);
    assert.deepEqual(answer.body.errors, [{ field: 'verifiers[0].config', detail: 'not on Sundays' }]);
    assert.equal(await ask(app, 'ok:ann'), 'allow');
    for (const [plugin, word] of [['nothing', 'there is no plugin'], ['wrong-abi', 'another ABI']]) {
      const refused = await chatd.admin('PATCH', `/app/${app.id}`, { body: { verifiers: [{ plugin, config: {} }] } });
      assert.equal(refused.status, 422);
      assert.ok(refused.text.includes(word), refused.text);
    }
  });

  test('a plugin replaced on disk and reloaded under load: no session lost, no verification failed', async () => {
    put(join(folder, 'plugins'), 'evil', 'changing');
    const app = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'changing', config: {}, cacheTtlMs: 0 }] });
    const client = await ChatClient.connect(chatd.url, { auth: { token: 'ok:ann', app: app.name } });
    let failed = 0;
    let asked = 0;
    let stop = false;
    const load = Array.from({ length: 4 }, async (_, i) => {
      while (!stop) {
        if ((await ask(app, `ok:u${i}`)) !== 'allow') failed++;
        asked++;
      }
    });
    await until('the load has begun', () => asked > 20);
    put(join(folder, 'plugins'), 'evil2', 'changing');
    const reloaded = await chatd.must('POST', '/plugin/changing/reload');
    assert.deepEqual(reloaded, { replaced: 1 });
    const before = asked;
    await until('it went on', () => asked > before + 50);
    stop = true;
    await Promise.all(load);
    assert.equal(failed, 0);
    assert.equal(client.socket.connected, true);
    await app.room('still', 'group', ['ann']);
    assert.equal((await client.ask('join', 'still')).ok, true);
    client.close();
    const steps = await chatd.must('POST', `/app/${app.id}/verify-test`, { token: 'version' });
    assert.equal(steps.steps[0].appUserId, 'version-2');
  });

  test('operators see what there is and how it does, and nobody else may', async () => {
    const app = await evilApp({ sick: 'no backend' });
    await ask(app, 'ok:ann');
    const { items } = await chatd.must('GET', '/plugin');
    const names = items.map((plugin) => plugin.name);
    for (const name of ['allow', 'deny', 'evil', 'hmac', 'http', 'introspect', 'jwt', 'static', 'wrong-abi']) assert.ok(names.includes(name), name);
    const shown = await chatd.must('GET', '/plugin/evil');
    assert.deepEqual([shown.id, shown.version, shown.bundled, shown.fault], ['org.example.evil', '1', false, null]);
    assert.equal(shown.schema.type, 'object');
    const listed = items.find((plugin) => plugin.name === 'evil');
    assert.deepEqual([listed.title, listed.version, listed.confined], ['Evil', '1', true]);
    assert.match((await chatd.must('GET', '/plugin/wrong-abi')).fault, /another ABI/);
    assert.equal((await chatd.admin('GET', '/plugin/nothing')).status, 404);
    const health = await chatd.must('GET', '/plugin/evil/health');
    assert.deepEqual(health.items.filter((one) => one.appId === app.id).map((one) => [one.healthy, one.fault]), [[false, 'no backend']]);
    assert.equal((await chatd.admin('POST', '/plugin/evil/check', { body: { config: {} } })).status, 204);
    assert.equal((await chatd.admin('POST', '/plugin/evil/check', { body: { config: { refuse: 'no' } } })).status, 422);
    for (const path of ['/plugin', '/plugin/evil', '/plugin/evil/health']) assert.equal((await app.rest('GET', path)).status, 403, path);
  });

  test('what the schema of a plugin calls writeOnly is listed nowhere, also after a restart, and apply knows no difference', async () => {
    const config = { harmless: 'a-secret-of-the-test', url: 'https://u:pass-of-the-test@h.example/?k=query-of-the-test', number: 5 };
    const app = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'evil', config }] });
    const masked = { harmless: '***', url: 'https://***@h.example/?k=***', number: 5 };
    const file = join(folder, 'declared.json');
    const declared = (with_) => writeFileSync(file, JSON.stringify({ apps: [{ name: app.name, verifiers: [{ plugin: 'evil', config: { ...config, ...with_ } }] }] }));
    const ctl = (...args) => run(CHATCTL, ['--server', `unix:${chatd.adminSocket}`, ...args]);
    for (const again of [false, true]) {
      if (again) {
        await chatd.terminate();
        await chatd.launch();
      }
      assert.deepEqual((await chatd.must('GET', `/app/${app.id}`)).verifiers[0].config, masked);
      declared({});
      assert.equal((await ctl('diff', '-f', file)).code, 0);
    }
    for (const change of [{ harmless: 'another-of-the-test' }, { url: config.url.replace('query', 'another') }, { url: 'https://other.example/?k=query-of-the-test' }]) {
      declared(change);
      const told = await ctl('diff', '-f', file);
      assert.equal(told.code, 10, told.err);
      assert.equal(/-of-the-test/.test(told.out + told.err), false, told.out + told.err);
      assert.equal((await ctl('apply', '-f', file)).code, 0);
      assert.equal((await ctl('diff', '-f', file)).code, 0);
    }
    assert.equal(/-of-the-test/.test(chatd.readLog()), false);
    const back = await chatd.admin('PATCH', `/app/${app.id}`, { body: { verifiers: [{ plugin: 'evil', config: masked }] } });
    assert.equal(back.status, 422);
    assert.match(back.text, /has \*\*\* where a secret belongs/);
  });

  test('a kernel without Landlock is told at the start, once, and shown with the plugin', async () => {
    const old = await Chatd.start({ env: chatd.env, wrap: ['python3', fileURLToPath(new URL('../support/without_landlock.py', import.meta.url))] });
    try {
      const said = () => (old.readLog().match(/this kernel has no Landlock/g) ?? []).length;
      assert.equal(said(), 1);
      assert.equal((await old.must('GET', '/plugin/evil')).confined, false);
      const app = await TestApp.create(old, undefined, { verifiers: [{ plugin: 'evil', config: {} }] });
      assert.equal((await old.must('POST', `/app/${app.id}/verify-test`, { token: 'ok:ann' })).verdict, 'allow');
      assert.equal((await old.must('GET', '/plugin/evil/health')).items[0].confined, false);
      assert.equal(said(), 1);
    } finally {
      await old.stop();
    }
    assert.equal(/Landlock/.test(chatd.readLog()), false);
  });

  test('verify-test says which verifier said what, without making a user', async () => {
    const app = await TestApp.create(chatd, undefined, {
      verifiers: [{ plugin: 'evil', config: {}, cacheTtlMs: 60_000 }, { plugin: 'allow', config: { prefix: 'guest-' } }],
    });
    const trace = async (token) => (await chatd.must('POST', `/app/${app.id}/verify-test`, { token }));
    const steps = (answer) => answer.steps.map((step) => `${step.plugin} ${step.verdict}${step.cached ? ' cached' : ''}${step.appUserId ? ` ${step.appUserId}` : ''}`);
    assert.deepEqual(steps(await trace('ok:new-one')), ['evil allow new-one']);
    assert.deepEqual(steps(await trace('zoe')), ['evil defer', 'allow allow guest-zoe']);
    const unavailable = await trace('unavailable');
    assert.equal(unavailable.verdict, 'unavailable');
    assert.equal(unavailable.steps[0].detail, 'as asked');
    assert.equal((await app.must('GET', '/user?appUserId=new-one')).items.length, 0);
    const user = await app.user('registered-one');
    assert.deepEqual(steps(await trace(user.token)), ['registered allow registered-one']);
    await ask(app, 'defer-me');
    assert.equal((await app.rest('POST', `/app/${app.id}/verify-test`, { token: 'x' })).status, 403);
  });

  test('an operator may run a foreign plugin inside the daemon', async () => {
    const app = await evilApp({}, { isolation: 'inline' });
    const before = hostProcesses(chatd.pid).length;
    assert.equal(await ask(app, 'ok:ann'), 'allow');
    assert.ok(hostProcesses(chatd.pid).length <= before);
  });

  test('metrics tell of each verifier what it said, how long it took, what the cache knew and how often it fell', async () => {
    const app = await evilApp({}, { cacheTtlMs: 60_000 });
    for (const token of ['ok:ann', 'deny', 'unavailable', 'defer', 'grants:1', 'grants:1', 'count:logins:2', 'count:logins:0.5', 'count:bad-name:1']) await ask(app, token);
    const metrics = async () => (await chatd.admin('GET', '/metrics')).text.split('\n').filter((line) => line.includes(`app="${app.id}"`));
    const lines = await metrics();
    const value = (series) => Number(lines.find((line) => line.startsWith(`${series} `))?.split(' ').at(-1));
    const labels = `app="${app.id}",verifier="evil"`;
    assert.equal(value(`chatd_verifier_verdicts_total{${labels},verdict="allow"}`), 5);
    assert.equal(value(`chatd_verifier_verdicts_total{${labels},verdict="deny"}`), 1);
    assert.equal(value(`chatd_verifier_verdicts_total{${labels},verdict="defer"}`), 1);
    assert.equal(value(`chatd_verifier_verdicts_total{${labels},verdict="unavailable"}`), 1);
    assert.equal(value(`chatd_verifier_seconds_count{${labels}}`), lines.filter((line) => line.startsWith('chatd_verifier_verdicts_total')).reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0));
    assert.equal(value(`chatd_verifier_cache_hits_total{${labels}}`), 1);
    const fragile = await evilApp({ crashEvery: 2 });
    for (const user of ['a', 'b', 'c']) assert.equal(await ask(fragile, `ok:${user}`), 'allow');
    assert.match((await chatd.admin('GET', '/metrics')).text, new RegExp(`^chatd_plugin_restarts_total\\{app="${fragile.id}",plugin="evil"\\} [12]$`, 'm'));
    assert.equal(value(`chatd_plugin_counts_total{app="${app.id}",plugin="evil",name="logins",labels="kind=test"}`), 2.5);
    assert.equal(lines.some((line) => line.includes('bad-name')), false);
    // However many names a plugin invents, there is a bound.
    for (let i = 0; i < 80; i++) await ask(app, `count:name_${i}:1`);
    const series = (await metrics()).filter((line) => line.startsWith('chatd_plugin_counts_total'));
    assert.ok(series.length <= 51, `${series.length} series`);
    assert.ok(series.some((line) => line.includes('name="other"')));
  });

  for (const isolation of ['process', 'inline']) {
    test(`a plugin that can be reconfigured goes on with what it knows, or as it was (${isolation})`, async () => {
      const app = await evilApp({ suffix: '-one' }, { isolation });
      const age = async () => (await chatd.must('POST', `/app/${app.id}/verify-test`, { token: 'age' })).steps[0].appUserId;
      const patch = (config) => chatd.admin('PATCH', `/app/${app.id}`, { body: { verifiers: [{ plugin: 'evil', config, cacheTtlMs: 0, timeoutMs: 2000, isolation }] } });
      assert.equal(await age(), 'age-1-one');
      assert.equal((await patch({ suffix: '-two' })).status, 200);
      assert.equal(await age(), 'age-2-two');
      const refused = await patch({ suffix: '-three', refuseChange: 'not while I am busy' });
      assert.equal(refused.status, 422);
      assert.deepEqual(refused.body.errors, [{ field: 'verifiers[0].config', detail: 'not while I am busy' }]);
      assert.equal(await age(), 'age-3-two');
      // A dry run changes nothing.
      assert.equal((await chatd.admin('PATCH', `/app/${app.id}?dryRun=true`, { body: { verifiers: [{ plugin: 'evil', config: { suffix: '-dry' }, isolation }] } })).status, 202);
      assert.equal(await age(), 'age-4-two');
      if (isolation === 'inline') return;
      const crashed = await patch({ suffix: '-four', crashOnChange: true });
      assert.equal(crashed.status, 422);
      assert.match(crashed.text, /ended while it was given the configuration/);
      assert.equal(await age(), 'age-1-two');
      // What it was given holds in the next process too.
      assert.equal((await patch({ suffix: '-five' })).status, 200);
      assert.equal(await ask(app, 'exit'), '503 verifier_unavailable');
      assert.match(await age(), /^age-\d-five$/);
    });
  }

  test('chatctl knows plugins', async () => {
    const chatctl = (...words) => run(CHATCTL, ['--server', `unix:${chatd.adminSocket}`, ...words]);
    const listed = await chatctl('plugin', 'list', '-o', 'name');
    assert.equal(listed.code, 0, listed.err);
    assert.ok(listed.out.split('\n').includes('evil'), listed.out);
    assert.equal((await chatctl('plugin', 'show', 'jwt', '-o', 'json')).code, 0);
    assert.equal((await chatctl('plugin', 'show', 'nothing')).code, 3);
    assert.equal((await chatctl('plugin', 'check', 'evil', '--config', '{"refuse":"no"}')).code, 7);
    assert.equal((await chatctl('plugin', 'check', 'evil')).code, 0);
    assert.equal((await chatctl('plugin', 'reload', 'evil-peer')).code, 0);
  });
});
