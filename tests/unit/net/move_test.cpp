// A connection that goes to another loop with its new handler, and answers whose client has gone.
#include "unit/net/support.h"

using namespace nettest;

namespace {

ServerOptions loops(std::size_t count) {
  ServerOptions o;
  o.loops = count;
  return o;
}

/// Echoes, and says on which loop it does.
struct Settler final : public StreamHandler {
  Settler(EventLoop& home, Event& closed) : home_(home), closed_(closed) {}
  [[nodiscard]] EventLoop* home() const override { return &home_; }
  void attached(Connection& connection) override {
    connection_ = &connection;
    CHECK(home_.onThread());
    CHECK(&connection.loop() == &home_);
    CHECK(connection.peer().ip == "127.0.0.1");
  }
  std::size_t received(std::span<char> data) override {
    CHECK(home_.onThread());
    CHECK(connection_->send(std::string(data.data(), data.size())) == Offer::Taken);
    return data.size();
  }
  void closed(Closed) override { closed_.set(); }
  EventLoop& home_;
  Event& closed_;
  Connection* connection_ = nullptr;
};

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n";

}  // namespace

BOOST_AUTO_TEST_SUITE(moving)

BOOST_AUTO_TEST_CASE(an_upgraded_connection_moves_to_the_loop_of_its_handler_with_every_byte) {
  ScriptedHttp http;
  Server server(loops(2), http);
  Event closed;
  http.script = [&](HttpRequest&&, HttpResponder out) {
    EventLoop& here = *EventLoop::ofThisThread();
    EventLoop& other = server.loop(1 - here.index());
    out.upgrade({.status = 101, .headers = {}, .body = {}, .close = false}, std::make_unique<Settler>(other, closed));
  };
  const auto port = server.listen({.address = "127.0.0.1", .port = 0, .unixPath = {}});
  REQUIRE(port.ok());
  server.start();
  for (int i = 0; i < 50; ++i) {
    Client c(port.value());
    // Some of it is read before the move, the rest after it.
    c.write(std::string(kGet) + "early ");
    CHECK(c.readUntil("\r\n\r\n").starts_with("HTTP/1.1 101"));
    c.write("and late");
    CHECK(c.read(14) == "early and late");
  }
  CHECK(closed.wait());
  CHECK(eventually([&] { return server.connections() == 0; }));
  server.stop();
}

BOOST_AUTO_TEST_CASE(an_answer_from_another_thread_may_move_it_too) {
  ScriptedHttp http;
  Server server(loops(2), http);
  Event closed;
  std::thread answering;
  http.script = [&](HttpRequest&&, HttpResponder out) {
    EventLoop& other = server.loop(1 - EventLoop::ofThisThread()->index());
    answering = std::thread([&other, &closed, held = std::make_shared<HttpResponder>(std::move(out))] {
      held->upgrade({.status = 101, .headers = {}, .body = {}, .close = false}, std::make_unique<Settler>(other, closed));
    });
  };
  const auto port = server.listen({.address = "127.0.0.1", .port = 0, .unixPath = {}});
  REQUIRE(port.ok());
  server.start();
  Client c(port.value());
  c.write(kGet);
  CHECK(c.readUntil("\r\n\r\n").starts_with("HTTP/1.1 101"));
  c.write("hello");
  CHECK(c.read(5) == "hello");
  c.close();
  CHECK(closed.wait());
  answering.join();
  server.stop();
}

BOOST_AUTO_TEST_CASE(a_client_that_goes_before_its_answer_is_told_of) {
  for (const bool half : {false, true}) {
    ScriptedHttp http;
    Server server(loops(1), http);
    Event parked;
    Event gone;
    std::shared_ptr<HttpResponder> held;
    http.script = [&](HttpRequest&&, HttpResponder out) {
      held = std::make_shared<HttpResponder>(std::move(out));
      held->whenGone([&gone] { gone.set(); });
      parked.set();
    };
    const auto port = server.listen({.address = "127.0.0.1", .port = 0, .unixPath = {}});
    REQUIRE(port.ok());
    server.start();
    Client c(port.value());
    c.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    REQUIRE(parked.wait());
    if (half) {
      c.finish();
    } else {
      c.close();
    }
    CHECK(gone.wait());
    server.stop();
    held.reset();
  }
}

BOOST_AUTO_TEST_CASE(after_the_answer_nobody_is_told_and_the_connection_serves_on) {
  ScriptedHttp http;
  Server server(loops(1), http);
  std::atomic<int> gone{0};
  http.script = [&](HttpRequest&&, HttpResponder out) {
    out.whenGone([&gone] { ++gone; });
    out.send({.status = 200, .headers = {}, .body = "ok", .close = false});
  };
  const auto port = server.listen({.address = "127.0.0.1", .port = 0, .unixPath = {}});
  REQUIRE(port.ok());
  server.start();
  Client c(port.value());
  for (int i = 0; i < 2; ++i) {
    c.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    CHECK(c.response().ends_with("ok"));
  }
  c.close();
  CHECK(eventually([&] { return server.connections() == 0; }));
  CHECK(gone == 0);
  server.stop();
}

BOOST_AUTO_TEST_SUITE_END()
