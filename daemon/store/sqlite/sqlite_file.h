// A SQLite database file beside the one that the daemon works on: a backup that is being made or read. Thread: the caller's.
#pragma once

#include <filesystem>
#include <functional>
#include <memory>

#include "store/connection.h"

namespace chatd::store {

/// Before the first connection of the process; harmless later.
void configureSqlite();

/// Beside a database that is being restored, until it is whole: as long as it is there no daemon serves the database.
[[nodiscard]] std::filesystem::path restorePartOf(const std::filesystem::path& database);

/// Throws what the driver throws. A file that is read is not changed, and no other file is made beside it.
[[nodiscard]] std::unique_ptr<Connection> openSqliteFile(const std::filesystem::path& file, bool readOnly);

/// Copies the database behind `source`, as it is at this moment, into `file`, while others go on writing it: their log
/// cannot begin anew before this is done. A plain file results, without a log beside it; not yet on the disk. `progress` is
/// told the percentage; false: stop (throws Cancelled). Throws what the driver throws.
void copySqliteDatabase(Connection& source, const std::filesystem::path& file, const std::function<bool(int)>& progress);

/// What SQLite finds wrong with the file; empty: nothing. Throws what the driver throws.
[[nodiscard]] std::string sqliteDamage(Connection& connection);

}  // namespace chatd::store
