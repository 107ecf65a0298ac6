// Accounts, apps and keys: who may do what (CONTRACT 2).
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, test } from 'node:test';

import { Chatd, TestApp } from '../support/chatd.mjs';

const unique = (name) => `${name}-${randomBytes(4).toString('hex')}`;
const PASSWORD = 'correct horse battery staple';

describe('accounts, apps and keys', () => {
  let chatd;

  before(async () => { chatd = await Chatd.start(); });
  after(() => chatd.stop());

  const admin = (method, path, body) => chatd.admin(method, path, { body });
  const as = (token) => (method, path, body) => chatd.rest(method, path, { token, body });

  async function account(role, appIds) {
    const login = unique(role);
    const registered = await admin('POST', '/auth/register', { login, password: PASSWORD, role, ...(appIds ? { appIds } : {}) });
    assert.equal(registered.status, 201, registered.text);
    const { body } = await chatd.rest('POST', '/auth/login', { body: { login, password: PASSWORD } });
    return { login, id: registered.body.id, token: body.token, call: as(body.token), answer: body };
  }

  test('login answers a token, its expiry and the account; verify knows it, logout ends it', async () => {
    const operator = await account('operator');
    assert.ok(new Date(operator.answer.expiresAt) > new Date());
    assert.equal(operator.answer.account.login, operator.login);
    const verified = await operator.call('GET', '/auth/verify');
    assert.equal(verified.status, 200);
    assert.equal(verified.body.kind, 'account');
    assert.equal(verified.body.role, 'operator');
    assert.equal((await operator.call('POST', '/auth/logout')).status, 204);
    assert.equal((await operator.call('GET', '/auth/verify')).status, 401);
  });

  test('a wrong password and an unknown login answer the same', async () => {
    const operator = await account('operator');
    const answers = [];
    for (const login of [operator.login, unique('nobody')]) answers.push(await chatd.rest('POST', '/auth/login', { body: { login, password: 'wrong' } }));
    for (const answer of answers) {
      assert.equal(answer.status, 401);
      delete answer.body.requestId;
    }
    assert.deepEqual(answers[0].body, answers[1].body);
  });

  test('the sixth failed login in a minute is 429, for that account only', async () => {
    const [one, other] = [await account('operator'), await account('operator')];
    const statuses = [];
    for (let i = 0; i < 8; ++i) statuses.push((await chatd.rest('POST', '/auth/login', { body: { login: one.login, password: 'wrong' } })).status);
    assert.equal(statuses[0], 401);
    assert.equal(statuses.at(-1), 429);
    const refused = await chatd.rest('POST', '/auth/login', { body: { login: one.login, password: PASSWORD } });
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers['retry-after']) > 0);
    assert.equal((await chatd.rest('POST', '/auth/login', { body: { login: other.login, password: PASSWORD } })).status, 200);
  });

  test('a login that is taken is 409, and only operators register', async () => {
    const operator = await account('operator');
    assert.equal((await admin('POST', '/auth/register', { login: operator.login, password: PASSWORD, role: 'operator' })).status, 409);
    const app = await TestApp.create(chatd);
    const owner = await account('owner', [app.id]);
    for (const call of [owner.call, as(app.key)]) {
      assert.equal((await call('POST', '/auth/register', { login: unique('x'), password: PASSWORD, role: 'operator' })).status, 403);
    }
    assert.equal((await operator.call('GET', '/account')).status, 200);
    assert.equal((await owner.call('GET', '/account')).status, 403);
  });

  test('a deleted account is out at once', async () => {
    const operator = await account('operator');
    assert.equal((await admin('DELETE', `/account/${operator.id}`)).status, 204);
    assert.equal((await operator.call('GET', '/auth/verify')).status, 401);
  });

  test('no account list shows a password or a hash', async () => {
    await account('operator');
    const { text } = await admin('GET', '/account');
    assert.ok(!/password|argon|hash/i.test(text), text.slice(0, 300));
  });

  test('an app is made with its secrets, shown once', async () => {
    const name = unique('app');
    const made = await admin('POST', '/app', { name });
    assert.equal(made.status, 201);
    assert.equal(made.body.name, name);
    assert.match(made.body.apiKey, /^ck_/);
    assert.equal(typeof made.body.login.login, 'string');
    const { body: session } = await chatd.rest('POST', '/auth/login', { body: made.body.login });
    assert.equal((await as(session.token)('GET', `/app/${made.body.appId}`)).status, 200);
    for (const path of [`/app/${made.body.appId}`, '/app', `/app/${made.body.appId}/keys`]) {
      const { text } = await admin('GET', path);
      assert.ok(!text.includes(made.body.apiKey) && !text.includes(made.body.login.password), path);
    }
    assert.equal((await admin('POST', '/app', { name })).status, 409);
  });

  test('names that are none are 422', async () => {
    for (const name of ['', '123', 'a/b', 'x'.repeat(129), 'a\nb', 7, null]) {
      assert.equal((await admin('POST', '/app', { name })).status, 422, JSON.stringify(name));
    }
    assert.equal((await admin('POST', '/app', {})).status, 422);
    assert.equal((await admin('POST', '/app', { name: unique('grüße 😀') })).status, 201);
  });

  test('an app key sees its own app only, and may change settings only', async () => {
    const [mine, other] = [await TestApp.create(chatd), await TestApp.create(chatd)];
    const own = await mine.rest('GET', '/app');
    assert.deepEqual(own.body.items.map((app) => app.appId), [mine.id]);
    assert.equal((await mine.rest('GET', `/app/${mine.id}`)).status, 200);
    assert.equal((await mine.rest('GET', `/app/${other.id}`)).status, 404);
    assert.equal((await mine.rest('PATCH', `/app/${mine.id}`, { settings: { autoCreateUsers: false } })).status, 200);
    assert.equal((await mine.rest('GET', `/app/${mine.id}`)).body.settings.autoCreateUsers, false);
    await admin('PATCH', `/app/${mine.id}`, { tokenVerificationUrl: 'https://example.org/mine' });
    for (const change of [{ tokenVerificationUrl: 'https://example.org/' }, { tokenVerificationUrl: null }, { verifiers: [] }, { settings: { allowPrivateNetworks: true } }]) {
      assert.equal((await mine.rest('PATCH', `/app/${mine.id}`, change)).status, 403, JSON.stringify(change));
    }
    assert.equal((await mine.rest('POST', '/app', { name: unique('x') })).status, 403);
    assert.equal((await mine.rest('DELETE', `/app/${mine.id}`)).status, 403);
  });

  test('an owner sees the listed apps only', async () => {
    const [mine, other] = [await TestApp.create(chatd), await TestApp.create(chatd)];
    const owner = await account('owner', [mine.id]);
    assert.deepEqual((await owner.call('GET', '/app')).body.items.map((app) => app.appId), [mine.id]);
    assert.equal((await owner.call('GET', `/app/${other.id}`)).status, 404);
    assert.equal((await owner.call('GET', `/user?appId=${mine.id}`)).status, 200);
    assert.equal((await owner.call('GET', `/user?appId=${other.id}`)).status, 404);
    assert.equal((await owner.call('PATCH', `/app/${mine.id}`, { tokenVerificationUrl: 'https://example.org/verify' })).status, 200);
    assert.equal((await owner.call('DELETE', `/app/${mine.id}`)).status, 403);
  });

  test('a rotated key works beside the old one for its grace, a revoked one at once no more', async () => {
    const app = await TestApp.create(chatd);
    const rotated = await admin('POST', `/app/${app.id}/keys`, { graceSeconds: 60 });
    assert.ok([200, 201].includes(rotated.status), rotated.text);
    const fresh = as(rotated.body.apiKey);
    assert.equal((await fresh('GET', '/user')).status, 200);
    assert.equal((await app.rest('GET', '/user')).status, 200);
    const { body } = await admin('GET', `/app/${app.id}/keys`);
    assert.equal(body.items.length, 2);
    for (const { id } of body.items) assert.equal((await admin('DELETE', `/app/${app.id}/keys/${id}`)).status, 204);
    assert.equal((await fresh('GET', '/user')).status, 401);
    assert.equal((await app.rest('GET', '/user')).status, 401);
  });

  test('a rotated key without grace ends the old one at once', async () => {
    const app = await TestApp.create(chatd);
    await admin('POST', `/app/${app.id}/keys`, { graceSeconds: 0 });
    assert.equal((await app.rest('GET', '/user')).status, 401);
  });

  test('the peer on the admin socket is an operator without a token; over TCP nobody is', async () => {
    assert.equal((await admin('GET', '/app')).status, 200);
    assert.equal((await chatd.rest('GET', '/app')).status, 401);
  });
});
