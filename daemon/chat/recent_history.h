// RecentHistory: the newest messages of rooms that are in use, in memory, so that a page of history, a refill or a short
// recovery asks no database. Owned by ChatService. Bounded in bytes; the rooms longest unread go first.
//
// Never stale: a room's home loop tells it of every commit before it tells anybody else, so whoever has been told of a
// message or a change finds it here. That holds only while no other process writes the database; then it is off (budget 0).
// What it has of a room is one stretch without gaps that ends at the room's newest message.
// Threads: open(), append(), change(), trim() and forget() on the room's home loop; the rest on any.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <list>
#include <memory>
#include <optional>
#include <span>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "chat/message_log.h"
#include "chat/model.h"

namespace chatd {

class RecentHistory {
 public:
  /// `bytes`: of all messages it holds together; 0: it holds nothing and answers nothing.
  explicit RecentHistory(std::size_t bytes) : shareBytes_(bytes / kShards) {}

  /// The room is in use, or its counter was read again; what was here stays if it still ends at `counter.lastSeq`.
  void open(RoomId room, const RoomCounter& counter);
  /// A new message, which `counter` counts already. One that open() has counted too is left to the log.
  void append(const RoomCounter& counter, const std::shared_ptr<const Message>& message);
  /// An edited or deleted message as it is now.
  void change(const std::shared_ptr<const Message>& message);
  /// Retention removed what is below `firstSeq`.
  void trim(RoomId room, Seq firstSeq);
  void forget(RoomId room);

  using Messages = std::vector<Message>;
  /// As MessageLog says; nothing: it does not have all of the answer.
  [[nodiscard]] std::optional<Messages> history(RoomId room, const HistoryQuery& query);
  [[nodiscard]] std::optional<Messages> page(RoomId room, std::size_t page, std::size_t limit);
  [[nodiscard]] std::optional<Messages> range(RoomId room, Seq after, Seq upTo, std::size_t limit);

  /// Messages read from the log make the stretch longer at its old end, if nothing has changed since: take the mark before
  /// the read. Nothing: the room is not here. `newestFirst`: as the log answered.
  [[nodiscard]] std::optional<std::uint64_t> mark(RoomId room);
  void extend(RoomId room, std::uint64_t mark, std::span<const Message> newestFirst);

  [[nodiscard]] std::uint64_t hits() const { return hits_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t misses() const { return misses_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::size_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  static constexpr std::size_t kShards = 16;
  using MessagePtr = std::shared_ptr<const Message>;

  struct Room {
    std::deque<MessagePtr> messages;  // seqs without gaps, oldest first, to `next` - 1
    std::int64_t next = 1;            // seq of the next message
    std::int64_t first = 1;           // the lowest seq that the log has
    std::size_t bytes = 0;
    std::size_t unasked = 0;  // messages that came since somebody asked
    std::uint64_t mark = 0;
    std::list<RoomId>::iterator place;
    [[nodiscard]] std::int64_t low() const { return next - static_cast<std::int64_t>(messages.size()); }
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<RoomId, Room> rooms CHATD_GUARDED_BY(mutex);
    std::list<RoomId> order CHATD_GUARDED_BY(mutex);  // longest unread first
    std::size_t bytes CHATD_GUARDED_BY(mutex) = 0;
    std::uint64_t marks CHATD_GUARDED_BY(mutex) = 0;
  };

  [[nodiscard]] Shard& shardOf(RoomId room);
  /// What is above `after` and below `before`, at most `limit`, from the newest or the oldest; newest first.
  [[nodiscard]] std::optional<Messages> read(RoomId room, std::int64_t after, std::int64_t before, std::size_t limit,
                                             bool fromOldest);
  /// Its entry, made empty at `next` if there is none.
  Room& entry(Shard& shard, RoomId id, std::int64_t next) CHATD_REQUIRES(shard.mutex);
  void erase(Shard& shard, RoomId id) CHATD_REQUIRES(shard.mutex);
  void dropOldest(Shard& shard, Room& room) CHATD_REQUIRES(shard.mutex);
  void clear(Shard& shard, Room& room, std::int64_t next) CHATD_REQUIRES(shard.mutex);
  void grow(Shard& shard, Room& room, std::size_t bytes) CHATD_REQUIRES(shard.mutex);
  void shrink(Shard& shard, Room& room, std::size_t bytes) CHATD_REQUIRES(shard.mutex);
  /// Back to the bounds: of the room from its old end, of the shard by whole rooms other than this.
  void bound(Shard& shard, RoomId id, Room& room) CHATD_REQUIRES(shard.mutex);

  const std::size_t shareBytes_;
  std::array<Shard, kShards> shards_;
  std::atomic<std::uint64_t> hits_{0};
  std::atomic<std::uint64_t> misses_{0};
  std::atomic<std::size_t> bytes_{0};
};

}  // namespace chatd
