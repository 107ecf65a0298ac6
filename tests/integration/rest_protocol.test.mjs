// What every REST call has in common (CONTRACT 2): problem documents, request ids, pages, limits, idempotency keys, health.
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';

import { Chatd, TestApp } from '../support/chatd.mjs';

describe('REST in general', () => {
  let chatd;
  let app;

  before(async () => {
    chatd = await Chatd.start();
    app = await TestApp.create(chatd);
  });
  after(() => chatd.stop());

  function isProblem(answer, status, code) {
    assert.equal(answer.status, status, answer.text);
    assert.match(answer.headers['content-type'], /^application\/problem\+json/);
    for (const field of ['type', 'title', 'detail', 'code', 'requestId']) assert.equal(typeof answer.body[field], 'string', field);
    assert.equal(answer.body.status, status);
    assert.equal(answer.body.requestId, answer.headers['x-request-id']);
    if (code) assert.equal(answer.body.code, code);
    if (status === 422 && answer.body.errors) {
      for (const error of answer.body.errors) assert.deepEqual(Object.keys(error).sort(), ['detail', 'field']);
    }
  }

  test('every answer has a request id of its own', async () => {
    const answers = await Promise.all(['/healthz', '/readyz', '/user', '/nothing', '/openapi.json'].map((path) => app.rest('GET', path)));
    const ids = answers.map((answer) => answer.headers['x-request-id']);
    assert.ok(ids.every((id) => id?.length > 0));
    assert.equal(new Set(ids).size, ids.length);
  });

  test('an unknown path is 404, an unknown method 405 with Allow', async () => {
    isProblem(await app.rest('GET', '/nothing'), 404, 'not_found');
    const answer = await app.rest('PUT', '/user', {});
    isProblem(answer, 405, 'method_not_allowed');
    const allowed = answer.headers.allow.split(',').map((method) => method.trim());
    assert.ok(allowed.includes('GET') && allowed.includes('POST') && !allowed.includes('PUT'), answer.headers.allow);
  });

  test('no credential, a wrong one and a wrong kind of one are 401', async () => {
    isProblem(await chatd.rest('GET', '/user'), 401, 'unauthorized');
    isProblem(await chatd.rest('GET', '/user', { token: 'ck_wrong' }), 401, 'unauthorized');
    isProblem(await chatd.rest('GET', '/user', { headers: { Authorization: 'Basic YTpi' } }), 401, 'unauthorized');
  });

  test('a body that is no JSON is 400', async () => {
    for (const body of ['{', '', 'hello', '{"appUserId":1,}', '{"appUserId":"\u0001"}', Buffer.from('{"appUserId":"\xff"}', 'latin1'), '['.repeat(5000)]) {
      const answer = await app.rest('POST', '/user', body);
      isProblem(answer, 400);
    }
  });

  test('a body that is JSON and no object is refused', async () => {
    for (const body of ['[]', '7', '"x"', 'null']) {
      const answer = await app.rest('POST', '/user', body);
      assert.ok([400, 422].includes(answer.status), `${body}: ${answer.status}`);
    }
  });

  test('a body of another type is 415', async () => {
    isProblem(await app.rest('POST', '/user', 'appUserId=1', { headers: { 'Content-Type': 'application/x-www-form-urlencoded' } }), 415);
    const withCharset = await app.rest('POST', '/user', { appUserId: 'charset' }, { headers: { 'Content-Type': 'application/json; charset=utf-8' } });
    assert.equal(withCharset.status, 201);
  });

  test('a body over limits.body_bytes is 413', async () => {
    isProblem(await app.rest('POST', '/user', { appUserId: 1, firstName: 'x'.repeat(1_000_001) }), 413);
  });

  test('an unknown field of the body or the query is 422 and named', async () => {
    const body = await app.rest('POST', '/user', { appUserId: 1, favouriteColour: 'blue' });
    isProblem(body, 422);
    assert.deepEqual(body.body.errors.map((error) => error.field), ['favouriteColour']);
    const query = await app.rest('GET', '/user?colour=blue');
    isProblem(query, 422);
    assert.deepEqual(query.body.errors.map((error) => error.field), ['colour']);
  });

  test('wrong fields are all named', async () => {
    const answer = await app.rest('POST', '/user', { appUserId: {}, firstName: 7 });
    isProblem(answer, 422, 'invalid');
    assert.deepEqual(answer.body.errors.map((error) => error.field).sort(), ['appUserId', 'firstName']);
  });

  test('lists come in pages that follow each other without overlap', async () => {
    const paged = await TestApp.create(chatd);
    for (let i = 0; i < 25; ++i) await paged.user(`p${i}`);
    const seen = [];
    let cursor;
    let pages = 0;
    do {
      const { status, body } = await paged.rest('GET', `/user?limit=10${cursor ? `&cursor=${encodeURIComponent(cursor)}` : ''}`);
      assert.equal(status, 200);
      assert.deepEqual(Object.keys(body).sort(), ['items', 'nextCursor']);
      seen.push(...body.items.map((user) => user.id));
      cursor = body.nextCursor;
      pages += 1;
    } while (cursor !== null);
    assert.equal(pages, 3);
    assert.equal(new Set(seen).size, 25);
    const { body } = await paged.rest('GET', '/user');
    assert.equal(body.items.length, 20);
  });

  test('a limit outside of 1 to 100 and a broken cursor are 422', async () => {
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'limit=-1', 'cursor=%00', 'cursor=broken']) {
      const answer = await app.rest('GET', `/user?${query}`);
      assert.equal(answer.status, 422, `${query}: ${answer.status}`);
    }
  });

  describe('Idempotency-Key', () => {
    const key = (value) => ({ headers: { 'Idempotency-Key': value } });

    test('the same request again gets the same answer and is not done twice', async () => {
      const { room } = await app.pair('idem-a', 'idem-b');
      const send = () => app.rest('POST', `/chats/${room.id}/messages`, { text: 'once', appUserId: 'idem-a' }, key('k-1'));
      const first = await send();
      const second = await send();
      assert.equal(first.status, 201);
      assert.equal(second.status, 201);
      assert.deepEqual(second.body, first.body);
      const { body } = await app.rest('GET', `/chats/${room.id}/messages`);
      assert.equal(body.items.length, 1);
    });

    test('another body under the same key is 422', async () => {
      await app.rest('POST', '/room', { room: 'idem-1', type: 'group', users: [] }, key('k-2'));
      isProblem(await app.rest('POST', '/room', { room: 'idem-2', type: 'group', users: [] }, key('k-2')), 422, 'idempotency_mismatch');
    });

    test('the key belongs to the credential: another app may use the same', async () => {
      const other = await TestApp.create(chatd);
      const mine = await app.rest('POST', '/room', { room: 'idem-3', type: 'group', users: [] }, key('k-3'));
      const theirs = await other.rest('POST', '/room', { room: 'idem-4', type: 'group', users: [] }, key('k-3'));
      assert.deepEqual([mine.status, theirs.status], [201, 201]);
      assert.notEqual(mine.body.id, theirs.body.id);
    });

    test('an answer with a secret is not kept: the repeat is 409 with the id', async () => {
      const name = `secret-${Date.now()}`;
      const make = () => chatd.admin('POST', '/app', { body: { name }, headers: { 'Idempotency-Key': 'k-4' } });
      const first = await make();
      assert.equal(first.status, 201);
      const again = await make();
      isProblem(again, 409, 'already_done');
      assert.ok(again.text.includes(String(first.body.appId)));
      assert.ok(!again.text.includes(first.body.apiKey));
    });

    test('twenty at the same moment are done once', async () => {
      const { room } = await app.pair('many-a', 'many-b');
      const answers = await Promise.all(Array.from({ length: 20 }, () => app.rest('POST', `/chats/${room.id}/messages`, { text: 'x', appUserId: 'many-a' }, key('k-5'))));
      assert.ok(answers.every((answer) => answer.status === 201 || answer.body.code === 'idempotency_running'), answers.map((answer) => answer.status).join());
      const { body } = await app.rest('GET', `/chats/${room.id}/messages`);
      assert.equal(body.items.length, 1);
    });
  });

  test('healthz, readyz and openapi.json are for anyone', async () => {
    for (const path of ['/healthz', '/readyz']) assert.equal((await chatd.rest('GET', path)).status, 200);
    const { status, body, headers } = await chatd.rest('GET', '/openapi.json');
    assert.equal(status, 200);
    assert.match(headers['content-type'], /^application\/json/);
    assert.match(body.openapi, /^3\.1/);
    for (const path of ['/app', '/user', '/room', '/auth/login', '/chats/{id}/messages', '/message/{id}']) assert.ok(body.paths[path], path);
    assert.ok(Object.keys(body.components.schemas).length > 5);
  });

  test('every reference within openapi.json leads somewhere, and operation ids are unique', async () => {
    const { body } = await chatd.rest('GET', '/openapi.json');
    const references = [...JSON.stringify(body).matchAll(/"\$ref":"#\/([^"]+)"/g)].map((match) => match[1]);
    for (const reference of references) {
      const target = reference.split('/').reduce((node, part) => node?.[part.replaceAll('~1', '/').replaceAll('~0', '~')], body);
      assert.ok(target, reference);
    }
    const ids = Object.values(body.paths).flatMap((path) => Object.values(path).map((operation) => operation.operationId)).filter(Boolean);
    assert.equal(new Set(ids).size, ids.length);
  });

  test('metrics are for a peer, not for the network', async () => {
    assert.ok([401, 403].includes((await chatd.rest('GET', '/metrics')).status));
    const { status, text } = await chatd.admin('GET', '/metrics');
    assert.equal(status, 200);
    assert.match(text, /^# (HELP|TYPE) /m);
  });

  test('HEAD answers like GET without a body', async () => {
    const answer = await chatd.rest('HEAD', '/healthz');
    assert.equal(answer.status, 200);
    assert.equal(answer.text, '');
  });

  test('the pages have their types, tags and policies, and nothing is read from outside of them', async () => {
    const page = await chatd.rest('GET', '/demo/');
    assert.equal(page.status, 200);
    assert.match(page.headers['content-type'], /^text\/html/);
    assert.match(page.headers['content-security-policy'], /default-src 'self'/);
    assert.equal((await chatd.rest('GET', '/demo/', { headers: { 'If-None-Match': page.headers.etag } })).status, 304);
    assert.equal((await chatd.rest('GET', '/demo')).headers.location, '/demo/');
    for (const path of ['/demo/../chatd', '/demo/%2e%2e/%2e%2e/bin/chatd', '/demo/..%2f..%2fbin/chatd', '/swagger/../demo/', '/demo//etc/passwd']) {
      assert.ok([400, 404].includes((await chatd.rest('GET', path)).status), path);
    }
  });
});
