// Backups and copies of the store: whole, checked, refused when damaged, and another history when restored.
#include "store/backup/backup_file.h"

#include <fstream>

#include "base/text.h"
#include "store/backup/rows_file.h"
#include "store/copy/database_copy.h"
#include "store/migrations.h"
#include "store/sqlite/sqlite_file.h"
#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;
using namespace std::chrono_literals;
using store::Dialect;

namespace {

bool on(int) { return true; }

/// A store with a row in every table, some of them awkward.
template <class Db>
struct Full : Cast<Db> {
  Full() {
    for (int i = 0; i < 1200; ++i) {
      Append a = this->say("m" + std::to_string(i), "c" + std::to_string(i));
      if (i % 7 == 0) a.metadata = R"({"a":"\u0001 \" \\ é"})";
      BOOST_REQUIRE(this->log().append(std::move(a)) == Offer::Taken);
    }
    std::vector<Message> said;
    for (auto& o : this->outcomes.appends(1200)) said.push_back(must(std::move(o.result)).message);
    must(this->send(this->say("line\nbreak \t \xF0\x9F\x98\x80 \"quoted\" \\ / \x01\x7f", "odd \"key\"")));
    must(this->change(this->edit(said[3].id, "edited")));
    must(this->change(this->remove(said[4].id)));
    must(this->credentials().addKey(this->demo, "abc", "hint"));
    must(this->credentials().addToken(this->demo, this->ann, "def", std::nullopt));
    const auto account = must(this->credentials().createAccount("root", "hash", AccountRole::Owner, {this->demo}));
    must(this->credentials().addAccountToken(account.id, "ghi", this->clock.wall() + 1h));
    must(this->credentials().beginIdempotent("scope", "hash", this->clock.wall()));
    RoomPatch kept;
    kept.retention = Patch<Retention>(Retention{std::nullopt, 1'000'000});
    must(this->directory().updateRoom(this->hall, kept));
  }
  std::filesystem::path made(const std::string& name) {
    must(this->store->backups().create(name));
    return finished(name, BackupStatus::State::Verified);
  }
  std::filesystem::path finished(const std::string& name, BackupStatus::State state) {
    auto status = must(this->store->backups().status(name));
    BOOST_REQUIRE(eventually([&] {
      status = must(this->store->backups().status(name));
      return status.percent == 100 && status.state != BackupStatus::State::Creating &&
             status.state != BackupStatus::State::Verifying;
    }));
    BOOST_REQUIRE_MESSAGE(status.state == state, status.error.value_or("no error"));
    return this->database.folder.path() / "backups" / name;
  }
};

/// Another data directory, with a store in it once something was restored.
struct Elsewhere {
  SqliteFile database;
  SystemClock clock;
  std::unique_ptr<Dialect> dialect = database.dialect(clock);
  std::string key;

  Result<store::Manifest> restore(const std::filesystem::path& backup, const store::Percent& percent = on) {
    must(dialect->claim());
    const store::RestoreOrder order{backup, *dialect, database.folder.path() / "chatd.db", [this](const std::string& k) {
                                      key = k;
                                      return Result<void>();
                                    }};
    auto outcome = store::restoreBackup(order, percent);
    dialect->release();
    return outcome;
  }
  std::unique_ptr<Store> open() {
    auto opened = std::make_unique<Store>(database.options, clock);
    must(opened->open());
    return opened;
  }
};

/// Overwrites some bytes in the middle of a file.
void damage(const std::filesystem::path& file, std::int64_t at, const std::string& bytes) {
  std::fstream out(file, std::ios::in | std::ios::out | std::ios::binary);
  out.seekp(at);
  out << bytes;
  BOOST_REQUIRE(out.good());
}

store::Sums sumsOf(const std::filesystem::path& file) {
  auto connection = store::openSqliteFile(file, true);
  return store::sumsOf(*connection, store::SqliteCopySql(), [](std::int64_t) { return true; });
}

}  // namespace

BOOST_AUTO_TEST_SUITE(backup)

