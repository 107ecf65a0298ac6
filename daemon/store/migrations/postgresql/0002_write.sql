-- The append path: one call, one round trip, one transaction of its own.

-- A new generation for a daemon's writing connection, and an id that is below every message it will write.
CREATE FUNCTION chatd_open_writer(p_writer UUID, p_now BIGINT, OUT o_generation BIGINT, OUT o_last_id BIGINT)
LANGUAGE plpgsql AS $$
BEGIN
  -- Daemons that did not connect for a month are gone; one that did all the same is let in again by its next connection.
  DELETE FROM writer WHERE id IN (
    SELECT id FROM writer WHERE seen_at < p_now - 30 * 86400 * 1000000::BIGINT LIMIT 100 FOR UPDATE SKIP LOCKED);
  INSERT INTO writer (id, generation, seen_at) VALUES (p_writer, 1, p_now)
    ON CONFLICT (id) DO UPDATE SET generation = writer.generation + 1, seen_at = p_now
    RETURNING generation INTO o_generation;
  SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END INTO o_last_id FROM message_id;
END
$$;

-- Refuses a connection that a newer one has replaced. Held until the end of the transaction.
CREATE FUNCTION chatd_fence(p_writer UUID, p_generation BIGINT) RETURNS VOID LANGUAGE plpgsql AS $$
BEGIN
  PERFORM FROM writer WHERE id = p_writer AND generation = p_generation FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a newer connection of this daemon writes' USING ERRCODE = 'CH001';
  END IF;
END
$$;

-- The same at the beginning of a transaction of several statements: answers its id, so that what became of it can be asked.
CREATE FUNCTION chatd_begin(p_writer UUID, p_generation BIGINT) RETURNS TEXT LANGUAGE plpgsql AS $$
BEGIN
  PERFORM chatd_fence(p_writer, p_generation);
  RETURN pg_current_xact_id()::TEXT;
END
$$;

-- Writes appends (a_*) and changes (c_*), one array element each, and answers a row for each in that order.
--   p_rooms    the rooms concerned, each once, ascending; a_room and c_room are places in it, from 1
--   p_wait     0: rooms that are locked elsewhere are skipped; else how many ms to wait for one
--   a_first    place of an earlier append of this call with the same client_msg_id, or NULL
--   a_after    not NULL: this send was tried before; if it was stored, under an id above this
-- Outcomes: 0 stored, 1 locked elsewhere, 2 no such room, 3 access changed, 4 stored before by this very send,
-- 5 repeat, 6 client_msg_id of another text, 7 reply to what is not in the room, 8 as a_first, 9 no such message,
-- 10 changed nothing.
--
-- It is VOLATILE: each statement in it sees what was committed before it began. So after the rooms are locked, no message
-- and no key of theirs can be missed; a single statement would look for repeats in a snapshot that is older than its lock.
-- There is no index on send_id: only the daemon that sent it repeats it, and it knows an id that is below.
-- The plans must not depend on how much is in the tables yet: by index, one look-up an element. (OFFSET 0 keeps a sub-select
-- from being joined in another order.)
CREATE FUNCTION chatd_write(
  p_writer UUID, p_generation BIGINT, p_now BIGINT, p_wait INTEGER, p_rooms BIGINT[],
  a_room INTEGER[], a_room_id BIGINT[], a_app BIGINT[], a_sender BIGINT[], a_send UUID[], a_access BIGINT[], a_text TEXT[],
  a_hash BIGINT[], a_client TEXT[], a_reply BIGINT[], a_metadata TEXT[], a_first INTEGER[], a_after BIGINT[],
  c_room INTEGER[], c_app BIGINT[], c_message BIGINT[], c_edit BOOLEAN[], c_text TEXT[])
RETURNS TABLE (
  o_outcome INTEGER, o_id BIGINT, o_seq BIGINT, o_rev BIGINT, o_sender BIGINT, o_text TEXT, o_client TEXT, o_reply BIGINT,
  o_metadata TEXT, o_created BIGINT, o_updated BIGINT, o_deleted BIGINT)
