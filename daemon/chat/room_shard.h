// RoomShard: the rooms whose home is one loop, and everything that changes them. Owned by ChatService.
// Thread: its loop, except the constructor. What blocks goes to a worker and comes back as a letter.
#pragma once

#include <atomic>
#include <list>
#include <memory>
#include <unordered_map>
#include <vector>

#include "chat/app_budget.h"
#include "chat/chat_service.h"
#include "chat/live_room.h"
#include "chat/recent_history.h"
#include "chat/room_names.h"

namespace chatd {

/// What the shards share. `limits` is replaced as a whole, never changed in place.
struct ChatContext {
  Executor& executor;
  MessageLog& log;
  Directory& directory;
  Fanout& fanout;
  const Clock& clock;
  AppBudgets budgets;
  RoomNames names;
  RecentHistory history;
  Mutex mutex;
  std::shared_ptr<const ChatLimits> limits CHATD_GUARDED_BY(mutex);
  std::atomic<std::size_t> followers{0};  ///< users who are told of their rooms, over all loops

  [[nodiscard]] std::shared_ptr<const ChatLimits> currentLimits() {
    LockGuard g(mutex);
    return limits;
  }
};

class RoomShard {
 public:
  RoomShard(ChatContext& context, std::size_t loop) : context_(context), loop_(loop) {}

  using SendDone = UniqueFunction<void(Result<Appended>)>;
  using ChangeDone = UniqueFunction<void(Result<Changed>)>;

  void send(AppId app, PendingSend send);
  void change(Actor actor, Message target, Change::Kind kind, std::string text, ChangeDone done);
  void seen(Actor actor, RoomId room, std::optional<Seq> upTo, UniqueFunction<void(Result<Seq>)> done);
  void join(Actor actor, RoomId room, RosterEntry entry, UniqueFunction<void(Result<Joined>)> done);
  void leave(RoomId room, SessionAddress session);
  void typing(Actor actor, RoomId room, SessionAddress session, bool typing);
  void announce(Actor actor, RoomId room, SessionAddress session, UniqueFunction<void(Result<void>)> done);
  /// Calls `done` with nothing if the actor may read the room.
  void mayRead(Actor actor, RoomId room, UniqueFunction<void(Result<void>)> done);

  /// The same, with where the room stands.
  void position(Actor actor, RoomId room, UniqueFunction<void(Result<RoomPosition>)> done);
  void follow(RoomId room, UserId user, std::uint32_t loop, bool on);
  /// After refresh(). What is told is as the room is then.
  void membersChanged(AppId app, RoomId room, std::vector<MemberChange> changes);

  void refresh(RoomId room);
  void deleted(RoomId room);
  void userChanged(const User& user);
  void committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes);
  /// Retention removed what is below `firstSeq`.
  void trimmed(RoomId room, Seq firstSeq);
  /// What is stored although its sender was told that this is not known: tells the room (LogSink::late).
  void late(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes);

 private:
  struct InFlight {
    RoomId room{};
    PendingSend send;  ///< without its append, which is with the log
    ChangeDone changeDone;
  };
  struct Loading {
    std::vector<UniqueFunction<void(Result<LiveRoom*>)>> waiting;
    bool again = false;  ///< it changed while it was being read
  };

  /// A member may, if its token was granted it. Errors: Forbidden.
  [[nodiscard]] static Result<void> mayAct(LiveRoom& room, UserId user, const GrantsPtr& grants, Permission permission);
  [[nodiscard]] LiveRoom* live(RoomId id);
  void whenLive(AppId app, RoomId id, UniqueFunction<void(Result<LiveRoom*>)> then);
  void startLoad(AppId app, RoomId id);
  void loaded(AppId app, RoomId id, Result<RoomState> state);
  void evictIdle();

  void sendTo(LiveRoom& room, std::uint64_t slot, PendingSend send);
  void submit(LiveRoom& room, std::uint64_t slot, PendingSend send);
  void kickAtTurnEnd();
  void finish(PendingSend& send, Result<Appended> result);
  void appended(AppendOutcome outcome);
  void changed(ChangeOutcome outcome);
  void resubmitHeld(RoomId id);
  void joinLive(LiveRoom& room, const Actor& actor, const RosterEntry& entry, UniqueFunction<void(Result<Joined>)> done);

  void startRefresh(LiveRoom& room);
  void refreshed(RoomId id, Result<RoomState> state);
  void loseUsers(LiveRoom& room, std::vector<UserId> users);
  void writeReads(LiveRoom& room);
  void readsWritten(RoomId id, std::map<UserId, LiveRoom::ReadMark> marks, Result<void> outcome);
  void tellSeen(LiveRoom& room, UserId user, Seq seq);

  /// Something that members see without being in the room is new, for all or for one.
  void activity(LiveRoom& room, std::optional<UserId> only = std::nullopt);
  void activityDue(RoomId room);
  [[nodiscard]] bool tellActivity(LiveRoom& room);
  void tellMembers(LiveRoom& room, std::vector<MemberChange> changes);

  void stage(LiveRoom& room, RoomEvent event);
  void rosterChanged(LiveRoom& room);
  void stageRoster(LiveRoom& room);
  void stored(LiveRoom& room, const Message& message);
  void stored(LiveRoom& room, Change::Kind kind, const Changed& change);
  void flushStaged();
  /// The end of an operation on a room: it may be idle now, or no longer.
  void touch(LiveRoom& room);
  void index(LiveRoom& room);
  void unindex(LiveRoom& room);
  void drop(RoomId id);

  ChatContext& context_;
  const std::size_t loop_;
  std::unordered_map<RoomId, std::unique_ptr<LiveRoom>> rooms_;
  std::unordered_map<RoomId, Loading> loading_;
  std::unordered_map<UserId, std::vector<RoomId>> roomsOf_;  ///< of live rooms
  std::list<RoomId> idleOrder_;                              ///< rooms that nothing holds in memory, longest unused first
  std::unordered_map<std::uint64_t, InFlight> inFlight_;
  std::uint64_t nextSlot_ = 0;
  /// Who is told of a room without being in it, also while it is not in memory.
  struct Follower {
    UserId user{};
    std::uint32_t loop = 0;
    bool operator==(const Follower&) const = default;
  };
  std::unordered_map<RoomId, std::vector<Follower>> followers_;
  std::vector<RoomId> stagedRooms_;
  bool kickLater_ = false;  ///< appends of this turn wait for its end
  bool batching_ = false;   ///< inside committed(): the flush comes at its end
};

}  // namespace chatd
