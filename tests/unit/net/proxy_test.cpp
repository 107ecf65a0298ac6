// Proxies: the PROXY header in all its shapes, and whose word about a client counts.
#include "net/proxy_header.h"
#include "net/trusted_proxies.h"
#include "unit/net/tls_support.h"

using namespace nettest;
using Status = ProxyHeaderParser::Status;

namespace {

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

const std::string kSignature("\r\n\r\n\0\r\nQUIT\n", 12);

/// Version 2: command 0 (LOCAL) or 1 (PROXY), family and protocol, what follows the head.
std::string block(int command, int family, const std::string& body) {
  return kSignature +
         bytes({0x20 | command, family, static_cast<int>(body.size() >> 8), static_cast<int>(body.size() & 0xFF)}) + body;
}
std::string tcp4Body() { return bytes({192, 0, 2, 7, 10, 0, 0, 1, 0x12, 0x34, 0x01, 0xBB}); }
std::string tcp6Body() {
  return bytes({0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 9}) + std::string(16, '\0') + bytes({0, 80, 1, 187});
}

/// "IP:PORT", with "+tls"; "own" if the proxy speaks for itself; "more" and "broken". `rest` is what must be left over.
std::string parsed(const std::string& input, const std::string& rest = {}) {
  std::string whole;
  // All at once, byte by byte, and in two at every place: one result.
  for (std::size_t cut = 0; cut <= input.size() + 1; ++cut) {
    ProxyHeaderParser parser;
    std::size_t used = 0;
    if (cut == input.size() + 1) {
      while (used < input.size() && parser.status() == Status::NeedMore) used += parser.feed(input.substr(used, 1));
    } else {
      used = parser.feed(std::string_view(input).substr(0, cut));
      used += parser.feed(std::string_view(input).substr(used, input.size() - used));
    }
    std::string result = "more";
    if (parser.status() == Status::Broken) result = "broken";
    if (parser.status() == Status::Done) {
      result = "own";
      if (const auto& c = parser.client()) {
        result = c->address.text() + ":" + std::to_string(c->port) + (c->secure ? "+tls" : "");
      }
      CHECK(input.substr(used) == rest);
    }
    if (cut == 0) whole = result;
    CHECK(result == whole);
  }
  return whole;
}

TrustedProxies trusting(std::vector<std::string> items, ProxyHeaders headers = ProxyHeaders::XForwarded) {
  auto made = TrustedProxies::parse(items, headers);
  REQUIRE(made.ok());
  return *made;
}

/// What a request from `ip` with these headers becomes: "IP secure host".
std::string seen(const TrustedProxies& proxies, const std::string& ip,
                 std::vector<std::pair<std::string, std::string>> headers) {
  HttpRequest request;
  request.peer.ip = ip;
  request.headers = std::move(headers);
  proxies.apply(request);
  CHECK(request.secure == request.peer.secure);
  return request.peer.ip + (request.secure ? " https " : " http ") + std::string(request.host());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(proxy_header)

BOOST_AUTO_TEST_CASE(version_1_tells_the_client) {
  CHECK(parsed("PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n") == "192.0.2.7:4660");
  CHECK(parsed("PROXY TCP6 2001:db8::9 ::1 80 443\r\nGET /", "GET /") == "2001:db8::9:80");
  CHECK(parsed("PROXY UNKNOWN\r\n") == "own");
  CHECK(parsed("PROXY UNKNOWN ffff::1 ffff::2 65535 65535\r\nx", "x") == "own");
}

BOOST_AUTO_TEST_CASE(a_version_1_line_that_is_not_exact_is_broken) {
  for (const char* line :
       {"GET / HTTP/1.1\r\n", "PROXY\r\n", "PROXY \r\n", "PROXY TCP4\r\n", "PROXY TCP5 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2 3\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 1 2\n",
        "PROXY TCP4 1.2.3.4 1.2.3.4 1 65536\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 01 2\r\n",
        "PROXY TCP4 1.2.3.4  1.2.3.4 1 2\r\n", "PROXY TCP4 ::1 ::1 1 2\r\n", "PROXY TCP6 1.2.3.4 1.2.3.4 1 2\r\n",
        "PROXY TCP4 1.2.3 1.2.3.4 1 2\r\n", "PROXY TCP4 1.2.3.4 1.2.3.4 -1 2\r\n", "proxy TCP4 1.2.3.4 1.2.3.4 1 2\r\n",
        "\r\nGET"}) {
    CHECK(parsed(line) == "broken");
  }
  CHECK(parsed("PROXY TCP4 1.2.3.4 1.2.3.4 1 2") == "more");
  CHECK(parsed("PROXY UNKNOWN " + std::string(200, 'x')) == "broken");  // no line is longer than 107 bytes
}

BOOST_AUTO_TEST_CASE(version_2_tells_the_client) {
  CHECK(parsed(block(1, 0x11, tcp4Body()) + "GET", "GET") == "192.0.2.7:4660");
  CHECK(parsed(block(1, 0x21, tcp6Body())) == "2001:db8::9:80");
  CHECK(parsed(block(1, 0x31, std::string(216, 'x'))) == "own");
  CHECK(parsed(block(1, 0x00, "")) == "own");
  CHECK(parsed(block(0, 0x00, "")) == "own");
  CHECK(parsed(block(0, 0x11, tcp4Body())) == "own");  // a health check: the addresses are to be ignored
}

BOOST_AUTO_TEST_CASE(version_2_tells_whether_the_client_spoke_tls) {
  const std::string alpn = bytes({0x01, 0, 2}) + "h2";
  const auto ssl = [](int flags) { return bytes({0x20, 0, 5, flags, 0, 0, 0, 0}); };
  CHECK(parsed(block(1, 0x11, tcp4Body() + alpn + ssl(1))) == "192.0.2.7:4660+tls");
  CHECK(parsed(block(1, 0x11, tcp4Body() + ssl(0) + alpn)) == "192.0.2.7:4660");
}

BOOST_AUTO_TEST_CASE(a_version_2_block_that_lies_is_broken) {
  CHECK(parsed(block(1, 0x11, tcp4Body().substr(0, 11))) == "broken");
  CHECK(parsed(block(1, 0x21, tcp4Body())) == "broken");
  CHECK(parsed(block(1, 0x31, "short")) == "broken");
  CHECK(parsed(block(1, 0x12, tcp4Body())) == "broken");                        // a datagram on a stream
  CHECK(parsed(block(2, 0x11, tcp4Body())) == "broken");                        // no such command
  CHECK(parsed(block(1, 0x11, tcp4Body() + "\x01")) == "broken");               // an extra without its size
  CHECK(parsed(block(1, 0x11, tcp4Body() + bytes({1, 0, 9, 1}))) == "broken");  // one that is cut off
  std::string other = block(1, 0x11, tcp4Body());
  other[12] = 0x31;
  CHECK(parsed(other) == "broken");                                         // version 3
  CHECK(parsed(kSignature + bytes({0x21, 0x11, 0xFF, 0xFF})) == "broken");  // 64 KiB of it
  CHECK(parsed("\r\n\r\n\r\n") == "broken");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(proxy_listener)

namespace {

struct Served {
  explicit Served(const std::vector<std::string>& proxies, bool withTls = false,
                  std::chrono::milliseconds time = kPatience) {
    http.script = [](HttpRequest&& r, HttpResponder out) {
      out.send({.status = 200,
                .headers = {},
                .body = r.peer.ip + "|" + std::to_string(r.peer.port) + "|" + (r.secure ? "https" : "http"),
                .close = false});
    };
    ServerOptions options;
    options.loops = 2;
    options.http.headerTime = time;
    options.http.trustedProxies = std::make_shared<const TrustedProxies>(trusting(proxies));
    server = std::make_unique<Server>(options, http);
    Endpoint endpoint;
    endpoint.address = "127.0.0.1";
    endpoint.proxyHeader = true;
    if (withTls) {
      Identity("localhost").write(folder);
      endpoint.tls = identityIn(folder);
    }
    const auto bound = server->listen(endpoint);
    REQUIRE(bound.ok());
    port = *bound;
    server->start();
  }
  TemporaryFolder folder;
  ScriptedHttp http;
  std::unique_ptr<Server> server;
  std::uint16_t port = 0;
};

constexpr const char* kGet = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
constexpr const char* kLine = "PROXY TCP4 192.0.2.7 10.0.0.1 4660 443\r\n";

}  // namespace

BOOST_AUTO_TEST_CASE(a_trusted_proxy_names_its_client) {
  Served served({"127.0.0.0/8"});
  Client client(served.port);
  client.write(std::string(kLine) + kGet);
  CHECK(client.response().ends_with("192.0.2.7|4660|http"));
  client.write(kGet);  // and for the whole connection
  CHECK(client.response().ends_with("192.0.2.7|4660|http"));
  Client check(served.port);
  check.write(block(0, 0, "") + kGet);
  CHECK(check.response().find("127.0.0.1|") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(the_header_may_come_byte_by_byte) {
  Served served({"127.0.0.1"});
  Client client(served.port);
  for (const char& byte : std::string(kLine) + kGet) client.write({&byte, 1});
  CHECK(client.response().ends_with("192.0.2.7|4660|http"));
}

BOOST_AUTO_TEST_CASE(tls_begins_behind_the_header) {
  Served served({"127.0.0.1"}, true);
  TlsClient client((Client(served.port)));
  client.socket().write(kLine);
  REQUIRE(client.handshake());
  client.write(kGet);
  CHECK(client.response().ends_with("192.0.2.7|4660|https"));
}

BOOST_AUTO_TEST_CASE(who_is_not_trusted_is_closed_whatever_it_sends) {
  Served served({"10.0.0.0/8"});
  Client client(served.port);
  static_cast<void>(client.tryWrite(std::string(kLine) + kGet));
  CHECK(client.readAll().empty());
}

BOOST_AUTO_TEST_CASE(without_a_header_and_with_a_broken_one_nothing_is_answered) {
  Served served({"127.0.0.1"});
  for (const std::string& start : {std::string(kGet), std::string("PROXY TCP4 x\r\n") + kGet}) {
    Client client(served.port);
    static_cast<void>(client.tryWrite(start));
    CHECK(client.readAll().empty());
    CHECK(client.wasReset());
  }
  Client gone(served.port);
  gone.write("PROXY ");
  gone.finish();
  CHECK(gone.readAll().empty());
}

BOOST_AUTO_TEST_CASE(a_header_that_never_ends_meets_the_deadline) {
  Served served({"127.0.0.1"}, false, 500ms);
  Client client(served.port);
  client.write("PROXY TCP4 ");
  CHECK(client.readAll().empty());
  CHECK(client.wasReset());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(trusted_proxies)

BOOST_AUTO_TEST_CASE(the_client_is_the_rightmost_address_that_is_no_proxy) {
  const TrustedProxies proxies = trusting({"10.0.0.0/8", "2001:db8::/32"});
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", "192.0.2.7"}}) == "192.0.2.7 http ");
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", "1.1.1.1, 192.0.2.7, 10.0.0.2"}}) == "192.0.2.7 http ");
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", "1.1.1.1"}, {"x-forwarded-for", "192.0.2.7"}}) == "192.0.2.7 http ");
  CHECK(seen(proxies, "2001:db8::1", {{"X-Forwarded-For", "[2001:dba::5]:99"}}) == "2001:dba::5 http ");
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", "192.0.2.7:4711"}}) == "192.0.2.7 http ");
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", "::ffff:192.0.2.7"}}) == "192.0.2.7 http ");
  // All are proxies: the farthest one speaks for itself.
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", "10.0.0.9, 10.0.0.2"}}) == "10.0.0.9 http ");
  CHECK(seen(proxies, "10.0.0.1", {}) == "10.0.0.1 http ");
}

BOOST_AUTO_TEST_CASE(what_cannot_be_read_ends_the_chain_at_the_last_proxy_that_can) {
  const TrustedProxies proxies = trusting({"10.0.0.0/8"});
  for (const char* value : {"unknown", "_hidden", "", ",", "1.2.3.4.5", "192.0.2.7;x", "[::1", "1.2.3", "2001:db8::1::2"})
    CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", value}}) == "10.0.0.1 http ");
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-For", "192.0.2.7, unknown, 10.0.0.2"}}) == "10.0.0.2 http ");
}

BOOST_AUTO_TEST_CASE(scheme_and_host_come_from_the_proxy_too) {
  const TrustedProxies proxies = trusting({"10.0.0.1"});
  CHECK(seen(proxies, "10.0.0.1",
             {{"Host", "inside"}, {"X-Forwarded-Proto", "https"}, {"X-Forwarded-Host", "chat.example"}}) ==
        "10.0.0.1 https chat.example");
  CHECK(seen(proxies, "10.0.0.1", {{"Host", "inside"}, {"X-Forwarded-Proto", "http, HTTPS"}}) == "10.0.0.1 https inside");
  CHECK(seen(proxies, "10.0.0.1", {{"X-Forwarded-Proto", "gopher"}, {"X-Forwarded-Host", "a b"}}) == "10.0.0.1 http ");
}

BOOST_AUTO_TEST_CASE(from_anybody_else_the_headers_are_only_headers) {
  const std::vector<std::pair<std::string, std::string>> headers = {{"Host", "h"},
                                                                    {"X-Forwarded-For", "1.1.1.1"},
                                                                    {"X-Forwarded-Proto", "https"},
                                                                    {"X-Forwarded-Host", "evil"},
                                                                    {"Forwarded", "for=1.1.1.1;proto=https;host=evil"}};
  CHECK(seen(trusting({"10.0.0.1"}), "10.0.0.2", headers) == "10.0.0.2 http h");
  CHECK(seen(trusting({}), "127.0.0.1", headers) == "127.0.0.1 http h");
  CHECK(seen(trusting({"10.0.0.1"}), "", headers) == " http h");  // a Unix socket
  HttpRequest admin;
  admin.peer.unixSocket = true;
  admin.headers = headers;
  trusting({"unix:"}).apply(admin);
  CHECK(admin.peer.ip.empty());
  CHECK(!admin.secure);
}

BOOST_AUTO_TEST_CASE(a_proxy_on_a_unix_socket_is_trusted_if_asked_to) {
  CHECK(seen(trusting({"unix:"}), "", {{"X-Forwarded-For", "1.1.1.1"}, {"X-Forwarded-Proto", "https"}}) == "1.1.1.1 https ");
}

BOOST_AUTO_TEST_CASE(only_the_family_of_headers_that_was_chosen_is_read) {
  const std::vector<std::pair<std::string, std::string>> headers = {{"X-Forwarded-For", "1.1.1.1"},
                                                                    {"Forwarded", "for=2.2.2.2;proto=https"}};
  CHECK(seen(trusting({"10.0.0.1"}), "10.0.0.1", headers) == "1.1.1.1 http ");
  CHECK(seen(trusting({"10.0.0.1"}, ProxyHeaders::Forwarded), "10.0.0.1", headers) == "2.2.2.2 https ");
}

BOOST_AUTO_TEST_CASE(forwarded_is_read_as_rfc_7239_writes_it) {
  const TrustedProxies proxies = trusting({"10.0.0.0/8"}, ProxyHeaders::Forwarded);
  const auto of = [&](const char* value) { return seen(proxies, "10.0.0.1", {{"Host", "h"}, {"Forwarded", value}}); };
  CHECK(of("for=192.0.2.60;proto=http;by=203.0.113.43") == "192.0.2.60 http h");
  CHECK(of("For=\"[2001:db8:cafe::17]:4711\"") == "2001:db8:cafe::17 http h");
  CHECK(of("for=192.0.2.43, for=198.51.100.17") == "198.51.100.17 http h");
  CHECK(of("for=192.0.2.43;proto=https;host=\"chat.example:8443\" , for=10.0.0.7;proto=http") ==
        "192.0.2.43 https chat.example:8443");
  CHECK(of("for=\"_gazonk\"") == "10.0.0.1 http h");
  CHECK(of("for=\"192.0.2.\\43\";;proto=https") == "192.0.2.43 https h");
  for (const char* broken : {"for", "for=", "for=\"1.1.1.1", "=1.1.1.1", "for=1.1.1.1 proto=https", "for=1.1.1.1;\"x\""})
    CHECK(of(broken) == "10.0.0.1 http h");
}

BOOST_AUTO_TEST_SUITE_END()
