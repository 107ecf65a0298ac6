#include "store/store.h"

#include <fmt/format.h>

#include <algorithm>
#include <atomic>
#include <stdexcept>
#include <vector>

#include "base/mutex.h"
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

CommitQueue::Limits limitsOf(const StoreOptions& o, std::size_t writers) {
  return {o.queueItems / writers, o.queueItemsPerApp / writers, o.queueBytes / writers, o.batchRows, o.batchBytes};
}

BackupOptions backupOptions(const StoreOptions& o) {
  return {o.backupFolder.empty() ? o.dataDirectory / "backups" : o.backupFolder, o.version, o.serverKey};
}

}  // namespace

class Store::Impl {
 public:
  Impl(StoreOptions options, const Clock& clock, std::unique_ptr<Dialect> dialect)
      : options_(std::move(options)), report_(options_.onFault, options_.onRecovery) {
    makeLanes(std::move(dialect), clock);
    Lane& first = *lanes_.front();
    if (!first.dialect->readersShareWriter()) {
      readers_ = std::make_unique<ConnectionPool>(options_.readers, [this](Dialect::Time until) {
        // Half a schema is not read.
        if (!prepared_) throw std::runtime_error(unprepared());
        return lanes_.front()->dialect->connectReader(until);
      });
    }
    reads_ = std::make_unique<Readers>(readers_ ? *readers_ : first.writer, *first.dialect, report_, options_.timeout,
                                       [this] { lanes_.front()->committer.doubt(); });
    std::vector<GroupCommitter*> committers;
    for (const auto& lane : lanes_) committers.push_back(&lane->committer);
    std::vector<GroupCommitter*> others(committers.begin() + 1, committers.end());
    log_ = std::make_unique<SqlMessageLog>(std::move(committers), *reads_);
    directory_ = std::make_unique<SqlDirectory>(first.committer, std::move(others), *reads_, first.housekeeping, clock);
    credentials_ = std::make_unique<SqlCredentials>(first.committer, *reads_, clock);
    backups_ = std::make_unique<StoreBackups>(backupOptions(options_), *first.dialect, clock);
  }
  ~Impl() { stop(); }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  Result<void> open() {
    if (refused_) return *refused_;
    Dialect& dialect = *lanes_.front()->dialect;
    CHATD_CHECK(dialect.claim());
    auto reached = dialect.whole();
    if (reached.ok()) reached = reach();
    if (!reached.ok()) {
      dialect.release();
      return reached;
    }
    opened_ = true;
    return {};
  }

  void stop() {
    if (!opened_) return;
    opened_ = false;
    backups_->stop();
    for (const auto& lane : lanes_) lane->committer.close();
    for (const auto& lane : lanes_) lane->committer.stop();
    // The readers first: the last connection to close is the one that may checkpoint.
    if (readers_) readers_->close();
    for (const auto& lane : lanes_) lane->writer.close();
    lanes_.front()->dialect->release();
  }

  [[nodiscard]] bool healthy() const {
    return std::all_of(lanes_.begin(), lanes_.end(), [](const auto& lane) { return lane->committer.healthy(); });
  }
  [[nodiscard]] std::string fault() const {
    for (const auto& lane : lanes_) {
      if (std::string fault = lane->committer.fault(); !fault.empty()) return fault;
    }
    return {};
  }
  [[nodiscard]] Counts counts() const {
    Counts counts{0, 0, reads_->statements()};
    for (const auto& lane : lanes_) {
      counts.batches += lane->committer.batches();
      counts.rows += lane->committer.rows();
    }
    return counts;
  }
  [[nodiscard]] bool exclusive() const { return lanes_.front()->dialect->exclusive(); }
  MessageLog& log() { return *log_; }
  Directory& directory() { return *directory_; }
  Credentials& credentials() { return *credentials_; }
  Backups& backups() { return *backups_; }

 private:
  // A commit thread, its connection, and what the dialect remembers of both. The rooms are shared out among the lanes; the
  // first also writes everything else, sweeps, and makes the schema.
  struct Lane {
    Lane(std::unique_ptr<Dialect> d, ConnectionPool::Connect connect, const Clock& clock, bool first,
         const CommitQueue::Limits& limits, std::chrono::milliseconds timeout, FaultReport& report)
        : dialect(std::move(d)),
          writer(1, std::move(connect)),
          housekeeping(clock, first),
          committer(limits, timeout, *dialect, writer, housekeeping, report) {}

    const std::unique_ptr<Dialect> dialect;
    ConnectionPool writer;
    Housekeeping housekeeping;
    GroupCommitter committer;
  };

