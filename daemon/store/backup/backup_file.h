// A backup as one file: of a SQLite database an exact copy of it (itself a SQLite database, with the manifest in a table of
// its own), of any other its rows (rows_file.h). Made while the store is in use, checked and restored offline or online.
// Thread: the caller's; blocks.
#pragma once

#include <filesystem>
#include <functional>
#include <string>

#include "base/result.h"
#include "store/backup/manifest.h"

namespace chatd::store {

class Dialect;

/// Told how far it has come; false: stop.
using Percent = std::function<bool(int)>;

/// What a manifest says that the store does not know.
struct BackupFacts {
  std::string version;
  std::string serverKey;
  Timestamp now{};
};

/// Writes one snapshot of the store to `part`, which must not exist: 0600, not yet on the disk. Throws what the drivers and
/// files throw, Cancelled if it was stopped.
void writeBackup(Dialect& dialect, const std::filesystem::path& part, const BackupFacts& facts, const Percent& percent);

/// Reads all of it. Errors: Invalid (damaged, or not a backup), StoreUnavailable (cannot be read), Restarting (stopped).
Result<Manifest> verifyBackup(const std::filesystem::path& file, const Percent& percent);

struct RestoreOrder {
  std::filesystem::path backup;
  /// Of the target; claimed by the caller, so no daemon has it.
  Dialect& dialect;
  /// The database file, if the target is one; empty: another kind of database.
  std::filesystem::path databaseFile;
  /// Puts the backup's server key where the daemon will look for it, before the data; an empty one is not handed over. An
  /// error ends the restore.
  std::function<Result<void>(const std::string& key)> keepServerKey;
};

/// Verifies the backup and fills the empty target with it. Every room gets another epoch: clients that saw what came after
/// the backup must not go on as if it were still there. Killed in the middle it can be run again. Errors: those of
/// verifyBackup; Conflict (the target is not empty, or of a newer chatd), StoreUnavailable.
Result<Manifest> restoreBackup(const RestoreOrder& order, const Percent& percent);

}  // namespace chatd::store
