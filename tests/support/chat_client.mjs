// The official Socket.IO client with a memory: every event is kept in order, so that a test can wait for one that may have come
// already, and can prove that another never came.
import { io } from 'socket.io-client';

import { until, within } from './wait.mjs';

const ANSWER_MS = 30_000;

export class ChatClient {
  /** options go to the client; `token` is short for auth.token. */
  constructor(url, { token, auth, ...options } = {}) {
    this.events = []; // { name, args }
    this.disconnects = [];
    this.connectErrors = [];
    this.connects = 0;
    const given = auth ?? (token === undefined ? undefined : { token });
    this.socket = io(url, { transports: ['websocket'], forceNew: true, reconnection: false, auth: given, ...options });
    this.socket.onAny((name, ...args) => this.events.push({ name, args }));
    this.socket.on('connect', () => { this.connects += 1; });
    this.socket.on('disconnect', (reason) => this.disconnects.push(reason));
    this.socket.on('connect_error', (error) => this.connectErrors.push(error));
  }

  /** A connected client; rejects if the connection is refused. */
  static async connect(url, options) {
    const client = new ChatClient(url, options);
    try {
      await client.connected();
    } catch (error) {
      client.close();
      throw error;
    }
    return client;
  }

  /** A connected client in a room. */
  static async join(url, token, room, options) {
    const client = await ChatClient.connect(url, { token, ...options });
    const answer = await client.ask('join', room);
    if (!answer.ok) throw new Error(`join ${room}: ${JSON.stringify(answer)}`);
    return client;
  }

  async connected() {
    await until('connected', () => {
      if (this.connectErrors.length > 0) throw this.connectErrors[0];
      return this.socket.connected;
    });
    return this;
  }

  /** The error of a connection that must not succeed. */
  async refused() {
    const error = await until('a connect_error', () => this.connectErrors[0] ?? (this.socket.connected && new Error('it connected')));
    if (this.socket.connected) throw error;
    return error;
  }

  get id() { return this.socket.id; }

  emit(event, ...args) { this.socket.emit(event, ...args); }

  /** Emits and waits for the acknowledgement. */
  ask(event, ...args) { return this.socket.timeout(ANSWER_MS).emitWithAck(event, ...args); }

  /** Everything of one name so far, as its first argument. */
  all(name) { return this.events.filter((event) => event.name === name).map((event) => event.args[0]); }

  /** A place in the memory, for next(…, { after }). */
  mark() { return this.events.length; }

  /** The first event of that name (and condition) from `after` on: its first argument. */
  async next(name, condition = () => true, { after = 0, patience } = {}) {
    const found = await until(
      () => `event ${name}; seen: ${JSON.stringify(this.events.map((event) => event.name))}`,
      () => this.events.slice(after).find((event) => event.name === name && condition(event.args[0])),
      patience,
    );
    return found.args[0];
  }

  async disconnected(patience) {
    return until('disconnected', () => this.disconnects[0], patience);
  }

  /** Resolves when the server has handled everything sent so far: events of a session are handled in order. */
  async settled() {
    await within(this.ask('are-we-there-yet'), 'the server has caught up');
  }

  close() {
    this.socket.disconnect();
  }
}

/** base64 of UTF-8, as the server's `message` field has it. */
export function textOf(message) {
  return Buffer.from(message.message, 'base64').toString('utf8');
}
