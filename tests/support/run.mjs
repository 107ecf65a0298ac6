// Runs a program to its end: { code, signal, out, err }. Nothing of the caller's CHATD_/CHATCTL_ environment is passed on.
import { spawn } from 'node:child_process';

import { cleanEnvironment } from './chatd.mjs';

const RUN_MS = 180_000;

export function run(program, args, { env = {}, input = '', cwd } = {}) {
  return new Promise((resolve, reject) => {
    const child = spawn(program, args.map(String), { env: cleanEnvironment(env), cwd, stdio: 'pipe' });
    let [out, err] = ['', ''];
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`${program} ${args.join(' ')} did not end; it said: ${out}${err}`));
    }, RUN_MS);
    child.stdout.on('data', (part) => { out += part; });
    child.stderr.on('data', (part) => { err += part; });
    child.stdin.on('error', () => {}); // it may end without reading
    child.stdin.end(input);
    child.on('error', reject);
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      resolve({ code, signal, out, err });
    });
  });
}
