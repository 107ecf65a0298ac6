// SqliteBatch: appends and changes on SQLite. Every statement runs on the one writing connection inside BEGIN IMMEDIATE, so
// what it reads is the newest there is, and repeats inside a batch are found like all others.
// Owned by the writing Connection. Thread: commit thread.
#pragma once

#include <optional>
#include <unordered_map>

#include "base/clock.h"
#include "store/batch_writer.h"
#include "store/recent_sends.h"
#include "store/sqlite/kept_statement.h"

namespace chatd::store {

class SqliteBatch final : public BatchWriter {
 public:
  /// Throws DriverError. `handle`, `clock` and `sends` outlive it.
  SqliteBatch(sqlite3* handle, const Clock& clock, RecentSends& sends);

  void write(std::span<LogItem> items, std::chrono::milliseconds wait) override;
  void committed() override;
  void rolledBack() override;

 private:
  /// A room's counter in this batch: read once, written once.
  struct RoomWork {
    bool alive = false;
    AppId app{};
    std::int64_t lastSeq = 0;
    std::int64_t lastRev = 0;
    std::int64_t accessRev = 0;
    bool changed = false;
  };
  struct Reader {
    RoomId room{};
    UserId user{};
    bool operator==(const Reader&) const = default;
  };
  struct ReaderHash {
    std::size_t operator()(const Reader& r) const noexcept {
      return std::hash<std::int64_t>{}(raw(r.room) * 1'000'003 + raw(r.user));
    }
  };

  struct Stored {
    Message message;
    std::int64_t rev = 0;
    SendId sendId{};
  };

  RoomWork& roomOf(RoomId id);
  void reserveIds(std::size_t count);
  void append(LogItem& item, const Append& request, std::int64_t now);
  /// The message that this very append stored before, if it did.
  std::optional<Appended> sentBefore(const Append& request);
  /// The message whose clientMsgId this append repeats. Errors: ClientMsgIdReused, MessageNotFound (there is none).
  Result<Appended> repeat(const Append& request, std::int64_t hash);
  bool replyFits(const Append& request);
  Result<Changed> change(const Change& request, std::int64_t now);
  std::optional<Stored> message(MessageId id);
  void writeCounters();

  const Clock& clock_;
  RecentSends& sends_;
  KeptStatement readRoom_;
  KeptStatement writeRoom_;
  KeptStatement insertMessage_;
  KeptStatement insertKey_;
  KeptStatement findKey_;
  KeptStatement readMessage_;
  KeptStatement findReply_;
  KeptStatement markRead_;
  KeptStatement editMessage_;
  KeptStatement deleteMessage_;
  KeptStatement insertChange_;
  KeptStatement readIds_;
  KeptStatement writeIds_;
  sqlite3* handle_;

  std::unordered_map<RoomId, RoomWork> rooms_;                        // of this batch
  std::unordered_map<Reader, std::int64_t, ReaderHash> ownMessages_;  // the newest seq that a sender wrote in this batch

  std::int64_t nextId_ = 0;      // 0: not read yet
  std::int64_t idsEnd_ = 0;      // ids below it are ours
  std::int64_t idsPending_ = 0;  // the end once this transaction is committed; 0: unchanged
};

}  // namespace chatd::store
