// /user….
#include <boost/test/unit_test.hpp>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(user_routes)

BOOST_AUTO_TEST_CASE(put_creates_then_changes_only_what_is_present) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  const Reply made =
      house.call(key, "POST", "/user", R"({"appUserId":7,"firstName":"Ann","lastName":"Lee","metadata":{"x":1}})");
  BOOST_TEST(made.status == 201);
  BOOST_TEST(made.at("appUserId") == "7");
  BOOST_TEST(made.body.find(R"("appUserId":7,)") != std::string::npos);
  const Reply again = house.call(key, "POST", "/user", R"({"appUserId":"7","firstName":null,"middleName":"M"})");
  BOOST_TEST(again.status == 200);
  BOOST_TEST(again.at("id") == made.at("id"));
  BOOST_TEST(again.body.find(R"("appUserId":7,)") != std::string::npos);
  BOOST_TEST(again.at("firstName") == "null");
  BOOST_TEST(again.at("middleName") == "M");
  BOOST_TEST(again.at("lastName") == "Lee");
  BOOST_TEST(again.at("metadata") == R"({"x":1})");
}

BOOST_AUTO_TEST_CASE(if_none_match_only_creates) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  const House::Headers onlyNew = {{"If-None-Match", "*"}};
  BOOST_TEST(house.call(key, "POST", "/user", R"({"appUserId":"u"})", onlyNew).status == 201);
  const Reply again = house.call(key, "POST", "/user", R"({"appUserId":"u"})", onlyNew);
  BOOST_TEST(again.status == 409);
  BOOST_TEST(again.code() == "already_exists");
}

BOOST_AUTO_TEST_CASE(a_registered_token_is_the_user_until_it_is_revoked) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  const Reply made = house.call(key, "POST", "/user", R"({"appUserId":"u","token":"tok-1"})");
  BOOST_TEST(made.body.find("tok-1") == std::string::npos);
  const As user{.bearer = "tok-1"};
  BOOST_TEST(house.call(user, "GET", "/auth/verify").at("subject") == "user:" + made.at("id"));
  BOOST_TEST(house.call(key, "DELETE", "/user/" + made.at("id") + "/tokens").status == 204);
  BOOST_TEST(house.call(user, "GET", "/auth/verify").status == 401);
  BOOST_REQUIRE(house.sessions.ended.size() == 1U);
  BOOST_TEST((house.sessions.ended[0].second == Code::TokenRevoked));
}

BOOST_AUTO_TEST_CASE(tokens_that_could_not_work_are_refused) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  for (const char* body : {R"({"appUserId":"u","token":"ck_x"})", R"({"appUserId":"u","token":"a b"})",
                           R"({"appUserId":"u","token":""})", R"({"appUserId":"u","tokenExpiresAt":"2030-01-01T00:00:00Z"})",
                           R"({"appUserId":"u","token":"t","tokenExpiresAt":"2020-01-01T00:00:00Z"})"}) {
    BOOST_TEST(house.call(key, "POST", "/user", body).status == 422, body);
  }
}

BOOST_AUTO_TEST_CASE(operators_and_owners_name_the_app) {
  House house;
  const AppId app = house.makeApp("a");
  const std::string id = std::to_string(raw(app));
  const As owner = house.account("o", AccountRole::Owner, {app});
  for (const As& as : {house.peer, owner}) {
    BOOST_TEST(house.call(as, "POST", "/user", R"({"appUserId":"u"})").at("errors.0.field") == "appId");
    BOOST_TEST(house.call(as, "GET", "/user").at("errors.0.field") == "appId");
  }
  BOOST_TEST(house.call(owner, "POST", "/user", R"({"appUserId":"u","appId":)" + id + "}").status == 201);
  BOOST_TEST(house.call(house.peer, "POST", "/user", R"({"appUserId":"u","appId":999})").status == 404);
  BOOST_TEST(house.call(house.keyOf(app), "POST", "/user", R"({"appUserId":"u","appId":)" + id + "}").status == 200);
}

BOOST_AUTO_TEST_CASE(users_are_listed_by_app_and_found_by_their_own_id) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  for (int i = 0; i < 5; ++i) house.makeUser(app, "u" + std::to_string(i));
  BOOST_TEST(house.call(key, "GET", "/user/" + std::to_string(raw(app))).size("items") == 5U);
  BOOST_TEST(house.call(house.peer, "GET", "/user/a").size("items") == 5U);
  const Reply page = house.call(key, "GET", "/user?limit=2");
  BOOST_TEST(page.size("items") == 2U);
  BOOST_TEST(house.call(key, "GET", "/user?limit=100&cursor=" + page.at("nextCursor")).size("items") == 3U);
  BOOST_TEST(house.call(key, "GET", "/user?appUserId=u3").at("items.0.appUserId") == "u3");
  BOOST_TEST(house.call(key, "GET", "/user?appUserId=none").size("items") == 0U);
}

