// TLS on a connection: the handshake in any pieces and under a deadline, both directions under pressure, every way to end.
#include "unit/net/tls_support.h"

using namespace nettest;

namespace {

/// A loop, a certificate, and connections that speak TLS on it.
struct House {
  House() { Identity("localhost").write(folder); }

  Client connect(const std::shared_ptr<Script>& script, std::chrono::milliseconds time = kPatience,
                 const ConnectionLimits& limits = {}) {
    if (tls == nullptr) tls = identityIn(folder);
    auto [client, server] = tcpPair();
    EventLoop& loop = thread.loop();
    loop.expectConnection();
    thread.on([&, socket = &server] {
      loop.add(std::make_unique<SocketConnection>(loop, std::move(*socket), Peer{}, limits,
                                                  std::make_unique<ScriptedHandler>(script),
                                                  Entrance{false, tls->current(), time}));
    });
    return Client(std::move(client));
  }
  /// Everything that has arrived so far has been looked at.
  void settle() {
    thread.on([] {});
    thread.on([] {});
  }
  [[nodiscard]] std::uint64_t done() { return thread.loop().stats().tlsHandshakes.get(); }
  [[nodiscard]] std::uint64_t failed() { return thread.loop().stats().tlsHandshakesFailed.get(); }

  TemporaryFolder folder;
  std::shared_ptr<TlsIdentity> tls;
  LoopThread thread;
};

std::shared_ptr<Script> echo() {
  auto script = std::make_shared<Script>();
  script->received = [](Connection& c, std::span<char> data) -> std::size_t {
    CHECK((c.send(std::string(data.data(), data.size())) == Offer::Taken));
    return data.size();
  };
  return script;
}

/// Bytes that no shift or swap leaves alike.
std::string pattern(std::size_t size) {
  std::string out(size, '\0');
  std::uint32_t x = 1;
  for (char& c : out) {
    x = x * 1664525U + 1013904223U;
    c = static_cast<char>(x >> 24);
  }
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(tls)

BOOST_AUTO_TEST_CASE(both_versions_carry_both_directions_and_the_peer_is_known_as_secure) {
  House house;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    const auto script = echo();
    bool secure = false;
    script->attached = [&secure](Connection& c) { secure = c.peer().secure; };
    TlsClient client(house.connect(script), {version, {}, nullptr});
    REQUIRE(client.handshake());
    client.write("hello\n");
    CHECK(client.readUntil("\n") == "hello\n");
    house.thread.on([&] { CHECK(secure); });
  }
  CHECK(house.done() == 2U);
}

BOOST_AUTO_TEST_CASE(older_versions_are_refused_with_an_alert_and_no_reset) {
  House house;
  for (const int version : {TLS1_VERSION, TLS1_1_VERSION}) {
    TlsClient client(house.connect(echo()), {version, {}, nullptr});
    CHECK(!client.handshake());
    CHECK(client.fault().find("protocol version") != std::string::npos);
  }
  CHECK(eventually([&] { return house.failed() == 2U; }));
}

BOOST_AUTO_TEST_CASE(a_handshake_may_come_byte_by_byte) {
  House house;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient client(house.connect(echo()), {version, {}, nullptr});
    client.carry = [&house](Client& to, std::string_view bytes) {
      for (const char& byte : bytes) {
        to.write({&byte, 1});
        house.settle();
      }
    };
    REQUIRE(client.handshake());
    client.write("hello\n");
    CHECK(client.readUntil("\n") == "hello\n");
  }
}

BOOST_AUTO_TEST_CASE(a_request_that_comes_with_the_end_of_the_handshake_is_read) {
  House house;
  TlsClient client(house.connect(echo()), {TLS1_3_VERSION, {}, nullptr});
  std::string held;
  bool hold = false;
  client.carry = [&](Client& to, std::string_view bytes) {
    held += bytes;
    if (!hold) to.write(std::exchange(held, {}));
    hold = true;  // after the first flight
  };
  REQUIRE(client.handshake());
  hold = false;
  client.write("hello\n");  // the client's Finished and this, in one segment
  CHECK(client.readUntil("\n") == "hello\n");
}

