// /room….
#include <boost/test/unit_test.hpp>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(room_routes)

BOOST_AUTO_TEST_CASE(a_group_needs_a_name_that_is_free) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  house.makeUser(app, "u1");
  const Reply made =
      house.call(key, "POST", "/room", R"({"room":"lobby","name":"The lobby","users":["u1","u1"],"metadata":{"k":1}})");
  BOOST_TEST(made.status == 201);
  BOOST_TEST(made.at("type") == "group");
  BOOST_TEST(made.at("name") == "The lobby");
  BOOST_TEST(made.size("members") == 1U);
  BOOST_TEST(made.at("lastMessage") == "null");
  BOOST_TEST(house.call(key, "POST", "/room", R"({"room":"lobby","users":[]})").status == 409);
  BOOST_TEST(house.call(key, "POST", "/room", R"({"users":[]})").at("errors.0.field") == "room");
  BOOST_TEST(house.call(key, "POST", "/room", R"({"room":"x"})").at("errors.0.field") == "users");
  BOOST_TEST(house.call(key, "POST", "/room", R"({"room":"x","users":["ghost"]})").code() == "user_not_found");
}

BOOST_AUTO_TEST_CASE(a_pair_has_one_direct_room) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const UserId one = house.makeUser(app, "u1");
  const UserId two = house.makeUser(app, "u2");
  house.makeUser(app, "u3");
  const Reply made = house.call(key, "POST", "/room", R"({"type":"direct","users":["u2","u1"]})");
  BOOST_TEST(made.status == 201);
  BOOST_TEST(made.at("room") == "usr-" + std::to_string(raw(one)) + "-" + std::to_string(raw(two)));
  const Reply again = house.call(key, "POST", "/room", R"({"type":"direct","room":"other","users":["u1","u2"]})");
  BOOST_TEST(again.status == 200);
  BOOST_TEST(again.at("id") == made.at("id"));
  const auto tried = [&](const char* users) {
    return house
        .call(key, "POST", "/room?dryRun=true", std::string(R"({"type":"direct","room":"other","users":)") + users + "}")
        .at("changes");
  };
  BOOST_TEST(tried(R"(["u1","u2"])") == "false");
  BOOST_TEST(tried(R"(["u1","u3"])") == "true");
  for (const char* users : {R"(["u1"])", R"(["u1","u1"])", R"(["u1","u2","u3"])"}) {
    BOOST_TEST(house.call(key, "POST", "/room", std::string(R"({"type":"direct","users":)") + users + "}").status == 422);
  }
  const std::string body = R"({"room":)" + made.at("id") + R"(,"users":["u3"]})";
  BOOST_TEST(house.call(key, "PUT", "/room/add", body).status == 409);
}

BOOST_AUTO_TEST_CASE(members_come_go_and_get_roles) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const UserId one = house.makeUser(app, "1");
  house.makeUser(app, "2");
  house.makeRoom(app, "den", {one});
  BOOST_TEST(house.call(key, "PUT", "/room/add", R"({"room":"den","users":[2,"1"]})").size("members") == 2U);
  const std::string path = "/room/den/members/" + std::to_string(raw(one));
  BOOST_TEST(house.call(key, "PUT", path, R"({"role":"moderator"})").at("members.0.role") == "moderator");
  BOOST_TEST(house.call(key, "PUT", path, R"({"role":"king"})").status == 422);
  BOOST_TEST(house.call(key, "PUT", "/room/den/members/999", R"({"role":"member"})").status == 404);
  BOOST_TEST(house.call(key, "PUT", "/room/remove", R"({"room":"den","users":[1]})").size("members") == 1U);
  BOOST_TEST(house.call(key, "PUT", "/room/add", R"({"room":"nowhere","users":[1]})").code() == "room_not_found");
}

BOOST_AUTO_TEST_CASE(a_room_is_found_by_id_and_name_and_needs_its_app_only_for_a_name) {
  House house;
  const AppId app = house.makeApp("a");
  const std::string appId = std::to_string(raw(app));
  const RoomId room = house.makeRoom(app, "caf\xC3\xA9 x", {});
  const std::string id = std::to_string(raw(room));
  BOOST_TEST(house.call(house.peer, "GET", "/room/" + id).at("id") == id);
  BOOST_TEST(house.call(house.peer, "GET", "/room/caf%C3%A9%20x?appId=" + appId).at("id") == id);
  BOOST_TEST(house.call(house.peer, "GET", "/room/caf%C3%A9%20x").at("errors.0.field") == "appId");
  BOOST_TEST(house.call(house.keyOf(app), "GET", "/room/caf%C3%A9%20x").at("id") == id);
  BOOST_TEST(house.call(house.peer, "GET", "/room/" + id + "?appId=999").status == 404);
  BOOST_TEST(house.call(house.peer, "GET", "/room/99999999999999999999").status == 404);
}

BOOST_AUTO_TEST_CASE(a_room_is_changed_and_deleted) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  house.makeRoom(app, "den", {});
  house.makeRoom(app, "taken", {});
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"name":"T","metadata":{"a":1}})").at("name") == "T");
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"name":null})").at("name") == "null");
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"room":"taken"})").status == 409);
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"room":"cave"})").at("room") == "cave");
  BOOST_TEST(house.call(key, "DELETE", "/room/cave").status == 204);
  BOOST_TEST(house.call(key, "GET", "/room/cave").status == 404);
}

