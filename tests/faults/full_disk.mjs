// A disk that is full, and one that turned read-only: senders are answered with 503, nothing acknowledged is missing, nothing
// refused is there, history is served, and when there is room again everything resumes alone. Needs root, to mount.
import { execFileSync } from 'node:child_process';
import { chmodSync, mkdirSync, rmSync, statfsSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { Chatd, removeFolder, temporaryFolder, TestApp } from '../support/chatd.mjs';
import { Postgres, postgresPrograms } from '../support/postgres.mjs';
import { until } from '../support/wait.mjs';
import { run } from './report.mjs';
import { checkAll, judge, Ledger, wholeHistory } from './senders.mjs';

const TEXT_BYTES = 4_000;
const AT_ONCE = 8;
const REFUSALS = 20;
const SPARE_BYTES = 2 << 20; // what is left for messages before the disk is full

class Disk {
  constructor(path, mount) {
    Object.assign(this, { path, ballast: join(path, 'ballast') });
    mkdirSync(path);
    mount(path);
    chmodSync(path, 0o755);
  }

  /** Leaves little room. */
  fill() {
    const { bavail, bsize } = statfsSync(this.path);
    writeFileSync(this.ballast, Buffer.alloc(Math.max(0, bavail * bsize - SPARE_BYTES)));
  }

  free() { rmSync(this.ballast, { force: true }); }
  unmount() { execFileSync('umount', ['-l', this.path]); }
}

const tmpfs = (megabytes) => (path) => execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path]);

/** Sends by REST until so many were refused (or `enough()`). Answers the codes that were seen. */
async function sendUntilRefused(app, room, ledger, names) {
  const codes = {};
  let refused = 0;
  await Promise.all(names.map(async (name) => {
    for (let number = ledger.next(); refused < REFUSALS; number = ledger.next()) {
      const text = `${name}-${'x'.repeat(TEXT_BYTES)}:${number}`;
      const { status, body } = await app.rest('POST', `/chats/${room.id}/messages`, { text, clientMsgId: `${number}`, appUserId: name });
      const code = status === 201 ? 'ok' : body.code;
      codes[code] = (codes[code] ?? 0) + 1;
      if (status === 201) ledger.acknowledged(text, body);
      else {
        refused += 1;
        if (code === 'outcome_unknown') ledger.unknown.add(text);
        else if (code === 'store_unavailable' && status === 503) ledger.refused.add(text);
        else ledger.faults.push(`${status} ${code}`);
      }
    }
  }));
  return codes;
}

async function stage(chatd) {
  const app = await TestApp.create(chatd);
  const names = Array.from({ length: AT_ONCE }, (_, i) => `writer-${i}`);
  for (const name of names) await app.user(name);
  const room = await app.room('narrow', 'group', names);
  const ledger = new Ledger();
  let number = 0;
  ledger.next = () => ++number;
  return { app, names, room, ledger };
}

async function fullDisk(report, what, { chatd, disk, revive }) {
  const { app, names, room, ledger } = await stage(chatd);
  disk.fill();
  const codes = await sendUntilRefused(app, room, ledger, names);
  report.note(`${what}: ${JSON.stringify(codes)}`);
  report.check(`${what}: it was filled`, (codes.ok ?? 0) > 0);
  disk.free();
  await revive();
  await until('writes go on', async () => (await app.rest('POST', `/chats/${room.id}/messages`, { text: 'again:1', clientMsgId: 'again', appUserId: names[0] })).status < 300, 30_000);
  for (const text of ledger.unknown) {
    const [name, number] = [text.slice(0, text.lastIndexOf('-')), text.split(':').at(-1)];
    await until('an unknown one is known', async () => {
      const { status, body } = await app.rest('POST', `/chats/${room.id}/messages`, { text, clientMsgId: number, appUserId: name });
      if (status < 300) ledger.acknowledged(text, body);
      return status < 300;
    });
  }
  checkAll(report, what, judge([await wholeHistory(app, room.id)], ledger), ledger);
}

