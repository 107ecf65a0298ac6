#include "store/copy/copy_sql.h"

#include <fmt/format.h>

namespace chatd::store {

std::string columnList(const Table& table, std::size_t count, std::string_view before, std::string_view behind) {
  std::string list;
  for (const Column& column : table.columns.first(count)) {
    list += fmt::format("{}{}{}{}", list.empty() ? "" : ", ", before, column.name, behind);
  }
  return list;
}

std::string behindKey(const Table& table) {
  std::string casts;
  for (std::size_t i = 0; i < table.keys; ++i) {
    const std::string_view type = table.columns[i].kind == Kind::Integer ? "BIGINT" : "TEXT";
    casts += fmt::format("{}CAST(${} AS {})", i == 0 ? "" : ", ", i + 1, type);
  }
  return fmt::format(" WHERE ({}) > ({})", columnList(table, table.keys), casts);
}

}  // namespace chatd::store
