// BatchWriter: the hot path of a dialect: appends and changes of one batch, inside an open transaction.
// Owned by the writing Connection. Thread: commit thread.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <variant>

#include "chat/message_log.h"

namespace chatd::store {

/// An append or a change and what became of it. The request stays whole until the commit: a batch may be run again.
struct LogItem {
  std::variant<Append, Change> request;
  /// Set by BatchWriter::write. Of a new message the text, clientMsgId and metadata are left in the request.
  std::optional<Result<Appended>> appended;
  std::optional<Result<Changed>> changed;
  bool isNew = false;  ///< an append that stored a message
  /// Set by BatchWriter::write: nothing was done with it, its room is locked by another process.
  bool skipped = false;

  std::chrono::steady_clock::time_point queuedAt{};
  std::uint64_t order = 0;  ///< in which they came to the commit thread; within a room never to be broken
  /// An earlier try may have stored it. The writer then looks for it; what it needs for that it notes at the first try.
  bool again = false;
  std::int64_t knownId = 0;  ///< the writer's note: a message id below any that the first try gave
  bool told = false;         ///< its sender was told that the outcome is unknown
};

class BatchWriter {
 public:
  virtual ~BatchWriter() = default;
  /// Writes the items in their order and sets what became of each. A room that is locked by another process is skipped, or
  /// waited for `wait` at the most. Throws on a failure of the database: the caller rolls back, and nothing that was set
  /// counts.
  virtual void write(std::span<LogItem> items, std::chrono::milliseconds wait) = 0;
  /// What came of the transaction that write() ran in.
  virtual void committed() = 0;
  virtual void rolledBack() = 0;
};

}  // namespace chatd::store
