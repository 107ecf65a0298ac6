// A PostgreSQL of its own for the INSERT peer: fresh cluster in a temporary folder, free port, defaults of Debian (fsync and
// synchronous_commit on). It refuses root, so as root it runs as the user `postgres`.
import { execFileSync, spawn } from 'node:child_process';
import { chmodSync, chownSync, closeSync, mkdirSync, openSync, readdirSync, readFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { join } from 'node:path';

import { until } from '../support/wait.mjs';

const ROOT = '/usr/lib/postgresql';

function programs() {
  const newest = readdirSync(ROOT).map(Number).filter(Boolean).sort((a, b) => b - a)[0];
  if (!newest) throw new Error(`no PostgreSQL under ${ROOT}: apt-get install postgresql`);
  return join(ROOT, String(newest), 'bin');
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

/** Answers { pid, url, version, stop() }. `folder` is a fresh one that everybody may enter. */
export async function startPostgres(folder) {
  const bin = programs();
  const as = identity();
  const data = join(folder, 'postgres');
  mkdirSync(data, { mode: 0o700 });
  if (as.uid !== undefined) {
    chmodSync(folder, 0o755);
    chownSync(data, as.uid, as.gid);
  }
  execFileSync(join(bin, 'initdb'), ['-D', data, '-A', 'trust', '-U', 'bench', '-E', 'UTF8', '--no-sync'], { ...as, cwd: data, stdio: ['ignore', 'ignore', 'inherit'] });
  const port = await freePort();
  const log = openSync(join(folder, 'postgres.log'), 'w');
  const child = spawn(join(bin, 'postgres'), ['-D', data, '-p', String(port), '-c', 'listen_addresses=127.0.0.1', '-c', 'unix_socket_directories='], {
    ...as, cwd: data, stdio: ['ignore', log, log],
  });
  closeSync(log);
  const exited = new Promise((done) => child.once('exit', done));
  await until('PostgreSQL is ready', () => {
    if (child.exitCode !== null) throw new Error(readFileSync(join(folder, 'postgres.log'), 'utf8'));
    return readFileSync(join(folder, 'postgres.log'), 'utf8').includes('ready to accept connections');
  }, 60_000);
  return {
    pid: child.pid,
    url: `postgresql://bench@127.0.0.1:${port}/postgres`,
    version: execFileSync(join(bin, 'postgres'), ['--version'], { encoding: 'utf8' }).trim(),
    async stop() {
      child.kill('SIGINT'); // fast shutdown
      await exited;
    },
  };
}
