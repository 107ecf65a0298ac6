// The official Socket.IO clients of all the versions in use, behind one face: what they are sent is kept in order, and what
// version they are shows only where they are made.
import { io as io4 } from 'socket.io-client';
import io2 from 'socket.io-client-2';
import { io as io3 } from 'socket.io-client-3';

import { until, within } from './wait.mjs';

const MAKERS = {
  4: (url, { auth, ...options }) => io4(url, { auth, ...options }),
  3: (url, { auth, ...options }) => io3(url, { auth, ...options }),
  // No CONNECT payload yet: what identifies the user is in the query.
  2: (url, { auth, ...options }) => io2(url, { query: auth, ...options }),
};

export const VERSIONS = Object.keys(MAKERS).map(Number);

export const WAYS = [
  { way: 'polling only', transports: ['polling'] },
  { way: 'websocket only', transports: ['websocket'] },
  { way: 'an upgrade', transports: ['polling', 'websocket'] },
];

export class OfficialClient {
  constructor(version, url, options) {
    this.events = []; // { name, args }
    this.connects = 0;
    this.errors = [];
    this.socket = MAKERS[version](url, { forceNew: true, reconnectionDelay: 20, reconnectionDelayMax: 200, timeout: 5000, ...options });
    this.socket.on('connect', () => { this.connects += 1; });
    this.socket.on(version === 2 ? 'error' : 'connect_error', (error) => this.errors.push(error));
  }

  /** Keeps events of these names. */
  listen(...names) {
    for (const name of names) this.socket.on(name, (...args) => this.events.push({ name, args }));
    return this;
  }

  /** Connected for the n-th time, and upgraded if it can be. */
  async connected(times = 1) {
    await until(() => `connected; errors: ${this.errors}`, () => this.connects >= times && this.socket.connected);
    const manager = this.socket.io;
    if (manager.opts.transports.length > 1) {
      await until('upgraded', () => manager.engine.transport.name === manager.opts.transports.at(-1));
    }
    return this;
  }

  get transport() { return this.socket.io.engine.transport.name; }

  /** Loses the connection without a word to the server, as a network does, and comes back. */
  async lose() {
    const times = this.connects + 1;
    this.socket.io.engine.close();
    await this.connected(times);
  }

  emit(...args) { this.socket.emit(...args); }

  /** Emits, and answers the arguments of the acknowledgement. */
  ask(...args) {
    return within(new Promise((done) => { this.socket.emit(...args, (...answer) => done(answer)); }), `an answer to ${args[0]}`);
  }

  all(name) { return this.events.filter((event) => event.name === name).map((event) => event.args); }

  /** The arguments of the n-th event of that name. */
  nth(name, n) {
    return until(() => `${name} number ${n}; seen: ${JSON.stringify(this.events.map((event) => event.name))}`, () => this.all(name)[n]);
  }

  close() { this.socket.close(); }
}
