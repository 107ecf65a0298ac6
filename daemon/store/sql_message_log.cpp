#include "store/sql_message_log.h"

#include <algorithm>
#include <limits>

#include "store/rows.h"

namespace chatd::store {

namespace {

// A room that is deleted, or whose app is, has no history, whatever rows are still to be purged.
#define CHATD_ROOM_LIVES(room)                                                         \
  " AND EXISTS (SELECT 1 FROM room r JOIN app a ON a.id = r.app_id WHERE r.id = " room \
  " AND r.deleted_at IS NULL "                                                         \
  "AND a.deleted_at IS NULL)"

constexpr Sql<In<Int, Int, Int, Int>, Out<CHATD_MESSAGE_TYPES>> kNewest{
    "SELECT " CHATD_MESSAGE_COLUMNS("m") " FROM message m WHERE m.room_id = $1 AND m.seq > $2 AND m.seq < $3"
    CHATD_ROOM_LIVES("$1") " ORDER BY m.seq DESC LIMIT $4"};
constexpr Sql<In<Int, Int, Int, Int>, Out<CHATD_MESSAGE_TYPES>> kOldest{
    "SELECT " CHATD_MESSAGE_COLUMNS("m") " FROM message m WHERE m.room_id = $1 AND m.seq > $2 AND m.seq < $3"
    CHATD_ROOM_LIVES("$1") " ORDER BY m.seq LIMIT $4"};
// A page by number counts from the newest seq, which has no gaps; OFFSET would walk over what it skips.
constexpr Sql<In<Int>, Out<Int>> kLastSeq{"SELECT last_seq FROM room_counter WHERE room_id = $1"};
constexpr Sql<In<Int>, Out<CHATD_MESSAGE_TYPES, Int>> kFind{"SELECT " CHATD_MESSAGE_COLUMNS(
    "m") ", r.app_id FROM message m JOIN room r ON r.id = m.room_id "
         "JOIN app a ON a.id = r.app_id WHERE m.id = $1 AND r.deleted_at IS NULL AND a.deleted_at IS NULL"};

constexpr Sql<In<Int, Int, Int>, Out<Int>> kCountBetween{
    "SELECT count(*) FROM message m WHERE m.room_id = $1 AND m.seq > $2 AND m.seq < $3" CHATD_ROOM_LIVES("$1")};
constexpr Sql<In<Int, Int, Int, Int>, Out<CHATD_MESSAGE_TYPES, Int, Int>> kChanges{"SELECT " CHATD_MESSAGE_COLUMNS(
    "m") ", c.rev, c.kind FROM room_change c JOIN message m ON m.room_id = c.room_id AND m.id = c.message_id "
         "WHERE c.room_id = $1 AND c.rev > $2 AND c.rev < $3" CHATD_ROOM_LIVES("$1") " ORDER BY c.rev LIMIT $4"};
constexpr Int kKindEdit = 1;  // room_change.kind

constexpr Int kAll = std::numeric_limits<Int>::max();
// The deepest that a page by number reaches (MessageLog::historyPage).
constexpr std::size_t kDeepest = 10'000;

template <class... C>
std::vector<Message> messagesFrom(const Rows<C...>& rows) {
  std::vector<Message> messages;
  messages.reserve(rows.size());
  for (std::size_t i = 0; i < rows.size(); ++i) messages.push_back(messageFrom(rows, i));
  return messages;
}

}  // namespace

Result<std::vector<Message>> SqlMessageLog::history(RoomId room, const HistoryQuery& query) {
  return readers_.read([&](Connection& c) -> Result<std::vector<Message>> {
    const Int after = query.after ? raw(*query.after) : 0;
    const Int before = query.before ? raw(*query.before) : kAll;
    const Int limit = static_cast<Int>(query.limit);
    if (!query.after) return messagesFrom(c.run(kNewest, raw(room), after, before, limit));
    auto messages = messagesFrom(c.run(kOldest, raw(room), after, before, limit));
    std::reverse(messages.begin(), messages.end());
    return messages;
  });
}

Result<std::vector<Message>> SqlMessageLog::historyPage(RoomId room, std::size_t page, std::size_t limit) {
  if (page < 1) return Error::field("page", "counts from 1");
  if (page - 1 > kDeepest / std::max<std::size_t>(limit, 1)) {
    return Error::field("page", "reaches too far back; go on with before");
  }
  return readers_.snapshot([&](Connection& c) -> Result<std::vector<Message>> {
    const auto& last = c.run(kLastSeq, raw(room));
    if (last.empty()) return std::vector<Message>{};
    const Int before = last.at<0>(0) + 1 - static_cast<Int>((page - 1) * limit);
    return messagesFrom(c.run(kNewest, raw(room), Int{0}, before, static_cast<Int>(limit)));
  });
}

Result<std::vector<Message>> SqlMessageLog::range(RoomId room, Seq after, Seq upTo, std::size_t limit) {
  return readers_.read([&](Connection& c) -> Result<std::vector<Message>> {
    return messagesFrom(c.run(kOldest, raw(room), raw(after), raw(upTo) + 1, static_cast<Int>(limit)));
  });
}

Result<bool> SqlMessageLog::holdsAll(RoomId room, Seq after, Seq upTo) {
  return readers_.read([&](Connection& c) -> Result<bool> {
    return c.run(kCountBetween, raw(room), raw(after), raw(upTo) + 1).at<0>(0) == raw(upTo) - raw(after);
  });
}

Result<std::vector<ChangedMessage>> SqlMessageLog::changes(RoomId room, Rev after, Rev upTo, std::size_t limit) {
  return readers_.read([&](Connection& c) -> Result<std::vector<ChangedMessage>> {
    const auto& rows = c.run(kChanges, raw(room), raw(after), raw(upTo) + 1, static_cast<Int>(limit));
    std::vector<ChangedMessage> changes;
    changes.reserve(rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const auto kind = rows.at<12>(i) == kKindEdit ? Change::Kind::Edit : Change::Kind::Delete;
      changes.push_back({Rev{rows.at<11>(i)}, kind, messageFrom(rows, i)});
    }
    return changes;
  });
}

Result<MessageLog::Found> SqlMessageLog::find(MessageId id) {
  return readers_.read([&](Connection& c) -> Result<Found> {
    const auto& rows = c.run(kFind, raw(id));
    if (rows.empty()) return Code::MessageNotFound;
    return Found{messageFrom(rows, 0), AppId{rows.at<11>(0)}};
  });
}

}  // namespace chatd::store
