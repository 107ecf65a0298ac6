#include "store/postgresql/pg_runner.h"

#include "store/postgresql/pg_error.h"

namespace chatd::store {

void PgRunner::run(const void* key, const char* sql, std::span<const Value> params, const Cell& cell) {
  std::vector<const char*> values;
  values.reserve(params.size());
  for (const Value& value : params) {
    // The protocol ends a text there; cutting it silently would store another one.
    if (value.text.find('\0') != std::string::npos) throw PgError("22021", "a text has a NUL");
    values.push_back(value.null ? nullptr : value.text.c_str());
  }
  const std::string& name = prepared(key, sql, params.size());
  const PgResult result = checked(connection_, PQexecPrepared(connection_, name.c_str(), static_cast<int>(params.size()),
                                                              values.data(), nullptr, nullptr, 0));
  const int columns = PQnfields(result.get());
  for (int row = 0; row < PQntuples(result.get()); ++row) {
    for (int column = 0; column < columns; ++column) {
      const bool null = PQgetisnull(result.get(), row, column) != 0;
      cell(static_cast<std::size_t>(column), null ? nullptr : PQgetvalue(result.get(), row, column),
           static_cast<std::size_t>(PQgetlength(result.get(), row, column)));
    }
  }
}

// The server keeps what was prepared until the connection ends: it is not asked here, where its answer would be waited for.
void PgRunner::forget(const void* key) { names_.erase(key); }

void PgRunner::execute(const char* sql) { checked(connection_, PQexec(connection_, sql)); }

const std::string& PgRunner::prepared(const void* key, const char* sql, std::size_t params) {
  const auto it = names_.find(key);
  if (it != names_.end()) return it->second;
  std::string name = "s" + std::to_string(prepared_++);
  checked(connection_, PQprepare(connection_, name.c_str(), sql, static_cast<int>(params), nullptr));
  return names_.emplace(key, std::move(name)).first->second;
}

}  // namespace chatd::store
