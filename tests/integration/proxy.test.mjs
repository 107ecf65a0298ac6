// Behind a proxy: whose word about the client counts, and the PROXY protocol.
import assert from 'node:assert/strict';
import net from 'node:net';
import { after, before, describe, test } from 'node:test';

import { Chatd, TestApp } from '../support/chatd.mjs';
import { within } from '../support/wait.mjs';

const BURST = 50; // failed credentials that an address has at once; five come back a second

/** Sends bytes and collects what comes until the server closes. */
function exchange(port, bytes) {
  return within(new Promise((resolve) => {
    const socket = net.connect(port, '127.0.0.1', () => socket.write(bytes));
    let text = '';
    socket.on('data', (part) => { text += part; });
    socket.on('error', () => {}); // a reset is an end as well
    socket.on('close', () => resolve(text));
  }), 'the server closes');
}

const GET = 'GET /auth/verify HTTP/1.1\r\nHost: a\r\nAuthorization: Bearer wrong\r\nConnection: close\r\n\r\n';
const statusOf = (text) => Number(text.slice(9, 12));

/** Statuses of so many failed credentials with these headers. An address that has failed before is told 429 among fewer than BURST. */
async function fail(chatd, headers, times) {
  const answers = [];
  for (let i = 0; i < times; ++i) answers.push(chatd.rest('GET', '/auth/verify', { token: `wrong-${i}`, headers }));
  return (await Promise.all(answers)).map((answer) => answer.status);
}

describe('a trusted proxy', () => {
  let chatd;
  before(async () => {
    chatd = await Chatd.start({
      env: { CHATD_TRUSTED_PROXIES: '[127.0.0.0/8, "unix:"]' },
      listen: [{ address: '127.0.0.1', port: 0 }, { address: '127.0.0.1', port: 0, proxy_protocol: true }],
    });
  });
  after(() => chatd.stop());

  test('limits are those of the client that it names', async () => {
    assert.ok((await fail(chatd, { 'X-Forwarded-For': '6.6.6.6, 192.0.2.1' }, 2 * BURST)).includes(429));
    const other = await chatd.rest('GET', '/auth/verify', { token: 'wrong', headers: { 'X-Forwarded-For': '6.6.6.6, 192.0.2.2' } });
    assert.equal(other.status, 401);
    // What the client itself wrote in front changes nothing.
    assert.ok((await fail(chatd, { 'X-Forwarded-For': '7.7.7.7, 192.0.2.1' }, BURST - 1)).includes(429));
  });

  test('the same origin is that of the address which the browser knows', async () => {
    const app = await TestApp.create(chatd);
    const ask = (headers) => chatd.rest('GET', '/app', { token: app.key, headers: { Host: 'inside:8080', ...headers } });
    const origin = 'https://chat.example';
    assert.equal((await ask({ Origin: origin })).status, 403);
    assert.equal((await ask({ Origin: origin, 'X-Forwarded-Host': 'chat.example', 'X-Forwarded-Proto': 'https' })).status, 200);
    // The page was not loaded over TLS, the server is.
    assert.equal((await ask({ Origin: 'http://chat.example', 'X-Forwarded-Host': 'chat.example', 'X-Forwarded-Proto': 'https' })).status, 403);
  });

  test('PROXY headers name the client, and without one nothing is answered', async () => {
    const port = Number(new URL(chatd.urls[1]).port);
    const line = (ip) => `PROXY TCP4 ${ip} 10.0.0.1 4000 443\r\n`;
    const answers = await Promise.all(Array.from({ length: 2 * BURST }, () => exchange(port, line('198.51.100.1') + GET)));
    assert.ok(answers.map(statusOf).includes(429));
    assert.equal(statusOf(await exchange(port, line('198.51.100.2') + GET)), 401);
    const v2 = Buffer.concat([Buffer.from('0d0a0d0a000d0a515549540a2111000cc63364030a0000010fa001bb', 'hex'), Buffer.from(GET)]);
    assert.equal(statusOf(await exchange(port, v2)), 401);
    assert.equal(await exchange(port, GET), '');
    assert.equal(await exchange(port, `PROXY TCP4 nonsense\r\n${GET}`), '');
  });
});

describe('without trusted proxies', () => {
  let chatd;
  before(async () => {
    chatd = await Chatd.start({ listen: [{ address: '127.0.0.1', port: 0 }, { address: '127.0.0.1', port: 0, proxy_protocol: true }] });
  });
  after(() => chatd.stop());

  test('the headers are only headers', async () => {
    assert.ok((await fail(chatd, { 'X-Forwarded-For': '192.0.2.1' }, 2 * BURST)).includes(429));
    assert.ok((await fail(chatd, { 'X-Forwarded-For': '192.0.2.2' }, BURST - 1)).includes(429));
  });

  test('a PROXY header is not even read', async () => {
    assert.equal(await exchange(Number(new URL(chatd.urls[1]).port), `PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n${GET}`), '');
  });
});
