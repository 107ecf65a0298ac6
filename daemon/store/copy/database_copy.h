// DatabaseCopy: fills an empty database with everything of another store, so that it can be stopped or killed at any moment
// and go on later. How far it has come is kept in the target (store_copy), in the transaction that brings the rows; a daemon
// refuses a target that is not complete. At the end both sides are read again and compared by counts and sums.
// Used by chatd-store. Thread: one; blocks.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>

#include "base/result.h"
#include "store/copy/rows.h"

namespace chatd::store {

class Dialect;

/// Where rows come from: a database or a file.
class RowSource {
 public:
  virtual ~RowSource() = default;
  /// Rows in all, for the progress: an estimate.
  [[nodiscard]] virtual std::int64_t total() = 0;
  /// The rows of `table` behind `after` (a key; empty: all), in pages: `page(rows, lastKey)`.
  using Page = std::function<void(const std::vector<std::string>& rows, const std::string& lastKey)>;
  virtual void read(const Table& table, const std::string& after, const Page& page) = 0;
  [[nodiscard]] virtual std::map<std::string, std::int64_t, std::less<>> counters() = 0;
  /// Of all rows. May read them again.
  [[nodiscard]] virtual Sums sums(const RowsDone& done) = 0;
};

/// Another database, in one snapshot or one that nobody writes.
class DatabaseSource final : public RowSource {
 public:
  DatabaseSource(Connection& connection, const CopySql& sql) : connection_(connection), sql_(sql) {}
  [[nodiscard]] std::int64_t total() override;
  void read(const Table& table, const std::string& after, const Page& page) override;
  [[nodiscard]] std::map<std::string, std::int64_t, std::less<>> counters() override {
    return countersOf(connection_, sql_);
  }
  [[nodiscard]] Sums sums(const RowsDone& done) override { return sumsOf(connection_, sql_, done); }

 private:
  Connection& connection_;
  const CopySql& sql_;
};

struct CopyProgress {
  enum class Phase { Copying, Comparing };
  Phase phase = Phase::Copying;
  std::int64_t rows = 0;
  std::int64_t total = 0;
};

struct CopyOrder {
  std::string source;       ///< its name without secrets: a half-done target goes on only from the same one
  std::string epochSuffix;  ///< not empty: the copy is another history (a restore), rooms get epochs of their own
  std::function<bool(const CopyProgress&)> progress;  ///< false: stop; what was copied stays
};

/// `target`: a connection of `dialect` that writes, its schema up to date. What was copied, by table.
/// Errors: Conflict (the target has data, or is half of another copy), Invalid (source and target differ at the end: the
/// text says where), Cancelled as Restarting. Throws what the drivers throw.
Result<Sums> copyStore(RowSource& source, Connection& target, Dialect& dialect, const CopyOrder& order);

/// Another history: every room gets an epoch that it did not have. Inside an open transaction. Throws.
void renewEpochs(Connection& connection, const std::string& suffix);

/// Nothing if the database is not half of a copy, else the name of its source. Throws.
[[nodiscard]] std::optional<std::string> unfinishedCopy(Connection& connection);

}  // namespace chatd::store
