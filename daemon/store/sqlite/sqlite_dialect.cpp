#include "store/sqlite/sqlite_dialect.h"

#include <Poco/Data/SQLite/Utility.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <sqlite3.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <system_error>

#include "store/connection.h"
#include "store/sqlite/driver_error.h"
#include "store/sqlite/sqlite_batch.h"
#include "store/sqlite/sqlite_file.h"

namespace chatd::store {

namespace {

constexpr const char* kMemory = ":memory:";
constexpr const char* kWal = "PRAGMA journal_mode = WAL";
constexpr const char* kFull = "PRAGMA synchronous = FULL";
// Checkpoints are made by tend(), never inside a commit.
constexpr const char* kNoAutoCheckpoint = "PRAGMA wal_autocheckpoint = 0";
constexpr const char* kCache = "PRAGMA cache_size = -65536";  // KiB
constexpr const char* kReadOnly = "PRAGMA query_only = ON";
constexpr Sql<In<>> kBegin{"BEGIN IMMEDIATE"};
constexpr Sql<In<>> kCommit{"COMMIT"};
constexpr const char* kRollback = "ROLLBACK";

// Pages (4 KiB) in the log from which a checkpoint is made: when there is time to spare, and in any case. A checkpoint holds
// up commits for its one sync (10 to 20 ms), and the longer the log, the oftener the same pages were rewritten in it: from
// 16,000 to 48,000 pages p99 fell from 19 to 12 ms under load. The price is a file of 128 MiB.
constexpr int kCheckpointIdle = 1'000;
constexpr int kCheckpointAlways = 32'000;

sqlite3* handleOf(Connection& connection) { return Poco::Data::SQLite::Utility::dbHandle(connection.session()); }

void check(sqlite3* handle, int code) {
  if (code != SQLITE_OK) throw DriverError(sqlite3_extended_errcode(handle), sqlite3_errmsg(handle));
}

int noteWalPages(void* to, sqlite3*, const char*, int pages) {
  *static_cast<int*>(to) = pages;
  return SQLITE_OK;
}

}  // namespace

SqliteDialect::SqliteDialect(std::filesystem::path path, std::chrono::milliseconds timeout, const Clock& clock)
    : path_(std::move(path)), timeout_(timeout), clock_(clock) {
  configureSqlite();
}

SqliteDialect::~SqliteDialect() { release(); }

Result<void> SqliteDialect::claim() {
  if (path_.empty()) return {};
  const std::filesystem::path folder = path_.has_parent_path() ? path_.parent_path() : ".";
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  if (failed) {
    return Error(Code::StoreUnavailable, fmt::format("Cannot make the folder {}: {}.", folder.string(), failed.message()));
  }
  const int fd = ::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) {
    return Error(Code::StoreUnavailable,
                 fmt::format("Cannot open the folder {}: {}.", folder.string(), std::strerror(errno)));
  }
  if (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
    const int why = errno;
    ::close(fd);
    if (why == EWOULDBLOCK) {
      return Error(Code::Conflict, fmt::format("Another chatd uses the folder {}: stop it, or give this one a folder of its "
                                               "own.",
                                               folder.string()));
    }
    return Error(Code::StoreUnavailable, fmt::format("Cannot lock the folder {}: {}.", folder.string(), std::strerror(why)));
  }
  lock_ = fd;
  // Looked at and not made: who claims to restore, and is killed, must not leave an empty database behind.
  const int file = ::open(path_.c_str(), O_RDWR | O_CLOEXEC);
  if (file < 0 && errno != ENOENT) {
    const int why = errno;
    release();
    return Error(Code::StoreUnavailable,
                 fmt::format("Cannot open the database {}: {}.", path_.string(), std::strerror(why)));
  }
  if (file >= 0) ::close(file);
  return {};
}

Result<void> SqliteDialect::whole() {
  if (path_.empty()) return {};
  const std::filesystem::path part = restorePartOf(path_);
  std::error_code error;
  if (!std::filesystem::exists(part, error)) return {};
  // The last step of a restore gives the file its name and takes this one away: killed between the two it is whole.
  if (std::filesystem::equivalent(part, path_, error) && !error) {
    std::filesystem::remove(part, error);
    return {};
  }
  return Error(Code::Conflict, fmt::format("{} is half of a restore: repeat the restore (chatctl backup restore), or remove "
                                           "that file to begin with what is there.",
                                           part.string()));
}

void SqliteDialect::release() {
  if (lock_ >= 0) ::close(lock_);
  lock_ = -1;
}

