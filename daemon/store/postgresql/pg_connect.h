// PgConnector: makes connections to PostgreSQL: in bounded time, not faster than the server bears, without the password in
// any string that may be printed. Owned by PostgresqlDialect. Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "store/connection.h"
#include "store/postgresql/call_watch.h"
#include "store/postgresql/pg_url.h"

typedef struct pg_conn PGconn;  // NOLINT(modernize-use-using): libpq's own declaration

namespace chatd::store {

/// The driver's connection underneath.
[[nodiscard]] PGconn* pgHandle(Connection& connection);

class PgConnector {
 public:
  /// `limit`: how long a connection may take to make, and each call on it.
  PgConnector(PgUrl url, std::chrono::milliseconds limit);
  ~PgConnector();
  PgConnector(const PgConnector&) = delete;
  PgConnector& operator=(const PgConnector&) = delete;

  /// Takes until `until`, if that comes before the limit. After a failure the next attempts fail at once, in its words,
  /// until a pause is over, which grows from 50 ms to 1 s, with jitter. Throws PgError.
  [[nodiscard]] std::unique_ptr<Connection> connect(std::chrono::steady_clock::time_point until);

 private:
  std::unique_ptr<Connection> make(std::chrono::steady_clock::time_point until);
  void probe(std::chrono::steady_clock::time_point until) const;
  [[nodiscard]] std::string pocoString() const;

  const PgUrl url_;
  const std::chrono::milliseconds limit_;
  CallWatch watch_;
  int passwordFile_ = -1;  // an unnamed file in memory that libpq reads the password from

  Mutex mutex_;
  std::uint64_t made_ CHATD_GUARDED_BY(mutex_) = 0;  // connections so far
  std::chrono::milliseconds pause_ CHATD_GUARDED_BY(mutex_){0};
  std::chrono::steady_clock::time_point notBefore_ CHATD_GUARDED_BY(mutex_){};
  std::string lastFailure_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd::store
