// Hub: the sessions of one loop, and who of them listens to which room. Walks the listeners of a room in slices, so that one
// room of thousands does not hold up the others. Owned by Realtime. Thread: its loop.
#pragma once

#include <deque>
#include <memory>
#include <unordered_map>
#include <vector>

#include "chat/executor.h"
#include "chat/fanout.h"
#include "realtime/encoded_letter.h"

namespace chatd {

class SocketIoSession;

class Hub {
 public:
  Hub(Executor& executor, const Clock& clock, std::size_t loop) : executor_(executor), clock_(clock), loop_(loop) {}

  void add(SocketIoSession& session);
  /// Also takes it out of its room.
  void remove(SocketIoSession& session);
  [[nodiscard]] SocketIoSession* find(SessionId id) const;
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  template <class F>
  void forEach(F f) {
    // By id, because f may end sessions.
    std::vector<SessionId> ids;
    ids.reserve(sessions_.size());
    for (const auto& [id, session] : sessions_) ids.push_back(id);
    for (const SessionId id : ids) {
      if (SocketIoSession* session = find(id)) f(*session);
    }
  }

  /// From now on the session is told what the room says. It has heard of rosters up to `rosterVersion` and messages up to
  /// `seq`.
  void listen(SocketIoSession& session, RoomId room, std::uint64_t rosterVersion, Seq seq);
  void unlisten(SocketIoSession& session, RoomId room);

  void deliver(std::shared_ptr<const EncodedLetter> letter);

  /// The highest message of the room that has been handed to this loop; where a refill goes on. Nothing: nobody listens.
  [[nodiscard]] std::optional<Seq> cursor(RoomId room) const;

  /// Messages × listeners, since start. For metrics; read from any thread through Realtime.
  [[nodiscard]] std::uint64_t deliveries() const { return deliveries_.load(std::memory_order_relaxed); }

 private:
  struct Listener {
    SocketIoSession* session = nullptr;  ///< null: left while the room was being walked
    std::uint64_t from = 0;              ///< number of the first letter that concerns it
    std::uint64_t rosterVersion = 0;
    std::uint64_t joinedAt = 0;  ///< number of the next letter when it joined last: losses before that are history
  };
  struct Room {
    AppId app{};
    std::vector<Listener> listeners;
    std::unordered_map<SessionId, std::size_t> places;
    std::deque<std::shared_ptr<const EncodedLetter>> pending;
    std::uint64_t first = 1;  ///< number of pending.front()
    Seq cursor{};
    // The walk under way: letters [first, first + batch) to listeners from `next` on.
    std::size_t batch = 0;
    std::size_t next = 0;
    std::vector<Segment> segments;
    bool active = false;  ///< in the ring
    bool holes = false;   ///< some listeners are null
  };

  void turn();
  void schedule();
  /// Tells up to `budget` listeners; how many it told. The room is done when it has no pending letters.
  std::size_t slice(RoomId id, Room& room, std::size_t budget);
  void startBatch(Room& room);
  void endBatch(Room& room);
  void tell(Room& room, Listener& listener);
  void tellLost(RoomId id, std::uint64_t number, const LostEvent& lost);
  void compact(Room& room);

  Executor& executor_;
  const Clock& clock_;
  const std::size_t loop_;
  std::unordered_map<SessionId, SocketIoSession*> sessions_;
  std::unordered_map<RoomId, Room> rooms_;
  // Round robin over apps, and within an app over its rooms.
  std::deque<AppId> apps_;
  std::unordered_map<AppId, std::deque<RoomId>> active_;
  bool scheduled_ = false;
  std::atomic<std::uint64_t> deliveries_{0};
};

}  // namespace chatd
