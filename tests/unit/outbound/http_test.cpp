// outbound: answers, deadlines, bounds, bulkheads, breaker, keep-alive, stop.
#include <boost/test/unit_test.hpp>

#include "fetch.h"
#include "outbound/breaker.h"
#include "tiny_server.h"

using namespace chatd;
using namespace chatd::test;
using std::chrono::seconds;
using std::chrono::steady_clock;

namespace {

bool says(const Result<OutboundResponse>& r, const std::string& part) { return why(r).find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(outbound_http)

BOOST_AUTO_TEST_CASE(a_call_sends_its_headers_and_brings_back_status_headers_and_body) {
  std::promise<std::string> seen;
  TinyServer server([&](TinyServer::Peer& peer) {
    seen.set_value(peer.request().value_or(""));
    peer.send(answer(207, "hello", "X-Thing:  a b \r\n"));
    peer.hang();
  });
  OutboundHttp http({});
  OutboundRequest request = get(server.url("/p?q=1", "localhost"));
  request.headers = {{"Authorization", "Bearer t0ken"}};
  const auto result = fetch(http, std::move(request));
  BOOST_REQUIRE_MESSAGE(result.ok(), why(result));
  BOOST_TEST(result->status == 207);
  BOOST_TEST(result->body == "hello");
  BOOST_TEST(result->headers.at(0).first == "x-thing");
  BOOST_TEST(result->headers.at(0).second == "a b");
  const std::string head = seen.get_future().get();
  BOOST_TEST(head.starts_with("GET /p?q=1 HTTP/1.1\r\nHost: localhost:" + std::to_string(server.port()) + "\r\n"));
  BOOST_TEST(head.find("Authorization: Bearer t0ken\r\n") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_body_may_be_chunked_or_end_with_the_connection) {
  OutboundHttp http({});
  TinyServer chunked(
      always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n2\r\nde\r\n0\r\nT: v\r\n\r\n"));
  BOOST_TEST(fetch(http, get(chunked.url()))->body == "abcde");
  TinyServer closing([](TinyServer::Peer& peer) {
    peer.request();
    peer.send("HTTP/1.0 200 OK\r\n\r\nuntil the end");
  });
  BOOST_TEST(fetch(http, get(closing.url()))->body == "until the end");
  TinyServer interim(always("HTTP/1.1 103 Hints\r\nLink: x\r\n\r\n" + answer(200, "after")));
  BOOST_TEST(fetch(http, get(interim.url()))->body == "after");
  TinyServer none(always("HTTP/1.1 204 No Content\r\n\r\n"));
  BOOST_TEST(fetch(http, get(none.url()))->status == 204);
}

BOOST_AUTO_TEST_CASE(a_redirect_is_an_answer_and_is_not_followed) {
  TinyServer target(always(answer(200, "secret")));
  TinyServer server(always(answer(302, "", "Location: " + target.url() + "\r\n")));
  OutboundHttp http({});
  BOOST_TEST(fetch(http, get(server.url()))->status == 302);
  BOOST_TEST(target.connections() == 0);
}

BOOST_AUTO_TEST_CASE(an_answer_that_is_not_http_or_can_be_read_in_two_ways_is_a_failure) {
  OutboundOptions options;
  options.breakerFailures = 1000;
  OutboundHttp http(options);
  for (const char* bad :
       {"nonsense\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n", "HTTP/2 200 OK\r\n\r\n", "HTTP/1.1 200 OK\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", "HTTP/1.1 200 OK\r\nContent-Length: 0x1\r\n\r\n",
        "HTTP/1.1 200 OK\r\nBad Name: 1\r\n\r\n", "HTTP/1.1 200 OK\r\n folded\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n0\r\n\r\n", "HTTP/1.1 101 Switching\r\n\r\n"}) {
    TinyServer server([bad](TinyServer::Peer& peer) {
      peer.request();
      peer.send(bad);
    });
    BOOST_TEST(!fetch(http, get(server.url())).ok(), bad);
  }
}

BOOST_AUTO_TEST_CASE(an_answer_that_ends_early_is_a_failure) {
  OutboundHttp http({});
  TinyServer server([](TinyServer::Peer& peer) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nabc");
  });
  BOOST_TEST(says(fetch(http, get(server.url())), "ended before"));
}

BOOST_AUTO_TEST_CASE(an_answer_larger_than_its_bound_is_a_failure_however_it_is_framed) {
  OutboundHttp http({});
  const std::string big(200'000, 'x');
  TinyServer length(always(answer(200, big)));
  TinyServer chunked(always("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n30d40\r\n" + big + "\r\n0\r\n\r\n"));
  TinyServer endless([&](TinyServer::Peer& peer) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\n\r\n");
    while (peer.send(big)) {
    }
  });
  for (const TinyServer* server : {&length, &chunked, &endless}) {
    const auto result = fetch(http, get(server->url()));
    BOOST_TEST(says(result, "larger than 65536 bytes"), why(result));
  }
  TinyServer head([&](TinyServer::Peer& peer) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nX: " + big);
    peer.hang();
  });
  BOOST_TEST(says(fetch(http, get(head.url())), "head of the answer"));
}

BOOST_AUTO_TEST_CASE(a_header_that_could_begin_another_request_is_never_sent) {
  TinyServer server(always(answer(200, "")));
  OutboundHttp http({});
  for (const auto& [name, value] : std::vector<std::pair<std::string, std::string>>{
           {"X", "a\r\nY: b"}, {"X", "a\nb"}, {"X Y", "a"}, {"", "a"}, {"Host", "evil"}, {"content-length", "5"}}) {
    OutboundRequest request = get(server.url());
    request.headers = {{name, value}};
    BOOST_TEST(!fetch(http, std::move(request)).ok(), name);
  }
  OutboundRequest request = get(server.url());
  request.method = "GET / HTTP/1.1\r\nX: y\r\n\r\nGET";
  BOOST_TEST(!fetch(http, std::move(request)).ok());
  BOOST_TEST(server.connections() == 0);
}

BOOST_AUTO_TEST_CASE(a_server_that_drips_bytes_for_ever_ends_at_the_total_deadline) {
  TinyServer head([](TinyServer::Peer& peer) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nX: ");
    while (peer.send("y") && peer.pause(20)) {
    }
  });
  TinyServer body([](TinyServer::Peer& peer) {
    peer.request();
    peer.send("HTTP/1.1 200 OK\r\nContent-Length: 60000\r\n\r\n");
    while (peer.send("y") && peer.pause(20)) {
    }
  });
  OutboundHttp http({});
  for (const TinyServer* server : {&head, &body}) {
    const auto begin = steady_clock::now();
    const auto result = fetch(http, get(server->url(), milliseconds(400)));
    const auto took = steady_clock::now() - begin;
    BOOST_TEST(says(result, "deadline"), why(result));
    BOOST_TEST((took >= milliseconds(390) && took < milliseconds(10'000)));
  }
}

BOOST_AUTO_TEST_CASE(a_server_that_accepts_and_says_nothing_ends_at_the_deadline) {
  TinyServer server([](TinyServer::Peer& peer) { peer.hang(); });
  OutboundHttp http({});
  BOOST_TEST(says(fetch(http, get(server.url(), milliseconds(200))), "deadline"));
  BOOST_TEST(says(fetch(http, get(server.url(), milliseconds(0))), "deadline"));
}

BOOST_AUTO_TEST_CASE(one_tenants_hanging_host_fills_its_own_places_and_no_others) {
  TinyServer hanging([](TinyServer::Peer& peer) { peer.hang(); });
  TinyServer good(always(answer(200, "ok")));
  OutboundOptions options;
  options.perTenant = 16;
  OutboundHttp http(options);
  std::vector<std::future<Result<OutboundResponse>>> calls;
  for (int i = 0; i < 16; ++i) calls.push_back(start(http, get(hanging.url(), seconds(60))));
  BOOST_TEST((fetch(http, get(good.url())).error().code() == Code::Busy));
  OutboundRequest other = get(good.url());
  other.tenant = 2;
  const auto begin = steady_clock::now();
  BOOST_TEST(fetch(http, std::move(other)).ok());
  BOOST_TEST((steady_clock::now() - begin < seconds(5)));
  http.stop();
  for (auto& call : calls) BOOST_TEST(says(wait(std::move(call)), "stopping"));
}

BOOST_AUTO_TEST_CASE(all_calls_together_are_bounded) {
  TinyServer hanging([](TinyServer::Peer& peer) { peer.hang(); });
  OutboundOptions options;
  options.maxCalls = 4;
  OutboundHttp http(options);
  std::vector<std::future<Result<OutboundResponse>>> calls;
  for (std::uint64_t i = 0; i < 4; ++i) {
    OutboundRequest request = get(hanging.url(), seconds(60));
    request.tenant = i;
    calls.push_back(start(http, std::move(request)));
  }
  OutboundRequest request = get(hanging.url());
  request.tenant = 99;
  BOOST_TEST((fetch(http, std::move(request)).error().code() == Code::Busy));
  http.stop();
  for (auto& call : calls) BOOST_TEST(says(wait(std::move(call)), "stopping"));
}

BOOST_AUTO_TEST_CASE(a_place_is_free_again_when_the_answer_is_told) {
  TinyServer good(always(answer(200, "ok")));
  OutboundOptions options;
  options.perTenant = 1;
  OutboundHttp http(options);
  for (int i = 0; i < 50; ++i) BOOST_TEST(fetch(http, get(good.url())).ok());
}

BOOST_AUTO_TEST_CASE(a_connection_is_used_again_by_its_tenant_and_by_no_other) {
  TinyServer server(always(answer(200, "ok")));
  OutboundHttp http({});
  for (int i = 0; i < 5; ++i) BOOST_TEST(fetch(http, get(server.url())).ok());
  BOOST_TEST(server.connections() == 1);
  OutboundRequest other = get(server.url());
  other.tenant = 2;
  BOOST_TEST(fetch(http, std::move(other)).ok());
  BOOST_TEST(server.connections() == 2);
}

BOOST_AUTO_TEST_CASE(a_kept_connection_that_the_server_closed_or_spoke_on_is_replaced) {
  TinyServer closing([](TinyServer::Peer& peer) {
    peer.request();
    peer.send(answer(200, "ok"));
  });
  TinyServer talking([](TinyServer::Peer& peer) {
    while (peer.request()) {
      peer.send(answer(200, "ok") + answer(200, "{\"id\":\"somebody else\"}"));
    }
  });
  OutboundHttp http({});
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(fetch(http, get(closing.url()))->body == "ok");
    BOOST_TEST(fetch(http, get(talking.url()))->body == "ok");
  }
}

BOOST_AUTO_TEST_CASE(a_host_that_keeps_failing_is_left_alone_and_then_tried_again) {
  std::atomic<bool> healthy{false};
  TinyServer server([&](TinyServer::Peer& peer) {
    while (peer.request()) {
      if (!healthy) return;
      peer.send(answer(200, "ok"));
    }
  });
  OutboundOptions options;
  options.breakerFailures = 3;
  options.breakerOpen = seconds(2);  // the next call must come before it has passed
  OutboundHttp http(options);
  for (int i = 0; i < 3; ++i) BOOST_TEST(!fetch(http, get(server.url())).ok());
  const int before = server.connections();
  BOOST_TEST(says(fetch(http, get(server.url())), "tried again shortly"));
  BOOST_TEST(server.connections() == before);
  // Another tenant's calls are its own affair.
  OutboundRequest other = get(server.url());
  other.tenant = 2;
  BOOST_TEST(!says(fetch(http, std::move(other)), "tried again shortly"));
  healthy = true;
  const auto until = steady_clock::now() + seconds(30);
  bool back = false;
  while (!back && steady_clock::now() < until) back = fetch(http, get(server.url())).ok();
  BOOST_TEST(back);
}

BOOST_AUTO_TEST_CASE(an_error_status_is_no_failure_of_the_host) {
  TinyServer server(always(answer(500, "")));
  OutboundHttp http({});
  for (int i = 0; i < 20; ++i) BOOST_TEST(fetch(http, get(server.url()))->status == 500);
}

BOOST_AUTO_TEST_CASE(an_open_breaker_lets_one_probe_through_at_a_time) {
  Breaker breaker(2, milliseconds(100), 2);
  Steady now{};
  const std::string host = "h";
  BOOST_TEST(breaker.admit(host, now));
  breaker.failed(host, now);
  BOOST_TEST(breaker.admit(host, now));
  breaker.failed(host, now);
  BOOST_TEST(!breaker.admit(host, now));
  now += milliseconds(100);
  BOOST_TEST(breaker.admit(host, now));
  BOOST_TEST(!breaker.admit(host, now));
  breaker.failed(host, now);
  BOOST_TEST(!breaker.admit(host, now));
  now += milliseconds(100);
  BOOST_TEST(breaker.admit(host, now));
  breaker.abandoned(host);
  BOOST_TEST(breaker.admit(host, now));
  breaker.succeeded(host);
  BOOST_TEST(breaker.admit(host, now));
  BOOST_TEST(breaker.admit(host, now));
}

BOOST_AUTO_TEST_CASE(nothing_listens_and_no_such_name_are_failures_with_a_reason) {
  std::uint16_t port = 0;
  { port = TinyServer(always("")).port(); }
  OutboundHttp http({});
  BOOST_TEST(says(fetch(http, get("http://127.0.0.1:" + std::to_string(port) + "/")), "connecting"));
  BOOST_TEST(says(fetch(http, get("http://no-such-name.invalid/", seconds(10))), "no-such-name.invalid"));
}

BOOST_AUTO_TEST_CASE(after_stop_every_call_fails_at_once) {
  TinyServer server(always(answer(200, "")));
  OutboundHttp http({});
  http.stop();
  BOOST_TEST(says(fetch(http, get(server.url())), "stopping"));
  BOOST_TEST(server.connections() == 0);
}

BOOST_AUTO_TEST_SUITE_END()
