// Sessions on the JSON wire over stepped loops: requests, recovery by cursor, and what is told without a join.
#include "unit/realtime/house.h"

using namespace chatd;
using namespace chatd::test;
using namespace std::chrono_literals;
using boost::test_tools::per_element;

namespace {

std::vector<int> range(int from, int to) {
  std::vector<int> all;
  for (int i = from; i <= to; ++i) all.push_back(i);
  return all;
}

std::string joinSince(int id, int since, const std::string& more = {}) {
  return R"({"type":"join","id":)" + std::to_string(id) + R"(,"room":"usr-1-2","since":)" + std::to_string(since) + more +
         "}";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(ws_session)

BOOST_AUTO_TEST_CASE(hello_is_first_and_every_request_is_answered_once) {
  House h;
  auto a = h.wsClient(1, 0);
  BOOST_REQUIRE(!a->got.empty());
  BOOST_TEST(a->got[0].starts_with(R"({"type":"hello","session":")"));
  h.say(*a, R"({"type":"join","id":1,"room":"usr-1-2"})");
  BOOST_TEST(a->answer(1).find(R"("epoch":"e1","seq":0,"rev":0)") != std::string::npos);
  BOOST_TEST(a->with(R"("users":[{"userId":1)") == 1U);
  h.tell(*a, R"({"type":"send","id":2,"room":1,"text":"hello"})");
  h.commit();
  BOOST_TEST(a->answer(2).find(R"("text":"hello")") != std::string::npos);
  BOOST_TEST(a->seqs() == std::vector<int>{1}, per_element());
  h.say(*a, R"({"type":"typing","id":3,"room":1,"typing":true})");
  BOOST_TEST(a->answer(3) == R"({"type":"ok","id":3})");
  BOOST_TEST(a->with(R"({"type":"typing")") == 0U);
  h.say(*a, R"({"type":"seen","id":4,"room":1})");
  BOOST_TEST(a->answer(4) == R"({"type":"ok","id":4,"seq":1})");
  h.say(*a, R"({"type":"history","id":5,"room":1})");
  BOOST_TEST(a->answer(5).find(R"("more":false,"firstSeq":1)") != std::string::npos);
  h.say(*a, R"({"type":"leave","id":6,"room":1})");
  BOOST_TEST(a->answer(6) == R"({"type":"ok","id":6})");
  h.say(*a, "nonsense");
  BOOST_TEST(a->got.back().starts_with(R"({"type":"error","id":null,"code":"not_json")"));
  h.gone(a);
  BOOST_TEST(h.realtime.count() == 0U);
}

BOOST_AUTO_TEST_CASE(requests_are_answered_in_order_across_a_slow_one) {
  House h;
  auto a = h.wsClient(1, 0);
  h.tell(*a, R"({"type":"join","id":1,"room":"usr-1-2"})");
  h.tell(*a, R"({"type":"send","id":2,"room":1,"text":"x"})");
  h.tell(*a, R"({"type":"history","id":3,"room":1})");
  h.tell(*a, R"({"type":"nonsense","id":4})");
  h.commit();
  std::vector<int> ids = a->numbers(R"({"type":"ok")", "\"id\":");
  BOOST_TEST(ids == range(1, 3), per_element());
  BOOST_TEST(a->got.back().starts_with(R"({"type":"error","id":4,"code":"unknown_event")"));
  h.gone(a);
}

BOOST_AUTO_TEST_CASE(a_session_that_is_ended_before_it_is_open_closes_at_once) {
  House h;
  auto c = std::make_unique<WsClient>(h.realtime, 0, h.wheels[0]);
  h.executor.on(0, [&] {
    Identity identity;
    identity.app.id = kApp;
    identity.user.id = UserId{1};
    BOOST_REQUIRE(c->session.admit(std::move(identity), "127.0.0.1", {}).ok());
  });
  BOOST_TEST(h.realtime.endUser(UserId{1}, Code::Kicked) == 1U);
  h.executor.run();
  h.executor.on(0, [&] { c->session.opened(*c); });
  BOOST_TEST((c->closedWith == ws::CloseCode::Forbidden));
  BOOST_TEST(c->with("hello") == 0U);
  h.gone(c);
}

BOOST_AUTO_TEST_CASE(a_session_is_in_a_thousand_rooms_and_not_in_one_more) {
  House h;
  RealtimeOptions options;
  options.messagesPerSecond = 0;
  h.realtime.setOptions(options);
  auto a = h.wsClient(1, 0);
  const int limit = static_cast<int>(Session::kMaxRooms);
  std::vector<RoomId> rooms;
  for (int i = 0; i <= limit; ++i) rooms.push_back(h.directory.addRoom(kApp, "room-" + std::to_string(i), {1}));
  const auto join = [&](int id, RoomId room) {
    h.clock.advance(100ms);  // other requests than sends have a rate
    h.say(*a, R"({"type":"join","id":)" + std::to_string(id) + R"(,"room":)" + std::to_string(raw(room)) + "}");
  };
  for (int i = 0; i < limit; ++i) join(i, rooms[static_cast<std::size_t>(i)]);
  BOOST_TEST(a->with(R"({"type":"error")") == 0U);
  join(limit, rooms.back());
  BOOST_TEST(a->answer(limit).find("too_many_rooms") != std::string::npos);
  join(limit + 1, rooms.front());  // there already
  BOOST_TEST(a->answer(limit + 1).starts_with(R"({"type":"ok")"));
  h.say(*a, R"({"type":"leave","id":5000,"room":"room-7"})");
  join(limit + 2, rooms.back());
  BOOST_TEST(a->answer(limit + 2).starts_with(R"({"type":"ok")"));
  h.gone(a);
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_a_ping_is_closed_and_who_does_stays) {
  House h;
  RealtimeOptions options;
  options.pingInterval = 1000ms;
  options.pingTimeout = 500ms;
  h.realtime.setOptions(options);
  auto alive = h.wsClient(1, 0);
  auto dead = h.wsClient(2, 1);
  for (int i = 0; i < 4; ++i) {
    h.advance(1000ms);
    h.executor.on(0, [&] { alive->session.pong(); });
    h.advance(500ms);
  }
  BOOST_TEST(!alive->closedWith.has_value());
  BOOST_TEST((dead->closedWith == ws::CloseCode::GoingAway));
  h.gone(alive);
  h.gone(dead);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(replay)

BOOST_AUTO_TEST_CASE(what_was_missed_comes_after_the_answer_in_order_and_then_what_is_new) {
  House h;
  for (int i = 1; i <= 10; ++i) h.post(1, "m");
  h.change(1, 2, "edited");
  h.change(1, 3, std::nullopt);
  auto b = h.wsClient(2, 1);
  h.say(*b, joinSince(1, 4, R"(,"sinceRev":0,"epoch":"e1")"));
  h.post(1, "new");
  BOOST_TEST(b->answer(1).find(R"("recovered":true)") != std::string::npos);
  BOOST_TEST(b->seqs() == range(5, 11), per_element());
  BOOST_TEST(b->revs() == range(1, 2), per_element());
  const auto first = [&](std::string_view part) {
    return std::find_if(b->got.begin(), b->got.end(),
                        [&](const std::string& p) { return p.find(part) != std::string::npos; });
  };
  BOOST_TEST((first(R"({"type":"ok","id":1)") < first(R"({"type":"message")")));
  BOOST_TEST((first(R"({"type":"updated")") < first(R"("seq":11,"message")")));
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_given_whole_is_not_given_at_all) {
  House h;
  RealtimeOptions options;
  options.replay = 5;
  h.realtime.setOptions(options);
  for (int i = 1; i <= 6; ++i) h.post(1, "m");
  h.change(1, 2, "edited");
  int id = 0;
  auto b = h.wsClient(2, 1);
  const std::pair<int, const char*> impossible[] = {{0, ""}, {7, ""}, {6, R"(,"epoch":"e2")"}, {6, R"(,"sinceRev":2)"}};
  for (const auto& [since, more] : impossible) {
    h.say(*b, joinSince(++id, since, more));
    BOOST_TEST(b->answer(id).find(R"("recovered":false)") != std::string::npos, since);
  }
  // Retention took one of those that are asked for.
  std::erase_if(h.log.messages, [](const Message& m) { return m.seq == Seq{3}; });
  h.say(*b, joinSince(++id, 2));
  BOOST_TEST(b->answer(id).find(R"("recovered":false)") != std::string::npos);
  h.say(*b, joinSince(++id, 3));
  BOOST_TEST(b->answer(id).find(R"("recovered":true)") != std::string::npos);
  BOOST_TEST(b->seqs() == range(4, 6), per_element());
  BOOST_TEST(b->revs().empty());
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_slow_reader_is_given_pages_and_what_is_said_meanwhile_waits_its_turn) {
  House h;
  for (int i = 1; i <= 500; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 600'000;  // over half of the outbox
  h.say(*b, joinSince(1, 0));
  BOOST_TEST(b->answer(1).find(R"("recovered":true)") != std::string::npos);
  BOOST_TEST(b->seqs().empty());
  for (int i = 0; i < 20; ++i) h.post(1, "meanwhile");
  BOOST_TEST(b->seqs().empty());
  h.drain(*b);
  BOOST_TEST(b->seqs() == range(1, 520), per_element());
  h.post(1, "live");
  BOOST_TEST(b->seqs() == range(1, 521), per_element());
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(more_than_can_be_held_is_read_from_the_log_and_still_each_comes_once) {
  House h;
  RealtimeOptions options;
  options.outboxBytes = 65'536;
  options.replay = 10'000;
  h.realtime.setOptions(options);
  for (int i = 1; i <= 50; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 40'000;
  h.say(*b, joinSince(1, 0, R"(,"sinceRev":0)"));
  for (int i = 0; i < 200; ++i) h.post(1, "meanwhile");
  h.change(1, 7, "edited");
  for (int i = 0; i < 200; ++i) h.post(1, "meanwhile");
  BOOST_TEST(b->seqs().empty());
  h.drain(*b);
  h.post(1, "live");
  h.change(1, 8, "edited live");
  BOOST_TEST(b->seqs() == range(1, 451), per_element());
  BOOST_TEST(b->revs() == range(1, 2), per_element());
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(who_falls_further_behind_than_can_be_replayed_is_closed_as_too_slow) {
  House h;
  RealtimeOptions options;
  options.outboxBytes = 65'536;
  options.replay = 100;
  h.realtime.setOptions(options);
  h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 40'000;
  h.say(*b, joinSince(1, 0));
  for (int i = 0; i < 400; ++i) h.post(1, "meanwhile");
  h.drain(*b);
  BOOST_TEST((b->closedWith == ws::CloseCode::TooSlow));
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_hole_that_appears_while_it_is_given_closes_instead_of_giving_a_part) {
  House h;
  for (int i = 1; i <= 20; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 600'000;
  h.say(*b, joinSince(1, 0));
  std::erase_if(h.log.messages, [](const Message& m) { return m.seq <= Seq{5}; });
  h.drain(*b);
  BOOST_TEST((b->closedWith == ws::CloseCode::TooSlow));
  BOOST_TEST(b->seqs().empty());
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_store_that_is_away_for_a_while_only_delays_it) {
  House h;
  for (int i = 1; i <= 20; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 600'000;
  h.say(*b, joinSince(1, 0));
  h.log.readsFail = true;
  h.drain(*b);
  BOOST_TEST(b->seqs().empty());
  for (int i = 0; i < 3; ++i) h.advance(150ms);
  h.log.readsFail = false;
  h.advance(150ms);
  BOOST_TEST(b->seqs() == range(1, 20), per_element());
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(what_is_asked_behind_a_replay_is_answered_after_it) {
  House h;
  for (int i = 1; i <= 10; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 600'000;
  h.say(*b, joinSince(1, 0));
  h.say(*b, R"({"type":"seen","id":2,"room":1})");
  BOOST_TEST(b->answer(2).empty());
  h.drain(*b);
  BOOST_TEST(b->answer(2) == R"({"type":"ok","id":2,"seq":10})");
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(who_is_removed_meanwhile_loses_the_room_and_goes_on) {
  House h;
  for (int i = 1; i <= 10; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 600'000;
  h.say(*b, joinSince(1, 0));
  h.directory.remove(h.room, 2);
  h.chat.accessChanged(h.room);
  h.executor.run();
  BOOST_TEST(b->with(R"({"type":"left","room":"usr-1-2")") == 1U);
  h.drain(*b);
  h.say(*b, R"({"type":"join","id":2,"room":1})");
  BOOST_TEST(b->answer(2).find("forbidden") != std::string::npos);
  BOOST_TEST(b->seqs().empty());
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_session_that_goes_in_the_middle_leaves_nothing_behind) {
  House h;
  for (int i = 1; i <= 300; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 600'000;
  h.tell(*b, joinSince(1, 0));
  h.executor.runLoops();
  h.gone(b);
  auto c = h.wsClient(2, 1);
  h.tell(*c, joinSince(1, 0));
  h.executor.runLoops();
  h.executor.on(1, [&] { c->close(ws::CloseCode::Normal, {}); });
  h.executor.run();
  h.gone(c);
  h.post(1, "alone");
  BOOST_TEST(h.realtime.count() == 0U);
}

BOOST_AUTO_TEST_CASE(a_drain_does_not_wait_for_a_replay) {
  House h;
  for (int i = 1; i <= 10; ++i) h.post(1, "m");
  auto b = h.wsClient(2, 1);
  b->slow = true;
  b->unsent = 600'000;
  h.say(*b, joinSince(1, 0));
  h.realtime.drain();
  h.executor.run();
  BOOST_TEST((b->closedWith == ws::CloseCode::Restarting));
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_sync_of_many_rooms_answers_once_and_plays_each_room) {
  House h;
  std::string rooms;
  for (int i = 0; i < 50; ++i) {
    const std::string name = "room-" + std::to_string(i);
    const RoomId id = h.directory.addRoom(kApp, name, {1, 2});
    for (int m = 0; m < i % 4; ++m) h.post(1, "m", id);
    rooms += (rooms.empty() ? "" : ",") + ("\"" + name) + R"(":{"since":0})";
  }
  auto b = h.wsClient(2, 1);
  h.say(*b, R"({"type":"sync","id":1,"rooms":{)" + rooms + R"(,"nowhere":{},"usr-1-2":{}}})");
  const std::string answer = b->answer(1);
  BOOST_TEST(answer.find(R"("nowhere":{"error":{"code":"room_not_found")") != std::string::npos);
  BOOST_TEST(b->with(R"({"type":"presence")") == 51U);
  std::size_t expected = 0;
  for (int i = 0; i < 50; ++i) expected += static_cast<std::size_t>(i % 4);
  BOOST_TEST(b->seqs().size() == expected);
  h.gone(b);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(followers)

BOOST_AUTO_TEST_CASE(a_hot_room_is_told_once_a_second_with_the_unread_of_each) {
  House h;
  auto a = h.wsClient(1, 0);
  auto b = h.wsClient(2, 1);
  for (int i = 0; i < 100; ++i) h.post(1, "m");
  h.advance(1ms);
  const std::size_t atOnce = b->with(R"({"type":"room")");
  BOOST_TEST(atOnce <= 2U);
  h.advance(1000ms);
  BOOST_TEST(b->with(R"({"type":"room")") == atOnce + 1);
  BOOST_TEST(b->got.back().starts_with(R"({"type":"room","room":"usr-1-2","roomId":1,"seq":100,"unread":100,)"));
  BOOST_TEST(a->got.back().starts_with(R"({"type":"room","room":"usr-1-2","roomId":1,"seq":100,"unread":0,)"));
  h.advance(3000ms);
  BOOST_TEST(b->with(R"({"type":"room")") == atOnce + 1);
  // Read on another session: news for the own ones alone.
  auto desk = h.wsClient(2, 0);
  const std::size_t ofA = a->with(R"({"type":"room")");
  h.say(*desk, R"({"type":"seen","id":1,"room":1})");
  h.advance(1ms);
  BOOST_TEST(b->got.back().find(R"("unread":0)") != std::string::npos);
  BOOST_TEST(a->with(R"({"type":"room")") == ofA);
  for (auto* c : {&a, &b, &desk}) h.gone(*c);
}

BOOST_AUTO_TEST_CASE(who_is_added_follows_the_room_and_who_is_removed_does_not) {
  House h;
  auto a = h.wsClient(1, 0);
  auto c = h.wsClient(3, 1);
  const auto user = std::make_shared<const User>(RoomDirectory::member(kApp, 3).user);
  h.directory.add(h.room, 3);
  h.chat.membersChanged(kApp, h.room, {{user, Role::Member, MemberChange::Kind::Added}});
  h.executor.run();
  for (const auto* one : {&a, &c}) BOOST_TEST((*one)->with(R"("change":"added","user":{"id":3)") == 1U);
  h.post(1, "welcome");
  h.advance(1ms);
  BOOST_TEST(c->with(R"("text":"welcome")") == 1U);
  h.directory.remove(h.room, 3);
  h.chat.membersChanged(kApp, h.room, {{user, Role::Member, MemberChange::Kind::Removed}});
  h.executor.run();
  for (const auto* one : {&a, &c}) BOOST_TEST((*one)->with(R"("change":"removed","user":{"id":3)") == 1U);
  h.advance(2000ms);
  h.post(1, "without you");
  h.advance(2000ms);
  BOOST_TEST(c->with(R"("text":"without you")") == 0U);
  BOOST_TEST(a->with(R"("text":"without you")") == 1U);
  // A change that was taken back meanwhile is not told.
  h.chat.membersChanged(kApp, h.room, {{user, Role::Member, MemberChange::Kind::Added}});
  h.executor.run();
  BOOST_TEST(a->with(R"("change":"added")") == 1U);
  h.gone(a);
  h.gone(c);
}

BOOST_AUTO_TEST_CASE(a_loop_that_is_too_busy_is_told_a_second_later) {
  House h;
  auto b = h.wsClient(2, 1);
  h.executor.refuseEvents = true;
  h.post(1, "m");
  h.advance(1ms);
  BOOST_TEST(b->with(R"({"type":"room")") == 0U);
  h.executor.refuseEvents = false;
  h.advance(1000ms);
  BOOST_TEST(b->with(R"({"type":"room")") == 1U);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(without_followers_changes_of_members_load_no_room) {
  House h;
  const int before = h.directory.reads;
  const auto user = std::make_shared<const User>(RoomDirectory::member(kApp, 3).user);
  h.directory.add(h.room, 3);
  h.chat.membersChanged(kApp, h.room, {{user, Role::Member, MemberChange::Kind::Added}});
  h.executor.run();
  BOOST_TEST(h.directory.reads == before);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tokens_for_some_rooms)

BOOST_AUTO_TEST_CASE(a_session_is_told_of_the_rooms_of_its_token_only) {
  House h;
  const RoomId hall = h.directory.addRoom(kApp, "hall", {1, 2});
  auto free = h.wsClient(1, 0);
  auto bound = h.wsClient(1, 0, std::make_shared<const Grants>(std::vector<Grants::Grant>{{1, "hall"}}));
  h.post(2, "in the pair");
  h.post(2, "in the hall", hall);
  h.advance(1ms);
  BOOST_TEST(free->with(R"("text":"in the pair")") == 1U);
  BOOST_TEST(free->with(R"("text":"in the hall")") == 1U);
  BOOST_TEST(bound->with(R"("text":"in the pair")") == 0U);
  BOOST_TEST(bound->with(R"("text":"in the hall")") == 1U);
  h.say(*bound, R"({"type":"rooms","id":1})");
  BOOST_TEST(bound->answer(1).find(R"("room":"hall")") != std::string::npos);
  BOOST_TEST(bound->answer(1).find(R"("room":"usr-1-2")") == std::string::npos);
  h.say(*bound, R"({"type":"join","id":2,"room":"usr-1-2"})");
  BOOST_TEST(bound->answer(2).find(R"("code":"forbidden")") != std::string::npos);
  // Recovery is a join too.
  h.say(*bound, R"({"type":"join","id":3,"room":"usr-1-2","since":0})");
  BOOST_TEST(bound->answer(3).find(R"("code":"forbidden")") != std::string::npos);
  h.say(*bound, R"({"type":"sync","id":4,"rooms":{"usr-1-2":{"since":0}}})");
  BOOST_TEST(bound->answer(4).find(R"("code":"forbidden")") != std::string::npos);
  BOOST_TEST(bound->with("in the pair") == 0U);
  h.gone(free);
  h.gone(bound);
}

BOOST_AUTO_TEST_CASE(a_room_that_is_given_another_name_is_lost_by_tokens_that_do_not_name_it) {
  House h;
  auto free = h.wsClient(1, 0);
  auto bound = h.wsClient(2, 1, std::make_shared<const Grants>(std::vector<Grants::Grant>{{1, "usr-*"}}));
  for (auto* c : {&free, &bound}) h.say(**c, R"({"type":"join","id":1,"room":"usr-1-2"})");
  BOOST_TEST(bound->answer(1).find(R"("type":"ok")") != std::string::npos);
  h.directory.byId[h.room].room.name = "secret";
  h.chat.roomChanged(h.room);
  h.executor.run();
  h.post(1, "behind the door");
  h.advance(1000ms);
  BOOST_TEST(bound->with(R"("code":"forbidden")") == 1U);
  BOOST_TEST(bound->with("behind the door") == 0U);
  BOOST_TEST(free->with(R"("text":"behind the door")") >= 1U);
  h.gone(free);
  h.gone(bound);
}

BOOST_AUTO_TEST_CASE(a_newer_token_for_other_rooms_takes_the_session_out_of_the_old_ones) {
  House h;
  auto c = h.wsClient(1, 0);
  h.say(*c, R"({"type":"join","id":1,"room":"usr-1-2"})");
  h.verifier.grants = std::make_shared<const Grants>(std::vector<Grants::Grant>{{7, "hall"}});
  h.say(*c, R"({"type":"auth","id":2,"token":"u1"})");
  BOOST_TEST(c->answer(2).find(R"("type":"ok")") != std::string::npos);
  BOOST_TEST(c->with(R"("code":"forbidden")") == 1U);
  h.post(2, "too late");
  h.advance(1000ms);
  BOOST_TEST(c->with("too late") == 0U);
  h.say(*c, R"({"type":"send","id":3,"room":"usr-1-2","text":"x"})");
  BOOST_TEST(c->answer(3).find(R"("code":"forbidden")") != std::string::npos);
  h.gone(c);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tokens_that_are_asked_about_again)

namespace {
struct Again : House {
  Again() { verifier.every = 10s; }
  std::unique_ptr<Client> in() {
    auto c = client("u1", 0);
    BOOST_REQUIRE_EQUAL(c->count("0{"), 1U);
    return c;
  }
};
}  // namespace

BOOST_AUTO_TEST_CASE(a_session_whose_token_is_refused_ends_within_the_interval) {
  for (const auto& [refused, told] : std::vector<std::pair<Code, std::string>>{{Code::Unauthorized, "token_revoked"},
                                                                               {Code::UnknownUser, "token_revoked"},
                                                                               {Code::TokenRevoked, "token_revoked"},
                                                                               {Code::TokenExpired, "token_expired"},
                                                                               {Code::Banned, "banned"}}) {
    Again h;
    auto c = h.in();
    h.verifier.denial = refused;
    h.advance(7900ms);
    BOOST_TEST(!c->closedWith);
    h.advance(2100ms);
    BOOST_TEST(c->with("\"" + told + "\"") == 1U);
    BOOST_REQUIRE(c->closedWith);
    BOOST_TEST((*c->closedWith == (refused == Code::Banned ? ws::CloseCode::Forbidden : ws::CloseCode::TokenEnded)));
    h.gone(c);
  }
}

BOOST_AUTO_TEST_CASE(sessions_that_live_when_the_interval_is_set_or_shortened_are_asked_about_in_the_new_one) {
  Again h;
  h.verifier.every = 0s;
  std::vector<std::unique_ptr<Client>> in;
  for (int i = 1; i <= 40; ++i) in.push_back(h.client("u" + std::to_string(i), 0));
  App app;
  app.id = kApp;
  const auto set = [&](std::chrono::seconds every) {
    ++app.revision;
    app.settings.reverify = h.verifier.every = every;
    h.realtime.reverify(app);
    h.executor.run();
  };
  // For a second of the clock of the test: how many were asked about.
  const auto asked = [&](std::chrono::milliseconds time) {
    const int before = h.verifier.asked;
    h.advance(time);
    return h.verifier.asked - before;
  };
  BOOST_TEST(asked(10s) == 0);
  set(10s);
  int all = 0;
  for (int i = 0; i < 10; ++i) {
    const int now = asked(1s);
    // Forty at once would be a herd; four are the mean.
    BOOST_TEST(now < 20);
    all += now;
  }
  // The first of them a second time.
  BOOST_TEST(all >= 40);
  set(3600s);
  static_cast<void>(asked(10s));
  BOOST_TEST(asked(10s) == 0);
  set(4s);
  BOOST_TEST(asked(4s) >= 40);
  set(0s);
  BOOST_TEST(asked(20s) == 0);
  // One whose token was judged before the change hears of it all the same.
  set(5s);
  h.verifier.every = 0s;
  auto late = h.client("u99", 0);
  const int before = h.verifier.asked;
  h.verifier.denial = Code::Unauthorized;
  h.advance(5s);
  BOOST_TEST(late->closedWith.has_value());
  BOOST_TEST(h.verifier.asked == before);
  h.gone(late);
  for (auto& c : in) h.gone(c);
}

BOOST_AUTO_TEST_CASE(another_token_is_judged_by_what_the_request_brought_as_the_first_one_was) {
  House h;
  h.fields = std::make_shared<const PeerFields>(PeerFields{{"x-device", "7"}});
  auto c = h.wsClient(1, 0);
  h.say(*c, R"({"type":"auth","id":1,"token":"u1"})");
  BOOST_TEST((h.verifier.last.fields == h.fields));
  BOOST_TEST(h.verifier.last.session);
  h.gone(c);
}

BOOST_AUTO_TEST_CASE(while_nobody_can_say_who_is_in_stays_and_is_asked_about_soon_again) {
  Again h;
  auto c = h.in();
  h.verifier.outage = true;
  const int before = h.verifier.asked;
  h.advance(10s);
  BOOST_TEST(h.verifier.asked == before + 1);
  for (int i = 0; i < 10; ++i) h.advance(5s);
  BOOST_TEST(h.verifier.asked >= before + 10);
  BOOST_TEST(!c->closedWith);
  h.verifier.outage = false;
  h.verifier.denial = Code::Unauthorized;
  h.advance(5s);
  BOOST_TEST(c->closedWith.has_value());
  h.gone(c);
}

BOOST_AUTO_TEST_CASE(a_token_that_is_good_again_brings_its_new_expiry_and_grants) {
  Again h;
  auto c = h.wsClient(1, 0);
  h.say(*c, R"({"type":"auth","id":1,"token":"u1"})");
  h.say(*c, R"({"type":"join","id":2,"room":"usr-1-2"})");
  h.verifier.grants = std::make_shared<const Grants>(std::vector<Grants::Grant>{{7, "hall"}});
  h.advance(10s);
  BOOST_TEST(c->with(R"("code":"forbidden")") == 1U);
  BOOST_TEST(!c->closedWith);
  // Every time anew, a little earlier or later.
  const int before = h.verifier.asked;
  const auto aSecond = [&] {
    h.executor.on(0, [&] { c->session.pong(); });
    h.advance(1s);
  };
  for (int i = 0; i < 100; ++i) aSecond();
  BOOST_TEST(h.verifier.asked >= before + 9);
  BOOST_TEST(h.verifier.asked <= before + 14);
  h.verifier.every = 0s;
  h.advance(10s);
  const int after = h.verifier.asked;
  for (int i = 0; i < 30; ++i) aSecond();
  BOOST_TEST(h.verifier.asked == after);
  h.gone(c);
}

BOOST_AUTO_TEST_SUITE_END()
