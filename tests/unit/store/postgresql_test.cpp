// What only PostgreSQL can show: several writers on one database, a server that goes away or stops answering, and the URL.
#include <signal.h>

#include <map>
#include <set>
#include <thread>

#include "store/postgresql/pg_url.h"
#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

struct Hasty : Postgresql {
  Hasty() { options.timeout = milliseconds(1000); }
};

/// A second daemon on the same database.
struct Second {
  Outcomes outcomes;
  Store store;
  template <class F>
  explicit Second(F& first) : store(first.database.options, first.clock) {
    must(store.open());
    store.log().setSink(&outcomes);
  }
};

// Every seq from 1 on, once.
template <class F>
void requireWhole(F& f, RoomId room, std::size_t count) {
  const auto all = must(f.log().range(room, Seq{0}, Seq{kMaxInteger - 1}, 1'000'000));
  BOOST_REQUIRE_EQUAL(all.size(), count);
  for (std::size_t i = 0; i < all.size(); ++i) {
    BOOST_REQUIRE_EQUAL(raw(all[i].seq), static_cast<std::int64_t>(i) + 1);
    if (i > 0) BOOST_REQUIRE_LT(raw(all[i - 1].id), raw(all[i].id));
  }
}

// The server's process behind the connection that writes this room.
template <class F>
pid_t writerOf(F& f, RoomId room) {
  const std::string number = std::to_string(raw(room) % 2);
  return static_cast<pid_t>(std::stol(
      f.database.server.run(f.database.name,
                            "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND application_name LIKE "
                            "'chatd/%/" +
                                number + "'")));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(postgresql_url)

BOOST_AUTO_TEST_CASE(a_url_has_hosts_parameters_and_a_password_apart) {
  const auto url = must(store::parsePgUrl("postgresql://ann:p%40ss%20%3A%2F%27%5C%25@one:5433,two/chat?sslmode=require"));
  BOOST_TEST(url.password.reveal() == "p@ss :/'\\%");
  BOOST_TEST(url.shown == "postgresql://ann@one:5433,two/chat");
  const std::map<std::string, std::string> settings(url.settings.begin(), url.settings.end());
  BOOST_TEST(settings.at("host") == "one,two");
  BOOST_TEST(settings.at("sslmode") == "require");
  BOOST_TEST(!settings.contains("password"));
}

BOOST_AUTO_TEST_CASE(a_url_that_is_wrong_is_refused_without_quoting_it) {
  for (const char* url : {"postgresql://ann:hidden%zz@host/db", "postgresql://ann:hidden@host:port:9/db?x",
                          "postgresql://ann:hidden@host/db?nonsense=1", "postgresql://ann:hid%0Aden@host/db",
                          "postgresql://an%20n:hidden@host/db"}) {
    const auto parsed = store::parsePgUrl(url);
    BOOST_TEST(codeOf(parsed) == "invalid", url);
    BOOST_TEST(parsed.error().detail().find("hid") == std::string::npos, url);
  }
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(postgresql_store)

BOOST_AUTO_TEST_CASE(any_character_may_be_in_the_password_and_none_is_told) {
  Fixture<Postgresql> f;
  const std::string password = "a b'c\"d\\e:f/g@h?i#j%k=l&m,n;o$p{q}r[s]";
  f.database.server.run("postgres", "CREATE ROLE guarded LOGIN SUPERUSER");
  PostgresSession(f.database.options.url).run("ALTER ROLE guarded PASSWORD $x$" + password + "$x$");
  std::string encoded;
  const char* digits = "0123456789ABCDEF";
  for (const char c : password) {
    encoded += {'%', digits[static_cast<unsigned char>(c) >> 4], digits[static_cast<unsigned char>(c) & 15]};
  }
  StoreOptions options = f.database.options;
  options.url = f.database.server.url(f.database.name, "guarded:" + encoded);
  {
    Store store(options, f.clock);
    must(store.open());
    must(store.directory().createApp({"guarded", {}, {}}));
  }
  options.url = f.database.server.url(f.database.name, "guarded:not%20it");
  Store wrong(options, f.clock);
  const auto refused = wrong.open();
  BOOST_TEST(codeOf(refused) == "store_unavailable");
  BOOST_TEST(refused.error().detail().find("guarded@") != std::string::npos);
  BOOST_TEST(refused.error().detail().find("not it") == std::string::npos);
  f.database.server.run("postgres", "DROP ROLE guarded");
}

BOOST_AUTO_TEST_CASE(the_first_host_that_takes_writes_is_used) {
  Fixture<Postgresql> f;
  StoreOptions options = f.database.options;
  options.url = "postgresql://postgres@/" + f.database.name + "?host=/nowhere," + f.database.server.folder().string() +
                "&target_session_attrs=read-write";
  Store store(options, f.clock);
  must(store.open());
  must(store.directory().createApp({"second-host", {}, {}}));
}

// Nobody writes, so nobody would notice for a while.
BOOST_AUTO_TEST_CASE(a_read_that_fails_makes_the_store_look_after_itself) {
  PostgresServer server;
  StoreOptions options;
  options.timeout = milliseconds(500);
  options.url = server.url(server.createDatabase());
  const SystemClock clock;
  Store store(options, clock);
  must(store.open());
  must(store.directory().createApp({"a", {}, {}}));
  {
    PostgresSession session(options.url);
    BOOST_REQUIRE(eventually([&] {
      return session.run(
                 "SELECT bool_and(state = 'idle' AND clock_timestamp() - state_change > '1 s') FROM pg_stat_activity "
                 "WHERE application_name LIKE 'chatd/%'") == "t";
    }));
  }
  server.signalAll(SIGSTOP);
  const auto begin = steady_clock::now();
  BOOST_TEST(codeOf(store.directory().appByName("a")) == "store_unavailable");
  BOOST_TEST(eventually([&] { return !store.healthy(); }));
  BOOST_TEST((steady_clock::now() - begin < std::chrono::seconds(10)));
  server.signalAll(SIGCONT);
  BOOST_TEST(eventually([&] { return store.healthy(); }));
}

BOOST_AUTO_TEST_CASE(a_server_that_is_away_at_the_start_is_waited_for) {
  PostgresServer server;
  const std::string name = server.createDatabase();
  StoreOptions options;
  options.timeout = milliseconds(500);
  options.url = server.url(name);
  std::atomic<int> faults{0};
  std::atomic<int> recoveries{0};
  options.onFault = [&](const std::string&) { ++faults; };
  options.onRecovery = [&](const std::string&) { ++recoveries; };
  server.signalAll(SIGSTOP);  // its connections stay open and nothing answers
  const SystemClock clock;
  Store store(options, clock);
  must(store.open());
  BOOST_TEST(!store.healthy());
  BOOST_TEST(!store.fault().empty());
  BOOST_TEST(faults > 0);
  BOOST_TEST(codeOf(store.directory().createApp({"early", {}, {}})) == "store_unavailable");
  BOOST_TEST(codeOf(store.directory().apps({}, std::nullopt)) == "store_unavailable");
  server.signalAll(SIGCONT);
  BOOST_REQUIRE(eventually([&] { return store.healthy(); }));
  BOOST_TEST(recoveries > 0);
  must(store.directory().createApp({"late", {}, {}}));
}

BOOST_AUTO_TEST_CASE(a_database_that_the_server_does_not_know_is_refused_at_once) {
  Fixture<Postgresql> f;
  StoreOptions options = f.database.options;
  options.url = f.database.server.url("nowhere");
  Store store(options, f.clock);
  const auto refused = store.open();
  BOOST_TEST(codeOf(refused) == "store_unavailable");
  BOOST_TEST(refused.error().detail().find("3D000") != std::string::npos, refused.error().detail());
}

BOOST_AUTO_TEST_CASE(several_daemons_may_open_an_empty_database_at_once) {
  Postgresql database;
  const SystemClock clock;
  std::vector<std::unique_ptr<Store>> stores;
  for (int i = 0; i < 4; ++i) stores.push_back(std::make_unique<Store>(database.options, clock));
  std::vector<std::thread> threads;
  std::atomic<int> opened{0};
  for (auto& store : stores) threads.emplace_back([&] { opened += store->open().ok() ? 1 : 0; });
  for (auto& thread : threads) thread.join();
  BOOST_TEST(opened == 4);
}

// A plain batch does not look for repeats: the index finds one, and then the batch goes the careful way.
BOOST_AUTO_TEST_CASE(a_repeat_among_new_messages_is_found_and_they_are_stored) {
  Cast<Postgresql> f;
  const RoomId room = f.group(f.demo, "mixed", {f.ann, f.bob});
  const auto say = [&](int first, int count) {
    for (int i = first; i < first + count; ++i) {
      Append a = f.draft(f.demo, room, f.ann, std::to_string(i));
      a.clientMsgId = "said-" + std::to_string(i);
      BOOST_REQUIRE(f.log().append(std::move(a)) == Offer::Taken);
    }
  };
  say(0, 40);
  const auto before = f.outcomes.appends(40);
  say(20, 40);
  const auto after = f.outcomes.appends(40);
  for (std::size_t i = 0; i < 20; ++i) {
    BOOST_REQUIRE(after[i].result.ok());
    BOOST_TEST(after[i].result->duplicate);
    BOOST_TEST(raw(after[i].result->message.id) == raw(before[i + 20].result->message.id));
    BOOST_TEST(!after[i + 20].result->duplicate);
  }
  requireWhole(f, room, 60);
}

// The plan of a function is made once, on the tables as they were then: small, and without statistics.
BOOST_AUTO_TEST_CASE(an_append_reads_its_own_room_alone_of_the_rooms_of_an_app) {
  Cast<Postgresql> f;
  PostgresSession session(f.database.options.url);
  const std::string room = std::to_string(raw(f.hall));
  const std::string app = std::to_string(raw(f.demo));
  const std::string writer = "'00000000-0000-0000-0000-000000000001'";
  const auto append = [&] {
    return session.run("SELECT o_before[1] FROM chatd_append(" + writer + ", 1, 1, ARRAY[" + room + "]::bigint[], ARRAY[" +
                       app +
                       "]::bigint[], ARRAY[1000000]::bigint[], ARRAY[1]::bigint[], ARRAY[1], ARRAY[1]::bigint[], ARRAY[" +
                       room + "]::bigint[], ARRAY[" + std::to_string(raw(f.ann)) +
                       "]::bigint[], ARRAY[gen_random_uuid()], ARRAY['hello'], ARRAY[1]::bigint[], ARRAY[NULL]::text[], "
                       "ARRAY[NULL]::bigint[], ARRAY[NULL]::text[])");
  };
  session.run("SELECT o_generation FROM chatd_open_writer(" + writer + ", 1)");
  session.run("BEGIN");
  BOOST_TEST(append() == "0");
  session.run("INSERT INTO room (app_id, name, type, created_at, updated_at) SELECT " + app +
              ", 'more-' || i, 1, 1, 1 FROM generate_series(1, 2000) i");
  BOOST_TEST(append() == "1");
  const std::string read =
      session.run("SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_xact_user_tables WHERE relname = 'room'");
  BOOST_TEST(std::stoll(read) < 10);
  session.run("ROLLBACK");
}

// What was tried before is looked for against a deadline: in a long room that must not mean all of it.
BOOST_AUTO_TEST_CASE(an_unknown_outcome_is_looked_for_in_what_is_new_of_a_room) {
  Cast<Postgresql> f;
  PostgresSession session(f.database.options.url);
  const std::string room = std::to_string(raw(f.hall));
  const std::string user = std::to_string(raw(f.ann));
  session.run(
      "INSERT INTO message (id, room_id, seq, sender_id, text, created_at, updated_at, rev, send_id) "
      "SELECT nextval('message_id'), " +
      room + ", i, " + user + ", 'x', 1, 1, 0, gen_random_uuid() FROM generate_series(1, 20000) i");
  session.run("UPDATE room_counter SET last_seq = 20000 WHERE room_id = " + room);
  const std::string writer = "'00000000-0000-0000-0000-000000000001'";
  session.run("SELECT o_generation FROM chatd_open_writer(" + writer + ", 1)");
  session.run("BEGIN");
  const std::string outcome = session.run(
      "SELECT o_outcome FROM chatd_write(" + writer + ", 1, 1, 0, ARRAY[" + room + "]::bigint[], ARRAY[1], ARRAY[" + room +
      "]::bigint[], ARRAY[" + std::to_string(raw(f.demo)) + "]::bigint[], ARRAY[" + user +
      "]::bigint[], ARRAY[gen_random_uuid()], ARRAY[1000000]::bigint[], ARRAY['again'], ARRAY[1]::bigint[], "
      "ARRAY[NULL]::text[], ARRAY[NULL]::bigint[], ARRAY[NULL]::text[], ARRAY[NULL]::integer[], "
      "ARRAY[currval('message_id') - 10]::bigint[], '{}', '{}', '{}', '{}', '{}')");
  BOOST_TEST(outcome == "0");
  const std::string read =
      session.run("SELECT coalesce(sum(idx_tup_fetch), 0) FROM pg_stat_xact_user_tables WHERE relname ~ '^message_[0-9]+$'");
  BOOST_TEST(std::stoll(read) < 100);
  session.run("ROLLBACK");
}

BOOST_AUTO_TEST_CASE(two_daemons_that_make_the_same_at_once_both_get_it) {
  constexpr int kEach = 200;
  Cast<Postgresql> f;
  Second second(f);
  std::vector<UserId> users;
  for (int i = 0; i < kEach; ++i) users.push_back(f.user(f.demo, "u" + std::to_string(i)));
  using Codes = std::vector<std::string>;
  const auto make = [&](Store& store, const std::string& who, Codes& codes) {
    for (const UserId user : users) {
      codes.push_back(codeOf(
          store.directory().createRoom({f.demo, who + std::to_string(raw(user)), RoomType::Direct, {}, {}, {f.ann, user}})));
      codes.push_back(codeOf(store.credentials().beginIdempotent(std::string(32, 's') + std::to_string(raw(user)),
                                                                 std::string(32, 'b'), f.clock.wall())));
    }
  };
  Codes mine;
  Codes theirs;
  std::thread other([&] { make(second.store, "theirs", theirs); });
  make(*f.store, "mine", mine);
  other.join();
  for (const Codes* codes : {&mine, &theirs}) BOOST_TEST(std::count(codes->begin(), codes->end(), "ok") == 2 * kEach);
  BOOST_TEST(must(f.directory().rooms(f.demo, f.ann, {500, {}})).items.size() >= kEach);
}

BOOST_AUTO_TEST_CASE(two_daemons_in_the_same_rooms_leave_no_gap_and_double_nothing) {
  constexpr int kRooms = 5;
  constexpr int kEach = 1'000;
  Cast<Postgresql> f;
  Second second(f);
  std::vector<RoomId> rooms;
  for (int r = 0; r < kRooms; ++r) rooms.push_back(f.group(f.demo, "r" + std::to_string(r), {f.ann, f.bob}));
  const auto write = [&](MessageLog& log, UserId user) {
    for (int i = 0; i < kEach; ++i) {
      Append a = f.draft(f.demo, rooms[static_cast<std::size_t>(i % kRooms)], user, std::to_string(i));
      a.clientMsgId = "same-" + std::to_string(i);  // of another sender: another key
      if (log.append(std::move(a)) != Offer::Taken) std::abort();
    }
  };
  std::thread other([&] { write(second.store.log(), f.bob); });
  write(f.log(), f.ann);
  other.join();
  const auto mine = f.outcomes.appends(kEach);
  const auto theirs = second.outcomes.appends(kEach);
  std::set<MessageId> ids;
  for (const auto* outcomes : {&mine, &theirs}) {
    std::map<RoomId, std::int64_t> last;
    for (const auto& o : *outcomes) {
      const Message& m = o.result.value().message;
      BOOST_REQUIRE(ids.insert(m.id).second);
      BOOST_REQUIRE_LT(last[m.room], raw(m.seq));  // outcomes of one daemon come in the order of seq
      last[m.room] = raw(m.seq);
    }
  }
  for (const RoomId room : rooms) requireWhole(f, room, 2 * kEach / kRooms);
}

BOOST_AUTO_TEST_CASE(the_same_client_msg_id_through_two_daemons_is_one_message) {
  Cast<Postgresql> f;
  Second second(f);
  for (int i = 0; i < 50; ++i) {
    const Append a = f.say("once", "k" + std::to_string(i));
    Append b = a;
    b.sendId = randomSendId();
    BOOST_REQUIRE(f.log().append(Append(a)) == Offer::Taken);
    BOOST_REQUIRE(second.store.log().append(std::move(b)) == Offer::Taken);
  }
  const auto mine = f.outcomes.appends(50);
  const auto theirs = second.outcomes.appends(50);
  for (std::size_t i = 0; i < 50; ++i) {
    BOOST_TEST(raw(mine[i].result.value().message.id) == raw(theirs[i].result.value().message.id));
    BOOST_TEST(mine[i].result.value().duplicate != theirs[i].result.value().duplicate);
  }
  requireWhole(f, f.hall, 50);
}

BOOST_AUTO_TEST_CASE(a_room_that_another_process_has_locked_waits_and_other_rooms_go_on) {
  Cast<Postgresql> f;
  const RoomId other = f.group(f.demo, "other", {f.ann});
  PostgresSession frozen(f.database.options.url);
  frozen.run("BEGIN");
  frozen.run("SELECT 1 FROM room_counter WHERE room_id = " + std::to_string(raw(f.hall)) + " FOR UPDATE");
  for (int i = 0; i < 20; ++i) BOOST_REQUIRE(f.log().append(f.say(std::to_string(i))) == Offer::Taken);
  int slow = 0;
  for (int i = 0; i < 200; ++i) {
    const auto begin = steady_clock::now();
    BOOST_TEST(codeOf(f.send(f.draft(f.demo, other, f.ann, "on"))) == "ok");
    if (steady_clock::now() - begin > milliseconds(1000)) ++slow;
  }
  BOOST_TEST(slow < 10);  // one may have met a machine that was busy with something else
  frozen.run("COMMIT");
  const auto held = f.outcomes.appends(20);
  for (std::size_t i = 0; i < held.size(); ++i) {
    BOOST_TEST(raw(held[i].result.value().message.seq) == static_cast<std::int64_t>(i) + 1);
    BOOST_TEST(held[i].result.value().message.text == std::to_string(i));
  }
}

BOOST_AUTO_TEST_CASE(a_room_that_stays_locked_answers_store_unavailable_in_time_and_stores_nothing) {
  Cast<Hasty> f;
  PostgresSession frozen(f.database.options.url);
  frozen.run("BEGIN");
  frozen.run("SELECT 1 FROM room_counter WHERE room_id = " + std::to_string(raw(f.hall)) + " FOR UPDATE");
  const auto begin = steady_clock::now();
  BOOST_TEST(codeOf(f.send(f.say("late"))) == "store_unavailable");
  BOOST_TEST((steady_clock::now() - begin < milliseconds(3000)));
  const auto job = codeOf(f.directory().removeMembers(f.hall, {f.bob}));
  BOOST_TEST((job == "store_unavailable" || job == "outcome_unknown"));
  frozen.run("ROLLBACK");
  BOOST_TEST(raw(must(f.send(f.say("next"))).message.seq) == 1);
}

BOOST_AUTO_TEST_CASE(a_room_that_others_keep_busy_gets_its_turn) {
  Cast<Postgresql> f;
  std::atomic<bool> stop{false};
  // Locks again as soon as it has let go.
  std::thread busy([&] {
    PostgresSession session(f.database.options.url);
    while (!stop) {
      session.run("BEGIN");
      session.run("SELECT pg_sleep(0.005) FROM room_counter WHERE room_id = " + std::to_string(raw(f.hall)) + " FOR UPDATE");
      session.run("COMMIT");
    }
  });
  for (int i = 0; i < 20; ++i) BOOST_TEST(codeOf(f.send(f.say("x"))) == "ok");
  stop = true;
  busy.join();
  requireWhole(f, f.hall, 20);
}

BOOST_AUTO_TEST_CASE(a_job_of_unknown_outcome_is_asked_for_and_not_run_twice) {
  Fixture<Postgresql> f;
  for (const bool stored : {true, false}) {
    f.faults->failCommits(1, store::FaultKind::Unknown, stored);
    const std::string name = stored ? "stored" : "not stored";
    // Run again after it was stored, it would find its own name taken.
    BOOST_TEST(codeOf(f.directory().createApp({name, {}, {}})) == "ok");
    BOOST_TEST(codeOf(f.directory().appByName(name)) == "ok");
  }
}

BOOST_AUTO_TEST_CASE(a_text_that_the_database_cannot_hold_fails_alone) {
  Cast<Postgresql> f;
  f.faults->hold();
  for (int i = 0; i < 40; ++i) {
    BOOST_REQUIRE(f.log().append(f.say(i == 17 ? "\xC3(" : i == 23 ? std::string("a\0b", 3) : "fine")) == Offer::Taken);
  }
  f.faults->release();
  const auto out = f.outcomes.appends(40);
  for (std::size_t i = 0; i < out.size(); ++i) BOOST_TEST(codeOf(out[i].result) == (i == 17 || i == 23 ? "invalid" : "ok"));
  requireWhole(f, f.hall, 38);
  BOOST_TEST(f.store->healthy());
}

BOOST_AUTO_TEST_CASE(connections_that_the_server_ended_are_made_anew_and_nobody_is_told) {
  Cast<Postgresql> f;
  for (int i = 0; i < 20; ++i) {
    f.database.server.run(f.database.name,
                          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = "
                          "current_database() AND pid <> pg_backend_pid()");
    BOOST_TEST(codeOf(f.send(f.say("on"))) == "ok");
    BOOST_TEST(codeOf(f.log().history(f.hall, {})) == "ok");
    BOOST_TEST(codeOf(f.directory().markRead(f.hall, f.bob, Seq{i + 1})) == "ok");
  }
  requireWhole(f, f.hall, 20);
}

BOOST_AUTO_TEST_CASE(a_backend_that_is_killed_again_and_again_under_load_loses_and_doubles_nothing) {
  constexpr int kSends = 4'000;
  Cast<Postgresql> f;
  std::atomic<bool> stop{false};
  std::thread killer([&] {
    PostgresSession session(f.database.options.url);
    while (!stop) {
      session.run(
          "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'chatd/%' AND state = "
          "'active' AND datname = current_database()");
    }
  });
  int taken = 0;
  while (taken < kSends) {
    if (f.log().append(f.say(std::to_string(taken))) == Offer::Taken) ++taken;
  }
  const auto out = f.outcomes.appends(kSends);
  stop = true;
  killer.join();
  std::size_t stored = 0;
  std::size_t unknown = 0;
  for (const auto& o : out) {
    if (o.result.ok())
      ++stored;
    else if (o.result.error().code() == Code::OutcomeUnknown)
      ++unknown;
    else
      BOOST_TEST(codeOf(o.result) == "store_unavailable");
  }
  if (unknown > 0) stored += f.outcomes.late(unknown).size();
  BOOST_TEST(codeOf(f.send(f.say("end"))) == "ok");
  const auto all = must(f.log().range(f.hall, Seq{0}, Seq{kMaxInteger - 1}, 1'000'000));
  std::set<std::string> texts;
  for (const Message& m : all) BOOST_REQUIRE_MESSAGE(texts.insert(m.text).second, "doubled: " << m.text);
  requireWhole(f, f.hall, stored + 1);
}

BOOST_AUTO_TEST_CASE(what_a_lost_connection_had_sent_cannot_be_stored_behind_the_back_of_its_successor) {
  Cast<Hasty> f;
  must(f.send(f.say("before")));
  // The writing backend stops with the next call unread; its daemon gives up on it and connects anew.
  const pid_t writer = writerOf(f, f.hall);
  ::kill(writer, SIGSTOP);
  BOOST_REQUIRE(f.log().append(f.say("once")) == Offer::Taken);
  const auto outcome = std::move(f.outcomes.appends(1).front());
  BOOST_TEST((codeOf(outcome.result) == "ok" || codeOf(outcome.result) == "outcome_unknown"));
  ::kill(writer, SIGCONT);
  if (!outcome.result.ok()) static_cast<void>(f.outcomes.late(1));
  BOOST_TEST(codeOf(f.send(f.say("after"))) == "ok");
  requireWhole(f, f.hall, 3);
}

// Rooms are shared out among two writers, each with a connection and a thread of its own.
BOOST_AUTO_TEST_CASE(a_writer_that_hangs_stops_its_own_rooms_and_no_others) {
  struct Patient : Postgresql {
    Patient() { options.timeout = std::chrono::seconds(30); }
  };
  Cast<Patient> f;
  const RoomId other = f.group(f.demo, "other", {f.ann, f.bob});
  BOOST_REQUIRE(writerOf(f, other) != writerOf(f, f.hall));
  must(f.send(f.say("before")));
  const pid_t writer = writerOf(f, f.hall);
  ::kill(writer, SIGSTOP);
  BOOST_REQUIRE(f.log().append(f.say("waits")) == Offer::Taken);
  // Who waited for it would wait until it goes on, or until it is given up.
  for (int i = 0; i < 20; ++i) {
    BOOST_REQUIRE(f.log().append(f.draft(f.demo, other, f.ann, "goes on")) == Offer::Taken);
    const auto outcome = std::move(f.outcomes.appends(1).front());
    BOOST_REQUIRE_EQUAL(raw(outcome.request.room), raw(other));
    BOOST_REQUIRE_EQUAL(codeOf(outcome.result), "ok");
  }
  ::kill(writer, SIGCONT);
  const auto late = std::move(f.outcomes.appends(1).front());
  BOOST_TEST(codeOf(late.result) == "ok");
  requireWhole(f, f.hall, 2);
  requireWhole(f, other, 20);
  BOOST_TEST(eventually([&] { return f.store->healthy(); }));
}

// A new room that the writer of this number writes.
template <class F>
RoomId roomOfWriter(F& f, int number) {
  const RoomId room = f.group(f.demo, "a", {f.ann});
  return raw(room) % 2 == number ? room : f.group(f.demo, "b", {f.ann});
}

// An append that the server takes a second for, after its checks and before its commit.
struct SlowAppend {
  template <class F>
  SlowAppend(F& f, RoomId room, UserId sender) : session(f.database.options.url) {
    session.run(
        "CREATE FUNCTION slowly() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(1); RETURN NEW; END $$");
    session.run("CREATE TRIGGER slowly BEFORE INSERT ON message FOR EACH ROW EXECUTE FUNCTION slowly()");
    BOOST_REQUIRE(f.log().append(f.draft(f.demo, room, sender, "under way")) == Offer::Taken);
    writer = std::to_string(writerOf(f, room));
    BOOST_REQUIRE(eventually([&] { return underWay(); }));
  }
  bool underWay() { return session.run("SELECT wait_event FROM pg_stat_activity WHERE pid = " + writer) == "PgSleep"; }

  PostgresSession session;
  std::string writer;
};

BOOST_AUTO_TEST_CASE(a_room_is_deleted_after_what_was_being_appended_and_nothing_comes_behind) {
  for (int i = 0; i < 2; ++i) {
    Cast<Postgresql> f;
    const RoomId room = roomOfWriter(f, i);
    SlowAppend slow(f, room, f.ann);
    must(f.directory().deleteRoom(room));
    BOOST_TEST(!slow.underWay());
    BOOST_TEST(codeOf(f.outcomes.appends(1).front().result) == "ok");
    BOOST_TEST(codeOf(f.send(f.draft(f.demo, room, f.ann, "late"))) == "room_deleted");
  }
}

BOOST_AUTO_TEST_CASE(an_app_is_deleted_after_what_was_being_appended_and_all_of_it_is_purged) {
  for (int i = 0; i < 2; ++i) {
    Cast<Postgresql> f;
    const RoomId room = roomOfWriter(f, i);
    SlowAppend slow(f, room, f.ann);
    must(f.directory().deleteApp(f.demo));
    BOOST_TEST(!slow.underWay());
    BOOST_TEST(codeOf(f.outcomes.appends(1).front().result) == "ok");
    BOOST_TEST(codeOf(f.send(f.draft(f.demo, room, f.ann, "late"))) == "room_deleted");
    const std::string id = std::to_string(raw(room));
    BOOST_TEST(eventually([&] { return slow.session.run("SELECT count(*) FROM room WHERE id = " + id) == "0"; }));
    BOOST_TEST(slow.session.run("SELECT count(*) FROM message WHERE room_id = " + id) == "0");
  }
}

BOOST_AUTO_TEST_CASE(two_writers_keep_the_order_of_every_room) {
  Cast<Postgresql> f;
  std::vector<RoomId> rooms;
  for (int i = 0; i < 6; ++i) rooms.push_back(f.group(f.demo, "room" + std::to_string(i), {f.ann, f.bob}));
  constexpr int kEach = 300;
  for (int i = 0; i < kEach; ++i) {
    for (const RoomId room : rooms) {
      Append a = f.draft(f.demo, room, f.ann, std::to_string(i));
      a.clientMsgId = "said-" + std::to_string(i);
      BOOST_REQUIRE(f.log().append(std::move(a)) == Offer::Taken);
    }
    // What else is written does not hold them up, and they do not hold it up.
    if (i % 50 == 0) must(f.directory().upsertUser(f.demo, "user" + std::to_string(i), false, {}, false));
  }
  std::map<RoomId, std::int64_t> next;
  for (const AppendOutcome& o : f.outcomes.appends(kEach * rooms.size())) {
    const Message& m = must(o.result).message;
    BOOST_REQUIRE_EQUAL(raw(m.seq), ++next[m.room]);
    BOOST_REQUIRE_EQUAL(m.text, std::to_string(raw(m.seq) - 1));
  }
  for (const RoomId room : rooms) requireWhole(f, room, kEach);
}

BOOST_AUTO_TEST_CASE(a_server_that_stopped_answers_in_time_and_everything_resumes_alone) {
  Cast<Hasty> f;
  const auto begin = steady_clock::now();
  f.database.server.signalAll(SIGSTOP);
  BOOST_REQUIRE(f.log().append(f.say("first", "a")) == Offer::Taken);
  BOOST_REQUIRE(f.log().append(f.say("second", "b")) == Offer::Taken);
  const auto history = f.log().history(f.hall, {});
  const auto job = f.directory().markRead(f.hall, f.ann, Seq{1});
  const auto out = f.outcomes.appends(2);
  const auto took = steady_clock::now() - begin;
  f.database.server.signalAll(SIGCONT);
  BOOST_TEST((took < milliseconds(4000)));
  BOOST_TEST(codeOf(history) == "store_unavailable");
  BOOST_TEST((codeOf(job) == "store_unavailable" || codeOf(job) == "outcome_unknown"));
  std::size_t unknown = 0;
  for (const auto& o : out) {
    BOOST_TEST((codeOf(o.result) == "store_unavailable" || codeOf(o.result) == "outcome_unknown"));
    if (codeOf(o.result) == "outcome_unknown") ++unknown;
  }
  BOOST_TEST(unknown > 0u);
  BOOST_TEST(eventually([&] { return f.store->healthy(); }));
  BOOST_TEST(f.outcomes.late(unknown).size() == unknown);
  const auto again = must(f.send(f.say("first", "a")));
  BOOST_TEST(again.duplicate);
  BOOST_TEST(raw(again.message.seq) == 1);
}

BOOST_AUTO_TEST_CASE(a_server_without_a_connection_to_spare_is_waited_for) {
  Cast<Hasty> f;
  std::vector<std::unique_ptr<PostgresSession>> hogs;
  std::string told;
  while (told.empty() && hogs.size() < 100) {
    try {
      hogs.push_back(std::make_unique<PostgresSession>(f.database.options.url));
    } catch (const std::runtime_error& e) {
      told = e.what();
    }
  }
  BOOST_REQUIRE(
      (told.find("too many clients") != std::string::npos || told.find("remaining connection") != std::string::npos));
  // The writer goes on with the connection that it has; once that is ended, there is none for it.
  BOOST_TEST(codeOf(f.send(f.say("on"))) == "ok");
  hogs.front()->run(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'chatd/%' AND datname = "
      "current_database()");
  std::vector<std::unique_ptr<PostgresSession>> more;
  std::string refused;
  BOOST_TEST(eventually([&] {
    try {
      for (;;) more.push_back(std::make_unique<PostgresSession>(f.database.options.url));
    } catch (const std::runtime_error&) {
      refused = codeOf(f.send(f.say("who")));
    }
    if (refused != "ok") return true;
    // It was faster than we are: once more.
    hogs.front()->run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name LIKE 'chatd/%' AND datname = "
        "current_database()");
    return false;
  }));
  BOOST_TEST((refused == "store_unavailable" || refused == "outcome_unknown"));
  BOOST_TEST(!f.store->healthy());
  const std::string said = f.told();
  BOOST_TEST((said.find("connection") != std::string::npos || said.find("clients") != std::string::npos), said);
  hogs.clear();
  more.clear();
  BOOST_TEST(eventually([&] { return f.store->healthy(); }));
  BOOST_TEST(codeOf(f.send(f.say("back"))) == "ok");
}

BOOST_AUTO_TEST_CASE(a_page_of_history_reads_one_partition_by_its_primary_key) {
  Cast<Postgresql> f;
  must(f.send(f.say("one")));
  PostgresSession session(f.database.options.url);
  session.run("SET enable_seqscan = off");
  std::string plan;
  const std::unique_ptr<PGresult, decltype(&PQclear)> rows(
      PQexec(session.handle(), ("EXPLAIN SELECT * FROM message m WHERE m.room_id = " + std::to_string(raw(f.hall)) +
                                " AND m.seq > 0 AND m.seq < 100 ORDER BY m.seq DESC LIMIT 20")
                                   .c_str()),
      &PQclear);
  for (int i = 0; i < PQntuples(rows.get()); ++i) plan += std::string(PQgetvalue(rows.get(), i, 0)) + "\n";
  BOOST_TEST(plan.find("Append") == std::string::npos, plan);
  BOOST_TEST(plan.find("_pkey") != std::string::npos, plan);
  BOOST_TEST(plan.find("Sort") == std::string::npos, plan);
}

BOOST_AUTO_TEST_SUITE_END()
