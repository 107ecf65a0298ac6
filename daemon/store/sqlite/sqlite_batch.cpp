#include "store/sqlite/sqlite_batch.h"

#include <cstring>

#include "store/text_hash.h"

namespace chatd::store {

namespace {

constexpr const char* kReadRoom =
    "SELECT r.app_id, c.last_seq, c.last_rev, c.access_rev FROM room_counter c JOIN room r ON r.id = c.room_id "
    "JOIN app a ON a.id = r.app_id WHERE c.room_id = ?1 AND r.deleted_at IS NULL AND a.deleted_at IS NULL";
constexpr const char* kWriteRoom = "UPDATE room_counter SET last_seq = ?2, last_rev = ?3 WHERE room_id = ?1";
constexpr const char* kInsertMessage =
    "INSERT INTO message (id, room_id, seq, sender_id, text, client_msg_id, reply_to, metadata, created_at, updated_at, "
    "rev, send_high, send_low) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?9, 0, ?10, ?11)";
// The insert is the look-up: no row is changed if the key is there.
constexpr const char* kInsertKey =
    "INSERT INTO message_key (room_id, sender_id, client_msg_id, message_id, seq, text_hash, created_at) "
    "VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7) ON CONFLICT DO NOTHING";
constexpr const char* kFindKey =
    "SELECT message_id, seq, text_hash, created_at FROM message_key WHERE room_id = ?1 AND sender_id = ?2 AND client_msg_id "
    "= ?3";
constexpr const char* kReadMessage =
    "SELECT room_id, seq, sender_id, text, client_msg_id, reply_to, metadata, created_at, updated_at, deleted_at, rev, "
    "send_high, send_low FROM message WHERE id = ?1";
constexpr const char* kFindReply = "SELECT 1 FROM message WHERE id = ?1 AND room_id = ?2";
constexpr const char* kMarkRead =
    "UPDATE room_member SET read_seq = ?3 WHERE room_id = ?1 AND user_id = ?2 AND read_seq < ?3";
constexpr const char* kEditMessage = "UPDATE message SET text = ?2, updated_at = ?3, rev = ?4 WHERE id = ?1";
constexpr const char* kDeleteMessage =
    "UPDATE message SET text = '', metadata = NULL, updated_at = ?2, deleted_at = ?2, rev = ?3 WHERE id = ?1";
constexpr const char* kInsertChange = "INSERT INTO room_change (room_id, rev, message_id, kind) VALUES (?1, ?2, ?3, ?4)";
constexpr const char* kReadIds = "SELECT next FROM id_block WHERE name = 'message'";
constexpr const char* kWriteIds = "UPDATE id_block SET next = ?1 WHERE name = 'message'";

// One write of id_block for so many messages.
constexpr std::int64_t kIdBlock = 10'000;

using Run = KeptStatement::Run;

struct SendHalves {
  std::int64_t high = 0;
  std::int64_t low = 0;
};

SendHalves halves(const SendId& id) {
  SendHalves h;
  static_assert(sizeof h == sizeof id);
  std::memcpy(&h.high, id.data(), sizeof h.high);
  std::memcpy(&h.low, id.data() + sizeof h.high, sizeof h.low);
  return h;
}

SendId whole(const SendHalves& h) {
  SendId id;
  std::memcpy(id.data(), &h.high, sizeof h.high);
  std::memcpy(id.data() + sizeof h.high, &h.low, sizeof h.low);
  return id;
}

std::optional<std::int64_t> rawOf(const std::optional<MessageId>& id) {
  return id ? std::optional<std::int64_t>(raw(*id)) : std::nullopt;
}

}  // namespace

SqliteBatch::SqliteBatch(sqlite3* handle, const Clock& clock, RecentSends& sends)
    : clock_(clock),
      sends_(sends),
      readRoom_(handle, kReadRoom),
      writeRoom_(handle, kWriteRoom),
      insertMessage_(handle, kInsertMessage),
      insertKey_(handle, kInsertKey),
      findKey_(handle, kFindKey),
      readMessage_(handle, kReadMessage),
      findReply_(handle, kFindReply),
      markRead_(handle, kMarkRead),
      editMessage_(handle, kEditMessage),
      deleteMessage_(handle, kDeleteMessage),
      insertChange_(handle, kInsertChange),
      readIds_(handle, kReadIds),
      writeIds_(handle, kWriteIds),
      handle_(handle) {}

void SqliteBatch::write(std::span<LogItem> items, std::chrono::milliseconds /*wait*/) {
  rooms_.clear();
  ownMessages_.clear();
  reserveIds(items.size());
  const std::int64_t now = micros(clock_.wall());
  for (LogItem& item : items) {
    item.isNew = false;
    if (const auto* request = std::get_if<Append>(&item.request)) {
      append(item, *request, now);
    } else {
      item.changed.emplace(change(*std::get_if<Change>(&item.request), now));
    }
  }
  writeCounters();
}

void SqliteBatch::committed() {
  if (idsPending_ != 0) idsEnd_ = idsPending_;
  idsPending_ = 0;
}

// Ids that were used are not used again, they need not be without gaps. But a block that was not stored is not ours.
void SqliteBatch::rolledBack() {
  idsPending_ = 0;
  if (nextId_ > idsEnd_) nextId_ = idsEnd_ = 0;
}

void SqliteBatch::reserveIds(std::size_t count) {
  const auto need = static_cast<std::int64_t>(count);
  if (nextId_ != 0 && nextId_ + need <= idsEnd_) return;
  {
    Run run(readIds_);
    if (!run.step()) throw DriverError(SQLITE_CORRUPT, "id_block has no row for messages");
    nextId_ = run.integer(0);
  }
  idsPending_ = nextId_ + need + kIdBlock;
  Run(writeIds_).bind(idsPending_).step();
}

SqliteBatch::RoomWork& SqliteBatch::roomOf(RoomId id) {
  const auto [it, fresh] = rooms_.try_emplace(id);
  RoomWork& work = it->second;
  if (!fresh) return work;
  Run run(readRoom_);
  if (run.bind(raw(id)).step()) {
    work.alive = true;
    work.app = AppId{run.integer(0)};
    work.lastSeq = run.integer(1);
    work.lastRev = run.integer(2);
    work.accessRev = run.integer(3);
  }
  return work;
}

void SqliteBatch::append(LogItem& item, const Append& request, std::int64_t now) {
  RoomWork& room = roomOf(request.room);
  if (!room.alive || room.app != request.app) {
    item.appended.emplace(Code::RoomDeleted);
    return;
  }
  // Before the access: what is stored is stored, whatever was changed behind it.
  if (auto before = sentBefore(request)) {
    item.appended.emplace(std::move(*before));
    return;
  }
  if (raw(request.checkedUnder) < room.accessRev) {
    item.appended.emplace(Code::AccessChanged);
    return;
  }
  const std::int64_t hash = request.clientMsgId ? textHash(request.text) : 0;
  const std::int64_t id = nextId_;
  const std::int64_t seq = room.lastSeq + 1;
  if (request.replyTo && !replyFits(request)) {
    // A repeat is answered even if what it replied to is gone by now.
    auto first = request.clientMsgId ? repeat(request, hash) : Result<Appended>(Code::MessageNotFound);
    if (!first.ok() && first.error().code() == Code::MessageNotFound) {
      first = Error::field("replyTo", "is not a message of this room");
    }
    item.appended.emplace(std::move(first));
    return;
  }
  if (request.clientMsgId) {
    Run(insertKey_)
        .bind(raw(request.room))
        .bind(raw(request.sender))
        .bind(*request.clientMsgId)
        .bind(id)
        .bind(seq)
        .bind(hash)
        .bind(now)
        .step();
    if (sqlite3_changes(handle_) == 0) {
      item.appended.emplace(repeat(request, hash));
      return;
    }
  }
  const SendHalves send = halves(request.sendId);
  Run(insertMessage_)
      .bind(id)
      .bind(raw(request.room))
      .bind(seq)
      .bind(raw(request.sender))
      .bind(request.text)
      .bind(request.clientMsgId)
      .bind(rawOf(request.replyTo))
      .bind(request.metadata)
      .bind(now)
      .bind(send.high)
      .bind(send.low)
      .step();
  ++nextId_;
  sends_.remember(request.sendId, MessageId{id});
  room.lastSeq = seq;
  room.changed = true;
  ownMessages_[{request.room, request.sender}] = seq;

  Message message;
  message.id = MessageId{id};
  message.room = request.room;
  message.seq = Seq{seq};
  message.sender = request.sender;
  message.replyTo = request.replyTo;
  message.createdAt = message.updatedAt = fromMicros(now);
  item.isNew = true;
  item.appended.emplace(Appended{std::move(message), false});
}

// The same append again, because its outcome was unknown. Nobody has been told of it, so it is not a duplicate.
std::optional<Appended> SqliteBatch::sentBefore(const Append& request) {
  const auto id = sends_.find(request.sendId);
  if (!id) return std::nullopt;
  auto stored = message(*id);
  if (!stored || stored->sendId != request.sendId) return std::nullopt;
  return Appended{std::move(stored->message), false};
}

Result<Appended> SqliteBatch::repeat(const Append& request, std::int64_t hash) {
  Run found(findKey_);
  if (!found.bind(raw(request.room)).bind(raw(request.sender)).bind(*request.clientMsgId).step()) {
    return Code::MessageNotFound;
  }
  if (found.integer(2) != hash) return Code::ClientMsgIdReused;
  const MessageId id{found.integer(0)};
  if (auto first = message(id)) return Appended{std::move(first->message), true};
  // Removed by retention: the key remembers it.
  Message first;
  first.id = id;
  first.room = request.room;
  first.seq = Seq{found.integer(1)};
  first.sender = request.sender;
  first.clientMsgId = request.clientMsgId;
  first.createdAt = first.updatedAt = fromMicros(found.integer(3));
  first.deletedAt = first.createdAt;
  return Appended{std::move(first), true};
}

bool SqliteBatch::replyFits(const Append& request) {
  return Run(findReply_).bind(raw(*request.replyTo)).bind(raw(request.room)).step();
}

std::optional<SqliteBatch::Stored> SqliteBatch::message(MessageId id) {
  Run run(readMessage_);
  if (!run.bind(raw(id)).step()) return std::nullopt;
  Stored stored;
  Message& m = stored.message;
  m.id = id;
  m.room = RoomId{run.integer(0)};
  m.seq = Seq{run.integer(1)};
  m.sender = UserId{run.integer(2)};
  m.text = run.text(3);
  if (!run.isNull(4)) m.clientMsgId = run.text(4);
  if (!run.isNull(5)) m.replyTo = MessageId{run.integer(5)};
  if (!run.isNull(6)) m.metadata = run.text(6);
  m.createdAt = fromMicros(run.integer(7));
  m.updatedAt = fromMicros(run.integer(8));
  if (!run.isNull(9)) m.deletedAt = fromMicros(run.integer(9));
  stored.rev = run.integer(10);
  stored.sendId = whole({run.integer(11), run.integer(12)});
  return stored;
}

Result<Changed> SqliteBatch::change(const Change& request, std::int64_t now) {
  RoomWork& room = roomOf(request.room);
  if (!room.alive || room.app != request.app) return Code::RoomDeleted;
  auto stored = message(request.message);
  if (!stored || stored->message.room != request.room) return Code::MessageNotFound;
  Message* found = &stored->message;
  std::int64_t rev = stored->rev;
  const bool edit = request.kind == Change::Kind::Edit;
  if (found->deletedAt) {
    if (edit) return Code::MessageNotFound;
    return Changed{std::move(*found), Rev{rev}, false};
  }
  if (edit && found->text == request.text) return Changed{std::move(*found), Rev{rev}, false};
  rev = ++room.lastRev;
  room.changed = true;
  found->updatedAt = fromMicros(now);
  if (edit) {
    Run(editMessage_).bind(raw(request.message)).bind(request.text).bind(now).bind(rev).step();
    found->text = request.text;
  } else {
    Run(deleteMessage_).bind(raw(request.message)).bind(now).bind(rev).step();
    found->text.clear();
    found->metadata.reset();
    found->deletedAt = found->updatedAt;
  }
  Run(insertChange_).bind(raw(request.room)).bind(rev).bind(raw(request.message)).bind(std::int64_t{edit ? 1 : 2}).step();
  return Changed{std::move(*found), Rev{rev}, true};
}

void SqliteBatch::writeCounters() {
  for (const auto& [id, room] : rooms_) {
    if (room.changed) Run(writeRoom_).bind(raw(id)).bind(room.lastSeq).bind(room.lastRev).step();
  }
  // Who writes has read what was there.
  for (const auto& [reader, seq] : ownMessages_) {
    Run(markRead_).bind(raw(reader.room)).bind(raw(reader.user)).bind(seq).step();
  }
}

}  // namespace chatd::store
