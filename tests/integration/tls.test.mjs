// TLS by chatd itself, beside plain TCP and a Unix socket: the official client, openssl and chatctl through it, and new
// certificates without a restart.
import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, writeFileSync } from 'node:fs';
import http from 'node:http';
import https from 'node:https';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import tls from 'node:tls';

import { Authority } from '../support/certificates.mjs';
import { ChatClient, textOf } from '../support/chat_client.mjs';
import { CHATCTL, CHATD, Chatd, TestApp } from '../support/chatd.mjs';
import { OfficialClient } from '../support/official_client.mjs';
import { run } from '../support/run.mjs';
import { until, within } from '../support/wait.mjs';

function get(target) {
  return new Promise((resolve, reject) => {
    const request = (target.ca ? https : http).get({ path: '/healthz', agent: false, ...target }, (response) => {
      let text = '';
      response.on('data', (part) => { text += part; });
      response.on('end', () => resolve({ status: response.statusCode, text }));
    });
    request.on('error', reject);
  });
}

/** A TLS connection that stays: { socket, subject }. */
function connectTls(options) {
  return within(new Promise((resolve, reject) => {
    const socket = tls.connect({ host: '127.0.0.1', ...options }, () => resolve({ socket, subject: socket.getPeerCertificate().subject.CN }));
    socket.on('error', reject);
  }), 'a TLS connection');
}

