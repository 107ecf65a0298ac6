// A chatd-conformance of its own for a test: a free port, stopped by pid. CHATD_CONFORMANCE_BIN names another executable than
// ../build/bin/chatd-conformance.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { cleanEnvironment } from './chatd.mjs';
import { until, within } from './wait.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
const PROGRAM = resolve(process.env.CHATD_CONFORMANCE_BIN ?? join(HERE, '../../build/bin/chatd-conformance'));
const READY = /^chatd-conformance ready on (http:\/\/.+:\d+)$/m;

export class Conformance {
  static async start(...options) {
    const server = new Conformance();
    server.child = spawn(PROGRAM, ['--listen', '127.0.0.1:0', ...options], { stdio: ['ignore', 'pipe', 'inherit'], env: cleanEnvironment() });
    server.ended = once(server.child, 'exit');
    let out = '';
    server.child.stdout.on('data', (data) => { out += data; });
    server.url = await until('chatd-conformance ready', () => {
      if (server.child.exitCode !== null) throw new Error(`chatd-conformance ended: ${server.child.exitCode}`);
      return READY.exec(out)?.[1];
    });
    return server;
  }

  async stop() {
    this.child.kill('SIGTERM');
    const [code] = await within(this.ended, 'chatd-conformance stopped after SIGTERM');
    if (code !== 0) throw new Error(`chatd-conformance ended with ${code}`);
  }
}
