// HTTP/1.1 over real sockets: answers in order, deadlines, half-close, upgrade, refusals.
#include "unit/net/support.h"

using namespace nettest;

namespace {

struct Fixture {
  explicit Fixture(ServerOptions options = defaults()) : server(options, http) {}
  ~Fixture() { server.stop(); }
  static ServerOptions defaults() {
    ServerOptions o;
    o.loops = 1;
    return o;
  }
  static ServerOptions with(const HttpLimits& limits) {
    ServerOptions o = defaults();
    o.http = limits;
    return o;
  }
  Client client() {
    if (port == 0) {
      const auto bound = server.listen({.address = "127.0.0.1", .port = 0, .unixPath = {}});
      REQUIRE(bound.ok());
      port = bound.value();
      server.start();
    }
    return Client(port);
  }
  ScriptedHttp http;
  Server server;
  std::uint16_t port = 0;
};

/// Responders that a test answers when it likes, from its own thread.
struct Held {
  void take(HttpRequest&& r, HttpResponder out) {
    const std::lock_guard g(mutex);
    requests.push_back(std::move(r));
    responders.push_back(std::move(out));
  }
  std::size_t count() {
    const std::lock_guard g(mutex);
    return responders.size();
  }
  HttpResponder next() {
    const std::lock_guard g(mutex);
    HttpResponder out = std::move(responders[answered]);
    ++answered;
    return out;
  }
  std::mutex mutex;
  std::vector<HttpRequest> requests;
  std::vector<HttpResponder> responders;
  std::size_t answered = 0;
};

HttpResponse text(std::string body) { return {.status = 200, .headers = {}, .body = std::move(body), .close = false}; }
std::string get(std::string_view path) { return "GET " + std::string(path) + " HTTP/1.1\r\nHost: a\r\n\r\n"; }
std::string bodyOf(const std::string& response) { return response.substr(response.find("\r\n\r\n") + 4); }
bool has(const std::string& response, std::string_view part) { return response.find(part) != std::string::npos; }

}  // namespace

BOOST_AUTO_TEST_SUITE(http_connection)

BOOST_AUTO_TEST_CASE(a_request_is_answered_and_the_connection_stays) {
  Fixture f;
  Client c = f.client();
  c.write(get("/one"));
  const std::string first = c.response();
  CHECK(first.starts_with("HTTP/1.1 200 OK\r\n"));
  CHECK(has(first, "\r\nDate: "));
  CHECK(!has(first, "Connection:"));
  CHECK(bodyOf(first) == "GET /one ");
  c.write(get("/two"));
  CHECK(bodyOf(c.response()) == "GET /two ");
}

BOOST_AUTO_TEST_CASE(pipelined_requests_are_answered_in_order) {
  Fixture f;
  Client c = f.client();
  std::string all;
  for (int i = 0; i < 500; ++i) all += get("/" + std::to_string(i));
  c.write(all);
  for (int i = 0; i < 500; ++i) REQUIRE(bodyOf(c.response()) == "GET /" + std::to_string(i) + " ");
}

BOOST_AUTO_TEST_CASE(a_request_that_waits_holds_back_those_behind_it_and_their_order_stays) {
  Fixture f;
  Held held;
  f.http.script = [&](HttpRequest&& r, HttpResponder out) {
    if (r.path == "/slow") return held.take(std::move(r), std::move(out));
    out.send(text(r.path));
  };
  Client c = f.client();
  c.write(get("/slow") + get("/a") + get("/slow") + get("/b"));
  REQUIRE(eventually([&] { return held.count() == 1; }));
  held.next().send(text("first"));
  CHECK(bodyOf(c.response()) == "first");
  CHECK(bodyOf(c.response()) == "/a");
  REQUIRE(eventually([&] { return held.count() == 2; }));
  held.next().send(text("second"));
  CHECK(bodyOf(c.response()) == "second");
  CHECK(bodyOf(c.response()) == "/b");
}

