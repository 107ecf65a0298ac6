// What both peers send for a message: the fields and so the bytes of chatd's own `message` event.

export function messageEvent(id, roomId, seq, userId, text, now) {
  return {
    id,
    roomId,
    message: Buffer.from(text, 'utf8').toString('base64'),
    userId,
    updatedAt: now,
    createdAt: now,
    deletedAt: null,
    seq,
    clientMsgId: null,
  };
}

/** Prints the line that the bench waits for, and ends cleanly on SIGTERM. */
export function serve(server, port, close = () => {}) {
  server.listen(port, '127.0.0.1', () => console.log(`peer ready on http://127.0.0.1:${server.address().port}`));
  process.on('SIGTERM', async () => {
    await close();
    process.exit(0);
  });
}
