// One member of a room stops reading. The daemon closes it (4008, or a reset where its window is full) instead of keeping what it
// does not read; the others get every message, in order, and memory stays bounded.
import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';
import { LightSession } from './light_session.mjs';
import { mib, peakDuring, residentBytes } from './process.mjs';
import { FULL, run } from './report.mjs';

const MEMBERS = FULL ? 200 : 50;
const MESSAGE_BYTES = 12_000; // 16 KB as base64
const OUTBOX_BYTES = 256 * 1024;
const ENOUGH_BYTES = 24 * 2 ** 20; // more than loopback socket buffers (6 MiB at most here) and the outbox hold together
const MESSAGES = Math.ceil(ENOUGH_BYTES / (MESSAGE_BYTES * 4 / 3));
const MEMORY_BOUND = 64 * 2 ** 20; // growth; one copy of everything for each member would be over a gigabyte
const SEQ = /"seq":(\d+)/;

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

    const [lazy, ...others] = sessions;
    lazy.socket.pause();
    const text = 'x'.repeat(MESSAGE_BYTES);
    const started = Date.now();
    const before = residentBytes(chatd.pid);
    let sent = 0;
    const { peak } = await peakDuring(chatd.pid, async () => {
      for (; sent < MESSAGES; ++sent) {
        const answer = await sender.ask('send_message', text);
        if (!answer.ok) throw new Error(JSON.stringify(answer));
      }
      await until('the others have everything', () => others.every((session) => session.seqs.length >= sent || session.gone), 60_000);
    });
    report.note(`${sent} messages of ${MESSAGE_BYTES} bytes to ${MEMBERS} sessions in ${((Date.now() - started) / 1000).toFixed(1)} s`);
    report.check('the others stay', others.every((session) => !session.gone), `${others.filter((session) => session.gone).length} of ${others.length} gone`);
    report.check('and miss nothing, in order', others.every((session) => session.seqs.length === sent && session.seqs.every((seq, i) => seq === i + 1)));
    // It learns of its end only when it reads again: first what the kernel still holds for it, then the close or the reset.
    lazy.socket.resume();
    await until('the one that did not read is gone', () => lazy.gone, 15_000);
    report.check('the one that stopped reading was closed', lazy.closeCode === 4008 || lazy.error === 'ECONNRESET' || (lazy.ended && lazy.seqs.length < sent), `code ${lazy.closeCode}, ${lazy.error ?? 'no error'}, it had read ${lazy.seqs.length} of ${sent}`);
    report.check('what it got has no gap', lazy.seqs.every((seq, i) => seq === i + 1));
    report.check('memory stays bounded', peak - before < MEMORY_BOUND, `${mib(before)} before, ${mib(peak)} at most`);
  } finally {
    sessions.forEach((session) => session.destroy());
    sender?.close();
    await chatd.stop();
  }
});
