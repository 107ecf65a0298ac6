// PostgresqlBatch: appends and changes on PostgreSQL: one call of a function, which is one round trip and one transaction of
// its own: chatd_append (migration 0004) for what is plain, else chatd_write (0002), which looks for everything. Owned by
// the writing Connection. Thread: commit thread.
#pragma once

#include <libpq-fe.h>

#include <string>
#include <vector>

#include "base/clock.h"
#include "store/batch_writer.h"
#include "store/call_limit.h"
#include "store/postgresql/pg_array.h"
#include "store/postgresql/pg_error.h"
#include "store/postgresql/plain_appends.h"
#include "store/recent_sends.h"

namespace chatd::store {

/// Who writes: kept by the dialect from connection to connection.
struct PgWriter {
  SendId id = randomSendId();   ///< names it among the writers of the database
  std::int64_t generation = 0;  ///< of its newest connection
  std::int64_t lastId = 0;      ///< every message that is written from now on has a higher one
  RecentSends sends;
};

class PostgresqlBatch final : public BatchWriter {
 public:
  /// Prepares the calls. `connection`, `limit`, `clock` and `writer` outlive it. Throws PgError.
  PostgresqlBatch(PGconn* connection, CallLimit& limit, const Clock& clock, PgWriter& writer);

  void write(std::span<LogItem> items, std::chrono::milliseconds wait) override;
  void committed() override {}
  void rolledBack() override {}

 private:
  struct Arrays;
  void writeCarefully(std::span<LogItem> items, std::chrono::milliseconds wait, std::int64_t now);
  void fill(Arrays& arrays, std::span<LogItem> items);
  void fillAppend(Arrays& arrays, LogItem& item, const Append& request);
  void setAppended(std::span<LogItem> items, LogItem& item, const PGresult* rows, int row, std::int64_t now);
  void setFollower(LogItem& item, const LogItem& first);
  static void setChanged(LogItem& item, const PGresult* rows, int row);

  PGconn* connection_;
  CallLimit& limit_;
  const Clock& clock_;
  PgWriter& writer_;
  PlainAppends plain_;

  // Of the batch that is being written.
  std::vector<std::int64_t> rooms_;
  std::vector<std::size_t> appends_;  // places in the batch
  std::vector<std::size_t> changes_;
  std::vector<std::int32_t> first_;  // by append: its a_first, 0 for none
};

}  // namespace chatd::store
