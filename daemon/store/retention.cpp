#include "store/retention.h"

#include <algorithm>
#include <chrono>

#include "base/json.h"

namespace chatd::store {

namespace {

using namespace std::chrono_literals;

// From the end of one sweep to the next. A message may outlive its time by this and the time of a sweep.
constexpr auto kSweepEvery = 60s;
// One step: so many messages removed (some 2 ms on SQLite), so many rooms looked at.
constexpr Int kMessagesAStep = 250;
constexpr Int kRoomsAStep = 100;

#define CHATD_SWEPT_COLUMNS "r.id, r.retention, c.first_seq, c.last_seq, m.created_at"
#define CHATD_SWEPT_JOIN                                                    \
  " JOIN room_counter c ON c.room_id = r.id AND c.first_seq <= c.last_seq " \
  "LEFT JOIN message m ON m.room_id = r.id AND m.seq = c.first_seq "
#define CHATD_SWEPT_TYPES Int, OptText, Int, Int, OptInt

constexpr Sql<In<Int, Int>, Out<CHATD_SWEPT_TYPES>> kRoomsWithRule{
    "SELECT " CHATD_SWEPT_COLUMNS " FROM room r" CHATD_SWEPT_JOIN
    "WHERE r.retention IS NOT NULL AND r.deleted_at IS NULL AND r.id > $1 ORDER BY r.id LIMIT $2"};
constexpr Sql<In<Int>, Out<Int, OptText>> kNextApp{
    "SELECT id, retention FROM app WHERE retention IS NOT NULL AND deleted_at IS NULL AND id > $1 ORDER BY id LIMIT 1"};
constexpr Sql<In<Int, Int, Int>, Out<CHATD_SWEPT_TYPES>> kRoomsOfApp{
    "SELECT " CHATD_SWEPT_COLUMNS " FROM room r" CHATD_SWEPT_JOIN
    "WHERE r.app_id = $1 AND r.id > $2 AND r.retention IS NULL AND r.deleted_at IS NULL ORDER BY r.id LIMIT $3"};
// The first message of a stretch that is young enough to stay.
constexpr Sql<In<Int, Int, Int, Int>, Out<OptInt>> kFirstYoung{
    "SELECT MIN(seq) FROM message WHERE room_id = $1 AND seq >= $2 AND seq < $3 AND created_at >= $4"};

// The counter first: its lock keeps two daemons from removing the same stretch at once.
constexpr Sql<In<Int, Int, Int>, Out<Int>> kRaiseFirst{
    "UPDATE room_counter SET first_seq = $1 WHERE room_id = $2 AND first_seq < $3 RETURNING first_seq"};
constexpr Sql<In<Int, Int>> kDropChanges{
    "DELETE FROM room_change WHERE message_id IN "
    "(SELECT id FROM message WHERE room_id = $1 AND seq < $2 AND rev > 0)"};
constexpr Sql<In<Int, Int>> kDropMessages{"DELETE FROM message WHERE room_id = $1 AND seq < $2"};
constexpr Sql<In<Int>, Out<Int>> kFirst{"SELECT first_seq FROM room_counter WHERE room_id = $1"};

void appendBound(JsonWriter& out, std::string_view key, const std::optional<std::int64_t>& value) {
  out.key(key);
  if (value) {
    out.integer(*value);
  } else {
    out.null();
  }
}

std::optional<std::int64_t> boundOf(const JsonValue& object, std::string_view key) {
  const JsonValue* v = find(object, key);
  return v != nullptr && v->IsInt64() ? std::optional(v->GetInt64()) : std::nullopt;
}

}  // namespace

std::string toJson(const Retention& retention) {
  std::string out;
  JsonWriter w(out);
  w.beginObject();
  appendBound(w, "days", retention.days);
  appendBound(w, "messages", retention.messages);
  w.endObject();
  return out;
}

Result<Retention> retentionFrom(std::string_view json) {
  const auto document = parseJson(json);
  if (!document.ok() || !document->IsObject()) return Error(Code::Internal, "The stored retention cannot be read.");
  return Retention{boundOf(*document, "days"), boundOf(*document, "messages")};
}

OptText retentionColumn(const std::optional<Retention>& retention) {
  return retention ? OptText(toJson(*retention)) : OptText();
}

std::optional<Retention> retentionOf(const OptText& column) {
  if (column.isNull()) return std::nullopt;
  auto read = retentionFrom(column.value());
  return read.ok() ? std::optional(*read) : std::optional(Retention{});
}

bool RetentionSweep::step(Connection& connection) {
  tellAgain(connection);
  if (!due()) return false;
  budget_ = kMessagesAStep;
  if (phase_ == Phase::Resting) {
    phase_ = Phase::Rooms;
    room_ = app_ = 0;
    appRule_.reset();
    // Said now and not at the end, so that a rule that changes meanwhile is heard.
    nextAt_ = clock_.steady() + kSweepEvery;
  }
  if (phase_ == Phase::Rooms && stepRooms(connection)) return true;
  if (phase_ == Phase::Apps && stepApps(connection)) return true;
  phase_ = Phase::Resting;
  return due();
}

void RetentionSweep::rolledBack() {
  for (const Trimmed& t : trimmed_) untold_.push_back(t.room);
  trimmed_.clear();
  // What was through may have come back: from the beginning.
  phase_ = Phase::Resting;
  hurry();
}

void RetentionSweep::tellAgain(Connection& connection) {
  for (const RoomId room : untold_) {
    const auto& rows = connection.run(kFirst, raw(room));
    if (!rows.empty()) trimmed_.push_back({room, Seq{rows.at<0>(0)}});
  }
  untold_.clear();
}

bool RetentionSweep::stepRooms(Connection& connection) {
  const auto& rows = connection.run(kRoomsWithRule, room_, kRoomsAStep);
  const bool last = static_cast<Int>(rows.size()) < kRoomsAStep;
  if (!trimAll(connection, rows) || !last) return true;
  phase_ = Phase::Apps;
  room_ = 0;
  return budget_ < kMessagesAStep;
}

bool RetentionSweep::stepApps(Connection& connection) {
  if (!appRule_) {
    const auto& next = connection.run(kNextApp, app_);
    if (next.empty()) return false;
    app_ = next.at<0>(0);
    appRule_ = retentionOf(next.at<1>(0));
    room_ = 0;
  }
  const auto& rows = connection.run(kRoomsOfApp, app_, room_, kRoomsAStep);
  const bool last = static_cast<Int>(rows.size()) < kRoomsAStep;
  if (trimAll(connection, rows) && last) appRule_.reset();
  return true;
}

template <class R>
bool RetentionSweep::trimAll(Connection& connection, const R& rows) {
  for (std::size_t i = 0; i < rows.size(); ++i) {
    Room room;
    room.id = rows.template at<0>(i);
    room.first = rows.template at<2>(i);
    room.last = rows.template at<3>(i);
    if (const auto& oldest = rows.template at<4>(i); !oldest.isNull()) room.oldest = oldest.value();
    const auto own = retentionOf(rows.template at<1>(i));
    if (!trim(connection, room, own ? *own : *appRule_)) return false;
    room_ = room.id;
  }
  return true;
}

bool RetentionSweep::trim(Connection& connection, const Room& room, const Retention& rule) {
  const bool tooMany = rule.messages && room.last - room.first + 1 > *rule.messages;
  const bool tooOld = rule.days && (!room.oldest || *room.oldest < cutoff(*rule.days));
  if (!tooMany && !tooOld) return true;
  if (budget_ == 0) return false;
  const Int end = std::min(room.last + 1, room.first + budget_);
  const Int kept = keptFrom(connection, room, rule, end);
  if (kept > room.first) {
    budget_ -= kept - room.first;
    if (!connection.run(kRaiseFirst, kept, room.id, kept).empty()) {
      connection.run(kDropChanges, room.id, kept);
      connection.run(kDropMessages, room.id, kept);
      trimmed_.push_back({RoomId{room.id}, Seq{kept}});
    }
  }
  return kept < end || end == room.last + 1;
}

// The lowest seq that stays, at most `end`.
Int RetentionSweep::keptFrom(Connection& connection, const Room& room, const Retention& rule, Int end) {
  Int kept = room.first;
  if (rule.messages) kept = std::max(kept, room.last - *rule.messages + 1);
  if (kept >= end) return end;
  if (rule.days) {
    const auto& young = connection.run(kFirstYoung, room.id, kept, end, cutoff(*rule.days)).template at<0>(0);
    kept = young.isNull() ? end : young.value();
  }
  return kept;
}

Int RetentionSweep::cutoff(Int days) const { return micros(clock_.wall() - std::chrono::hours(24) * days); }

}  // namespace chatd::store
