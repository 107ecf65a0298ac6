// Idempotency-Key.
#include <boost/test/unit_test.hpp>

#include "rest/idempotency.h"
#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

namespace {

House::Headers with(const std::string& key) { return {{"Idempotency-Key", key}}; }

}  // namespace

BOOST_AUTO_TEST_SUITE(idempotency)

BOOST_AUTO_TEST_CASE(a_repeat_gets_the_first_answer_and_does_nothing) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  house.makeRoom(app, "den", {house.makeUser(app, "u")});
  const std::string body = R"({"text":"once","appUserId":"u"})";
  const Reply first = house.call(key, "POST", "/chats/den/messages", body, with("k1"));
  const Reply again = house.call(key, "POST", "/chats/den/messages", body, with("k1"));
  BOOST_TEST(first.status == 201);
  BOOST_TEST(again.status == 201);
  BOOST_TEST(again.body == first.body);
  BOOST_TEST(first.header("Idempotency-Replayed") == "");
  BOOST_TEST(again.header("Idempotency-Replayed") == "true");
  BOOST_TEST(house.call(key, "GET", "/chats/den/messages").size("items") == 1U);
}

BOOST_AUTO_TEST_CASE(another_body_is_a_mismatch) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  BOOST_TEST(house.call(key, "POST", "/user", R"({"appUserId":"u"})", with("k")).status == 201);
  const Reply other = house.call(key, "POST", "/user", R"({"appUserId":"v"})", with("k"));
  BOOST_TEST(other.status == 422);
  BOOST_TEST(other.code() == "idempotency_mismatch");
}

BOOST_AUTO_TEST_CASE(the_scope_is_the_credential_and_the_path) {
  House house;
  const AppId app = house.makeApp("a");
  const std::string user = R"({"appUserId":"u","appId":)" + std::to_string(raw(app)) + "}";
  BOOST_TEST(house.call(house.keyOf(app), "POST", "/user", user, with("k")).status == 201);
  BOOST_TEST(house.call(house.peer, "POST", "/user", user, with("k")).status == 200);
  BOOST_TEST(house
                 .call(house.peer, "POST", "/room", R"({"room":"r","users":[],"appId":)" + std::to_string(raw(app)) + "}",
                       with("k"))
                 .status == 201);
}

BOOST_AUTO_TEST_CASE(a_request_that_still_runs_is_said_to) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  house.makeRoom(app, "den", {house.makeUser(app, "u")});
  const std::string body = R"({"text":"x","appUserId":"u"})";
  const auto first = house.begin(key, "POST", "/chats/den/messages", body, with("k"));
  const auto second = house.begin(key, "POST", "/chats/den/messages", body, with("k"));
  BOOST_REQUIRE(house.pump.until([&] { return first->answers > 0 && second->answers > 0; }));
  BOOST_TEST(first->response.status == 201);
  BOOST_TEST(second->response.status == 409);
  BOOST_TEST(second->response.body.find("idempotency_running") != std::string::npos);
  BOOST_TEST(house.call(key, "POST", "/chats/den/messages", body, with("k")).header("Idempotency-Replayed") == "true");
}

BOOST_AUTO_TEST_CASE(an_answer_with_a_secret_is_not_kept) {
  House house;
  const Reply app = house.call(house.peer, "POST", "/app", R"({"name":"a"})", with("k"));
  BOOST_REQUIRE(app.status == 201);
  const Reply again = house.call(house.peer, "POST", "/app", R"({"name":"a"})", with("k"));
  BOOST_TEST(again.status == 409);
  BOOST_TEST(again.code() == "already_done");
  BOOST_TEST(again.at("id") == app.at("appId"));
  BOOST_TEST(again.body.find(app.at("apiKey")) == std::string::npos);
  const std::string keys = "/app/" + app.at("appId") + "/keys";
  const Reply key = house.call(house.peer, "POST", keys, "", with("k"));
  BOOST_TEST(house.call(house.peer, "POST", keys, "", with("k")).at("id") == key.at("id"));
}

