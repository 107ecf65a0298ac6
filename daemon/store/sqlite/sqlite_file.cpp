#include "store/sqlite/sqlite_file.h"

#include <Poco/Data/SQLite/Connector.h>
#include <Poco/Data/SQLite/Utility.h>
#include <sqlite3.h>

#include <thread>

#include "store/backup/plain_file.h"
#include "store/copy/rows.h"
#include "store/sqlite/driver_error.h"

namespace chatd::store {

namespace {

// Pages (4 KiB) a step: some milliseconds, so that stopping is not waited for.
constexpr int kStepPages = 512;
constexpr std::chrono::milliseconds kBusyPause{10};

constexpr Sql<In<>> kBegin{"BEGIN"};
constexpr Sql<In<>> kCommit{"COMMIT"};
constexpr Sql<In<>, Out<Int>> kLook{"SELECT COUNT(*) FROM sqlite_master"};
constexpr Sql<In<>, Out<Text>> kIntegrity{"PRAGMA integrity_check(20)"};

sqlite3* handleOf(Connection& connection) { return Poco::Data::SQLite::Utility::dbHandle(connection.session()); }

void check(sqlite3* handle, int code) {
  if (code != SQLITE_OK) throw DriverError(sqlite3_extended_errcode(handle), sqlite3_errmsg(handle));
}

/// Poco has no way to SQLite's online backup.
class OnlineBackup {
 public:
  OnlineBackup(sqlite3* to, sqlite3* from) : to_(to), backup_(sqlite3_backup_init(to, "main", from, "main")) {
    if (backup_ == nullptr) throw DriverError(sqlite3_extended_errcode(to), sqlite3_errmsg(to));
  }
  ~OnlineBackup() {
    if (backup_ != nullptr) sqlite3_backup_finish(backup_);
  }
  OnlineBackup(const OnlineBackup&) = delete;
  OnlineBackup& operator=(const OnlineBackup&) = delete;
  /// False: it is whole.
  bool step() {
    const int code = sqlite3_backup_step(backup_, kStepPages);
    if (code == SQLITE_DONE) return false;
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
      std::this_thread::sleep_for(kBusyPause);
    } else if (code != SQLITE_OK) {
      throw DriverError(code, sqlite3_errstr(code));
    }
    return true;
  }
  [[nodiscard]] int percent() const {
    const int all = sqlite3_backup_pagecount(backup_);
    return all == 0 ? 0 : static_cast<int>(100LL * (all - sqlite3_backup_remaining(backup_)) / all);
  }
  void finish() { check(to_, sqlite3_backup_finish(std::exchange(backup_, nullptr))); }

 private:
  sqlite3* to_;
  sqlite3_backup* backup_;
};

}  // namespace

void configureSqlite() {
  // A connection is used by one thread at a time, so SQLite's own lock around each call is not needed, nor its account of
  // memory, which is another (together 6 % of an append's CPU time).
  static const bool done = [] {
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    Poco::Data::SQLite::Utility::setThreadMode(Poco::Data::SQLite::Utility::THREAD_MODE_MULTI);
    Poco::Data::SQLite::Connector::registerConnector();
    return true;
  }();
  static_cast<void>(done);
}

std::filesystem::path restorePartOf(const std::filesystem::path& database) { return database.string() + ".restore"; }

std::unique_ptr<Connection> openSqliteFile(const std::filesystem::path& file, bool readOnly) {
  configureSqlite();
  auto connection = std::make_unique<Connection>(Poco::Data::Session("SQLite", file.string()));
  check(handleOf(*connection), sqlite3_extended_result_codes(handleOf(*connection), 1));
  if (readOnly) connection->execute("PRAGMA query_only = ON");
  return connection;
}

void copySqliteDatabase(Connection& source, const std::filesystem::path& file, const std::function<bool(int)>& progress) {
  { const NewFile made(file); }  // not by SQLite, so that nobody else can read it whatever the umask is
  auto target = openSqliteFile(file, false);
  // The caller makes the file durable as a whole.
  target->execute("PRAGMA synchronous = OFF");
  // A read transaction of our own around all steps: without it the copy begins anew with each commit of the writer, and
  // under load never ends.
  source.run(kBegin);
  source.run(kLook);
  {
    OnlineBackup backup(handleOf(*target), handleOf(source));
    while (backup.step()) {
      if (!progress(backup.percent())) throw Cancelled();
    }
    backup.finish();
  }
  source.run(kCommit);
  // The copy says of itself that it has a log, as the original does.
  target->execute("PRAGMA journal_mode = DELETE");
}

std::string sqliteDamage(Connection& connection) {
  const auto& found = connection.run(kIntegrity);
  std::string text;
  for (std::size_t i = 0; i < found.size(); ++i) {
    if (found.at<0>(i) == "ok") continue;
    text += (text.empty() ? "" : "; ") + found.at<0>(i);
  }
  return text;
}

}  // namespace chatd::store
