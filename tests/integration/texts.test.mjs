// Texts: what may be said arrives byte for byte, the rest is refused by its code and ends nothing.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { ChatClient, textOf } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';

const LIMIT = 16384; // limits.message_bytes, by default

describe('texts', () => {
  let chatd;
  let app;
  let pair;
  let a;
  let b;

  before(async () => {
    chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' } });
    app = await TestApp.create(chatd);
    pair = await app.pair();
    a = await ChatClient.join(chatd.url, pair.a.token, pair.room.room);
    b = await ChatClient.join(chatd.url, pair.b.token, pair.room.room);
  });
  after(async () => {
    a?.close();
    b?.close();
    await chatd.stop();
  });

  const good = {
    'one letter': 'x',
    'a space': ' ',
    umlauts: 'Grüße aus Köln',
    'right to left': 'مرحبا بالعالم',
    han: '你好，世界',
    emoji: '😀👩‍👩‍👧‍👦🏳️‍🌈',
    'quotes and backslashes': '"\\\'</script>\\u0041',
    'line ends and tabs': 'a\r\nb\tc',
    'control characters but NUL': '\u0001\u0008\u001b[31m\u007f',
    'line separators': 'a\u2028b\u2029c',
    'a byte order mark and the last code point': '\ufeff\u{10ffff}',
    'what looks like a packet': '42["message",{}]',
    'just at the limit': 'x'.repeat(LIMIT),
    'just at the limit in bytes, not in letters': 'ü'.repeat(LIMIT / 2),
  };
  for (const [what, text] of Object.entries(good)) {
    test(`${what} arrives as it was sent`, async () => {
      const answer = await a.ask('send_message', text);
      assert.equal(answer.ok, true, JSON.stringify(answer).slice(0, 200));
      assert.equal(answer.message.text, text);
      const heard = await b.next('message', (message) => message.id === answer.message.id);
      assert.equal(textOf(heard), text);
      const stored = await app.rest('GET', `/message/${answer.message.id}`);
      assert.equal(stored.body.text, text);
    });
  }

  const bad = {
    'nothing at all': ['', 'empty_text'],
    'NUL alone': ['\u0000', 'invalid_text'],
    'NUL within': ['a\u0000b', 'invalid_text'],
    'one byte over the limit': ['x'.repeat(LIMIT + 1), 'too_large'],
    'one byte over the limit in two-byte letters': ['ü'.repeat(LIMIT / 2) + 'x', 'too_large'],
    '64 KiB': ['x'.repeat(65536), 'too_large'],
    '900 KB': ['x'.repeat(900_000), 'too_large'],
  };
  for (const [what, [text, code]] of Object.entries(bad)) {
    test(`${what} is refused with ${code}, by event and by REST`, async () => {
      const before = b.all('message').length;
      const answer = await a.ask('send_message', text);
      assert.deepEqual([answer.ok, answer.code], [false, code]);
      const inObject = await a.ask('send_message', { text });
      assert.deepEqual([inObject.ok, inObject.code], [false, code]);
      const rest = await app.rest('POST', `/chats/${pair.room.id}/messages`, { text, appUserId: 1 });
      assert.equal(rest.body.code, code);
      assert.ok([413, 422].includes(rest.status));
      const next = await a.ask('send_message', 'next');
      await b.next('message', (message) => message.id === next.message.id);
      assert.equal(b.all('message').length, before + 1);
    });
  }

  test('what is no text at all is invalid', async () => {
    for (const wrong of [null, 7, true, [], ['x'], {}, { text: 7 }, { text: null }, { text: 'x', clientMsgId: 7 }, { text: 'x', replyTo: 'y' },
      { text: 'x', clientMsgId: 'k'.repeat(129) }]) {
      const answer = await a.ask('send_message', wrong);
      assert.equal(answer.ok, false, JSON.stringify(wrong));
      assert.ok(['invalid', 'empty_text'].includes(answer.code), `${JSON.stringify(wrong)}: ${answer.code}`);
    }
    assert.equal((await a.ask('send_message')).ok, false);
  });

  test('half of a surrogate pair, which JSON can spell and UTF-8 cannot, is refused with invalid_text', async () => {
    const before = b.all('message').length;
    for (const half of ['x\ud83d', '\ud83dx', '\udc00']) {
      const answer = await a.ask('send_message', half);
      assert.deepEqual([answer.ok, answer.code], [false, 'invalid_text']);
    }
    const next = await a.ask('send_message', 'next');
    await b.next('message', (message) => message.id === next.message.id);
    assert.equal(b.all('message').length, before + 1);
  });

  test('after all this the history has what was acknowledged, without a gap', async () => {
    const seqs = [];
    const path = `/chats/${pair.room.id}/messages?limit=100`;
    const { body } = await app.rest('GET', path);
    for (const message of body.items) seqs.push(message.seq);
    assert.deepEqual(seqs, Array.from({ length: seqs.length }, (_, i) => seqs.length - i));
    assert.equal(b.all('message').length, seqs.length);
  });
});
