// Engine.IO over long polling: handshake, batches, rules about concurrent requests, ends.
#include <boost/test/unit_test.hpp>

#include "house.h"

using namespace chatd;
using namespace std::chrono_literals;
using test::House;

BOOST_AUTO_TEST_SUITE(polling)

BOOST_AUTO_TEST_CASE(a_handshake_says_what_the_protocol_wants) {
  House h;
  const auto r = h.request("GET", "EIO=4&transport=polling&t=abc");
  BOOST_TEST(r.status() == 200);
  BOOST_TEST(r.header("Content-Type") == "text/plain; charset=UTF-8");
  const std::string sid = House::sidOf(r.body());
  BOOST_TEST(sid.size() == 22U);
  BOOST_TEST(r.body() == R"(0{"sid":")" + sid +
                             R"(","upgrades":["websocket"],"pingInterval":300,"pingTimeout":200,"maxPayload":1000000})");
  BOOST_TEST(h.speakers.at(0)->transport->peer().ip == "192.0.2.7");
  BOOST_TEST(h.speakers.at(0)->transport->name() == "polling");
}

BOOST_AUTO_TEST_CASE(refusals_are_worded_as_those_of_the_reference) {
  House h;
  const auto body = [&](std::string method, std::string query) {
    return h.request(std::move(method), std::move(query)).body();
  };
  BOOST_TEST(body("GET", "EIO=4") == R"({"code":0,"message":"Transport unknown"})");
  BOOST_TEST(body("GET", "EIO=4&transport=abc") == R"({"code":0,"message":"Transport unknown"})");
  BOOST_TEST(body("GET", "EIO=4&transport=polling&sid=abc") == R"({"code":1,"message":"Session ID unknown"})");
  BOOST_TEST(body("POST", "EIO=4&transport=polling") == R"({"code":2,"message":"Bad handshake method"})");
  BOOST_TEST(body("PUT", "EIO=4&transport=polling") == R"({"code":2,"message":"Bad handshake method"})");
  BOOST_TEST(body("GET", "EIO=5&transport=polling") == R"({"code":5,"message":"Unsupported protocol version"})");
  BOOST_TEST(body("GET", "transport=polling") == R"({"code":5,"message":"Unsupported protocol version"})");
  const std::string sid = h.open();
  BOOST_TEST(body("PUT", "EIO=4&transport=polling&sid=" + sid) == R"({"code":3,"message":"Bad request"})");
  BOOST_TEST(h.request("GET", "EIO=4&transport=polling&j=0").status() == 400);
}

BOOST_AUTO_TEST_CASE(a_batch_is_echoed_in_one_poll_with_its_binaries) {
  House h;
  const std::string sid = h.open();
  const auto sent = h.post(sid,
                           "4one\x1e"
                           "bAQID\x1e"
                           "4drei€");
  BOOST_TEST(sent.status() == 200);
  BOOST_TEST(sent.body() == "ok");
  BOOST_TEST(h.speakers[0]->bytes.at(0) == std::string("\1\2\3"));
  BOOST_TEST(h.get(sid).body() ==
             "4one\x1e"
             "bAQID\x1e"
             "4drei€");
}

BOOST_AUTO_TEST_CASE(a_parked_poll_is_answered_at_the_end_of_the_turn_with_all_of_it) {
  House h;
  const std::string sid = h.open();
  const auto poll = h.get(sid);
  BOOST_TEST(!poll.answered());
  h.loops.on(0, [&] {
    h.speakers[0]->say("a");
    h.speakers[0]->say("b");
    BOOST_TEST(!poll.answered());
  });
  BOOST_TEST(poll.body() ==
             "4a\x1e"
             "4b");
}

