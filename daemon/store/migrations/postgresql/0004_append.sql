-- The plain way to append: what nearly every batch is. It looks for nothing that a plain batch has not, above all not for
-- repeats: the key's own index finds one, and then nothing is stored and chatd_write (0002) is asked instead.
-- Measured with 64 rooms, a row each: three quarters of chatd_write's time in the server; the look-up of keys was a sixth of
-- it. Partitions are not what it costs: without any it is as fast within a twentieth.
--
-- Writes appends, one element of a_* each; r_*: the rooms concerned, each once, ascending.
--   r_access  the oldest revision of the access rules that one of the room's appends was checked under
--   r_count   the appends of the room; a_nth: the append's number among them, from 1; a_place: its room's place in r_*
-- Answers, by room, the seq before its first append, NULL: locked elsewhere, nothing stored in it; and by append the id.
-- Both NULL: not plain (a repeat, a room that is gone, other access rules, a reply to what is not there); nothing is stored.
-- VOLATILE, for the same reason as chatd_write: what comes after the locks sees what was committed before them.
CREATE FUNCTION chatd_append(
  p_writer UUID, p_generation BIGINT, p_now BIGINT, r_room BIGINT[], r_app BIGINT[], r_access BIGINT[], r_count BIGINT[],
  a_place INTEGER[], a_nth BIGINT[], a_room BIGINT[], a_sender BIGINT[], a_send UUID[], a_text TEXT[], a_hash BIGINT[],
  a_client TEXT[], a_reply BIGINT[], a_metadata TEXT[], OUT o_before BIGINT[], OUT o_id BIGINT[])
LANGUAGE plpgsql VOLATILE
SET enable_hashjoin = off SET enable_mergejoin = off SET enable_seqscan = off SET jit = off
SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  v_plain BOOLEAN;
BEGIN
  PERFORM FROM writer WHERE id = p_writer AND generation = p_generation FOR SHARE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'a newer connection of this daemon writes' USING ERRCODE = 'CH001';
  END IF;

  -- Room after room in the order of their ids, so that two daemons cannot wait for each other. The room is found by its id
  -- alone: with the app among the conditions, a planner without statistics walks over all rooms of the app.
  SELECT array_agg(c.last_seq ORDER BY p.n),
         bool_and(r.app_id IS NOT DISTINCT FROM p.app AND (c.room_id IS NULL OR c.access_rev <= p.access))
    INTO o_before, v_plain
    FROM unnest(r_room, r_app, r_access) WITH ORDINALITY AS p(room, app, access, n)
    LEFT JOIN LATERAL (SELECT k.room_id, k.last_seq, k.access_rev FROM room_counter k WHERE k.room_id = p.room
                       FOR NO KEY UPDATE SKIP LOCKED) c ON TRUE
    LEFT JOIN LATERAL (SELECT x.app_id FROM room x WHERE x.id = p.room AND x.deleted_at IS NULL OFFSET 0) r ON TRUE;
  IF v_plain AND EXISTS (SELECT FROM (SELECT DISTINCT u.app FROM unnest(r_app) AS u(app)) d
                          WHERE NOT EXISTS (SELECT FROM app a WHERE a.id = d.app AND a.deleted_at IS NULL)) THEN
    v_plain := FALSE;
  END IF;
  IF v_plain AND num_nonnulls(VARIADIC a_reply) > 0 THEN
    SELECT bool_and(m.id IS NOT NULL) INTO v_plain
      FROM unnest(a_room, a_reply) AS i(room, reply)
      LEFT JOIN message m ON m.room_id = i.room AND m.id = i.reply
     WHERE i.reply IS NOT NULL;
  END IF;
  IF NOT v_plain THEN
    o_before := NULL;
    RETURN;
  END IF;

  -- Ids are given in the order of the appends, which is that of seq within each room.
  o_id := ARRAY(SELECT nextval('message_id') FROM unnest(a_room));
  IF num_nonnulls(VARIADIC a_client) > 0 THEN
    BEGIN
      INSERT INTO message_key (room_id, sender_id, client_msg_id, message_id, seq, text_hash, created_at)
        SELECT i.room, i.sender, i.client, i.id, o_before[i.place] + i.nth, i.hash, p_now
          FROM unnest(o_id, a_place, a_nth, a_room, a_sender, a_client, a_hash)
               AS i(id, place, nth, room, sender, client, hash)
         WHERE i.client IS NOT NULL AND o_before[i.place] IS NOT NULL;
    EXCEPTION WHEN unique_violation THEN
      o_before := NULL;
      o_id := NULL;
      RETURN;
    END;
  END IF;
  INSERT INTO message (id, room_id, seq, sender_id, text, client_msg_id, reply_to, metadata, created_at, updated_at, rev,
                       send_id)
    SELECT i.id, i.room, o_before[i.place] + i.nth, i.sender, i.text, i.client, i.reply, i.metadata, p_now, p_now, 0, i.send
      FROM unnest(o_id, a_place, a_nth, a_room, a_sender, a_text, a_client, a_reply, a_metadata, a_send)
           AS i(id, place, nth, room, sender, text, client, reply, metadata, send)
     WHERE o_before[i.place] IS NOT NULL;
  UPDATE room_counter c SET last_seq = p.before + p.count
    FROM unnest(r_room, r_count, o_before) AS p(room, count, before)
   WHERE c.room_id = p.room AND p.before IS NOT NULL;
  -- Who writes has read what was there. A row that somebody else holds is left: that is the same user's own mark.
  UPDATE room_member m SET read_seq = l.top
    FROM (SELECT t.room, t.sender, t.top
            FROM (SELECT i.room, i.sender, max(o_before[i.place] + i.nth) AS top
                    FROM unnest(a_place, a_nth, a_room, a_sender) AS i(place, nth, room, sender)
                   WHERE o_before[i.place] IS NOT NULL GROUP BY i.room, i.sender) t
            JOIN LATERAL (SELECT x.read_seq FROM room_member x WHERE x.room_id = t.room AND x.user_id = t.sender
                          FOR NO KEY UPDATE SKIP LOCKED) x ON x.read_seq < t.top) l
   WHERE m.room_id = l.room AND m.user_id = l.sender;
END
$$;
