// /app….
#include <boost/test/unit_test.hpp>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

namespace {

std::string pathOf(AppId app) { return "/app/" + std::to_string(raw(app)); }

}  // namespace

BOOST_AUTO_TEST_SUITE(app_routes)

BOOST_AUTO_TEST_CASE(a_new_app_has_a_key_and_an_owner_that_work) {
  House house;
  const Reply made =
      house.call(house.peer, "POST", "/app",
                 R"({"name":"shop","tokenVerificationUrl":"https://shop.example/me","settings":{"autoCreateUsers":false}})");
  BOOST_REQUIRE(made.status == 201);
  BOOST_TEST(made.at("name") == "shop");
  BOOST_TEST(made.at("tokenVerificationUrl") == "https://shop.example/me");
  BOOST_TEST(made.at("verifiers.0.plugin") == "http");
  BOOST_TEST(made.at("settings.autoCreateUsers") == "false");
  BOOST_TEST(made.at("apiKey").starts_with("ck_"));
  BOOST_TEST(house.call({.bearer = made.at("apiKey")}, "GET", "/app/shop").at("appId") == made.at("appId"));
  const Reply in =
      house.call(house.nobody, "POST", "/auth/login",
                 R"({"login":")" + made.at("login.login") + R"(","password":")" + made.at("login.password") + "\"}");
  BOOST_REQUIRE(in.status == 200);
  BOOST_TEST(house.call({.bearer = in.at("token")}, "GET", "/app").size("items") == 1U);
  BOOST_TEST(house.call(house.peer, "GET", "/app/shop").body.find("apiKey") == std::string::npos);
  BOOST_TEST(house.call(house.peer, "POST", "/app", R"({"name":"shop"})").status == 409);
}

BOOST_AUTO_TEST_CASE(an_owner_goes_with_the_last_app_and_not_before) {
  House house;
  const Reply first = house.call(house.peer, "POST", "/app", R"({"name":"first"})");
  const Reply second = house.call(house.peer, "POST", "/app", R"({"name":"second"})");
  const std::string both = R"({"login":"both","password":"a password","role":"owner","appIds":[)" + first.at("appId") + "," +
                           second.at("appId") + "]}";
  BOOST_REQUIRE(house.call(house.peer, "POST", "/auth/register", both).status == 201);
  const auto login = [&](const std::string& name, const std::string& password) {
    return house.call(house.nobody, "POST", "/auth/login", R"({"login":")" + name + R"(","password":")" + password + "\"}");
  };
  const Reply in = login(first.at("login.login"), first.at("login.password"));
  BOOST_REQUIRE(house.call({.bearer = in.at("token")}, "GET", "/app").status == 200);  // and is kept in the cache
  BOOST_REQUIRE(house.call(house.peer, "DELETE", "/app/first").status == 204);
  BOOST_TEST(house.call({.bearer = in.at("token")}, "GET", "/auth/verify").status == 401);
  BOOST_TEST(login(first.at("login.login"), first.at("login.password")).status == 401);
  BOOST_TEST(login("both", "a password").status == 200);
  BOOST_REQUIRE(house.call(house.peer, "DELETE", "/app/second").status == 204);
  BOOST_TEST(login("both", "a password").status == 401);
  BOOST_TEST(house.call(house.peer, "GET", "/account").body.find("both") == std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_name_must_not_look_like_an_id) {
  House house;
  for (const char* name : {"12", "", "a/b", "a\\u0007b"}) {
    BOOST_TEST(house.call(house.peer, "POST", "/app", std::string(R"({"name":")") + name + "\"}").status == 422);
  }
}

