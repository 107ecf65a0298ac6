// The figures as Markdown tables. Ratios are to the first server (in memory) or, for durable sends, to the INSERT peer; same run.

/** The first two columns are words, the others figures. */
function table(title, head, rows) {
  const all = [head, ...rows].map((row) => row.map(String));
  const widths = head.map((_, column) => Math.max(...all.map((row) => row[column].length)));
  const line = (row) => `| ${row.map((cell, column) => (column < 2 ? cell.padEnd(widths[column]) : cell.padStart(widths[column]))).join(' | ')} |`;
  const rule = `|${widths.map((width, column) => (column < 2 ? '-'.repeat(width + 2) : `${'-'.repeat(width + 1)}:`)).join('|')}|`;
  return [title, '', line(all[0]), rule, ...all.slice(1).map(line)].join('\n');
}

const whole = (value) => Math.round(value).toLocaleString('en-US');
const ratio = (value, base) => (base ? `${(value / base).toFixed(2)}×` : '');
const perCpu = (figure) => figure.deliveries / figure.serverCpu;

export function fanoutTable(shapes, all) {
  const results = all.filter(({ fanout }) => fanout.length > 0);
  if (results.length === 0) return null;
  const rows = shapes.flatMap(({ rooms, members, underWay }, i) => results.map(({ name, fanout }) => [
    `${rooms} × ${members}, ${underWay} under way`, name, whole(perCpu(fanout[i])), ratio(perCpu(fanout[i]), perCpu(results[0].fanout[i])),
    whole(fanout[i].deliveries / fanout[i].seconds), fanout[i].p50ms.toFixed(2), fanout[i].p99ms.toFixed(2),
    `${Math.round((100 * fanout[i].generatorCpu) / fanout[i].seconds)} %`, fanout[i].sideCpu ? fanout[i].sideCpu.toFixed(2) : '',
  ]));
  return table(
    'Fan-out: deliveries per CPU second of the server. A message is under way until it is acknowledged and every member has it.',
    ['rooms × members', 'server', 'deliveries / CPU s', 'ratio', 'deliveries / s', 'ack p50 ms', 'p99 ms', 'generator', 'PostgreSQL CPU s'], rows);
}

export function durableTable(shapes, results) {
  const durable = results.filter((result) => result.durable.length > 0);
  if (durable.length === 0) return null;
  const rate = (figure) => figure.acks / figure.seconds;
  const rows = shapes.flatMap(({ rooms, underWay }, i) => durable.map(({ name, durable: figures }) => [
    underWay === 1 ? `${rooms}` : `${rooms} × ${underWay} under way`, name, whole(rate(figures[i])), ratio(rate(figures[i]), rate(durable[0].durable[i])),
    figures[i].p50ms.toFixed(2), figures[i].p99ms.toFixed(2), figures[i].serverCpu.toFixed(2), figures[i].sideCpu ? figures[i].sideCpu.toFixed(2) : '',
  ]));
  return table(
    'Durable sends: acknowledged after the commit, each sender in a room of its own.',
    ['senders', 'server', 'acked sends / s', 'ratio', 'p50 ms', 'p99 ms', 'server CPU s', 'PostgreSQL CPU s'], rows);
}

export function idleTable(results) {
  const idle = results.filter((result) => result.idle.length > 0);
  if (idle.length === 0) return null;
  const perSession = (figure) => (figure.rssAfter - figure.rssBefore) / figure.sessions;
  const rows = idle[0].idle.flatMap(({ join }, i) => idle.map(({ name, idle: figures }) => [
    join === 'yes' ? 'joined, rooms of 10' : 'connected, in no room', name, whole(figures[i].sessions),
    `${(perSession(figures[i]) / 1024).toFixed(2)} KiB`, ratio(perSession(figures[i]), perSession(idle[0].idle[i])),
    `${whole(figures[i].rssAfter / 2 ** 20)} MiB`, `${figures[i].connectSeconds.toFixed(1)} s`,
  ]));
  return table('Memory of an idle session: growth of the resident set from the empty server.',
    ['sessions are', 'server', 'sessions', 'a session', 'ratio', 'resident', 'until all are there'], rows);
}
