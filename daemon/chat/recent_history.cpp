#include "chat/recent_history.h"

#include <algorithm>
#include <limits>

namespace chatd {

namespace {

// Of one room, beside its part of a shard. A room of which so many came and nobody asked for any keeps none until somebody
// does: memory that is cold when it is written and when it is freed costs a busy room more than a page that is never read is
// worth.
constexpr std::size_t kRoomMessages = 200;
constexpr std::size_t kRoomPart = 8;
// What a room costs besides its messages.
constexpr std::size_t kRoomBytes = 256;
// The deepest page by number (MessageLog::historyPage).
constexpr std::size_t kDeepest = 10'000;
constexpr std::int64_t kNewest = std::numeric_limits<std::int64_t>::max();

std::size_t bytesOf(const std::optional<std::string>& text) { return text ? text->size() : 0; }
std::size_t bytesOf(const Message& m) {
  return sizeof(Message) + 64 + m.text.size() + bytesOf(m.clientMsgId) + bytesOf(m.metadata);
}

}  // namespace

RecentHistory::Shard& RecentHistory::shardOf(RoomId room) {
  return shards_[static_cast<std::uint64_t>(raw(room)) * 0x9E3779B97F4A7C15ULL >> 60];
}

void RecentHistory::open(RoomId id, const RoomCounter& counter) {
  if (shareBytes_ == 0) return;
  const std::int64_t next = raw(counter.lastSeq) + 1;
  Shard& shard = shardOf(id);
  LockGuard g(shard.mutex);
  Room& room = entry(shard, id, next);
  if (room.next != next) clear(shard, room, next);
  room.first = std::max(room.first, raw(counter.firstSeq));
  bound(shard, id, room);
}

void RecentHistory::append(const RoomCounter& counter, const MessagePtr& message) {
  if (shareBytes_ == 0) return;
  const std::int64_t seq = raw(message->seq);
  Shard& shard = shardOf(message->room);
  LockGuard g(shard.mutex);
  Room& room = entry(shard, message->room, seq);
  // The room was read again after the commit of this one and before its outcome came: behind it may be others on their way.
  if (seq < room.next) return;
  if (seq > room.next) clear(shard, room, seq);
  room.first = std::max(room.first, raw(counter.firstSeq));
  if (room.unasked == kRoomMessages) {
    while (!room.messages.empty()) dropOldest(shard, room);
    ++room.next;
    return;
  }
  ++room.unasked;
  room.messages.push_back(message);
  ++room.next;
  grow(shard, room, bytesOf(*message));
  bound(shard, message->room, room);
}

void RecentHistory::change(const MessagePtr& message) {
  if (shareBytes_ == 0) return;
  Shard& shard = shardOf(message->room);
  LockGuard g(shard.mutex);
  const auto it = shard.rooms.find(message->room);
  if (it == shard.rooms.end()) return;
  Room& room = it->second;
  room.mark = ++shard.marks;
  const std::int64_t at = raw(message->seq) - room.low();
  if (at < 0 || at >= static_cast<std::int64_t>(room.messages.size())) return;
  MessagePtr& held = room.messages[static_cast<std::size_t>(at)];
  shrink(shard, room, bytesOf(*held));
  held = message;
  grow(shard, room, bytesOf(*held));
  bound(shard, message->room, room);
}

void RecentHistory::trim(RoomId id, Seq firstSeq) {
  if (shareBytes_ == 0) return;
  Shard& shard = shardOf(id);
  LockGuard g(shard.mutex);
  const auto it = shard.rooms.find(id);
  if (it == shard.rooms.end()) return;
  Room& room = it->second;
  room.mark = ++shard.marks;
  room.first = std::max(room.first, raw(firstSeq));
  while (!room.messages.empty() && room.low() < room.first) dropOldest(shard, room);
}

void RecentHistory::forget(RoomId id) {
  if (shareBytes_ == 0) return;
  Shard& shard = shardOf(id);
  LockGuard g(shard.mutex);
  if (shard.rooms.contains(id)) erase(shard, id);
}

std::optional<RecentHistory::Messages> RecentHistory::history(RoomId room, const HistoryQuery& query) {
  const std::int64_t after = query.after ? raw(*query.after) : 0;
  const std::int64_t before = query.before ? raw(*query.before) : kNewest;
  return read(room, after, before, query.limit, query.after.has_value());
}

std::optional<RecentHistory::Messages> RecentHistory::page(RoomId id, std::size_t page, std::size_t limit) {
  if (shareBytes_ == 0 || page < 1 || limit < 1 || page - 1 > kDeepest / limit) return std::nullopt;
  std::int64_t before = 0;
  {
    Shard& shard = shardOf(id);
    LockGuard g(shard.mutex);
    const auto it = shard.rooms.find(id);
    if (it == shard.rooms.end()) {
      misses_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    before = it->second.next - static_cast<std::int64_t>((page - 1) * limit);
  }
  return read(id, 0, before, limit, false);
}

std::optional<RecentHistory::Messages> RecentHistory::range(RoomId room, Seq after, Seq upTo, std::size_t limit) {
  auto found = read(room, raw(after), raw(upTo) + 1, limit, true);
  if (found) std::reverse(found->begin(), found->end());
  return found;
}

std::optional<RecentHistory::Messages> RecentHistory::read(RoomId id, std::int64_t after, std::int64_t before,
                                                           std::size_t limit, bool fromOldest) {
  if (shareBytes_ == 0) return std::nullopt;
  Messages found;
  {
    Shard& shard = shardOf(id);
    LockGuard g(shard.mutex);
    const auto it = shard.rooms.find(id);
    const auto wanted = static_cast<std::int64_t>(limit);
    std::int64_t low = 0;
    std::int64_t high = 0;
    if (it != shard.rooms.end()) {
      Room& room = it->second;
      room.unasked = 0;
      shard.order.splice(shard.order.end(), shard.order, room.place);
      low = std::max(after + 1, room.first);
      high = std::min(before, room.next) - 1;
      if (fromOldest) {
        high = std::min(high, low + wanted - 1);
      } else {
        low = std::max(low, high - wanted + 1);
      }
    }
    if (it == shard.rooms.end() || low < it->second.low()) {
      misses_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    const Room& room = it->second;
    if (high >= low) found.reserve(static_cast<std::size_t>(high - low + 1));
    for (std::int64_t seq = high; seq >= low; --seq) {
      found.push_back(*room.messages[static_cast<std::size_t>(seq - room.low())]);
    }
  }
  hits_.fetch_add(1, std::memory_order_relaxed);
  return found;
}

std::optional<std::uint64_t> RecentHistory::mark(RoomId id) {
  if (shareBytes_ == 0) return std::nullopt;
  Shard& shard = shardOf(id);
  LockGuard g(shard.mutex);
  const auto it = shard.rooms.find(id);
  return it == shard.rooms.end() ? std::nullopt : std::optional(it->second.mark);
}

void RecentHistory::extend(RoomId id, std::uint64_t mark, std::span<const Message> newestFirst) {
  Shard& shard = shardOf(id);
  LockGuard g(shard.mutex);
  const auto it = shard.rooms.find(id);
  if (it == shard.rooms.end() || it->second.mark != mark) return;
  Room& room = it->second;
  for (const Message& message : newestFirst) {
    if (raw(message.seq) >= room.low()) continue;
    if (raw(message.seq) != room.low() - 1) break;
    const std::size_t bytes = bytesOf(message);
    if (room.messages.size() >= kRoomMessages || room.bytes + bytes > shareBytes_ / kRoomPart) break;
    room.messages.push_front(std::make_shared<const Message>(message));
    grow(shard, room, bytes);
  }
  bound(shard, id, room);
}

RecentHistory::Room& RecentHistory::entry(Shard& shard, RoomId id, std::int64_t next) {
  const auto [it, isNew] = shard.rooms.try_emplace(id);
  Room& room = it->second;
  if (!isNew) return room;
  room.next = next;
  room.mark = ++shard.marks;
  room.place = shard.order.insert(shard.order.end(), id);
  grow(shard, room, kRoomBytes);
  return room;
}

void RecentHistory::erase(Shard& shard, RoomId id) {
  const auto it = shard.rooms.find(id);
  shrink(shard, it->second, it->second.bytes);
  shard.order.erase(it->second.place);
  shard.rooms.erase(it);
}

void RecentHistory::dropOldest(Shard& shard, Room& room) {
  shrink(shard, room, bytesOf(*room.messages.front()));
  room.messages.pop_front();
}

void RecentHistory::clear(Shard& shard, Room& room, std::int64_t next) {
  while (!room.messages.empty()) dropOldest(shard, room);
  room.next = next;
  room.mark = ++shard.marks;
}

void RecentHistory::grow(Shard& shard, Room& room, std::size_t bytes) {
  room.bytes += bytes;
  shard.bytes += bytes;
  bytes_.fetch_add(bytes, std::memory_order_relaxed);
}

void RecentHistory::shrink(Shard& shard, Room& room, std::size_t bytes) {
  room.bytes -= bytes;
  shard.bytes -= bytes;
  bytes_.fetch_sub(bytes, std::memory_order_relaxed);
}

void RecentHistory::bound(Shard& shard, RoomId id, Room& room) {
  while (!room.messages.empty() && (room.messages.size() > kRoomMessages || room.bytes > shareBytes_ / kRoomPart)) {
    dropOldest(shard, room);
  }
  while (shard.bytes > shareBytes_ && shard.order.size() > 1) {
    const RoomId oldest = shard.order.front() == id ? *std::next(shard.order.begin()) : shard.order.front();
    erase(shard, oldest);
  }
}

}  // namespace chatd
