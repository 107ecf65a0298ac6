// HeldRooms: appends and changes that must be tried again, room by room in their order: a room that another process has
// locked, an outcome that is unknown. As long as one of a room is held, everything behind it waits here too, so that nothing
// passes it; other rooms go on. Bounded. Owned by GroupCommitter. Thread: commit thread.
#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "store/batch_writer.h"

namespace chatd::store {

class HeldRooms {
 public:
  using Time = std::chrono::steady_clock::time_point;

  explicit HeldRooms(std::size_t most) : most_(most) {}

  [[nodiscard]] bool empty() const { return rooms_.empty(); }
  /// Nothing is held, and no room was found locked a moment ago.
  [[nodiscard]] bool quiet() const { return rooms_.empty() && locks_.empty(); }
  [[nodiscard]] bool full() const { return items_ >= most_; }
  /// Something before it in its room is held: it must wait behind.
  [[nodiscard]] bool blocks(const LogItem& item) const;
  /// Since when the first of its items is waited for.
  [[nodiscard]] std::optional<Time> since() const;
  /// The earliest time that a room is due, those that were locked too often not before `starvedAt`.
  [[nodiscard]] Time due(Time starvedAt) const;

  /// Holds it at its place in its room. A room that had nothing held is due at `due`.
  void hold(LogItem&& item, Time due);
  /// Another process has the room locked: the longer in a row, the longer it is let be.
  void locked(RoomId room, Time now);
  /// It was found locked too often in a row.
  [[nodiscard]] bool starved(RoomId room) const;
  /// It was not locked.
  void free(RoomId room) { locks_.erase(room); }

  /// Moves what is due into `out`, at most `rows` items, leaving out rooms that were locked too often.
  void take(Time now, std::size_t rows, std::vector<LogItem>& out);
  /// Moves a room that is due and was locked too often: it goes alone and waits for its lock.
  void takeStarved(Time now, std::size_t rows, std::vector<LogItem>& out);

  /// Removes the items for which `over(item)` is true.
  template <class F>
  void removeIf(F&& over) {
    for (auto it = rooms_.begin(); it != rooms_.end();) {
      items_ -= std::erase_if(it->second.items, over);
      if (!it->second.items.empty()) {
        ++it;
        continue;
      }
      locks_.erase(it->first);
      it = rooms_.erase(it);
    }
  }

 private:
  struct Room {
    std::deque<LogItem> items;
    Time due{};
  };
  using Rooms = std::unordered_map<RoomId, Room>;
  Rooms::iterator takeRoom(Rooms::iterator it, std::size_t rows, std::vector<LogItem>& out);

  const std::size_t most_;
  std::size_t items_ = 0;
  Rooms rooms_;
  std::unordered_map<RoomId, int> locks_;  // how often in a row a held room was found locked
};

[[nodiscard]] RoomId roomOf(const LogItem& item);

/// Since when the first of them is waited for; nothing: for none, whoever sent them was told that this is not known.
template <class Items>
[[nodiscard]] std::optional<HeldRooms::Time> sinceOf(const Items& items) {
  std::optional<HeldRooms::Time> since;
  for (const LogItem& item : items) {
    if (!item.told && (!since || item.queuedAt < *since)) since = item.queuedAt;
  }
  return since;
}

}  // namespace chatd::store
