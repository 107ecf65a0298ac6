// Peer 2: what people run today. Express, Socket.IO 4 and one INSERT a message; told and acknowledged once PostgreSQL has it.
// Arguments: port, connection string.
import { createServer } from 'node:http';

import express from 'express';
import pg from 'pg';
import { Server } from 'socket.io';

import { messageEvent, serve } from './message.mjs';

const pool = new pg.Pool({ connectionString: process.argv[3] });
await pool.query(`
  CREATE TABLE IF NOT EXISTS message (
    id bigserial PRIMARY KEY, room text NOT NULL, user_id bigint NOT NULL, text text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
  CREATE INDEX IF NOT EXISTS message_by_room ON message (room, id);`);

const app = express();
app.get('/chats/:room/messages', async (request, response) => {
  const { rows } = await pool.query('SELECT * FROM message WHERE room = $1 ORDER BY id DESC LIMIT 20', [request.params.room]);
  response.json(rows);
});

const httpServer = createServer(app);
const io = new Server(httpServer, { transports: ['websocket'], serveClient: false });
let lastUser = 0;

io.on('connection', (socket) => {
  const userId = ++lastUser;
  let room;

  socket.on('join', (name, ack) => {
    if (room) socket.leave(room);
    room = name;
    socket.join(name);
    ack?.({ ok: true });
  });

  socket.on('send_message', async (text, ack) => {
    const { rows } = await pool.query({
      name: 'insert', // prepared once a connection
      text: 'INSERT INTO message (room, user_id, text) VALUES ($1, $2, $3) RETURNING id, created_at',
      values: [room, userId, text],
    });
    const id = Number(rows[0].id);
    const message = messageEvent(id, 1, id, userId, text, rows[0].created_at.toISOString());
    io.to(room).emit('message', message);
    ack?.({ ok: true, message });
  });
});

serve(httpServer, Number(process.argv[2] ?? 0), () => pool.end());
