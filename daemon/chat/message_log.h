// Port: the durable, ordered log of every room. Implemented by store/.
// Writes are asynchronous (a group commit takes what waits); reads block and belong on worker threads.
#pragma once

#include <memory>
#include <vector>

#include "base/queue.h"
#include "base/random.h"
#include "base/result.h"
#include "chat/model.h"

namespace chatd {

/// Where an outcome belongs; opaque to the log.
struct Ticket {
  std::uint32_t loop = 0;
  std::uint64_t slot = 0;
};

/// One message to store. `sendId` names this send for ever: the same append run twice stores once.
struct Append {
  Ticket ticket;
  AppId app{};
  RoomId room{};
  UserId sender{};
  SendId sendId{};
  AccessRev checkedUnder{};  ///< access revision that the membership was checked under
  std::string text;
  std::optional<std::string> clientMsgId;
  std::optional<MessageId> replyTo;
  std::optional<std::string> metadata;
};

/// An edit or a deletion of a stored message; takes the room's next `rev`.
struct Change {
  enum class Kind : std::uint8_t { Edit, Delete };
  Ticket ticket;
  AppId app{};
  RoomId room{};
  MessageId message{};
  Kind kind = Kind::Edit;
  std::string text;  ///< of an edit
};

struct Appended {
  Message message;  ///< as stored; of a duplicate: the first one, as it is now
  bool duplicate = false;
  std::shared_ptr<const Room> room = nullptr;  ///< filled in by the domain; null if it is gone
};
struct Changed {
  Message message;
  Rev rev{};
  bool changed = true;                         ///< false: it was so already (deleting twice), nothing to tell
  std::shared_ptr<const Room> room = nullptr;  ///< filled in by the domain; null if it is gone
};

/// What became of an Append. Errors: ClientMsgIdReused, AccessChanged (check again under a newer revision),
/// RoomDeleted, Invalid (replyTo is not in this room), StoreUnavailable (nothing was stored and nothing will be),
/// OutcomeUnknown.
struct AppendOutcome {
  Append request;  ///< handed back; its text and ids are moved into `result` on success
  Result<Appended> result;
};
/// Errors: MessageNotFound, RoomDeleted, StoreUnavailable, OutcomeUnknown.
struct ChangeOutcome {
  Change request;
  Result<Changed> result;
};

/// Retention has removed the messages of a room below `firstSeq`.
struct Trimmed {
  RoomId room{};
  Seq firstSeq{};
};

/// Takes outcomes. Called after the commit, per batch, in `seq` order within a room. Thread: a commit thread, for a room
/// always the same; for other rooms another may call at the same time. Must not block and must not throw.
class LogSink {
 public:
  virtual ~LogSink() = default;
  virtual void committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) = 0;
  /// Retention removed messages; after that commit. Where several commit threads write, an outcome of what was removed may
  /// come behind it. Who keeps no messages has nothing to do.
  virtual void trimmed(const std::vector<Trimmed>& /*rooms*/) {}
  /// What senders were told OutcomeUnknown for and what turned out to be stored: nobody waits for it any more, but the room
  /// has it. All of them are successes. Before anything that was stored behind them in their rooms; thread and duties as
  /// of committed().
  virtual void late(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) = 0;
};

/// A change as recovery replays it: which message, and how that message is now (a later change may have come on top).
struct ChangedMessage {
  Rev rev{};
  Change::Kind kind = Change::Kind::Edit;
  Message message;
};

struct HistoryQuery {
  std::optional<Seq> before;  ///< exclusive
  std::optional<Seq> after;   ///< exclusive; with `after` the oldest come first chosen, and the answer is still newest first
  std::size_t limit = 20;
};

class MessageLog {
 public:
  virtual ~MessageLog() = default;

  /// Queues one message. Taken: exactly one outcome reaches the sink. Full, Closing: none will.
  /// Order: per room first in, first out. Thread: any.
  [[nodiscard]] Offer append(Append&& append) {
    const Offer offer = stage(std::move(append));
    if (offer == Offer::Taken) kick();
    return offer;
  }
  /// As append(), but its commit may wait for kick(): a turn of a loop stages all that it has read, so that one commit takes
  /// it.
  [[nodiscard]] virtual Offer stage(Append&& append) = 0;
  virtual void kick() = 0;
  [[nodiscard]] virtual Offer change(Change&& change) = 0;
  /// Set once before the first append.
  virtual void setSink(LogSink* sink) = 0;

  /// Newest first. Errors: StoreUnavailable. Blocks; thread: worker.
  virtual Result<std::vector<Message>> history(RoomId room, const HistoryQuery& query) = 0;
  /// The classic page: `page` from 1. Bounded: (page - 1) * limit ≤ 10,000. Newest first. Blocks; thread: worker.
  virtual Result<std::vector<Message>> historyPage(RoomId room, std::size_t page, std::size_t limit) = 0;
  /// Messages with after < seq ≤ upTo, oldest first, at most `limit`: recovery and refill. Blocks; thread: worker.
  virtual Result<std::vector<Message>> range(RoomId room, Seq after, Seq upTo, std::size_t limit) = 0;
  /// True if all messages with after < seq ≤ upTo are there (retention may have taken some). Blocks; thread: worker.
  virtual Result<bool> holdsAll(RoomId room, Seq after, Seq upTo) = 0;
  /// Changes with after < rev ≤ upTo, in the order of rev, at most `limit`. Those of messages that retention took are not
  /// among them. Blocks; thread: worker.
  virtual Result<std::vector<ChangedMessage>> changes(RoomId room, Rev after, Rev upTo, std::size_t limit) = 0;
  /// With its room's app, so that a caller can refuse what is another app's. Errors: MessageNotFound.
  struct Found {
    Message message;
    AppId app{};
  };
  virtual Result<Found> find(MessageId id) = 0;
};

}  // namespace chatd
