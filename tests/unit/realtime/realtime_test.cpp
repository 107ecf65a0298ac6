// Realtime over stepped loops: Socket.IO sessions with a recorded transport, the real domain, a log that commits when the
// test says so.
#include "unit/realtime/house.h"

using namespace chatd;
using namespace chatd::test;
using namespace std::chrono_literals;

BOOST_AUTO_TEST_SUITE(realtime)

BOOST_AUTO_TEST_CASE(a_message_reaches_both_loops_once_and_its_ack_only_the_sender) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  BOOST_TEST(a->count("0{\"sid\"") == 1U);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*b, R"(21["join","usr-1-2"])");
  BOOST_TEST(b->count("31[{\"ok\":true,\"room\"") == 1U);
  BOOST_TEST(b->count("2[\"info\"") == 1U);
  BOOST_TEST(b->count("2[\"room_info\"") == 1U);
  BOOST_TEST(b->count("2[\"roomData\"") == 1U);
  h.say(*a, R"(27["send_message","hello"])");
  BOOST_TEST(a->count("37") == 0U);
  h.commit();
  BOOST_TEST(a->count("37[{\"ok\":true,\"message\"") == 1U);
  BOOST_TEST(a->seqs().size() == 1U);
  BOOST_TEST(b->seqs().size() == 1U);
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_loop_whose_mailbox_was_full_refills_in_order_and_each_message_once) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*b, R"(2["join","usr-1-2"])");
  std::vector<int> all;
  for (int i = 1; i <= 30; ++i) {
    // Letters from loop to loop are refused for a while, in the middle of the conversation.
    h.executor.refuseEvents = i > 5 && i < 20;
    h.say(*a, R"(2["send_message","m"])");
    h.commit();
    all.push_back(i);
  }
  h.executor.advance(1s);
  BOOST_TEST(a->seqs() == all, boost::test_tools::per_element());
  BOOST_TEST(b->seqs() == all, boost::test_tools::per_element());
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_change_that_overtakes_a_refill_takes_no_message_along) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*b, R"(2["join","usr-1-2"])");
  h.post(1, "first");
  h.executor.refuseEvents = true;
  h.log.readsFail = true;
  h.post(1, "missed");
  // A message and an edit in one batch, and so in one letter, which may not be refused.
  h.say(*a, R"(2["send_message","third"])");
  h.change(1, 1, "edited");
  h.log.readsFail = false;
  h.executor.refuseEvents = false;
  h.executor.advance(1s);
  const std::vector<int> all = {1, 2, 3};
  BOOST_TEST(a->seqs() == all, boost::test_tools::per_element());
  BOOST_TEST(b->seqs() == all, boost::test_tools::per_element());
  BOOST_TEST(a->count("2[\"message-updated\"") == 1U);
  BOOST_TEST(b->count("2[\"message-updated\"") == 1U);
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_lagging_loop_catches_up_when_the_store_is_back) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*b, R"(2["join","usr-1-2"])");
  h.executor.refuseEvents = true;
  h.say(*a, R"(2["send_message","m"])");
  h.executor.run();
  h.log.commit();
  h.executor.runLoops();
  h.executor.refuseWork = true;  // no worker can read now
  h.executor.run();
  h.executor.refuseWork = false;
  h.executor.advance(500ms);
  BOOST_TEST(a->seqs().size() == 1U);
  BOOST_TEST(b->seqs().size() == 1U);
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(who_joins_on_a_lagging_loop_takes_nothing_from_the_others_and_hears_nothing_twice) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*b, R"(2["join","usr-1-2"])");
  h.executor.refuseEvents = true;
  for (int i = 0; i < 3; ++i) {
    h.executor.on(0, [&] { a->session.packet(R"(2["send_message","m"])"); });
    h.executor.runLoops();
    h.log.commit();
    h.executor.runLoops();  // the refill waits for a worker
  }
  auto late = h.raw(1);
  h.executor.on(1, [&] { late->session.packet(R"(0{"token":"u2"})"); });
  h.executor.on(1, [&] { late->session.packet(R"(2["join","usr-1-2"])"); });
  h.executor.runLoops();
  BOOST_TEST(late->count("2[\"info\"") == 1U);
  h.executor.refuseEvents = false;
  h.executor.advance(1s);
  h.say(*a, R"(2["send_message","m"])");
  h.commit();
  BOOST_TEST(b->seqs() == (std::vector<int>{1, 2, 3, 4}), boost::test_tools::per_element());
  BOOST_TEST(late->seqs() == std::vector<int>{4}, boost::test_tools::per_element());
  h.gone(a);
  h.gone(b);
  h.gone(late);
}

