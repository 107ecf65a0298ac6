// ChatService on stepped loops, with a log that commits when the test says so: what may be told, to whom, in which order.
#include "chat/chat_service.h"

#include <boost/test/unit_test.hpp>

#include "support/room_fakes.h"
#include "support/stepping_executor.h"

using namespace chatd;
using namespace std::chrono_literals;

namespace {

class RecordingFanout final : public Fanout {
 public:
  void tell(std::uint64_t loops, std::shared_ptr<const RoomLetter> letter) override {
    for (const RoomEvent& event : letter->events) events.emplace_back(loops, event);
  }
  bool tellUsers(std::size_t loop, std::shared_ptr<const UserLetter> letter) override {
    if (busy) return false;
    letters.emplace_back(loop, std::move(letter));
    return true;
  }
  template <class E>
  [[nodiscard]] std::vector<E> of() const {
    std::vector<E> found;
    for (const auto& [loops, event] : events) {
      if (const E* e = std::get_if<E>(&event)) found.push_back(*e);
    }
    return found;
  }
  std::vector<std::pair<std::uint64_t, RoomEvent>> events;
  std::vector<std::pair<std::size_t, std::shared_ptr<const UserLetter>>> letters;
  bool busy = false;  ///< takes nothing for users
};

constexpr AppId kApp{1};

struct House {
  explicit House(ChatLimits limits = {}) : chat(executor, log, directory, fanout, clock, limits) {}

  void send(std::int64_t user, const std::string& text, RoomId in, bool asApp = false) {
    SendCommand command;
    command.actor = {kApp, UserId{user}, asApp};
    command.room = in;
    command.text = text;
    chat.send(std::move(command), [this, text](Result<Appended> r) {
      answers.push_back(text +
                        (r.ok() ? " ok " + std::to_string(raw(r->message.seq)) : " " + std::string(r.error().wire())));
    });
  }
  std::optional<Joined> join(std::int64_t user, RoomId in, std::uint64_t session) {
    std::optional<Joined> got;
    chat.join({kApp, UserId{user}, false}, in, {{0, SessionId{session}}, UserId{user}, "s" + std::to_string(session)},
              [&](Result<Joined> r) {
                if (r.ok()) {
                  got = *r;
                } else {
                  answers.push_back("join " + std::string(r.error().wire()));
                }
              });
    executor.run();
    return got;
  }
  [[nodiscard]] std::vector<std::string> told() const {
    std::vector<std::string> texts;
    for (const auto& e : fanout.of<MessageEvent>()) texts.push_back(e.message->text);
    return texts;
  }

  FakeClock clock;
  test::SteppingExecutor executor{clock, 2};
  test::RoomDirectory directory;
  test::HeldLog log{directory};
  RecordingFanout fanout;
  ChatService chat;
  std::vector<std::string> answers;
  RoomId room = directory.addRoom(kApp, "usr-1-2", {1, 2});
};

using Texts = std::vector<std::string>;

}  // namespace

BOOST_AUTO_TEST_SUITE(chat_service)

BOOST_AUTO_TEST_CASE(nothing_is_told_or_acknowledged_before_the_commit) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.send(1, "hello", h.room);
  h.executor.run();
  BOOST_TEST(h.answers.empty());
  BOOST_TEST(h.told().empty());
  h.log.commit();
  h.executor.run();
  BOOST_TEST(h.answers == Texts{"hello ok 1"}, boost::test_tools::per_element());
  BOOST_TEST(h.told() == Texts{"hello"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_failed_commit_is_answered_and_never_told) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.send(1, "hello", h.room);
  h.executor.run();
  h.log.failing = true;
  h.log.commit();
  h.executor.run();
  BOOST_TEST(h.answers == Texts{"hello store_unavailable"}, boost::test_tools::per_element());
  BOOST_TEST(h.told().empty());
}

BOOST_AUTO_TEST_CASE(only_members_of_a_room_of_their_own_app_may_send) {
  House h;
  const RoomId foreign = h.directory.addRoom(AppId{2}, "theirs", {1});
  h.send(3, "stranger", h.room);
  h.executor.run();
  h.send(1, "foreign", foreign);
  h.executor.run();
  h.send(1, "nowhere", RoomId{99});
  h.executor.run();
  BOOST_TEST(h.answers == (Texts{"stranger forbidden", "foreign room_not_found", "nowhere room_not_found"}),
             boost::test_tools::per_element());
  BOOST_TEST(h.log.waiting.empty());
}

