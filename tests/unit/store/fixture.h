// What the store's suite runs on. A database is a type with a name, fresh options and a dialect for them: the suite is
// written once and a new dialect is one more type in `Databases`.
#pragma once

#include <boost/mpl/list.hpp>
#include <boost/test/unit_test.hpp>
#include <chrono>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "store/postgresql/postgresql_dialect.h"
#include "store/sqlite/sqlite_dialect.h"
#include "store/store.h"
#include "support/eventually.h"
#include "support/faulty_store.h"
#include "support/postgres_server.h"

namespace chatd::test {

class TempFolder {
 public:
  TempFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "chatd-store-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(name.data()) != nullptr);
    path_ = name;
  }
  ~TempFolder() {
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

struct SqliteMemory {
  StoreOptions options;
  SqliteMemory() { options.url = "sqlite::memory:"; }
  std::unique_ptr<store::Dialect> dialect(const Clock& clock) const {
    return std::make_unique<store::SqliteDialect>(std::filesystem::path(), options.timeout, clock);
  }
};

struct SqliteFile {
  TempFolder folder;
  StoreOptions options;
  SqliteFile() {
    options.url = "sqlite:chatd.db";
    options.dataDirectory = folder.path();
  }
  std::unique_ptr<store::Dialect> dialect(const Clock& clock) const {
    return std::make_unique<store::SqliteDialect>(folder.path() / "chatd.db", options.timeout, clock);
  }
};

/// A fresh database on the one server of this test program. Without an installed PostgreSQL its cases are skipped
/// (skip_test.cpp).
struct Postgresql {
  PostgresServer& server = PostgresServer::shared();
  std::string name = server.createDatabase();
  StoreOptions options;
  Postgresql() { options.url = server.url(name); }
  std::unique_ptr<store::Dialect> dialect(const Clock& clock) const {
    return std::make_unique<store::PostgresqlDialect>(store::parsePgUrl(options.url).value(), options.timeout, clock);
  }
};

using Databases = boost::mpl::list<SqliteMemory, SqliteFile, Postgresql>;
using DurableDatabases = boost::mpl::list<SqliteFile, Postgresql>;
using SharedDatabases = boost::mpl::list<Postgresql>;  ///< several daemons may have one open

/// Keeps outcomes; a test waits for as many as it sent.
class Outcomes final : public LogSink {
 public:
  void committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) override {
    {
      LockGuard g(mutex_);
      for (auto& a : appends) appends_.push_back(std::move(a));
      for (auto& c : changes) changes_.push_back(std::move(c));
    }
    arrived_.notifyAll();
  }
  void trimmed(const std::vector<Trimmed>& rooms) override {
    LockGuard g(mutex_);
    for (const Trimmed& one : rooms) trimmed_[one.room] = one.firstSeq;
  }
  /// The first seq that was told of the room, after waiting for one.
  Seq trimmed(RoomId room) {
    std::optional<Seq> first;
    BOOST_REQUIRE(eventually([&] {
      LockGuard g(mutex_);
      if (const auto it = trimmed_.find(room); it != trimmed_.end()) first = it->second;
      return first.has_value();
    }));
    return *first;
  }
  void late(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome>) override {
    {
      LockGuard g(mutex_);
      for (auto& a : appends) late_.push_back(std::move(a));
    }
    arrived_.notifyAll();
  }
  /// What was found to be stored after its sender had been told that this is not known.
  std::vector<AppendOutcome> late(std::size_t count) { return take(late_, count); }
  std::vector<AppendOutcome> appends(std::size_t count) { return take(appends_, count); }
  std::vector<ChangeOutcome> changes(std::size_t count) { return take(changes_, count); }

 private:
  template <class T>
  std::vector<T> take(std::vector<T>& from, std::size_t count) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
    UniqueLock lock(mutex_);
    while (from.size() < count) {
      if (arrived_.waitUntil(lock, deadline) == std::cv_status::timeout) break;
    }
    BOOST_REQUIRE_EQUAL(from.size(), count);
    return std::exchange(from, {});
  }

