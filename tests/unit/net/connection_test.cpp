// SocketConnection over real sockets: order, bounds, pauses, left-overs, hand-over, and every way to end.
#include "unit/net/support.h"

using namespace nettest;

namespace {

/// Fills the socket until the outbox holds something that the peer must read first; how many bytes were taken.
std::size_t overfill(Connection& c, std::size_t frame) {
  std::size_t sent = 0;
  while (c.send(std::string(frame, 'x')) == Offer::Taken) sent += frame;
  return sent;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(connection)

BOOST_AUTO_TEST_CASE(what_is_sent_arrives_in_order_and_one_turn_is_one_write) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  Client client = connectTo(thread, script);
  const FramePtr shared = makeFrame("-shared-");
  const auto before = thread.loop().stats().writes.get();
  thread.on([&] {
    for (int i = 0; i < 3; ++i) {
      CHECK((script->connection->send(std::to_string(i)) == Offer::Taken));
      CHECK((script->connection->send(shared) == Offer::Taken));
    }
    CHECK(script->connection->unsentBytes() == 27U);
  });
  CHECK(client.read(27) == "0-shared-1-shared-2-shared-");
  thread.on([&] { CHECK(script->connection->unsentBytes() == 0U); });
  CHECK(thread.loop().stats().writes.get() - before == 1U);
}

BOOST_AUTO_TEST_CASE(input_that_was_not_consumed_comes_again_with_more) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  std::string line;
  script->received = [&line](Connection& c, std::span<char> data) -> std::size_t {
    const std::string_view text(data.data(), data.size());
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) return 0;
    line = text.substr(0, end);
    static_cast<void>(c.send("got " + line + "\n"));
    return end + 1;
  };
  Client client = connectTo(thread, script);
  for (const char c : std::string_view("hello")) client.write({&c, 1});
  client.write("\nwor");
  CHECK(client.readUntil("\n") == "got hello\n");
  client.write("ld\n");
  CHECK(client.readUntil("\n") == "got world\n");
}

BOOST_AUTO_TEST_CASE(read_again_brings_left_overs_turn_by_turn_before_new_input) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  std::string seen;
  script->received = [&seen](Connection& c, std::span<char> data) -> std::size_t {
    seen += data[0];
    if (data.size() > 1) c.readAgain();
    return 1;
  };
  Client client = connectTo(thread, script);
  client.write("abcdefgh");
  client.finish();  // the end is seen only behind the left-overs
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK(seen == "abcdefgh");
  CHECK((script->why == Closed::ByPeer));
}

BOOST_AUTO_TEST_CASE(a_large_stream_arrives_whole_in_pieces_of_at_most_64_kib) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  std::atomic<std::size_t> got{0};
  std::atomic<std::size_t> largest{0};
  script->received = [&](Connection&, std::span<char> data) {
    largest = std::max(largest.load(), data.size());
    got += data.size();
    return data.size();
  };
  Client client = connectTo(thread, script);
  client.write(std::string(3'000'000, 'z'));
  CHECK(eventually([&] { return got == 3'000'000U; }));
  CHECK(largest <= 64U * 1024);
}