BOOST_AUTO_TEST_CASE(a_peer_that_is_slow_or_silent_in_the_handshake_is_dropped_and_no_handler_hears_of_it) {
  House house;
  const auto script = echo();
  bool attached = false;
  script->attached = [&attached](Connection&) { attached = true; };
  Client silent = house.connect(script, 500ms);
  Client slow = house.connect(script, 500ms);
  slow.write("\x16\x03\x01\x02");
  static_cast<void>(silent.readAll());
  CHECK(silent.wasReset());
  static_cast<void>(slow.readAll());
  CHECK(slow.wasReset());
  CHECK(eventually([&] { return house.thread.loop().connections() == 0; }));
  CHECK(eventually([&] { return house.failed() == 2U; }));
  CHECK(!attached);
  CHECK(script->closed == 0);
}

BOOST_AUTO_TEST_CASE(what_is_no_tls_gets_an_alert_and_an_orderly_end) {
  House house;
  Client client = house.connect(echo());
  client.write(std::string("\x16\x03\x01\x00\x05hello", 10));
  const std::string alert = client.readAll();
  CHECK(!client.wasReset());
  REQUIRE(alert.size() == 7U);
  CHECK(alert[0] == 0x15);
  Client http = house.connect(echo());
  http.write("GET / HTTP/1.1\r\nHost: a\r\n\r\n");
  CHECK(http.readAll().empty());
  CHECK(!http.wasReset());
  CHECK(eventually([&] { return house.failed() == 2U; }));
}

