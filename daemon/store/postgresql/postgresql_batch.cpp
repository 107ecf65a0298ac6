#include "store/postgresql/postgresql_batch.h"

#include <algorithm>
#include <charconv>
#include <cstring>
#include <unordered_map>

#include "store/postgresql/pg_call.h"
#include "store/text_hash.h"

namespace chatd::store {

namespace {

constexpr const char* kName = "chatd_write";
constexpr int kParams = 23;
constexpr const char* kWrite =
    "SELECT * FROM chatd_write($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, "
    "$21, $22, $23)";

// Of chatd_write's answer.
enum Outcome : std::int64_t {
  kStored = 0,
  kLocked = 1,
  kNoRoom = 2,
  kAccess = 3,
  kStoredBefore = 4,
  kRepeat = 5,
  kReused = 6,
  kBadReply = 7,
  kAsFirst = 8,
  kNoMessage = 9,
  kUnchanged = 10,
};
enum Column { kOutcome, kId, kSeq, kRev, kSender, kText, kClient, kReply, kMetadata, kCreated, kUpdated, kDeleted };

std::int64_t number(const PGresult* rows, int row, Column column) {
  const char* text = PQgetvalue(rows, row, column);
  std::int64_t value = 0;
  std::from_chars(text, text + PQgetlength(rows, row, column), value);
  return value;
}

std::optional<std::string> text(const PGresult* rows, int row, Column column) {
  if (PQgetisnull(rows, row, column) != 0) return std::nullopt;
  return std::string(PQgetvalue(rows, row, column), static_cast<std::size_t>(PQgetlength(rows, row, column)));
}

Message messageFrom(const PGresult* rows, int row, RoomId room) {
  Message m;
  m.id = MessageId{number(rows, row, kId)};
  m.room = room;
  m.seq = Seq{number(rows, row, kSeq)};
  m.sender = UserId{number(rows, row, kSender)};
  m.text = text(rows, row, kText).value_or("");
  m.clientMsgId = text(rows, row, kClient);
  if (PQgetisnull(rows, row, kReply) == 0) m.replyTo = MessageId{number(rows, row, kReply)};
  m.metadata = text(rows, row, kMetadata);
  m.createdAt = fromMicros(number(rows, row, kCreated));
  m.updatedAt = fromMicros(number(rows, row, kUpdated));
  if (PQgetisnull(rows, row, kDeleted) == 0) m.deletedAt = fromMicros(number(rows, row, kDeleted));
  return m;
}

RoomId roomOf(const LogItem& item) {
  return std::visit([](const auto& request) { return request.room; }, item.request);
}

struct Key {
  RoomId room{};
  UserId sender{};
  std::string_view client;
  bool operator==(const Key&) const = default;
};
struct KeyHash {
  std::size_t operator()(const Key& k) const noexcept {
    return static_cast<std::size_t>(textHash(k.client)) ^ std::hash<std::int64_t>{}(raw(k.room) * 1'000'003 + raw(k.sender));
  }
};

}  // namespace

struct PostgresqlBatch::Arrays {
  PgArray rooms{PgType::Bigint};
  PgArray room{PgType::Integer}, roomId{PgType::Bigint}, app{PgType::Bigint}, sender{PgType::Bigint}, send{PgType::Uuid},
      access{PgType::Bigint}, text{PgType::String}, hash{PgType::Bigint}, client{PgType::String}, reply{PgType::Bigint},
      metadata{PgType::String}, first{PgType::Integer}, after{PgType::Bigint};
  PgArray changeRoom{PgType::Integer}, changeApp{PgType::Bigint}, message{PgType::Bigint}, edit{PgType::Boolean},
      changeText{PgType::String};
  std::unordered_map<Key, std::int32_t, KeyHash> keys;  // the first append of each

