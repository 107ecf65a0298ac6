// A client of /ws with a memory: every frame is kept in order, answers are found by id.
import WebSocket from 'ws';

import { until } from './wait.mjs';

const ANSWER_MS = 30_000;

export class WsClient {
  /** options: token (query unless `headers` or `protocols` bring it), app, protocols, headers, query. */
  constructor(chatd, { token, app, protocols = [], headers = {}, query = {} } = {}) {
    const parameters = new URLSearchParams(query);
    if (token !== undefined) parameters.set('token', token);
    if (app !== undefined) parameters.set('app', app);
    this.frames = [];
    this.pings = 0;
    this.ids = 0;
    this.socket = new WebSocket(`${chatd.webSocketUrl}/ws?${parameters}`, protocols, { headers });
    this.socket.on('message', (data, binary) => this.frames.push(binary ? { binary: data } : JSON.parse(data.toString('utf8'))));
    this.socket.on('ping', () => { this.pings += 1; });
    this.socket.on('upgrade', (response) => { this.upgrade = response; });
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => { this.close_ = { code, reason: reason.toString() }; resolve(this.close_); });
    });
    this.socket.on('unexpected-response', (_request, response) => {
      let body = '';
      response.on('data', (part) => { body += part; });
      response.on('end', () => { this.refusal = { status: response.statusCode, headers: response.headers, text: body, body: body ? JSON.parse(body) : undefined }; });
    });
    this.socket.on('error', (error) => { this.error = error; });
  }

  /** A session that has said hello. */
  static async connect(chatd, options) {
    const client = new WsClient(chatd, options);
    await until(() => `hello; ${client.refusal?.text ?? client.error ?? ''}`, () => {
      if (client.refusal) throw Object.assign(new Error(`refused: ${client.refusal.text}`), { refusal: client.refusal });
      if (client.error) throw client.error;
      return client.frames[0];
    });
    client.hello = client.frames[0];
    return client;
  }

  /** The HTTP answer of an upgrade that must not succeed. */
  static async refused(chatd, options) {
    const client = new WsClient(chatd, options);
    try {
      return await until('a refusal', () => client.refusal ?? (client.frames.length > 0 && { status: 101 }));
    } finally {
      client.close();
    }
  }

  raw(text) { this.socket.send(text); }

  /** Sends without waiting; answers the id. */
  post(type, fields = {}) {
    const id = ++this.ids;
    this.raw(JSON.stringify({ type, id, ...fields }));
    return id;
  }

  answered(id, patience = ANSWER_MS) {
    return until(() => `answer ${id}; closed: ${JSON.stringify(this.close_)}`, () => this.frames.find((frame) => frame.id === id && (frame.type === 'ok' || frame.type === 'error')), patience);
  }

  /** Sends and waits for the answer. */
  ask(type, fields) { return this.answered(this.post(type, fields)); }

  /** The same, where a refusal is a fault of the test. */
  async must(type, fields) {
    const answer = await this.ask(type, fields);
    if (answer.type !== 'ok') throw new Error(`${type}: ${JSON.stringify(answer)}`);
    return answer;
  }

  all(type) { return this.frames.filter((frame) => frame.type === type); }
  mark() { return this.frames.length; }

  next(type, condition = () => true, { after = 0, patience } = {}) {
    return until(
      () => `event ${type}; seen: ${JSON.stringify(this.frames.slice(after).map((frame) => frame.type))}`,
      () => this.frames.slice(after).find((frame) => frame.type === type && condition(frame)),
      patience,
    );
  }

  /** Resolves when the server has handled everything sent so far. */
  async settled() { await this.ask('are-we-there-yet'); }

  close() { this.socket.terminate(); }
}