BOOST_AUTO_TEST_CASE(bad_queries_are_named) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  BOOST_TEST(house.call(key, "GET", "/user?limit=0").at("errors.0.field") == "limit");
  BOOST_TEST(house.call(key, "GET", "/user?limit=101").at("errors.0.field") == "limit");
  BOOST_TEST(house.call(key, "GET", "/user?limit=ten").at("errors.0.field") == "limit");
  BOOST_TEST(house.call(key, "GET", "/user?limit=1&limit=2").at("errors.0.field") == "limit");
  BOOST_TEST(house.call(key, "GET", "/user?colour=red").at("errors.0.field") == "colour");
  BOOST_TEST(house.call(key, "GET", "/user?cursor=zzz").at("errors.0.field") == "cursor");
  BOOST_TEST(house.call(key, "GET", "/user?limit=%zz").status == 400);
  BOOST_TEST(house.call(key, "GET", "/user?limit=%ff").status == 400);
  BOOST_TEST(house.call(key, "GET", "/user?app=a").at("errors.0.field") == "app");
}

BOOST_AUTO_TEST_CASE(a_user_is_changed_and_deleted) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const As token = house.userToken(app, "u");
  const UserId user = house.makeUser(app, "u");
  const std::string path = "/user/" + std::to_string(raw(user));
  house.makeRoom(app, "den", {user});
  BOOST_TEST(house.call(key, "PATCH", path, R"({"firstName":"New","metadata":{"a":true}})").at("firstName") == "New");
  BOOST_TEST(house.call(key, "PATCH", path, R"({"metadata":null})").at("metadata") == "null");
  BOOST_TEST(house.call(key, "PATCH", path, R"({"appUserId":"x"})").status == 422);
  BOOST_TEST(house.call(key, "DELETE", path).status == 204);
  BOOST_TEST((house.sessions.ended.at(0) == std::pair(user, Code::UserDeleted)));
  BOOST_TEST(house.call(key, "DELETE", path).status == 404);
  BOOST_TEST(house.call(key, "PATCH", path, R"({"firstName":"x"})").status == 404);
  BOOST_TEST(house.call(key, "GET", "/user?appUserId=u").size("items") == 0U);
  BOOST_TEST(house.call(key, "GET", "/room/den").size("members") == 0U);
  BOOST_TEST(house.call(token, "GET", "/room").status >= 401);
  BOOST_TEST(house.call(key, "PATCH", "/user/ann", R"({"firstName":"x"})").status == 404);
}

BOOST_AUTO_TEST_CASE(a_ban_ends_sessions_keeps_out_and_is_lifted) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const As token = house.userToken(app, "u");
  const UserId user = house.makeUser(app, "u");
  const std::string path = "/user/" + std::to_string(raw(user)) + "/ban";
  BOOST_TEST(house.call(token, "GET", "/room").status == 200);
  const Reply banned = house.call(key, "PUT", path, R"({"until":"2100-01-01T00:00:00Z","reason":"spam"})");
  BOOST_TEST(banned.status == 200);
  BOOST_TEST(banned.at("ban.reason") == "spam");
  BOOST_TEST((house.sessions.ended.at(0) == std::pair(user, Code::Banned)));
  BOOST_TEST(house.call(token, "GET", "/room").code() == "banned");
  BOOST_TEST(house.call(key, "DELETE", path).status == 204);
  BOOST_TEST(house.call(token, "GET", "/room").status == 200);
  BOOST_TEST(house.call(key, "PUT", path).at("ban.until") == "null");
  BOOST_TEST(house.call(key, "PUT", path, R"({"until":"2001-01-01T00:00:00Z"})").status == 422);
}

BOOST_AUTO_TEST_CASE(sessions_are_listed_and_kicked) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const UserId user = house.makeUser(app, "u");
  house.sessions.live[user] = {{.id = "sock1",
                                .app = app,
                                .user = user,
                                .transport = "websocket",
                                .clientIp = "192.0.2.9",
                                .connectedAt = house.clock.wall(),
                                .expiresAt = std::nullopt}};
  const std::string path = "/user/" + std::to_string(raw(user)) + "/sessions";
  BOOST_TEST(house.call(key, "GET", path).at("items.0.id") == "sock1");
  BOOST_TEST(house.call(key, "DELETE", path).status == 204);
  BOOST_TEST((house.sessions.ended.at(0) == std::pair(user, Code::Kicked)));
  BOOST_TEST(house.call(key, "GET", path).size("items") == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
