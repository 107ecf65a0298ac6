// Followers: the users of one loop who are told of their rooms without being in them, and the sessions through which. Loads
// the rooms of a user when its first session comes. Owned by Realtime. Thread: its loop.
#pragma once

#include <memory>
#include <unordered_map>
#include <vector>

#include "base/frame.h"
#include "chat/fanout.h"

namespace chatd {

class Realtime;
class Session;

class Followers {
 public:
  /// Rooms of one user that are followed; of more the first by id are.
  static constexpr std::size_t kMaxRooms = 1000;

  Followers(Realtime& realtime, std::size_t loop) : realtime_(realtime), loop_(loop) {}

  void add(Session& session);
  void remove(Session& session);
  void deliver(const UserLetter& letter);

 private:
  struct Follower {
    std::vector<Session*> sessions;
    std::vector<RoomId> rooms;
    std::uint64_t number = 0;  ///< of this stay; a list that was read for an earlier one is late
  };
  void load(Follower& follower, const Session& session);
  void loaded(UserId user, std::uint64_t number, std::vector<RoomId> rooms);
  void tell(UserId user, const Room& room, const FramePtr& frame);
  void deliver(const Room& room, const RoomActivity& activity);
  void deliver(const Room& room, const MembersChanged& changed);
  void followAlso(UserId user, RoomId room);
  void forget(UserId user, RoomId room);

  Realtime& realtime_;
  const std::size_t loop_;
  std::unordered_map<UserId, Follower> users_;
  std::uint64_t numbers_ = 0;
};

}  // namespace chatd