BOOST_AUTO_TEST_CASE(refusals_of_the_handler_are_kept_and_those_of_the_body_are_not) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  BOOST_TEST(house.call(key, "POST", "/user", R"({"appUserId":true})", with("k")).status == 422);
  BOOST_TEST(house.call(key, "POST", "/user", R"({"appUserId":"u"})", with("k")).status == 201);
  const std::string body = R"({"room":"r","users":["ghost"]})";
  BOOST_TEST(house.call(key, "POST", "/room", body, with("k")).status == 404);
  house.makeUser(house.store.directory().appByName("a")->id, "ghost");
  const Reply again = house.call(key, "POST", "/room", body, with("k"));
  BOOST_TEST(again.status == 404);
  BOOST_TEST(again.header("Content-Type") == "application/problem+json");
}

BOOST_AUTO_TEST_CASE(a_refusal_that_passes_is_tried_again) {
  House house;
  const AppId app = house.makeApp("a");
  const As user = house.userToken(app, "u");
  house.makeRoom(app, "den", {house.makeUser(app, "u")});
  ChatLimits tight;
  tight.messagesPerSecond = 1;
  tight.messagesBurst = 1;
  house.chat.setLimits(tight);
  const std::string chat = "/chats/den/messages";
  BOOST_TEST(house.call(user, "POST", chat, R"({"text":"a"})", with("1")).status == 201);
  const Reply limited = house.call(user, "POST", chat, R"({"text":"b"})", with("2"));
  BOOST_TEST(limited.status == 429);
  BOOST_TEST(!limited.header("Retry-After").empty());
  house.clock.advance(std::chrono::seconds(2));
  BOOST_TEST(house.call(user, "POST", chat, R"({"text":"b"})", with("2")).status == 201);
}

BOOST_AUTO_TEST_CASE(what_may_have_been_done_is_not_done_again) {
  House house;
  const std::string scope(32, 's');
  const auto begin = [&] {
    return house.store.credentials().beginIdempotent(scope, std::string(32, 'b'), house.clock.wall());
  };
  BOOST_REQUIRE(begin().ok());
  rest::settleIdempotency(house.store.credentials(), scope, Error(Code::OutcomeUnknown), "r");
  const auto state = begin();
  BOOST_REQUIRE(state.ok());
  BOOST_CHECK(state->kind == IdempotencyState::Kind::Done);
  BOOST_TEST(state->answer.status == 503);
  BOOST_TEST(state->answer.body.find("outcome_unknown") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(keys_are_judged_and_login_ignores_them) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  const std::string user = R"({"appUserId":"u"})";
  BOOST_TEST(house.call(key, "POST", "/user", user, with(std::string(255, 'k'))).status == 201);
  for (const std::string& bad : {std::string(256, 'k'), std::string(), std::string("a b")}) {
    BOOST_TEST(house.call(key, "POST", "/user", user, with(bad)).at("errors.0.field") == "Idempotency-Key");
  }
  const std::string login = R"({"login":"x","password":"y"})";
  BOOST_TEST(house.call(house.nobody, "POST", "/auth/login", login, with("")).status == 401);
}

BOOST_AUTO_TEST_CASE(a_full_pool_delays_the_answer_until_the_outcome_is_kept) {
  House house;
  const AppId app = house.makeApp("a");
  const As key = house.keyOf(app);
  const RoomId room = house.makeRoom(app, "den", {house.makeUser(app, "u")});
  const std::string body = R"({"text":"x","appUserId":"u"})";
  int refused = 0;
  // Once the message is stored, the next calls for a worker are those that keep the outcome.
  house.pump.refuse = [&] { return refused < 3 && !house.store.log().history(room, {})->empty() && ++refused > 0; };
  const Reply first = house.call(key, "POST", "/chats/den/messages", body, with("k"));
  BOOST_TEST(refused == 3);
  BOOST_TEST(first.status == 201);
  house.pump.refuse = nullptr;
  BOOST_TEST(house.call(key, "POST", "/chats/den/messages", body, with("k")).header("Idempotency-Replayed") == "true");
}

BOOST_AUTO_TEST_SUITE_END()
