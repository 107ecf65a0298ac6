#include "store/postgresql/plain_appends.h"

#include <algorithm>
#include <string>
#include <unordered_set>

#include "store/postgresql/pg_call.h"
#include "store/postgresql/postgresql_batch.h"
#include "store/text_hash.h"

namespace chatd::store {

namespace {

constexpr const char* kName = "chatd_append";
constexpr int kParams = 17;
constexpr const char* kAppend =
    "SELECT o_before, o_id FROM chatd_append($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
enum Column { kBefore, kId };

// Where there was one repeat others follow: clients that come back after an outage send again what they are not sure of.
constexpr int kCarefulAfterwards = 16;

}  // namespace

struct PlainAppends::Arrays {
  PgArray room{PgType::Bigint}, app{PgType::Bigint}, access{PgType::Bigint}, count{PgType::Bigint};
  PgArray place{PgType::Integer}, nth{PgType::Bigint}, ofRoom{PgType::Bigint}, sender{PgType::Bigint}, send{PgType::Uuid},
      text{PgType::String}, hash{PgType::Bigint}, client{PgType::String}, reply{PgType::Bigint}, metadata{PgType::String};
};

PlainAppends::PlainAppends(PGconn* connection, CallLimit& limit, PgWriter& writer)
    : connection_(connection), limit_(limit), writer_(writer) {
  const CallLimit::Guard guard(&limit_);
  checked(connection_, PQprepare(connection_, kName, kAppend, kParams, nullptr));
}

bool PlainAppends::write(std::span<LogItem> items, std::int64_t now) {
  if (careful_ > 0) {
    --careful_;
    return false;
  }
  if (!collect(items)) return false;
  Arrays a;
  fill(a, items);
  const std::string scalars[] = {std::string(reinterpret_cast<const char*>(writer_.id.data()), writer_.id.size()),
                                 pgBytes(writer_.generation), pgBytes(now)};
  PgArray* arrays[] = {&a.room,   &a.app,  &a.access, &a.count, &a.place,  &a.nth,   &a.ofRoom,
                       &a.sender, &a.send, &a.text,   &a.hash,  &a.client, &a.reply, &a.metadata};
  static_assert(std::size(scalars) + std::size(arrays) == kParams);
  const PgResult answer = pgCall(connection_, limit_, kName, scalars, arrays, PgForm::Binary);
  if (setStored(items, answer.get(), now)) return true;
  careful_ = kCarefulAfterwards;
  return false;
}

// False: something in it has to be looked for.
bool PlainAppends::collect(std::span<LogItem> items) {
  rooms_.clear();
  places_.clear();
  std::unordered_set<std::string> keys;
  for (const LogItem& item : items) {
    const auto* request = std::get_if<Append>(&item.request);
    if (request == nullptr || item.again || writer_.sends.find(request->sendId)) return false;
    if (request->clientMsgId) {
      // Their numbers cannot run into each other: each has its end.
      auto key =
          std::to_string(raw(request->room)) + ' ' + std::to_string(raw(request->sender)) + ' ' + *request->clientMsgId;
      if (!keys.insert(std::move(key)).second) return false;
    }
    rooms_.push_back({raw(request->room), raw(request->app), raw(request->checkedUnder), 0});
  }
  std::sort(rooms_.begin(), rooms_.end(),
            [](const Room& a, const Room& b) { return a.id != b.id ? a.id < b.id : a.access < b.access; });
  // The first of each is the one with the oldest access.
  rooms_.erase(std::unique(rooms_.begin(), rooms_.end(), [](const Room& a, const Room& b) { return a.id == b.id; }),
               rooms_.end());
  for (const LogItem& item : items) {
    const auto& request = *std::get_if<Append>(&item.request);
    const auto room = std::lower_bound(rooms_.begin(), rooms_.end(), raw(request.room),
                                       [](const Room& each, std::int64_t id) { return each.id < id; });
    if (room->app != raw(request.app)) return false;
    places_.push_back({static_cast<std::size_t>(room - rooms_.begin()), ++room->count});
  }
  return true;
}

void PlainAppends::fill(Arrays& a, std::span<LogItem> items) const {
  for (const Room& room : rooms_) {
    a.room.add(room.id);
    a.app.add(room.app);
    a.access.add(room.access);
    a.count.add(room.count);
  }
  for (std::size_t i = 0; i < items.size(); ++i) {
    LogItem& item = items[i];
    item.isNew = false;
    item.skipped = false;
    item.knownId = writer_.lastId;  // what this try may store gets a higher id
    const auto& request = *std::get_if<Append>(&item.request);
    a.place.add(static_cast<std::int64_t>(places_[i].room) + 1);
    a.nth.add(places_[i].nth);
    a.ofRoom.add(raw(request.room));
    a.sender.add(raw(request.sender));
    a.send.add(request.sendId);
    a.text.add(std::string_view(request.text));
    a.hash.add(textHash(request.text));
    a.client.add(request.clientMsgId);
    a.reply.add(request.replyTo);
    a.metadata.add(request.metadata);
  }
}

// False: the server found that it is not plain.
bool PlainAppends::setStored(std::span<LogItem> items, const PGresult* answer, std::int64_t now) {
  if (PQntuples(answer) != 1) throw PgError("XX000", "chatd_append answered what it cannot");
  if (PQgetisnull(answer, 0, kBefore) != 0) return false;
  const auto column = [&](Column which) {
    return pgBigints({PQgetvalue(answer, 0, which), static_cast<std::size_t>(PQgetlength(answer, 0, which))});
  };
  const auto before = column(kBefore);
  const auto ids = column(kId);
  if (before.size() != rooms_.size() || ids.size() != items.size()) throw PgError("XX000", "chatd_append left some out");
  for (std::size_t i = 0; i < items.size(); ++i) {
    LogItem& item = items[i];
    const auto& seq = before[places_[i].room];
    if (!seq || !ids[i]) {
      item.skipped = true;
      continue;
    }
    const auto& request = *std::get_if<Append>(&item.request);
    Message message;
    message.id = MessageId{*ids[i]};
    message.room = request.room;
    message.seq = Seq{*seq + places_[i].nth};
    message.sender = request.sender;
    message.replyTo = request.replyTo;
    message.createdAt = message.updatedAt = fromMicros(now);
    writer_.lastId = std::max(writer_.lastId, *ids[i]);
    writer_.sends.remember(request.sendId, message.id);
    item.isNew = true;
    item.appended.emplace(Appended{std::move(message), false});
  }
  return true;
}

}  // namespace chatd::store
