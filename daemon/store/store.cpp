#include "store/store.h"

#include <fmt/format.h>

#include <atomic>
#include <stdexcept>

#include "store/backup/store_backups.h"
#include "store/connection_pool.h"
#include "store/copy/database_copy.h"
#include "store/dialect.h"
#include "store/group_committer.h"
#include "store/housekeeping.h"
#include "store/postgresql/postgresql_dialect.h"
#include "store/sql_credentials.h"
#include "store/sql_directory.h"
#include "store/sql_message_log.h"
#include "store/sqlite/sqlite_dialect.h"

namespace chatd {

namespace store {

namespace {

constexpr std::string_view kSqlite = "sqlite:";
constexpr std::string_view kMemory = ":memory:";

}  // namespace

Result<std::unique_ptr<Dialect>> dialectOf(const StoreOptions& options, const Clock& clock) {
  const std::string_view url = options.url;
  if (isPgUrl(url)) {
    CHATD_TRY(parsed, parsePgUrl(options.url));
    return std::unique_ptr<Dialect>(std::make_unique<PostgresqlDialect>(std::move(parsed), options.timeout, clock));
  }
  if (url.substr(0, kSqlite.size()) != kSqlite || url.size() == kSqlite.size()) {
    return Error(Code::Invalid, "store.url: this is not understood; expected sqlite:PATH or postgresql://….");
  }
  const std::string_view path = url.substr(kSqlite.size());
  std::filesystem::path file;
  if (path != kMemory) file = options.dataDirectory / std::filesystem::path(path);  // an absolute path stays as it is
  return std::unique_ptr<Dialect>(std::make_unique<SqliteDialect>(std::move(file), options.timeout, clock));
}

}  // namespace store

namespace {

using namespace store;

CommitQueue::Limits limitsOf(const StoreOptions& o) {
  return {o.queueItems, o.queueItemsPerApp, o.queueBytes, o.batchRows, o.batchBytes};
}

BackupOptions backupOptions(const StoreOptions& o) {
  return {o.backupFolder.empty() ? o.dataDirectory / "backups" : o.backupFolder, o.version, o.serverKey};
}

}  // namespace

class Store::Impl {
 public:
  Impl(StoreOptions options, const Clock& clock, std::unique_ptr<Dialect> dialect)
      : options_(std::move(options)),
        dialect_(std::move(dialect)),
        housekeeping_(clock),
        report_(options_.onFault, options_.onRecovery) {
    if (!dialect_) {
      auto made = dialectOf(options_, clock);
      if (made.ok()) {
        dialect_ = std::move(*made);
      } else {
        refused_ = std::move(made).error();
        // The ports are there all the same; open() says why they will not answer.
        dialect_ = std::make_unique<SqliteDialect>(std::filesystem::path(), options_.timeout, clock);
      }
    }
    writer_ = std::make_unique<ConnectionPool>(1, [this] {
      auto connection = dialect_->connectWriter();
      if (!prepared_) {
        if (const auto prepared = prepare(*connection); !prepared.ok()) throw std::runtime_error(prepared.error().detail());
      }
      connection->setBatchWriter(dialect_->batchWriter(*connection));
      return connection;
    });
    if (!dialect_->readersShareWriter()) {
      readers_ = std::make_unique<ConnectionPool>(options_.readers, [this] {
        // Half a schema is not read.
        if (!prepared_) throw std::runtime_error("the database was not reached yet");
        return dialect_->connectReader();
      });
    }
    reads_ = std::make_unique<Readers>(readers_ ? *readers_ : *writer_, *dialect_, report_, options_.timeout,
                                       [this] { committer_->doubt(); });
    committer_ =
        std::make_unique<GroupCommitter>(limitsOf(options_), options_.timeout, *dialect_, *writer_, housekeeping_, report_);
    log_ = std::make_unique<SqlMessageLog>(*committer_, *reads_);
    directory_ = std::make_unique<SqlDirectory>(*committer_, *reads_, housekeeping_, clock);
    credentials_ = std::make_unique<SqlCredentials>(*committer_, *reads_, clock);
    backups_ = std::make_unique<StoreBackups>(backupOptions(options_), *dialect_, clock);
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> open() {
    if (refused_) return *refused_;
    CHATD_CHECK(dialect_->claim());
    auto reached = dialect_->whole();
    if (reached.ok()) reached = reach();
    if (!reached.ok()) {
      dialect_->release();
      return reached;
    }
    opened_ = true;
    return {};
  }

  void stop() {
    if (!opened_) return;
    opened_ = false;
    backups_->stop();
    committer_->stop();
    // The readers first: the last connection to close is the one that may checkpoint.
    if (readers_) readers_->close();
    writer_->close();
    dialect_->release();
  }

  GroupCommitter& committer() { return *committer_; }
  [[nodiscard]] bool exclusive() const { return dialect_->exclusive(); }
  [[nodiscard]] std::uint64_t readStatements() const { return reads_->statements(); }
  MessageLog& log() { return *log_; }
  Directory& directory() { return *directory_; }
  Credentials& credentials() { return *credentials_; }
  Backups& backups() { return *backups_; }

 private:
  // Starts the commit thread, with the first connection or, if it will come by itself, without.
  Result<void> reach() {
    std::unique_ptr<Connection> connection;
    try {
      connection = dialect_->connectWriter();
      CHATD_CHECK(prepare(*connection));
      connection->setBatchWriter(dialect_->batchWriter(*connection));
    } catch (const std::exception& e) {
      const std::string words = dialect_->wordsOf(e);
      if (!dialect_->mayPass(e)) {
        return Error(Code::StoreUnavailable, fmt::format("The database {} cannot be opened: {}.", dialect_->shown(), words));
      }
      committer_->startDown(fmt::format("{}: {}", dialect_->shown(), words));
      return {};
    }
    writer_->seed(std::move(connection));
    committer_->start();
    return {};
  }

  // Makes the schema what this program knows. Thread: the one that opens; after that the commit thread, until it is done.
  Result<void> prepare(Connection& connection) {
    CHATD_CHECK(migrate(connection, *dialect_));
    if (const auto source = unfinishedCopy(connection)) {
      return Error(Code::Conflict, fmt::format("The database is half of a copy from {}: finish it (chatctl migrate-store or "
                                               "backup restore), or begin with an empty one.",
                                               *source));
    }
    prepared_ = true;
    return {};
  }

  const StoreOptions options_;
  std::unique_ptr<Dialect> dialect_;
  std::optional<Error> refused_;
  Housekeeping housekeeping_;
  FaultReport report_;
  std::unique_ptr<ConnectionPool> writer_;
  std::unique_ptr<ConnectionPool> readers_;  // null: reads take turns on the writing connection
  std::unique_ptr<Readers> reads_;
  std::unique_ptr<GroupCommitter> committer_;
  std::unique_ptr<SqlMessageLog> log_;
  std::unique_ptr<SqlDirectory> directory_;
  std::unique_ptr<SqlCredentials> credentials_;
  std::unique_ptr<StoreBackups> backups_;
  std::atomic<bool> prepared_{false};  // the schema is what it should be
  bool opened_ = false;
};

Store::Store(StoreOptions options, const Clock& clock) : Store(std::move(options), clock, nullptr) {}

Store::Store(StoreOptions options, const Clock& clock, std::unique_ptr<Dialect> dialect)
    : impl_(std::make_unique<Impl>(std::move(options), clock, std::move(dialect))) {}

Store::~Store() = default;

Result<void> Store::open() { return impl_->open(); }
void Store::stop() { impl_->stop(); }
bool Store::healthy() const { return impl_->committer().healthy(); }
std::string Store::fault() const { return impl_->committer().fault(); }
MessageLog& Store::log() { return impl_->log(); }
Directory& Store::directory() { return impl_->directory(); }
Credentials& Store::credentials() { return impl_->credentials(); }
Backups& Store::backups() { return impl_->backups(); }
bool Store::exclusive() const { return impl_->exclusive(); }
Store::Counts Store::counts() const {
  return {impl_->committer().batches(), impl_->committer().rows(), impl_->readStatements()};
}

}  // namespace chatd
