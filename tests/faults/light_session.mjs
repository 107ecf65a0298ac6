// A Socket.IO session that costs this process little, for programs that need thousands: a plain TCP socket with just enough
// WebSocket framing. It answers pings and knows how it ended; frames go to `onPacket(text)` if there is one.
import net from 'node:net';

const MASK = Buffer.from([1, 2, 3, 4]);

export class LightSession {
  constructor(chatd, token) {
    Object.assign(this, { chatd, token, pending: Buffer.alloc(0), upgraded: false, connected: false, closeCode: null, ended: false, bytesRead: 0 });
    this.socket = net.connect(chatd.port, chatd.host, () => this.socket.write(
      `GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: ${chatd.host}:${chatd.port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n`
      + 'Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAECAwQFBgcICQoLDA0ODw==\r\n\r\n'));
    this.socket.setNoDelay(true);
    this.socket.on('data', (bytes) => this.take(bytes));
    this.socket.on('error', (error) => { this.error = error.code; });
    this.socket.on('close', () => { this.ended = true; });
  }

  send(text) {
    const payload = Buffer.from(text);
    const head = payload.length < 126 ? Buffer.from([0x81, 0x80 | payload.length]) : Buffer.from([0x81, 0xfe, payload.length >> 8, payload.length & 255]);
    for (let i = 0; i < payload.length; ++i) payload[i] ^= MASK[i % 4];
    this.socket.write(Buffer.concat([head, MASK, payload]));
  }

  take(bytes) {
    this.bytesRead += bytes.length;
    this.pending = this.pending.length === 0 ? bytes : Buffer.concat([this.pending, bytes]);
    if (!this.upgraded) {
      const end = this.pending.indexOf('\r\n\r\n');
      if (end < 0) return;
      this.upgraded = true;
      this.pending = this.pending.subarray(end + 4);
    }
    while (this.pending.length >= 2) {
      let length = this.pending[1] & 0x7f;
      let head = 2;
      if (length === 126) {
        if (this.pending.length < 4) break;
        length = this.pending.readUInt16BE(2);
        head = 4;
      } else if (length === 127) {
        if (this.pending.length < 10) break;
        length = Number(this.pending.readBigUInt64BE(2));
        head = 10;
      }
      if (this.pending.length < head + length) break;
      const payload = this.pending.subarray(head, head + length);
      if ((this.pending[0] & 15) === 8) this.closeCode = payload.length >= 2 ? payload.readUInt16BE(0) : 0;
      else this.takePacket(payload);
      this.pending = this.pending.subarray(head + length);
    }
    // Not a view into a large buffer that would stay alive with it.
    this.pending = this.pending.length === 0 ? Buffer.alloc(0) : Buffer.from(this.pending);
  }

  takePacket(payload) {
    if (payload[0] === 0x30) this.send(`40${JSON.stringify({ token: this.token })}`);
    else if (payload[0] === 0x32) this.send('3');
    else if (payload[0] === 0x34 && payload[1] === 0x30) this.connected = true;
    else this.onPacket?.(payload.toString('utf8'));
  }

  /** Closed in any way, or refused. */
  get gone() { return this.ended || this.closeCode !== null; }

  destroy() { this.socket.destroy(); }
}
