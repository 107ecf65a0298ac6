// chatctl as a test runs it: against one daemon, with a home of its own.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

import { CHATCTL } from './chatd.mjs';
import { run } from './run.mjs';

export class Chatctl {
  /** The words of every command that was run, for who wants to know that all were. */
  static asked = [];

  /** env: more variables; they win. */
  constructor(chatd, env = {}) {
    this.home = join(chatd.folder, 'home');
    mkdirSync(this.home, { recursive: true });
    this.env = { HOME: this.home, CHATCTL_SERVER: `unix:${chatd.adminSocket}`, ...env };
  }

  with(env) {
    const other = Object.create(Chatctl.prototype);
    return Object.assign(other, { home: this.home, env: { ...this.env, ...env } });
  }

  /** { code, out, err }; options: input, cwd. */
  raw(args, options = {}) {
    Chatctl.asked.push(args);
    return run(CHATCTL, args, { ...options, env: { ...this.env, ...options.env } });
  }

  /** The output of what must succeed. */
  async ok(...args) {
    const { code, out, err } = await this.raw(args);
    assert.equal(code, 0, `chatctl ${args.join(' ')}: ${err}`);
    return out;
  }

  async json(...args) {
    return JSON.parse(await this.ok('-o', 'json', ...args));
  }

  /** stderr of what must end with this code and write nothing. */
  async fails(expected, ...args) {
    const { code, out, err } = await this.raw(args);
    assert.equal(code, expected, `chatctl ${args.join(' ')}: ${out}${err}`);
    assert.equal(out, '');
    assert.notEqual(err, '');
    return err;
  }
}

/** Why a test cannot run here, or false: programs that a package brings. In CI that is a failure, not a skip. */
export function missing(...programs) {
  const absent = programs.filter((name) => spawnSync('sh', ['-c', `command -v ${name}`]).status !== 0);
  if (absent.length === 0) return false;
  const words = `${absent.join(', ')} is missing`;
  assert.notEqual(process.env.CI, 'true', words);
  return words;
}
