// What a copy of the store is made of: its tables by name, columns and key, the same on every dialect, and the counters that
// ids come from. Rows travel as JSON arrays of their columns in this order. A migration that changes a table changes its row
// here and raises kLayout. Constant. Thread: any.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace chatd::store {

enum class Kind : std::uint8_t { Integer, String };

struct Column {
  std::string_view name;
  Kind kind = Kind::Integer;
};

struct Table {
  std::string_view name;
  std::size_t keys = 1;  ///< the first so many columns are its key
  std::span<const Column> columns;
};

/// The number of this list of tables: rows can only be read by who has the same.
inline constexpr int kLayout = 1;

/// In the order in which they are copied. Not here: what is of one process only (sendIds, writers).
[[nodiscard]] std::span<const Table> storeTables();

/// Tables whose ids are given by the database, and "message", whose ids are given in blocks or by a sequence.
[[nodiscard]] std::span<const std::string_view> idCounters();

}  // namespace chatd::store