BOOST_AUTO_TEST_CASE(a_session_of_both_vocabularies_hears_a_change_once_and_each_message_in_both) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*a, R"(21["join-chat",1])");
  BOOST_TEST(a->count("31[{\"ok\":true,\"room\"") == 1U);
  h.say(*b, R"(21["join-chat","usr-1-2"])");
  h.say(*b, R"(22["send-message",{"chat_id":"1","text":"hello"}])");
  h.commit();
  h.chat.edit({kApp, UserId{2}, false}, MessageId{1}, "hello!", [](const Result<Changed>&) {});
  h.commit();
  for (const auto& [client, plain] : {std::pair{a.get(), 1U}, std::pair{b.get(), 0U}}) {
    BOOST_TEST(client->count("2[\"message\"") == plain);
    BOOST_TEST(client->count("2[\"new-message\"") == 1U);
    BOOST_TEST(client->count("2[\"message-updated\"") == 1U);
  }
  h.say(*b, R"(23["send-message","usr-1-2"])");
  BOOST_TEST(a->count("2[\"new-message\"") == 2U);
  BOOST_TEST(a->got.back().ends_with(R"(,"repeat":true}])"));
  BOOST_TEST(b->count("2[\"new-message\"") == 1U);
  h.say(*a, R"(24["leave-chat",1])");
  BOOST_TEST(a->count("34[{\"ok\":true}]") == 1U);
  h.say(*b, R"(25["send-message",{"chat_id":1,"text":"again"}])");
  h.commit();
  BOOST_TEST(a->count("2[\"new-message\"") == 2U);
  BOOST_TEST(a->count("2[\"message\"") == 2U);
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(who_joins_later_gets_nothing_from_before) {
  House h;
  auto a = h.client("u1", 0);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*a, R"(2["send_message","before"])");
  h.commit();
  auto b = h.client("u2", 0);
  h.say(*b, R"(2["join","usr-1-2"])");
  h.say(*a, R"(2["send_message","after"])");
  h.commit();
  BOOST_TEST(b->seqs() == std::vector<int>{2}, boost::test_tools::per_element());
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(a_thousand_listeners_are_told_in_slices_and_all_of_them) {
  House h;
  std::vector<std::unique_ptr<Client>> all;
  RealtimeOptions options;
  options.sessionsPerUser = 0;
  h.realtime.setOptions(options);
  for (std::size_t i = 0; i < 1000; ++i) {
    all.push_back(h.client("u1", i % 2));
    h.say(*all.back(), R"(2["join","usr-1-2"])");
  }
  for (int i = 0; i < 3; ++i) h.say(*all[0], R"(2["send_message","m"])");
  h.commit();
  for (const auto& c : all) BOOST_REQUIRE(c->seqs().size() == 3U);
  for (auto& c : all) h.gone(c);
  BOOST_TEST(h.realtime.count() == 0U);
}

BOOST_AUTO_TEST_CASE(refusals_answer_the_client_and_outages_only_close_the_transport) {
  House h;
  auto bad = h.client("x", 0);
  BOOST_TEST(bad->count("4{\"message\"") == 1U);
  h.verifier.outage = true;
  auto outage = h.client("u1", 0);
  BOOST_TEST(outage->got.empty());
  BOOST_TEST((outage->closedWith == ws::CloseCode::TryAgainLater));
  h.verifier.outage = false;
  h.verifier.revoked = true;
  auto revoked = h.client("u1", 0);
  BOOST_TEST(revoked->count("0{\"sid\"") == 0U);
  BOOST_TEST((revoked->closedWith == ws::CloseCode::TokenEnded));
  BOOST_TEST(h.realtime.count() == 0U);
  for (auto* c : {&bad, &outage, &revoked}) h.gone(*c);
}

BOOST_AUTO_TEST_CASE(the_twenty_first_session_of_a_user_is_refused) {
  House h;
  std::vector<std::unique_ptr<Client>> all;
  for (int i = 0; i < 21; ++i) all.push_back(h.client("u1", 0));
  BOOST_TEST(all.back()->got.front().find("too_many_sessions") != std::string::npos);
  h.gone(all[0]);
  auto again = h.client("u1", 0);
  BOOST_TEST(again->count("0{\"sid\"") == 1U);
  for (auto& c : all) {
    if (c) h.gone(c);
  }
  h.gone(again);
}