async function sqliteFull(report, folder) {
  const disk = new Disk(join(folder, 'sqlite'), tmpfs(24));
  let chatd;
  try {
    chatd = await Chatd.start({ env: { CHATD_STORE__URL: `sqlite:${join(disk.path, 'chatd.db')}`, CHATD_LIMITS__MESSAGES_PER_SECOND: '0' }, purpose: 'disk' });
    await fullDisk(report, 'disk full under SQLite', { chatd, disk, revive: async () => {} });
  } finally {
    if (chatd) await chatd.stop();
    disk.unmount();
  }
}

async function postgresFull(report, folder) {
  if (!postgresPrograms()) return report.skip('disk full under PostgreSQL: it is not installed');
  const disk = new Disk(join(folder, 'pg'), tmpfs(160));
  let postgres;
  let chatd;
  try {
    postgres = await Postgres.start(disk.path, { max_wal_size: '32MB', min_wal_size: '32MB', shared_buffers: '16MB' });
    chatd = await Chatd.start({ env: { CHATD_STORE__URL: postgres.url, CHATD_STORE__TIMEOUT_MS: '1000', CHATD_LIMITS__MESSAGES_PER_SECOND: '0' }, purpose: 'disk' });
    await fullDisk(report, 'disk full under PostgreSQL', {
      chatd, disk,
      // Without room for its log the server ends itself; who frees the disk starts it again.
      revive: async () => { if (!postgres.running) await postgres.launch(); },
    });
  } finally {
    if (chatd) await chatd.stop();
    if (postgres) await postgres.stop();
    disk.unmount();
  }
}

// A disk that fails under a file system turns it read-only: ext4 on a loop device, told to behave as after such a failure.
async function readOnly(report, folder) {
  const image = join(folder, 'image');
  execFileSync('truncate', ['-s', '64M', image]);
  execFileSync('mkfs.ext4', ['-q', '-F', image]);
  let device;
  try {
    device = execFileSync('losetup', ['--find', '--show', image], { encoding: 'utf8' }).trim();
  } catch (error) {
    return report.skip(`read-only file system: no loop device (${error.message.split('\n')[0]})`);
  }
  const disk = new Disk(join(folder, 'ext4'), (path) => execFileSync('mount', [device, path]));
  let chatd;
  try {
    chatd = await Chatd.start({ env: { CHATD_STORE__URL: `sqlite:${join(disk.path, 'chatd.db')}`, CHATD_LIMITS__MESSAGES_PER_SECOND: '0' }, purpose: 'readonly' });
    const { app, names, room, ledger } = await stage(chatd);
    for (let i = 0; i < 20; ++i) {
      const text = `${names[0]}:${ledger.next()}`;
      ledger.acknowledged(text, await app.must('POST', `/chats/${room.id}/messages`, { text, appUserId: names[0] }));
    }
    execFileSync('mount', ['-o', 'remount,abort', disk.path]);
    const codes = await sendUntilRefused(app, room, ledger, names);
    report.note(`read-only: ${JSON.stringify(codes)}`);
    report.check('read-only: nothing was acknowledged any more', codes.ok === undefined && ledger.faults.length === 0, ledger.faults.join());
    report.check('read-only: readyz says so', (await chatd.rest('GET', '/readyz')).status === 503);
    const history = await wholeHistory(app, room.id);
    report.check('read-only: history is still served', history.filter((message) => ledger.acked.has(message.text)).length === ledger.acked.size, `${history.length}`);
  } finally {
    if (chatd) await chatd.kill9(); // it cannot end in order on a disk that is gone
    disk.unmount();
    execFileSync('losetup', ['--detach', device]);
    if (chatd) removeFolder(chatd.folder);
  }
}

await run(async (report) => {
  if (process.getuid() !== 0) return report.skip('full and read-only disks: only root may mount them');
  const folder = temporaryFolder('disk');
  chmodSync(folder, 0o755);
  try {
    await sqliteFull(report, folder);
    await postgresFull(report, folder);
    await readOnly(report, folder);
  } finally {
    removeFolder(folder);
  }
});
