// The bundled verifiers against real counterparts: tokens made by jose, a key server that rotates, fails and lies, an
// introspection server, and what must be refused whatever it says.
import assert from 'node:assert/strict';
import { createHmac, createHash, randomBytes } from 'node:crypto';
import http from 'node:http';
import { after, before, describe, test } from 'node:test';

import * as jose from 'jose';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';

const SECRET = randomBytes(64).toString('hex');
const HS = ['HS256', 'HS384', 'HS512'];
const PUBLIC = ['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'ES256', 'ES384', 'ES512', 'EdDSA'];

/** An HTTP server whose answers the test decides; counts what it is asked. */
class Server {
  static async start() {
    const server = new Server();
    server.requests = [];
    server.answers = {};
    server.http = http.createServer((request, response) => {
      const parts = [];
      request.on('data', (part) => parts.push(part));
      request.on('end', () => {
        const body = Buffer.concat(parts).toString();
        server.requests.push({ method: request.method, url: request.url, headers: request.headers, body });
        const answer = server.answers[request.url]?.(body, request) ?? { status: 404 };
        response.writeHead(answer.status ?? 200, { 'Content-Type': 'application/json', ...answer.headers });
        response.end(typeof answer.body === 'string' ? answer.body : JSON.stringify(answer.body ?? {}));
      });
    });
    await new Promise((ready) => server.http.listen(0, '127.0.0.1', ready));
    return server;
  }
  get url() { return `http://127.0.0.1:${this.http.address().port}`; }
  asked(path) { return this.requests.filter((request) => request.url === path).length; }
  async stop() {
    this.http.closeAllConnections();
    await new Promise((done) => this.http.close(done));
  }
}

const keyPairs = new Map();
async function keyPair(alg, kid = alg) {
  const name = `${alg}/${kid}`;
  if (!keyPairs.has(name)) {
    const pair = await jose.generateKeyPair(alg, { extractable: true });
    keyPairs.set(name, { ...pair, jwk: { ...(await jose.exportJWK(pair.publicKey)), kid, alg, use: 'sig' }, pem: await jose.exportSPKI(pair.publicKey) });
  }
  return keyPairs.get(name);
}

const soon = () => Math.floor(Date.now() / 1000) + 300;
const sign = (claims, key, header) => new jose.SignJWT({ sub: 'ann', exp: soon(), ...claims }).setProtectedHeader(header).sign(key);
const part = (value) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('bundled verifiers', () => {
  let chatd;
  let server;
  before(async () => {
    server = await Server.start();
    chatd = await Chatd.start();
  });
  after(async () => {
    await chatd.stop();
    await server.stop();
  });

  const appWith = (plugin, config, more = {}) => TestApp.create(chatd, undefined, { verifiers: [{ plugin, config, cacheTtlMs: 0, ...more }] });
  /** "allow USER" or "STATUS code". */
  const judged = async (app, token) => {
    const answer = await chatd.rest('GET', '/auth/verify', { token, headers: { 'X-Chat-App': String(app.id) } });
    if (answer.status !== 200) return `${answer.status} ${answer.body?.code ?? ''}`;
    const { body: user } = await app.rest('GET', `/user/${answer.body.subject}`);
    return `allow ${user?.items?.[0]?.appUserId ?? user?.appUserId ?? answer.body.subject}`;
  };
  const allowed = async (app, token, user = 'ann') => {
    const answer = await chatd.rest('GET', '/auth/verify', { token, headers: { 'X-Chat-App': String(app.id) } });
    assert.equal(answer.status, 200, answer.text);
    const { body } = await app.rest('GET', `/user?appUserId=${encodeURIComponent(user)}`);
    assert.equal(body.items.length, 1, `no user ${user}`);
    return body.items[0];
  };
  const refused = async (app, token, expected = '401 unauthorized') => assert.equal(await judged(app, token), expected);
  const refusedConfig = async (plugin, config, word) => {
    const answer = await chatd.admin('POST', '/app', { body: { name: `bad-${randomBytes(6).toString('hex')}`, verifiers: [{ plugin, config }] } });
    assert.equal(answer.status, 422, answer.text);
    assert.ok(answer.text.includes(word), answer.text);
  };

  describe('jwt', () => {
    for (const alg of HS) {
      test(`${alg} with a secret`, async () => {
        const app = await appWith('jwt', { keys: [{ alg, secret: SECRET }] });
        const key = new TextEncoder().encode(SECRET);
        await allowed(app, await sign({}, key, { alg }));
        await refused(app, await sign({}, new TextEncoder().encode(`${SECRET}x`), { alg }));
      });
    }
    for (const alg of PUBLIC) {
      test(`${alg} by PEM, by JWK and from a key set`, async () => {
        const pair = await keyPair(alg);
        const other = await keyPair(alg, 'other');
        server.answers[`/jwks-${alg}`] = () => ({ body: { keys: [pair.jwk] } });
        for (const config of [{ keys: [{ alg, pem: pair.pem }] }, { keys: [{ alg, jwk: pair.jwk }] }, { jwksUrl: `${server.url}/jwks-${alg}`, algorithms: [alg] }]) {
          const app = await appWith('jwt', config);
          await allowed(app, await sign({}, pair.privateKey, { alg, kid: alg }));
          await refused(app, await sign({}, other.privateKey, { alg, kid: alg }));
        }
      });
    }

    test('claims: expiry, not before, issuer, audience and required ones', async () => {
      const key = new TextEncoder().encode(SECRET);
      const app = await appWith('jwt', { keys: [{ alg: 'HS256', secret: SECRET }], issuer: 'https://issuer.example', audience: ['chat', 'web'], leewaySeconds: 5, requiredClaims: { email_verified: true } });
      const good = { iss: 'https://issuer.example', aud: 'chat', email_verified: true };
      const token = (claims) => sign({ ...good, ...claims }, key, { alg: 'HS256' });
      await allowed(app, await token({}));
      await allowed(app, await token({ aud: ['x', 'web'] }));
      const now = Math.floor(Date.now() / 1000);
      await refused(app, await token({ exp: now - 60 }), '401 token_expired');
      for (const bad of [{ aud: 'other' }, { aud: undefined }, { iss: 'https://issuer.example/' }, { nbf: now + 60 }, { iat: now + 60 }, { email_verified: 'true' }, { exp: 'soon' }, { sub: '' }, { sub: {} }, { sub: 'a\u0001b' }, { sub: 'a\u0000b' }]) {
        await refused(app, await token(bad));
      }
      await refused(app, await new jose.SignJWT({ ...good, sub: 'ann' }).setProtectedHeader({ alg: 'HS256' }).sign(key));
    });

    test('claims name a new user, by a mapping of the app', async () => {
      const app = await appWith('jwt', { keys: [{ alg: 'HS256', secret: SECRET }], userClaim: 'user.id', names: { first: 'prename' } });
      const user = await allowed(app, await sign({ user: { id: 17 }, prename: 'Ann', family_name: 'Lee' }, new TextEncoder().encode(SECRET), { alg: 'HS256' }), '17');
      assert.deepEqual([user.firstName, user.lastName], ['Ann', 'Lee']);
    });

    test('forged tokens are refused and nobody is asked for them', async () => {
      const pair = await keyPair('RS256');
      server.answers['/forged'] = () => ({ body: { keys: [pair.jwk] } });
      const app = await appWith('jwt', { jwksUrl: `${server.url}/forged`, algorithms: ['RS256'] });
      const claims = { sub: 'ann', exp: soon() };
      const none = `${part({ alg: 'none', kid: 'RS256' })}.${part(claims)}.`;
      const confused = (secret) => {
        const signed = `${part({ alg: 'HS256', kid: 'RS256' })}.${part(claims)}`;
        return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
      };
      const long = `${part({ alg: 'RS256', kid: 'RS256' })}.${part({ ...claims, filler: 'x'.repeat(16_384) })}.${'A'.repeat(342)}`;
      for (const token of [none, none.replace(/\.$/, '.AAAA'), confused(pair.pem), confused(JSON.stringify(pair.jwk)), confused(''), long.slice(0, 8100), 'a.b.c', 'not-a-token', `${part({ alg: 'RS256', crit: ['b64'], b64: false })}.${part(claims)}.AAAA`]) {
        await refused(app, token);
      }
      assert.notEqual((await chatd.rest('GET', '/auth/verify', { token: long, headers: { 'X-Chat-App': String(app.id) } })).status, 200);
      assert.equal(server.asked('/forged'), 0);
      await allowed(app, await sign({}, pair.privateKey, { alg: 'RS256', kid: 'RS256' }));
      assert.equal(server.asked('/forged'), 1);
    });

    test('keys rotate: a new kid is read at once, and unknown ones not more often than the cooldown says', async () => {
      const first = await keyPair('ES256', 'first');
      const second = await keyPair('ES256', 'second');
      let keys = [first.jwk];
      server.answers['/rotating'] = () => ({ body: { keys } });
      const app = await appWith('jwt', { jwksUrl: `${server.url}/rotating`, algorithms: ['ES256'], cooldownSeconds: 1 });
      await allowed(app, await sign({}, first.privateKey, { alg: 'ES256', kid: 'first' }));
      keys = [second.jwk];
      await new Promise((done) => setTimeout(done, 1100)); // the cooldown of the configuration is what is tested
      await allowed(app, await sign({}, second.privateKey, { alg: 'ES256', kid: 'second' }));
      await refused(app, await sign({}, first.privateKey, { alg: 'ES256', kid: 'first' }));
      const asked = server.asked('/rotating');
      assert.equal(asked, 2);
      await Promise.all(Array.from({ length: 20 }, async (_, i) => refused(app, await sign({}, first.privateKey, { alg: 'ES256', kid: `made-up-${i}` }))));
      assert.ok(server.asked('/rotating') <= asked + 1, `${server.asked('/rotating')}`);
    });

    test('a key server that fails is unavailable and never a verdict; keys that were read go on serving', async () => {
      const pair = await keyPair('ES256', 'stale');
      let answer = { status: 500 };
      server.answers['/failing'] = () => answer;
      const app = await appWith('jwt', { jwksUrl: `${server.url}/failing`, algorithms: ['ES256'], refreshSeconds: 1, cooldownSeconds: 1 });
      const token = await sign({}, pair.privateKey, { alg: 'ES256', kid: 'stale' });
      for (const bad of [{ status: 500 }, { body: 'no json' }, { body: {} }, { body: { keys: [] } }, { status: 302, headers: { Location: '/elsewhere' } }, { body: `{"keys":[${'1,'.repeat(200_000)}1]}` }]) {
        answer = bad;
        const fresh = await appWith('jwt', { jwksUrl: `${server.url}/failing`, algorithms: ['ES256'] });
        assert.equal(await judged(fresh, token), '503 verifier_unavailable', JSON.stringify(bad).slice(0, 60));
      }
      answer = { body: { keys: [pair.jwk] } };
      await allowed(app, token);
      answer = { status: 500 };
      await new Promise((done) => setTimeout(done, 1100)); // the keys are old now
      await allowed(app, token);
      await allowed(app, token);
    });

    test('a key set that lies gives no way in', async () => {
      const pair = await keyPair('RS256', 'liar');
      const weak = { kty: 'RSA', kid: 'weak', n: randomBytes(64).toString('base64url'), e: 'AQAB', alg: 'RS256' };
      const secret = { kty: 'oct', kid: 'oct', k: Buffer.from(SECRET).toString('base64url'), alg: 'HS256' };
      const other = { ...pair.jwk, kid: 'other-alg', alg: 'PS256' };
      const sealed = { ...pair.jwk, kid: 'enc', use: 'enc' };
      server.answers['/lying'] = () => ({ body: { keys: [weak, secret, other, sealed, 5, null, { kid: 'x' }, pair.jwk] } });
      const app = await appWith('jwt', { jwksUrl: `${server.url}/lying`, algorithms: ['RS256'] });
      await allowed(app, await sign({}, pair.privateKey, { alg: 'RS256', kid: 'liar' }));
      await refused(app, await sign({}, new TextEncoder().encode(SECRET), { alg: 'HS256', kid: 'oct' }));
      const asPss = await jose.importJWK({ ...(await jose.exportJWK(pair.privateKey)), alg: 'PS256' }, 'PS256');
      await refused(app, await sign({}, asPss, { alg: 'PS256', kid: 'other-alg' }));
      await refused(app, await sign({}, pair.privateKey, { alg: 'RS256', kid: 'enc' }));
    });

    test('the preset oidc finds the keys by the metadata, which must be of this issuer', async () => {
      const pair = await keyPair('RS256', 'oidc');
      server.answers['/realm/.well-known/openid-configuration'] = () => ({ body: { issuer: `${server.url}/realm`, jwks_uri: `${server.url}/realm/keys` } });
      server.answers['/realm/keys'] = () => ({ body: { keys: [pair.jwk] } });
      server.answers['/fake/.well-known/openid-configuration'] = () => ({ body: { issuer: `${server.url}/realm`, jwks_uri: `${server.url}/realm/keys` } });
      const app = await appWith('jwt', { preset: 'oidc', issuer: `${server.url}/realm`, audience: 'chat' });
      const header = { alg: 'RS256', kid: 'oidc' };
      await allowed(app, await sign({ iss: `${server.url}/realm`, aud: 'chat' }, pair.privateKey, header));
      await refused(app, await sign({ iss: `${server.url}/realm`, aud: 'other' }, pair.privateKey, header));
      const fake = await appWith('jwt', { preset: 'oidc', issuer: `${server.url}/fake`, audience: 'chat' });
      assert.equal(await judged(fake, await sign({ iss: `${server.url}/fake`, aud: 'chat' }, pair.privateKey, header)), '503 verifier_unavailable');
    });

    test('two issuers in one app: by issuer, by kid, or as keys of one verifier', async () => {
      const ours = new TextEncoder().encode(SECRET);
      const theirs = new TextEncoder().encode(`theirs-${SECRET}`);
      const jwt = (config) => ({ plugin: 'jwt', cacheTtlMs: 0, config });
      const keyOf = (secret, more) => ({ alg: 'HS256', secret: new TextDecoder().decode(secret), ...more });
      const chains = {
        issuer: [jwt({ keys: [keyOf(ours)], issuer: 'https://ours' }), jwt({ keys: [keyOf(theirs)], issuer: 'https://theirs' })],
        kid: [jwt({ keys: [keyOf(ours, { kid: 'ours' })] }), jwt({ keys: [keyOf(theirs, { kid: 'theirs' })] })],
        keys: [jwt({ keys: [keyOf(ours), keyOf(theirs)] })],
      };
      for (const verifiers of Object.values(chains)) {
        const app = await TestApp.create(chatd, undefined, { verifiers });
        await allowed(app, await sign({ iss: 'https://ours' }, ours, { alg: 'HS256', kid: 'ours' }));
        await allowed(app, await sign({ iss: 'https://theirs', sub: 'bob' }, theirs, { alg: 'HS256', kid: 'theirs' }), 'bob');
        await refused(app, await sign({ iss: 'https://theirs' }, new TextEncoder().encode('x'.repeat(32)), { alg: 'HS256', kid: 'theirs' }));
      }
    });

    test('the preset firebase pins issuer, audience and algorithm to the project', async () => {
      const pair = await keyPair('RS256', 'firebase');
      server.answers['/firebase'] = () => ({ body: { keys: [pair.jwk] } });
      const app = await appWith('jwt', { preset: 'firebase', projectId: 'demo', jwksUrl: `${server.url}/firebase` });
      const now = Math.floor(Date.now() / 1000);
      const claims = { iss: 'https://securetoken.google.com/demo', aud: 'demo', auth_time: now - 5, iat: now - 5 };
      const header = { alg: 'RS256', kid: 'firebase' };
      await allowed(app, await sign(claims, pair.privateKey, header));
      for (const bad of [{ aud: 'other' }, { iss: 'https://securetoken.google.com/other' }, { auth_time: now + 600 }, { auth_time: undefined }]) {
        await refused(app, await sign({ ...claims, ...bad }, pair.privateKey, header));
      }
    });

    test('configurations that cannot work are refused in words', async () => {
      const { pem } = await keyPair('ES256');
      await refusedConfig('jwt', {}, 'give keys, jwksUrl or a preset');
      await refusedConfig('jwt', { keys: [{ alg: 'none', secret: 'x' }] }, 'keys[0].alg: must be one of');
      await refusedConfig('jwt', { keys: [{ alg: 'HS256', secret: 'short' }] }, 'at least 32 bytes');
      await refusedConfig('jwt', { keys: [{ alg: 'HS256', pem }] }, 'keys[0].pem');
      await refusedConfig('jwt', { keys: [{ alg: 'RS256', pem }] }, 'RS256 wants an RSA key');
      await refusedConfig('jwt', { keys: [{ alg: 'RS256', pem, secret: 'x' }] }, 'exactly one of');
      await refusedConfig('jwt', { jwksUrl: 'ftp://x/' }, 'must begin with http');
      await refusedConfig('jwt', { jwksUrl: `${server.url}/x`, algorithms: ['HS256'] }, 'algorithms[0]');
      await refusedConfig('jwt', { preset: 'oidc', issuer: 'https://a.example' }, 'audience: is required');
      await refusedConfig('jwt', { keys: [{ alg: 'RS256', pemFile: '/etc/shadow' }] }, 'pemFile: must be the absolute path');
    });
  });

  test('hmac: a signed user id with an expiry', async () => {
    const app = await appWith('hmac', { secret: ['old-secret-of-16-bytes', 'new-secret-of-16-bytes'], maxSeconds: 3600 });
    const make = (user, exp, secret = 'new-secret-of-16-bytes') => {
      const signed = `${Buffer.from(user).toString('base64url')}.${exp}`;
      return `${signed}.${createHmac('sha256', secret).update(signed).digest('base64url')}`;
    };
    const now = Math.floor(Date.now() / 1000);
    await allowed(app, make('ann', now + 60));
    await allowed(app, make('bob', now + 60, 'old-secret-of-16-bytes'), 'bob');
    await refused(app, make('ann', now - 1), '401 token_expired');
    await refused(app, make('ann', now + 7200));
    await refused(app, make('ann', now + 60, 'another-secret-of-16'));
    await refused(app, make('ann', now + 60).replace(/^./, 'Z'));
    await refused(app, make('', now + 60));
    await refused(app, make('a\u0001', now + 60));
    await refused(app, make(Buffer.from([0xff]), now + 60));
  });

  test('introspect: active users pass, inactive ones do not, an outage is no verdict', async () => {
    let answer = () => ({ body: { active: true, sub: 'ann', scope: 'openid chat', exp: soon(), given_name: 'Ann' } });
    server.answers['/introspect'] = (body, request) => answer(body, request);
    const app = await appWith('introspect', { url: `${server.url}/introspect`, clientId: 'chat d', clientSecret: 's:ecret', scopes: ['chat'] });
    const user = await allowed(app, 'opaque+token/1');
    assert.equal(user.firstName, 'Ann');
    const sent = server.requests.at(-1);
    assert.equal(sent.method, 'POST');
    assert.equal(sent.body, 'token=opaque%2Btoken%2F1&token_type_hint=access_token');
    assert.equal(sent.headers.authorization, `Basic ${Buffer.from('chat%20d:s%3Aecret').toString('base64')}`);
    for (const [body, expected] of [[{ active: false }, '401 unauthorized'], [{ active: true, sub: 'ann', scope: 'chatter' }, '401 unauthorized'], [{ active: true, sub: 'ann', scope: 'chat', exp: 1 }, '401 token_expired'], [{ active: 'true' }, '503 verifier_unavailable'], [{ active: true, scope: 'chat' }, '503 verifier_unavailable']]) {
      answer = () => ({ body });
      assert.equal(await judged(app, `t-${JSON.stringify(body)}`.replace(/[^a-z0-9-]/g, '')), expected, JSON.stringify(body));
    }
    answer = () => ({ status: 401 });
    assert.equal(await judged(app, 'while-our-own-credentials-are-wrong'), '503 verifier_unavailable');
  });

  test('http: POST with a template, fields of its own, and a signature', async () => {
    const secret = 'shared-secret-for-signing';
    server.answers['/post'] = () => ({ body: { id: 'ann' } });
    const app = await appWith('http', { url: `${server.url}/post`, method: 'POST', headers: { 'X-App': '{app}' }, body: '{"t":"{token}","a":"{app}"}', sign: { secret } });
    const token = 'quote"and\\{app}';
    await allowed(app, token);
    const sent = server.requests.at(-1);
    assert.deepEqual(JSON.parse(sent.body), { t: token, a: String(app.id) });
    assert.equal(sent.headers['x-app'], String(app.id));
    assert.equal(sent.headers.authorization, undefined);
    const [, seconds, mac] = /^t=(\d+),v1=([0-9a-f]{64})$/.exec(sent.headers['x-chatd-signature']);
    const text = [seconds, 'POST', `${server.url}/post`, createHash('sha256').update(token).digest('hex'), sent.body].join('\n');
    assert.equal(mac, createHmac('sha256', secret).update(text).digest('hex'));
    await refusedConfig('http', { url: 'https://a.example/', body: 'x' }, 'a GET has none');
    await refusedConfig('http', { url: 'https://a.example/', headers: { 'a b': 'x' } }, 'is no name of a header field');
    await refusedConfig('http', { url: 'https://a.example/', headers: { hOst: 'x' } }, 'headers: hOst is written by chatd');
    await refusedConfig('http', { url: 'https://a.example/', method: 'POST', headers: { 'Content-Type': 'text/plain' } }, 'give Content-Type as contentType');
    await refusedConfig('http', { url: 'https://a.example/', sign: { secret, header: 'Connection' } }, 'sign.header: Connection is written by chatd');
    await refusedConfig('http', { url: 'https://a.example:70000/' }, 'url: the port must be 1 to 65535');
  });

  test('a token has 8 KiB at most, at every entrance and in verify-test alike', async () => {
    server.answers['/any'] = () => ({ body: { id: 'ann' } });
    const app = await appWith('http', { url: `${server.url}/any` });
    const [longest, tooLong] = ['x'.repeat(8192), 'x'.repeat(8193)];
    const asked = server.requests.length;
    await refused(app, tooLong);
    const traced = (token) => chatd.admin('POST', `/app/${app.id}/verify-test`, { body: { token } });
    assert.equal((await traced(tooLong)).status, 422);
    const socket = new ChatClient(chatd.url, { auth: { token: tooLong, app: app.name }, reconnection: false });
    assert.equal((await socket.refused()).data.code, 'unauthorized');
    socket.close();
    assert.equal(server.requests.length, asked);
    await allowed(app, longest);
    assert.equal((await traced(longest)).body.verdict, 'allow');
    (await ChatClient.connect(chatd.url, { auth: { token: longest, app: app.name } })).close();
  });

  test('static, allow and deny', async () => {
    await allowed(await appWith('static', { tokens: { 'dev-token': 'ann' } }), 'dev-token');
    await refused(await appWith('static', { tokens: { 'dev-token': 'ann' } }), 'dev-token2');
    await allowed(await appWith('allow', { prefix: 'guest-' }), 'zoe', 'guest-zoe');
    await refused(await appWith('deny', {}), 'anything');
    await refusedConfig('static', {}, 'give file or tokens');
    await refusedConfig('deny', { x: 1 }, 'is unknown');
  });

  test('owners may not let everybody in, nor choose isolation inline for a foreign plugin', async () => {
    const app = await TestApp.create(chatd);
    const { body: login } = await chatd.rest('POST', '/auth/login', { body: app.created.login });
    for (const verifiers of [[{ plugin: 'allow', config: {} }], [{ plugin: 'static', config: { tokens: { a: 'b' } } }], [{ plugin: 'anything', config: {}, isolation: 'inline' }]]) {
      const answer = await chatd.rest('PATCH', `/app/${app.id}`, { token: login.token, body: { verifiers } });
      assert.equal(answer.status, 403, answer.text);
    }
    const answer = await chatd.rest('PATCH', `/app/${app.id}`, { token: login.token, body: { verifiers: [{ plugin: 'deny', config: {} }] } });
    assert.equal(answer.status, 200, answer.text);
  });
});
