-- How much history is kept, and where what is kept begins. A room's or an app's retention is JSON, NULL: none of its own.
ALTER TABLE app ADD COLUMN retention TEXT;
ALTER TABLE room ADD COLUMN retention TEXT;
CREATE INDEX app_retention ON app (id) WHERE retention IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX room_retention ON room (id) WHERE retention IS NOT NULL AND deleted_at IS NULL;

-- The lowest seq that is still there; last_seq + 1 if none is.
ALTER TABLE room_counter ADD COLUMN first_seq INTEGER NOT NULL DEFAULT 1;

-- The changes of a message go with it.
CREATE INDEX room_change_message ON room_change (message_id);

-- How far a copy into this database has come (chatd-store); empty otherwise. A daemon refuses a database that is half a copy.
CREATE TABLE store_copy (
  table_name TEXT    NOT NULL PRIMARY KEY,
  source     TEXT    NOT NULL,
  last_key   TEXT    NOT NULL,            -- JSON array; of the last row that was copied
  copied     INTEGER NOT NULL,
  done       INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
