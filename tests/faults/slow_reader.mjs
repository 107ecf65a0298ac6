// Two members of a room stop reading. The daemon ends both instead of keeping what they do not read: the one that reads again within
// 5 s finds the close frame with 4008 behind the frame that was under way; the one that never does is reset. The others get every
// message, in order, and memory stays bounded.
import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';
import { LightSession } from './light_session.mjs';
import { mib, peakDuring, residentBytes } from './process.mjs';
import { FULL, run } from './report.mjs';

const MEMBERS = FULL ? 200 : 50;
const MESSAGE_BYTES = 12_000; // 16 KB as base64
const OUTBOX_BYTES = 256 * 1024;
const ENOUGH_BYTES = 16 * 2 ** 20; // more than the socket buffers of both ends (6 + 4 MiB at most) and the outbox hold together
const MESSAGES = Math.ceil(ENOUGH_BYTES / (MESSAGE_BYTES * 4 / 3));
const MEMORY_BOUND = 64 * 2 ** 20; // growth; one copy of everything for each member would be over a gigabyte
const SEQ = /"seq":(\d+)/;

async function openConnections(chatd) {
  const { text } = await chatd.admin('GET', '/metrics');
  return [...text.matchAll(/^chatd_connections\{.*\} (\d+)$/gm)].reduce((sum, [, count]) => sum + Number(count), 0);
}

await run(async (report) => {
  const chatd = await Chatd.start({
    env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0', CHATD_LIMITS__OUTBOX_BYTES: String(OUTBOX_BYTES) }, purpose: 'reader',
  });
  const sessions = [];
  let sender;
  try {
    const app = await TestApp.create(chatd);
    const names = Array.from({ length: MEMBERS }, (_, i) => `member-${i}`);
    const users = [];
    for (const name of names) users.push(await app.user(name));
    await app.room('hall', 'group', names);
    sender = await ChatClient.join(chatd.url, users[0].token, 'hall');
    for (const user of users.slice(1)) {
      const session = new LightSession(chatd, user.token);
      session.seqs = [];
      session.onPacket = (packet) => {
        if (packet.startsWith('430[')) session.joined = packet.includes('"ok":true');
        else if (packet.startsWith('42["message"')) session.seqs.push(Number(SEQ.exec(packet)[1]));
      };
      sessions.push(session);
    }
    await until('all are connected', () => sessions.every((session) => session.connected), 60_000);
    sessions.forEach((session) => session.send('420["join","hall"]'));
    await until('all have joined', () => sessions.every((session) => session.joined), 60_000);

    const [late, never, ...others] = sessions;
    const lateUser = users[1];
    late.socket.pause();
    never.socket.pause();
    const openBefore = await openConnections(chatd);
    const text = 'x'.repeat(MESSAGE_BYTES);
    const started = Date.now();
    const before = residentBytes(chatd.pid);
    let sent = 0;
    let dropped = false; // the daemon has given up on the late one
    const { peak } = await peakDuring(chatd.pid, async () => {
      for (; sent < MESSAGES; ++sent) {
        const answer = await sender.ask('send_message', text);
        if (!answer.ok) throw new Error(JSON.stringify(answer));
        if (dropped || sent % 10 !== 0) continue;
        dropped = (await app.rest('GET', `/user/${lateUser.id}/sessions`)).body.items.length === 0;
        if (dropped) late.socket.resume();
      }
      await until('the others have everything', () => others.every((session) => session.seqs.length >= sent || session.gone), 60_000);
    });
    report.note(`${sent} messages of ${MESSAGE_BYTES} bytes to ${MEMBERS} sessions in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    report.check('the others stay', others.every((session) => !session.gone), `${others.filter((session) => session.gone).length} of ${others.length} gone`);
    report.check('and miss nothing, in order', others.every((session) => session.seqs.length === sent && session.seqs.every((seq, i) => seq === i + 1)));
    report.check('the daemon gives up on who does not read', dropped);
    await until('the late one has its end', () => late.ended, 15_000);
    report.check('who reads again in time finds 4008', late.closeCode === 4008, `code ${late.closeCode}, ${late.error ?? 'no error'}, ${late.seqs.length} of ${sent} read`);
    // The other is not told anything while it does not read; the daemon's own count says when it is gone.
    await until('the other is cut off', async () => (await openConnections(chatd)) <= openBefore - 2, 15_000);
    never.socket.resume();
    await until('and notices when it reads', () => never.gone, 15_000);
    report.check('who does not read again is cut off', never.gone, `code ${never.closeCode}, ${never.error ?? 'no error'}, ${never.seqs.length} of ${sent} read`);
    report.check('what they got has no gap', [late, never].every((session) => session.seqs.every((seq, i) => seq === i + 1)));
    report.check('memory stays bounded', peak - before < MEMORY_BOUND, `${mib(before)} before, ${mib(peak)} at most`);
  } finally {
    sessions.forEach((session) => session.destroy());
    sender?.close();
    await chatd.stop();
  }
});
