// What of a request a verifier may see: header fields, and cookies of pages that are meant to use them.
#include "net/peer_fields.h"

#include <boost/test/unit_test.hpp>

using namespace chatd::net;

namespace {

HttpRequest request(std::vector<std::pair<std::string, std::string>> headers) {
  HttpRequest r;
  r.method = "GET";
  r.headers = std::move(headers);
  r.headers.emplace_back("Host", "chat.example");
  return r;
}

std::string field(const HttpRequest& r, const std::string& name, const std::vector<std::string>& origins = {}) {
  const auto fields = peerFields(r, origins, {.all = true, .names = {}});
  if (!fields) return "no fields";
  for (const auto& [key, value] : *fields) {
    if (key == name) return value;
  }
  return "none";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(peer_fields)

BOOST_AUTO_TEST_CASE(header_fields_are_there_by_lower_case_name_but_for_the_credential) {
  const auto r = request({{"X-Token", "abc"}, {"Authorization", "Bearer secret"}});
  BOOST_TEST(field(r, "x-token") == "abc");
  BOOST_TEST(field(r, "authorization") == "none");
  BOOST_TEST(field(r, "host") == "chat.example");
}

BOOST_AUTO_TEST_CASE(cookies_are_there_only_for_pages_of_the_same_or_a_named_origin) {
  const auto from = [](const std::string& origin) { return request({{"Cookie", "sid=abc"}, {"Origin", origin}}); };
  BOOST_TEST(field(from("http://chat.example"), "cookie:sid") == "abc");
  BOOST_TEST(field(from("https://chat.example"), "cookie:sid") == "abc");
  BOOST_TEST(field(from("https://evil.example"), "cookie:sid") == "none");
  BOOST_TEST(field(from("https://evil.example"), "cookie:sid", {"*"}) == "none");
  BOOST_TEST(field(from("https://shop.example"), "cookie:sid", {"https://shop.example"}) == "abc");
  BOOST_TEST(field(from("null"), "cookie:sid", {"*"}) == "none");
  BOOST_TEST(field(request({{"Cookie", "sid=abc"}}), "cookie:sid") == "none");
  BOOST_TEST(field(request({{"Cookie", "sid=abc"}, {"Sec-Fetch-Site", "same-origin"}}), "cookie:sid") == "abc");
  BOOST_TEST(field(request({{"Cookie", "sid=abc"}, {"Sec-Fetch-Site", "same-site"}}), "cookie:sid") == "none");
  // The browser's word never outweighs an Origin that is another.
  BOOST_TEST(field(request({{"Cookie", "sid=abc"}, {"Sec-Fetch-Site", "same-origin"}, {"Origin", "https://evil.example"}}),
                   "cookie:sid") == "none");
  // The header itself is never shown: it holds all cookies.
  BOOST_TEST(field(from("http://chat.example"), "cookie") == "none");
}

BOOST_AUTO_TEST_CASE(cookies_are_read_as_browsers_write_them) {
  const auto r = request({{"Origin", "http://chat.example"}, {"Cookie", "a=1; b=\"two\"; c=x=y;;  ; =z; d; E=5"}});
  BOOST_TEST(field(r, "cookie:a") == "1");
  BOOST_TEST(field(r, "cookie:b") == "two");
  BOOST_TEST(field(r, "cookie:c") == "x=y");
  BOOST_TEST(field(r, "cookie:d") == "none");
  BOOST_TEST(field(r, "cookie:E") == "5");
  BOOST_TEST(field(r, "cookie:e") == "none");
  BOOST_TEST(field(r, "cookie:") == "none");
}

BOOST_AUTO_TEST_CASE(only_what_somebody_names_is_copied) {
  const HttpRequest r = request({{"X-A", "1"}, {"X-B", "2"}, {"Cookie", "sid=3; theme=4"}, {"Origin", "https://a.example"}});
  const std::vector<std::string> origins{"https://a.example"};
  BOOST_TEST(peerFields(r, origins, {}) == nullptr);
  BOOST_TEST(peerFields(r, origins, {.names = {"x-c"}}) == nullptr);
  const auto some = peerFields(r, origins, {.names = {"cookie:sid", "x-b"}});
  BOOST_REQUIRE(some != nullptr);
  BOOST_TEST((*some == chatd::PeerFields{{"x-b", "2"}, {"cookie:sid", "3"}}));
  // Whatever else is there takes no room from what is named.
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 80; ++i) many.emplace_back("X-" + std::to_string(i), "v");
  BOOST_TEST(peerFields(request(many), {}, {.names = {"x-79"}})->size() == 1U);
}

BOOST_AUTO_TEST_CASE(there_is_a_bound) {
  std::vector<std::pair<std::string, std::string>> many;
  for (int i = 0; i < 200; ++i) many.emplace_back("X-" + std::to_string(i), "v");
  BOOST_TEST(peerFields(request(many), {}, {.all = true, .names = {}})->size() <= 64U);
  BOOST_TEST(field(request({{"X-Long", std::string(20'000, 'x')}}), "x-long") == "none");
}

BOOST_AUTO_TEST_SUITE_END()