BOOST_AUTO_TEST_CASE(a_user_sees_its_own_rooms_with_what_it_has_not_read) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const As user = house.userToken(app, "u1");
  const UserId one = house.makeUser(app, "u1");
  const UserId two = house.makeUser(app, "u2");
  house.makeRoom(app, "mine", {one, two});
  house.makeRoom(app, "theirs", {two});
  for (int i = 0; i < 3; ++i) {
    BOOST_REQUIRE(house.call(key, "POST", "/chats/mine/messages", R"({"text":"x","appUserId":"u2"})").status == 201);
  }
  const Reply list = house.call(user, "GET", "/room");
  BOOST_TEST(list.size("items") == 1U);
  BOOST_TEST(list.at("items.0.unread") == "3");
  BOOST_TEST(list.at("items.0.lastMessage.seq") == "3");
  BOOST_TEST(list.size("items.0.members") == 2U);
  BOOST_TEST(house.call(user, "GET", "/room/mine").at("unread") == "3");
  BOOST_TEST(house.call(user, "GET", "/room/mine?app=a").status == 200);
  BOOST_TEST(house.call(user, "GET", "/room/theirs").code() == "room_not_found");
  const Reply all = house.call(key, "GET", "/room?limit=1");
  BOOST_TEST(all.size("items") == 1U);
  BOOST_TEST(all.at("items.0.unread") == "");
  BOOST_TEST(house.call(key, "GET", "/room?limit=1&cursor=" + all.at("nextCursor")).at("items.0.room") == "theirs");
}

BOOST_AUTO_TEST_CASE(a_list_costs_the_same_statements_however_many_rooms_it_shows) {
  House house;
  const AppId app = house.makeApp("a");
  const As user = house.userToken(app, "u1");
  const UserId one = house.makeUser(app, "u1");
  const UserId two = house.makeUser(app, "u2");
  const auto cost = [&](const As& as, std::size_t rooms) {
    (void)house.call(as, "GET", "/room?limit=100");  // what is cached from now on was read
    const std::uint64_t before = house.store.counts().readStatements;
    const Reply list = house.call(as, "GET", "/room?limit=100");
    BOOST_TEST(list.size("items") == rooms);
    for (std::size_t i = 0; i < rooms; ++i) BOOST_TEST(list.size("items." + std::to_string(i) + ".members") == 2U);
    return house.store.counts().readStatements - before;
  };
  house.makeRoom(app, "r0", {one, two});
  const std::uint64_t ofUser = cost(user, 1);
  const std::uint64_t ofApp = cost(house.keyOf(app), 1);
  for (int i = 1; i < 60; ++i) house.makeRoom(app, "r" + std::to_string(i), {one, two});
  BOOST_TEST(cost(user, 60) == ofUser);
  BOOST_TEST(cost(house.keyOf(app), 60) == ofApp);
}

BOOST_AUTO_TEST_CASE(a_room_has_a_retention_of_its_own_or_the_apps) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const As user = house.userToken(app, "u1");
  house.makeRoom(app, "den", {house.makeUser(app, "u1")});
  BOOST_TEST(house.call(key, "GET", "/room/den").at("retention") == "null");
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"retention":{"days":30}})").at("retention") ==
             R"({"days":30,"messages":null})");
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"retention":{"messages":5}})").at("retention") ==
             R"({"days":null,"messages":5})");
  BOOST_TEST(house.call(key, "GET", "/room").at("items.0.retention.messages") == "5");
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"retention":{}})").at("retention") ==
             R"({"days":null,"messages":null})");
  BOOST_TEST(house.call(key, "PATCH", "/room/den", R"({"retention":null})").at("retention") == "null");
  BOOST_TEST(house.call(user, "GET", "/room/den").at("retention") == "");
  for (const char* bad :
       {R"({"days":0})", R"({"messages":0})", R"({"days":36501})", R"({"weeks":1})", "7", R"({"days":1.5})"}) {
    const Reply refused = house.call(key, "PATCH", "/room/den", std::string(R"({"retention":)") + bad + "}");
    BOOST_TEST(refused.status == 422, bad);
    BOOST_TEST(refused.at("errors.0.field").starts_with("retention"), bad);
  }
  const std::string path = "/app/" + std::to_string(raw(app));
  BOOST_TEST(
      house.call(key, "PATCH", path, R"({"settings":{"retention":{"days":7,"messages":9}}})").at("settings.retention") ==
      R"({"days":7,"messages":9})");
  BOOST_TEST(house.call(key, "PATCH", path, R"({"settings":{"autoCreateUsers":false}})").at("settings.retention.days") ==
             "7");
  BOOST_TEST(house.call(key, "PATCH", path, R"({"settings":{"retention":null}})").at("settings.retention") == "null");
}

BOOST_AUTO_TEST_CASE(a_list_shows_a_bounded_number_of_members) {
  House house;
  const AppId app = house.makeApp("a");
  std::vector<UserId> crowd;
  for (int i = 0; i < 120; ++i) crowd.push_back(house.makeUser(app, "u" + std::to_string(i)));
  house.makeRoom(app, "crowd", crowd);
  const As key = house.keyOf(app);
  BOOST_TEST(house.call(key, "GET", "/room").size("items.0.members") == 100U);
  BOOST_TEST(house.call(key, "GET", "/room/crowd").size("members") == 120U);
}

BOOST_AUTO_TEST_SUITE_END()
