// Peer 1: a Socket.IO 4 room server as its own guide shows it. Rooms in memory, nothing stored: the ceiling of Socket.IO on Node.
import { createServer } from 'node:http';

import { Server } from 'socket.io';

import { messageEvent, serve } from './message.mjs';

const httpServer = createServer();
const io = new Server(httpServer, { transports: ['websocket'], serveClient: false });
const rooms = new Map(); // name → { id, seq }
let lastId = 0;
let lastUser = 0;

io.on('connection', (socket) => {
  const userId = ++lastUser;
  let room;

  socket.on('join', (name, ack) => {
    if (room) socket.leave(room.name);
    room = rooms.get(name) ?? { id: rooms.size + 1, name, seq: 0 };
    rooms.set(name, room);
    socket.join(name);
    ack?.({ ok: true });
  });

  socket.on('send_message', (text, ack) => {
    const message = messageEvent(++lastId, room.id, ++room.seq, userId, text, new Date().toISOString());
    io.to(room.name).emit('message', message);
    ack?.({ ok: true, message });
  });
});

serve(httpServer, Number(process.argv[2] ?? 0));
