// Verification URLs that lead to where they must not: loopback, private nets and metadata services in every spelling, and by a
// redirect. Refused, and nothing is connected to, unless the app may reach private networks; metadata never.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Chatd, TestApp } from '../support/chatd.mjs';
import { VerifierServer } from '../support/verifier.mjs';

describe('addresses of verification URLs', () => {
  let chatd;
  let server;
  before(async () => {
    server = await VerifierServer.start();
    server.answer = () => ({ status: 200, body: { id: 'inside' } });
    chatd = await Chatd.start();
  });
  after(async () => {
    await chatd.stop();
    await server.stop();
  });

  const port = () => new URL(server.url).port;
  const appFor = (url, allowed) => TestApp.create(chatd, undefined, {
    verifiers: [{ plugin: 'http', config: { url }, cacheTtlMs: 0, timeoutMs: 2000 }], settings: { allowPrivateNetworks: allowed },
  });
  const ask = async (app, token = 'some-token') => (await chatd.rest('GET', '/auth/verify', { token, headers: { 'X-Chat-App': String(app.id) } })).status;

  const LOOPBACK = ['127.0.0.1', '127.1', '2130706433', '0x7f000001', '0x7f.1', '017700000001', '0177.0.0.1', 'localhost', '[::1]', '[::ffff:127.0.0.1]',
    '[::ffff:7f00:1]', '[0:0:0:0:0:ffff:7f00:0001]', '[64:ff9b::7f00:1]', '0.0.0.0', '[::]', 'LOCALHOST'];
  const METADATA = ['169.254.169.254', '2852039166', '0xa9fea9fe', '0251.0376.0251.0376', '[::ffff:169.254.169.254]', '[::ffff:a9fe:a9fe]', '[fd00:ec2::254]', '100.100.100.200'];

  for (const host of LOOPBACK) {
    test(`http://${host}/ is refused where private networks are not allowed`, async () => {
      const before = server.requests.length;
      assert.equal(await ask(await appFor(`http://${host}:${port()}/verify`, false)), 503);
      assert.equal(server.requests.length, before);
    });
  }

  for (const host of METADATA) {
    test(`http://${host}/ is refused even where they are`, async () => {
      assert.equal(await ask(await appFor(`http://${host}/latest/meta-data`, true)), 503);
      assert.match(chatd.readLog(), /may not be called/);
    });
  }

  test('a redirect is not followed', async () => {
    const app = await appFor(server.url, true);
    server.answer = () => ({ status: 302, headers: { Location: `http://127.0.0.1:${port()}/elsewhere` } });
    const before = server.requests.length;
    assert.equal(await ask(app), 503);
    assert.equal(server.requests.length, before + 1);
    server.answer = () => ({ status: 200, body: { id: 'inside' } });
  });

  test('an app that may reach private networks does', async () => {
    assert.equal(await ask(await appFor(server.url, true)), 200);
  });

  test('owners and app keys may not allow private networks', async () => {
    const app = await appFor('https://verifier.example/', false);
    const answer = await app.rest('PATCH', `/app/${app.id}`, { settings: { allowPrivateNetworks: true } });
    assert.equal(answer.status, 403, answer.text);
  });
});