describe('native TLS', () => {
  let chatd;
  let authority;
  let pair;
  let app;
  let first;

  before(async () => {
    chatd = await Chatd.start({
      purpose: 'tls',
      listen: (folder) => {
        authority = new Authority(folder);
        first = authority.issue('first');
        pair = { certificate: join(folder, 'served.pem'), key: join(folder, 'served.key') };
        serve(first);
        return [
          { address: '127.0.0.1', port: 0, tls: pair },
          { address: '127.0.0.1', port: 0 },
          { address: `unix:${folder}/clients.sock`, mode: '0600' },
        ];
      },
    });
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  function serve(identity) {
    copyFileSync(identity.certificate, pair.certificate);
    copyFileSync(identity.key, pair.key);
    chmodSync(pair.key, 0o600);
  }
  const plainUrl = () => chatd.urls[1];

  test('it is ready on https, and on plain TCP and the Unix socket at once', async () => {
    assert.match(chatd.url, /^https:/);
    const [secure, plain, socket] = chatd.urls;
    assert.equal(secure, chatd.url);
    assert.match(plain, /^http:/);
    assert.equal((await get({ host: '127.0.0.1', port: chatd.port, ca: authority.pem })).status, 200);
    assert.equal((await get({ host: '127.0.0.1', port: new URL(plain).port })).status, 200);
    assert.equal((await get({ socketPath: socket.slice('unix:'.length) })).status, 200);
  });

  test('a Unix socket for clients gives no rights', async () => {
    const socketPath = chatd.urls[2].slice('unix:'.length);
    assert.equal((await get({ socketPath, path: '/app' })).status, 401);
    assert.equal((await get({ socketPath: chatd.adminSocket, path: '/app' })).status, 200);
  });

  test('a client on https polling is upgraded to wss, and its session says so', async () => {
    const user = await app.user('upgraded');
    const transports = async () => (await app.must('GET', `/user/${user.id}/sessions`)).items.map((session) => session.transport);
    const client = new OfficialClient(4, chatd.url, { auth: { token: user.token }, ca: authority.pem, transports: ['polling'] });
    try {
      await client.connected();
      assert.deepEqual(await transports(), ['polling']);
    } finally {
      client.close();
    }
    const upgraded = new OfficialClient(4, chatd.url, { auth: { token: user.token }, ca: authority.pem, transports: ['polling', 'websocket'] });
    try {
      await upgraded.connected();
      await until('it is on a WebSocket', async () => (await transports()).includes('websocket'));
    } finally {
      upgraded.close();
    }
  });

  test('the official client over wss talks with one over ws', async () => {
    const { a, b, room } = await app.pair(1, 2);
    const secure = await ChatClient.join(chatd.url, a.token, room.room, { ca: authority.pem });
    const plain = await ChatClient.join(plainUrl(), b.token, room.room);
    try {
      const answer = await secure.ask('send_message', 'over TLS');
      assert.equal(answer.ok, true);
      assert.equal(textOf(await plain.next('message')), 'over TLS');
      await plain.ask('send_message', 'x'.repeat(16_000));
      assert.equal(textOf(await secure.next('message', (m) => m.seq === 2)).length, 16_000);
    } finally {
      secure.close();
      plain.close();
    }
  });

  test('a client that does not know the authority, or asks for another name, stays away', async () => {
    await assert.rejects(get({ host: '127.0.0.1', port: chatd.port, ca: [] }), /self-signed|unable to/);
    await assert.rejects(get({ host: '127.0.0.1', port: chatd.port, ca: authority.pem, servername: 'other.example' }), /other\.example/);
  });

  test('openssl agrees on TLS 1.3 and http/1.1, and gets nothing below 1.2', async () => {
    const client = (...args) => run('openssl', ['s_client', '-connect', `127.0.0.1:${chatd.port}`, '-CAfile', authority.file,
      '-verify_return_error', ...args]);
    const good = await client('-alpn', 'h2,http/1.1');
    assert.equal(good.code, 0, good.err);
    assert.match(good.out, /New, TLSv1\.3/);
    assert.match(good.out, /ALPN protocol: http\/1\.1/);
    assert.match(good.out, /Verify return code: 0/);
    assert.match((await client('-tls1_2')).out, /New, TLSv1\.2.*ECDHE/);
    assert.match((await client('-tls1_2')).out, /Secure Renegotiation IS supported/);
    for (const args of [['-tls1_1', '-cipher', 'DEFAULT@SECLEVEL=0'], ['-tls1_2', '-cipher', 'AES256-SHA'], ['-alpn', 'h2']]) {
      assert.notEqual((await client(...args)).code, 0, args.join(' '));
    }
  });

  test('chatctl over https', async () => {
    const login = { login: 'root@example.org', password: 'a long enough password' };
    await chatd.must('POST', '/auth/register', { ...login, role: 'operator' });
    const answer = await chatd.must('POST', '/auth/login', login);
    const env = { HOME: chatd.folder, CHATCTL_SERVER: `https://localhost:${chatd.port}`, CHATCTL_TOKEN: answer.token };
    const trusted = { ...env, SSL_CERT_FILE: authority.file };
    const list = await run(CHATCTL, ['app', 'list', '-o', 'name'], { env: trusted });
    assert.equal(list.code, 0, list.err);
    assert.ok(list.out.split('\n').includes(app.name));
    const wrong = await run(CHATCTL, ['app', 'list'], { env: { ...env, SSL_CERT_FILE: '/dev/null' } });
    assert.equal(wrong.code, 8, wrong.err);
    assert.match(wrong.err, /certificate/i);
  });

  test('SIGHUP serves a new certificate, live connections stay, and a bad one changes nothing', async () => {
    const options = { port: chatd.port, ca: authority.pem };
    const { a } = await app.pair(3, 4);
    const alive = await ChatClient.connect(chatd.url, { token: a.token, ca: authority.pem });
    try {
      const before = await connectTls(options);
      assert.equal(before.subject, 'first');
      serve(authority.issue('second'));
      chatd.signal('SIGHUP');
      await until('the new certificate is served', async () => {
        const now = await connectTls(options);
        now.socket.destroy();
        return now.subject === 'second';
      });
      writeFileSync(pair.certificate, 'nonsense');
      chatd.signal('SIGHUP');
      await until('the log says what is wrong', () => /level=error .*not reloaded, the old one stays.*served\.pem: holds no certificate/.test(chatd.readLog()));
      const still = await connectTls(options);
      assert.equal(still.subject, 'second');
      still.socket.destroy();
      // The first connection, from before both, still answers.
      before.socket.write('GET /healthz HTTP/1.1\r\nHost: a\r\n\r\n');
      const answer = await within(new Promise((resolve) => before.socket.once('data', resolve)), 'an answer');
      assert.match(String(answer), /^HTTP\/1\.1 200 /);
      before.socket.destroy();
      await alive.settled();
      assert.equal(alive.disconnects.length, 0);
    } finally {
      alive.close();
      serve(first);
    }
  });

  test('a key that others can read and a certificate that is none are refused with 78, by file, line and key', async () => {
    const file = join(chatd.folder, 'check.yaml');
    writeFileSync(file, `demo: false\nlisten:\n  - {address: 127.0.0.1, port: 1, tls: {certificate: ${first.certificate}, key: ${first.key}}}\n`);
    const check = (...args) => run(CHATD, ['--config', file, ...args]);
    chmodSync(first.key, 0o600);
    assert.equal((await check('--check-config')).code, 0);
    chmodSync(first.key, 0o644);
    for (const args of [['--check-config'], ['--dev']]) {
      const { code, err } = await check(...args);
      assert.equal(code, 78, err);
      assert.ok(err.includes(`${file}:2: listen: entry 1: tls: ${first.key}: has mode 0644`), err);
    }
    chmodSync(first.key, 0o600);
    writeFileSync(file, `listen:\n  - {address: 127.0.0.1, port: 1, tls: {certificate: ${first.key}, key: ${first.key}}}\n`);
    const { code, err } = await check('--check-config');
    assert.equal(code, 78);
    assert.ok(err.includes(`${file}:1: listen: entry 1: tls: ${first.key}: holds no certificate`), err);
  });
});
