#include "store/backup/backup_file.h"

#include <fmt/format.h>

#include <algorithm>
#include <fstream>
#include <optional>

#include "base/random.h"
#include "base/text.h"
#include "store/backup/rows_file.h"
#include "store/connection_pool.h"
#include "store/copy/database_copy.h"
#include "store/dialect.h"
#include "store/sqlite/sqlite_copy_sql.h"
#include "store/sqlite/sqlite_file.h"

namespace chatd::store {

namespace {

constexpr std::string_view kSqliteMagic{"SQLite format 3\0", 16};
constexpr std::size_t kSuffixBytes = 4;

constexpr Sql<In<>> kMakeManifest{"CREATE TABLE backup_manifest (manifest TEXT NOT NULL, hash TEXT NOT NULL)"};
constexpr Sql<In<Text, Text>> kAddManifest{"INSERT INTO backup_manifest (manifest, hash) VALUES ($1, $2)"};
constexpr Sql<In<>, Out<Text, Text>> kManifest{"SELECT manifest, hash FROM backup_manifest"};
constexpr Sql<In<>, Out<Int>> kPages{"PRAGMA page_count"};
constexpr Sql<In<>, Out<Int>> kPageBytes{"PRAGMA page_size"};
constexpr Sql<In<>> kDropManifest{"DROP TABLE backup_manifest"};
constexpr Sql<In<>, Out<Int>> kHasManifest{"SELECT COUNT(*) FROM sqlite_master WHERE name = 'backup_manifest'"};

/// Percentages of a part of the work, from the rows that it has done.
class RowsPercent {
 public:
  RowsPercent(const Percent& percent, std::int64_t total, int from, int to)
      : percent_(percent), total_(std::max<std::int64_t>(1, total)), from_(from), to_(to) {}
  bool operator()(std::int64_t rows) {
    done_ += rows;
    return percent_(from_ + static_cast<int>(std::min<std::int64_t>(done_, total_) * (to_ - from_) / total_));
  }

