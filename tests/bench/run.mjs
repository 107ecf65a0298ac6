// The bench. Three servers in one run, each alone while it is measured, pinned to core 0; the generator on core 1. PostgreSQL is
// pinned to neither and its CPU is reported apart and not counted for its peer, which favours the peer. Options:
//   --seconds N   of measuring a figure (5)         --idle N   sessions for the memory figure (10000)
//   --only fanout|durable|idle|store|verify         --json FILE  all figures for a program
//   --messages N   in the long room of the history figure (200000; the promise speaks of 10000000)
//   --shape RxMxN  one shape alone (100x10x8)       --beside FILE another build of chatd in the same run, each figure of it first
//   --no-peers     chatd alone
//   --no-postgres  leave the INSERT peer out        --no-chatd  the peers alone
// The generator is ../../build/bin/bench_loadgen (BENCH_LOADGEN), chatd ../../build/bin/chatd (CHATD_BIN).
import { execFileSync, spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statfsSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

import { CHATD, removeFolder, temporaryFolder } from '../support/chatd.mjs';
import { startPostgres } from '../support/postgres.mjs';
import { startChatd, startInMemory, startInsert } from './servers.mjs';
import { durableTable, fanoutTable, idleTable } from './tables.mjs';

const GENERATOR_CORE = '1';
const PAYLOAD = 128;
const FANOUT = [
  { rooms: 100, members: 10, underWay: 1 },
  { rooms: 100, members: 10, underWay: 8 },
  { rooms: 1, members: 1000, underWay: 1 },
  { rooms: 1, members: 1000, underWay: 16 },
];
const DURABLE = [
  { rooms: 1, members: 1, underWay: 1 },
  { rooms: 8, members: 1, underWay: 1 },
  { rooms: 64, members: 1, underWay: 1 },
  { rooms: 64, members: 1, underWay: 8 },
];

const { values: options } = parseArgs({
  options: {
    seconds: { type: 'string', default: '5' },
    idle: { type: 'string', default: '10000' },
    only: { type: 'string' },
    shape: { type: 'string' },
    beside: { type: 'string' },
    'no-peers': { type: 'boolean', default: false },
    messages: { type: 'string', default: '200000' },
    json: { type: 'string' },
    'no-postgres': { type: 'boolean', default: false },
    'no-chatd': { type: 'boolean', default: false },
  },
});

/** An executable of the release tree that is not part of `all`. */
function built(target) {
  const build = resolve(dirname(fileURLToPath(import.meta.url)), '../../build');
  const made = spawnSync('cmake', ['--build', build, '--target', target, '-j', '2'], { stdio: ['ignore', 'ignore', 'inherit'] });
  if (made.status !== 0) throw new Error(`${target} could not be built: run cmake --preset release first`);
  return join(build, 'bin', target);
}

/** The store without a network: appends against one INSERT a message on the same server, and pages of history. */
function storeFigures(server, where) {
  const [append, history] = ['bench_store', 'bench_history'].map(built);
  const run = (program, ...args) => execFileSync(program, args, { encoding: 'utf8' });
  return [
    'The store alone, PostgreSQL:', run(append, server.create('appends'), options.seconds),
    run(history, server.create('history'), options.messages, options.seconds),
    'The store alone, SQLite:', run(append, where, '1'), run(history, where, options.messages, options.seconds),
  ].join('\n');
}

/** Verifications alone: inline, by process, from the cache. */
function verifyFigures() {
  return `Verifications, without a network (the daemon's chain on a store in memory):\n${execFileSync(built('bench_verify'), [options.seconds], { encoding: 'utf8' })}`;
}

function generator() {
  if (process.env.BENCH_LOADGEN) return resolve(process.env.BENCH_LOADGEN);
  return built('bench_loadgen');
}

const loadgen = options.only === 'verify' ? null : generator();

async function measure(server, shape, gate, extra = []) {
  const prepared = await server.prepare(shape);
  const args = [
    '-c', GENERATOR_CORE, loadgen, '--port', server.port, '--rooms', shape.rooms, '--members', shape.members, '--under-way', shape.underWay,
    '--gate', gate, '--seconds', options.seconds, '--payload', PAYLOAD, '--server-pid', server.pid, '--check-order', server.checkOrder ? 'yes' : 'no',
    ...(server.sidePid ? ['--side-pid', server.sidePid] : []), ...prepared, ...extra,
  ].map(String);
  console.error(`  ${server.name}: ${shape.rooms} × ${shape.members}, ${shape.underWay} under way`);
  return JSON.parse(execFileSync('taskset', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'inherit'] }));
}

