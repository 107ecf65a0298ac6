// ChatService: the domain's front door. Finds a room's home loop, takes commands there, and lets nothing be told that is not
// committed. Every method may be called from any thread, never blocks, and calls `done` exactly once, on a loop, where it
// must not block.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "chat/directory.h"
#include "chat/executor.h"
#include "chat/fanout.h"
#include "chat/grants.h"
#include "chat/message_log.h"
#include "chat/model.h"

namespace chatd {

struct ChatLimits {
  std::size_t messageBytes = 16'384;
  std::int64_t messagesPerSecond = 10;  ///< per user; 0: no limit
  std::int64_t messagesBurst = 50;
  std::size_t roomSessions = 200;        ///< entries of a roomData event (limits.room_data)
  std::size_t commandsPerApp = 20'000;   ///< sends of one app that may be waiting for their commit
  std::size_t liveRooms = 100'000;       ///< rooms in memory; the longest unused are evicted
  std::size_t historyBytes = 64u << 20;  ///< recent messages in memory; 0 unless the log is this process's alone
};

/// Who acts. A user acts under its membership and what its token was granted. An app (its key) sends in the name of a
/// member, and reads and deletes in any room of its own.
struct Actor {
  AppId app{};
  UserId user{};
  bool asApp = false;     ///< not bound by the user's rate; may delete any message
  GrantsPtr grants = {};  ///< of a user's token
};

struct SendCommand {
  Actor actor;
  RoomId room{};
  std::string text;
  std::optional<std::string> clientMsgId;
  std::optional<MessageId> replyTo;
  std::optional<std::string> metadata;  ///< JSON text of an object
};

using MembersPtr = std::shared_ptr<const std::vector<Member>>;

/// What a joiner is told. Shared parts are immutable snapshots.
struct Joined {
  std::shared_ptr<const Room> room;
  RoomCounter counter;
  MembersPtr members;                          ///< by user id; `readSeq` as of the snapshot
  std::shared_ptr<const Message> lastMessage;  ///< null in an empty room
  std::int64_t unread = 0;
  std::shared_ptr<const std::vector<RosterEntry>> roster;  ///< at most limits.room_data
  std::size_t rosterTotal = 0;
  std::uint64_t rosterVersion = 0;  ///< roster events up to this version are old news for the joiner
};

/// Where a room stands.
struct RoomPosition {
  std::shared_ptr<const Room> room;
  RoomCounter counter;
};

/// A page of history: the classic `page`, or a cursor.
struct HistoryRequest {
  std::optional<std::size_t> page;  ///< from 1
  HistoryQuery query;               ///< `limit` counts for both
};

class ChatService final : public LogSink {
 public:
  ChatService(Executor& executor, MessageLog& log, Directory& directory, Fanout& fanout, const Clock& clock,
              const ChatLimits& limits);
  ~ChatService() override;

  // Messages. The room must belong to actor.app, else RoomNotFound.
  /// Errors: RoomNotFound, Forbidden (not a member), EmptyText, InvalidText, TooLarge, Invalid, RateLimited, Busy,
  /// ClientMsgIdReused, StoreUnavailable, OutcomeUnknown.
  void send(SendCommand command, UniqueFunction<void(Result<Appended>)> done);
  /// Author only. Errors: MessageNotFound, Forbidden, and those of send().
  void edit(Actor actor, MessageId message, std::string text, UniqueFunction<void(Result<Changed>)> done);
  /// Author, moderator or the app.
  void remove(Actor actor, MessageId message, UniqueFunction<void(Result<Changed>)> done);
  /// Raises what the user has read (nothing: to the newest message) and tells the others. Done after it is stored.
  void seen(Actor actor, RoomId room, std::optional<Seq> upTo, UniqueFunction<void(Result<Seq>)> done);

  // Presence of one session in one room.
  // `done` of join() is called in the room's order: what the room tells later comes after it.
  void join(Actor actor, RoomId room, RosterEntry entry, UniqueFunction<void(Result<Joined>)> done);
  void leave(RoomId room, SessionAddress session);
  /// May be dropped under load. Errors: NotJoined is the session's to judge.
  void typing(Actor actor, RoomId room, SessionAddress session, bool typing);

