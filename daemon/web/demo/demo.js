// The demo page: reads room and tokens from the form or the address, and puts two users of one room beside each other.
import { ChatClient } from './client.js';
import { PaneView } from './view.js';

const panes = document.getElementById('panes');
const settings = document.getElementById('settings');
const form = document.getElementById('connect');
let running = [];

function start({ room, app, a, b }) {
  for (const client of running) client.close();
  panes.replaceChildren();
  running = [['First user', a], ['Second user', b]].map(([label, token]) => {
    const view = new PaneView(label, room);
    panes.append(view.element);
    const client = new ChatClient({ room, app, token, view });
    view.attach(client);
    client.connect();
    return client;
  });
}

form.addEventListener('submit', (event) => {
  event.preventDefault();
  const values = Object.fromEntries(new FormData(form));
  // Kept for this tab, so that a reload comes back to the chat. Not in the address: addresses are copied, tokens must not be.
  sessionStorage.setItem('connect', JSON.stringify(values));
  history.replaceState(null, '', '#' + new URLSearchParams({ room: values.room, app: values.app }));
  settings.open = false;
  start(values);
});

function startFromAddress() {
  const given = new URLSearchParams(location.hash.slice(1));
  const kept = JSON.parse(sessionStorage.getItem('connect') ?? '{}');
  for (const name of ['room', 'app', 'a', 'b']) form.elements[name].value = given.get(name) ?? kept[name] ?? '';
  const complete = form.checkValidity();
  settings.open = !complete;
  if (complete) start(Object.fromEntries(new FormData(form)));
}

addEventListener('hashchange', startFromAddress);
startFromAddress();