BOOST_AUTO_TEST_CASE(a_kicked_user_hears_why_on_every_loop) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u1", 1);
  BOOST_TEST(h.realtime.endUser(UserId{1}, Code::Kicked) == 2U);
  h.executor.run();
  for (Client* c : {a.get(), b.get()}) {
    BOOST_REQUIRE(c->got.size() == 3U);
    BOOST_TEST(c->got[1].starts_with("2[\"error\",{\"code\":\"kicked\""));
    BOOST_TEST(c->got[2] == "1");
    BOOST_TEST((c->closedWith == ws::CloseCode::Forbidden));
  }
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(who_is_removed_hears_nothing_more_of_the_room) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*b, R"(2["join","usr-1-2"])");
  h.directory.remove(h.room, 2);
  h.chat.accessChanged(h.room);
  h.executor.run();
  BOOST_TEST(b->count("2[\"error\",{\"code\":\"forbidden\"") == 1U);
  h.say(*a, R"(2["send_message","without you"])");
  h.commit();
  BOOST_TEST(b->seqs().empty());
  h.say(*b, R"(25["send_message","let me in"])");
  BOOST_TEST(b->count("35[{\"ok\":false,\"code\":\"not_joined\"") == 1U);
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(who_is_removed_and_added_again_at_once_keeps_its_new_join) {
  House h;
  auto a = h.client("u1", 0);
  auto b = h.client("u2", 1);
  h.say(*a, R"(2["join","usr-1-2"])");
  h.say(*b, R"(2["join","usr-1-2"])");
  for (int i = 0; i < 3; ++i) {
    // Removed, added and joined again before its loop has run: the loss and the new join are on their way together.
    h.directory.remove(h.room, 2);
    h.chat.accessChanged(h.room);
    h.executor.on(1, [&] { b->session.packet(R"(21["join","usr-1-2"])"); });
    h.directory.add(h.room, 2);
    h.chat.accessChanged(h.room);
    h.executor.run();
    h.say(*b, R"(22["join","usr-1-2"])");
  }
  h.say(*a, R"(2["send_message","m"])");
  h.commit();
  BOOST_TEST(b->seqs().size() == 1U);
  h.gone(a);
  h.gone(b);
}

BOOST_AUTO_TEST_CASE(with_64_commands_under_way_the_socket_is_not_read) {
  House h;
  auto a = h.client("u1", 0);
  h.say(*a, R"(2["join","usr-1-2"])");
  ChatLimits limits;
  limits.messagesPerSecond = 0;
  h.chat.setLimits(limits);
  for (int i = 0; i < 64; ++i) h.say(*a, R"(2["send_message","m"])");
  BOOST_TEST(a->paused == 1);
  BOOST_TEST(a->session.full());
  h.commit();
  BOOST_TEST(a->paused == 0);
  h.gone(a);
}

BOOST_AUTO_TEST_CASE(events_of_a_session_are_handled_in_order_across_a_slow_join) {
  House h;
  auto a = h.client("u1", 0);
  // All three before the room has been read.
  h.executor.on(0, [&] {
    a->session.packet(R"(21["join","usr-1-2"])");
    a->session.packet(R"(22["send_message","first"])");
    a->session.packet(R"(23["load_more",{}])");
  });
  h.commit();
  std::vector<std::string> acks;
  for (const std::string& p : a->got) {
    if (p[0] == '3') acks.push_back(p.substr(0, 2));
  }
  BOOST_TEST(acks == (std::vector<std::string>{"31", "32", "33"}), boost::test_tools::per_element());
  h.gone(a);
}

BOOST_AUTO_TEST_CASE(what_is_not_the_protocol_closes_that_session_alone) {
  for (const char* bad : {"", "9", "2[\"x\"", "2{}", "2[]", "5", "51-[\"x\"]", "0[1]", "2/other,[\"join\"]", "3", "xyz"}) {
    House h;
    auto a = h.client("u1", 0);
    auto b = h.client("u2", 0);
    h.say(*a, bad);
    h.say(*b, R"(21["join","usr-1-2"])");
    BOOST_TEST(b->count("31[{\"ok\":true") == 1U, bad);
    BOOST_TEST(!b->closedWith.has_value());
    h.gone(a);
    h.gone(b);
  }
}

BOOST_AUTO_TEST_CASE(a_hundred_rate_limited_answers_end_a_flood) {
  House h;
  auto a = h.client("u1", 0);
  h.say(*a, R"(2["join","usr-1-2"])");
  for (int i = 0; i < 400 && !a->closedWith; ++i) {
    h.say(*a, R"(2["send_message","m"])");
    h.log.commit();
  }
  BOOST_TEST((a->closedWith == ws::CloseCode::Flooding));
  h.gone(a);
}

BOOST_AUTO_TEST_CASE(a_drain_waits_for_what_is_under_way_and_starts_nothing_new) {
  House h;
  auto idle = h.client("u2", 1);
  auto busy = h.client("u1", 0);
  h.say(*busy, R"(2["join","usr-1-2"])");
  h.say(*busy, R"(21["send_message","last words"])");
  h.realtime.drain();
  h.executor.run();
  BOOST_TEST((idle->closedWith == ws::CloseCode::Restarting));
  BOOST_TEST(!busy->closedWith.has_value());
  h.say(*busy, R"(22["send_message","too late"])");
  h.commit();
  BOOST_TEST(busy->count("31[{\"ok\":true") == 1U);
  BOOST_TEST((busy->closedWith == ws::CloseCode::Restarting));
  BOOST_TEST(h.log.messages.size() == 1U);
  h.gone(idle);
  h.gone(busy);
}

BOOST_AUTO_TEST_SUITE_END()
