// outbound: which addresses and which URLs are refused.
#include <arpa/inet.h>

#include <boost/test/unit_test.hpp>

#include "fetch.h"
#include "outbound/address_policy.h"
#include "outbound/url.h"
#include "tiny_server.h"

using namespace chatd;
using namespace chatd::test;

namespace {

AddressClass classOf(const std::string& text) {
  in_addr four{};
  if (::inet_pton(AF_INET, text.c_str(), &four) == 1) return classify(four);
  in6_addr six{};
  BOOST_REQUIRE_MESSAGE(::inet_pton(AF_INET6, text.c_str(), &six) == 1, text);
  return classify(six);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outbound_policy)

BOOST_AUTO_TEST_CASE(public_addresses_are_public) {
  for (const char* a : {"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0",
                        "198.17.255.255", "198.20.0.0", "223.255.255.255", "2606:4700::1111", "2001:4860:4860::8888",
                        "::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2002:808:808::1"}) {
    BOOST_TEST((classOf(a) == AddressClass::Public), a);
  }
}

BOOST_AUTO_TEST_CASE(private_addresses_are_private_in_every_dress) {
  for (const char* a :
       {"127.0.0.1", "127.255.255.254", "10.0.0.1", "172.16.0.1", "172.31.255.255", "192.168.1.1", "100.64.0.1",
        "100.127.255.255", "198.18.0.1", "::1", "fc00::1", "fd12:3456::1", "::ffff:127.0.0.1", "::ffff:10.1.2.3",
        "::ffff:0:192.168.0.1", "::127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::1", "2002:c0a8:101::"}) {
    BOOST_TEST((classOf(a) == AddressClass::Private), a);
  }
}

BOOST_AUTO_TEST_CASE(metadata_link_local_multicast_and_reserved_addresses_are_forbidden_even_where_private_ones_are_not) {
  for (const char* a : {"0.0.0.0",
                        "0.1.2.3",
                        "169.254.169.254",
                        "169.254.0.1",
                        "100.100.100.200",
                        "168.63.129.16",
                        "192.0.0.192",
                        "192.0.2.1",
                        "198.51.100.7",
                        "203.0.113.9",
                        "224.0.0.1",
                        "239.255.255.255",
                        "240.0.0.1",
                        "255.255.255.255",
                        "::",
                        "fe80::1",
                        "febf::1",
                        "fec0::1",
                        "ff02::1",
                        "fd00:ec2::254",
                        "2001:db8::1",
                        "2001:0:7f00:1::",
                        "::ffff:169.254.169.254",
                        "64:ff9b::a9fe:a9fe",
                        "64:ff9b:1::1",
                        "2002:a9fe:a9fe::",
                        "100::1",
                        "3fff::1",
                        "4000::1"}) {
    BOOST_TEST((classOf(a) == AddressClass::Forbidden), a);
    sockaddr_storage storage{};
    if (::inet_pton(AF_INET, a, &reinterpret_cast<sockaddr_in&>(storage).sin_addr) == 1) {
      storage.ss_family = AF_INET;
    } else {
      storage.ss_family = AF_INET6;
      ::inet_pton(AF_INET6, a, &reinterpret_cast<sockaddr_in6&>(storage).sin6_addr);
    }
    BOOST_TEST(!AddressPolicy(true).allows(reinterpret_cast<const sockaddr&>(storage)), a);
  }
}

BOOST_AUTO_TEST_CASE(no_spelling_of_this_machine_is_reached_unless_private_networks_are_allowed) {
  TinyServer server(always(answer(200, "{}")));
  OutboundHttp http({});
  for (const char* host : {"127.0.0.1", "localhost", "LOCALHOST", "127.1", "2130706433", "0x7f000001", "0x7f.0.0.1",
                           "0177.0.0.1", "017700000001", "0", "0.0.0.0", "[::1]", "[::]", "[::ffff:127.0.0.1]",
                           "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]"}) {
    OutboundRequest request = get(server.url("/", host));
    request.allowPrivateNetworks = false;
    const auto result = fetch(http, std::move(request));
    BOOST_TEST(!result.ok(), host);
    BOOST_TEST((why(result).find("may not be called") != std::string::npos), host << ": " << why(result));
  }
  BOOST_TEST(server.connections() == 0);
  for (const char* host : {"127.0.0.1", "127.1", "2130706433", "0x7f.0.0.1", "[::ffff:127.0.0.1]"}) {
    BOOST_TEST(fetch(http, get(server.url("/", host))).ok(), host);
  }
}

BOOST_AUTO_TEST_CASE(a_refused_address_does_not_open_the_breaker) {
  OutboundHttp http({});
  for (int i = 0; i < 20; ++i) {
    OutboundRequest request = get("http://127.0.0.1:9/");
    request.allowPrivateNetworks = false;
    BOOST_TEST((why(fetch(http, std::move(request))).find("may not be called") != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(a_url_is_read_into_its_parts) {
  const auto url = parseUrl("HTTPS://Example.com:8443/a/b?x=1#frag");
  BOOST_REQUIRE(url.ok());
  BOOST_TEST(url->tls);
  BOOST_TEST(url->host == "example.com");
  BOOST_TEST(url->port == 8443);
  BOOST_TEST(url->authority == "example.com:8443");
  BOOST_TEST(url->target == "/a/b?x=1");
  BOOST_TEST(parseUrl("http://a.b")->target == "/");
  BOOST_TEST(parseUrl("http://a.b?q")->target == "/?q");
  BOOST_TEST(parseUrl("http://a.b:80/")->authority == "a.b");
  BOOST_TEST(parseUrl("http://a.b:/")->port == 80);
  BOOST_TEST(parseUrl("https://[::1]/")->authority == "[::1]");
}

BOOST_AUTO_TEST_CASE(a_url_that_could_be_read_in_two_ways_is_refused) {
  for (const char* bad : {"",
                          "example.com",
                          "ftp://a/",
                          "file:///etc/passwd",
                          "http://",
                          "http:///x",
                          "http://user@a/",
                          "http://a@b:c@d/",
                          "http://a:0/",
                          "http://a:65536/",
                          "http://a:8x/",
                          "http://a b/",
                          "http://a/\r\nX: y",
                          "http://a\\@b/",
                          "http://a/\\b",
                          "http://[::1",
                          "http://[::1]x/",
                          "http://[1.2.3.4]/",
                          "http://[fe80::1%25eth0]/",
                          "http://a%2eb/",
                          "http://\xC3\xA9/",
                          "http://a:1:2/",
                          "http://a/\x7F"}) {
    BOOST_TEST(!parseUrl(bad).ok(), bad);
  }
  BOOST_TEST(!parseUrl("http://a/" + std::string(5000, 'x')).ok());
}

BOOST_AUTO_TEST_SUITE_END()
