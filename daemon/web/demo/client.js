// ChatClient: one user in one room over the official Socket.IO client. Knows the protocol and what has been said, draws nothing:
// every change goes to the view. Messages are kept by id, so what arrives twice (a reconnect, overlapping pages) is shown once.
import { io } from './socket.io.esm.min.js';

const PAGE = 20;
// After a reconnect pages are fetched until they meet what is already here; a longer gap starts afresh from the newest page.
const MAX_CATCH_UP_PAGES = 25;
const ANSWER_MS = 10_000;
const TYPING_REPEAT_MS = 2_000;
const TYPING_IDLE_MS = 3_000;

/** base64 of UTF-8, as the server's `message` field has it, to text. */
export function decodeText(base64) {
  const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
  return new TextDecoder().decode(bytes);
}

function randomId() {
  // Not crypto.randomUUID: that exists on https and localhost only.
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, '0')).join('');
}

export class ChatClient {
  constructor({ room, app, token, view }) {
    this.room = room;
    this.view = view;
    this.messages = new Map(); // id → message
    this.pending = new Map(); // clientMsgId → { clientMsgId, text, createdAt, failed }
    this.members = new Map(); // user id → user
    this.selfId = null;
    this.seenByOthers = 0; // highest seq that somebody else has read
    this.seenByMe = 0;
    this.joined = false;
    this.socket = io({ transports: ['websocket'], forceNew: true, autoConnect: false, auth: app ? { token, app } : { token } });
    this.listen();
  }

  connect() {
    this.view.setState('waiting', 'Connecting…');
    this.socket.connect();
  }

  disconnect() {
    this.socket.disconnect();
  }

  close() {
    this.view.detach();
    this.socket.removeAllListeners();
    this.socket.disconnect();
  }

  listen() {
    const { socket, view } = this;
    socket.on('connect', () => this.join());
    socket.on('connect_error', (error) => {
      // `active` tells whether the client will try again by itself; after a refusal by the server it will not.
      if (socket.active) view.setState('waiting', 'Reconnecting…');
      else view.setState('refused', 'Refused', `${error.message}${error.data?.code ? ` (${error.data.code})` : ''}`);
    });
    socket.on('disconnect', (reason) => {
      this.joined = false;
      if (socket.active) view.setState('waiting', 'Reconnecting…');
      else view.setState('offline', reason === 'io client disconnect' ? 'Disconnected' : 'Ended by the server');
    });
    socket.on('error', (error) => view.showProblem(`${error.message} (${error.code})`));
    socket.on('room_info', (info) => this.takeRoomInfo(info));
    socket.on('roomData', (data) => this.takePresence(data));
    socket.on('message', (message) => this.takeMessages([message], 'live'));
    socket.on('load_more', (list) => this.takePage(list));
    socket.on('message-updated', (message) => this.takeChange(message));
    socket.on('message-deleted', ({ id }) => this.takeChange({ id, deletedAt: new Date().toISOString(), text: '' }));
    socket.on('is_typing', ({ data, typing }) => view.setTyping(this.nameOf(data.id, data), typing === 'true'));
    socket.on('seen_by', ({ user, seq }) => {
      if (user.id === this.selfId) return;
      this.seenByOthers = Math.max(this.seenByOthers, seq);
      view.draw(this);
    });
  }

  async join() {
    this.view.setState('waiting', 'Joining…');
    const answer = await this.request('join', this.room);
    if (!answer?.ok) {
      if (answer) this.view.setState('refused', 'Refused', `${answer.message} (${answer.code})`);
      return;
    }
    this.joined = true;
    this.view.setState('online', 'Online');
    await this.catchUp();
    // Same clientMsgId as before: what did arrive is not said twice.
    for (const draft of this.pending.values()) this.deliver(draft);
  }

  /** Sends with an acknowledgement; null if none came (the connection is gone or the server is too slow). */
  async request(event, ...args) {
    try {
      return await this.socket.timeout(ANSWER_MS).emitWithAck(event, ...args);
    } catch {
      return null;
    }
  }

  // --- history -------------------------------------------------------------------------------------------------------------

  newestSeq() {
    return Math.max(0, ...Array.from(this.messages.values(), (message) => message.seq));
  }

  oldestSeq() {
    return Math.min(...Array.from(this.messages.values(), (message) => message.seq));
  }

  hasOlder() {
    return this.messages.size > 0 && this.oldestSeq() > 1 && !this.atStart;
  }

