// Port: what is told to live sessions. Implemented by realtime/, which encodes each event once per vocabulary and loop.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "base/error.h"
#include "base/ids.h"
#include "chat/model.h"

namespace chatd {

/// A session and the loop it lives on.
struct SessionAddress {
  std::uint32_t loop = 0;
  SessionId id{};
  bool operator==(const SessionAddress&) const = default;
};

/// One session in one room, as roomData shows it.
struct RosterEntry {
  SessionAddress session;
  UserId user{};
  std::string publicId;  ///< socket id
};

// What happens in a room, in the order in which the room's home loop decided it. Values are immutable and shared between
// loops.
struct MessageEvent {
  std::shared_ptr<const Message> message;
  Rev rev{};  ///< changes up to here were told before it
};
/// The newest message, announced again by a member; nothing was stored.
struct RepeatEvent {
  std::shared_ptr<const Message> message;
  SessionAddress from;  ///< is not told itself
};
struct UpdatedEvent {
  std::shared_ptr<const Message> message;
  Rev rev{};
  Seq seq{};  ///< messages up to here were told before it
};
struct DeletedEvent {
  std::shared_ptr<const Message> message;
  Rev rev{};
  Seq seq{};  ///< messages up to here were told before it
};
struct TypingEvent {
  std::shared_ptr<const User> user;
  SessionAddress from;  ///< is not told itself
  bool typing = false;
};
struct SeenEvent {
  std::shared_ptr<const User> user;  ///< whose sessions are not told
  MessageId message{};
  Seq seq{};
  Timestamp at{};
};
/// The newest roster of the room, coalesced, and what changed since the one before. Who joined meanwhile may know part of
/// the change already, so it is to be applied as to a set.
struct RosterEvent {
  std::shared_ptr<const std::vector<RosterEntry>> entries;  ///< the first limits.room_data
  std::size_t total = 0;
  std::uint64_t version = 0;  ///< not told to sessions that joined at this version or a later one
  std::shared_ptr<const std::vector<RosterEntry>> joined;
  std::shared_ptr<const std::vector<RosterEntry>> left;
  bool tooMany = false;  ///< more changes than entries are listed: `joined` and `left` are empty, `entries` is all there is
};
/// These users are no longer in the room (or all, if `everybody`): their sessions lose it.
struct LostEvent {
  std::shared_ptr<const std::vector<UserId>> users;
  bool everybody = false;
  Code why = Code::Forbidden;
};
using RoomEvent =
    std::variant<MessageEvent, RepeatEvent, UpdatedEvent, DeletedEvent, TypingEvent, SeenEvent, RosterEvent, LostEvent>;

/// One letter from a room's home loop to a loop that has listeners: everything new of this turn.
struct RoomLetter {
  std::shared_ptr<const Room> room;
  AppId app{};
  std::vector<RoomEvent> events;
  /// Of the room's history. Empty: who hears this letter may have missed others, so its place in the history says nothing.
  std::string epoch{};
};

/// What a room's members are told wherever they are, without being in it.
struct RoomActivity {
  Seq seq{};
  std::shared_ptr<const Message> last;                  ///< null in an empty room
  std::vector<std::pair<UserId, std::int64_t>> unread;  ///< who is told, and what each has not read
};
struct MemberChange {
  enum class Kind : std::uint8_t { Added, Removed, Role };
  std::shared_ptr<const User> user;
  Role role = Role::Member;
  Kind kind = Kind::Added;
};
struct MembersChanged {
  std::vector<MemberChange> changes;
  std::vector<UserId> told;  ///< beside those whom the changes are about
};
/// One letter to the users of one loop.
struct UserLetter {
  std::shared_ptr<const Room> room;
  std::variant<RoomActivity, MembersChanged> what;
};

class Fanout {
 public:
  virtual ~Fanout() = default;
  /// Thread: the room's home loop. The letter is shared by every loop of `loops` (bit i: loop i).
  /// Order: letters of one room reach a loop in the order of these calls; nothing is lost (a full mailbox makes the
  /// room lag on that loop, which then refills by cursor from the log).
  virtual void tell(std::uint64_t loops, std::shared_ptr<const RoomLetter> letter) = 0;
  /// Tells sessions of users who follow their rooms (ChatService::follow). False: the loop is too busy to be told of an
  /// activity now; changes of members are always taken. Thread: the room's home loop.
  [[nodiscard]] virtual bool tellUsers(std::size_t loop, std::shared_ptr<const UserLetter> letter) = 0;
};

}  // namespace chatd