  // `given`: a test's own dialect, or null.
  void makeLanes(std::unique_ptr<Dialect> given, const Clock& clock) {
    std::vector<std::unique_ptr<Dialect>> dialects;
    if (given) {
      dialects.push_back(std::move(given));
    } else if (auto made = dialectOf(options_, clock); made.ok()) {
      dialects.push_back(std::move(*made));
    } else {
      refused_ = std::move(made).error();
      // The ports are there all the same; open() says why they will not answer.
      dialects.push_back(std::make_unique<SqliteDialect>(std::filesystem::path(), options_.timeout, clock));
    }
    while (dialects.size() < options_.writers) {
      auto another = dialects.front()->another(dialects.size());
      if (!another) break;
      dialects.push_back(std::move(another));
    }
    const CommitQueue::Limits limits = limitsOf(options_, dialects.size());
    for (std::size_t i = 0; i < dialects.size(); ++i) {
      lanes_.push_back(std::make_unique<Lane>(
          std::move(dialects[i]), [this, i](Dialect::Time until) { return connect(*lanes_[i], until); }, clock, i == 0,
          limits, options_.timeout, report_));
    }
  }

  // Throws what the driver throws. Thread: the lane's commit thread; before it runs, the one that opens.
  std::unique_ptr<Connection> connect(Lane& lane, Dialect::Time until) {
    auto connection = lane.dialect->connectWriter(until);
    if (!prepared_) {
      if (&lane != lanes_.front().get()) throw std::runtime_error(unprepared());
      if (const auto prepared = prepare(*connection); !prepared.ok()) {
        LockGuard g(unpreparedMutex_);
        unprepared_ = prepared.error().detail();
        throw std::runtime_error(unprepared_);
      }
    }
    connection->setBatchWriter(lane.dialect->batchWriter(*connection));
    return connection;
  }

  // In the words of who tried: they are told once.
  std::string unprepared() {
    LockGuard g(unpreparedMutex_);
    return unprepared_;
  }

  // Starts the commit threads, each with its connection or, if that will come by itself, without.
  Result<void> reach() {
    Lane& first = *lanes_.front();
    try {
      auto connection = first.dialect->connectWriter();
      CHATD_CHECK(prepare(*connection));
      connection->setBatchWriter(first.dialect->batchWriter(*connection));
      first.writer.seed(std::move(connection));
      first.committer.start();
    } catch (const std::exception& e) {
      const std::string words = first.dialect->wordsOf(e);
      if (!first.dialect->mayPass(e)) {
        return Error(Code::StoreUnavailable,
                     fmt::format("The database {} cannot be opened: {}.", first.dialect->shown(), words));
      }
      first.committer.startDown(fmt::format("{}: {}", first.dialect->shown(), words));
    }
    for (std::size_t i = 1; i < lanes_.size(); ++i) startOther(*lanes_[i]);
    return {};
  }

  void startOther(Lane& lane) {
    try {
      lane.writer.seed(connect(lane, Dialect::Time::max()));
      lane.committer.start();
    } catch (const std::exception& e) {
      lane.committer.startDown(fmt::format("{}: {}", lane.dialect->shown(), lane.dialect->wordsOf(e)));
    }
  }

  // Makes the schema what this program knows. Thread: the one that opens; after that the commit thread, until it is done.
  Result<void> prepare(Connection& connection) {
    CHATD_CHECK(migrate(connection, *lanes_.front()->dialect));
    if (const auto source = unfinishedCopy(connection)) {
      return Error(Code::Conflict, fmt::format("The database is half of a copy from {}: finish it (chatctl migrate-store or "
                                               "backup restore), or begin with an empty one.",
                                               *source));
    }
    prepared_ = true;
    return {};
  }

  const StoreOptions options_;
  std::optional<Error> refused_;
  FaultReport report_;
  std::vector<std::unique_ptr<Lane>> lanes_;  // at least one
  std::unique_ptr<ConnectionPool> readers_;   // null: reads take turns on the writing connection
  std::unique_ptr<Readers> reads_;
  std::unique_ptr<SqlMessageLog> log_;
  std::unique_ptr<SqlDirectory> directory_;
  std::unique_ptr<SqlCredentials> credentials_;
  std::unique_ptr<StoreBackups> backups_;
  std::atomic<bool> prepared_{false};  // the schema is what it should be
  Mutex unpreparedMutex_;
  std::string unprepared_ CHATD_GUARDED_BY(unpreparedMutex_) = "the database was not reached yet";
  bool opened_ = false;
};

Store::Store(StoreOptions options, const Clock& clock) : Store(std::move(options), clock, nullptr) {}

Store::Store(StoreOptions options, const Clock& clock, std::unique_ptr<Dialect> dialect)
    : impl_(std::make_unique<Impl>(std::move(options), clock, std::move(dialect))) {}

Store::~Store() = default;

Result<void> Store::servable(const StoreOptions& options, const Clock& clock) {
  CHATD_TRY(dialect, dialectOf(options, clock));
  CHATD_CHECK(dialect->claim());
  auto whole = dialect->whole();
  dialect->release();
  return whole;
}

Result<void> Store::open() { return impl_->open(); }
void Store::stop() { impl_->stop(); }
bool Store::healthy() const { return impl_->healthy(); }
std::string Store::fault() const { return impl_->fault(); }
MessageLog& Store::log() { return impl_->log(); }
Directory& Store::directory() { return impl_->directory(); }
Credentials& Store::credentials() { return impl_->credentials(); }
Backups& Store::backups() { return impl_->backups(); }
bool Store::exclusive() const { return impl_->exclusive(); }
Store::Counts Store::counts() const { return impl_->counts(); }

}  // namespace chatd
