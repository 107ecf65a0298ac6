// Who may call what: every row of the table against every kind of caller, and one app against another.
#include <boost/test/unit_test.hpp>

#include "rest/route.h"
#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;
using rest::Access;
namespace who = chatd::rest::who;

namespace {

/// The row's path with ids that nothing has.
std::string nowhere(const rest::Route& route) {
  std::string path;
  bool inside = false;
  for (const char c : route.path) {
    if (c == '{') path += "999999";
    inside = c == '{' || (inside && c != '}');
    if (!inside && c != '}') path += c;
  }
  return path;
}

bool refusedByRow(const Reply& reply) {
  return reply.status == 401 || (reply.status == 403 && reply.at("detail").starts_with("This call is for:"));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(access_matrix)

BOOST_AUTO_TEST_CASE(each_row_lets_in_exactly_the_callers_that_it_names) {
  House house;
  const AppId app = house.makeApp("one");
  struct Caller {
    Access kind;
    As as;
  };
  const std::vector<Caller> callers = {{who::Peer, house.peer},
                                       {who::Owner, house.account("owner", AccountRole::Owner, {app})},
                                       {who::AppKey, house.keyOf(app)},
                                       {who::User, house.userToken(app, "u1")},
                                       {who::Operator, house.account("op", AccountRole::Operator, {})},
                                       {0, house.nobody},
                                       {0, {.bearer = "no-such-token"}},
                                       {0, {.bearer = "ck_" + std::string(43, 'A')}},
                                       {0, {.bearer = "ca_" + std::string(43, 'A')}}};
  for (const rest::Route& route : rest::routeTable()) {
    if (route.operation == "logout" || (route.access & who::Metrics) != 0) continue;  // below
    for (const Caller& caller : callers) {
      BOOST_TEST_CONTEXT(route.method << " " << route.path << " by kind " << int{caller.kind}) {
        const Reply reply = house.call(caller.as, route.method, nowhere(route));
        const bool allowed = (route.access & (caller.kind | who::Anyone)) != 0;
        if (allowed) {
          BOOST_TEST(!refusedByRow(reply), reply.body);
        } else {
          BOOST_TEST(reply.status == (caller.kind == 0 ? 401 : 403));
          BOOST_TEST(reply.header("WWW-Authenticate").empty() == (caller.kind != 0));
        }
      }
    }
  }
}

BOOST_AUTO_TEST_CASE(metrics_are_for_the_admin_socket_and_the_token) {
  House house;
  BOOST_TEST(house.call(house.peer, "GET", "/metrics").body == "chatd_up 1\n");
  BOOST_TEST(house.call({.bearer = "metrics-secret"}, "GET", "/metrics").status == 200);
  BOOST_TEST(house.call({.bearer = "metrics-secreT"}, "GET", "/metrics").status == 401);
  BOOST_TEST(house.call(house.nobody, "GET", "/metrics").status == 401);
  BOOST_TEST(house.call(house.account("op", AccountRole::Operator, {}), "GET", "/metrics").status == 401);
}

BOOST_AUTO_TEST_CASE(no_token_means_no_metrics_token) {
  House house;
  RestOptions options = house.options();
  options.metricsToken = "";
  house.api.setOptions(std::move(options));
  BOOST_TEST(house.call({.bearer = "x"}, "GET", "/metrics").status == 401);
  BOOST_TEST(house.call(house.nobody, "GET", "/metrics", "", {{"Authorization", "Bearer "}}).status == 401);
}

BOOST_AUTO_TEST_CASE(another_scheme_on_the_admin_socket_is_not_a_peer) {
  House house;
  BOOST_TEST(house.call(house.peer, "GET", "/app", "", {{"Authorization", "Basic YTpi"}}).status == 401);
}

BOOST_AUTO_TEST_CASE(another_app_does_not_exist) {
  House house;
  const AppId mine = house.makeApp("mine");
  const AppId theirs = house.makeApp("theirs");
  const std::string app = std::to_string(raw(theirs));
  const UserId user = house.makeUser(theirs, "t1");
  house.makeUser(mine, "m1");
  const RoomId room = house.makeRoom(theirs, "den", {user});
  const Reply said = house.call(house.keyOf(theirs), "POST", "/chats/den/messages", R"({"text":"hi","appUserId":"t1"})");
  BOOST_REQUIRE(said.status == 201);
  const std::string userPath = "/user/" + std::to_string(raw(user));
  const std::string roomPath = "/room/" + std::to_string(raw(room));
  const std::string chat = "/chats/" + std::to_string(raw(room)) + "/messages";
  struct Try {
    std::string method, target, body;
  };
  const std::vector<Try> tries = {
      {"GET", "/app/" + app, ""},
      {"GET", "/app/theirs", ""},
      {"PATCH", "/app/" + app, R"({"settings":{"autoCreateUsers":false}})"},
      {"GET", "/user/" + app, ""},
      {"GET", "/user/theirs", ""},
      {"GET", "/user?appId=" + app, ""},
      {"POST", "/user", R"({"appUserId":1,"appId":)" + app + "}"},
      {"PATCH", userPath, R"({"firstName":"x"})"},
      {"DELETE", userPath, ""},
      {"GET", userPath + "/sessions", ""},
      {"DELETE", userPath + "/sessions", ""},
      {"DELETE", userPath + "/tokens", ""},
      {"PUT", userPath + "/ban", ""},
      {"DELETE", userPath + "/ban", ""},
      {"POST", "/room", R"({"room":"r","users":[],"appId":)" + app + "}"},
      {"POST", "/room", R"({"room":"r","users":["t1"],"appId":)" + std::to_string(raw(mine)) + "}"},
      {"GET", "/room?appId=" + app, ""},
      {"GET", roomPath, ""},
      {"GET", roomPath + "?appId=" + app, ""},
      {"PATCH", roomPath, R"({"name":"x"})"},
      {"DELETE", roomPath, ""},
      {"PUT", "/room/add", R"({"room":)" + std::to_string(raw(room)) + R"(,"users":["t1"]})"},
      {"PUT", "/room/remove", R"({"room":)" + std::to_string(raw(room)) + R"(,"users":["t1"]})"},
      {"PUT", roomPath + "/members/" + std::to_string(raw(user)), R"({"role":"moderator"})"},
      {"GET", chat, ""},
      {"POST", chat, R"({"text":"hi","appUserId":"m1"})"},
      {"GET", "/message/" + said.at("id"), ""},
      {"DELETE", "/message/" + said.at("id"), ""},
      {"DELETE", "/message/?id=" + said.at("id"), ""}};
  for (const As& as : {house.keyOf(mine), house.account("o", AccountRole::Owner, {mine})}) {
    const bool owner = as.bearer.starts_with("ca_");
    for (const Try& one : tries) {
      BOOST_TEST_CONTEXT(one.method << " " << one.target << (owner ? " by an owner" : " by a key")) {
        BOOST_TEST(house.call(as, one.method, one.target, one.body).status == 404);
      }
    }
  }
  const As stranger = house.userToken(mine, "m1");
  for (const std::string& target :
       {roomPath, chat, "/message/" + said.at("id"), std::string("/room/den"), "/room?appId=" + app}) {
    BOOST_TEST(house.call(stranger, "GET", target).status == 404, target);
  }
  BOOST_TEST(house.call(stranger, "POST", chat, R"({"text":"hi"})").status == 404);
  BOOST_TEST(house.call(house.keyOf(theirs), "GET", roomPath).at("lastMessage.text") == "hi");
  BOOST_TEST(house.call(house.account("o2", AccountRole::Owner, {theirs}), "GET", "/app/" + app + "/keys").status == 200);
  BOOST_TEST(house.call(house.account("o3", AccountRole::Owner, {mine}), "GET", "/app/" + app + "/keys").status == 404);
}

BOOST_AUTO_TEST_CASE(a_deleted_app_takes_its_key_and_its_users_with_it) {
  House house;
  const AppId app = house.makeApp("gone");
  const As key = house.keyOf(app);
  const As user = house.userToken(app, "u");
  BOOST_TEST(house.call(user, "GET", "/room").status == 200);
  BOOST_TEST(house.call(house.peer, "DELETE", "/app/gone").status == 204);
  BOOST_TEST(house.call(key, "GET", "/app").status == 401);
  BOOST_TEST(house.call(user, "GET", "/room").status == 401);
  BOOST_TEST(house.sessions.endedApps.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