BOOST_AUTO_TEST_CASE(alpn_is_http_1_1_or_nothing) {
  House house;
  TlsClient both(house.connect(echo()), {0, std::string("\x02h2\x08http/1.1"), nullptr});
  REQUIRE(both.handshake());
  const unsigned char* chosen = nullptr;
  unsigned size = 0;
  ::SSL_get0_alpn_selected(both.get(), &chosen, &size);
  CHECK(std::string_view(reinterpret_cast<const char*>(chosen), size) == "http/1.1");
  TlsClient other(house.connect(echo()), {0, std::string("\x02h2"), nullptr});
  CHECK(!other.handshake());
  CHECK(other.fault().find("no application protocol") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_client_comes_back_with_its_ticket) {
  House house;
  for (const int version : {TLS1_2_VERSION, TLS1_3_VERSION}) {
    TlsClient first(house.connect(echo()), {version, {}, nullptr});
    REQUIRE(first.handshake());
    first.write("a\n");
    CHECK(first.readUntil("\n") == "a\n");
    const std::unique_ptr<SSL_SESSION, decltype(&::SSL_SESSION_free)> ticket(::SSL_get1_session(first.get()),
                                                                             &::SSL_SESSION_free);
    TlsClient second(house.connect(echo()), {version, {}, ticket.get()});
    REQUIRE(second.handshake());
    CHECK(::SSL_session_reused(second.get()) == 1);
  }
}

BOOST_AUTO_TEST_CASE(a_renegotiation_is_refused) {
  House house;
  TlsClient client(house.connect(echo()), {TLS1_2_VERSION, {}, nullptr});
  REQUIRE(client.handshake());
  REQUIRE(::SSL_renegotiate(client.get()) == 1);
  CHECK(!client.handshake());
  CHECK(house.done() == 1U);
}

BOOST_AUTO_TEST_CASE(key_updates_without_content_do_not_stop_what_follows) {
  House house;
  TlsClient client(house.connect(echo()), {TLS1_3_VERSION, {}, nullptr});
  REQUIRE(client.handshake());
  for (int i = 0; i < 500; ++i) {
    REQUIRE(::SSL_key_update(client.get(), SSL_KEY_UPDATE_NOT_REQUESTED) == 1);
    REQUIRE(client.handshake());
  }
  client.write("hello\n");
  CHECK(client.readUntil("\n") == "hello\n");
}

BOOST_AUTO_TEST_CASE(megabytes_go_through_a_peer_that_reads_late) {
  House house;
  const std::string data = pattern(6 << 20);
  const auto script = std::make_shared<Script>();
  std::size_t sent = 0;
  const auto push = [&](Connection& c) {
    // Pieces of all sizes: records of one, of several, and parts of a piece.
    for (std::size_t size = 1; sent < data.size(); size = size * 3 % 40'009 + 1) {
      const std::size_t take = std::min(size, data.size() - sent);
      if (c.send(data.substr(sent, take)) != Offer::Taken) return;
      sent += take;
    }
  };
  script->attached = push;
  script->drained = push;
  ConnectionLimits limits;
  limits.outboxBytes = 1 << 20;
  TlsClient client(house.connect(script, kPatience, limits));
  REQUIRE(client.handshake());
  house.settle();
  CHECK((client.read(data.size()) == data));
}

BOOST_AUTO_TEST_CASE(input_larger_than_a_turn_arrives_whole_also_over_a_pause) {
  House house;
  const std::string data = pattern(3 << 20);
  const auto script = std::make_shared<Script>();
  std::string seen;
  int pauses = 0;
  script->received = [&](Connection& c, std::span<char> part) -> std::size_t {
    seen.append(part.data(), part.size());
    if (pauses < 20) {
      ++pauses;
      c.pauseReading();
      c.loop().after(1ms, [&] { script->connection->resumeReading(); });
    }
    if (seen.size() == data.size()) CHECK((c.send(std::string("whole\n")) == Offer::Taken));
    return part.size();
  };
  TlsClient client(house.connect(script));
  client.carry = [](Client& to, std::string_view bytes) { to.write(bytes); };
  REQUIRE(client.handshake());
  client.write(data);
  CHECK(client.readUntil("\n") == "whole\n");
  CHECK((seen == data));
}

BOOST_AUTO_TEST_CASE(a_close_that_drops_keeps_the_record_under_way) {
  House house;
  const auto script = std::make_shared<Script>();
  const std::string frame = pattern(30'000);
  script->attached = [&](Connection& c) {
    while (c.send(frame) == Offer::Taken) {
    }
  };
  ConnectionLimits limits;
  limits.outboxBytes = 32 << 20;  // more than the kernel takes
  TlsClient client(house.connect(script, kPatience, limits));
  REQUIRE(client.handshake());
  std::size_t left = 0;
  house.settle();
  house.thread.on([&] {
    script->connection->closeDropping("the end", kPatience);
    left = script->connection->unsentBytes();
  });
  CHECK(left < 100'000U);
  const std::string got = client.readAll();
  CHECK(client.wasToldTheEnd());
  REQUIRE(got.ends_with("the end"));
  const std::size_t body = got.size() - std::string_view("the end").size();
  REQUIRE(body % frame.size() == 0);  // whole frames
  for (std::size_t at = 0; at < body; at += frame.size()) REQUIRE(got.compare(at, frame.size(), frame) == 0);
  client.shutDown(true);
  CHECK(eventually([&] { return script->closed == 1; }));
}

BOOST_AUTO_TEST_CASE(our_close_says_close_notify_and_waits_for_the_peer) {
  House house;
  const auto script = std::make_shared<Script>();
  script->received = [](Connection& c, std::span<char> data) {
    CHECK((c.send(std::string("bye")) == Offer::Taken));
    c.close(kPatience);
    return data.size();
  };
  TlsClient client(house.connect(script));
  REQUIRE(client.handshake());
  client.write("go");
  CHECK(client.readAll() == "bye");
  CHECK(client.wasToldTheEnd());
  CHECK(script->closed == 0);
  client.shutDown(true);
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK((script->why == Closed::ByUs));
}

BOOST_AUTO_TEST_CASE(a_peer_that_ends_its_side_gets_its_answer) {
  House house;
  for (const bool politely : {true, false}) {
    TlsClient client(house.connect(echo()));
    REQUIRE(client.handshake());
    client.write("last words");
    if (politely) {
      client.shutDown(true);
    } else {
      client.socket().finish();  // many clients never say close_notify
    }
    CHECK(client.readAll() == "last words");
    CHECK(client.wasToldTheEnd());
  }
}

BOOST_AUTO_TEST_CASE(a_broken_record_ends_the_connection) {
  House house;
  const auto script = echo();
  TlsClient client(house.connect(script));
  REQUIRE(client.handshake());
  client.socket().write(std::string("\x17\x03\x03\x00\x20", 5) + std::string(32, 'x'));
  CHECK(eventually([&] { return script->closed == 1; }));
  CHECK((script->why == Closed::ByPeer));
}

BOOST_AUTO_TEST_CASE(a_rush_of_handshakes_is_dealt_with_a_few_a_turn_and_all_get_in) {
  House house;
  std::vector<TlsClient> clients;
  for (int i = 0; i < 60; ++i) {
    clients.emplace_back(house.connect(echo()));
    ::SSL_do_handshake(clients.back().get());
    clients.back().flush();
  }
  for (TlsClient& client : clients) REQUIRE(client.handshake());
  clients.back().write("x\n");
  CHECK(clients.back().readUntil("\n") == "x\n");
  CHECK(house.done() == 60U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(tls_files)

BOOST_AUTO_TEST_CASE(a_reload_serves_the_new_certificate_and_leaves_live_connections_alone) {
  House house;
  house.tls = identityIn(house.folder);
  TlsClient before(house.connect(echo()));
  REQUIRE(before.handshake());
  CHECK(before.subject() == "localhost");
  Identity("other").write(house.folder);
  REQUIRE(house.tls->reload().ok());
  TlsClient after(house.connect(echo()));
  REQUIRE(after.handshake());
  CHECK(after.subject() == "other");
  before.write("still here\n");
  CHECK(before.readUntil("\n") == "still here\n");
}

BOOST_AUTO_TEST_CASE(after_a_bad_reload_the_old_certificate_stays) {
  House house;
  house.tls = identityIn(house.folder);
  std::ofstream(house.folder.file("certificate.pem")) << "nonsense";
  const auto done = house.tls->reload();
  REQUIRE(!done.ok());
  CHECK(done.error().detail().find("certificate.pem: holds no certificate") != std::string::npos);
  TlsClient client(house.connect(echo()));
  REQUIRE(client.handshake());
  CHECK(client.subject() == "localhost");
}

BOOST_AUTO_TEST_CASE(files_that_are_wrong_are_named_with_what_is_wrong) {
  const TemporaryFolder folder;
  const std::string certificate = folder.file("certificate.pem");
  const std::string key = folder.file("key.pem");
  const auto fault = [&] {
    const auto loaded = TlsContext::load(certificate, key);
    return loaded.ok() ? std::string("none") : loaded.error().detail();
  };
  const auto has = [&](std::string_view file, std::string_view what) {
    const std::string text = fault();
    BOOST_TEST_CONTEXT(text) {
      CHECK(text.starts_with(file));
      CHECK(text.find(what) != std::string::npos);
    }
  };
  has(certificate, "cannot be read: No such file");
  const Identity own("localhost");
  own.write(folder);
  CHECK(fault() == "none");

  REQUIRE(::chmod(key.c_str(), 0640) == 0);
  CHECK(fault() == "none");
  for (const mode_t mode : {mode_t{0644}, mode_t{0660}, mode_t{0604}, mode_t{0602}}) {
    REQUIRE(::chmod(key.c_str(), mode) == 0);
    has(key, "must not be open to others");
  }
  own.write(folder, "secret");
  has(key, "has a passphrase");
  own.write(folder);
  std::ofstream(key) << "nonsense";
  has(key, "holds no private key");

  own.write(folder);
  const std::string good = [&] {
    std::ifstream in(certificate);
    return std::string(std::istreambuf_iterator<char>(in), {});
  }();
  Identity("other").write(folder);
  std::ofstream(certificate) << good;
  has(key, "is not the key of the certificate in " + certificate);

  own.write(folder);
  std::ofstream(certificate) << good << "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
  has(certificate, "its chain is broken");
  std::ofstream(certificate) << good << good;
  CHECK(fault() == "none");
  std::ofstream(certificate) << std::string(2 << 20, 'x');
  has(certificate, "is larger than");
  REQUIRE(::unlink(certificate.c_str()) == 0);
  REQUIRE(::mkfifo(certificate.c_str(), 0600) == 0);
  has(certificate, "is not a regular file");
}

BOOST_AUTO_TEST_SUITE_END()