  Mutex mutex_;
  Condition arrived_;
  std::vector<AppendOutcome> appends_;
  std::vector<AppendOutcome> late_;
  std::vector<ChangeOutcome> changes_;
  std::map<RoomId, Seq> trimmed_;
};

template <class T>
T must(Result<T> result) {
  if (!result.ok()) BOOST_FAIL(std::string(result.error().wire()) + ": " + result.error().detail());
  return std::move(result).value();
}
inline void must(const Result<void>& result) {
  if (!result.ok()) BOOST_FAIL(std::string(result.error().wire()) + ": " + result.error().detail());
}
template <class T>
std::string codeOf(const Result<T>& result) {
  return result.ok() ? "ok" : std::string(result.error().wire());
}

template <class Database>
struct Fixture {
  Database database;
  SystemClock systemClock;
  FakeClock clock{std::chrono::time_point_cast<std::chrono::microseconds>(systemClock.wall())};
  std::shared_ptr<Faults> faults = std::make_shared<Faults>();
  Outcomes outcomes;
  Mutex toldMutex;
  std::string lastTold;  // by onFault, on whatever thread
  std::unique_ptr<Store> store;

  Fixture() { open(); }
  void open() {
    StoreOptions options = database.options;
    options.version = "9.9";
    options.serverKey = "the key";
    options.onFault = [this](const std::string& what) {
      LockGuard g(toldMutex);
      lastTold = what;
    };
    store = std::make_unique<Store>(options, clock, std::make_unique<FaultyDialect>(database.dialect(clock), faults));
    must(store->open());
    store->log().setSink(&outcomes);
  }
  void reopen() {
    store.reset();
    open();
  }

  std::string told() {
    LockGuard g(toldMutex);
    return lastTold;
  }
  Directory& directory() { return store->directory(); }
  Credentials& credentials() { return store->credentials(); }
  MessageLog& log() { return store->log(); }

  AppId app(const std::string& name = "demo") { return must(directory().createApp({name, {}, {}})).id; }
  UserId user(AppId app, const std::string& appUserId) {
    return must(directory().upsertUser(app, appUserId, false, {}, false)).user.id;
  }
  RoomId group(AppId app, const std::string& name, const std::vector<UserId>& users) {
    return must(directory().createRoom({app, name, RoomType::Group, {}, {}, users})).room.id;
  }
  AccessRev access(RoomId room) { return must(directory().roomState(room)).counter.accessRev; }

  Append draft(AppId app, RoomId room, UserId sender, std::string text) {
    Append a;
    a.app = app;
    a.room = room;
    a.sender = sender;
    a.sendId = randomSendId();
    a.checkedUnder = AccessRev{kMaxInteger};
    a.text = std::move(text);
    return a;
  }
  /// Sends one and waits for what became of it.
  Result<Appended> send(Append append) {
    BOOST_REQUIRE(log().append(std::move(append)) == Offer::Taken);
    return std::move(outcomes.appends(1).front().result);
  }
  Result<Changed> change(Change change) {
    BOOST_REQUIRE(log().change(std::move(change)) == Offer::Taken);
    return std::move(outcomes.changes(1).front().result);
  }
};

/// The usual cast: one app, two users, one room.
template <class Database>
struct Cast : Fixture<Database> {
  AppId demo = this->app();
  UserId ann = this->user(demo, "ann");
  UserId bob = this->user(demo, "bob");
  RoomId hall = this->group(demo, "hall", {ann, bob});

  Append say(std::string text) { return this->draft(demo, hall, ann, std::move(text)); }
  Append say(std::string text, std::string clientMsgId) {
    Append a = say(std::move(text));
    a.clientMsgId = std::move(clientMsgId);
    return a;
  }
  Change edit(MessageId id, std::string text) { return {{}, demo, hall, id, Change::Kind::Edit, std::move(text)}; }
  Change remove(MessageId id) { return {{}, demo, hall, id, Change::Kind::Delete, {}}; }
};

}  // namespace chatd::test
