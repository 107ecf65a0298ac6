-- The first schema. Times are microseconds since 1970 UTC. Hashes are hex. A NULL deleted_at means alive.
-- There are no foreign keys: what belongs to a deleted app or room is removed in small steps behind (housekeeping).

CREATE TABLE app (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  name       TEXT    NOT NULL,
  settings   TEXT    NOT NULL,
  verifiers  TEXT    NOT NULL,
  revision   INTEGER NOT NULL,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX app_name ON app (name) WHERE deleted_at IS NULL;
CREATE INDEX app_dead ON app (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE app_user (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  app_id      INTEGER NOT NULL,
  app_user_id TEXT    NOT NULL,
  is_integer  INTEGER NOT NULL,           -- first registered as a JSON integer
  first_name  TEXT,
  middle_name TEXT,
  last_name   TEXT,
  metadata    TEXT,
  banned      INTEGER NOT NULL DEFAULT 0,
  ban_until   INTEGER,                    -- NULL while banned: for good
  ban_reason  TEXT,
  created_at  INTEGER NOT NULL,
  updated_at  INTEGER NOT NULL,
  deleted_at  INTEGER
) STRICT;
CREATE UNIQUE INDEX app_user_name ON app_user (app_id, app_user_id);
CREATE INDEX app_user_page ON app_user (app_id, id) WHERE deleted_at IS NULL;

-- One user an app and token: registering it for another user moves it.
CREATE TABLE user_token (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  hash       TEXT    NOT NULL,
  app_id     INTEGER NOT NULL,
  user_id    INTEGER NOT NULL,
  expires_at INTEGER
) STRICT;
CREATE UNIQUE INDEX user_token_hash ON user_token (hash, app_id);
CREATE INDEX user_token_user ON user_token (user_id, id);

CREATE TABLE account (
  id            INTEGER PRIMARY KEY AUTOINCREMENT,
  login         TEXT    NOT NULL UNIQUE,
  password_hash TEXT    NOT NULL,
  role          INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL
) STRICT;
CREATE TABLE account_app (
  account_id INTEGER NOT NULL,
  app_id     INTEGER NOT NULL,
  PRIMARY KEY (account_id, app_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_app_app ON account_app (app_id);
CREATE TABLE account_token (
  hash       TEXT    NOT NULL PRIMARY KEY,
  account_id INTEGER NOT NULL,
  expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX account_token_account ON account_token (account_id);
CREATE INDEX account_token_expiry ON account_token (expires_at);

CREATE TABLE app_key (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  app_id     INTEGER NOT NULL,
  hash       TEXT    NOT NULL UNIQUE,
  hint       TEXT    NOT NULL,
  created_at INTEGER NOT NULL,
  expires_at INTEGER
) STRICT;
CREATE INDEX app_key_app ON app_key (app_id, id);

CREATE TABLE room (
  id         INTEGER PRIMARY KEY AUTOINCREMENT,
  app_id     INTEGER NOT NULL,
  name       TEXT    NOT NULL,
  type       INTEGER NOT NULL,
  title      TEXT,
  metadata   TEXT,
  pair_low   INTEGER,                     -- the two users of a direct room
  pair_high  INTEGER,
  created_at INTEGER NOT NULL,
  updated_at INTEGER NOT NULL,
  deleted_at INTEGER
) STRICT;
CREATE UNIQUE INDEX room_name ON room (app_id, name) WHERE deleted_at IS NULL;
CREATE UNIQUE INDEX room_pair ON room (pair_low, pair_high) WHERE pair_low IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX room_page ON room (app_id, id);
CREATE INDEX room_dead ON room (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE room_member (
  room_id  INTEGER NOT NULL,
  user_id  INTEGER NOT NULL,
  role     INTEGER NOT NULL,
  read_seq INTEGER NOT NULL,
  PRIMARY KEY (room_id, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX room_member_user ON room_member (user_id, room_id);

-- The only source of order. Narrow, because each append writes it.
CREATE TABLE room_counter (
  room_id    INTEGER PRIMARY KEY,
  last_seq   INTEGER NOT NULL,
  last_rev   INTEGER NOT NULL,
  access_rev INTEGER NOT NULL,
  epoch      TEXT    NOT NULL
) STRICT;

-- The id is given by the writer (id_block), so that an append needs no AUTOINCREMENT bookkeeping.
CREATE TABLE message (
  id            INTEGER PRIMARY KEY,
  room_id       INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  sender_id     INTEGER NOT NULL,
  text          TEXT    NOT NULL,
  client_msg_id TEXT,
  reply_to      INTEGER,
  metadata      TEXT,
  created_at    INTEGER NOT NULL,
  updated_at    INTEGER NOT NULL,
  deleted_at    INTEGER,
  rev           INTEGER NOT NULL,         -- of its last change; 0: none
  send_high     INTEGER NOT NULL,         -- the sendId. Not indexed: only the process that made it can repeat it, and
  send_low      INTEGER NOT NULL          -- remembers that; a tree of random ids would cost a page written per message
) STRICT;
CREATE UNIQUE INDEX message_place ON message (room_id, seq);

-- What makes a client's repeat a repeat; outlives the message. Its rows lie together by room and sender.
CREATE TABLE message_key (
  room_id       INTEGER NOT NULL,
  sender_id     INTEGER NOT NULL,
  client_msg_id TEXT    NOT NULL,
  message_id    INTEGER NOT NULL,
  seq           INTEGER NOT NULL,
  text_hash     INTEGER NOT NULL,
  created_at    INTEGER NOT NULL,
  PRIMARY KEY (room_id, sender_id, client_msg_id)
) STRICT, WITHOUT ROWID;

CREATE TABLE room_change (
  room_id    INTEGER NOT NULL,
  rev        INTEGER NOT NULL,
  message_id INTEGER NOT NULL,
  kind       INTEGER NOT NULL,            -- 1 edit, 2 delete
  PRIMARY KEY (room_id, rev)
) STRICT, WITHOUT ROWID;

CREATE TABLE idempotency_key (
  scope      TEXT    NOT NULL PRIMARY KEY,
  body_hash  TEXT    NOT NULL,
  status     INTEGER,                     -- NULL: still running
  body       TEXT    NOT NULL,
  created_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX idempotency_key_age ON idempotency_key (created_at);

-- Ids are handed out in blocks; after a restart the rest of a block is skipped, so an id is never used twice.
CREATE TABLE id_block (
  name TEXT    NOT NULL PRIMARY KEY,
  next INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
INSERT INTO id_block (name, next) VALUES ('message', 1);
