// A chatd of its own for a test: a temporary data directory, a free port, the admin socket, and everything stopped by pid.
// CHATD_BIN names another executable than ../build/bin/chatd; CHATD_TEST_KEEP=1 keeps the directories.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import { request } from './http.mjs';
import { until, within } from './wait.mjs';

const HERE = dirname(fileURLToPath(import.meta.url));
export const CHATD = resolve(process.env.CHATD_BIN ?? join(HERE, '../../build/bin/chatd'));
export const CHATCTL = resolve(process.env.CHATCTL_BIN ?? join(CHATD, '../chatctl'));

const READY = /^chatd ready on (https?):\/\/(.+):(\d+)$/m;
const START_MS = 60_000;
const STOP_MS = 60_000;

/** The environment of a child: ours without what is meant for the tests, because chatd refuses CHATD_ variables it does not know. */
export function cleanEnvironment(extra = {}) {
  const kept = Object.entries(process.env).filter(([name]) => !name.startsWith('CHATD_') && !name.startsWith('CHATCTL_'));
  return { ...Object.fromEntries(kept), ...extra };
}

export function temporaryFolder(purpose = 'test') {
  return mkdtempSync(join(tmpdir(), `chatd-${purpose}-`));
}

export function removeFolder(folder) {
  if (process.env.CHATD_TEST_KEEP) console.error(`kept: ${folder}`);
  else rmSync(folder, { recursive: true, force: true });
}

export class Chatd {
  program = CHATD; // an object that was not made by start() has it too

  /**
   * options: env (CHATD_… settings), args (more flags), wrap (a command in front, such as ['taskset', '-c', '0']), listen (entries
   * of the key `listen`, or what makes them from the folder, instead of one plain address), program (another build of chatd).
   */
  static async start({ env = {}, args = [], wrap = [], purpose, listen, program = CHATD } = {}) {
    const chatd = new Chatd();
    chatd.folder = temporaryFolder(purpose);
    chatd.dataDir = join(chatd.folder, 'data');
    chatd.log = join(chatd.folder, 'log');
    chatd.out = join(chatd.folder, 'out');
    Object.assign(chatd, { env, args, wrap, program, port: 0, host: '127.0.0.1', scheme: 'http' });
    chatd.listen = typeof listen === 'function' ? listen(chatd.folder) : listen;
    await chatd.launch();
    return chatd;
  }

  /** Starts the process on the same data directory and, once it had one, the same port. */
  async launch() {
    const out = openSync(this.out, 'w');
    const log = openSync(this.log, 'a');
    const where = this.listen ? [] : ['--listen', `${this.host}:${this.port}`];
    const env = this.listen ? { CHATD_LISTEN: JSON.stringify(this.listen), ...this.env } : this.env;
    const argv = [...this.wrap, this.program, '--dev', '--data-dir', this.dataDir, ...where, ...this.args];
    this.child = spawn(argv[0], argv.slice(1), { stdio: ['ignore', out, log], env: cleanEnvironment(env), cwd: this.folder });
    closeSync(out);
    closeSync(log);
    this.exited = new Promise((done) => {
      this.child.once('exit', (code, signal) => done({ code, signal }));
      this.child.once('error', (error) => done({ error }));
    });
    let gone;
    this.exited.then((how) => { gone = how; });
    const ready = await until(
      () => `chatd ready; its log: ${this.readLog()}`,
      () => {
        if (gone) throw new Error(`chatd ended at start: ${JSON.stringify(gone)} ${this.readLog()}`);
        return READY.exec(readFileSync(this.out, 'utf8'));
      },
      START_MS,
    ).catch((error) => {
      this.child.kill('SIGKILL'); // nobody else knows of it, and Node would wait for it
      throw error;
    });
    this.scheme = ready[1];
    this.port = Number(ready[3]);
  }

  get pid() { return this.child.pid; }
  get url() { return `${this.scheme}://${this.host}:${this.port}`; }
  get webSocketUrl() { return `${this.scheme === 'https' ? 'wss' : 'ws'}://${this.host}:${this.port}`; }
  /** Where it listens for clients, in the order of `listen`. */
  get urls() { return [...this.readLog().matchAll(/msg=listening url=(\S+)/g)].map((match) => match[1]); }
  get adminSocket() { return join(this.dataDir, 'admin.sock'); }
  readLog() { return existsSync(this.log) ? readFileSync(this.log, 'utf8') : ''; }

  /** A request over the admin socket: an operator. */
  admin(method, path, options) {
    return request({ socketPath: this.adminSocket, host: 'localhost' }, method, path, options);
  }

  /** A request over TCP (plain, also where TLS listens first): who it is depends on options.token. */
  rest(method, path, options) {
    const port = this.scheme === 'http' ? this.port : new URL(this.urls.find((url) => url.startsWith('http:'))).port;
    return request({ host: this.host, port }, method, path, options);
  }

  /** The same, where anything but success is a fault of the test. */
  async must(method, path, body, options = {}) {
    const answer = await (options.token === undefined ? this.admin : this.rest).call(this, method, path, { body, ...options });
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`);
    return answer.body;
  }

  signal(name) { process.kill(this.pid, name); }

  async kill9() {
    this.signal('SIGKILL');
    await this.exited;
  }

  /** SIGTERM; resolves with { code, signal } of the end. */
  async terminate() {
    if (this.child.exitCode === null && this.child.signalCode === null) this.signal('SIGTERM');
    return within(this.exited, 'chatd stopped after SIGTERM', STOP_MS);
  }

  /** The end of a test: down by whatever it takes, and nothing left. */
  async stop() {
    try {
      await this.terminate();
    } catch (error) {
      await this.kill9();
      throw error;
    } finally {
      removeFolder(this.folder);
    }
  }
}

/** A registered app with its key, and short ways to its users and rooms. */
export class TestApp {
  static async create(chatd, name = `app-${randomBytes(4).toString('hex')}`, fields = {}) {
    const app = new TestApp();
    Object.assign(app, { chatd, name, users: new Map() });
    app.created = await chatd.must('POST', '/app', { name, ...fields });
    app.id = app.created.appId;
    app.key = app.created.apiKey;
    return app;
  }

  rest(method, path, body, options = {}) {
    return this.chatd.rest(method, path, { token: this.key, body, ...options });
  }

  must(method, path, body) {
    return this.chatd.must(method, path, body, { token: this.key });
  }

  /** Registers a user with a token of its own. Answers { id, appUserId, token, … }. */
  async user(appUserId, fields = {}) {
    const token = `token-${this.id}-${appUserId}-${randomBytes(12).toString('hex')}`;
    const user = { ...(await this.must('POST', '/user', { appUserId, token, ...fields })), token };
    this.users.set(String(appUserId), user);
    return user;
  }

  room(room, type, appUserIds, fields = {}) {
    return this.must('POST', '/room', { room, type, users: appUserIds, ...fields });
  }

  /** Two users and their direct room. */
  async pair(first = 1, second = 2) {
    const a = await this.user(first, { firstName: 'Ann' });
    const b = await this.user(second, { firstName: 'Bob' });
    const room = await this.must('POST', '/room', { type: 'direct', users: [first, second] });
    return { a, b, room };
  }
}