BOOST_AUTO_TEST_CASE(a_chain_that_no_plugin_takes_is_refused) {
  House house;
  const Reply plugin = house.call(house.peer, "POST", "/app", R"({"name":"a","verifiers":[{"plugin":"no-such"}]})");
  BOOST_TEST(plugin.status == 422);
  BOOST_TEST(plugin.at("errors.0.field").starts_with("verifiers[0]"));
  const Reply url = house.call(house.peer, "POST", "/app", R"({"name":"a","tokenVerificationUrl":"ftp://x"})");
  BOOST_TEST(url.at("errors.0.field") == "tokenVerificationUrl");
  const Reply port = house.call(house.peer, "POST", "/app", R"({"name":"a","tokenVerificationUrl":"http://x:70000"})");
  BOOST_TEST(port.faults() == "tokenVerificationUrl: the port must be 1 to 65535\n");
  BOOST_TEST(
      house.call(house.peer, "POST", "/app", R"({"name":"a","tokenVerificationUrl":"http://x/","verifiers":[]})").status ==
      422);
  BOOST_TEST(house.call(house.peer, "GET", "/app").size("items") == 0U);
}

BOOST_AUTO_TEST_CASE(callers_see_the_apps_that_they_administer) {
  House house;
  const AppId a = house.makeApp("a");
  const AppId b = house.makeApp("b");
  house.makeApp("c");
  BOOST_TEST(house.call(house.peer, "GET", "/app").size("items") == 3U);
  BOOST_TEST(house.call(house.account("o", AccountRole::Owner, {a, b}), "GET", "/app").size("items") == 2U);
  BOOST_TEST(house.call(house.account("p", AccountRole::Owner, {}), "GET", "/app").size("items") == 0U);
  const Reply own = house.call(house.keyOf(b), "GET", "/app");
  BOOST_TEST(own.size("items") == 1U);
  BOOST_TEST(own.at("items.0.name") == "b");
}

BOOST_AUTO_TEST_CASE(each_field_of_a_change_has_its_own_right) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const As owner = house.account("o", AccountRole::Owner, {app});
  const std::string path = pathOf(app);
  struct Try {
    const char* body;
    int key, owner, peer;
    const char* names;
  };
  const std::vector<Try> tries = {
      {R"({"settings":{"autoCreateUsers":false}})", 200, 200, 200, ""},
      {R"({"name":"b"})", 403, 200, 200, "name"},
      {R"({"tokenVerificationUrl":"https://shop.example/1"})", 403, 200, 200, "verifiers"},
      {R"({"verifiers":[{"plugin":"http","config":{"url":"https://shop.example/2"}}]})", 403, 200, 200, "verifiers"},
      {R"({"settings":{"quotas":{"connections":5}}})", 403, 403, 200, "settings.quotas"},
      {R"({"settings":{"allowPrivateNetworks":true}})", 403, 403, 200, "settings.allowPrivateNetworks"}};
  for (const Try& one : tries) {
    BOOST_TEST_CONTEXT(one.body) {
      const Reply byKey = house.call(key, "PATCH", path, one.body);
      BOOST_TEST(byKey.status == one.key);
      if (one.key == 403) BOOST_TEST(byKey.at("detail").starts_with(one.names));
      BOOST_TEST(house.call(owner, "PATCH", path, one.body).status == one.owner);
      BOOST_TEST(house.call(house.peer, "PATCH", path, one.body).status == one.peer);
      // What it is already is no change, so a client may send back what it has read.
      if (one.peer == 200) BOOST_TEST(house.call(owner, "PATCH", path, one.body).status == 200);
    }
  }
  for (const char* body : {R"({"verifiers":[{"plugin":"allow"}]})", R"({"verifiers":[{"plugin":"static"}]})",
                           R"({"verifiers":[{"plugin":"ours","isolation":"inline"}]})"}) {
    BOOST_TEST(house.call(owner, "PATCH", path, body).status == 403, body);
  }
}

BOOST_AUTO_TEST_CASE(a_change_keeps_what_it_does_not_name_and_null_clears) {
  House house;
  const AppId app = house.makeApp("a");
  const std::string path = pathOf(app);
  house.call(house.peer, "PATCH", path, R"({"settings":{"allowPrivateNetworks":true,"quotas":{"connections":5}}})");
  house.call(house.peer, "PATCH", path, R"({"tokenVerificationUrl":"https://shop.example/1"})");
  Reply now = house.call(house.peer, "PATCH", path, R"({"settings":{"quotas":{"messagesPerSecond":7}}})");
  BOOST_TEST(now.at("settings.quotas.connections") == "5");
  BOOST_TEST(now.at("settings.quotas.messagesPerSecond") == "7");
  BOOST_TEST(now.at("settings.allowPrivateNetworks") == "true");
  BOOST_TEST(now.at("settings.autoCreateUsers") == "true");
  now = house.call(house.peer, "PATCH", path, R"({"tokenVerificationUrl":null,"settings":{"allowPrivateNetworks":null}})");
  BOOST_TEST(now.at("settings.allowPrivateNetworks") == "null");
  BOOST_TEST(now.size("verifiers") == 0U);
  BOOST_TEST(now.at("tokenVerificationUrl") == "null");
}

BOOST_AUTO_TEST_CASE(secrets_of_a_verifier_are_not_shown_and_their_mask_is_not_taken_back) {
  House house;
  NewApp app;
  app.name = "a";
  VerifierSpec spec;
  spec.plugin = "http";
  spec.config =
      R"({"url":"https://x.example/?key=qu3ry","clientSecret":"s3cr3t","headers":{"api_key":"k3y","Forwarded-For":"w0rd"}})";
  app.verifiers = {spec};
  BOOST_REQUIRE(house.store.directory().createApp(app).ok());
  const Reply shown = house.call(house.peer, "GET", "/app/a");
  BOOST_TEST(shown.body.find("s3cr3t") == std::string::npos);
  BOOST_TEST(shown.body.find("k3y") == std::string::npos);
  BOOST_TEST(shown.body.find("w0rd") == std::string::npos);
  BOOST_TEST(shown.body.find("qu3ry") == std::string::npos);
  BOOST_TEST(shown.at("verifiers.0.config.clientSecret") == "***");
  BOOST_TEST(shown.at("verifiers.0.config.url") == "https://x.example/?key=***");
  BOOST_TEST(shown.at("verifiers.0.config.headers.api_key") == "***");
  BOOST_TEST(shown.at("tokenVerificationUrl") == "https://x.example/?key=***");
  const Reply back = house.call(house.peer, "PATCH", "/app/a", R"({"verifiers":)" + shown.at("verifiers") + "}");
  BOOST_TEST(back.status == 422);
  BOOST_TEST(back.at("errors.0.field") == "verifiers[0].config");
  const Reply url = house.call(house.peer, "PATCH", "/app/a", R"({"tokenVerificationUrl":"https://x.example/?key=***"})");
  BOOST_TEST(url.status == 422);
  BOOST_TEST(url.at("errors.0.field") == "tokenVerificationUrl");
}

BOOST_AUTO_TEST_CASE(a_mask_is_no_value_wherever_it_stands) {
  House house;
  house.makeApp("a");
  const Reply back = house.call(house.peer, "PATCH", "/app/a",
                                R"({"verifiers":[{"plugin":"http","config":{"url":"https://x.example/","method":"***"}}]})");
  BOOST_TEST(back.status == 422);
  BOOST_TEST(back.body.find("has *** where a secret belongs") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(keys_are_listed_rotated_with_grace_and_revoked) {
  House house;
  const AppId app = house.makeApp("a");
  const As old = house.keyOf(app);
  const std::string keys = pathOf(app) + "/keys";
  const Reply made = house.call(house.peer, "POST", keys, R"({"graceSeconds":60})");
  BOOST_TEST(made.status == 201);
  const As fresh{.bearer = made.at("apiKey")};
  BOOST_TEST(house.call(old, "GET", "/app").status == 200);
  const Reply list = house.call(house.peer, "GET", keys);
  BOOST_TEST(list.size("items") == 2U);
  BOOST_TEST(list.body.find(fresh.bearer) == std::string::npos);
  BOOST_TEST(fresh.bearer.ends_with(made.at("hint")));
  house.clock.advance(std::chrono::seconds(61));
  BOOST_TEST(house.call(old, "GET", "/app").status == 401);
  BOOST_TEST(house.call(fresh, "GET", "/app").status == 200);
  BOOST_TEST(house.call(house.peer, "DELETE", keys + "/" + made.at("id")).status == 204);
  BOOST_TEST(house.call(fresh, "GET", "/app").status == 401);
  BOOST_TEST(house.call(house.peer, "DELETE", keys + "/999").status == 404);
}

BOOST_AUTO_TEST_SUITE_END()
