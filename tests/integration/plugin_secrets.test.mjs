// Secrets for verifiers: named in the daemon's configuration, from files and the environment, each for one app or for all; never
// in a list, an error or a log.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { chmodSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import * as jose from 'jose';

import { CHATCTL, CHATD, Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { pluginFolder } from '../support/plugin_folder.mjs';
import { run } from '../support/run.mjs';
import { until } from '../support/wait.mjs';

describe('secrets for verifiers', () => {
  let folder;
  let chatd;
  const secret = randomBytes(32).toString('hex');

  before(async () => {
    folder = temporaryFolder('secrets');
    const plugins = pluginFolder(folder, 'evil');
    writeFileSync(join(folder, 'jwt'), `${secret}\n`, { mode: 0o600 });
    writeFileSync(join(folder, 'open'), 'everybody-reads-this', { mode: 0o644 });
    const secrets = [`shop/jwt=file:${folder}/jwt`, '*/pepper=env:PEPPER_OF_TESTS', `*/open=file:${folder}/open`, `*/turning=file:${folder}/turning`];
    writeFileSync(join(folder, 'turning'), 'not yet used', { mode: 0o600 });
    chatd = await Chatd.start({ env: { CHATD_PLUGINS__PATHS: `[${plugins}]`, CHATD_PLUGINS__SECRETS: JSON.stringify(secrets), PEPPER_OF_TESTS: 'black-pepper' } });
  });
  after(async () => {
    await chatd.stop();
    removeFolder(folder);
  });

  const trace = async (app, token) => (await chatd.must('POST', `/app/${app.id}/verify-test`, { token })).steps[0];

  test('jwt and hmac take their key by name, only in the app that it is for', async () => {
    const config = { keys: [{ alg: 'HS256', secretName: 'jwt' }] };
    const shop = await TestApp.create(chatd, 'shop', { verifiers: [{ plugin: 'jwt', config }] });
    const token = await new jose.SignJWT({ sub: 'ann', exp: Math.floor(Date.now() / 1000) + 60 }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(secret));
    assert.equal((await trace(shop, token)).verdict, 'allow');
    assert.equal((await trace(shop, `${token.slice(0, -4)}AAAA`)).verdict, 'deny');
    for (const [plugin, given] of [['jwt', config], ['hmac', { secretName: 'jwt' }]]) {
      const refused = await chatd.admin('POST', '/app', { body: { name: `thief-${plugin}`, verifiers: [{ plugin, config: given }] } });
      assert.equal(refused.status, 422);
      assert.match(refused.text, /no secret jwt for this app/);
    }
    assert.equal((await chatd.admin('PATCH', `/app/${shop.id}`, { body: { verifiers: [{ plugin: 'hmac', config: { secretName: 'jwt' } }] } })).status, 200);
  });

  test('a foreign plugin asks for them, in its process and inside the daemon', async () => {
    for (const isolation of ['process', 'inline']) {
      const app = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'evil', config: {}, isolation, cacheTtlMs: 0 }] });
      assert.equal((await trace(app, 'secret:pepper')).appUserId, 'got-black-pepper');
      for (const name of ['jwt', 'nothing', 'open']) assert.equal((await trace(app, `secret:${name}`)).appUserId, 'no-secret', name);
    }
  });

  test('one that cannot be used is told at the start, once, and where it is missed, with the reason', async () => {
    const said = () => chatd.readLog().match(/secret \*\/open: [^\n]*must not be open to others/g) ?? [];
    assert.equal(said().length, 1);
    const refused = await chatd.admin('POST', '/app', { body: { name: 'misses', verifiers: [{ plugin: 'hmac', config: { secretName: 'open' } }] } });
    assert.equal(refused.status, 422);
    assert.match(refused.text, /the secret open of plugins\.secrets cannot be used: must not be open to others/);
    assert.equal(refused.text.includes(folder), false);
    assert.equal(said().length, 1);
    const env = { CHATD_PLUGINS__SECRETS: JSON.stringify([`*/open=file:${folder}/open`, `*/none=file:${folder}/none`]) };
    const checked = await run(CHATD, ['--check-config', '--dev'], { env, cwd: folder });
    assert.equal(checked.code, 0);
    assert.match(checked.err, /warning: CHATD_PLUGINS__SECRETS: plugins\.secrets: secret \*\/open: .*must not be open/);
    assert.match(checked.err, /secret \*\/none: .*No such file/);
  });

  test('a changed file counts after a reload, for every kind of plugin, and what does not work leaves the old one', async () => {
    const file = join(folder, 'turning');
    const write = (text) => writeFileSync(file, text, { mode: 0o600 });
    const reload = () => chatd.must('POST', '/server/reload');
    const made = (key) => new jose.SignJWT({ sub: 'ann', exp: Math.floor(Date.now() / 1000) + 600 }).setProtectedHeader({ alg: 'HS256' }).sign(new TextEncoder().encode(key));
    const [first, second] = [randomBytes(32).toString('hex'), randomBytes(32).toString('hex')];
    write(first);
    const signed = await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'jwt', config: { keys: [{ alg: 'HS256', secretName: 'turning' }] } }] });
    const foreign = [];
    for (const isolation of ['process', 'inline']) {
      foreign.push(await TestApp.create(chatd, undefined, { verifiers: [{ plugin: 'evil', config: {}, isolation, cacheTtlMs: 0 }] }));
    }
    const enters = async (token) => (await chatd.rest('GET', `/auth/verify?app=${signed.name}`, { token })).status;
    const [old, fresh] = [await made(first), await made(second)];
    // Twice: the second answer is from the cache.
    for (const status of [200, 200]) assert.equal(await enters(old), status);
    for (const app of foreign) assert.equal((await trace(app, 'secret:turning')).appUserId, `got-${first}`);
    write(second);
    assert.equal(await enters(fresh), 401);
    await reload();
    await until('the new key lets in', async () => (await enters(fresh)) === 200);
    assert.equal(await enters(old), 401);
    for (const app of foreign) await until('the foreign plugin has it', async () => (await trace(app, 'secret:turning')).appUserId === `got-${second}`);

    write('too short for HS256');
    await reload();
    await until('the log says why not', () => /goes on with the secrets that it had: .*at least 32 bytes/.test(chatd.readLog()));
    assert.equal(await enters(fresh), 200);
    write(second);
    await reload();
    assert.equal(await enters(fresh), 200);

    chmodSync(file, 0o644);
    const { warnings } = await reload();
    assert.ok(warnings.some((text) => /turning.*must not be open/.test(text)), JSON.stringify(warnings));
    const told = await run(CHATCTL, ['reload'], { env: { CHATCTL_SERVER: `unix:${chatd.adminSocket}` } });
    assert.equal(told.code, 0, told.err);
    assert.match(told.err, /warning: .*turning.*must not be open/);
    assert.equal(await enters(fresh), 200);
    chmodSync(file, 0o600);
  });

  test('no value is shown by any call, nor logged', async () => {
    const shown = [chatd.readLog()];
    for (const path of ['/app', '/server', '/plugin', '/plugin/evil/health', '/metrics']) shown.push((await chatd.admin('GET', path)).text);
    for (const value of [secret, 'black-pepper', 'everybody-reads-this']) assert.equal(shown.join().includes(value), false);
  });
});
