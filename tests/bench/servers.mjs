// The three servers under test, each as { name, pid, port, sidePid, prepare(shape), stop() }. prepare() makes the users and rooms
// of a scenario and answers the generator's arguments for it.
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';

export const SERVER_CORE = '0';
const PINNED = ['taskset', '-c', SERVER_CORE];
const REQUESTS_AT_ONCE = 16;
const USERS_PER_REQUEST = 100;

async function inParallel(items, work) {
  const queue = items.entries();
  await Promise.all(Array.from({ length: REQUESTS_AT_ONCE }, async () => {
    for (const [, item] of queue) await work(item);
  }));
}

async function startPeer(name, folder, script, ...args) {
  const out = join(folder, `${name}.out`);
  const file = openSync(out, 'w');
  const node = [process.execPath, join(dirname(fileURLToPath(import.meta.url)), 'peers', script), '0', ...args];
  const child = spawn(PINNED[0], [...PINNED.slice(1), ...node], { stdio: ['ignore', file, 'inherit'], env: { ...process.env, NODE_ENV: 'production' } });
  closeSync(file);
  const exited = new Promise((done) => child.once('exit', done));
  const ready = await until(`${name} is ready`, () => {
    if (child.exitCode !== null) throw new Error(`${name} ended at start`);
    return /^peer ready on .*:(\d+)$/m.exec(readFileSync(out, 'utf8'));
  });
  let scenes = 0;
  return {
    name,
    pid: child.pid, // taskset becomes the program
    port: Number(ready[1]),
    prepare: async () => ['--room-prefix', `scene-${++scenes}-`],
    async stop() {
      child.kill('SIGTERM');
      await exited;
    },
  };
}

export const startInMemory = (folder) => startPeer('socket.io in memory', folder, 'inmemory.mjs');

export async function startInsert(folder, postgres) {
  const peer = await startPeer('express + socket.io + INSERT', folder, 'postgres.mjs', postgres.url);
  return { ...peer, sidePid: postgres.pid };
}

/**
 * chatd with its defaults (every acknowledged message is on disk) on a SQLite file, or on `postgres`; only the rates are off, as the
 * peers have none. `program`: another build of it, to compare with.
 */
export async function startChatd(folder, { postgres, program } = {}) {
  const env = { CHATD_LIMITS__MESSAGES_PER_SECOND: '0', CHATD_LOG__LEVEL: 'warning', ...(postgres && { CHATD_STORE__URL: postgres.create('chatd') }) };
  const chatd = await Chatd.start({ env, wrap: PINNED, purpose: 'bench', program });
  const app = await TestApp.create(chatd, 'bench');
  const tokens = [];
  let scenes = 0;
  return {
    name: `chatd${postgres ? ' on PostgreSQL' : ''}${program ? ', the other build' : ''}`,
    pid: chatd.pid,
    sidePid: postgres?.pid,
    port: chatd.port,
    checkOrder: true,
    async prepare({ rooms, members }) {
      const first = tokens.length;
      for (let i = first; i < rooms * members; ++i) tokens.push(randomBytes(16).toString('hex'));
      const missing = Array.from({ length: tokens.length - first }, (_, i) => first + i);
      await inParallel(missing, (i) => app.must('POST', '/user', { appUserId: `user-${i}`, token: tokens[i] }));
      const prefix = `scene-${++scenes}-`;
      await inParallel(Array.from({ length: rooms }, (_, i) => i), async (room) => {
        const users = Array.from({ length: members }, (_, i) => `user-${room * members + i}`);
        await app.must('POST', '/room', { room: prefix + room, type: 'group', users: users.slice(0, USERS_PER_REQUEST) });
        for (let i = USERS_PER_REQUEST; i < users.length; i += USERS_PER_REQUEST) {
          await app.must('PUT', '/room/add', { room: prefix + room, users: users.slice(i, i + USERS_PER_REQUEST) });
        }
      });
      const file = join(folder, `tokens-${scenes}`);
      writeFileSync(file, `${tokens.slice(0, rooms * members).join('\n')}\n`, { mode: 0o600 });
      return ['--room-prefix', prefix, '--tokens', file];
    },
    stop: () => chatd.stop(),
  };
}
