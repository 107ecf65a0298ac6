// The official clients' browser builds in a real browser: socket.io-client 4, 3 and 2 over polling, over WebSocket and with the
// upgrade, from a page of another origin to chatd-conformance, and from chatd's own origin to chatd.
import assert from 'node:assert/strict';
import { dirname, join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { fileURLToPath } from 'node:url';

import { chromium } from 'playwright-core';

import { Chatd, TestApp, removeFolder, temporaryFolder } from '../support/chatd.mjs';
import { Conformance } from '../support/conformance.mjs';
import { VERSIONS, WAYS } from '../support/official_client.mjs';

const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const PATIENCE_MS = 20_000;
const MODULES = join(dirname(fileURLToPath(import.meta.url)), '../node_modules');

const bundle = (version) => join(MODULES, version === 4 ? 'socket.io-client' : `socket.io-client-${version}`, 'dist/socket.io.js');

/** Runs in the page: a client, and promises for what it is told. */
function start({ url, transports, auth, version }) {
  // Clients of version 2 send credentials unless they are told not to, and a server that allows any origin takes none.
  const options = { transports, forceNew: true, reconnectionDelay: 20, ...(version === 2 ? { query: auth, withCredentials: false } : { auth }) };
  const socket = window.io(url, options);
  const told = [];
  const waiting = [];
  const settle = () => { for (const wait of waiting.splice(0)) if (!wait()) waiting.push(wait); };
  const errors = [];
  for (const name of ['connect_error', 'error']) socket.on(name, (error) => errors.push(String(error)));
  const until = (fact) => new Promise((done, fail) => {
    setTimeout(() => fail(new Error(`not in time; told: ${JSON.stringify(told)}; errors: ${errors.slice(-3)}`)), 10_000);
    const wait = () => { const value = fact(); if (value) done(value); return Boolean(value); };
    if (!wait()) waiting.push(wait);
  });
  let connects = 0;
  socket.on('connect', () => {
    connects += 1;
    socket.io.engine.on('upgrade', settle);
    settle();
  });
  for (const name of ['auth', 'message-back', 'message']) socket.on(name, (...args) => { told.push({ name, args }); settle(); });
  window.client = {
    socket,
    connected: (times = 1) => until(() => connects >= times && socket.connected && socket.io.engine.transport.name === transports.at(-1)),
    nth: (name, n) => until(() => told.filter((event) => event.name === name)[n]?.args),
    ask(...args) {
      let told;
      socket.emit(...args, (...answer) => { told = answer; settle(); });
      return until(() => told);
    },
    lose() {
      const times = connects + 1;
      socket.io.engine.close();
      return this.connected(times);
    },
  };
}

describe('official clients in a browser', () => {
  let conformance;
  let chatd;
  let app;
  let context;
  let profile;
  let count = 0;

  before(async () => {
    conformance = await Conformance.start();
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
    profile = temporaryFolder('browser');
    context = await chromium.launchPersistentContext(profile, { executablePath: BROWSER, headless: true, args: FLAGS, bypassCSP: true });
    context.setDefaultTimeout(PATIENCE_MS);
  });
  after(async () => {
    await context?.close();
    await chatd?.stop();
    await conformance?.stop();
    if (profile) removeFolder(profile);
  });

  async function client(t, page, options) {
    const tab = await context.newPage();
    t.after(() => tab.close());
    await tab.goto(page);
    await tab.addScriptTag({ path: bundle(options.version) });
    await tab.evaluate(start, options);
    await tab.evaluate(() => window.client.connected());
    return tab;
  }

  for (const version of VERSIONS) {
    for (const { way, transports } of WAYS) {
      test(`socket.io-client ${version} over ${way} from another origin: text, binary, acknowledgements, a lost connection`, async (t) => {
        const tab = await client(t, `${chatd.url}/healthz`, { url: conformance.url, transports, version, auth: { token: 'abc' } });
        const told = await tab.evaluate(async () => {
          const { client: c } = window;
          const bytes = (value) => Array.from(new Uint8Array(value));
          const auth = await c.nth('auth', 0);
          c.socket.emit('message', 'κόσμε 😀', { deep: [1, null] });
          const text = await c.nth('message-back', 0);
          c.socket.emit('message', new Uint8Array([1, 2, 255]).buffer, 'behind');
          const [binary, behind] = await c.nth('message-back', 1);
          const [ack] = await c.ask('message-with-ack', new Uint8Array([3, 4]).buffer);
          await c.lose();
          const after = await c.ask('message-with-ack', 'after');
          return { auth, text, binary: bytes(binary), behind, ack: bytes(ack), after };
        });
        assert.deepEqual(told, {
          auth: [version === 2 ? {} : { token: 'abc' }], text: ['κόσμε 😀', { deep: [1, null] }], binary: [1, 2, 255], behind: 'behind', ack: [3, 4], after: ['after'],
        });
      });

      test(`socket.io-client ${version} over ${way} chats with another browser`, async (t) => {
        const ids = [`b-${++count}-one`, `b-${count}-two`];
        const users = [await app.user(ids[0]), await app.user(ids[1])];
        const room = await app.room(`browser-${count}`, 'group', ids);
        const tabs = [];
        for (const { token } of users) tabs.push(await client(t, `${chatd.url}/healthz`, { url: chatd.url, transports, version, auth: { token } }));
        const join = (tab) => tab.evaluate(async (name) => (await window.client.ask('join', name))[0].ok, room.room);
        const say = (tab, text) => tab.evaluate(async (words) => (await window.client.ask('send_message', words))[0].ok, text);
        for (const tab of tabs) assert.equal(await join(tab), true);
        assert.equal(await say(tabs[0], 'first'), true);
        await tabs[1].evaluate(() => window.client.nth('message', 0));
        await tabs[1].evaluate(() => window.client.lose());
        assert.equal(await join(tabs[1]), true);
        assert.equal(await say(tabs[0], 'second'), true);
        const seqs = await Promise.all(tabs.map((tab) => tab.evaluate(async () => {
          await window.client.nth('message', 1);
          return [(await window.client.nth('message', 0))[0].seq, (await window.client.nth('message', 1))[0].seq];
        })));
        assert.deepEqual(seqs, [[1, 2], [1, 2]]);
      });
    }
  }
});
