// What the committer does when the database fails: nothing acknowledged is missing, nothing refused is stored.
#include <algorithm>
#include <thread>

#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;
using store::FaultKind;

BOOST_AUTO_TEST_SUITE(store_faults)

BOOST_AUTO_TEST_CASE_TEMPLATE(a_commit_that_stored_nothing_answers_store_unavailable_and_the_next_goes_on, Db, Databases) {
  Cast<Db> f;
  f.faults->failCommits(1, FaultKind::NothingStored);
  BOOST_TEST(codeOf(f.send(f.say("lost", "k"))) == "store_unavailable");
  BOOST_TEST(!f.store->healthy());
  BOOST_TEST(f.store->fault() == "injected fault");
  BOOST_TEST(f.told() == "a write failed: injected fault");  // for the log; the client is not told
  const Appended next = must(f.send(f.say("lost", "k")));
  BOOST_TEST(!next.duplicate);
  BOOST_TEST(raw(next.message.seq) == 1);
  BOOST_TEST(f.store->healthy());
  f.faults->failCommits(1, FaultKind::NothingStored);
  BOOST_TEST(codeOf(f.directory().createApp({"refused", {}, {}})) == "store_unavailable");
  BOOST_TEST(codeOf(f.directory().appByName("refused")) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_unknown_outcome_is_found_out_by_running_the_batch_again, Db, Databases) {
  Cast<Db> f;
  for (const bool stored : {true, false}) {
    const auto before = must(f.directory().roomState(f.hall)).counter.lastSeq;
    f.faults->failCommits(2, FaultKind::Unknown, stored);
    const Appended sent = must(f.send(f.say(stored ? "stored" : "not stored")));
    BOOST_TEST(!sent.duplicate);  // nobody has been told of it yet
    BOOST_TEST(raw(sent.message.seq) == raw(before) + 1);
    BOOST_TEST(sent.message.text == (stored ? "stored" : "not stored"));
    BOOST_TEST(raw(must(f.directory().roomState(f.hall)).counter.lastSeq) == raw(before) + 1);
  }
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_batch_that_is_too_much_at_once_gets_done_in_parts, Db, Databases) {
  Cast<Db> f;
  f.faults->tooManyAt(4);
  f.faults->hold();
  for (int i = 0; i < 100; ++i) BOOST_REQUIRE(f.log().append(f.say("m" + std::to_string(i))) == Offer::Taken);
  f.faults->release();
  const auto out = f.outcomes.appends(100);
  for (std::size_t i = 0; i < out.size(); ++i) {
    BOOST_REQUIRE_EQUAL(codeOf(out[i].result), "ok");
    BOOST_TEST(out[i].result->message.text == "m" + std::to_string(i));
    BOOST_TEST(raw(out[i].result->message.seq) == static_cast<std::int64_t>(i) + 1);
  }
  // It can do more again, and then it gets more.
  f.faults->tooManyAt(0);
  f.faults->hold();
  for (int i = 0; i < 400; ++i) BOOST_REQUIRE(f.log().append(f.say("x")) == Offer::Taken);
  const auto batches = f.store->counts().batches;
  f.faults->release();
  for (const auto& one : f.outcomes.appends(400)) BOOST_REQUIRE_EQUAL(codeOf(one.result), "ok");
  BOOST_TEST(f.store->counts().batches < batches + 60);
}

BOOST_AUTO_TEST_CASE(an_outcome_that_stays_unknown_is_said_to_be) {
  struct Hasty : SqliteFile {
    Hasty() { options.timeout = std::chrono::seconds(1); }
  };
  Cast<Hasty> f;
  f.faults->failCommits(1'000, FaultKind::Unknown);
  BOOST_TEST(codeOf(f.send(f.say("where am I"))) == "outcome_unknown");
  f.faults->failCommits(0, FaultKind::Unknown);
  BOOST_TEST(codeOf(f.send(f.say("here"))) == "ok");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(only_the_guilty_message_of_a_batch_fails, Db, Databases) {
  Cast<Db> f;
  f.faults->blame("guilty");
  f.faults->hold();
  for (int i = 0; i < 40; ++i) BOOST_REQUIRE(f.log().append(f.say(i == 17 ? "guilty" : "fine")) == Offer::Taken);
  f.faults->release();
  const auto out = f.outcomes.appends(40);
  std::int64_t seq = 0;
  for (std::size_t i = 0; i < out.size(); ++i) {
    if (i == 17) {
      BOOST_TEST(codeOf(out[i].result) == "invalid");
    } else {
      BOOST_TEST(raw(out[i].result.value().message.seq) == ++seq);
    }
  }
  BOOST_TEST(must(f.log().range(f.hall, Seq{0}, Seq{100}, 100)).size() == 39u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_full_queue_answers_full_and_loses_nothing_that_it_took, Db, Databases) {
  struct Narrow : Db {
    Narrow() {
      this->options.queueItems = 20;
      this->options.queueItemsPerApp = 10;
    }
  };
  Cast<Narrow> f;
  const AppId other = f.app("other");
  const RoomId room = f.group(other, "room", {});
  f.faults->hold();
  std::size_t taken = 0;
  Offer last = Offer::Taken;
  while (last == Offer::Taken && taken < 1'000) {
    last = f.log().append(f.say("x"));
    if (last == Offer::Taken) ++taken;
  }
  BOOST_CHECK(last == Offer::Full);
  BOOST_CHECK(f.log().append(f.draft(other, room, UserId{1}, "fits")) == Offer::Taken);  // one app does not fill it for all
  f.faults->release();
  for (const auto& o : f.outcomes.appends(taken + 1)) BOOST_TEST(o.result.ok());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_app_with_much_to_say_does_not_keep_another_waiting, Db, Databases) {
  struct Small : Db {
    Small() { this->options.batchRows = 50; }
  };
  Cast<Small> f;
  const AppId other = f.app("other");
  // Where rooms are shared out among two writers, one that the same of them writes.
  RoomId room = f.group(other, "room", {});
  if (raw(room) % 2 != raw(f.hall) % 2) room = f.group(other, "next", {});
  BOOST_REQUIRE(raw(room) % 2 == raw(f.hall) % 2);
  f.faults->hold();
  BOOST_REQUIRE(f.log().append(f.say("plug")) == Offer::Taken);
  for (int i = 0; i < 2'000; ++i) BOOST_REQUIRE(f.log().append(f.say(std::string(2'000, 'x'))) == Offer::Taken);
  BOOST_REQUIRE(f.log().append(f.draft(other, room, UserId{1}, "short")) == Offer::Taken);
  f.faults->release();
  const auto out = f.outcomes.appends(2'002);
  const auto at = std::find_if(out.begin(), out.end(), [&](const auto& o) { return o.request.app == other; });
  BOOST_TEST(std::distance(out.begin(), at) < 150);
}

BOOST_AUTO_TEST_CASE(a_writer_that_is_held_makes_callers_give_up_in_time_and_writes_nothing_for_them) {
  struct Hasty : SqliteFile {
    Hasty() { options.timeout = std::chrono::seconds(1); }
  };
  Cast<Hasty> f;
  f.faults->hold();
  BOOST_REQUIRE(f.log().append(f.say("plug")) == Offer::Taken);
  const auto answer = f.directory().createApp({"late", {}, {}});
  BOOST_TEST((codeOf(answer) == "store_unavailable" || codeOf(answer) == "outcome_unknown"));
  f.faults->release();
  static_cast<void>(f.outcomes.appends(1));
  f.user(f.demo, "after");  // whatever was queued has run by now
  BOOST_TEST(codeOf(f.directory().appByName("late")) == (codeOf(answer) == "store_unavailable" ? "not_found" : "ok"));
}

BOOST_AUTO_TEST_CASE(a_full_disk_answers_store_unavailable_and_nothing_acknowledged_is_missing) {
  Cast<SqliteFile> f;
  std::size_t acknowledged = 0;
  std::size_t refused = 0;
  f.faults->runNext("PRAGMA max_page_count = 200");
  for (int i = 0; i < 300; ++i) {
    const auto result = f.send(f.say(std::string(4'000, 'x')));
    if (result.ok()) {
      BOOST_REQUIRE_EQUAL(raw(result->message.seq), static_cast<std::int64_t>(++acknowledged));
    } else {
      BOOST_REQUIRE_EQUAL(codeOf(result), "store_unavailable");
      ++refused;
    }
  }
  BOOST_TEST(acknowledged > 10u);
  BOOST_TEST(refused > 10u);
  BOOST_TEST(!f.store->healthy());
  BOOST_TEST(must(f.log().range(f.hall, Seq{0}, Seq{1'000}, 1'000)).size() == acknowledged);
  f.faults->runNext("PRAGMA max_page_count = 1000000");
  BOOST_TEST(raw(must(f.send(f.say("room again"))).message.seq) == static_cast<std::int64_t>(acknowledged) + 1);
  BOOST_TEST(f.store->healthy());
  f.reopen();
  BOOST_TEST(must(f.log().range(f.hall, Seq{0}, Seq{1'000}, 1'000)).size() == acknowledged + 1);
}

BOOST_AUTO_TEST_CASE(health_comes_back_by_itself_when_nobody_writes) {
  Cast<SqliteFile> f;
  f.faults->failCommits(1, FaultKind::NothingStored);
  BOOST_TEST(codeOf(f.send(f.say("lost"))) == "store_unavailable");
  BOOST_TEST(eventually([&] { return f.store->healthy(); }));
}

BOOST_AUTO_TEST_SUITE_END()
