// /server, and dryRun on what changes something.
#include <boost/test/unit_test.hpp>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(server_routes)

BOOST_AUTO_TEST_CASE(operators_see_how_the_daemon_is) {
  House house;
  const Reply well = house.call(house.peer, "GET", "/server");
  BOOST_TEST(well.status == 200);
  BOOST_TEST(well.at("pid") == "7");
  BOOST_TEST(well.at("ready") == "true");
  house.notReady = {"store: away"};
  const Reply ill = house.call(house.peer, "GET", "/server");
  BOOST_TEST(ill.status == 200);
  BOOST_TEST(ill.at("ready") == "false");
  BOOST_TEST(ill.at("reasons.0") == "store: away");
}

BOOST_AUTO_TEST_CASE(the_log_level_is_one_of_four) {
  House house;
  BOOST_TEST(house.call(house.peer, "PUT", "/server/log-level", R"({"level":"debug"})").at("logLevel") == "debug");
  BOOST_TEST(house.call(house.peer, "PUT", "/server/log-level", R"({"level":"loud"})").status == 422);
  BOOST_TEST(house.logLevel == "debug");
}

BOOST_AUTO_TEST_CASE(a_drain_begins_and_ends) {
  House house;
  BOOST_TEST(house.call(house.peer, "PUT", "/server/drain").at("draining") == "true");
  BOOST_TEST(house.call(house.peer, "DELETE", "/server/drain").at("draining") == "false");
}

BOOST_AUTO_TEST_CASE(a_reload_tells_what_holds_now_and_what_is_wrong) {
  House house;
  const Reply good = house.call(house.peer, "POST", "/server/reload");
  BOOST_TEST(good.status == 200);
  BOOST_TEST(good.at("applied.0") == "log.level");
  BOOST_TEST(good.at("needRestart.0") == "listen");
  house.reloadFault = Error::field("log.level", "chatd.yaml:3: log.level: no such level");
  const Reply bad = house.call(house.peer, "POST", "/server/reload");
  BOOST_TEST(bad.status == 422);
  BOOST_TEST(bad.at("errors.0.field") == "log.level");
}

BOOST_AUTO_TEST_CASE(a_dry_run_is_judged_and_writes_nothing) {
  House house;
  const Reply tried = house.call(house.peer, "POST", "/app?dryRun=true", R"({"name":"a"})");
  BOOST_TEST(tried.status == 202);
  BOOST_TEST(tried.at("dryRun") == "true");
  BOOST_TEST(tried.at("operation") == "createApp");
  BOOST_TEST(house.call(house.peer, "GET", "/app/a").status == 404);
  BOOST_TEST(
      house.call(house.peer, "POST", "/app?dryRun=true", R"({"name":"a","verifiers":[{"plugin":"no-such"}]})").status ==
      422);
  BOOST_TEST(house.call(house.peer, "POST", "/app?dryRun=maybe", R"({"name":"a"})").status == 422);
  const AppId app = house.makeApp("b");
  BOOST_TEST(house.call(house.peer, "POST", "/app?dryRun=true", R"({"name":"b"})").status == 409);
  BOOST_TEST(house.call(house.keyOf(app), "POST", "/app?dryRun=true", R"({"name":"c"})").status == 403);
  const std::string path = "/app/" + std::to_string(raw(app)) + "?dryRun=true";
  BOOST_TEST(house.call(house.peer, "PATCH", path, R"({"settings":{"autoCreateUsers":true}})").at("changes") == "false");
  BOOST_TEST(house.call(house.peer, "PATCH", path, R"({"settings":{"autoCreateUsers":false}})").at("changes") == "true");
  BOOST_TEST(house.call(house.peer, "DELETE", path).status == 202);
  BOOST_TEST(house.call(house.peer, "GET", "/app/b").at("settings.autoCreateUsers") == "true");
}

BOOST_AUTO_TEST_CASE(a_dry_run_is_not_for_what_only_reads_or_logs_in) {
  House house;
  BOOST_TEST(house.call(house.peer, "GET", "/app?dryRun=true").status == 422);
  BOOST_TEST(house.call(house.nobody, "POST", "/auth/login?dryRun=true", R"({"login":"a","password":"b"})").status == 422);
}

BOOST_AUTO_TEST_CASE(a_disabled_app_refuses_its_key_until_it_is_enabled) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const std::string path = "/app/" + std::to_string(raw(app));
  BOOST_TEST(house.call(key, "GET", path).status == 200);
  BOOST_TEST(house.call(key, "PATCH", path, R"({"settings":{"enabled":false}})").status == 403);
  BOOST_TEST(house.call(house.peer, "PATCH", path, R"({"settings":{"enabled":false}})").at("settings.enabled") == "false");
  const Reply refused = house.call(key, "GET", path);
  BOOST_TEST(refused.status == 403);
  BOOST_TEST(refused.at("code") == "app_disabled");
  BOOST_TEST(house.call(house.peer, "PATCH", path, R"({"settings":{"enabled":true}})").status == 200);
  BOOST_TEST(house.call(key, "GET", path).status == 200);
}

BOOST_AUTO_TEST_CASE(a_key_can_be_added_beside_the_others) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const std::string path = "/app/" + std::to_string(raw(app)) + "/keys";
  BOOST_TEST(house.call(house.peer, "POST", path, R"({"graceSeconds":null})").status == 201);
  BOOST_TEST(house.call(key, "GET", "/app/a").status == 200);
  BOOST_TEST(house.call(house.peer, "POST", path, R"({"graceSeconds":0})").status == 201);
  BOOST_TEST(house.call(key, "GET", "/app/a").status == 401);
}

BOOST_AUTO_TEST_SUITE_END()