/** On a fresh process: what other figures have left in its heap is not the price of a session. */
async function idleFigure(start, join) {
  const server = await start();
  try {
    const members = 10;
    const shape = { rooms: Math.ceil(Number(options.idle) / members), members, underWay: 0 };
    return await measure(server, shape, 'acked', ['--join', join, '--seconds', '1', '--warmup', '2']);
  } finally {
    await server.stop();
  }
}

const shapes = (all) => all.filter((each) => !options.shape || options.shape === `${each.rooms}x${each.members}x${each.underWay}`);

/** Every figure of one server, which is alone on the machine meanwhile. */
async function figuresOf(start, { durable, fanout = true }) {
  const wanted = (part) => !options.only || options.only === part;
  const server = await start();
  const figures = { name: server.name, fanout: [], durable: [], idle: [] };
  try {
    if (wanted('fanout') && fanout) for (const shape of shapes(FANOUT)) figures.fanout.push(await measure(server, shape, 'delivered'));
    if (wanted('durable') && durable) for (const shape of shapes(DURABLE)) figures.durable.push(await measure(server, shape, 'acked'));
  } finally {
    await server.stop();
  }
  if (wanted('idle') && fanout) {
    for (const join of ['no', 'yes']) figures.idle.push({ join, ...await idleFigure(start, join) });
  }
  return figures;
}

function machine() {
  const governor = '/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor';
  return [
    `${cpus().length} × ${cpus()[0].model.trim()}, Linux ${execFileSync('uname', ['-r'], { encoding: 'utf8' }).trim()}`,
    existsSync(governor) ? `governor ${readFileSync(governor, 'utf8').trim()}` : null,
    `Node ${process.version}`,
    `load before the run ${readFileSync('/proc/loadavg', 'utf8').split(' ')[0]}`,
  ].filter(Boolean).join(', ');
}

if (cpus().length < 2) throw new Error('the bench needs two cores: one for the server, one for the generator');
const TMPFS = 0x01021994; // statfs(2)
if (options.only === 'verify') {
  console.log(`${machine()}\n\n${verifyFigures()}`);
  process.exit(0);
}
const folder = temporaryFolder('bench');
if (statfsSync(folder).type === TMPFS) {
  removeFolder(folder);
  throw new Error('the temporary directory is in memory, where a commit costs nothing: set TMPDIR to a folder on a disk');
}
let postgres;
let store;
try {
  console.log(`${machine()}; ${PAYLOAD}-byte payload, ${options.seconds} s a figure`);
  const results = [];
  if (!options['no-peers']) results.push(await figuresOf(() => startInMemory(folder), { durable: false }));
  if (!options['no-postgres'] && !options['no-peers']) {
    postgres = await startPostgres(folder);
    results.push(await figuresOf(() => startInsert(folder, postgres), { durable: true }));
    if (!options['no-chatd']) {
      results.push(await figuresOf(() => startChatd(folder, { postgres }), { durable: true, fanout: false }));
      if (!options.only || options.only === 'store') store = storeFigures(postgres, folder);
    }
    await postgres.stop();
  }
  if (!options['no-chatd']) {
    if (!existsSync(CHATD)) throw new Error(`there is no ${CHATD}: build first, or --no-chatd`);
    for (const program of options.beside ? [resolve(options.beside), undefined] : [undefined]) {
      results.push(await figuresOf(() => startChatd(folder, { program }), { durable: true }));
    }
  }
  const verify = !options.only && !options['no-chatd'] ? verifyFigures() : null;
  const tables = [fanoutTable(shapes(FANOUT), results), durableTable(shapes(DURABLE), results), idleTable(results), store, verify].filter(Boolean);
  console.log(`\n${tables.join('\n\n')}`);
  if (options.json) writeFileSync(options.json, JSON.stringify({ machine: machine(), options, results }, null, 2));
} finally {
  removeFolder(folder);
}
