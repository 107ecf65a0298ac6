// Dialect: what differs between databases: how to connect, how a transaction begins, what an exception means, and the
// append path. Everything else is shared SQL. Owned by Store. Thread: as each method says.
#pragma once

#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "store/migrations.h"

namespace chatd {
class Clock;
struct StoreOptions;
}  // namespace chatd

namespace chatd::store {

class BatchWriter;
class CopySql;
class Connection;

/// What a failure of the database means for a batch.
enum class FaultKind {
  Constraint,     ///< SQLSTATE class 22 or 23 and their like: one of the rows is to blame
  NothingStored,  ///< the database is sure: full, read-only, busy
  Contended,      ///< nothing was stored: somebody else holds a lock; the same may do in a moment
  Unknown,        ///< the commit may have reached the disk or not: run the same batch again
  Stale,          ///< the connection is of no use any more; before a commit nothing was stored
};
struct Fault {
  FaultKind kind = FaultKind::NothingStored;
  std::string text;  ///< for the administrator; holds no values of rows
};

class Dialect {
 public:
  virtual ~Dialect() = default;

  /// Which database, without a secret: for the administrator.
  [[nodiscard]] virtual std::string shown() const = 0;

  /// Claims the database for this process until release(). Errors: Conflict (another process has it), StoreUnavailable.
  virtual Result<void> claim() = 0;
  virtual void release() = 0;
  /// For who serves, after claim(). Errors: Conflict: what is there is half of a restore.
  [[nodiscard]] virtual Result<void> whole() { return {}; }
  /// For who copies a database that daemons may share, so that claim() keeps nobody out: refused while one of them has it.
  /// Errors: Conflict. Throws. Blocks for some seconds at most.
  [[nodiscard]] virtual Result<void> unserved(Connection& /*connection*/) { return {}; }

  /// The same database for one more connection that writes at the same time, the `number`th besides this one's, with a
  /// state of its own; null: one is all that may write.
  [[nodiscard]] virtual std::unique_ptr<Dialect> another(std::size_t /*number*/) const { return nullptr; }
  using Time = std::chrono::steady_clock::time_point;
  /// The connection that writes. It may take less time than until `until`, which is when the caller must go on without.
  /// Throws what the driver throws.
  [[nodiscard]] virtual std::unique_ptr<Connection> connectWriter(Time until) = 0;
  [[nodiscard]] std::unique_ptr<Connection> connectWriter() { return connectWriter(Time::max()); }
  /// Its append path, once the schema is there. Throws.
  [[nodiscard]] virtual std::unique_ptr<BatchWriter> batchWriter(Connection& connection) = 0;
  /// One that only reads; as connectWriter().
  [[nodiscard]] virtual std::unique_ptr<Connection> connectReader(Time until) = 0;
  [[nodiscard]] std::unique_ptr<Connection> connectReader() { return connectReader(Time::max()); }
  /// True if claim() keeps every other process from writing.
  [[nodiscard]] virtual bool exclusive() const = 0;
  /// True if readers must take turns on the writing connection (a database in memory).
  [[nodiscard]] virtual bool readersShareWriter() const = 0;

  /// True if BatchWriter::write() is a transaction of its own: no begin() and commit() around it.
  [[nodiscard]] virtual bool batchesCommitThemselves() const = 0;

  /// Begins a transaction that writes (or waits for its lock). Throws.
  virtual void begin(Connection& connection) = 0;
  /// Durable once it returns. Throws.
  virtual void commit(Connection& connection) = 0;
  /// Throws if it cannot be known that nothing of the transaction is left: the connection must then be dropped.
  virtual void rollback(Connection& connection) = 0;

  /// Names the transaction that begin() opened, so that after a commit of unknown outcome a new connection can be asked for
  /// it. Empty: nothing can be asked, what failed to commit is not there and may be run again.
  [[nodiscard]] virtual std::string mark() const = 0;
  /// Whether that transaction is committed; nothing: it is still open. Throws.
  [[nodiscard]] virtual std::optional<bool> committed(Connection& connection, const std::string& mark) = 0;

  [[nodiscard]] virtual const std::vector<Migration>& migrations() const = 0;
  /// Holds other processes off the schema until the end of the transaction. False: one of them is at it. Throws.
  [[nodiscard]] virtual bool lockSchema(Connection& connection) = 0;
  /// Runs a migration: several statements. Throws.
  virtual void runScript(Connection& connection, const std::string& sql) = 0;

  /// Writes what `reader` sees to a file that is a database of its own. False: this dialect has no such file. Throws.
  /// `progress`: as store/sqlite/sqlite_file.h.
  virtual bool copyToFile(Connection& /*reader*/, const std::filesystem::path& /*file*/,
                          const std::function<bool(int)>& /*progress*/) {
    return false;
  }

  /// How its rows are read and written as JSON.
  [[nodiscard]] virtual const CopySql& copySql() const = 0;

  /// Whether what kept a first connection from being made or used may pass by itself: a server that is away, and not one
  /// that refuses what we need. The store then opens without, and keeps trying.
  [[nodiscard]] virtual bool mayPass(const std::exception& /*e*/) const { return false; }
  /// What `e`, caught from a connection that could not be made, says.
  [[nodiscard]] virtual std::string wordsOf(const std::exception& e) const = 0;
  /// What `e`, caught from a call on `connection`, means. `committing`: it came out of commit().
  [[nodiscard]] virtual Fault judge(Connection& connection, const std::exception& e, bool committing) const = 0;

  /// Called between transactions on the commit thread; `idle`: there is time to spare. True: it would like to have some.
  /// Throws.
  virtual bool tend(Connection& connection, bool idle) = 0;
};

/// The dialect of `options.url`, not connected. Errors: Invalid.
Result<std::unique_ptr<Dialect>> dialectOf(const StoreOptions& options, const Clock& clock);

}  // namespace chatd::store
