// What a token was granted narrows what membership allows, for every act in a room.
#include "chat/grants.h"

#include <boost/test/unit_test.hpp>

#include "chat/chat_service.h"
#include "support/room_fakes.h"
#include "support/stepping_executor.h"

using namespace chatd;

namespace {

constexpr AppId kApp{1};
constexpr UserId kAnn{1};

GrantsPtr grants(std::vector<Grants::Grant> list) { return std::make_shared<const Grants>(std::move(list)); }

class DeafFanout final : public Fanout {
 public:
  void tell(std::uint64_t, std::shared_ptr<const RoomLetter> letter) override {
    for (const RoomEvent& event : letter->events) typings += std::holds_alternative<TypingEvent>(event) ? 1 : 0;
  }
  bool tellUsers(std::size_t, std::shared_ptr<const UserLetter>) override { return true; }
  int typings = 0;
};

/// Ann and Bob in a room "hall-1", where Bob said message 1 and Ann message 2.
struct Hall {
  Hall() {
    say(UserId{2}, "of bob");
    say(kAnn, "of ann");
  }
  void say(UserId user, const std::string& text) {
    SendCommand command;
    command.actor = {kApp, user, true};
    command.room = room;
    command.text = text;
    chat.send(std::move(command), [](const Result<Appended>& r) { BOOST_REQUIRE(r.ok()); });
    settle();
  }
  void settle() {
    executor.run();
    log.commit();
    executor.run();
  }
  /// The wire name of the refusal, or "ok".
  template <class T, class F>
  std::string outcome(F act) {
    std::string told = "nothing";
    act([&told](Result<T> r) { told = r.ok() ? "ok" : std::string(r.error().wire()); });
    settle();
    return told;
  }
  [[nodiscard]] Actor ann(GrantsPtr with) const { return {kApp, kAnn, false, std::move(with)}; }

  std::string join(const GrantsPtr& g) {
    return outcome<Joined>([&](auto done) { chat.join(ann(g), room, {{0, SessionId{10}}, kAnn, "s"}, std::move(done)); });
  }
  std::string history(const GrantsPtr& g) {
    return outcome<std::vector<Message>>([&](auto done) { chat.history(ann(g), room, {}, std::move(done)); });
  }
  std::string position(const GrantsPtr& g) {
    return outcome<RoomPosition>([&](auto done) { chat.position(ann(g), room, std::move(done)); });
  }
  std::string seen(const GrantsPtr& g) {
    return outcome<Seq>([&](auto done) { chat.seen(ann(g), room, std::nullopt, std::move(done)); });
  }
  std::string send(const GrantsPtr& g) {
    return outcome<Appended>([&](auto done) {
      SendCommand command;
      command.actor = ann(g);
      command.room = room;
      command.text = "hello";
      chat.send(std::move(command), std::move(done));
    });
  }
  std::string announce(const GrantsPtr& g) {
    return outcome<void>([&](auto done) { chat.announce(ann(g), room, {0, SessionId{10}}, std::move(done)); });
  }
  std::string edit(const GrantsPtr& g) {
    return outcome<Changed>([&](auto done) { chat.edit(ann(g), MessageId{2}, "again", std::move(done)); });
  }
  std::string remove(const GrantsPtr& g, std::int64_t message) {
    return outcome<Changed>([&](auto done) { chat.remove(ann(g), MessageId{message}, std::move(done)); });
  }
  std::size_t rooms(const GrantsPtr& g) { return chat.roomsOf(ann(g), RoomId{0}, 10)->items.size(); }

  FakeClock clock;
  test::SteppingExecutor executor{clock, 2};
  test::RoomDirectory directory;
  test::HeldLog log{directory};
  DeafFanout fanout;
  ChatService chat{executor, log, directory, fanout, clock, {}};
  RoomId room = directory.addRoom(kApp, "hall-1", {1, 2});
};

}  // namespace

BOOST_AUTO_TEST_SUITE(grants_of_tokens)

BOOST_AUTO_TEST_CASE(globs_know_stars_and_question_marks_and_nothing_else) {
  for (const auto& [glob, text] : std::vector<std::pair<std::string, std::string>>{{"*", ""},
                                                                                   {"*", "a"},
                                                                                   {"hall-*", "hall-"},
                                                                                   {"hall-*", "hall-1"},
                                                                                   {"*-1", "hall-1"},
                                                                                   {"h*l*1", "hall-1"},
                                                                                   {"a*b*c", "axbxbxc"},
                                                                                   {"**a**", "a"},
                                                                                   {"?all", "hall"},
                                                                                   {"?", "\xC3\xA9"},
                                                                                   {"*?", "\xC3\xA9"},
                                                                                   {"[a]", "[a]"}}) {
    BOOST_TEST(globMatches(glob, text), glob << " against " << text);
  }
  for (const auto& [glob, text] : std::vector<std::pair<std::string, std::string>>{{"", "a"},
                                                                                   {"hall", "hall-1"},
                                                                                   {"hall-1", "hall"},
                                                                                   {"hall-?", "hall-12"},
                                                                                   {"?", ""},
                                                                                   {"??", "\xC3\xA9"},
                                                                                   {"*a", "ab"},
                                                                                   {"[a]", "a"},
                                                                                   {"Hall", "hall"}}) {
    BOOST_TEST(!globMatches(glob, text), glob << " against " << text);
  }
  // Not exponential.
  std::string stars;
  for (int i = 0; i < 64; ++i) stars += "a*";
  BOOST_TEST(!globMatches(stars + "b", std::string(128, 'a')));
}

BOOST_AUTO_TEST_CASE(permissions_of_all_matching_grants_add_up) {
  const Grants g({{1, "hall-*"}, {2, "*-1"}, {0, "*"}, {~0U, "other"}});
  BOOST_TEST(g.allow("hall-1", Permission::Read));
  BOOST_TEST(g.allow("hall-1", Permission::Write));
  BOOST_TEST(!g.allow("hall-1", Permission::Moderate));
  BOOST_TEST(!g.allow("hall-2", Permission::Write));
  BOOST_TEST(!g.allow("kitchen", Permission::Read));
  BOOST_TEST(g.allow("other", Permission::Moderate));
  BOOST_TEST(granted(nullptr, "kitchen", Permission::Moderate));
  BOOST_TEST(!granted(grants({}), "kitchen", Permission::Read));
}

BOOST_AUTO_TEST_CASE(no_grants_narrow_nothing) {
  Hall h;
  for (const GrantsPtr& g : {GrantsPtr(), grants({{7, "*"}})}) {
    BOOST_TEST(h.join(g) == "ok");
    BOOST_TEST(h.history(g) == "ok");
    BOOST_TEST(h.position(g) == "ok");
    BOOST_TEST(h.seen(g) == "ok");
    BOOST_TEST(h.send(g) == "ok");
    BOOST_TEST(h.announce(g) == "ok");
    BOOST_TEST(h.edit(g) == "ok");
    BOOST_TEST(h.rooms(g) == 1U);
  }
  BOOST_TEST(h.remove(nullptr, 2) == "ok");
}

BOOST_AUTO_TEST_CASE(a_grant_of_nothing_allows_nothing) {
  Hall h;
  for (const GrantsPtr& g : {grants({{0, "*"}}), grants({{7, "kitchen-*"}})}) {
    BOOST_TEST(h.join(g) == "forbidden");
    BOOST_TEST(h.history(g) == "forbidden");
    BOOST_TEST(h.position(g) == "forbidden");
    BOOST_TEST(h.seen(g) == "forbidden");
    BOOST_TEST(h.send(g) == "forbidden");
    BOOST_TEST(h.announce(g) == "forbidden");
    BOOST_TEST(h.edit(g) == "message_not_found");
    BOOST_TEST(h.remove(g, 2) == "message_not_found");
    BOOST_TEST(h.rooms(g) == 0U);
  }
}

BOOST_AUTO_TEST_CASE(who_may_only_read_writes_nothing) {
  Hall h;
  const GrantsPtr g = grants({{1, "hall-*"}});
  BOOST_TEST(h.join(g) == "ok");
  BOOST_TEST(h.history(g) == "ok");
  BOOST_TEST(h.seen(g) == "ok");
  BOOST_TEST(h.rooms(g) == 1U);
  BOOST_TEST(h.send(g) == "forbidden");
  BOOST_TEST(h.announce(g) == "forbidden");
  BOOST_TEST(h.edit(g) == "forbidden");
  BOOST_TEST(h.remove(g, 2) == "forbidden");
  h.chat.typing(h.ann(g), h.room, {0, SessionId{10}}, true);
  h.settle();
  BOOST_TEST(h.fanout.typings == 0);
  h.chat.typing(h.ann(nullptr), h.room, {0, SessionId{10}}, true);
  h.settle();
  BOOST_TEST(h.fanout.typings == 1);
}

BOOST_AUTO_TEST_CASE(a_moderator_moderates_only_with_a_token_for_it) {
  Hall h;
  h.directory.byId[h.room].members[0].role = Role::Moderator;
  h.chat.accessChanged(h.room);
  h.settle();
  BOOST_TEST(h.remove(grants({{3, "*"}}), 1) == "forbidden");
  BOOST_TEST(h.remove(grants({{5, "*"}}), 1) == "ok");
}

BOOST_AUTO_TEST_CASE(grants_widen_nothing) {
  Hall h;
  const RoomId closed = h.directory.addRoom(kApp, "closed", {2});
  const GrantsPtr all = grants({{7, "*"}});
  BOOST_TEST(h.outcome<Joined>([&](auto done) {
    h.chat.join(h.ann(all), closed, {{0, SessionId{10}}, kAnn, "s"}, std::move(done));
  }) == "forbidden");
  BOOST_TEST(h.remove(all, 1) == "forbidden");  // of bob, and ann is no moderator
}

BOOST_AUTO_TEST_SUITE_END()
