// PlainAppends: the fast half of PostgresqlBatch: a batch of nothing but new messages, by one call of chatd_append
// (migration 0004). Repeats are not looked for: the server finds one by its index, and then nothing is stored and the batch
// goes the careful way (chatd_write). Owned by PostgresqlBatch. Thread: commit thread.
#pragma once

#include <libpq-fe.h>

#include <cstdint>
#include <span>
#include <vector>

#include "store/batch_writer.h"
#include "store/call_limit.h"

namespace chatd::store {

struct PgWriter;

class PlainAppends {
 public:
  /// Prepares the call. All of them outlive it. Throws PgError.
  PlainAppends(PGconn* connection, CallLimit& limit, PgWriter& writer);

  /// One transaction of its own: every item is stored, or skipped because its room is locked elsewhere. False: the batch is
  /// not plain, and nothing was stored. Throws PgError: nothing that was set counts. `now`: microseconds since 1970.
  [[nodiscard]] bool write(std::span<LogItem> items, std::int64_t now);

 private:
  struct Arrays;
  [[nodiscard]] bool collect(std::span<LogItem> items);
  void fill(Arrays& arrays, std::span<LogItem> items) const;
  [[nodiscard]] bool setStored(std::span<LogItem> items, const PGresult* answer, std::int64_t now);

  PGconn* connection_;
  CallLimit& limit_;
  PgWriter& writer_;
  int careful_ = 0;  // batches that are not tried here

  // Of the batch that is being written, by room and by item.
  struct Room {
    std::int64_t id;
    std::int64_t app;
    std::int64_t access;  // the oldest of its appends
    std::int64_t count;
  };
  std::vector<Room> rooms_;
  struct Place {
    std::size_t room;  // in rooms_
    std::int64_t nth;  // among the room's appends, from 1
  };
  std::vector<Place> places_;
};

}  // namespace chatd::store