  /// Tells the others the newest message again; nothing is stored. Counts as a message against the user's rate.
  /// Errors: RoomNotFound, Forbidden (not a member), MessageNotFound (an empty room), RateLimited, Busy, StoreUnavailable.
  void announce(Actor actor, RoomId room, SessionAddress session, UniqueFunction<void(Result<void>)> done);

  // Reading. `done` runs on a worker or a loop.
  /// Name of a room of the app to its id. Errors: RoomNotFound, StoreUnavailable, Busy.
  void resolve(AppId app, std::string name, UniqueFunction<void(Result<RoomId>)> done);
  /// The same, if it can be said without a look-up: the room is in memory.
  [[nodiscard]] std::optional<RoomId> liveRoom(AppId app, const std::string& name);
  /// Newest first. Members only (an actor with asApp: any room of its app). Errors: RoomNotFound, Forbidden, Busy …
  void history(Actor actor, RoomId room, HistoryRequest request, UniqueFunction<void(Result<std::vector<Message>>)> done);

  /// After `after`, up to `upTo`, oldest first: for a loop that missed letters. From memory if it is there. Blocks; thread:
  /// worker.
  Result<std::vector<Message>> messagesBetween(RoomId room, Seq after, Seq upTo, std::size_t limit);

  /// For who may read the room. Errors: RoomNotFound, Forbidden, Busy, StoreUnavailable.
  void position(Actor actor, RoomId room, UniqueFunction<void(Result<RoomPosition>)> done);
  /// Rooms of the user with an id above `after`, in the order of ids. Those that its token may not read are left out, so a
  /// page may be short and still have a next one. Blocks; thread: worker.
  Result<Page<RoomSummary>> roomsOf(const Actor& actor, RoomId after, std::size_t limit);

  // Users who are told of their rooms without being in them (Fanout::tellUsers): what is new at most once a second and room,
  // changes of members at once. A room that many follow costs its senders nothing: the work is done once a second.
  /// From now on this loop is told what concerns the user in these rooms, or no longer. Thread: any.
  void follow(UserId user, std::size_t loop, const std::vector<RoomId>& rooms, bool on);
  /// One more user who follows, on some loop, or one less. While there is none, changes of members load no room.
  void countFollower(bool on);

  /// As MessageLog::holdsAll and MessageLog::changes. Block; thread: worker.
  Result<bool> holdsAll(RoomId room, Seq after, Seq upTo);
  Result<std::vector<ChangedMessage>> changesBetween(RoomId room, Rev after, Rev upTo, std::size_t limit);

  // Live sessions of an app, counted against its quota. Thread: any.
  [[nodiscard]] bool admitSession(AppId app);
  void releaseSession(AppId app);

  // After a Directory write by somebody else (REST): live rooms take notice at once.
  /// Members, roles or a ban changed. Sessions of users who are no longer members lose the room.
  void accessChanged(RoomId room);
  /// The same, and who was added, removed or given another role: members who follow the room are told.
  void membersChanged(AppId app, RoomId room, std::vector<MemberChange> changes);
  /// Name, title or metadata changed.
  void roomChanged(RoomId room);
  /// Every session in it loses the room.
  void roomDeleted(RoomId room);
  /// Profile changed (names): what rooms say of the user is brought up to date.
  void userChanged(const User& user);

  void setLimits(const ChatLimits& limits);
  /// Quotas of an app; called when an app is loaded or changed.
  void setQuotas(AppId app, const AppQuotas& quotas);

  // LogSink. Thread: commit threads.
  void committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) override;
  void trimmed(const std::vector<Trimmed>& rooms) override;

  /// Reads of history that memory answered, and that it did not; what it holds. Thread: any.
  struct HistoryCounts {
    std::uint64_t hits = 0;
    std::uint64_t misses = 0;
    std::size_t bytes = 0;
  };
  [[nodiscard]] HistoryCounts historyCounts() const;
  void late(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) override;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatd
