// From polling to WebSocket, and what else WebSockets of a sid may try.
#include <boost/test/unit_test.hpp>

#include "house.h"

using namespace chatd;
using namespace std::chrono_literals;
using test::House;
using Texts = std::vector<std::string>;

BOOST_AUTO_TEST_SUITE(upgrade)

BOOST_AUTO_TEST_CASE(a_websocket_of_its_own_begins_a_session) {
  House h;
  auto r = h.upgradeRequest("EIO=4&transport=websocket", 1);
  BOOST_TEST(r.status() == 101);
  BOOST_TEST(r.header("Sec-WebSocket-Accept") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  auto socket = h.socket(r, 1);
  BOOST_TEST(socket.got()[0].find(R"("upgrades":[])") != std::string::npos);
  socket.text("4hello");
  socket.frame(ws::Opcode::Binary, "\1\2");
  BOOST_TEST(socket.got().at(1) == "4hello");
  BOOST_TEST(socket.got().at(2) == "\1\2");
  BOOST_TEST(h.speakers[0]->transport->loop() == 1U);
  socket.text("1");
  BOOST_TEST(socket.got().back() == "close 1000");
  h.close(socket);
  BOOST_TEST(h.server->sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(what_is_no_packet_ends_it) {
  House h;
  auto r = h.upgradeRequest("EIO=4&transport=websocket");
  auto socket = h.socket(r, 0);
  socket.text("abc");
  BOOST_TEST(socket.got().back() == "close 1002");
  h.close(socket);
}

BOOST_AUTO_TEST_CASE(a_session_on_polling_goes_over_in_order_and_nothing_is_lost) {
  House h;
  const std::string sid = h.open(1);
  auto socket = h.upgrade(sid, 0, 1);
  const auto parked = h.get(sid);
  socket.text("2probe");
  BOOST_TEST(socket.got() == Texts{"3probe"}, boost::test_tools::per_element());
  BOOST_TEST(parked.body() == "6");
  BOOST_TEST(h.get(sid).body() == "6");
  h.loops.on(1, [&] { h.speakers[0]->say("while probing"); });
  BOOST_TEST(h.get(sid).body() == "4while probing");
  h.loops.on(1, [&] {
    h.speakers[0]->say("one");
    h.speakers[0]->say("two");
  });
  socket.text("5");
  BOOST_TEST(h.speakers[0]->transport->name() == "websocket");
  socket.text("4three");
  BOOST_TEST(socket.got() == (Texts{"3probe", "4one", "4two", "4three"}), boost::test_tools::per_element());
  BOOST_TEST(h.get(sid).body() == R"({"code":3,"message":"Bad request"})");
  BOOST_TEST(h.post(sid, "4x").status() == 400);
  h.close(socket);
  BOOST_TEST(h.speakers.empty());
}

BOOST_AUTO_TEST_CASE(a_poll_that_is_parked_when_the_upgrade_ends_gets_a_noop) {
  House h;
  const std::string sid = h.open();
  auto socket = h.upgrade(sid);
  socket.text("2probe");
  h.loops.on(0, [&] {
    // Nothing but the probe may have answered it: it comes in the same turn.
    socket.connection->input(test::clientFrame(ws::Opcode::Text, "5"));
  });
  h.loops.run();
  BOOST_TEST(h.get(sid).status() == 400);
  h.close(socket);
}

BOOST_AUTO_TEST_CASE(a_poll_waits_for_what_the_websocket_had_brought_before_it) {
  House h;
  const std::string sid = h.open();
  auto socket = h.upgrade(sid);
  test::Request poll;
  net::HttpRequest r;
  r.method = "GET";
  r.query = "EIO=4&transport=polling&sid=" + sid;
  h.loops.on(0, [&] { h.server->handle(std::move(r), net::HttpResponder(poll.sink)); });
  // The loop reads its sockets in the turn after it.
  h.loops.on(0, [&] {
    socket.connection->input(test::clientFrame(ws::Opcode::Text, "2probe") + test::clientFrame(ws::Opcode::Text, "5"));
  });
  h.loops.run();
  BOOST_TEST(poll.status() == 400);
  h.close(socket);
}

BOOST_AUTO_TEST_CASE(a_second_websocket_is_opened_and_closed_and_the_first_goes_on) {
  House h;
  const std::string sid = h.open();
  auto first = h.upgrade(sid);
  auto early = h.upgrade(sid);
  BOOST_TEST(early.got() == Texts{"close 1000"}, boost::test_tools::per_element());
  first.text("2probe");
  first.text("5");
  auto late = h.upgrade(sid);
  BOOST_TEST(late.got() == Texts{"close 1000"}, boost::test_tools::per_element());
  h.close(early);
  h.close(late);
  first.text("4still here");
  BOOST_TEST(first.got().back() == "4still here");
  h.close(first);
}

BOOST_AUTO_TEST_CASE(an_unknown_sid_is_refused_before_the_upgrade) {
  House h;
  const auto r = h.upgradeRequest("EIO=4&transport=websocket&sid=AAAAAAAAAAAAAAAAAAAAAA");
  BOOST_TEST(r.status() == 400);
  BOOST_TEST(r.body() == R"({"code":1,"message":"Session ID unknown"})");
  BOOST_TEST(h.request("GET", "EIO=4&transport=websocket").status() == 426);
}

BOOST_AUTO_TEST_CASE(a_probe_that_fails_leaves_the_session_on_polling) {
  for (const char* word : {"2", "5", "4hello", "x"}) {
    House h;
    const std::string sid = h.open();
    auto socket = h.upgrade(sid);
    socket.text(word);
    BOOST_TEST(socket.got().back() == "close 1002", word);
    h.close(socket);
    BOOST_TEST(h.post(sid, "4on").body() == "ok");
    BOOST_TEST(h.get(sid).body() == "4on");
    auto again = h.upgrade(sid);
    again.text("2probe");
    again.text("5");
    BOOST_TEST(again.got().back() == "3probe");
    h.close(again);
  }
}

BOOST_AUTO_TEST_CASE(an_upgrade_that_takes_too_long_is_closed_and_the_session_stays) {
  House h({.pingInterval = 60s, .pingTimeout = 60s, .upgradeTime = 1000ms});
  const std::string sid = h.open();
  auto socket = h.upgrade(sid);
  socket.text("2probe");
  h.loops.advance(1001ms);
  BOOST_TEST(socket.got().back() == "close 1008");
  h.close(socket);
  BOOST_TEST(!h.get(sid).answered());
  BOOST_TEST(h.speakers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_session_that_ends_while_it_is_probed_takes_the_websocket_along) {
  House h;
  const std::string sid = h.open();
  auto socket = h.upgrade(sid);
  BOOST_TEST(h.post(sid, "1").body() == "ok");
  BOOST_TEST(socket.got().back() == "close 1000");
  h.close(socket);
  BOOST_TEST(h.server->sessions() == 0U);
  auto late = h.upgradeRequest("EIO=4&transport=websocket&sid=" + sid);
  BOOST_TEST(late.status() == 400);
}

BOOST_AUTO_TEST_CASE(a_websocket_that_comes_after_its_session_has_gone_is_closed) {
  House h;
  const std::string sid = h.open();
  auto r = h.upgradeRequest("EIO=4&transport=websocket&sid=" + sid);
  BOOST_TEST(h.post(sid, "1").body() == "ok");
  auto socket = h.socket(r, 0);
  BOOST_TEST(socket.got() == Texts{"close 1000"}, boost::test_tools::per_element());
  h.close(socket);
}

BOOST_AUTO_TEST_CASE(packets_of_a_post_that_waits_come_before_those_of_the_websocket) {
  House h;
  const std::string sid = h.open();
  h.speakers[0]->isFull = true;
  h.loops.on(0, [&] { h.speakers[0]->transport->pauseReading(); });
  const auto held = h.post(sid,
                           "4first\x1e"
                           "4second");
  auto socket = h.upgrade(sid);
  socket.text("2probe");
  socket.text("5");
  socket.text("4third");
  BOOST_TEST(h.speakers[0]->heard.empty());
  h.speakers[0]->isFull = false;
  h.loops.on(0, [&] { h.speakers[0]->transport->resumeReading(); });
  h.loops.run();
  socket.turn();
  BOOST_TEST(held.body() == "ok");
  BOOST_TEST(h.speakers[0]->heard == (Texts{"first", "second", "third"}), boost::test_tools::per_element());
  h.close(socket);
}

BOOST_AUTO_TEST_CASE(revision_3_has_its_own_form_of_binaries_and_may_be_switched_off) {
  House h;
  auto r = h.upgradeRequest("EIO=3&transport=websocket");
  auto socket = h.socket(r, 0);
  BOOST_TEST(socket.got()[0].find("maxPayload") != std::string::npos);
  socket.frame(ws::Opcode::Binary, "\4\1\2");
  BOOST_TEST(h.speakers[0]->bytes.at(0) == "\1\2");
  BOOST_TEST(socket.got().back() == "\4\1\2");
  h.loops.on(0, [&] {
    std::string reply;
    ws::appendFrame(reply, ws::Opcode::Binary, "\7");
    h.speakers[0]->transport->sendReply(std::move(reply));
  });
  BOOST_TEST(socket.got().back() == "\4\7");
  socket.text("2");
  BOOST_TEST(socket.got().back() == "3");
  h.close(socket);
  House off({.revision3 = false});
  BOOST_TEST(off.request("GET", "EIO=3&transport=polling").body() ==
             R"({"code":5,"message":"Unsupported protocol version"})");
}

BOOST_AUTO_TEST_SUITE_END()