BOOST_AUTO_TEST_CASE(a_backup_is_verified_and_restored_as_another_history) {
  Full<SqliteFile> f;
  const RoomState before = must(f.directory().roomState(f.hall));
  const auto file = f.made("one.backup");
  BOOST_TEST(static_cast<unsigned>(std::filesystem::status(file).permissions()) == 0600u);
  const auto manifest = must(store::verifyBackup(file, on));
  BOOST_TEST(manifest.sums.at("message").rows == 1201);
  BOOST_TEST(manifest.serverKey == "the key");
  BOOST_TEST(manifest.version == "9.9");

  Elsewhere other;
  must(other.restore(file));
  BOOST_TEST(other.key == "the key");
  const auto restored = other.open();
  const RoomState after = must(restored->directory().roomState(f.hall));
  BOOST_TEST(raw(after.counter.lastSeq) == raw(before.counter.lastSeq));
  BOOST_TEST(after.counter.epoch != before.counter.epoch);
  BOOST_TEST(after.lastMessage.value().text == before.lastMessage.value().text);
  BOOST_TEST(must(restored->log().range(f.hall, Seq{0}, Seq{5000}, 5000)).size() == 1201u);
  BOOST_TEST(must(restored->credentials().tokens("def")).size() == 1u);
  BOOST_TEST(!std::filesystem::exists(other.database.folder.path() / "chatd.db.restore"));
}

BOOST_AUTO_TEST_CASE(a_claim_makes_no_database_and_half_of_a_restore_is_not_served) {
  Full<SqliteFile> f;
  const auto file = f.made("one.backup");
  Elsewhere other;
  const auto database = other.database.folder.path() / "chatd.db";
  const auto part = store::restorePartOf(database);
  must(other.dialect->claim());
  other.dialect->release();
  BOOST_TEST(!std::filesystem::exists(database));
  std::ofstream(part) << "half";
  BOOST_TEST(codeOf(Store(other.database.options, other.clock).open()) == "conflict");
  BOOST_TEST(!std::filesystem::exists(database));
  must(other.restore(file));
  BOOST_TEST(!std::filesystem::exists(part));
  // Killed between the last two steps it is whole.
  std::filesystem::create_hard_link(database, part);
  must(Store(other.database.options, other.clock).open());
  BOOST_TEST(!std::filesystem::exists(part));
}

BOOST_AUTO_TEST_CASE(a_restore_refuses_a_directory_that_has_a_database_and_one_in_use) {
  Full<SqliteFile> f;
  const auto file = f.made("one.backup");
  Elsewhere other;
  must(other.restore(file));
  BOOST_TEST(codeOf(other.restore(file)) == "conflict");
  const auto running = other.open();
  BOOST_TEST(codeOf(other.dialect->claim()) == "conflict");
}

