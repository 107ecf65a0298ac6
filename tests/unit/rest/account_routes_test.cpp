// /auth/…, /account….
#include <boost/test/unit_test.hpp>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(account_routes)

BOOST_AUTO_TEST_CASE(an_account_logs_in_is_known_and_logs_out) {
  House house;
  const AppId app = house.makeApp("one");
  const Reply made = house.call(house.peer, "POST", "/auth/register",
                                R"({"login":"ann","password":"long enough","appIds":[)" + std::to_string(raw(app)) + "]}");
  BOOST_TEST(made.status == 201);
  BOOST_TEST(made.at("role") == "owner");
  const Reply in = house.call(house.nobody, "POST", "/auth/login", R"({"login":"ann","password":"long enough"})");
  BOOST_TEST(in.status == 200);
  BOOST_TEST(in.at("account.login") == "ann");
  BOOST_TEST(in.header("Cache-Control") == "no-store");
  const As ann{.bearer = in.at("token")};
  const Reply known = house.call(ann, "GET", "/auth/verify");
  BOOST_TEST(known.at("kind") == "account");
  BOOST_TEST(known.at("role") == "owner");
  BOOST_TEST(known.at("appIds") == "[" + std::to_string(raw(app)) + "]");
  BOOST_TEST(house.call(ann, "POST", "/auth/logout").status == 204);
  BOOST_TEST(house.call(ann, "GET", "/auth/verify").status == 401);
}

BOOST_AUTO_TEST_CASE(a_wrong_login_and_a_wrong_password_look_the_same) {
  House house;
  BOOST_REQUIRE(house.call(house.peer, "POST", "/auth/register", R"({"login":"ann","password":"long enough"})").status ==
                201);
  const House::Headers id = {{"X-Request-Id", "same"}};
  const Reply wrong = house.call(house.nobody, "POST", "/auth/login", R"({"login":"ann","password":"long enougH"})", id);
  const Reply unknown = house.call(house.nobody, "POST", "/auth/login", R"({"login":"bob","password":"long enough"})", id);
  BOOST_TEST(wrong.status == 401);
  BOOST_TEST(wrong.body == unknown.body);
}

BOOST_AUTO_TEST_CASE(verify_tells_each_kind_of_caller_who_it_is) {
  House house;
  const AppId app = house.makeApp("one");
  BOOST_TEST(house.call(house.peer, "GET", "/auth/verify").at("kind") == "peer");
  BOOST_TEST(house.call(house.peer, "GET", "/auth/verify").at("role") == "operator");
  BOOST_TEST(house.call(house.peer, "GET", "/auth/verify").at("appIds") == "null");
  const Reply key = house.call(house.keyOf(app), "GET", "/auth/verify");
  BOOST_TEST(key.at("kind") == "appKey");
  BOOST_TEST(key.at("appIds") == "[" + std::to_string(raw(app)) + "]");
  BOOST_TEST(house.call(house.userToken(app, "u"), "GET", "/auth/verify").at("kind") == "user");
}

BOOST_AUTO_TEST_CASE(register_reports_all_faults_of_a_body) {
  House house;
  const Reply bad =
      house.call(house.peer, "POST", "/auth/register", R"({"login":"","password":"short","role":"king","x":1})");
  BOOST_TEST(bad.status == 422);
  BOOST_TEST(bad.size("errors") == 4U);
  BOOST_TEST(bad.faults().find("role: must be one of: operator, owner") != std::string::npos);
  BOOST_TEST(
      house.call(house.peer, "POST", "/auth/register", R"({"login":"a","password":"long enough","appIds":[77]})").faults() ==
      "appIds[0]: is not an app\n");
}

BOOST_AUTO_TEST_CASE(accounts_are_listed_changed_and_deleted_without_their_secrets) {
  House house;
  const As other = house.account("bob", AccountRole::Owner, {});
  for (int i = 0; i < 3; ++i) house.account("a" + std::to_string(i), AccountRole::Owner, {});
  const Reply first = house.call(house.peer, "GET", "/account?limit=3");
  BOOST_TEST(first.size("items") == 3U);
  const Reply second = house.call(house.peer, "GET", "/account?limit=3&cursor=" + first.at("nextCursor"));
  BOOST_TEST(second.size("items") == 1U);
  BOOST_TEST(second.at("nextCursor") == "null");
  BOOST_TEST(first.body.find("password") == std::string::npos);
  const std::string path = "/account/" + first.at("items.0.id");
  BOOST_TEST(house.call(house.peer, "PATCH", path, R"({"role":"operator"})").at("role") == "operator");
  BOOST_TEST(house.call(other, "GET", "/account").status == 200);
  BOOST_TEST(house.call(house.peer, "DELETE", path).status == 204);
  BOOST_TEST(house.call(house.peer, "DELETE", path).status == 404);
  BOOST_TEST(house.call(other, "GET", "/account").status == 401);
  BOOST_TEST(house.call(house.peer, "PATCH", "/account/x", R"({"role":"owner"})").status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