  std::int64_t placeOf(const std::vector<std::int64_t>& all, RoomId id) const {
    return std::lower_bound(all.begin(), all.end(), raw(id)) - all.begin() + 1;
  }
};

PostgresqlBatch::PostgresqlBatch(PGconn* connection, CallLimit& limit, const Clock& clock, PgWriter& writer)
    : connection_(connection), limit_(limit), clock_(clock), writer_(writer), plain_(connection, limit, writer) {
  const CallLimit::Guard guard(&limit_);
  checked(connection_, PQprepare(connection_, kName, kWrite, kParams, nullptr));
}

void PostgresqlBatch::write(std::span<LogItem> items, std::chrono::milliseconds wait) {
  const std::int64_t now = micros(clock_.wall());
  if (wait.count() == 0 && plain_.write(items, now)) return;
  writeCarefully(items, wait, now);
}

void PostgresqlBatch::writeCarefully(std::span<LogItem> items, std::chrono::milliseconds wait, std::int64_t now) {
  Arrays a;
  fill(a, items);
  const std::string scalars[] = {std::string(reinterpret_cast<const char*>(writer_.id.data()), writer_.id.size()),
                                 pgBytes(writer_.generation), pgBytes(now),
                                 pgBytes(static_cast<std::int32_t>(wait.count()))};
  PgArray* arrays[] = {&a.rooms,      &a.room,      &a.roomId,  &a.app,   &a.sender,    &a.send,  &a.access,
                       &a.text,       &a.hash,      &a.client,  &a.reply, &a.metadata,  &a.first, &a.after,
                       &a.changeRoom, &a.changeApp, &a.message, &a.edit,  &a.changeText};
  static_assert(std::size(scalars) + std::size(arrays) == kParams);
  const PgResult rows = pgCall(connection_, limit_, kName, scalars, arrays, PgForm::Text);
  if (static_cast<std::size_t>(PQntuples(rows.get())) != items.size()) throw PgError("XX000", "chatd_write left rows out");
  int row = 0;
  for (const std::size_t place : appends_) setAppended(items, items[place], rows.get(), row++, now);
  for (const std::size_t place : changes_) setChanged(items[place], rows.get(), row++);
}

void PostgresqlBatch::fill(Arrays& a, std::span<LogItem> items) {
  rooms_.clear();
  appends_.clear();
  changes_.clear();
  first_.clear();
  for (const LogItem& item : items) rooms_.push_back(raw(roomOf(item)));
  std::sort(rooms_.begin(), rooms_.end());
  rooms_.erase(std::unique(rooms_.begin(), rooms_.end()), rooms_.end());
  for (const std::int64_t room : rooms_) a.rooms.add(room);
  for (std::size_t i = 0; i < items.size(); ++i) {
    LogItem& item = items[i];
    item.isNew = false;
    item.skipped = false;
    if (const auto* request = std::get_if<Append>(&item.request)) {
      appends_.push_back(i);
      fillAppend(a, item, *request);
      continue;
    }
    const Change& change = *std::get_if<Change>(&item.request);
    changes_.push_back(i);
    a.changeRoom.add(a.placeOf(rooms_, change.room));
    a.changeApp.add(raw(change.app));
    a.message.add(raw(change.message));
    a.edit.add(change.kind == Change::Kind::Edit);
    a.changeText.add(std::string_view(change.text));
  }
}

void PostgresqlBatch::fillAppend(Arrays& a, LogItem& item, const Append& request) {
  a.room.add(a.placeOf(rooms_, request.room));
  a.roomId.add(raw(request.room));
  a.app.add(raw(request.app));
  a.sender.add(raw(request.sender));
  a.send.add(request.sendId);
  a.access.add(raw(request.checkedUnder));
  a.text.add(std::string_view(request.text));
  a.hash.add(textHash(request.text));
  a.client.add(request.clientMsgId);
  a.reply.add(request.replyTo);
  a.metadata.add(request.metadata);
  std::int32_t first = 0;
  if (request.clientMsgId) {
    const auto here = static_cast<std::int32_t>(first_.size() + 1);
    const auto [it, fresh] = a.keys.try_emplace({request.room, request.sender, *request.clientMsgId}, here);
    if (!fresh) first = it->second;
  }
  first_.push_back(first);
  if (first != 0) {
    a.first.add(std::int64_t{first});
  } else {
    a.first.addNull();
  }
  // What may have been stored by an earlier try has a higher id than was known then.
  if (!item.again) item.knownId = writer_.lastId;
  if (const auto known = writer_.sends.find(request.sendId)) {
    a.after.add(raw(*known) - 1);
  } else if (item.again) {
    a.after.add(item.knownId);
  } else {
    a.after.addNull();
  }
}

void PostgresqlBatch::setAppended(std::span<LogItem> items, LogItem& item, const PGresult* rows, int row, std::int64_t now) {
  const Append& request = *std::get_if<Append>(&item.request);
  switch (number(rows, row, kOutcome)) {
    case kStored: {
      Message message;
      message.id = MessageId{number(rows, row, kId)};
      message.room = request.room;
      message.seq = Seq{number(rows, row, kSeq)};
      message.sender = request.sender;
      message.replyTo = request.replyTo;
      message.createdAt = message.updatedAt = fromMicros(now);
      writer_.lastId = std::max(writer_.lastId, raw(message.id));
      writer_.sends.remember(request.sendId, message.id);
      item.isNew = true;
      item.appended.emplace(Appended{std::move(message), false});
      return;
    }
    case kLocked:
      item.skipped = true;
      return;
    case kNoRoom:
      item.appended.emplace(Code::RoomDeleted);
      return;
    case kAccess:
      item.appended.emplace(Code::AccessChanged);
      return;
    case kStoredBefore:  // nobody has been told of it, so it is not a duplicate
      item.appended.emplace(Appended{messageFrom(rows, row, request.room), false});
      return;
    case kRepeat: {
      Message first = messageFrom(rows, row, request.room);
      if (PQgetisnull(rows, row, kText) != 0) {  // removed by retention: the key remembers it
        first.sender = request.sender;
        first.clientMsgId = request.clientMsgId;
        first.updatedAt = first.createdAt;
        first.deletedAt = first.createdAt;
      }
      item.appended.emplace(Appended{std::move(first), true});
      return;
    }
    case kReused:
      item.appended.emplace(Code::ClientMsgIdReused);
      return;
    case kBadReply:
      item.appended.emplace(Error::field("replyTo", "is not a message of this room"));
      return;
    case kAsFirst:
      return setFollower(item, items[appends_[static_cast<std::size_t>(first_[static_cast<std::size_t>(row)] - 1)]]);
    default:
      throw PgError("XX000", "chatd_write answered what it cannot");
  }
}

// A repeat within the batch: the first is answered already.
void PostgresqlBatch::setFollower(LogItem& item, const LogItem& first) {
  if (!first.isNew) {  // it was refused; this one is judged by itself
    item.skipped = true;
    return;
  }
  const Append& stored = *std::get_if<Append>(&first.request);
  if (std::get_if<Append>(&item.request)->text != stored.text) {
    item.appended.emplace(Code::ClientMsgIdReused);
    return;
  }
  Message message = (*first.appended)->message;
  message.text = stored.text;
  message.clientMsgId = stored.clientMsgId;
  message.metadata = stored.metadata;
  item.appended.emplace(Appended{std::move(message), true});
}

void PostgresqlBatch::setChanged(LogItem& item, const PGresult* rows, int row) {
  const Change& request = *std::get_if<Change>(&item.request);
  switch (number(rows, row, kOutcome)) {
    case kStored:
    case kUnchanged: {
      const bool changed = number(rows, row, kOutcome) == kStored;
      item.changed.emplace(Changed{messageFrom(rows, row, request.room), Rev{number(rows, row, kRev)}, changed});
      return;
    }
    case kLocked:
      item.skipped = true;
      return;
    case kNoRoom:
      item.changed.emplace(Code::RoomDeleted);
      return;
    case kNoMessage:
      item.changed.emplace(Code::MessageNotFound);
      return;
    default:
      throw PgError("XX000", "chatd_write answered what it cannot");
  }
}

}  // namespace chatd::store
