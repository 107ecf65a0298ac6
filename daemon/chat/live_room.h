// LiveRoom: one room in memory, on its home loop. Owned by RoomShard. Thread: the home loop; single writer, so no lock.
#pragma once

#include <list>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "chat/chat_service.h"
#include "chat/fanout.h"
#include "chat/model.h"

namespace chatd {

struct LiveMember {
  std::shared_ptr<const User> user;
  Role role = Role::Member;
  Seq read{};
};

/// A send between the check of its access and its commit.
struct PendingSend {
  Append append;
  GrantsPtr grants;
  int checks = 0;  ///< how often its access was checked
  UniqueFunction<void(Result<Appended>)> done;
};

class LiveRoom {
 public:
  LiveRoom(RoomState state, std::size_t loops);

  /// Takes over what the store says now. What this node knows to be newer (seq, read marks) stays.
  /// Returns the users who are members no longer.
  std::vector<UserId> refresh(RoomState state);

  /// Retention removed what is below `firstSeq`.
  void trim(Seq firstSeq);

  [[nodiscard]] LiveMember* member(UserId user);
  [[nodiscard]] MembersPtr memberList();
  [[nodiscard]] std::vector<UserId> memberIds() const;
  void replaceUser(const User& user);

  // Sessions in the room, in the order of joining.
  /// False: it was there already.
  bool enter(const RosterEntry& entry);
  bool exit(SessionAddress session);
  /// Takes every session of the user out.
  void exitUser(UserId user);
  [[nodiscard]] bool inRoom(SessionAddress session) const { return roster_.contains(session.id); }
  [[nodiscard]] std::size_t sessions() const { return roster_.size(); }
  [[nodiscard]] std::shared_ptr<const std::vector<RosterEntry>> rosterHead(std::size_t limit);
  /// Fills in who came and went since the last call.
  void takeRosterChanges(RosterEvent& event, std::size_t limit);
  /// Bit i: loop i has a session in the room.
  [[nodiscard]] std::uint64_t loops() const { return loopMask_; }

  std::shared_ptr<const Room> room;
  RoomCounter counter;
  // What has been told, which may be less than what a newer snapshot knows.
  Seq toldSeq{};
  Rev toldRev{};
  std::shared_ptr<const Message> last;

  std::vector<RoomEvent> staged;  ///< told at the end of this turn
  std::uint64_t rosterVersion = 0;
  bool rosterDirty = false;
  bool rosterTimer = false;  ///< the 250 ms after the last roster are not over
  std::map<UserId, SeenEvent> seenDirty;
  bool seenTimer = false;

  bool activityTimer = false;  ///< less than a second since followers were told
  bool activityForAll = false;
  std::vector<UserId> activityFor;  ///< if not for all

  std::size_t inFlight = 0;  ///< appends and changes given to the log
  bool refreshing = false;   ///< a read of the store is under way
  bool refreshAgain = false;
  /// Asked while access was being read again: who was added a moment ago must not be told that it is no member.
  std::vector<UniqueFunction<void(Result<LiveRoom*>)>> waiting;
  bool rechecking = false;  ///< access changed under sends: they and newer ones are held until it was read again
  std::map<std::uint64_t, PendingSend> held;  ///< by slot, which is the order of sending

  struct ReadMark {
    Seq seq{};
    std::vector<UniqueFunction<void(Result<Seq>)>> waiting;
  };
  std::map<UserId, ReadMark> readMarks;  ///< to be stored by the next write
  bool readWrite = false;                ///< one is under way

  std::optional<std::list<RoomId>::iterator> idlePlace;  ///< in RoomShard's order of idle rooms

  /// Nothing holds it in memory.
  [[nodiscard]] bool idle() const {
    return roster_.empty() && inFlight == 0 && !refreshing && waiting.empty() && held.empty() && readMarks.empty() &&
           !readWrite && !rosterTimer && !seenTimer && !activityTimer && staged.empty();
  }

 private:
  struct Place {
    std::uint64_t number = 0;
    std::uint32_t loop = 0;
    UserId user{};
  };
  void forget(const Place& place);
  void noteRoster(const RosterEntry& entry, bool present);

  std::unordered_map<UserId, LiveMember> members_;
  MembersPtr memberList_;  ///< made when asked for, until members change
  std::map<std::uint64_t, RosterEntry> rosterOrder_;
  std::unordered_map<SessionId, Place> roster_;
  std::uint64_t nextPlace_ = 0;
  std::shared_ptr<const std::vector<RosterEntry>> rosterHead_;
  struct RosterChange {
    RosterEntry entry;
    bool present = false;  ///< as it is now; whoever came and went in between has left
  };
  std::unordered_map<SessionId, RosterChange> rosterChanges_;
  std::vector<std::uint32_t> perLoop_;
  std::uint64_t loopMask_ = 0;
};

}  // namespace chatd
