// Store: one database behind the three ports MessageLog, Directory and Credentials. Owned by app/.
// Writes go through commit threads (GroupCommitter), reads through a pool of connections (ConnectionPool). SQLite has one
// commit thread; on PostgreSQL the rooms are spread over a few, the first of which also writes everything else.
#pragma once

#include <chrono>
#include <cstddef>
#include <filesystem>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/result.h"
#include "chat/backups.h"
#include "chat/credentials.h"
#include "chat/directory.h"
#include "chat/message_log.h"

namespace chatd {

namespace store {
class Dialect;
}

struct StoreOptions {
  /// "sqlite:PATH", relative to dataDirectory, "sqlite::memory:" (tests), or "postgresql://…" (postgresql/pg_url.h).
  std::string url = "sqlite:chatd.db";
  std::filesystem::path dataDirectory = ".";
  std::chrono::milliseconds timeout{5000};  ///< the longest that a caller waits for the database
  std::size_t readers = 4;                  ///< connections that read
  std::size_t writers = 2;                  ///< connections that write messages; PostgreSQL only. At least 1
  std::size_t queueItems = 65'536;  ///< writes that may wait, all apps; shared out among the writers, as what follows
  std::size_t queueItemsPerApp = 20'000;
  std::size_t queueBytes = 64u << 20;  ///< their texts
  std::size_t batchRows = 500;         ///< of one transaction
  std::size_t batchBytes = 1u << 20;
  std::filesystem::path backupFolder;  ///< empty: "backups" in dataDirectory
  std::string version;                 ///< of this program, for the backups it makes
  std::string serverKey;               ///< goes into backups: without it the registered tokens in them are worthless
  /// Told what is wrong with the database, for the log: the same once a minute, anything else at most once a second; and
  /// when it is over. Thread: any; must not call the store.
  std::function<void(const std::string& what)> onFault;
  std::function<void(const std::string& what)> onRecovery;
};

class Store {
 public:
  /// `clock` outlives the store. Nothing is opened yet.
  Store(StoreOptions options, const Clock& clock);
  /// With a dialect of the caller's own: for tests that inject faults.
  Store(StoreOptions options, const Clock& clock, std::unique_ptr<store::Dialect> dialect);
  /// Stops.
  ~Store();

  /// Whether open() would be refused for good: another daemon has the data directory (SQLite), or half of a restore is in
  /// it. Changes nothing. Errors: Invalid (url), Conflict, StoreUnavailable. Thread: main.
  static Result<void> servable(const StoreOptions& options, const Clock& clock);

  /// Claims the data directory (SQLite), migrates, starts the commit threads. A PostgreSQL that cannot be reached is no
  /// error: the store is then not healthy, its ports answer StoreUnavailable, and it migrates and begins when the server is
  /// there; onRecovery tells. The errors say what an admin can do. Errors: Invalid (url), Conflict (another daemon has it,
  /// or a newer chatd wrote it), StoreUnavailable. Thread: main.
  Result<void> open();
  /// Ends a backup under way, takes no more, commits what is queued, closes. Thread: main; after the callers of the ports
  /// have stopped.
  void stop();

  /// True while the last attempt to write succeeded. For /readyz. Thread: any.
  [[nodiscard]] bool healthy() const;
  /// Why not, for the log and the admin; empty if healthy. Thread: any.
  [[nodiscard]] std::string fault() const;

  /// Valid from construction; they answer after open(). Thread: any.
  [[nodiscard]] MessageLog& log();
  [[nodiscard]] Directory& directory();
  [[nodiscard]] Credentials& credentials();
  [[nodiscard]] Backups& backups();

  /// No other process writes this database, so what this one has read and written stays true in memory.
  [[nodiscard]] bool exclusive() const;

  /// For tests and metrics.
  struct Counts {
    std::uint64_t batches = 0;
    std::uint64_t rows = 0;  ///< appends, changes and jobs that were committed
    std::uint64_t readStatements = 0;
  };
  [[nodiscard]] Counts counts() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatd
