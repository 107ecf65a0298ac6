// A folder of test plugins that chatd takes: owned by who runs the tests, writable by nobody else.
import { chmodSync, copyFileSync, mkdirSync } from 'node:fs';
import { join, resolve } from 'node:path';

import { CHATD } from './chatd.mjs';

/** Makes `folder`/plugins with copies of these (`evil` is evil.so of the build); its path. */
export function pluginFolder(folder, ...names) {
  const plugins = join(folder, 'plugins');
  mkdirSync(plugins, { mode: 0o755 });
  for (const name of names) {
    copyFileSync(join(resolve(CHATD, '../../test-plugins'), `${name}.so`), join(plugins, `${name}.so`));
    chmodSync(join(plugins, `${name}.so`), 0o644);
  }
  return plugins;
}
