// Migrations: numbered SQL files, run in order under the database's write lock; a newer schema is refused.
#pragma once

#include <vector>

#include "base/result.h"

namespace chatd::store {

class Connection;
class Dialect;

struct Migration {
  int number;        ///< 1, 2, 3 … without gaps
  const char* name;  ///< file name, for the log and errors
  const char* sql;
};

/// Made at build from migrations/DIALECT/*.sql.
[[nodiscard]] const std::vector<Migration>& sqliteMigrations();
[[nodiscard]] const std::vector<Migration>& postgresqlMigrations();

/// Brings the schema to the newest number, all steps in one transaction.
/// Errors: Conflict (the database is of a newer chatd), StoreUnavailable. Throws what the driver throws.
Result<void> migrate(Connection& connection, Dialect& dialect);

}  // namespace chatd::store
