// CopySql: the statements by which a dialect gives and takes rows as JSON arrays, as text made from the tables' constant
// names; values are parameters. Owned by the Dialect. Thread: any (pure).
#pragma once

#include <string>
#include <string_view>

#include "store/copy/tables.h"

namespace chatd::store {

class CopySql {
 public:
  virtual ~CopySql() = default;
  /// One column: a row of `table` as a JSON array, in the order of its key. Parameters: with `after` the key's columns as
  /// text (only what is behind them), then how many rows.
  [[nodiscard]] virtual std::string select(const Table& table, bool after) const = 0;
  /// Inserts the rows of one parameter: a JSON array of rows.
  [[nodiscard]] virtual std::string insert(const Table& table) const = 0;
  /// One integer: no id of this counter (idCounters()) was given above it.
  [[nodiscard]] virtual std::string readCounter(std::string_view name) const = 0;
  /// One parameter: from now on ids are above it.
  [[nodiscard]] virtual std::string writeCounter(std::string_view name) const = 0;
  /// A script for a database that was just filled; may be empty.
  [[nodiscard]] virtual std::string finish() const { return {}; }
};

/// "a, b, c" of the first `count` columns, each between `before` and `behind`.
[[nodiscard]] std::string columnList(const Table& table, std::size_t count, std::string_view before = "",
                                     std::string_view behind = "");
/// " WHERE (a, b) > (CAST($1 AS BIGINT), CAST($2 AS TEXT))"
[[nodiscard]] std::string behindKey(const Table& table);

}  // namespace chatd::store