BOOST_AUTO_TEST_CASE(an_answer_from_another_turn_of_the_same_loop_works_too) {
  Fixture f;
  f.http.script = [&](HttpRequest&&, HttpResponder out) {
    f.server.loop(0).after(2ms, [held = std::move(out)]() mutable { held.send(text("later")); });
  };
  Client c = f.client();
  c.write(get("/") + get("/"));
  CHECK(bodyOf(c.response()) == "later");
  CHECK(bodyOf(c.response()) == "later");
}

BOOST_AUTO_TEST_CASE(an_answer_for_a_connection_that_is_gone_is_dropped) {
  Fixture f;
  Held held;
  f.http.script = [&](HttpRequest&& r, HttpResponder out) { held.take(std::move(r), std::move(out)); };
  Client c = f.client();
  c.write(get("/"));
  REQUIRE(eventually([&] { return held.count() == 1; }));
  const linger now{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(c.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  c.close();
  REQUIRE(eventually([&] { return f.server.connections() == 0; }));
  held.next().send(text("nobody"));
  f.client().write(get("/"));
  CHECK(eventually([&] { return held.count() == 2; }));
}

BOOST_AUTO_TEST_CASE(a_responder_may_outlive_the_server) {
  Held held;
  {
    Fixture f;
    f.http.script = [&](HttpRequest&& r, HttpResponder out) { held.take(std::move(r), std::move(out)); };
    Client c = f.client();
    c.write(get("/"));
    REQUIRE(eventually([&] { return held.count() == 1; }));
  }
  held.next().send(text("nobody"));
}

BOOST_AUTO_TEST_CASE(a_responder_that_is_destroyed_unused_answers_500) {
  Fixture f;
  f.http.script = [](HttpRequest&&, HttpResponder) {};
  Client c = f.client();
  c.write(get("/"));
  const std::string r = c.response();
  CHECK(r.starts_with("HTTP/1.1 500 "));
  CHECK(has(r, "refused: An internal error"));
}

BOOST_AUTO_TEST_CASE(head_is_answered_without_a_body_but_with_its_length) {
  Fixture f;
  f.http.script = [](HttpRequest&&, HttpResponder out) { out.send(text("12345")); };
  Client c = f.client();
  c.write("HEAD / HTTP/1.1\r\nHost: a\r\n\r\n" + get("/"));
  const std::string head = c.readUntil("\r\n\r\n");
  CHECK(has(head, "Content-Length: 5\r\n"));
  CHECK(c.response().ends_with("\r\n\r\n12345"));
}

BOOST_AUTO_TEST_CASE(no_content_has_neither_body_nor_length) {
  Fixture f;
  f.http.script = [](HttpRequest&&, HttpResponder out) {
    out.send({.status = 204, .headers = {}, .body = "x", .close = false});
  };
  Client c = f.client();
  c.write(get("/") + get("/"));
  for (int i = 0; i < 2; ++i) {
    const std::string head = c.readUntil("\r\n\r\n");
    CHECK(head.starts_with("HTTP/1.1 204 No Content\r\n"));
    CHECK(!has(head, "Content-Length"));
  }
}

BOOST_AUTO_TEST_CASE(http_1_0_is_closed_after_the_answer_unless_it_asks_to_stay) {
  Fixture f;
  Client c = f.client();
  c.write("GET / HTTP/1.0\r\n\r\n");
  CHECK(has(c.readAll(), "Connection: close\r\n"));
  Client keep = f.client();
  keep.write("GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
  CHECK(has(keep.response(), "Connection: keep-alive\r\n"));
  keep.write("GET / HTTP/1.0\r\n\r\n");
  CHECK(has(keep.readAll(), "Connection: close\r\n"));
}

BOOST_AUTO_TEST_CASE(connection_close_is_obeyed_and_what_follows_is_not_read) {
  Fixture f;
  std::atomic<int> handled{0};
  f.http.script = [&](HttpRequest&& r, HttpResponder out) {
    ++handled;
    HttpResponse answer = text("x");
    answer.close = r.path == "/server-closes";
    out.send(std::move(answer));
  };
  Client c = f.client();
  c.write("GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n" + get("/more"));
  const std::string all = c.readAll();
  CHECK(has(all, "Connection: close\r\n"));
  CHECK(handled == 1);
  Client d = f.client();
  d.write(get("/server-closes") + get("/more"));
  CHECK(has(d.readAll(), "Connection: close\r\n"));
  CHECK(handled == 2);
}

BOOST_AUTO_TEST_CASE(a_handler_cannot_break_the_head_by_what_it_puts_into_a_value) {
  Fixture f;
  f.http.script = [](HttpRequest&&, HttpResponder out) {
    out.send({.status = 200,
              .headers = {{"X-Id", "a\r\nX-Evil: 1"}, {"Bad Name", "x"}, {"content-length", "999"}},
              .body = "ok",
              .close = false});
  };
  Client c = f.client();
  c.write(get("/"));
  const std::string r = c.response();
  CHECK(has(r, "X-Id: a  X-Evil: 1\r\n"));
  CHECK(!has(r, "Bad Name"));
  CHECK(!has(r, "999"));
}

BOOST_AUTO_TEST_CASE(a_refused_request_gets_its_status_in_the_handlers_form_and_the_connection_ends) {
  HttpLimits limits;
  limits.bodyBytes = 10;
  Fixture f(Fixture::with(limits));
  const std::pair<std::string, int> cases[] = {
      {"BAD\r\n\r\n", 400},
      {"GET / HTTP/1.1\r\n\r\n", 400},
      {"GET / HTTP/3.0\r\n\r\n", 505},
      {"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 11\r\n\r\n", 413},
      {"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip\r\n\r\n", 501},
      {"GET /" + std::string(9000, 'a') + " HTTP/1.1\r\n", 414},
      {"GET / HTTP/1.1\r\nX: " + std::string(17'000, 'a') + "\r\n", 431},
  };
  for (const auto& [request, status] : cases) {
    Client c = f.client();
    c.write(request);
    const std::string r = c.readAll();
    CHECK(r.starts_with("HTTP/1.1 " + std::to_string(status) + " "));
    CHECK(has(r, "Connection: close\r\n"));
    CHECK(has(r, "refused: "));
    CHECK(!c.wasReset());
  }
}

BOOST_AUTO_TEST_CASE(a_body_too_large_is_answered_even_while_it_is_still_being_sent) {
  HttpLimits limits;
  limits.bodyBytes = 1000;
  Fixture f(Fixture::with(limits));
  Client c = f.client();
  c.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3000000\r\n\r\n");
  c.write(std::string(3'000'000, 'x'));
  CHECK(c.readAll().starts_with("HTTP/1.1 413 "));
  CHECK(!c.wasReset());
}

BOOST_AUTO_TEST_CASE(a_client_that_expects_100_is_told_to_go_on) {
  Fixture f;
  Client c = f.client();
  c.write("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
  CHECK(c.readUntil("\r\n\r\n") == "HTTP/1.1 100 Continue\r\n\r\n");
  c.write("hello");
  CHECK(bodyOf(c.response()) == "POST / hello");
}

BOOST_AUTO_TEST_CASE(a_header_that_trickles_in_is_ended_with_408_however_steady_the_trickle) {
  HttpLimits limits;
  limits.headerTime = 150ms;
  limits.headerBytes = 64 << 20;  // time ends it, not size
  Fixture f(Fixture::with(limits));
  const auto from = std::chrono::steady_clock::now();  // before the server can have begun to count
  Client c = f.client();
  c.write("GET / HTTP/1.1\r\nHost: a\r\nX: ");
  std::thread trickle([&] {
    while (f.server.connections() > 0 && c.tryWrite("y")) std::this_thread::yield();
  });
  const std::string r = c.readUntil("refused: The request was not complete in time.");
  CHECK(r.starts_with("HTTP/1.1 408 "));
  CHECK((std::chrono::steady_clock::now() - from >= 150ms));
  c.finish();
  trickle.join();
}

BOOST_AUTO_TEST_CASE(a_body_that_does_not_come_is_ended_with_408) {
  HttpLimits limits;
  limits.bodyTime = 30ms;
  Fixture f(Fixture::with(limits));
  Client c = f.client();
  c.write("POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhel");
  CHECK(c.readAll().starts_with("HTTP/1.1 408 "));
}

BOOST_AUTO_TEST_CASE(a_silent_connection_is_closed_without_a_word) {
  HttpLimits limits;
  limits.headerTime = 30ms;
  Fixture f(Fixture::with(limits));
  Client c = f.client();
  CHECK(c.readAll() == "");
}

BOOST_AUTO_TEST_CASE(an_idle_connection_is_closed_after_its_time_and_not_by_the_header_time) {
  HttpLimits limits;
  limits.headerTime = 500ms;  // the request must be there by then
  limits.idleTime = 600ms;
  Fixture f(Fixture::with(limits));
  Client c = f.client();
  const auto from = std::chrono::steady_clock::now();
  c.write(get("/"));
  CHECK(bodyOf(c.response()) == "GET / ");
  CHECK(c.readAll() == "");
  CHECK((std::chrono::steady_clock::now() - from >= 600ms));
}

BOOST_AUTO_TEST_CASE(a_request_that_waits_for_its_handler_has_no_deadline_of_ours) {
  HttpLimits limits;
  limits.headerTime = limits.bodyTime = limits.idleTime = 500ms;  // the request must be there by then
  Fixture f(Fixture::with(limits));
  f.http.script = [&](HttpRequest&&, HttpResponder out) {
    f.server.loop(0).after(600ms, [held = std::move(out)]() mutable { held.send(text("late but here")); });
  };
  Client c = f.client();
  c.write(get("/"));
  CHECK(bodyOf(c.response()) == "late but here");
}

BOOST_AUTO_TEST_CASE(a_client_that_half_closes_gets_every_answer) {
  Fixture f;
  Held held;
  f.http.script = [&](HttpRequest&& r, HttpResponder out) {
    if (r.path == "/slow") return held.take(std::move(r), std::move(out));
    out.send(text(r.path));
  };
  Client c = f.client();
  c.write(get("/slow") + get("/last"));
  c.finish();
  REQUIRE(eventually([&] { return held.count() == 1; }));
  held.next().send(text("slow"));
  CHECK(bodyOf(c.response()) == "slow");
  CHECK(bodyOf(c.response()) == "/last");
  CHECK(c.readAll() == "");
  CHECK(!c.wasReset());
}

BOOST_AUTO_TEST_CASE(an_answer_larger_than_the_outbox_is_sent_whole) {
  ServerOptions options = Fixture::defaults();
  options.outboxBytes = 10'000;
  Fixture f(options);
  f.http.script = [](HttpRequest&&, HttpResponder out) { out.send(text(std::string(3'000'000, 'b'))); };
  Client c = f.client();
  c.write(get("/") + get("/"));
  for (int i = 0; i < 2; ++i) CHECK(bodyOf(c.response()).size() == 3'000'000U);
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_its_answers_gets_no_more_of_them_made) {
  ServerOptions options = Fixture::defaults();
  options.outboxBytes = 100'000;
  Fixture f(options);
  std::atomic<std::size_t> made{0};
  f.http.script = [&](HttpRequest&&, HttpResponder out) {
    ++made;
    out.send(text(std::string(60'000, 'b')));
  };
  Client c = f.client();
  constexpr std::size_t kRequests = 1000;  // 60 MB, more than kernel and outbox hold
  std::string all;
  for (std::size_t i = 0; i < kRequests; ++i) all += get("/");
  c.write(all);
  REQUIRE(eventually([&, last = std::size_t{0}, same = 0]() mutable {
    same = made != 0 && made == last ? same + 1 : 0;
    last = made;
    return same > 50'000;
  }));
  CHECK(made < kRequests);
  for (std::size_t i = 0; i < kRequests; ++i) REQUIRE(bodyOf(c.response()).size() == 60'000U);
  CHECK(made == kRequests);
}

BOOST_AUTO_TEST_CASE(an_upgrade_inside_handle_hands_over_what_came_behind_the_request) {
  Fixture f;
  const auto script = std::make_shared<Script>();
  script->received = [](Connection& c, std::span<char> data) {
    static_cast<void>(c.send("echo:" + std::string(data.data(), data.size())));
    return data.size();
  };
  f.http.script = [&](HttpRequest&&, HttpResponder out) {
    out.upgrade({.status = 101, .headers = {{"Upgrade", "websocket"}}, .body = {}, .close = false},
                std::make_unique<ScriptedHandler>(script));
  };
  Client c = f.client();
  c.write("GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nearly");
  const std::string head = c.readUntil("\r\n\r\n");
  CHECK(head.starts_with("HTTP/1.1 101 Switching Protocols\r\n"));
  CHECK(has(head, "Connection: Upgrade\r\n"));
  CHECK(has(head, "Upgrade: websocket\r\n"));
  CHECK(!has(head, "Content-Length"));
  CHECK(c.readUntil("early") == "echo:early");
  c.close();
  CHECK(eventually([&] { return script->closed == 1; }));
}

BOOST_AUTO_TEST_CASE(an_upgrade_from_another_thread_hands_over_too_and_keeps_no_deadline) {
  HttpLimits limits;
  limits.headerTime = limits.idleTime = 500ms;  // the request must be there by then
  Fixture f(Fixture::with(limits));
  Held held;
  f.http.script = [&](HttpRequest&& r, HttpResponder out) { held.take(std::move(r), std::move(out)); };
  const auto script = std::make_shared<Script>();
  script->received = [](Connection& c, std::span<char> data) {
    static_cast<void>(c.send("echo:" + std::string(data.data(), data.size())));
    return data.size();
  };
  Client c = f.client();
  c.write(get("/ws") + "early");
  REQUIRE(eventually([&] { return held.count() == 1; }));
  held.next().upgrade({.status = 101, .headers = {}, .body = {}, .close = false}, std::make_unique<ScriptedHandler>(script));
  CHECK(c.readUntil("\r\n\r\n").starts_with("HTTP/1.1 101 "));
  CHECK(c.readUntil("early") == "echo:early");
  Event later;
  f.server.loop(0).post(Mail::Completion, [&] { f.server.loop(0).after(600ms, [&] { later.set(); }); }) ? void()
                                                                                                        : std::abort();
  REQUIRE(later.wait());
  c.write("still");
  CHECK(c.readUntil("still") == "echo:still");
}

BOOST_AUTO_TEST_CASE(an_upgrade_of_a_connection_that_is_gone_destroys_the_handler_unattached) {
  Fixture f;
  Held held;
  f.http.script = [&](HttpRequest&& r, HttpResponder out) { held.take(std::move(r), std::move(out)); };
  Client c = f.client();
  c.write(get("/ws"));
  REQUIRE(eventually([&] { return held.count() == 1; }));
  const linger now{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(c.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  c.close();
  REQUIRE(eventually([&] { return f.server.connections() == 0; }));
  const auto script = std::make_shared<Script>();
  std::atomic<bool> attached{false};
  script->attached = [&](Connection&) { attached = true; };
  held.next().upgrade({.status = 101, .headers = {}, .body = {}, .close = false}, std::make_unique<ScriptedHandler>(script));
  CHECK(eventually([&] { return script.use_count() == 1; }));
  CHECK(!attached);
}

BOOST_AUTO_TEST_CASE(many_clients_that_hold_half_a_request_do_not_hold_up_another) {
  Fixture f;
  std::vector<Client> slow;
  for (int i = 0; i < 300; ++i) {
    slow.push_back(f.client());
    slow.back().write("GET / HT");
  }
  Client c = f.client();
  c.write(get("/quick"));
  CHECK(bodyOf(c.response()) == "GET /quick ");
}

BOOST_AUTO_TEST_SUITE_END()