std::unique_ptr<Connection> SqliteDialect::connect() const {
  const std::string file = path_.empty() ? std::string(kMemory) : path_.string();
  auto connection = std::make_unique<Connection>(Poco::Data::Session("SQLite", file));
  sqlite3* handle = handleOf(*connection);
  check(handle, sqlite3_extended_result_codes(handle, 1));  // Poco has no way; judge() needs them
  check(handle, sqlite3_busy_timeout(handle, static_cast<int>(timeout_.count())));
  return connection;
}

std::unique_ptr<Connection> SqliteDialect::connectWriter(Time /*until*/) {
  if (!path_.empty()) {
    // Made here and not by SQLite, so that nobody else can read it whatever the umask is.
    const int file = ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (file < 0) throw std::system_error(errno, std::generic_category(), path_.string());
    ::close(file);
  }
  auto connection = connect();
  connection->execute(kWal);
  connection->execute(kFull);
  connection->execute(kNoAutoCheckpoint);
  connection->execute(kCache);
  walPages_ = 0;
  // Poco has no way to the size of the log.
  sqlite3_wal_hook(handleOf(*connection), &noteWalPages, &walPages_);
  return connection;
}

std::unique_ptr<BatchWriter> SqliteDialect::batchWriter(Connection& connection) {
  return std::make_unique<SqliteBatch>(handleOf(connection), clock_, sends_);
}

std::unique_ptr<Connection> SqliteDialect::connectReader(Time /*until*/) {
  auto connection = connect();
  connection->execute(kReadOnly);
  sqlite3* handle = handleOf(*connection);
  // Poco has no way; the last connection to close would checkpoint, and only the writing one may.
  check(handle, sqlite3_db_config(handle, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr));
  return connection;
}

void SqliteDialect::begin(Connection& connection) { connection.run(kBegin); }

void SqliteDialect::commit(Connection& connection) { connection.run(kCommit); }

void SqliteDialect::rollback(Connection& connection) {
  sqlite3* handle = handleOf(connection);
  // SQLite has rolled back by itself after some errors (full, I/O).
  if (sqlite3_get_autocommit(handle) == 0) connection.execute(kRollback);
  if (sqlite3_get_autocommit(handle) == 0) throw DriverError(SQLITE_ERROR, "the transaction is still open");
}

void SqliteDialect::runScript(Connection& connection, const std::string& sql) {
  // Poco runs one statement at a time.
  sqlite3* handle = handleOf(connection);
  check(handle, sqlite3_exec(handle, sql.c_str(), nullptr, nullptr, nullptr));
}

std::string SqliteDialect::wordsOf(const std::exception& e) const {
  const auto* poco = dynamic_cast<const Poco::Exception*>(&e);
  return poco != nullptr ? poco->displayText() : std::string(e.what());
}

Fault SqliteDialect::judge(Connection& connection, const std::exception& e, bool committing) const {
  const auto* driver = dynamic_cast<const DriverError*>(&e);
  const int code = driver != nullptr ? driver->code() : sqlite3_extended_errcode(handleOf(connection));
  std::string text = fmt::format("SQLite: {} ({})", wordsOf(e), code);
  switch (code & 0xff) {
    case SQLITE_CONSTRAINT:
    case SQLITE_TOOBIG:
    case SQLITE_MISMATCH:
    case SQLITE_RANGE:
      return {FaultKind::Constraint, std::move(text)};
    case SQLITE_FULL:
      return {FaultKind::NothingStored, std::move(text) + ": no space is left for the database"};
    case SQLITE_IOERR:
      // The frames of the commit may be on the disk although the sync failed: a crash now would bring them back. Running
      // the batch again writes over them.
      return {committing ? FaultKind::Unknown : FaultKind::NothingStored, std::move(text)};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
    case SQLITE_CANTOPEN:
      return {FaultKind::Stale, std::move(text)};
    default:
      return {FaultKind::NothingStored, std::move(text)};
  }
}

bool SqliteDialect::copyToFile(Connection& reader, const std::filesystem::path& file,
                               const std::function<bool(int)>& progress) {
  copySqliteDatabase(reader, file, progress);
  return true;
}

bool SqliteDialect::tend(Connection& connection, bool idle) {
  if (walPages_ < kCheckpointIdle) return false;
  if (!idle && walPages_ < kCheckpointAlways) return true;
  sqlite3* handle = handleOf(connection);
  int inLog = 0;
  int done = 0;
  // Poco has no way. PASSIVE: readers are not waited for; the log starts over with the next commit that finds none in it.
  const int code = sqlite3_wal_checkpoint_v2(handle, nullptr, SQLITE_CHECKPOINT_PASSIVE, &inLog, &done);
  if (code != SQLITE_BUSY) check(handle, code);
  walPages_ = inLog - done;
  return false;
}

}  // namespace chatd::store