BOOST_AUTO_TEST_CASE(left_overs_beyond_the_limit_reset_the_connection) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  script->received = [](Connection&, std::span<char>) { return std::size_t{0}; };
  Client client = connectTo(thread, script, {.outboxBytes = 1000, .inputBytes = 10'000});
  while (client.tryWrite(std::string(1000, 'x')) && script->closed == 0) {
  }
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK((script->why == Closed::ByUs));
}

BOOST_AUTO_TEST_CASE(a_full_outbox_refuses_without_queueing_and_tells_when_it_has_drained) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  Event drained;
  std::size_t unsentThen = 0;
  script->drained = [&](Connection& c) {
    unsentThen = c.unsentBytes();
    drained.set();
  };
  constexpr std::size_t kLimit = 8 << 20;  // more than the kernel takes
  Client client = connectTo(thread, script, {.outboxBytes = kLimit});
  std::size_t sent = 0;
  thread.on([&] {
    sent = overfill(*script->connection, 100'000);
    const std::size_t unsent = script->connection->unsentBytes();
    CHECK(unsent <= kLimit);
    CHECK((script->connection->send(makeFrame(std::string(100'000, 'y'))) == Offer::Full));
    CHECK(script->connection->unsentBytes() == unsent);
  });
  const std::string all = client.read(sent);
  CHECK((all == std::string(sent, 'x')));
  CHECK(drained.wait());
  CHECK(unsentThen <= kLimit / 2);
  thread.on([&] { CHECK((script->connection->send(std::string("z")) == Offer::Taken)); });
  CHECK(client.read(1) == "z");
}

BOOST_AUTO_TEST_CASE(a_frame_larger_than_the_outbox_is_refused) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  Client client = connectTo(thread, script, {.outboxBytes = 1000});
  thread.on([&] {
    CHECK((script->connection->send(std::string(1001, 'x')) == Offer::Full));
    script->connection->setOutboxLimit(2000);
    CHECK((script->connection->send(std::string(1001, 'x')) == Offer::Taken));
  });
  CHECK(client.read(1001).size() == 1001U);
}

BOOST_AUTO_TEST_CASE(a_paused_connection_is_not_read_until_every_pause_is_resumed) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  std::atomic<int> calls{0};
  script->received = [&](Connection& c, std::span<char> data) {
    ++calls;
    static_cast<void>(c.send(std::string(data.data(), data.size())));
    return data.size();
  };
  Client client = connectTo(thread, script);
  thread.on([&] {
    script->connection->pauseReading();
    script->connection->pauseReading();
  });
  client.write("ping");
  // The input is reported once, then the loop sleeps: it does not spin on what it does not want.
  const auto turnsStill = [&] {
    const auto turns = thread.loop().stats().turns.get();
    for (int i = 0; i < 20'000; ++i) std::this_thread::yield();
    return thread.loop().stats().turns.get() == turns;
  };
  CHECK(eventually(turnsStill));
  thread.on([&] { script->connection->resumeReading(); });
  CHECK(eventually(turnsStill));
  CHECK(calls == 0);
  thread.on([&] { script->connection->resumeReading(); });
  CHECK(client.read(4) == "ping");
  CHECK(calls == 1);
}

BOOST_AUTO_TEST_CASE(a_pause_inside_received_keeps_the_rest_for_the_resume) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  std::string seen;
  script->received = [&](Connection& c, std::span<char> data) -> std::size_t {
    seen += data[0];
    c.pauseReading();
    if (seen.size() < 3) {
      c.loop().after(1ms, [&c] { c.resumeReading(); });
    } else {
      static_cast<void>(c.send(std::string("done")));
    }
    return 1;
  };
  Client client = connectTo(thread, script);
  client.write("abcdef");
  CHECK(client.read(4) == "done");
  thread.on([&] { CHECK(seen == "abc"); });
}

BOOST_AUTO_TEST_CASE(a_new_handler_gets_the_bytes_that_the_old_one_left) {
  LoopThread thread;
  const auto first = std::make_shared<Script>();
  const auto second = std::make_shared<Script>();
  std::string seen;
  second->received = [&seen](Connection& c, std::span<char> data) {
    seen.append(data.data(), data.size());
    static_cast<void>(c.send("second:" + seen));
    return data.size();
  };
  first->received = [&](Connection& c, std::span<char> data) -> std::size_t {
    REQUIRE(data.size() >= 5);
    c.setHandler(std::make_unique<ScriptedHandler>(second));
    return 5;
  };
  Client client = connectTo(thread, first);
  client.write("firstREST");
  CHECK(client.readUntil("REST") == "second:REST");
  client.close();
  CHECK(eventually([&] { return second->closed == 1; }));
  CHECK(first->closed == 0);
}

BOOST_AUTO_TEST_CASE(a_handler_set_outside_of_received_gets_the_left_overs_too) {
  LoopThread thread;
  const auto first = std::make_shared<Script>();
  const auto second = std::make_shared<Script>();
  Event arrived;
  first->received = [&](Connection&, std::span<char> data) -> std::size_t {
    if (data.size() == 4) arrived.set();
    return 0;
  };
  second->received = [](Connection& c, std::span<char> data) {
    static_cast<void>(c.send(std::string(data.data(), data.size())));
    return data.size();
  };
  Client client = connectTo(thread, first);
  client.write("left");
  REQUIRE(arrived.wait());
  thread.on([&] { first->connection->setHandler(std::make_unique<ScriptedHandler>(second)); });
  CHECK(client.read(4) == "left");
}

BOOST_AUTO_TEST_CASE(close_flushes_everything_and_waits_for_the_peers_fin) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  Client client = connectTo(thread, script, {.outboxBytes = 8 << 20});
  std::size_t sent = 0;
  thread.on([&] {
    sent = overfill(*script->connection, 50'000);
    script->connection->close(kPatience);
    CHECK(script->connection->closing());
    CHECK((script->connection->send(std::string("late")) == Offer::Closing));
  });
  client.write("ignored");
  CHECK(client.readAll().size() == sent);
  CHECK(!client.wasReset());
  CHECK(script->closed == 0);
  client.close();
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK((script->why == Closed::ByUs));
}

BOOST_AUTO_TEST_CASE(close_dropping_keeps_the_frame_under_way_and_puts_the_last_behind_it) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  constexpr std::size_t kFrame = 12 << 20;  // no socket buffer takes it whole
  Client client = connectTo(thread, script, {.outboxBytes = 64 << 20});
  thread.on([&] {
    REQUIRE((script->connection->send(makeFrame(std::string(kFrame, 'a'))) == Offer::Taken));
    REQUIRE((script->connection->send(makeFrame(std::string(kFrame, 'b'))) == Offer::Taken));
  });
  thread.on([&] {
    REQUIRE(script->connection->unsentBytes() < 2 * kFrame);  // the first has begun
    REQUIRE(script->connection->unsentBytes() > kFrame);
    script->connection->closeDropping("last", kPatience);
  });
  const std::string all = client.readAll();
  CHECK(all.size() == kFrame + 4);
  CHECK((all == std::string(kFrame, 'a') + "last"));
}

BOOST_AUTO_TEST_CASE(a_peer_that_does_not_take_the_close_is_reset_at_the_deadline) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  Client client = connectTo(thread, script, {.outboxBytes = 64 << 20});
  std::chrono::steady_clock::time_point from;
  thread.on([&] { REQUIRE((script->connection->send(std::string(12 << 20, 'a')) == Offer::Taken)); });
  thread.on([&] {  // a turn later, so the frame has begun
    from = std::chrono::steady_clock::now();
    script->connection->closeDropping("last", 50ms);
  });
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK((std::chrono::steady_clock::now() - from >= 50ms));
  CHECK((script->why == Closed::TooSlow));
  static_cast<void>(client.readAll());
  CHECK(client.wasReset());
}

BOOST_AUTO_TEST_CASE(a_peer_that_never_closes_is_reset_at_the_deadline) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  Client client = connectTo(thread, script);
  thread.on([&] { script->connection->close(20ms); });
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK((script->why == Closed::TooSlow));
}

BOOST_AUTO_TEST_CASE(reset_is_seen_by_the_peer_and_told_after_the_call) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  Client client = connectTo(thread, script);
  thread.on([&] {
    Connection& c = *script->connection;
    c.reset();
    CHECK(script->closed == 0);
    CHECK(c.closing());
    CHECK((c.send(std::string("x")) == Offer::Closing));
    c.reset();
    c.close(1s);
    c.closeDropping("x", 1s);
    c.pauseReading();
    c.resumeReading();
    c.readAgain();
  });
  static_cast<void>(client.readAll());
  CHECK(client.wasReset());
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK((script->why == Closed::ByUs));
  CHECK(eventually([&] { return thread.loop().connections() == 0; }));
}