BOOST_AUTO_TEST_CASE(requests_that_come_on_other_loops_find_the_session) {
  House h;
  const std::string sid = h.open(1);
  const auto poll = h.get(sid, 0);
  BOOST_TEST(h.post(sid, "4over here", 0).body() == "ok");
  BOOST_TEST(poll.body() == "4over here");
  BOOST_TEST(h.speakers[0]->transport->loop() == 1U);
  h.loops.refuseRequests = true;
  const auto refused = h.get(sid, 0);
  BOOST_TEST(refused.status() == 503);
  BOOST_TEST(refused.header("Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(a_second_poll_ends_the_session) {
  House h;
  const std::string sid = h.open();
  const auto first = h.get(sid);
  const auto second = h.get(sid);
  BOOST_TEST(first.body() == "1");
  BOOST_TEST(second.status() == 400);
  BOOST_TEST(h.speakers.empty());
  BOOST_TEST(h.get(sid).status() == 400);
  BOOST_TEST(h.server->sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(a_post_waits_while_the_handler_is_full_and_a_second_one_ends_the_session) {
  House h;
  const std::string sid = h.open();
  h.speakers[0]->isFull = true;
  h.loops.on(0, [&] { h.speakers[0]->transport->pauseReading(); });
  const auto first = h.post(sid,
                            "4a\x1e"
                            "4b");
  BOOST_TEST(!first.answered());
  BOOST_TEST(h.speakers[0]->heard.empty());
  h.speakers[0]->isFull = false;
  h.loops.on(0, [&] { h.speakers[0]->transport->resumeReading(); });
  h.loops.run();
  BOOST_TEST(first.body() == "ok");
  BOOST_TEST(h.speakers[0]->heard.size() == 2U);

  h.speakers[0]->isFull = true;
  const auto held = h.post(sid, "4c");
  const auto second = h.post(sid, "4d");
  BOOST_TEST(second.status() == 400);
  BOOST_TEST(held.status() == 400);
  BOOST_TEST(h.speakers.empty());
}

BOOST_AUTO_TEST_CASE(a_post_of_many_packets_lets_others_have_their_turn) {
  House h;
  const std::string sid = h.open();
  std::string body = "40";
  for (int i = 1; i < 100; ++i)
    body +=
        "\x1e"
        "4" +
        std::to_string(i);
  test::Request made;
  net::HttpRequest r;
  r.method = "POST";
  r.query = "EIO=4&transport=polling&sid=" + sid;
  r.body = body;
  h.loops.on(0, [&] { h.server->handle(std::move(r), net::HttpResponder(made.sink)); });
  BOOST_TEST(h.speakers[0]->heard.size() == 32U);
  h.loops.run();
  BOOST_TEST(h.speakers[0]->heard.size() == 100U);
  BOOST_TEST(h.speakers[0]->heard.back() == "99");
  BOOST_TEST(made.body() == "ok");
}

BOOST_AUTO_TEST_CASE(a_broken_payload_is_a_400_and_the_end) {
  for (const char* body : {"abc", "", "4ok\x1e", "b!!", "\xff\xfe"}) {
    House h;
    const std::string sid = h.open();
    const auto poll = h.get(sid);
    BOOST_TEST(h.post(sid, body).status() == 400, body);
    BOOST_TEST(poll.body().ends_with("1"), body);
    BOOST_TEST(h.get(sid).status() == 400, body);
  }
}

BOOST_AUTO_TEST_CASE(bytes_are_no_body_of_revision_4) {
  House h;
  const std::string sid = h.open();
  const auto r =
      h.request("POST", "EIO=4&transport=polling&sid=" + sid, "4x", 0, {{"Content-Type", "application/octet-stream"}});
  BOOST_TEST(r.status() == 400);
  BOOST_TEST(h.speakers.empty());
}

BOOST_AUTO_TEST_CASE(a_post_over_max_payload_is_a_413_and_nothing_else) {
  House h({.pingInterval = 300ms, .pingTimeout = 200ms, .maxPayload = 10});
  const std::string sid = h.open();
  BOOST_TEST(h.post(sid, "4" + std::string(10, 'x')).status() == 413);
  BOOST_TEST(h.post(sid, "4" + std::string(9, 'x')).status() == 200);
}

BOOST_AUTO_TEST_CASE(a_client_that_closes_frees_its_poll) {
  House h;
  const std::string sid = h.open();
  const auto poll = h.get(sid);
  BOOST_TEST(h.post(sid, "1").body() == "ok");
  BOOST_TEST(poll.body() == "6");
  BOOST_TEST(h.speakers.empty());
  BOOST_TEST(h.get(sid).status() == 400);
}

BOOST_AUTO_TEST_CASE(a_server_that_closes_tells_the_poll_that_waits_or_the_next_one) {
  House h;
  std::string sid = h.open();
  const auto poll = h.get(sid);
  h.loops.on(0, [&] {
    h.speakers[0]->say("bye");
    h.speakers[0]->transport->close(ws::CloseCode::Normal, {});
  });
  h.loops.run();
  // Not in one payload: socket.io-client 4 hears a close before the messages that stand in front of it.
  BOOST_TEST(poll.body() == "4bye");
  BOOST_TEST(h.get(sid).body() == "1");
  BOOST_TEST(h.speakers.empty());

  sid = h.open();
  BOOST_TEST(h.post(sid, "4close").body() == "ok");
  BOOST_TEST(h.speakers[0]->closes == 1);
  BOOST_TEST(h.post(sid, "4late").status() == 400);
  BOOST_TEST(h.get(sid).body() == "4close");
  BOOST_TEST(h.get(sid).body() == "1");
  BOOST_TEST(h.get(sid).status() == 400);

  sid = h.open();
  BOOST_TEST(h.post(sid, "4close").body() == "ok");
  h.loops.advance(5001ms);
  BOOST_TEST(h.get(sid).status() == 400);
  BOOST_TEST(h.server->sessions() == 0U);
}

BOOST_AUTO_TEST_CASE(what_a_handler_says_at_once_comes_with_the_handshake) {
  House h;
  h.greetings = {"hello"};
  const auto r = h.request("GET", "EIO=4&transport=polling");
  BOOST_TEST(
      r.body().ends_with("\x1e"
                         "4hello"));
}

BOOST_AUTO_TEST_CASE(a_poll_whose_client_goes_away_ends_the_session) {
  House h;
  const std::string sid = h.open(1);
  const auto poll = h.get(sid, 0);
  h.loops.on(0, [&] { poll.sink->gone(); });
  h.loops.run();
  BOOST_TEST(h.speakers.empty());
  BOOST_TEST(h.get(sid).status() == 400);
}

BOOST_AUTO_TEST_CASE(who_does_not_fetch_is_too_slow_and_holds_no_more_than_its_outbox) {
  House h({.pingInterval = 300ms, .pingTimeout = 200ms, .outboxBytes = 1000});
  const std::string sid = h.open();
  h.loops.on(0, [&] {
    for (int i = 0; i < 5; ++i) h.speakers[0]->say(std::string(300, 'x'));
  });
  BOOST_TEST(h.speakers[0]->closes == 1);
  BOOST_TEST(h.get(sid).body() == "1");
}

BOOST_AUTO_TEST_CASE(one_reply_may_be_larger_than_the_outbox) {
  House h({.pingInterval = 300ms, .pingTimeout = 200ms, .outboxBytes = 1000});
  const std::string sid = h.open();
  h.loops.on(0, [&] {
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Text, "4" + std::string(5000, 'x'));
    h.speakers[0]->transport->sendReply(std::move(frame));
  });
  BOOST_TEST(h.get(sid).body().size() == 5001U);
  BOOST_TEST(h.speakers[0]->closes == 0);
  BOOST_TEST(h.speakers[0]->drains == 1);
}

BOOST_AUTO_TEST_CASE(sessions_have_a_bound_and_a_handshake_may_be_refused) {
  House h({.maxSessions = 2});
  h.open();
  h.open();
  BOOST_TEST(h.request("GET", "EIO=4&transport=polling").status() == 503);
  House going;
  going.refusal = Code::Restarting;
  const auto r = going.request("GET", "EIO=4&transport=polling");
  BOOST_TEST(r.status() == 503);
  BOOST_TEST(r.header("Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(pages_of_allowed_origins_may_read_and_others_are_refused) {
  engine::EngineOptions options;
  options.origins = {"https://a.example"};
  House h(options);
  const auto from = [&](std::string method, std::string query, std::string origin) {
    return h.request(std::move(method), std::move(query), {}, 0,
                     {{"Host", "chat.example"}, {"Origin", std::move(origin)}, {"Access-Control-Request-Method", "POST"}});
  };
  const auto good = from("GET", "EIO=4&transport=polling", "https://a.example");
  BOOST_TEST(good.header("Access-Control-Allow-Origin") == "https://a.example");
  BOOST_TEST(good.header("Access-Control-Allow-Credentials") == "true");
  const auto error = from("GET", "EIO=4&transport=polling&sid=x", "https://a.example");
  BOOST_TEST(error.status() == 400);
  BOOST_TEST(error.header("Access-Control-Allow-Origin") == "https://a.example");
  const auto asked = from("OPTIONS", "EIO=4&transport=polling", "https://a.example");
  BOOST_TEST(asked.status() == 204);
  BOOST_TEST(asked.header("Access-Control-Allow-Methods") == "GET, POST, OPTIONS");
  const auto bad = from("GET", "EIO=4&transport=polling", "https://b.example");
  BOOST_TEST(bad.status() == 403);
  BOOST_TEST(bad.header("Access-Control-Allow-Origin").empty());
  BOOST_TEST(h.speakers.size() == 1U);
}

BOOST_AUTO_TEST_CASE(any_origin_means_without_credentials) {
  engine::EngineOptions options;
  options.origins = {"*"};
  House h(options);
  const auto r = h.request("GET", "EIO=4&transport=polling", {}, 0, {{"Origin", "https://b.example"}});
  BOOST_TEST(r.header("Access-Control-Allow-Origin") == "https://b.example");
  BOOST_TEST(r.header("Access-Control-Allow-Credentials").empty());
}

BOOST_AUTO_TEST_SUITE_END()
