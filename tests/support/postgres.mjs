// A PostgreSQL of a test's own: fresh cluster in a temporary folder, free port on loopback, defaults of Debian (fsync and
// synchronous_commit on). It refuses root, so as root it runs as the user `postgres`. Killed, stopped and started again at will.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, closeSync, existsSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { until } from './wait.mjs';

const ROOT = '/usr/lib/postgresql';
const START_MS = 60_000;

/** The newest installed server's folder of programs, or undefined. */
export function postgresPrograms() {
  if (!existsSync(ROOT)) return undefined;
  const newest = readdirSync(ROOT).map(Number).filter((version) => existsSync(join(ROOT, String(version), 'bin/initdb'))).sort((a, b) => b - a)[0];
  return newest && join(ROOT, String(newest), 'bin');
}

async function freePort() {
  const server = createServer();
  await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
  const { port } = server.address();
  await new Promise((done) => server.close(done));
  return port;
}

function identity() {
  if (process.getuid() !== 0) return {};
  const id = (flag) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }));
  return { uid: id('-u'), gid: id('-g') };
}

/** The processes of a server: it and its children, each of which may be anywhere in its work. */
function familyOf(pid) {
  const children = readdirSync('/proc').filter((name) => /^\d+$/.test(name)).filter((name) => {
    try {
      return Number(/^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, 'utf8'))?.[1]) === pid;
    } catch {
      return false; // it ended while we looked
    }
  });
  return [pid, ...children.map(Number)];
}

function signalIfThere(pid, name) {
  try {
    process.kill(pid, name);
  } catch (error) {
    if (error.code !== 'ESRCH') throw error;
  }
}

export class Postgres {
  /** `folder` is a fresh one that everybody may enter; settings: { name: value } of postgresql.conf. */
  static async start(folder, settings = {}) {
    const bin = postgresPrograms();
    if (!bin) throw new Error(`no PostgreSQL under ${ROOT}: apt-get install postgresql`);
    const postgres = new Postgres();
    Object.assign(postgres, { bin, as: identity(), folder, data: join(folder, 'postgres'), log: join(folder, 'postgres.log'), settings });
    mkdirSync(postgres.data, { mode: 0o700 });
    if (postgres.as.uid !== undefined) {
      chmodSync(folder, 0o755);
      chownSync(postgres.data, postgres.as.uid, postgres.as.gid);
    }
    execFileSync(join(bin, 'initdb'), ['-D', postgres.data, '-A', 'trust', '-U', 'bench', '-E', 'UTF8', '--no-sync', ...(settings.initdb ?? [])], { ...postgres.as, cwd: postgres.data, stdio: ['ignore', 'ignore', 'inherit'] });
    postgres.port = await freePort();
    await postgres.launch();
    return postgres;
  }

  /** Starts the server on its data again. */
  async launch() {
    const options = { port: this.port, listen_addresses: '127.0.0.1', unix_socket_directories: '', ...this.settings };
    delete options.initdb;
    const argv = ['-D', this.data, ...Object.entries(options).flatMap(([name, value]) => ['-c', `${name}=${value}`])];
    const deadline = Date.now() + START_MS;
    for (;;) {
      const log = openSync(this.log, 'w');
      this.child = spawn(join(this.bin, 'postgres'), argv, { ...this.as, cwd: this.data, stdio: ['ignore', log, log] });
      closeSync(log);
      this.exited = new Promise((done) => this.child.once('exit', done));
      const said = () => readFileSync(this.log, 'utf8');
      const ended = () => this.child.exitCode !== null || this.child.signalCode !== null;
      await until(() => `PostgreSQL is ready; it said: ${said()}`, () => said().includes('ready to accept connections') || ended(), START_MS);
      if (!ended()) return;
      // A process of the one that was killed still has the shared memory.
      if (!said().includes('pre-existing shared memory block') || Date.now() > deadline) throw new Error(said());
    }
  }

  get pid() { return this.child.pid; }
  get url() { return `postgresql://bench@127.0.0.1:${this.port}/postgres`; }
  get version() { return execFileSync(join(this.bin, 'postgres'), ['--version'], { encoding: 'utf8' }).trim(); }
  get running() { return this.child.exitCode === null && this.child.signalCode === null; }

  /** SIGKILL to every process of it, as a machine that goes down would. */
  async kill9() {
    for (const pid of familyOf(this.pid)) signalIfThere(pid, 'SIGKILL');
    await this.exited;
  }

  freeze() { for (const pid of familyOf(this.pid)) signalIfThere(pid, 'SIGSTOP'); }
  thaw() { for (const pid of familyOf(this.pid)) signalIfThere(pid, 'SIGCONT'); }

  /** The URL of a new, empty database. */
  create(name) {
    this.sql(`CREATE DATABASE ${name}`);
    return this.url.replace(/[^/]*$/, name);
  }

  /** Runs SQL with psql; what it prints, without decoration. */
  sql(text) {
    return execFileSync(join(this.bin, 'psql'), ['-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', this.url, '-c', text], { encoding: 'utf8' }).trim();
  }

  async stop() {
    if (!this.running) return;
    this.thaw();
    signalIfThere(this.pid, 'SIGINT'); // fast shutdown
    await this.exited;
  }
}

/** With the defaults. */
export const startPostgres = (folder) => Postgres.start(folder);