BOOST_AUTO_TEST_CASE(damage_anywhere_is_found) {
  Full<SqliteFile> f;
  const auto file = f.made("one.backup");
  const auto size = static_cast<std::int64_t>(std::filesystem::file_size(file));
  const auto copy = f.database.folder.path() / "damaged";
  const auto damaged = [&](std::int64_t at, const std::string& bytes) {
    std::filesystem::copy_file(file, copy, std::filesystem::copy_options::overwrite_existing);
    damage(copy, at, bytes);
    return store::verifyBackup(copy, on);
  };
  // A text that SQLite itself finds nothing wrong with.
  std::ifstream in(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const auto text = damaged(static_cast<std::int64_t>(bytes.find("line\nbreak")), "LINE");
  BOOST_TEST(codeOf(text) == "invalid");
  BOOST_TEST(text.error().detail().find("message (content differs)") != std::string::npos);
  BOOST_TEST(codeOf(damaged(size / 2 / 4096 * 4096, std::string(4096, '\x5a'))) == "invalid");
  BOOST_TEST(codeOf(damaged(0, "not a database at all")) == "unsupported_media_type");
  BOOST_TEST(damaged(0, "SQLite").ok());
  for (const std::size_t more : {1U, 4096U, 100'000U}) {
    const auto appended = damaged(size, std::string(more, '\0'));
    BOOST_TEST(codeOf(appended) == "invalid", more);
    BOOST_TEST(appended.error().detail().find("of which") != std::string::npos, appended.error().detail());
  }
  std::filesystem::resize_file(copy, static_cast<std::uintmax_t>(size / 2));
  BOOST_TEST(codeOf(store::verifyBackup(copy, on)) == "invalid");
  BOOST_TEST(codeOf(store::verifyBackup(f.database.folder.path() / "nowhere", on)) == "not_found");
  BOOST_TEST(codeOf(store::verifyBackup(f.database.folder.path() / "chatd.db", on)) == "unsupported_media_type");
  Elsewhere other;
  damage(file, static_cast<std::int64_t>(bytes.find("line\nbreak")), "LINE");
  BOOST_TEST(codeOf(other.restore(file)) == "invalid");
  BOOST_TEST(!std::filesystem::exists(other.database.folder.path() / "chatd.db.restore"));
}

BOOST_AUTO_TEST_CASE(a_backup_is_one_moment_although_others_write_on) {
  Full<SqliteFile> f;
  std::atomic<bool> stop{false};
  std::thread writer([&] {
    while (!stop) {
      (void)f.log().append(f.say("meanwhile"));
      std::this_thread::yield();
    }
  });
  const auto file = f.made("busy.backup");
  stop = true;
  writer.join();
  must(store::verifyBackup(file, on));
  auto copy = store::openSqliteFile(file, true);
  static constexpr store::Sql<store::In<>, store::Out<store::Int>> kGaps{
      "SELECT (SELECT last_seq FROM room_counter WHERE room_id = 1) - COUNT(*) FROM message WHERE room_id = 1"};
  BOOST_TEST(copy->run(kGaps).at<0>(0) == 0);
}

BOOST_AUTO_TEST_CASE(names_are_plain_and_jobs_come_one_at_a_time) {
  Full<SqliteFile> f;
  Backups& backups = f.store->backups();
  for (const char* bad : {"../up", "a/b", ".hidden", "", "a b"}) {
    BOOST_TEST(codeOf(backups.create(std::string(bad))) == "invalid", bad);
    BOOST_TEST(codeOf(backups.verify(bad)) == "not_found", bad);
    BOOST_TEST(codeOf(backups.remove(bad)) == "not_found", bad);
  }
  f.made("one");
  BOOST_TEST(codeOf(backups.create(std::string("one"))) == "already_exists");
  const auto named = must(backups.create(std::nullopt));
  BOOST_TEST(named.name.starts_with("chatd-"));
  f.finished(named.name, BackupStatus::State::Verified);
  BOOST_TEST(must(backups.list()).size() == 2u);
  must(backups.verify("one"));
  const auto file = f.finished("one", BackupStatus::State::Verified);
  std::filesystem::resize_file(file, 100);
  must(backups.verify("one"));
  f.finished("one", BackupStatus::State::Failed);
  must(backups.remove("one"));
  BOOST_TEST(!std::filesystem::exists(file));
  BOOST_TEST(codeOf(backups.status("one")) == "not_found");
}

BOOST_AUTO_TEST_CASE(a_database_in_memory_has_no_backups) {
  Cast<SqliteMemory> f;
  BOOST_TEST(codeOf(f.store->backups().create(std::nullopt)) == "conflict");
}

BOOST_AUTO_TEST_CASE(rows_in_a_file_are_the_same_store) {
  Full<SqliteFile> f;
  f.store->stop();
  const auto dialect = f.database.dialect(f.clock);
  const auto rows = f.database.folder.path() / "rows.backup";
  {
    const auto reader = dialect->connectReader();
    store::Manifest manifest;
    manifest.createdAt = f.clock.wall();
    manifest.serverKey = "k";
    store::writeRows(*reader, dialect->copySql(), rows, manifest, [](std::int64_t) { return true; });
  }
  BOOST_TEST(must(store::verifyBackup(rows, on)).sums.at("message").rows == 1201);
  Elsewhere other;
  must(other.restore(rows));
  store::Sums expected = sumsOf(f.database.folder.path() / "chatd.db");
  store::Sums found = sumsOf(other.database.folder.path() / "chatd.db");
  expected.erase("room_counter");  // the epochs are others
  found.erase("room_counter");
  BOOST_TEST(store::differences(expected, found) == "");
  const auto restored = other.open();
  BOOST_TEST(must(restored->directory().roomState(f.hall)).counter.epoch != "");
  // Ids go on above what the source ever gave.
  BOOST_TEST(raw(must(restored->directory().createApp({"next", {}, {}})).id) > raw(f.demo));
  restored->stop();

  std::ifstream in(rows, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  for (const std::size_t at : {bytes.find("m77"), bytes.find("edited"), bytes.rfind("\"hash\":\"") + 9, bytes.find("[1,")}) {
    std::ofstream(rows, std::ios::binary) << bytes;
    damage(rows, static_cast<std::int64_t>(at), "#");
    BOOST_TEST(codeOf(store::verifyBackup(rows, on)) == "invalid");
  }
  std::ofstream(rows, std::ios::binary) << bytes << "\n";
  BOOST_TEST(store::verifyBackup(rows, on).error().detail().find("something follows its end") != std::string::npos);
  std::ofstream(rows, std::ios::binary) << bytes.substr(0, bytes.size() / 2);
  BOOST_TEST(codeOf(store::verifyBackup(rows, on)) == "invalid");
}

BOOST_AUTO_TEST_CASE(a_copy_that_was_stopped_anywhere_goes_on_and_ends_equal) {
  Full<SqliteFile> f;
  f.store->stop();
  const auto from = f.database.dialect(f.clock);
  const auto source = from->connectReader();
  Elsewhere other;
  must(other.dialect->claim());
  auto target = other.dialect->connectWriter();
  must(store::migrate(*target, *other.dialect));
  store::DatabaseSource rows(*source, from->copySql());
  store::CopyOrder order;
  order.source = "here";
  int stops = 0;
  for (bool done = false; !done;) {
    // One page further each time: it is stopped at every place there is.
    int pages = 0;
    order.progress = [&](const store::CopyProgress& p) {
      return p.phase == store::CopyProgress::Phase::Comparing || ++pages < 2;
    };
    try {
      must(store::copyStore(rows, *target, *other.dialect, order));
      done = true;
    } catch (const store::Cancelled&) {
      ++stops;
      BOOST_TEST(store::unfinishedCopy(*target).value_or("") == "here");
    }
    target.reset();
    target = other.dialect->connectWriter();
  }
  BOOST_TEST(stops > 5);
  BOOST_TEST(!store::unfinishedCopy(*target).has_value());
  target.reset();
  BOOST_TEST(store::differences(sumsOf(f.database.folder.path() / "chatd.db"),
                                sumsOf(other.database.folder.path() / "chatd.db")) == "");
}

// Before the server has looked at the tables by itself, the planner would read whole rooms for a message of one.
BOOST_AUTO_TEST_CASE(a_copy_into_postgresql_leaves_statistics) {
  Full<SqliteFile> f;
  f.store->stop();
  const auto from = f.database.dialect(f.clock);
  const auto source = from->connectReader();
  Postgresql other;
  const auto dialect = other.dialect(f.clock);
  auto target = dialect->connectWriter();
  must(store::migrate(*target, *dialect));
  store::DatabaseSource rows(*source, from->copySql());
  store::CopyOrder order;
  order.source = "here";
  order.progress = [](const store::CopyProgress&) { return true; };
  must(store::copyStore(rows, *target, *dialect, order));
  PostgresSession session(other.options.url);
  BOOST_TEST(session.run("SELECT count(*) > 0 FROM pg_stats WHERE tablename ~ '^message_[0-9]+$' AND attname = 'id'") ==
             "t");
}

BOOST_AUTO_TEST_CASE(a_copy_refuses_a_target_that_is_not_its_own_and_tells_a_difference) {
  Full<SqliteFile> f;
  f.store->stop();
  const auto from = f.database.dialect(f.clock);
  const auto source = from->connectReader();
  Elsewhere other;
  must(other.dialect->claim());
  auto target = other.dialect->connectWriter();
  must(store::migrate(*target, *other.dialect));
  store::DatabaseSource rows(*source, from->copySql());
  store::CopyOrder order;
  order.source = "here";
  // Somebody writes the target while it is compared.
  static constexpr store::Sql<store::In<>> kForge{"UPDATE message SET text = 'forged' WHERE seq = 7"};
  order.progress = [&](const store::CopyProgress& p) {
    if (p.phase == store::CopyProgress::Phase::Comparing && p.rows < 600) target->run(kForge);
    return true;
  };
  const auto different = store::copyStore(rows, *target, *other.dialect, order);
  BOOST_TEST(codeOf(different) == "invalid");
  BOOST_TEST(different.error().detail().find("message (content differs)") != std::string::npos);
  // It stays half done: no daemon opens it, and no other copy goes on with it.
  other.dialect->release();
  Store daemon(other.database.options, other.clock);
  const auto refused = daemon.open();
  BOOST_TEST(codeOf(refused) == "conflict");
  BOOST_TEST(refused.error().detail().find("half of a copy") != std::string::npos);
  order.source = "elsewhere";
  BOOST_TEST(codeOf(store::copyStore(rows, *target, *other.dialect, order)) == "conflict");
}

BOOST_AUTO_TEST_CASE(a_target_with_data_is_refused) {
  Full<SqliteFile> f;
  f.store->stop();
  const auto from = f.database.dialect(f.clock);
  const auto source = from->connectReader();
  Fixture<SqliteFile> used;
  used.app();
  used.store->stop();
  const auto dialect = used.database.dialect(used.clock);
  const auto target = dialect->connectWriter();
  store::DatabaseSource rows(*source, from->copySql());
  store::CopyOrder order;
  order.source = "here";
  order.progress = [](const store::CopyProgress&) { return true; };
  const auto refused = store::copyStore(rows, *target, *dialect, order);
  BOOST_TEST(codeOf(refused) == "conflict");
  BOOST_TEST(refused.error().detail().find("rows in app") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
