// PaneView: what one user sees. Draws a ChatClient's state and passes on what the user does; text goes in as text, never as HTML.

const TYPING_SHOWN_MS = 5_000;
const AT_END_PX = 48;
const time = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

export class PaneView {
  constructor(label, room) {
    this.element = document.getElementById('pane').content.firstElementChild.cloneNode(true);
    this.element.setAttribute('aria-label', label);
    const find = (selector) => this.element.querySelector(selector);
    this.name = find('h2');
    this.roomLine = find('.room');
    this.avatar = find('.avatar');
    this.state = find('.state');
    this.toggle = find('.toggle');
    this.scroll = find('.scroll');
    this.older = find('.older');
    this.empty = find('.empty');
    this.list = find('.messages');
    this.newest = find('.newest');
    this.typingLine = find('.typing');
    this.problem = find('.problem');
    this.form = find('.compose');
    this.input = find('textarea');
    this.sendButton = find('.compose button');
    this.rows = new Map(); // key → <li>
    this.typists = new Map(); // name → timer
    this.followsEnd = true; // the newest message was in sight when the pane last moved
    this.setName(label);
    this.roomLine.textContent = room;
    this.room = room;
  }

  attach(client) {
    this.client = client;
    this.form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.submit();
    });
    this.input.addEventListener('input', () => {
      this.fitInput();
      client.typing(this.input.value !== '');
    });
    this.input.addEventListener('keydown', (event) => {
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    this.older.addEventListener('click', async () => {
      this.older.disabled = true;
      await client.loadOlder();
      this.older.disabled = false;
    });
    this.toggle.addEventListener('click', () => (client.socket.active ? client.disconnect() : client.connect()));
    this.newest.addEventListener('click', () => this.scrollToEnd());
    this.scroll.addEventListener('scroll', () => {
      this.followsEnd = this.isAtEnd();
      this.noticeRead();
    }, { passive: true });
    // Turning the phone or opening its keyboard keeps the newest message in sight.
    this.resized = new ResizeObserver(() => this.followsEnd && this.scrollToEnd());
    this.resized.observe(this.scroll);
    this.onVisible = () => this.noticeRead();
    document.addEventListener('visibilitychange', this.onVisible);
  }

  detach() {
    document.removeEventListener('visibilitychange', this.onVisible);
    this.resized.disconnect();
    for (const timer of this.typists.values()) clearTimeout(timer);
  }

  submit() {
    const text = this.input.value;
    if (text.trim() === '') return;
    this.input.value = '';
    this.fitInput();
    this.showProblem('');
    this.client.send(text);
  }

  fitInput() {
    this.input.style.height = 'auto';
    this.input.style.height = `${this.input.scrollHeight + 2}px`;
  }

  // --- the frame around the messages ---------------------------------------------------------------------------------------

  setName(name) {
    this.name.textContent = name;
    this.avatar.textContent = Array.from(name)[0]?.toUpperCase() ?? '?';
  }

  setState(state, text, problem = '') {
    this.state.dataset.state = state;
    this.state.textContent = text;
    this.toggle.disabled = false;
    this.toggle.textContent = state === 'online' || state === 'waiting' ? 'Disconnect' : 'Connect';
    if (state === 'online' || problem) this.showProblem(problem);
    this.input.disabled = this.sendButton.disabled = state === 'refused';
    if (state !== 'online') for (const name of [...this.typists.keys()]) this.setTyping(name, false);
  }

  showProblem(text) {
    this.problem.textContent = text;
    this.problem.hidden = text === '';
  }

  setPresence(own, others) {
    if (own !== null) this.setName(own);
    const here = others.length > 3 ? `${others.slice(0, 3).join(', ')} and ${others.length - 3} more` : others.join(', ');
    this.roomLine.textContent = others.length === 0 ? this.room : `${this.room} · with ${here}`;
  }

  setTyping(name, active) {
    clearTimeout(this.typists.get(name));
    this.typists.delete(name);
    // Should the end get lost, the line goes by itself.
    if (active) this.typists.set(name, setTimeout(() => this.setTyping(name, false), TYPING_SHOWN_MS));
    const names = [...this.typists.keys()];
    this.typingLine.textContent = names.length === 0 ? '' : `${names.join(', ')} ${names.length === 1 ? 'is' : 'are'} typing…`;
  }

  // --- messages ------------------------------------------------------------------------------------------------------------

  /** origin: 'live' (somebody said it now), 'own', 'history' or nothing (only states have changed). */
  draw(client, origin) {
    const wasAtEnd = this.isAtEnd() || this.list.childElementCount === 0;
    const anchor = this.list.firstElementChild;
    const anchorTop = anchor?.getBoundingClientRect().top;

    const messages = [...client.messages.values()].sort((a, b) => a.seq - b.seq);
    const lastRead = messages.findLast((message) => message.userId === client.selfId && message.seq <= client.seenByOthers);
    const rows = [];
    for (const message of messages) rows.push(this.messageRow(client, message, message === lastRead));
    for (const draft of client.pending.values()) rows.push(this.draftRow(client, draft));
    this.place(rows);

    this.empty.hidden = rows.length > 0;
    this.older.hidden = !client.hasOlder();
    if (origin === 'own' || wasAtEnd) this.scrollToEnd();
    else if (anchor?.isConnected) this.scroll.scrollBy({ top: anchor.getBoundingClientRect().top - anchorTop, behavior: 'instant' });
    if (origin === 'live' && !wasAtEnd) this.newest.hidden = false;
    this.noticeRead();
  }

  /** Brings the list to `rows` without touching what stays where it is, so that a screen reader hears additions only. */
  place(rows) {
    const keep = new Set(rows);
    for (const [key, row] of this.rows) {
      if (keep.has(row)) continue;
      row.remove();
      this.rows.delete(key);
    }
    let at = this.list.firstElementChild;
    for (const row of rows) {
      if (row === at) at = at.nextElementSibling;
      else this.list.insertBefore(row, at);
    }
  }

  row(key) {
    let row = this.rows.get(key);
    if (!row) {
      row = document.createElement('li');
      const bubble = document.createElement('div');
      bubble.className = 'bubble';
      bubble.dir = 'auto';
      const meta = document.createElement('div');
      meta.className = 'meta';
      row.append(bubble, meta);
      this.rows.set(key, row);
    }
    return row;
  }

  messageRow(client, message, isLastRead) {
    // A message that we wrote keeps the row of its draft.
    const draftKey = message.clientMsgId && `draft ${message.clientMsgId}`;
    const key = `message ${message.id}`;
    if (draftKey && this.rows.has(draftKey)) {
      this.rows.set(key, this.rows.get(draftKey));
      this.rows.delete(draftKey);
    }
    const row = this.row(key);
    const own = message.userId === client.selfId;
    row.className = `${own ? 'own' : 'other'}${message.deletedAt ? ' deleted' : ''}`;
    row.dataset.seq = message.seq;
    const parts = [span('', time.format(new Date(message.createdAt)))];
    if (!own) parts.unshift(span('', client.nameOf(message.userId)));
    if (message.updatedAt !== message.createdAt && !message.deletedAt) parts.push(span('', 'edited'));
    if (isLastRead) parts.push(span('seen', 'Seen'));
    fill(row, message.deletedAt ? 'Message deleted' : message.text, parts);
    return row;
  }

  draftRow(client, draft) {
    const row = this.row(`draft ${draft.clientMsgId}`);
    row.className = 'own pending';
    const parts = [span(draft.failed ? 'failed' : '', draft.failed ?? 'Sending…')];
    if (draft.failed) {
      const again = document.createElement('button');
      again.type = 'button';
      again.className = 'quiet';
      again.textContent = 'Send again';
      again.addEventListener('click', () => client.retry(draft.clientMsgId));
      parts.push(again);
    }
    fill(row, draft.text, parts);
    return row;
  }

  isAtEnd() {
    return this.scroll.scrollHeight - this.scroll.scrollTop - this.scroll.clientHeight < AT_END_PX;
  }

  scrollToEnd() {
    this.followsEnd = true;
    this.scroll.scrollTo({ top: this.scroll.scrollHeight, behavior: 'instant' });
    this.newest.hidden = true;
  }

  noticeRead() {
    if (document.visibilityState !== 'visible' || !this.isAtEnd()) return;
    this.newest.hidden = true;
    this.client.markSeen();
  }
}

function span(className, text) {
  const element = document.createElement('span');
  element.className = className;
  element.textContent = text;
  return element;
}

function fill(row, text, parts) {
  const [bubble, meta] = row.children;
  if (bubble.textContent !== text) bubble.textContent = text;
  const signature = parts.map((part) => part.textContent).join('\n');
  if (row.dataset.meta === signature) return;
  row.dataset.meta = signature;
  meta.replaceChildren(...parts);
}
