// Heartbeats, to the millisecond.
#include <boost/test/unit_test.hpp>

#include "house.h"

using namespace chatd;
using namespace std::chrono_literals;
using test::House;

BOOST_AUTO_TEST_SUITE(heartbeat)

BOOST_AUTO_TEST_CASE(a_ping_comes_when_the_interval_is_over_and_not_before) {
  House h;
  const std::string sid = h.open();
  for (int i = 0; i < 3; ++i) {
    const auto poll = h.get(sid);
    h.loops.advance(299ms);
    BOOST_TEST(!poll.answered());
    h.loops.advance(1ms);
    BOOST_TEST(poll.body() == "2");
    BOOST_TEST(h.post(sid, "3").body() == "ok");
  }
}

BOOST_AUTO_TEST_CASE(who_does_not_answer_ends_when_the_timeout_is_over_and_not_before) {
  House h;
  const std::string sid = h.open();
  const auto poll = h.get(sid);
  h.loops.advance(300ms);
  BOOST_TEST(poll.body() == "2");
  const auto next = h.get(sid);
  h.loops.advance(199ms);
  BOOST_TEST(h.speakers.size() == 1U);
  h.loops.advance(1ms);
  BOOST_TEST(h.speakers.empty());
  BOOST_TEST(next.body() == "1");
}

BOOST_AUTO_TEST_CASE(who_never_polls_ends_after_interval_and_timeout) {
  House h;
  const std::string sid = h.open();
  h.loops.advance(499ms);
  BOOST_TEST(h.server->sessions() == 1U);
  h.loops.advance(1ms);
  BOOST_TEST(h.server->sessions() == 0U);
  BOOST_TEST(h.get(sid).status() == 400);
}

BOOST_AUTO_TEST_CASE(a_poll_that_fetches_its_ping_too_late_to_answer_ends_the_session) {
  House h;
  const std::string inTime = h.open();
  const std::string late = h.open();
  h.loops.advance(300ms);
  h.loops.advance(198ms);
  BOOST_TEST(h.get(inTime).body() == "2");
  h.loops.advance(1ms);
  BOOST_TEST(h.get(late).status() == 400);
  BOOST_TEST(h.post(inTime, "3").body() == "ok");
  h.loops.advance(100ms);
  BOOST_TEST(h.speakers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(a_websocket_is_pinged_and_ends_likewise) {
  House h;
  auto r = h.upgradeRequest("EIO=4&transport=websocket");
  BOOST_TEST(r.status() == 101);
  auto socket = h.socket(r, 0);
  h.loops.advance(299ms);
  BOOST_TEST(socket.got().size() == 1U);
  h.loops.advance(1ms);
  BOOST_TEST(socket.got().back() == "2");
  socket.text("3");
  h.loops.advance(300ms);
  BOOST_TEST(socket.got().size() == 3U);
  h.loops.advance(200ms);
  BOOST_TEST(socket.got().back() == "close 1001");
  BOOST_TEST(h.speakers[0]->closes == 1);
  h.close(socket);
  BOOST_TEST(h.server->sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(of_revision_3_the_client_pings) {
  House h;
  const std::string sid = h.open(0, "3");
  const auto ask = [&](std::string method, std::string body) {
    return h.request(std::move(method), "EIO=3&transport=polling&sid=" + sid, std::move(body));
  };
  h.loops.advance(499ms);
  const auto poll = ask("GET", {});
  BOOST_TEST(ask("POST", "1:2").body() == "ok");
  BOOST_TEST(poll.body() == "1:3");
  h.loops.advance(499ms);
  BOOST_TEST(h.speakers.size() == 1U);
  const auto last = ask("GET", {});
  h.loops.advance(1ms);
  BOOST_TEST(last.body() == "1:1");
  BOOST_TEST(h.speakers.empty());
}

BOOST_AUTO_TEST_SUITE_END()
