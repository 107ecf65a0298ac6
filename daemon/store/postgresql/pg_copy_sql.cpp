#include "store/postgresql/pg_copy_sql.h"

#include <fmt/format.h>

namespace chatd::store {

namespace {

/// Ids of messages come from a sequence of their own, the others from those of their identity columns.
std::string sequenceOf(std::string_view counter) {
  return counter == "message" ? "message_id" : fmt::format("{}_id_seq", counter);
}

}  // namespace

std::string PgCopySql::select(const Table& table, bool after) const {
  return fmt::format("SELECT CAST(json_build_array({}) AS TEXT) FROM {}{} ORDER BY {} LIMIT ${}",
                     columnList(table, table.columns.size()), table.name, after ? behindKey(table) : "",
                     columnList(table, table.keys), after ? table.keys + 1 : 1);
}

std::string PgCopySql::insert(const Table& table) const {
  std::string values;
  for (std::size_t i = 0; i < table.columns.size(); ++i) {
    const std::string_view type = table.columns[i].kind == Kind::Integer ? "BIGINT" : "TEXT";
    values += fmt::format("{}CAST(v->>{} AS {})", i == 0 ? "" : ", ", i, type);
  }
  // A sendId means something to the process that made it, and that is gone.
  const bool message = table.name == "message";
  return fmt::format("INSERT INTO {} ({}{}) SELECT {}{} FROM json_array_elements(CAST($1 AS JSON)) AS row(v)", table.name,
                     columnList(table, table.columns.size()), message ? ", send_id" : "", values,
                     message ? ", CAST('00000000-0000-0000-0000-000000000000' AS UUID)" : "");
}

std::string PgCopySql::readCounter(std::string_view name) const {
  return fmt::format("SELECT CASE WHEN is_called THEN last_value ELSE last_value - 1 END FROM {}", sequenceOf(name));
}

std::string PgCopySql::writeCounter(std::string_view name) const {
  return fmt::format("SELECT setval('{}', $1)", sequenceOf(name));
}

}  // namespace chatd::store
