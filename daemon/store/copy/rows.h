// TableScan and TableFill: one table of one connection out and in, as rows of canonical JSON; TableSum: what rows add up to,
// whatever their order. Used by backups, restores and moves. Thread: the connection's. All throw what the driver throws, and
// DamagedRow for a row that is not one.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "store/connection.h"
#include "store/copy/copy_sql.h"

namespace chatd::store {

struct DamagedRow : std::runtime_error {
  using std::runtime_error::runtime_error;
};

/// Number of rows and the sum of their hashes modulo 2^64. Finds damage, not forgery.
struct TableSum {
  std::int64_t rows = 0;
  std::uint64_t hash = 0;
  void add(std::string_view canonicalRow);
  bool operator==(const TableSum&) const = default;
};
using Sums = std::map<std::string, TableSum, std::less<>>;

/// `{"app":{"rows":1,"hash":"0123456789abcdef"},…}`, and back. Throws DamagedRow.
[[nodiscard]] std::string toJson(const Sums& sums);
[[nodiscard]] Sums sumsFrom(const JsonValue& object);
/// The names of the tables that differ, with both counts; empty: none.
[[nodiscard]] std::string differences(const Sums& expected, const Sums& found);

/// The same JSON in one form: compact, and every string escaped in the same way. Throws DamagedRow unless it is an array
/// with a value for every column.
[[nodiscard]] std::string canonicalRow(const Table& table, std::string_view json);

/// The key of a canonical row, for a scan's `after`: a JSON array of texts.
[[nodiscard]] std::string rowKey(const Table& table, std::string_view canonicalRow);

class TableScan {
 public:
  /// Behind the row whose key is `after` (a JSON array of texts; empty: from the beginning). `connection` and `sql` outlive
  /// it.
  TableScan(Connection& connection, const CopySql& sql, const Table& table, const std::string& after = {});
  ~TableScan();
  TableScan(const TableScan&) = delete;
  TableScan& operator=(const TableScan&) = delete;

  /// The next rows; empty: that was all.
  [[nodiscard]] const std::vector<std::string>& next();
  /// The key of the last row of next(), for another scan's `after`.
  [[nodiscard]] std::string lastKey() const;

 private:
  const Rows<Text>& run();

  Connection& connection_;
  const Table& table_;
  const std::string first_;
  const std::string behind_;
  const Sql<In<Int>, Out<Text>> fromStart_;
  const Sql<In<Text, Int>, Out<Text>> behind1_;  // by the number of columns in the key
  const Sql<In<Text, Text, Int>, Out<Text>> behind2_;
  const Sql<In<Text, Text, Text, Int>, Out<Text>> behind3_;
  std::vector<std::string> key_;  // of the last row, by column, as text
  std::vector<std::string> rows_;
};

/// The rows of one insert, bounded in number and bytes by who adds them.
class TableFill {
 public:
  TableFill(Connection& connection, const CopySql& sql, const Table& table);
  ~TableFill();
  TableFill(const TableFill&) = delete;
  TableFill& operator=(const TableFill&) = delete;
  void write(const std::vector<std::string>& rows);

 private:
  Connection& connection_;
  const std::string text_;
  const Sql<In<Text>> insert_;
};

/// Told after each page of rows. False: stop (the scan then ends with Cancelled).
using RowsDone = std::function<bool(std::int64_t rows)>;
struct Cancelled : std::runtime_error {
  Cancelled() : std::runtime_error("it was stopped") {}
};

/// Every table of the store, read whole.
[[nodiscard]] Sums sumsOf(Connection& connection, const CopySql& sql, const RowsDone& done);

/// The id counters of a connection.
[[nodiscard]] std::map<std::string, std::int64_t, std::less<>> countersOf(Connection& connection, const CopySql& sql);
void setCounter(Connection& connection, const CopySql& sql, std::string_view name, std::int64_t value);

}  // namespace chatd::store
