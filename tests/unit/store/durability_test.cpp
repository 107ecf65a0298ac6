// What outlives the process: reopening, refusing to open, and kill -9 in the middle of sending.
#include <fcntl.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(store_durability)

BOOST_AUTO_TEST_CASE_TEMPLATE(everything_is_there_after_reopening, Db, DurableDatabases) {
  Cast<Db> f;
  const Append once = f.say("one", "k");
  const Message first = must(f.send(once)).message;
  must(f.change(f.edit(first.id, "edited")));
  const auto epoch = must(f.directory().roomState(f.hall)).counter.epoch;
  f.reopen();
  const auto state = must(f.directory().roomState(f.hall));
  BOOST_TEST(state.counter.epoch == epoch);
  BOOST_TEST(raw(state.counter.lastSeq) == 1);
  BOOST_TEST(raw(state.counter.lastRev) == 1);
  BOOST_TEST(state.lastMessage.value().text == "edited");
  const Appended again = must(f.send(f.say("one", "k")));
  BOOST_TEST(again.duplicate);
  BOOST_TEST(raw(again.message.id) == raw(first.id));
  const Message next = must(f.send(f.say("two"))).message;
  BOOST_TEST(raw(next.seq) == 2);
  BOOST_TEST(raw(next.id) > raw(first.id));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(stop_commits_what_is_queued, Db, DurableDatabases) {
  Cast<Db> f;
  for (int i = 0; i < 2'000; ++i) BOOST_REQUIRE(f.log().append(f.say("x")) == Offer::Taken);
  f.store->stop();
  BOOST_TEST(f.outcomes.appends(2'000).size() == 2'000u);
  BOOST_CHECK(f.log().append(f.say("late")) == Offer::Closing);
  f.reopen();
  BOOST_TEST(raw(must(f.directory().roomState(f.hall)).counter.lastSeq) == 2'000);
}

BOOST_AUTO_TEST_CASE(a_second_opener_is_refused_and_told_why) {
  Fixture<SqliteFile> f;
  Store second(f.database.options, f.clock);
  const auto opened = second.open();
  BOOST_TEST(codeOf(opened) == "conflict");
  BOOST_TEST(opened.error().detail().find("Another chatd") != std::string::npos);
  f.store->stop();
  Store third(f.database.options, f.clock);
  BOOST_TEST(codeOf(third.open()) == "ok");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_newer_schema_is_refused_and_left_alone, Db, DurableDatabases) {
  Fixture<Db> f;
  f.app();
  f.store->stop();
  {
    auto dialect = f.database.dialect(f.clock);
    auto connection = dialect->connectWriter();
    connection->execute("INSERT INTO schema_version (version) VALUES (999)");
  }
  Store newer(f.database.options, f.clock);
  const auto opened = newer.open();
  BOOST_TEST(codeOf(opened) == "conflict");
  BOOST_TEST(opened.error().detail().find("newer chatd") != std::string::npos);
  {
    auto dialect = f.database.dialect(f.clock);
    auto connection = dialect->connectWriter();
    connection->execute("DELETE FROM schema_version WHERE version = 999");
  }
  f.reopen();
  BOOST_TEST(codeOf(f.directory().appByName("demo")) == "ok");
}

BOOST_AUTO_TEST_CASE(a_url_of_no_known_database_is_refused) {
  const SystemClock clock;
  for (const char* url : {"", "sqlite:", "mysql://x", "chatd.db"}) {
    StoreOptions options;
    options.url = url;
    Store store(options, clock);
    BOOST_TEST(codeOf(store.open()) == "invalid", url);
  }
}

BOOST_AUTO_TEST_CASE(a_file_that_is_no_database_is_refused) {
  SqliteFile database;
  const SystemClock clock;
  const int fd = ::open((database.folder.path() / "chatd.db").c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
  const std::string junk(8'192, 'j');
  BOOST_REQUIRE(::write(fd, junk.data(), junk.size()) == static_cast<ssize_t>(junk.size()));
  ::close(fd);
  Store store(database.options, clock);
  BOOST_TEST(codeOf(store.open()) == "store_unavailable");
}

namespace {

// Sends for ever, one message after the other's outcome, a few at a time, and writes each acknowledged seq to the pipe.
class Telling final : public LogSink {
 public:
  explicit Telling(int pipe) : pipe_(pipe) {}
  void committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome>) override {
    for (const auto& a : appends) {
      const std::int64_t seq = raw(a.result.value().message.seq);
      if (::write(pipe_, &seq, sizeof seq) != static_cast<ssize_t>(sizeof seq)) ::_exit(3);
    }
  }
  void late(std::vector<AppendOutcome>, std::vector<ChangeOutcome>) override { ::_exit(4); }  // nothing is unknown here

 private:
  int pipe_;
};

[[noreturn]] void sendForEver(const StoreOptions& options, AppId app, RoomId room, UserId user, int pipe) {
  const SystemClock clock;
  Telling sink(pipe);
  Store store(options, clock);
  if (!store.open().ok()) ::_exit(2);
  store.log().setSink(&sink);
  for (;;) {
    Append a;
    a.app = app;
    a.room = room;
    a.sender = user;
    a.sendId = randomSendId();
    a.checkedUnder = AccessRev{kMaxInteger};
    a.text = std::string(200, 'x');
    if (store.log().append(std::move(a)) != Offer::Taken) std::this_thread::yield();
  }
}

}  // namespace

BOOST_AUTO_TEST_CASE(kill_9_in_the_middle_of_sending_loses_nothing_that_was_acknowledged) {
  constexpr int kKills = 10;
  SqliteFile database;
  database.options.queueItemsPerApp = 100;
  const SystemClock clock;
  AppId app{};
  RoomId room{};
  UserId user{};
  {
    Store store(database.options, clock);
    must(store.open());
    app = must(store.directory().createApp({"demo", {}, {}})).id;
    user = must(store.directory().upsertUser(app, "ann", false, {}, false)).user.id;
    room = must(store.directory().createRoom({app, "hall", RoomType::Group, {}, {}, {user}})).room.id;
  }
  std::int64_t acknowledged = 0;
  for (int i = 0; i < kKills; ++i) {
    int ends[2];
    BOOST_REQUIRE(::pipe2(ends, O_CLOEXEC) == 0);
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) sendForEver(database.options, app, room, user, ends[1]);
    ::close(ends[1]);
    std::int64_t seq = 0;
    for (int n = 0; n < 200 + 37 * i; ++n) {
      BOOST_REQUIRE(::read(ends[0], &seq, sizeof seq) == static_cast<ssize_t>(sizeof seq));
      BOOST_REQUIRE_GT(seq, acknowledged);
      acknowledged = seq;
    }
    ::kill(child, SIGKILL);
    while (::read(ends[0], &seq, sizeof seq) == static_cast<ssize_t>(sizeof seq)) acknowledged = seq;
    ::close(ends[0]);
    int status = 0;
    BOOST_REQUIRE(::waitpid(child, &status, 0) == child);
    BOOST_REQUIRE(WIFSIGNALED(status));

    Store store(database.options, clock);
    must(store.open());
    const auto last = raw(must(store.directory().roomState(room)).counter.lastSeq);
    BOOST_TEST(last >= acknowledged);
    const auto all = must(store.log().range(room, Seq{0}, Seq{last}, 1'000'000));
    BOOST_REQUIRE_EQUAL(static_cast<std::int64_t>(all.size()), last);
    for (std::size_t k = 0; k < all.size(); ++k) BOOST_REQUIRE_EQUAL(raw(all[k].seq), static_cast<std::int64_t>(k) + 1);
    acknowledged = last;
  }
  BOOST_TEST_MESSAGE("acknowledged and found after " << kKills << " kills: " << acknowledged);
}

BOOST_AUTO_TEST_SUITE_END()
