#include "store/held_rooms.h"

#include <algorithm>

namespace chatd::store {

namespace {

using std::chrono::milliseconds;

// A lock is held for about one commit; somebody who holds it longer may be stopped.
constexpr milliseconds kFirstPause{1};
constexpr milliseconds kLongestPause{250};
constexpr int kSkips = 3;  // from then on a room waits for its lock, or others could keep it out for ever

}  // namespace

RoomId roomOf(const LogItem& item) {
  return std::visit([](const auto& request) { return request.room; }, item.request);
}

bool HeldRooms::blocks(const LogItem& item) const {
  if (rooms_.empty()) return false;
  const auto it = rooms_.find(roomOf(item));
  return it != rooms_.end() && it->second.items.front().order < item.order;
}

HeldRooms::Time HeldRooms::due(Time starvedAt) const {
  Time earliest = Time::max();
  for (const auto& [id, room] : rooms_) {
    earliest = std::min(earliest, starved(id) ? std::max(room.due, starvedAt) : room.due);
  }
  return earliest;
}

std::optional<HeldRooms::Time> HeldRooms::since() const {
  std::optional<Time> first;
  for (const auto& [id, room] : rooms_) {
    const auto since = sinceOf(room.items);
    if (since && (!first || *since < *first)) first = since;
  }
  return first;
}

void HeldRooms::hold(LogItem&& item, Time due) {
  Room& room = rooms_[roomOf(item)];
  if (room.items.empty()) room.due = due;
  const auto place = std::upper_bound(room.items.begin(), room.items.end(), item.order,
                                      [](std::uint64_t order, const LogItem& other) { return order < other.order; });
  room.items.insert(place, std::move(item));
  ++items_;
}

void HeldRooms::locked(RoomId id, Time now) {
  const int times = ++locks_[id];
  const auto pause = std::min(kFirstPause * (1 << std::min(times - 1, 10)), kLongestPause);
  rooms_.at(id).due = now + pause;
}

bool HeldRooms::starved(RoomId room) const {
  const auto it = locks_.find(room);
  return it != locks_.end() && it->second >= kSkips;
}

void HeldRooms::take(Time now, std::size_t rows, std::vector<LogItem>& out) {
  for (auto it = rooms_.begin(); it != rooms_.end() && out.size() < rows;) {
    const bool ready = it->second.due <= now && !starved(it->first);
    it = ready ? takeRoom(it, rows, out) : std::next(it);
  }
}

void HeldRooms::takeStarved(Time now, std::size_t rows, std::vector<LogItem>& out) {
  for (auto it = rooms_.begin(); it != rooms_.end(); ++it) {
    if (it->second.due > now || !starved(it->first)) continue;
    takeRoom(it, rows, out);
    return;
  }
}

HeldRooms::Rooms::iterator HeldRooms::takeRoom(Rooms::iterator it, std::size_t rows, std::vector<LogItem>& out) {
  auto& items = it->second.items;
  while (!items.empty() && out.size() < rows) {
    out.push_back(std::move(items.front()));
    items.pop_front();
    --items_;
  }
  return items.empty() ? rooms_.erase(it) : std::next(it);
}

}  // namespace chatd::store
