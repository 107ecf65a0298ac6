// A bare WebSocket to /socket.io/, for what the official client would never send. Packets are Engine.IO text: 0 open, 2 ping,
// 3 pong, 4 message, and in a message Socket.IO's 0 CONNECT, 1 DISCONNECT, 2 EVENT, 3 ACK, 4 CONNECT_ERROR.
import WebSocket from 'ws';

import { until } from './wait.mjs';

export class RawSocket {
  constructor(url, options = {}) {
    this.packets = [];
    this.closed = null; // { code, reason } or { error }
    this.ws = new WebSocket(url, { perMessageDeflate: false, handshakeTimeout: 30_000, ...options });
    this.ws.on('message', (bytes, isBinary) => {
      const text = isBinary ? bytes : bytes.toString('utf8');
      if (text === '2') this.ws.send('3');
      this.packets.push(text);
    });
    this.ws.on('unexpected-response', (request, response) => {
      this.closed ??= { status: response.statusCode };
      request.destroy();
    });
    this.ws.on('error', (error) => { this.closed ??= { error: error.message }; });
    this.ws.on('close', (code, reason) => { this.closed ??= { code, reason: reason.toString() }; });
  }

  /** Open, with the Engine.IO handshake read. */
  static async open(chatd, { query = '', ...options } = {}) {
    const socket = new RawSocket(`${chatd.webSocketUrl}/socket.io/?EIO=4&transport=websocket${query}`, options);
    await socket.next('0{');
    return socket;
  }

  /** Open and connected to "/". */
  static async connect(chatd, token) {
    const socket = await RawSocket.open(chatd);
    socket.send(`40${JSON.stringify({ token })}`);
    await socket.next('40{');
    return socket;
  }

  send(data, options) { this.ws.send(data, options); }

  /** The first packet that begins with `prefix`. */
  next(prefix, patience) {
    return until(
      () => `packet ${prefix}…; have ${JSON.stringify(this.packets)}, closed: ${JSON.stringify(this.closed)}`,
      () => {
        const found = this.packets.find((packet) => typeof packet === 'string' && packet.startsWith(prefix));
        if (!found && this.closed) throw new Error(`closed before ${prefix}: ${JSON.stringify(this.closed)}`);
        return found;
      },
      patience,
    );
  }

  /** How it ended. */
  ended(patience) { return until('the socket is closed', () => this.closed, patience); }

  close() { this.ws.terminate(); }
}