BOOST_AUTO_TEST_CASE(a_peer_that_closes_or_resets_is_told_once) {
  LoopThread thread;
  const auto orderly = std::make_shared<Script>();
  const auto rude = std::make_shared<Script>();
  Client one = connectTo(thread, orderly);
  Client two = connectTo(thread, rude);
  const linger now{.l_onoff = 1, .l_linger = 0};
  REQUIRE(::setsockopt(two.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  one.close();
  two.close();
  CHECK(eventually([&] { return orderly->closed == 1 && rude->closed == 1; }));
  CHECK((orderly->why == Closed::ByPeer));
  CHECK((rude->why == Closed::ByPeer));
  CHECK(eventually([&] { return thread.loop().connections() == 0; }));
}

BOOST_AUTO_TEST_CASE(a_peer_that_half_closes_still_gets_what_was_queued) {
  LoopThread thread;
  const auto script = std::make_shared<Script>();
  script->received = [](Connection& c, std::span<char> data) {
    static_cast<void>(c.send("echo " + std::string(data.data(), data.size())));
    return data.size();
  };
  Client client = connectTo(thread, script);
  client.write("bye");
  client.finish();
  CHECK(client.readAll() == "echo bye");
  CHECK(!client.wasReset());
}

BOOST_AUTO_TEST_CASE(a_loop_that_stops_resets_its_connections) {
  auto thread = std::make_unique<LoopThread>();
  const auto script = std::make_shared<Script>();
  Client client = connectTo(*thread, script);
  thread->stop();
  CHECK(script->closed == 1);
  CHECK((script->why == Closed::Shutdown));
  CHECK(thread->loop().connections() == 0U);
  static_cast<void>(client.readAll());
  CHECK(client.wasReset());
}

BOOST_AUTO_TEST_CASE(a_handler_may_end_another_connection_while_it_is_told_of_its_own_end) {
  LoopThread thread;
  const auto one = std::make_shared<Script>();
  const auto two = std::make_shared<Script>();
  Client first = connectTo(thread, one);
  Client second = connectTo(thread, two);
  thread.on([&] {
    two->connection->send(std::string("x")) == Offer::Taken ? void() : std::abort();
    one->connection->reset();
    two->connection->reset();
  });
  CHECK(eventually([&] { return one->closed == 1 && two->closed == 1; }));
}

BOOST_AUTO_TEST_CASE(a_frame_for_a_thousand_connections_is_one_buffer) {
  LoopThread thread;
  std::vector<std::shared_ptr<Script>> scripts;
  std::vector<Client> clients;
  constexpr std::size_t kCount = 200;
  for (std::size_t i = 0; i < kCount; ++i) {
    scripts.push_back(std::make_shared<Script>());
    clients.push_back(connectTo(thread, scripts.back()));
  }
  const FramePtr frame = makeFrame(std::string(128, 'f'));
  thread.on([&] {
    for (const auto& script : scripts) REQUIRE((script->connection->send(frame) == Offer::Taken));
    CHECK(frame.use_count() == kCount + 1);
  });
  for (Client& client : clients) REQUIRE(client.read(128) == *frame);
  thread.on([&] { CHECK(frame.use_count() == 1); });
}

BOOST_AUTO_TEST_SUITE_END()