BOOST_AUTO_TEST_CASE(texts_are_judged_before_anything_else) {
  ChatLimits limits;
  limits.messageBytes = 8;
  House h(limits);
  for (const std::string& text : {std::string(), std::string("123456789"), std::string("a\0b", 3), std::string("\xFF")})
    h.send(1, text, h.room);
  h.send(1, "12345678", h.room);
  h.executor.run();
  h.log.commit();
  h.executor.run();
  BOOST_TEST(h.answers.size() == 5U);
  BOOST_TEST(h.answers[0] == " empty_text");
  BOOST_TEST(h.answers[1] == "123456789 too_large");
  BOOST_TEST(h.answers[2] == std::string("a\0b", 3) + " invalid_text");
  BOOST_TEST(h.answers[3] == "\xFF invalid_text");
  BOOST_TEST(h.answers[4] == "12345678 ok 1");
}

BOOST_AUTO_TEST_CASE(messages_keep_their_order_when_access_changes_under_them) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.send(1, "a", h.room);
  h.send(1, "b", h.room);
  h.executor.run();
  // Somebody is added between the check and the commit.
  h.directory.add(h.room, 3);
  h.log.commit(1);
  h.executor.runLoops();
  h.send(1, "c", h.room);  // comes while "a" is held
  h.executor.runLoops();
  h.log.commit();  // "b" comes back too
  for (int i = 0; i < 3; ++i) {
    h.executor.run();
    h.log.commit();
  }
  h.executor.run();
  BOOST_TEST(h.answers == (Texts{"a ok 1", "b ok 2", "c ok 3"}), boost::test_tools::per_element());
  BOOST_TEST(h.told() == (Texts{"a", "b", "c"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(who_was_removed_between_check_and_commit_is_refused) {
  House h;
  h.send(2, "late", h.room);
  h.executor.run();
  h.directory.remove(h.room, 2);
  h.log.commit();
  h.executor.run();
  BOOST_TEST(h.answers == Texts{"late forbidden"}, boost::test_tools::per_element());
  BOOST_TEST(h.log.messages.empty());
}

BOOST_AUTO_TEST_CASE(who_was_added_a_moment_ago_is_not_told_that_it_is_no_member) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.directory.add(h.room, 3);
  h.chat.accessChanged(h.room);
  h.executor.runLoops();  // the read is under way
  h.send(3, "new here", h.room);
  h.executor.runLoops();
  BOOST_TEST(h.join(3, h.room, 30).has_value());
  h.log.commit();
  h.executor.run();
  BOOST_TEST(h.answers == Texts{"new here ok 1"}, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(the_removed_lose_the_room_and_the_others_see_it) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  BOOST_REQUIRE(h.join(2, h.room, 20));
  h.executor.advance(300ms);
  h.directory.remove(h.room, 2);
  h.chat.accessChanged(h.room);
  h.executor.run();
  const auto lost = h.fanout.of<LostEvent>();
  BOOST_REQUIRE(lost.size() == 1U);
  BOOST_TEST((lost[0].users->size() == 1U && lost[0].users->front() == UserId{2}));
  h.executor.advance(300ms);
  BOOST_TEST(h.fanout.of<RosterEvent>().back().total == 1U);
  BOOST_TEST(!h.join(2, h.room, 21).has_value());
}

BOOST_AUTO_TEST_CASE(a_hundred_joins_are_told_as_two_rosters) {
  House h;
  for (std::uint64_t s = 1; s <= 100; ++s) BOOST_REQUIRE(h.join(1, h.room, s));
  BOOST_TEST(h.fanout.of<RosterEvent>().size() == 1U);
  h.executor.advance(250ms);
  const auto rosters = h.fanout.of<RosterEvent>();
  BOOST_TEST(rosters.size() == 2U);
  BOOST_TEST(rosters.back().total == 100U);
  h.executor.advance(1s);
  BOOST_TEST(h.fanout.of<RosterEvent>().size() == 2U);
}

BOOST_AUTO_TEST_CASE(a_roster_shows_at_most_the_limit_and_says_how_many_there_are) {
  ChatLimits limits;
  limits.roomSessions = 3;
  House h(limits);
  for (std::uint64_t s = 1; s <= 4; ++s) h.join(1, h.room, s);
  const auto joined = h.join(2, h.room, 5);
  BOOST_REQUIRE(joined);
  BOOST_TEST(joined->roster->size() == 3U);
  BOOST_TEST(joined->rosterTotal == 5U);
  BOOST_TEST(joined->roster->front().publicId == "s1");
}

BOOST_AUTO_TEST_CASE(a_joiner_has_heard_of_its_own_roster) {
  House h;
  const auto joined = h.join(1, h.room, 10);
  BOOST_REQUIRE(joined);
  for (const auto& e : h.fanout.of<RosterEvent>()) BOOST_TEST(e.version <= joined->rosterVersion);
}

BOOST_AUTO_TEST_CASE(seen_is_answered_after_it_is_stored_and_told_coalesced) {
  House h;
  BOOST_REQUIRE(h.join(2, h.room, 20));
  h.send(1, "one", h.room);
  h.executor.run();
  h.log.commit();
  h.executor.run();
  int answered = 0;
  for (int i = 0; i < 5; ++i) {
    h.chat.seen({kApp, UserId{2}, false}, h.room, std::nullopt, [&](Result<Seq> r) { answered += r.ok() ? 1 : 0; });
  }
  h.executor.runLoops();
  BOOST_TEST(answered == 0);
  h.executor.run();
  BOOST_TEST(answered == 5);
  BOOST_TEST(h.directory.readWrites <= 2);
  BOOST_TEST(h.fanout.of<SeenEvent>().size() == 1U);
  BOOST_TEST(raw(h.fanout.of<SeenEvent>()[0].seq) == 1);
  const auto again = h.join(2, h.room, 21);
  BOOST_REQUIRE(again);
  BOOST_TEST(again->unread == 0);
}

BOOST_AUTO_TEST_CASE(unread_counts_what_came_after_the_last_read_and_sending_is_reading) {
  House h;
  for (int i = 0; i < 3; ++i) h.send(1, "m", h.room);
  h.executor.run();
  h.log.commit();
  h.executor.run();
  BOOST_TEST(h.join(2, h.room, 20)->unread == 3);
  BOOST_TEST(h.join(1, h.room, 10)->unread == 0);
}

BOOST_AUTO_TEST_CASE(a_user_over_its_rate_is_refused_and_an_app_key_is_not) {
  ChatLimits limits;
  limits.messagesPerSecond = 1;
  limits.messagesBurst = 2;
  House h(limits);
  for (int i = 0; i < 3; ++i) h.send(1, "u", h.room);
  for (int i = 0; i < 3; ++i) h.send(2, "k", h.room, true);
  BOOST_TEST(h.answers == Texts{"u rate_limited"}, boost::test_tools::per_element());
  h.executor.run();
  BOOST_TEST(h.log.waiting.size() == 5U);
  h.clock.advance(1s);
  h.send(1, "later", h.room);
  h.executor.run();
  BOOST_TEST(h.log.waiting.size() == 6U);
}

BOOST_AUTO_TEST_CASE(an_app_over_its_quota_or_its_commands_is_refused_and_others_are_not) {
  ChatLimits limits;
  limits.commandsPerApp = 2;
  House h(limits);
  for (int i = 0; i < 3; ++i) h.send(1, "x", h.room, true);
  BOOST_TEST(h.answers == Texts{"x busy"}, boost::test_tools::per_element());
  h.executor.run();
  h.log.commit();
  h.executor.run();
  h.answers.clear();
  h.chat.setQuotas(kApp, {0, 1});
  h.send(1, "y", h.room, true);
  h.send(1, "z", h.room, true);
  BOOST_TEST(h.answers == Texts{"z rate_limited"}, boost::test_tools::per_element());
  BOOST_TEST(h.chat.admitSession(kApp));
  h.chat.setQuotas(kApp, {1, 0});
  BOOST_TEST(!h.chat.admitSession(kApp));
  BOOST_TEST(h.chat.admitSession(AppId{2}));
}

BOOST_AUTO_TEST_CASE(full_queues_answer_busy_and_hold_nothing) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.log.full = true;
  h.send(1, "log", h.room);
  h.executor.run();
  h.log.full = false;
  h.executor.refuseRequests = true;
  h.send(1, "mailbox", h.room);
  h.executor.refuseRequests = false;
  h.executor.refuseWork = true;
  const RoomId cold = h.directory.addRoom(kApp, "cold", {1});
  h.send(1, "worker", cold);
  h.executor.run();
  BOOST_TEST(h.answers == (Texts{"log busy", "mailbox busy", "worker busy"}), boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(a_deleted_room_answers_all_that_waits_and_is_lost_by_everybody) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.send(1, "under way", h.room);
  h.executor.run();
  h.chat.roomDeleted(h.room);
  h.executor.run();
  BOOST_TEST(h.fanout.of<LostEvent>().size() == 1U);
  BOOST_TEST(h.fanout.of<LostEvent>()[0].everybody);
  h.log.commit();
  h.executor.run();
  BOOST_TEST(h.answers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(only_the_author_edits_and_a_moderator_or_the_app_deletes) {
  House h;
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.send(1, "mine", h.room);
  h.executor.run();
  h.log.commit();
  h.executor.run();
  std::vector<std::string> outcome;
  const auto note = [&](Result<Changed> r) { outcome.push_back(r.ok() ? "ok" : std::string(r.error().wire())); };
  const auto settle = [&] {
    h.executor.run();
    h.log.commit();
    h.executor.run();
  };
  h.chat.edit({AppId{2}, UserId{1}, false}, MessageId{1}, "other app", note);
  settle();
  h.chat.edit({kApp, UserId{2}, false}, MessageId{1}, "theirs", note);
  settle();
  h.chat.remove({kApp, UserId{2}, false}, MessageId{1}, note);
  settle();
  h.chat.edit({kApp, UserId{1}, false}, MessageId{1}, "edited", note);
  settle();
  h.directory.byId[h.room].members[1].role = Role::Moderator;
  h.directory.bump(h.room);
  h.chat.accessChanged(h.room);
  h.executor.run();
  h.chat.remove({kApp, UserId{2}, false}, MessageId{1}, note);
  settle();
  BOOST_TEST(outcome == (Texts{"message_not_found", "forbidden", "forbidden", "ok", "ok"}),
             boost::test_tools::per_element());
  BOOST_TEST(h.fanout.of<UpdatedEvent>().size() == 1U);
  BOOST_TEST(h.fanout.of<DeletedEvent>().size() == 1U);
}

BOOST_AUTO_TEST_CASE(names_are_looked_up_once_however_many_ask) {
  House h;
  int found = 0;
  for (int i = 0; i < 50; ++i) h.chat.resolve(kApp, "usr-1-2", [&](Result<RoomId> r) { found += r.ok() ? 1 : 0; });
  h.chat.resolve(AppId{2}, "usr-1-2", [&](Result<RoomId> r) { BOOST_TEST(!r.ok()); });
  h.executor.run();
  BOOST_TEST(found == 50);
  BOOST_TEST(h.directory.lookUps == 2);
  BOOST_REQUIRE(h.join(1, h.room, 10));
  h.chat.resolve(kApp, "usr-1-2", [&](Result<RoomId> r) { found += r.ok() ? 1 : 0; });
  BOOST_TEST(found == 51);
  BOOST_TEST(h.directory.lookUps == 2);
}

BOOST_AUTO_TEST_CASE(idle_rooms_leave_memory_and_rooms_with_sessions_stay) {
  ChatLimits limits;
  limits.liveRooms = 8;
  House h(limits);
  BOOST_REQUIRE(h.join(1, h.room, 10));
  for (int i = 0; i < 100; ++i) h.send(1, "m", h.directory.addRoom(kApp, "r" + std::to_string(i), {1}), true);
  h.executor.run();
  h.log.commit();
  h.executor.run();
  // Nothing could leave while its message was on its way; the next rooms push the idle ones out.
  for (int i = 0; i < 8; ++i) h.send(1, "m", h.directory.addRoom(kApp, "s" + std::to_string(i), {1}), true);
  h.executor.run();
  h.log.commit();
  h.executor.run();
  const int reads = h.directory.reads;
  h.send(1, "still live", h.room, true);
  h.executor.run();
  BOOST_TEST(h.directory.reads == reads);
  h.send(1, "evicted", RoomId{2}, true);
  h.executor.run();
  BOOST_TEST(h.directory.reads == reads + 1);
}

BOOST_AUTO_TEST_CASE(a_session_that_leaves_is_gone_from_the_roster) {
  House h;
  h.join(1, h.room, 10);
  h.join(2, h.room, 20);
  h.executor.advance(300ms);
  h.chat.leave(h.room, {0, SessionId{20}});
  h.executor.advance(300ms);
  BOOST_TEST(h.fanout.of<RosterEvent>().back().total == 1U);
}

BOOST_AUTO_TEST_CASE(typing_reaches_the_loops_of_the_room_and_only_from_those_in_it) {
  House h;
  h.join(1, h.room, 10);
  h.chat.typing({kApp, UserId{1}, false}, h.room, {0, SessionId{10}}, true);
  h.chat.typing({kApp, UserId{2}, false}, h.room, {0, SessionId{20}}, true);
  h.executor.run();
  const auto typing = h.fanout.of<TypingEvent>();
  BOOST_REQUIRE(typing.size() == 1U);
  BOOST_TEST((typing[0].user->id == UserId{1} && typing[0].typing));
}

BOOST_AUTO_TEST_SUITE_END()