LANGUAGE plpgsql VOLATILE
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_seq      BIGINT[];  -- by room: its counter; NULL: locked elsewhere
  v_rev      BIGINT[];
  v_access   BIGINT[];
  v_app      BIGINT[];  -- NULL: no such room
  v_before   BIGINT[];  -- by append: the id that this send was stored under before
  v_key      BIGINT[];  -- the message that has its client_msg_id
  v_key_seq  BIGINT[];
  v_key_hash BIGINT[];
  v_key_time BIGINT[];
  v_fits     BOOLEAN[]; -- its reply_to is in the room
  v_outcome  INTEGER[];
  v_id       BIGINT[];
  v_place    BIGINT[];
  v_message  message%ROWTYPE;
  v_room     INTEGER;
BEGIN
  PERFORM chatd_fence(p_writer, p_generation);

  -- Room after room in the order of their ids, so that two daemons cannot wait for each other.
  IF p_wait > 0 THEN
    PERFORM set_config('lock_timeout', p_wait::TEXT, TRUE);
    SELECT array_agg(c.last_seq ORDER BY p.n), array_agg(c.last_rev ORDER BY p.n), array_agg(c.access_rev ORDER BY p.n),
           array_agg(r.app_id ORDER BY p.n)
      INTO v_seq, v_rev, v_access, v_app
      FROM unnest(p_rooms) WITH ORDINALITY AS p(room, n)
      LEFT JOIN LATERAL (SELECT k.last_seq, k.last_rev, k.access_rev FROM room_counter k WHERE k.room_id = p.room
                         FOR NO KEY UPDATE) c ON TRUE
      LEFT JOIN LATERAL (SELECT x.app_id FROM room x JOIN app a ON a.id = x.app_id WHERE x.id = p.room
                         AND x.deleted_at IS NULL AND a.deleted_at IS NULL OFFSET 0) r ON TRUE;
  ELSE
    SELECT array_agg(c.last_seq ORDER BY p.n), array_agg(c.last_rev ORDER BY p.n), array_agg(c.access_rev ORDER BY p.n),
           array_agg(r.app_id ORDER BY p.n)
      INTO v_seq, v_rev, v_access, v_app
      FROM unnest(p_rooms) WITH ORDINALITY AS p(room, n)
      LEFT JOIN LATERAL (SELECT k.last_seq, k.last_rev, k.access_rev FROM room_counter k WHERE k.room_id = p.room
                         FOR NO KEY UPDATE SKIP LOCKED) c ON TRUE
      LEFT JOIN LATERAL (SELECT x.app_id FROM room x JOIN app a ON a.id = x.app_id WHERE x.id = p.room
                         AND x.deleted_at IS NULL AND a.deleted_at IS NULL OFFSET 0) r ON TRUE;
  END IF;

  IF cardinality(a_room) > 0 THEN
    IF num_nonnulls(VARIADIC a_after) > 0 THEN
      -- From the newest backwards to where ids are too low: a room's history may be long, and this is tried against a deadline.
      SELECT array_agg(m.id ORDER BY i.n) INTO v_before
        FROM unnest(a_room_id, a_send, a_after) WITH ORDINALITY AS i(room, send, after_id, n)
        LEFT JOIN LATERAL (SELECT x.seq FROM message x WHERE x.room_id = i.room AND x.id <= i.after_id
                           AND i.after_id IS NOT NULL ORDER BY x.seq DESC LIMIT 1) l ON TRUE
        LEFT JOIN LATERAL (SELECT x.id FROM message x WHERE x.room_id = i.room AND x.seq > coalesce(l.seq, 0)
                           AND x.send_id = i.send AND i.after_id IS NOT NULL OFFSET 0) m ON TRUE;
    END IF;
    IF num_nonnulls(VARIADIC a_client) > 0 THEN
      SELECT array_agg(k.message_id ORDER BY i.n), array_agg(k.seq ORDER BY i.n), array_agg(k.text_hash ORDER BY i.n),
             array_agg(k.created_at ORDER BY i.n)
        INTO v_key, v_key_seq, v_key_hash, v_key_time
        FROM unnest(a_room_id, a_sender, a_client) WITH ORDINALITY AS i(room, sender, client, n)
        LEFT JOIN message_key k ON k.room_id = i.room AND k.sender_id = i.sender AND k.client_msg_id = i.client;
    END IF;
    IF num_nonnulls(VARIADIC a_reply) > 0 THEN
      SELECT array_agg(m.id IS NOT NULL ORDER BY i.n) INTO v_fits
        FROM unnest(a_room_id, a_reply) WITH ORDINALITY AS i(room, reply, n)
        LEFT JOIN message m ON m.room_id = i.room AND m.id = i.reply;
    END IF;

    -- Places and ids are given in one order, room by room, so that ids rise with seq.
    SELECT array_agg(s.outcome ORDER BY s.n),
           array_agg(CASE WHEN s.outcome = 0 THEN v_seq[s.room] + s.nth END ORDER BY s.n),
           array_agg(s.id ORDER BY s.n)
      INTO v_outcome, v_place, v_id
      FROM (
        SELECT o.n, o.room, o.outcome, o.nth, CASE WHEN o.outcome = 0 THEN nextval('message_id') END AS id
          FROM (
            SELECT j.n, j.room, j.outcome, row_number() OVER (PARTITION BY j.room, j.outcome ORDER BY j.n) AS nth
              FROM (
                SELECT i.n, i.room,
                       CASE WHEN v_app[i.room] IS DISTINCT FROM i.app THEN 2
                            WHEN v_seq[i.room] IS NULL THEN 1
                            WHEN i.before IS NOT NULL THEN 4
                            WHEN i.access < v_access[i.room] THEN 3
                            WHEN i.key IS NOT NULL AND i.key_hash = i.hash THEN 5
                            WHEN i.key IS NOT NULL THEN 6
                            WHEN i.first IS NOT NULL THEN 8
                            WHEN i.reply IS NOT NULL AND NOT i.fits THEN 7
                            ELSE 0 END AS outcome
                  FROM unnest(a_room, a_app, a_access, a_hash, a_first, a_reply, v_before, v_key, v_key_hash, v_fits)
                       WITH ORDINALITY AS i(room, app, access, hash, first, reply, before, key, key_hash, fits, n)
              ) j
          ) o
      ) s;

    IF 0 = ANY (v_outcome) THEN
      INSERT INTO message (id, room_id, seq, sender_id, text, client_msg_id, reply_to, metadata, created_at, updated_at, rev,
                           send_id)
        SELECT i.id, i.room, i.seq, i.sender, i.text, i.client, i.reply, i.metadata, p_now, p_now, 0, i.send
          FROM unnest(v_id, a_room_id, v_place, a_sender, a_text, a_client, a_reply, a_metadata, a_send)
               AS i(id, room, seq, sender, text, client, reply, metadata, send)
         WHERE i.id IS NOT NULL;
      IF v_key IS NOT NULL THEN
        INSERT INTO message_key (room_id, sender_id, client_msg_id, message_id, seq, text_hash, created_at)
          SELECT i.room, i.sender, i.client, i.id, i.seq, i.hash, p_now
            FROM unnest(v_id, a_room_id, v_place, a_sender, a_client, a_hash) AS i(id, room, seq, sender, client, hash)
           WHERE i.id IS NOT NULL AND i.client IS NOT NULL;
      END IF;
      UPDATE room_counter c SET last_seq = t.top
        FROM (SELECT i.room, max(i.seq) AS top FROM unnest(a_room_id, v_place) AS i(room, seq)
               WHERE i.seq IS NOT NULL GROUP BY i.room) t
       WHERE c.room_id = t.room;
      -- Who writes has read what was there. A row that somebody else holds is left: that is the same user's own mark.
      UPDATE room_member m SET read_seq = l.top
        FROM (SELECT t.room, t.sender, t.top
                FROM (SELECT i.room, i.sender, max(i.seq) AS top FROM unnest(a_room_id, a_sender, v_place) AS i(room, sender, seq)
                       WHERE i.seq IS NOT NULL GROUP BY i.room, i.sender) t
                JOIN LATERAL (SELECT x.read_seq FROM room_member x WHERE x.room_id = t.room AND x.user_id = t.sender
                              FOR NO KEY UPDATE SKIP LOCKED) x ON x.read_seq < t.top) l
       WHERE m.room_id = l.room AND m.user_id = l.sender;
    END IF;

    IF v_outcome && ARRAY[4, 5] THEN
      RETURN QUERY
        SELECT i.outcome, coalesce(i.id, i.before, i.key), coalesce(i.seq, m.seq, i.key_seq), m.rev, m.sender_id, m.text,
               m.client_msg_id, m.reply_to, m.metadata, coalesce(m.created_at, i.key_time), m.updated_at, m.deleted_at
          FROM unnest(v_outcome, v_id, v_place, a_room_id, v_before, v_key, v_key_seq, v_key_time)
               WITH ORDINALITY AS i(outcome, id, seq, room, before, key, key_seq, key_time, n)
          LEFT JOIN message m ON m.room_id = i.room AND m.id = CASE i.outcome WHEN 4 THEN i.before WHEN 5 THEN i.key END
         ORDER BY i.n;
    ELSE
      RETURN QUERY
        SELECT i.outcome, i.id, i.seq, NULL::BIGINT, NULL::BIGINT, NULL::TEXT, NULL::TEXT, NULL::BIGINT, NULL::TEXT,
               NULL::BIGINT, NULL::BIGINT, NULL::BIGINT
          FROM unnest(v_outcome, v_id, v_place) AS i(outcome, id, seq);
    END IF;
  END IF;

  FOR i IN 1 .. cardinality(c_room) LOOP
    v_room := c_room[i];
    v_message := NULL;
    IF v_app[v_room] IS DISTINCT FROM c_app[i] THEN
      o_outcome := 2;
    ELSIF v_seq[v_room] IS NULL THEN
      o_outcome := 1;
    ELSE
      SELECT * INTO v_message FROM message m WHERE m.room_id = p_rooms[v_room] AND m.id = c_message[i];
      IF NOT FOUND OR (c_edit[i] AND v_message.deleted_at IS NOT NULL) THEN
        o_outcome := 9;
      ELSIF v_message.deleted_at IS NOT NULL OR (c_edit[i] AND v_message.text = c_text[i]) THEN
        o_outcome := 10;
      ELSE
        o_outcome := 0;
        v_rev[v_room] := v_rev[v_room] + 1;
        UPDATE room_counter SET last_rev = v_rev[v_room] WHERE room_id = p_rooms[v_room];
        UPDATE message m
           SET text = CASE WHEN c_edit[i] THEN c_text[i] ELSE '' END,
               metadata = CASE WHEN c_edit[i] THEN m.metadata END,
               updated_at = p_now, deleted_at = CASE WHEN c_edit[i] THEN m.deleted_at ELSE p_now END, rev = v_rev[v_room]
         WHERE m.room_id = p_rooms[v_room] AND m.seq = v_message.seq
         RETURNING m.* INTO v_message;
        INSERT INTO room_change (room_id, rev, message_id, kind)
          VALUES (p_rooms[v_room], v_rev[v_room], c_message[i], CASE WHEN c_edit[i] THEN 1 ELSE 2 END);
      END IF;
    END IF;
    o_id := v_message.id;
    o_seq := v_message.seq;
    o_rev := v_message.rev;
    o_sender := v_message.sender_id;
    o_text := v_message.text;
    o_client := v_message.client_msg_id;
    o_reply := v_message.reply_to;
    o_metadata := v_message.metadata;
    o_created := v_message.created_at;
    o_updated := v_message.updated_at;
    o_deleted := v_message.deleted_at;
    RETURN NEXT;
  END LOOP;
END
$$;
