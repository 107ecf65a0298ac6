// Retention: what goes, what stays, and what is remembered of what went. Runs on every database.
#include "store/retention.h"

#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;
using namespace std::chrono_literals;

namespace {

template <class Db>
struct Kept : Cast<Db> {
  std::vector<Message> talk(int count, const std::string& prefix = "m") {
    std::vector<Message> said;
    for (int i = 0; i < count; ++i) {
      BOOST_REQUIRE(this->log().append(this->say(prefix + std::to_string(i), prefix + std::to_string(i))) == Offer::Taken);
    }
    for (auto& outcome : this->outcomes.appends(static_cast<std::size_t>(count))) {
      said.push_back(must(std::move(outcome.result)).message);
    }
    return said;
  }
  void keep(RoomId room, std::optional<Retention> retention) {
    RoomPatch patch;
    patch.retention = Patch<Retention>(retention);
    must(this->directory().updateRoom(room, patch));
  }
  void keepApp(std::optional<Retention> retention) {
    AppPatch patch;
    patch.settings = must(this->directory().app(this->demo)).settings;
    patch.settings->retention = retention;
    must(this->directory().updateApp(this->demo, patch));
  }
  /// What the room has left, oldest first, once `firstSeq` is there.
  std::vector<std::int64_t> left(RoomId room, std::int64_t firstSeq) {
    const auto now = [&] { return raw(must(this->directory().roomState(room)).counter.firstSeq); };
    if (!eventually([&] { return now() == firstSeq; })) BOOST_FAIL("the room's first seq is " << now());
    std::vector<std::int64_t> seqs;
    for (const Message& m : must(this->log().range(room, Seq{0}, Seq{1'000'000}, 100'000))) seqs.push_back(raw(m.seq));
    return seqs;
  }
  /// One write wakes the commit thread, which then looks whether housekeeping is due.
  void stir() { must(this->directory().updateUser(this->ann, {})); }
};

std::vector<std::int64_t> seqs(std::int64_t from, std::int64_t to) {
  std::vector<std::int64_t> all;
  for (; from <= to; ++from) all.push_back(from);
  return all;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retention)

BOOST_AUTO_TEST_CASE_TEMPLATE(the_newest_messages_stay_and_seq_goes_on, Db, Databases) {
  Kept<Db> f;
  f.talk(1000);
  f.keep(f.hall, Retention{std::nullopt, 10});
  BOOST_TEST(f.left(f.hall, 991) == seqs(991, 1000), boost::test_tools::per_element());
  const auto more = f.talk(3, "later");
  BOOST_TEST(raw(more.back().seq) == 1003);
  // The rule goes on to hold: the next sweep comes a minute after the last.
  f.clock.advance(61s);
  f.stir();
  BOOST_TEST(f.left(f.hall, 994) == seqs(994, 1003), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(messages_go_when_their_days_are_over, Db, Databases) {
  Kept<Db> f;
  f.talk(300, "old");
  f.clock.advance(24h);
  f.talk(5, "young");
  f.keep(f.hall, Retention{2, std::nullopt});
  f.clock.advance(24h + 1s);
  f.stir();
  BOOST_TEST(f.left(f.hall, 301) == seqs(301, 305), boost::test_tools::per_element());
  f.clock.advance(24h);
  f.stir();
  BOOST_TEST(f.left(f.hall, 306).empty());
  const RoomState empty = must(f.directory().roomState(f.hall));
  BOOST_TEST(!empty.lastMessage.has_value());
  BOOST_TEST(raw(empty.counter.lastSeq) == 305);
  BOOST_TEST(raw(f.talk(1, "next").front().seq) == 306);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_room_has_the_apps_rule_unless_it_has_its_own, Db, Databases) {
  Kept<Db> f;
  const RoomId archive = f.group(f.demo, "archive", {f.ann});
  const AppId other = f.app("other");
  const UserId eve = f.user(other, "eve");
  const RoomId foreign = f.group(other, "hall", {eve});
  f.keep(archive, Retention{});
  f.talk(20);
  for (int i = 0; i < 20; ++i) must(f.send(f.draft(f.demo, archive, f.ann, "a")));
  for (int i = 0; i < 20; ++i) must(f.send(f.draft(other, foreign, eve, "e")));
  f.keepApp(Retention{std::nullopt, 5});
  BOOST_TEST(f.left(f.hall, 16).size() == 5u);
  BOOST_TEST(f.left(archive, 1).size() == 20u);
  BOOST_TEST(f.left(foreign, 1).size() == 20u);
  BOOST_TEST((must(f.directory().app(f.demo)).settings.retention == Retention{std::nullopt, 5}));
  BOOST_TEST((must(f.directory().room(archive)).retention == Retention{}));
  // null: as the app says again.
  f.keep(archive, std::nullopt);
  BOOST_TEST(f.left(archive, 16).size() == 5u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_retry_of_a_removed_message_is_a_duplicate, Db, DurableDatabases) {
  Kept<Db> f;
  const auto said = f.talk(10);
  f.keep(f.hall, Retention{std::nullopt, 1});
  f.left(f.hall, 10);
  f.reopen();
  const Appended again = must(f.send(f.say("m0", "m0")));
  BOOST_TEST(again.duplicate);
  BOOST_TEST(raw(again.message.id) == raw(said[0].id));
  BOOST_TEST(raw(again.message.seq) == 1);
  BOOST_TEST(again.message.text.empty());
  BOOST_TEST(again.message.deletedAt.has_value());
  BOOST_TEST(codeOf(f.send(f.say("another text", "m0"))) == "client_msg_id_reused");
  BOOST_TEST(codeOf(f.log().find(said[0].id)) == "message_not_found");
  BOOST_TEST(codeOf(f.change(f.edit(said[0].id, "x"))) == "message_not_found");
  BOOST_TEST(raw(f.talk(1, "new").front().seq) == 11);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(what_is_gone_is_not_unread_and_pages_end_at_the_edge, Db, Databases) {
  Kept<Db> f;
  f.talk(30);
  const auto bobs = [&] { return must(f.directory().rooms(f.demo, f.bob, {})).items.at(0); };
  BOOST_TEST(bobs().unread.value() == 30);
  f.keep(f.hall, Retention{std::nullopt, 12});
  f.left(f.hall, 19);
  BOOST_TEST(bobs().unread.value() == 12);
  BOOST_TEST(raw(bobs().lastMessage.value().seq) == 30);
  BOOST_TEST(raw(bobs().counter.firstSeq) == 19);
  must(f.directory().markRead(f.hall, f.bob, Seq{5}));
  BOOST_TEST(bobs().unread.value() == 12);
  must(f.directory().markRead(f.hall, f.bob, Seq{29}));
  BOOST_TEST(bobs().unread.value() == 1);
  BOOST_TEST(must(f.log().historyPage(f.hall, 1, 10)).size() == 10u);
  const auto second = must(f.log().historyPage(f.hall, 2, 10));
  BOOST_TEST(second.size() == 2u);
  BOOST_TEST(raw(second.back().seq) == 19);
  BOOST_TEST(must(f.log().historyPage(f.hall, 3, 10)).empty());
  BOOST_TEST(must(f.log().history(f.hall, {Seq{19}, std::nullopt, 10})).empty());
  const auto upward = must(f.log().history(f.hall, {std::nullopt, Seq{3}, 2}));
  BOOST_TEST(raw(upward.back().seq) == 19);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(changes_of_a_removed_message_go_with_it, Db, DurableDatabases) {
  Kept<Db> f;
  const auto said = f.talk(4);
  must(f.change(f.edit(said[0].id, "x")));
  must(f.change(f.edit(said[0].id, "y")));
  must(f.change(f.edit(said[3].id, "z")));
  f.keep(f.hall, Retention{std::nullopt, 2});
  f.left(f.hall, 3);
  f.store.reset();
  const auto dialect = f.database.dialect(f.clock);
  const auto reader = dialect->connectReader();
  static constexpr store::Sql<store::In<>, store::Out<store::Int>> kChanges{"SELECT rev FROM room_change ORDER BY rev"};
  const auto& rows = reader->run(kChanges);
  BOOST_REQUIRE(rows.size() == 1u);
  BOOST_TEST(rows.template at<0>(0) == 3);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_sink_is_told_of_a_step_whose_commit_was_stored_and_not_answered, Db, Databases) {
  Kept<Db> f;
  // The sweep that the new rule brings is through with the room before more is said: the next comes after a minute.
  f.talk(6);
  f.keep(f.hall, Retention{std::nullopt, 5});
  BOOST_TEST(raw(f.outcomes.trimmed(f.hall)) == 2);
  f.talk(20, "more");
  f.clock.advance(61s);
  // The write that wakes the commit thread, and the step that follows it.
  f.faults->failCommits(2, store::FaultKind::NothingStored, true);
  BOOST_TEST(codeOf(f.directory().updateUser(f.ann, {})) == "store_unavailable");
  BOOST_TEST(eventually([&] { return raw(f.outcomes.trimmed(f.hall)) == 22; }));
  BOOST_TEST(f.left(f.hall, 22).size() == 5u);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_sweep_under_load_neither_stops_nor_disturbs_the_order_of_sends, Db, DurableDatabases) {
  Kept<Db> f;
  f.talk(2000);
  f.keep(f.hall, Retention{std::nullopt, 100});
  std::int64_t last = 2000;
  const auto until = std::chrono::steady_clock::now() + 60s;
  while (raw(must(f.directory().roomState(f.hall)).counter.firstSeq) < 2000) {
    for (int i = 0; i < 50; ++i) BOOST_REQUIRE(f.log().append(f.say("x")) == Offer::Taken);
    for (auto& outcome : f.outcomes.appends(50)) BOOST_REQUIRE(raw(must(std::move(outcome.result)).message.seq) == ++last);
    f.clock.advance(61s);
    BOOST_REQUIRE(std::chrono::steady_clock::now() < until);
  }
}

BOOST_AUTO_TEST_SUITE_END()
