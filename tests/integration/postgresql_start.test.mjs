// How chatd begins on PostgreSQL: a server that is away is waited for, one that refuses us is reported at once; TLS with
// verify-full believes only the right certificate.
import assert from 'node:assert/strict';
import { chownSync, copyFileSync, chmodSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { Authority } from '../support/certificates.mjs';
import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { Postgres } from '../support/postgres.mjs';
import { until } from '../support/wait.mjs';

describe('the start on PostgreSQL', () => {
  let folder;
  let postgres;
  let authority;

  before(async () => {
    folder = temporaryFolder('pg-start');
    postgres = await Postgres.start(folder);
    authority = new Authority(folder);
    const server = authority.issue('server');
    const own = { ssl_cert_file: join(postgres.data, 'server.pem'), ssl_key_file: join(postgres.data, 'server.key') };
    copyFileSync(server.certificate, own.ssl_cert_file);
    copyFileSync(server.key, own.ssl_key_file);
    chmodSync(own.ssl_key_file, 0o600);
    if (postgres.as.uid !== undefined) for (const file of Object.values(own)) chownSync(file, postgres.as.uid, postgres.as.gid);
    Object.assign(postgres.settings, { listen_addresses: '127.0.0.1,127.0.0.2', ssl: 'on', ...own });
    await postgres.stop();
    await postgres.launch();
  });
  after(async () => {
    await postgres?.stop();
    removeFolder(folder);
  });

  const start = (url, env = {}) => Chatd.start({ env: { CHATD_STORE__URL: url, ...env } });
  const HASTY = { CHATD_STORE__TIMEOUT_MS: '1000' }; // where it is waited for in vain
  const secure = (ca, host = '127.0.0.1') => `postgresql://bench@${host}:${postgres.port}/postgres?sslmode=verify-full&sslrootcert=${ca}`;

  test('a server that is away is waited for: 503 meanwhile, and everything works when it is there', async () => {
    const url = postgres.create('later');
    await postgres.stop();
    const chatd = await start(url, HASTY);
    try {
      const { status, body } = await chatd.rest('GET', '/readyz');
      assert.equal(status, 503);
      assert.match(JSON.stringify(body), /store/);
      assert.equal((await chatd.rest('GET', '/healthz')).status, 200);
      const early = await chatd.admin('POST', '/app', { body: { name: 'early' } });
      assert.equal(early.status, 503);
      assert.equal(early.body.code, 'store_unavailable');
      assert.match(chatd.readLog(), /cannot be reached/);
      await postgres.launch();
      await until('ready', () => chatd.rest('GET', '/readyz').then((answer) => answer.status === 200));
      const app = await TestApp.create(chatd);
      await app.user('u1');
      const room = await app.room('hall', 'group', ['u1']);
      const said = await app.rest('POST', `/chats/${room.id}/messages`, { text: 'hello', appUserId: 'u1' });
      assert.equal(said.status, 201);
    } finally {
      await chatd.stop();
      if (!postgres.running) await postgres.launch();
    }
  });

  test('a stop is clean while the server is away', async () => {
    const url = postgres.create('never');
    await postgres.stop();
    const chatd = await start(url, HASTY);
    try {
      assert.deepEqual(await chatd.terminate(), { code: 0, signal: null });
    } finally {
      await chatd.stop();
      await postgres.launch();
    }
  });

  test('a database that the server does not know ends chatd with 1 and says so', async () => {
    await assert.rejects(start(postgres.url.replace(/[^/]*$/, 'nowhere')).then((chatd) => chatd.stop()), /"code":1.*nowhere.*3D000/s);
  });

  test('sslmode=verify-full: the connection is encrypted and the certificate checked', async () => {
    postgres.create('secure');
    const chatd = await start(secure(authority.file).replace('/postgres?', '/secure?'));
    try {
      await TestApp.create(chatd);
      const plain = "SELECT count(*) FROM pg_stat_activity a LEFT JOIN pg_stat_ssl s USING (pid) WHERE a.datname = 'secure' AND s.ssl IS NOT TRUE";
      assert.equal(postgres.sql(plain), '0');
      assert.notEqual(postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE datname = 'secure'"), '0');
    } finally {
      await chatd.stop();
    }
  });

  test('sslmode=verify-full: an authority that did not sign it, or another name, is not believed', async () => {
    const strange = temporaryFolder('pg-strange');
    try {
      const other = new Authority(strange);
      for (const url of [secure(other.file), secure(authority.file, '127.0.0.2')]) {
        const chatd = await start(url);
        try {
          assert.equal((await chatd.rest('GET', '/readyz')).status, 503);
          await until('the log says why', () => /certificate/.test(chatd.readLog()));
        } finally {
          await chatd.stop();
        }
      }
    } finally {
      removeFolder(strange);
    }
  });
});
