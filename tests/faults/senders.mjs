// Senders that never lose count: each has a few messages under way, numbered in its order, sends again what stayed unknown
// under its clientMsgId, and knows of each what it was told. And the judge of what the history holds afterwards.
import { ChatClient } from '../support/chat_client.mjs';

const UNDER_WAY = 2; // of each sender
const PAGE = 100;
const PAUSE_MS = 20; // before something is tried again

const pause = (ms) => new Promise((done) => setTimeout(done, ms));

/** What all senders of a program were told. */
export class Ledger {
  acked = new Map(); // text → the acknowledged message
  refused = new Set(); // store_unavailable: nothing was stored and nothing will be
  unknown = new Set(); // outcome_unknown, or the connection went before the answer
  contradictions = [];
  faults = [];

  acknowledged(text, message) {
    const first = this.acked.get(text);
    if (first && (first.id !== message.id || first.seq !== message.seq)) this.contradictions.push(text);
    this.acked.set(text, message);
  }
}

export class Sender {
  constructor(name, user, room, ledger) {
    Object.assign(this, { name, user, room, ledger, next: 1, unanswered: new Set() });
  }

  /** Joins and sends as long as the connection is there or until `stop()`: first what has no answer, unchanged and in its order. */
  async talk(url) {
    this.client = await ChatClient.join(url, this.user.token, this.room);
    this.up = true;
    this.client.socket.on('disconnect', () => { this.up = false; });
    const old = [...this.unanswered].sort((a, b) => a - b);
    while (old.length < UNDER_WAY) old.push(this.next++);
    this.pumps = old.map((number) => this.pump(number));
  }

  async pump(first) {
    for (let number = first; this.up; number = this.next++) {
      this.unanswered.add(number);
      if (!await this.sendUntilKnown(number)) return;
      this.unanswered.delete(number);
    }
  }

  /** False: the connection went, or we were stopped, before it was known. */
  async sendUntilKnown(number) {
    const text = `${this.name}:${number}`;
    while (this.up) {
      let answer;
      try {
        answer = await this.client.socket.emitWithAck('send_message', { text, clientMsgId: text });
      } catch (error) {
        if (this.client.socket.connected) throw error;
        this.ledger.unknown.add(text);
        return false;
      }
      if (answer.ok) {
        this.ledger.acknowledged(text, answer.message);
        return true;
      }
      if (answer.code === 'store_unavailable' && !this.ledger.unknown.has(text)) {
        this.ledger.refused.add(text); // never sent again: it must not be there
        await pause(PAUSE_MS);
        return true;
      }
      if (answer.code === 'outcome_unknown') this.ledger.unknown.add(text);
      else if (answer.code !== 'store_unavailable' && answer.code !== 'busy') {
        this.ledger.faults.push(`${text}: ${answer.code}`);
        return true;
      }
      await pause(PAUSE_MS);
    }
    return false;
  }

  /** Ends when what is under way is known. */
  async stop() {
    this.up = false;
    await Promise.all(this.pumps);
    this.client.close();
  }

  /** After the daemon has gone. */
  async silenced() {
    await this.client.disconnected();
    await Promise.all(this.pumps);
    this.client.close();
  }
}

/** Sends what never got an answer once more: each becomes one message. */
export async function settleUnanswered(url, senders) {
  await Promise.all(senders.map(async (sender) => {
    if (sender.unanswered.size === 0) return;
    sender.client = await ChatClient.join(url, sender.user.token, sender.room);
    sender.up = true;
    for (const number of [...sender.unanswered].sort((a, b) => a - b)) {
      if (await sender.sendUntilKnown(number)) sender.unanswered.delete(number);
    }
    sender.up = false;
    sender.client.close();
  }));
}

export async function wholeHistory(app, roomId) {
  const messages = [];
  for (let before; ;) {
    const { body } = await app.rest('GET', `/chats/${roomId}/messages?limit=${PAGE}${before ? `&before=${before}` : ''}`);
    messages.push(...body.items);
    if (body.items.length < PAGE) return messages.reverse();
    before = body.items.at(-1).seq;
  }
}

/** Counts what is wrong in the histories (each oldest first), and says it in one line. */
export function judge(histories, ledger) {
  const byText = new Map();
  const count = { acked: ledger.acked.size, present: 0, lost: 0, doubled: 0, disordered: 0, gaps: 0, unknown: ledger.unknown.size, resurrected: 0 };
  for (const messages of histories) {
    count.present += messages.length;
    const highest = new Map(); // sender → its highest number so far
    messages.forEach((message, i) => {
      if (message.seq !== i + 1) count.gaps += 1;
      if (i > 0 && message.id <= messages[i - 1].id) count.disordered += 1;
      const [sender, number] = [message.text.slice(0, message.text.lastIndexOf(':')), Number(message.text.split(':').at(-1))];
      if (number <= (highest.get(sender) ?? 0)) count.disordered += 1;
      highest.set(sender, Math.max(number, highest.get(sender) ?? 0));
      if (byText.has(message.text)) count.doubled += 1;
      byText.set(message.text, message);
      if (ledger.refused.has(message.text)) count.resurrected += 1;
    });
  }
  for (const [text, message] of ledger.acked) {
    const found = byText.get(text);
    if (!found || found.id !== message.id || found.seq !== message.seq) count.lost += 1;
  }
  count.text = `acked ${count.acked} / present ${count.present} / lost ${count.lost} / doubled ${count.doubled} / out of order ${count.disordered}`
    + ` / gaps ${count.gaps} / unknown ${count.unknown} / refused and there all the same ${count.resurrected}`;
  return count;
}

/** The checks that every program about durability ends with. */
export function checkAll(report, what, count, ledger) {
  report.note(count.text);
  report.check(`${what}: nothing acknowledged was lost`, count.lost === 0);
  report.check(`${what}: nothing is there twice`, count.doubled === 0);
  report.check(`${what}: ids and each sender's messages are in order`, count.disordered === 0);
  report.check(`${what}: seq has no gap`, count.gaps === 0);
  report.check(`${what}: what was refused as not stored is not there`, count.resurrected === 0);
  report.check(`${what}: a repeat answers the first message`, ledger.contradictions.length === 0, ledger.contradictions.slice(0, 3).join());
  report.check(`${what}: no other refusals`, ledger.faults.length === 0, ledger.faults.slice(0, 3).join());
}
