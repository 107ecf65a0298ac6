// kill -9 in the middle of sending, again and again on the same data. After each restart every message that was ever acknowledged
// must be in the history once, senders' orders kept, seq 1, 2, 3 … without a gap. What was sent and not acknowledged may be there
// once or not at all; it is sent again with the same clientMsgId, as a client would.
import { ChatClient } from '../support/chat_client.mjs';
import { Chatd, TestApp } from '../support/chatd.mjs';
import { until } from '../support/wait.mjs';
import { FULL, run } from './report.mjs';

const KILLS = FULL ? 50 : 5;
const SENDERS = 6;
const UNDER_WAY = 4; // of each sender
const ACKS_BEFORE_KILL = [40, 400]; // a random number between them
const ROOM = 'under-fire';

class Sender {
  constructor(name, user) {
    Object.assign(this, { name, user, next: 1, unanswered: new Map() });
  }

  /** Sends as long as the connection is there: first what got no answer, unchanged. */
  async talk(url, acknowledged, refused) {
    this.client = await ChatClient.join(url, this.user.token, ROOM);
    let up = true;
    this.client.socket.on('disconnect', () => { up = false; });
    const pump = async (first) => {
      for (let number = first; up; number = this.next++) {
        const text = this.unanswered.get(number) ?? `${this.name}:${number}`;
        this.unanswered.set(number, text);
        let answer;
        try {
          answer = await this.client.socket.emitWithAck('send_message', { text, clientMsgId: text });
        } catch (error) {
          if (this.client.socket.connected) throw error;
          return; // it went with the connection, and stays unanswered
        }
        if (!answer.ok) {
          refused.push(answer);
          return;
        }
        this.unanswered.delete(number);
        acknowledged(text, answer.message);
      }
    };
    const old = [...this.unanswered.keys()];
    while (old.length < UNDER_WAY) old.push(this.next++);
    this.pumps = old.map((number) => pump(number));
  }

  async silenced() {
    await this.client.disconnected();
    await Promise.all(this.pumps);
    this.client.close();
  }
}

async function wholeHistory(app, room) {
  const messages = [];
  for (let before; ;) {
    const { body } = await app.rest('GET', `/chats/${room.id}/messages?limit=100${before ? `&before=${before}` : ''}`);
    messages.push(...body.items);
    if (body.items.length < 100) return messages.reverse();
    before = body.items.at(-1).seq;
  }
}

await run(async (report) => {
  const chatd = await Chatd.start({ env: { CHATD_LIMITS__MESSAGES_PER_SECOND: '0' }, purpose: 'kill' });
  try {
    const app = await TestApp.create(chatd);
    const names = Array.from({ length: SENDERS }, (_, i) => `sender-${i}`);
    const senders = [];
    for (const name of names) senders.push(new Sender(name, await app.user(name)));
    const room = await app.room(ROOM, 'group', names);
    const acked = new Map(); // text → the acknowledged message
    const contradictions = [];
    const refused = [];
    const acknowledged = (text, message) => {
      const first = acked.get(text);
      if (first && (first.id !== message.id || first.seq !== message.seq)) contradictions.push(text);
      acked.set(text, message);
    };

    const totals = { lost: 0, doubled: 0, disordered: 0, gaps: 0 };
    let present = [];
    for (let kill = 1; kill <= KILLS; ++kill) {
      await Promise.all(senders.map((sender) => sender.talk(chatd.url, acknowledged, refused)));
      const [least, most] = ACKS_BEFORE_KILL;
      const target = acked.size + least + Math.floor(Math.random() * (most - least));
      await until(`${target} acknowledgements`, () => acked.size >= target, 60_000);
      await chatd.kill9();
      await Promise.all(senders.map((sender) => sender.silenced()));
      await chatd.launch();

      present = await wholeHistory(app, room);
      const byText = group(present);
      totals.lost += [...acked].filter(([text, message]) => !(byText.get(text) ?? []).some((each) => each.id === message.id && each.seq === message.seq)).length;
      totals.doubled += [...byText.values()].filter((list) => list.length > 1).length;
      totals.gaps += present.filter((message, i) => message.seq !== i + 1).length;
      totals.disordered += disorder(present, names);
      report.note(`kill ${kill}: ${acked.size} acknowledged, ${present.length} present`);
    }
    const all = `acked ${acked.size}, present ${present.length}, lost ${totals.lost}, doubled ${totals.doubled}, out of order ${totals.disordered}, gaps ${totals.gaps}`;
    report.note(all);
    report.check(`${KILLS} × kill -9: nothing acknowledged was lost`, totals.lost === 0);
    report.check('nothing is there twice', totals.doubled === 0);
    report.check('seq has no gap', totals.gaps === 0);
    report.check('history is in the order of ids', totals.disordered === 0);
    report.check('nothing was refused', refused.length === 0, refused.slice(0, 3).map((each) => each.code).join());
    report.check('a repeat answers the first message', contradictions.length === 0, contradictions.slice(0, 3).join());
  } finally {
    await chatd.stop();
  }
});

function group(messages) {
  const groups = new Map();
  for (const message of messages) groups.set(message.text, [...(groups.get(message.text) ?? []), message]);
  return groups;
}

/**
 * How many messages stand out of order: ids fall although seq rises; or a sender's numbers fall, where they may not: a sender has
 * several under way, so a number may only come after another that was already unanswered when it was sent.
 */
function disorder(messages, names) {
  let wrong = messages.filter((message, i) => i > 0 && message.id <= messages[i - 1].id).length;
  for (const name of names) {
    const numbers = messages.filter((message) => message.text.startsWith(`${name}:`)).map((message) => Number(message.text.split(':')[1]));
    let highest = 0;
    for (const number of numbers) {
      if (number < highest - UNDER_WAY) wrong += 1;
      highest = Math.max(highest, number);
    }
  }
  return wrong;
}