  async loadPage(page) {
    const arrived = new Promise((resolve) => { this.pageArrived = resolve; });
    const answer = await this.request('load_more', { page, limit: PAGE });
    if (!answer?.ok) return null;
    return arrived;
  }

  takePage(list) {
    this.takeMessages(list, 'history');
    this.pageArrived?.(list);
  }

  /** Pages are counted from the newest, so new messages only make them overlap: no message can fall between two of them. */
  async loadOlder() {
    const page = await this.loadPage(Math.floor(this.messages.size / PAGE) + 1);
    if (page?.length === 0) this.atStart = true;
    this.view.draw(this);
  }

  async catchUp() {
    const known = this.newestSeq();
    for (let page = 1; page <= MAX_CATCH_UP_PAGES; ++page) {
      const list = await this.loadPage(page);
      if (!list || list.length < PAGE || known === 0 || list.at(-1).seq <= known + 1) return;
    }
    for (const [id, message] of this.messages) if (message.seq <= known) this.messages.delete(id);
    this.view.draw(this);
  }

  takeMessages(list, origin) {
    for (const wire of list) {
      const message = { ...wire, text: wire.deletedAt ? '' : decodeText(wire.message) };
      if (wire.clientMsgId) this.pending.delete(wire.clientMsgId);
      this.messages.set(message.id, message);
    }
    this.view.draw(this, origin);
  }

  takeChange(change) {
    const message = this.messages.get(change.id);
    if (!message) return;
    const text = change.text ?? (change.message === undefined ? message.text : decodeText(change.message));
    Object.assign(message, { text, updatedAt: change.updatedAt ?? message.updatedAt, deletedAt: change.deletedAt ?? null });
    this.view.draw(this);
  }

  // --- who is here ---------------------------------------------------------------------------------------------------------

  takeRoomInfo({ members = [] }) {
    for (const member of members) this.members.set(member.id, member);
    this.view.draw(this);
  }

  takePresence({ users }) {
    const own = users.find((entry) => entry.id === this.socket.id);
    if (own) this.selfId = own.sender;
    const others = new Set(users.filter((entry) => entry.sender !== this.selfId).map((entry) => this.nameOf(entry.sender)));
    this.view.setPresence(this.selfId === null ? null : this.nameOf(this.selfId), [...others]);
    this.view.draw(this);
  }

  nameOf(id, fallback) {
    const user = this.members.get(id) ?? fallback;
    const full = [user?.firstName, user?.middleName, user?.lastName].filter(Boolean).join(' ');
    return full || String(user?.appUserId ?? id);
  }

  // --- what the user does --------------------------------------------------------------------------------------------------

  send(text) {
    const draft = { clientMsgId: randomId(), text, createdAt: new Date().toISOString(), failed: null };
    this.pending.set(draft.clientMsgId, draft);
    this.stopTyping();
    this.view.draw(this, 'own');
    if (this.joined) this.deliver(draft);
  }

  retry(clientMsgId) {
    const draft = this.pending.get(clientMsgId);
    if (draft && this.joined) this.deliver(draft);
  }

  async deliver(draft) {
    draft.failed = null;
    this.view.draw(this);
    const answer = await this.request('send_message', { text: draft.text, clientMsgId: draft.clientMsgId });
    if (answer?.ok) {
      this.selfId ??= answer.message.userId;
      this.pending.delete(draft.clientMsgId);
      this.messages.set(answer.message.id, answer.message);
    } else if (answer) {
      draft.failed = `${answer.message} (${answer.code})`;
    } else if (this.socket.connected) {
      draft.failed = 'No answer yet';
    }
    this.view.draw(this);
  }

  /** The composer has changed: say so now, repeat while it goes on, and take it back when it stops. */
  typing(active) {
    clearTimeout(this.typingIdle);
    if (!active) {
      this.stopTyping();
      return;
    }
    this.typingIdle = setTimeout(() => this.stopTyping(), TYPING_IDLE_MS);
    const now = performance.now();
    if (!this.joined || now - (this.typingSaid ?? -Infinity) < TYPING_REPEAT_MS) return;
    this.typingSaid = now;
    this.socket.emit('typing', true);
  }

  stopTyping() {
    clearTimeout(this.typingIdle);
    if (this.typingSaid === undefined) return;
    this.typingSaid = undefined;
    if (this.joined) this.socket.emit('typing', false);
  }

  /** What is on the screen has been read. */
  markSeen() {
    const newest = this.newestSeq();
    if (!this.joined || newest <= this.seenByMe) return;
    this.seenByMe = newest;
    this.socket.emit('seen');
  }
}