 private:
  const Percent& percent_;
  const std::int64_t total_;
  const int from_;
  const int to_;
  std::int64_t done_ = 0;
};

void completeSqliteCopy(const std::filesystem::path& part, Manifest& manifest, const Percent& percent) {
  auto copy = openSqliteFile(part, false);
  copy->execute("PRAGMA synchronous = OFF");  // made durable as a whole
  const SqliteCopySql sql;
  RowsPercent rows(percent, DatabaseSource(*copy, sql).total(), 50, 100);
  manifest.sums = sumsOf(*copy, sql, std::ref(rows));
  manifest.counters = countersOf(*copy, sql);
  const std::string text = toJson(manifest);
  copy->run(kMakeManifest);
  copy->run(kAddManifest, text, hashOf(text));
}

bool isSqlite(const std::filesystem::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string head(kSqliteMagic.size(), '\0');
  in.read(head.data(), static_cast<std::streamsize>(head.size()));
  return in.gcount() == static_cast<std::streamsize>(head.size()) && head == kSqliteMagic;
}

Result<Manifest> manifestIn(Connection& copy) {
  if (copy.run(kHasManifest).at<0>(0) == 0) {
    return Error(Code::UnsupportedMedia, "This is a SQLite database, and not a backup of chatd.");
  }
  const auto& rows = copy.run(kManifest);
  if (rows.size() != 1 || rows.at<1>(0) != hashOf(rows.at<0>(0))) {
    return Error(Code::Invalid, "The backup's manifest is damaged.");
  }
  CHATD_TRY(json, parseJson(rows.at<0>(0)));
  return manifestFrom(json);
}

/// SQLite knows how many pages its file has, and reads nothing behind them. Errors: Invalid.
Result<void> nothingBehind(Connection& copy, const std::filesystem::path& file) {
  const auto pages = static_cast<std::uintmax_t>(copy.run(kPages).at<0>(0));
  const auto pageBytes = static_cast<std::uintmax_t>(copy.run(kPageBytes).at<0>(0));
  const std::uintmax_t bytes = std::filesystem::file_size(file);
  if (bytes == pages * pageBytes) return {};
  return Error(Code::Invalid, fmt::format("The backup is damaged: it has {} bytes, of which {} are the database.", bytes,
                                          pages * pageBytes));
}

Result<Manifest> verifySqlite(const std::filesystem::path& file, const Percent& percent) {
  auto copy = openSqliteFile(file, true);
  CHATD_TRY(manifest, manifestIn(*copy));
  if (!percent(0)) throw Cancelled();
  CHATD_CHECK(nothingBehind(*copy, file));
  if (const std::string damage = sqliteDamage(*copy); !damage.empty()) {
    return Error(Code::Invalid, "The backup is damaged: " + damage + ".");
  }
  // Of another layout the tables are not known, and only SQLite's own check holds; the daemon brings it up to date later.
  if (manifest.layout != kLayout) return manifest;
  RowsPercent rows(percent, rowsOf(manifest.sums), 50, 100);
  const std::string different = differences(manifest.sums, sumsOf(*copy, SqliteCopySql(), std::ref(rows)));
  if (!different.empty()) return Error(Code::Invalid, "The backup is damaged: " + different + ".");
  return manifest;
}

Result<Manifest> verifyRows(const std::filesystem::path& file, const Percent& percent) {
  RowsPercent rows(percent, static_cast<std::int64_t>(std::filesystem::file_size(file) / 200), 0, 100);
  CHATD_TRY(opened, RowsFile::open(file, std::ref(rows)));
  return opened->manifest();
}

/// Exceptions of drivers and files as errors. `atFault`: what a driver's means, a damaged `file` or a target that is away.
template <class F>
auto guarded(const std::filesystem::path& file, Code atFault, F&& body) -> decltype(body()) {
  try {
    return body();
  } catch (const Cancelled&) {
    return Error(Code::Restarting, "It was stopped.");
  } catch (const DamagedRow& e) {
    return Error(Code::Invalid, fmt::format("The backup {} is damaged: {}.", file.string(), e.what()));
  } catch (const Poco::Exception& e) {
    if (atFault != Code::Invalid) return Error(atFault, fmt::format("{}.", e.displayText()));
    return Error(Code::Invalid, fmt::format("The backup {} is damaged: {}.", file.string(), e.displayText()));
  } catch (const std::exception& e) {
    return Error(Code::StoreUnavailable, fmt::format("{}.", e.what()));
  }
}

/// Errors: Conflict. An empty file is none.
Result<void> mustBeEmpty(const std::filesystem::path& database) {
  std::error_code error;
  if (std::filesystem::exists(database, error) && std::filesystem::file_size(database, error) > 0) {
    return Error(Code::Conflict,
                 fmt::format("{} is there already: restore into an empty data directory.", database.string()));
  }
  const std::string log = database.string() + "-wal";
  if (std::filesystem::exists(log, error) && std::filesystem::file_size(log, error) > 0) {
    return Error(Code::Conflict, fmt::format("{} belongs to a database that is gone: remove it first.", log));
  }
  return {};
}

Result<void> keepKey(const RestoreOrder& order, const Manifest& manifest) {
  return manifest.serverKey.empty() ? Result<void>() : order.keepServerKey(manifest.serverKey);
}

/// The file that keeps daemons away while a restore is half done. One that is killed leaves it; one that fails removes it,
/// unless a database was begun.
class RestorePart {
 public:
  explicit RestorePart(const std::filesystem::path& database) : database_(database), path_(restorePartOf(database)) {
    std::filesystem::remove(path_);  // of one that was killed
    const NewFile made(path_);       // 0600
  }
  ~RestorePart() {
    std::error_code error;
    if (!done_ && !std::filesystem::exists(database_, error)) std::filesystem::remove(path_, error);
  }
  RestorePart(const RestorePart&) = delete;
  RestorePart& operator=(const RestorePart&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// The database is whole; the file is gone, or is the database.
  void done() {
    std::filesystem::remove(path_);
    done_ = true;
  }

 private:
  const std::filesystem::path database_;
  const std::filesystem::path path_;
  bool done_ = false;
};

/// The exact copy becomes the database: prepared beside it, then moved into place.
Result<void> placeSqlite(const RestoreOrder& order, const Manifest& manifest) {
  std::filesystem::remove(order.databaseFile);  // empty
  RestorePart part(order.databaseFile);
  CHATD_CHECK(keepKey(order, manifest));
  std::filesystem::copy_file(order.backup, part.path(), std::filesystem::copy_options::overwrite_existing);
  std::filesystem::permissions(part.path(), std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  {
    auto copy = openSqliteFile(part.path(), false);
    copy->execute("BEGIN");
    copy->run(kDropManifest);
    renewEpochs(*copy, "-" + toHex(randomBytes(kSuffixBytes)));
    copy->execute("COMMIT");
  }
  keepFile(part.path(), order.databaseFile);
  part.done();
  return {};
}

Result<Manifest> fillDatabase(const RestoreOrder& order, RowSource& source, const Manifest& manifest,
                              const Percent& percent) {
  // Of a database that is there the copy says by itself whether it is half done.
  std::optional<RestorePart> part;
  std::error_code error;
  const bool there = order.databaseFile.empty() || std::filesystem::exists(order.databaseFile, error);
  if (!there) part.emplace(order.databaseFile);
  CHATD_CHECK(keepKey(order, manifest));
  auto target = order.dialect.connectWriter();
  CHATD_CHECK(migrate(*target, order.dialect));
  CopyOrder copy;
  copy.source = fmt::format("a backup of {} ({})", toRfc3339(manifest.createdAt), hashOf(toJson(manifest.sums)));
  copy.epochSuffix = "-" + toHex(randomBytes(kSuffixBytes));
  copy.progress = [&](const CopyProgress& p) {
    const std::int64_t half = p.phase == CopyProgress::Phase::Copying ? 25 : 75;
    return percent(static_cast<int>(half + 25 * std::min(p.rows, p.total) / std::max<std::int64_t>(1, p.total)));
  };
  CHATD_CHECK(copyStore(source, *target, order.dialect, copy));
  if (part) part->done();
  if (there && !order.databaseFile.empty()) std::filesystem::remove(restorePartOf(order.databaseFile));
  return manifest;
}

}  // namespace

void writeBackup(Dialect& dialect, const std::filesystem::path& part, const BackupFacts& facts, const Percent& percent) {
  Manifest manifest;
  manifest.schema = static_cast<std::int64_t>(dialect.migrations().size());
  manifest.version = facts.version;
  manifest.serverKey = facts.serverKey;
  manifest.createdAt = facts.now;
  auto reader = dialect.connectReader();
  const Percent firstHalf = [&](int p) { return percent(p / 2); };
  if (dialect.copyToFile(*reader, part, firstHalf)) return completeSqliteCopy(part, manifest, percent);
  reader->run(kBeginRead);
  RowsPercent rows(percent, DatabaseSource(*reader, dialect.copySql()).total(), 0, 100);
  writeRows(*reader, dialect.copySql(), part, manifest, std::ref(rows));
  reader->run(kEndRead);
}

Result<Manifest> verifyBackup(const std::filesystem::path& file, const Percent& percent) {
  return guarded(file, Code::Invalid, [&]() -> Result<Manifest> {
    if (!std::filesystem::is_regular_file(file)) {
      return Error(Code::NotFound, fmt::format("There is no file {}.", file.string()));
    }
    return isSqlite(file) ? verifySqlite(file, percent) : verifyRows(file, percent);
  });
}

Result<Manifest> restoreBackup(const RestoreOrder& order, const Percent& percent) {
  const Percent checking = [&](int p) { return percent(p / 4); };
  if (!std::filesystem::exists(order.backup) || isSqlite(order.backup)) {
    CHATD_TRY(manifest, verifyBackup(order.backup, checking));
    return guarded(order.backup, Code::StoreUnavailable, [&]() -> Result<Manifest> {
      if (!order.databaseFile.empty()) {
        CHATD_CHECK(mustBeEmpty(order.databaseFile));
        CHATD_CHECK(placeSqlite(order, manifest));
        return manifest;
      }
      auto copy = openSqliteFile(order.backup, true);
      const SqliteCopySql sql;
      DatabaseSource source(*copy, sql);
      return fillDatabase(order, source, manifest, percent);
    });
  }
  return guarded(order.backup, Code::StoreUnavailable, [&]() -> Result<Manifest> {
    CHATD_TRY(file, RowsFile::open(order.backup, [&](std::int64_t) { return checking(0); }));
    return fillDatabase(order, *file, file->manifest(), percent);
  });
}

}  // namespace chatd::store
