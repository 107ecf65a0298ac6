// The pages in a real browser: two users chat on /demo/, and /swagger/ shows the operations. CHROMIUM names another browser than
// /usr/bin/chromium. A screenshot is left in the temporary directory for a person to look at; its path is printed.
import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';

import { chromium } from 'playwright-core';

import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp, removeFolder, temporaryFolder } from '../support/chatd.mjs';

const BROWSER = process.env.CHROMIUM ?? '/usr/bin/chromium';
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync'];
const PATIENCE_MS = 20_000;

describe('pages', () => {
  let chatd;
  let app;
  let context;
  let profile;
  let complaints; // of the tab that was opened last
  let count = 0;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
    profile = temporaryFolder('browser');
    context = await chromium.launchPersistentContext(profile, { executablePath: BROWSER, headless: true, args: FLAGS, viewport: { width: 1200, height: 800 } });
    context.setDefaultTimeout(PATIENCE_MS);
  });
  after(async () => {
    await context?.close();
    await chatd?.stop();
    if (profile) removeFolder(profile);
  });

  /** A tab that remembers everything a browser would complain about, and every address it asked for. */
  async function open(t, path) {
    const page = await context.newPage();
    complaints = [];
    const asked = [];
    page.on('console', (message) => { if (['error', 'warning'].includes(message.type())) complaints.push(message.text()); });
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('request', (request) => asked.push(request.url()));
    await page.goto(chatd.url + path);
    t.after(() => page.close());
    return { page, asked };
  }

  async function demo(t, { messages = 0 } = {}) {
    const names = [`ann-${++count}`, `bob-${count}`];
    const ann = await app.user(names[0], { firstName: 'Ann' });
    const bob = await app.user(names[1], { firstName: 'Bob' });
    const room = await app.room(`demo-${count}`, 'group', names);
    for (let i = 1; i <= messages; ++i) {
      await app.must('POST', `/chats/${room.id}/messages`, { text: `old message ${i}`, appUserId: names[i % 2] });
    }
    const { page, asked } = await open(t, `/demo/#${new URLSearchParams({ room: room.room, a: ann.token, b: bob.token })}`);
    const left = page.getByLabel('First user');
    const right = page.getByLabel('Second user');
    for (const side of [left, right]) await side.getByText('Online').waitFor();
    return { page, asked, left, right, ann, bob, room };
  }

  async function say(side, text) {
    await side.getByLabel('Message', { exact: true }).fill(text);
    await side.getByRole('button', { name: 'Send', exact: true }).click();
  }

  test('what one side says the other reads, and the first sees that it was seen', async (t) => {
    const { page, left, right } = await demo(t);
    await say(left, 'Hello Bob 😀 مرحبا <b>not bold</b>');
    await right.locator('li.other', { hasText: 'Hello Bob 😀 مرحبا <b>not bold</b>' }).waitFor();
    await left.locator('li.own', { hasText: 'Hello Bob' }).getByText('Seen').waitFor();
    await say(right, 'Hello Ann');
    await left.locator('li.other', { hasText: 'Hello Ann' }).waitFor();
    assert.equal(await left.locator('li').count(), 2);
    assert.equal(await right.locator('li').count(), 2);
    const picture = join(tmpdir(), 'chatd-demo.png');
    await page.screenshot({ path: picture });
    console.log(`screenshot: ${picture}`);
    assert.deepEqual(complaints, []);
  });

  test('typing shows on the other side and goes when it stops', async (t) => {
    const { left, right } = await demo(t);
    await left.getByLabel('Message', { exact: true }).pressSequentially('thinking');
    await right.getByText('Ann is typing').waitFor();
    await left.getByLabel('Message', { exact: true }).fill('');
    await right.getByText('Ann is typing').waitFor({ state: 'detached' });
  });

  test('load more goes back to the first message', async (t) => {
    const { left } = await demo(t, { messages: 45 });
    assert.equal(await left.locator('li').count(), 20);
    await left.getByRole('button', { name: 'Load more' }).click();
    await left.locator('li[data-seq="6"]').waitFor();
    await left.getByRole('button', { name: 'Load more' }).click();
    await left.getByText('old message 1', { exact: true }).waitFor();
    assert.equal(await left.locator('li').count(), 45);
    await left.getByRole('button', { name: 'Load more' }).waitFor({ state: 'hidden' });
    assert.deepEqual(await left.locator('li').evaluateAll((rows) => rows.map((row) => Number(row.dataset.seq))), Array.from({ length: 45 }, (_, i) => i + 1));
  });

  test('a side that was away catches up, and what it wrote meanwhile is said once', async (t) => {
    const { left, right } = await demo(t);
    await left.getByRole('button', { name: 'Disconnect' }).click();
    await left.getByText('Disconnected').waitFor();
    await say(right, 'said while away');
    await say(left, 'written while away');
    await left.getByRole('button', { name: 'Connect', exact: true }).click();
    await left.getByText('said while away').waitFor();
    await right.getByText('written while away').waitFor();
    assert.equal(await right.locator('li').count(), 2);
  });

  test('the daemon killed and back: both sides reconnect by themselves', async (t) => {
    const { left, right } = await demo(t);
    await say(left, 'before');
    await right.getByText('before').waitFor();
    await chatd.kill9();
    await left.getByText('Reconnecting').waitFor();
    await chatd.launch();
    for (const side of [left, right]) await side.getByText('Online').waitFor();
    await say(left, 'afterwards');
    await right.getByText('afterwards').waitFor();
    assert.equal(await right.locator('li').count(), 2);
  });

  test('an edit and a deletion by others show', async (t) => {
    const { left, right, ann, room } = await demo(t);
    await say(left, 'a mistkae');
    await right.getByText('a mistkae').waitFor();
    const { body } = await app.rest('GET', `/chats/${room.id}/messages`);
    await chatd.must('PATCH', `/message/${body.items[0].id}`, { text: 'a mistake' }, { token: ann.token });
    for (const side of [left, right]) await side.getByText('a mistake').waitFor();
    await app.rest('DELETE', `/message/${body.items[0].id}`);
    for (const side of [left, right]) await side.getByText('Message deleted').waitFor();
  });

  test('a wrong token says so', async (t) => {
    const { page } = await open(t, '/demo/#room=r&a=wrong-token-one&b=wrong-token-two');
    await page.getByLabel('First user').getByText('Refused').waitFor();
    await page.getByLabel('First user').getByText('(unauthorized)').waitFor();
  });

  test('the form connects too, and tokens are in no request', async (t) => {
    const user = await app.user(`form-${++count}`);
    await app.room(`form-${count}`, 'group', [user.appUserId]);
    const { page, asked } = await open(t, '/demo/');
    await page.getByLabel('Room').fill(`form-${count}`);
    await page.getByLabel('Token of the first user').fill(user.token);
    await page.getByLabel('Token of the second user').fill(user.token);
    await page.getByRole('button', { name: 'Connect', exact: true }).click();
    await page.getByLabel('First user').getByText('Online').waitFor();
    assert.ok(asked.every((url) => url.startsWith(chatd.url) && !url.includes(user.token)), asked.join());
  });

  test('it works on a phone and in the dark', async (t) => {
    const { page, left, right } = await demo(t, { messages: 3 });
    await page.setViewportSize({ width: 360, height: 740 });
    await page.emulateMedia({ colorScheme: 'dark' });
    await say(left, 'from the phone');
    await right.getByText('from the phone').waitFor();
    const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    assert.equal(overflow, 0);
    const picture = join(tmpdir(), 'chatd-demo-phone.png');
    await page.screenshot({ path: picture });
    console.log(`screenshot: ${picture}`);
  });

  test('the demo and the official client are in one room', async (t) => {
    const { left, bob, room } = await demo(t);
    const client = await ChatClient.join(chatd.url, bob.token, room.room);
    t.after(() => client.close());
    await client.ask('send_message', 'from a program');
    await left.getByText('from a program').waitFor();
  });

  test('/swagger/ shows every operation of /openapi.json', async (t) => {
    const { page, asked } = await open(t, '/swagger/');
    await page.locator('.opblock').first().waitFor();
    const document = (await chatd.rest('GET', '/openapi.json')).body;
    const operations = Object.values(document.paths).flatMap((path) => Object.keys(path).filter((key) => ['get', 'post', 'put', 'patch', 'delete'].includes(key)));
    assert.equal(await page.locator('.opblock').count(), operations.length);
    assert.ok(operations.length > 20, `${operations.length} operations`);
    assert.ok(asked.every((url) => url.startsWith(chatd.url) || url.startsWith('data:')), asked.join());
    const picture = join(tmpdir(), 'chatd-swagger.png');
    await page.screenshot({ path: picture });
    console.log(`screenshot: ${picture}`);
    assert.deepEqual(complaints, []);
  });
});
