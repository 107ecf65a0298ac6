// From a path to a row.
#include "rest/router.h"

#include <boost/test/unit_test.hpp>

using namespace chatd;
using namespace chatd::rest;

namespace {

std::string found(std::string_view method, std::string_view path) {
  static const Router router(routeTable());
  const auto match = router.match(method, path);
  if (!match.ok()) return std::string(match.error().wire());
  if (match->route == nullptr) return "(" + match->allow + ")";
  std::string text(match->route->operation);
  for (const auto& [name, value] : match->segments) text += " " + std::string(name) + "=" + value;
  return text;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(routing)

BOOST_AUTO_TEST_CASE(finds_rows_and_segments) {
  BOOST_TEST(found("POST", "/app") == "createApp");
  BOOST_TEST(found("DELETE", "/app/7/keys/9") == "deleteKey appId=7 keyId=9");
  BOOST_TEST(found("GET", "/room/caf%C3%A9%20x") == "getRoom id=café x");
  BOOST_TEST(found("GET", "/room/a+b") == "getRoom id=a+b");
}

BOOST_AUTO_TEST_CASE(a_fixed_segment_wins_over_a_variable) {
  BOOST_TEST(found("PUT", "/room/add") == "addMembers");
  BOOST_TEST(found("GET", "/room/add") == "getRoom id=add");
}

BOOST_AUTO_TEST_CASE(head_is_get) { BOOST_TEST(found("HEAD", "/healthz") == "health"); }

BOOST_AUTO_TEST_CASE(names_the_methods_of_a_path) {
  BOOST_TEST(found("PUT", "/app") == "(POST, GET, HEAD, OPTIONS)");
  BOOST_TEST(found("POST", "/room/add") == "(PUT, GET, HEAD, PATCH, DELETE, OPTIONS)");
}

BOOST_AUTO_TEST_CASE(knows_nothing_else) {
  for (const std::string_view path : {"", "app", "/", "/nothing", "/app/", "/app/1/", "//app", "/user//ban", "/APP"}) {
    BOOST_TEST(found("GET", path) == "()");
  }
}

BOOST_AUTO_TEST_CASE(the_rest_of_a_path_may_be_empty_or_deep) {
  BOOST_TEST(found("GET", "/swagger/") == "swagger");
  BOOST_TEST(found("GET", "/swagger/a/b.js") == "swagger");
  BOOST_TEST(found("GET", "/swagger") == "swaggerFolder");
}

BOOST_AUTO_TEST_CASE(refuses_broken_escapes_and_control_characters) {
  for (const std::string_view path : {"/room/%", "/room/%zz", "/room/a%00b", "/room/%0a", "/room/%ff"}) {
    BOOST_TEST(found("GET", path) == "bad_request");
  }
}

BOOST_AUTO_TEST_SUITE_END()
