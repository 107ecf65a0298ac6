// BatchWriter: the hot path of a dialect: appends and changes of one batch, inside an open transaction.
// Owned by the writing Connection. Thread: commit thread.
#pragma once

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
};

class BatchWriter {
 public:
  virtual ~BatchWriter() = default;
  /// Writes the items in their order and sets what became of each. Throws on a failure of the database: the caller rolls
  /// back, and nothing that was set counts.
  virtual void write(std::span<LogItem> items) = 0;
  /// What came of the transaction that write() ran in.
  virtual void committed() = 0;
  virtual void rolledBack() = 0;
};

}  // namespace chatd::store
