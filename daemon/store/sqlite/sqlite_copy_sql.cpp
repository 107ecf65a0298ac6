#include "store/sqlite/sqlite_copy_sql.h"

#include <fmt/format.h>

namespace chatd::store {

std::string SqliteCopySql::select(const Table& table, bool after) const {
  return fmt::format("SELECT json_array({}) FROM {}{} ORDER BY {} LIMIT ${}", columnList(table, table.columns.size()),
                     table.name, after ? behindKey(table) : "", columnList(table, table.keys), after ? table.keys + 1 : 1);
}

std::string SqliteCopySql::insert(const Table& table) const {
  std::string values;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    values += fmt::format("{}json_extract(value, '$[{}]')", i == 0 ? "" : ", ", i);
  }
  // A sendId means something to the process that made it, and that is gone.
  const bool message = table.name == "message";
  return fmt::format("INSERT INTO {} ({}{}) SELECT {}{} FROM json_each($1)", table.name,
                     columnList(table, table.columns.size()), message ? ", send_high, send_low" : "", values,
                     message ? ", 0, 0" : "");
}

std::string SqliteCopySql::readCounter(std::string_view name) const {
  if (name == "message") return "SELECT next - 1 FROM id_block WHERE name = 'message'";
  return fmt::format("SELECT COALESCE((SELECT seq FROM sqlite_sequence WHERE name = '{}'), 0)", name);
}

std::string SqliteCopySql::writeCounter(std::string_view name) const {
  if (name == "message") return "UPDATE id_block SET next = $1 + 1 WHERE name = 'message'";
  // A table that has had no row has none here either; and its sequence has no key to conflict on.
  return fmt::format(
      "INSERT OR REPLACE INTO sqlite_sequence (rowid, name, seq) "
      "VALUES ((SELECT rowid FROM sqlite_sequence WHERE name = '{0}'), '{0}', $1)",
      name);
}

}  // namespace chatd::store
