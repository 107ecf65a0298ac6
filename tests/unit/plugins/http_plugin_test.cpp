// plugins: the bundled verifier `http` through its C struct, on a host of the test's own.
#include "http/http_plugin.h"

#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "base/json.h"
#include "plugin_fixture.h"

namespace {

using chatd::test::Completed;
using chatd::test::Fetched;
using chatd::test::PluginFixture;
using chatd::test::str;

struct Fixture : PluginFixture {
  Fixture() : PluginFixture(chatd_http_plugin_entry(CHATD_ABI_MINOR)) {}
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plugins_http, Fixture)

BOOST_AUTO_TEST_CASE(it_describes_itself_and_its_schema_is_json) {
  BOOST_TEST(std::string(plugin->id) == "http");
  BOOST_TEST(plugin->struct_size == sizeof(chatd_plugin));
  BOOST_TEST(plugin->flags == 0U);
  const auto schema = chatd::parseJson(plugin->config_schema);
  BOOST_REQUIRE(schema.ok());
  BOOST_TEST(chatd::find(*schema, "properties")->HasMember("url"));
}

BOOST_AUTO_TEST_CASE(a_configuration_needs_a_url_and_nothing_unknown) {
  for (const char* good : {R"({"url":"https://a.example/verify"})", R"({"url":"HTTP://a:8080","timeoutMs":1})"}) {
    BOOST_TEST(create(good) == "", good);
    plugin->destroy(instance);
    instance = nullptr;
  }
  for (const char* bad : {"", "[]", "{}", R"({"url":5})", R"({"url":""})", R"({"url":"ftp://a"})", R"({"url":"https://"})",
                          R"({"url":"https://u:p@a/"})", R"({"url":"https://a b/"})", R"({"url":"https://a/\r\nX"})",
                          R"({"url":"https://a/","x":1})", R"({"url":"https://a/","timeoutMs":0})",
                          R"({"url":"https://a/","timeoutMs":60001})", R"({"url":"https://a/","timeoutMs":"5"})"}) {
    BOOST_TEST(create(bad) != "", bad);
    BOOST_TEST((instance == nullptr));
  }
  ctx.hasHttp = false;
  BOOST_TEST(create(R"({"url":"https://a/"})") != "");
}

BOOST_AUTO_TEST_CASE(it_asks_by_get_with_the_token_as_bearer_and_returns) {
  BOOST_REQUIRE(create(R"({"url":"https://a.example/v?x=1","timeoutMs":2000})") == "");
  BOOST_REQUIRE(verify("tok.en-1") == 0);
  BOOST_TEST(ctx.completed.empty());
  BOOST_REQUIRE(ctx.fetched.size() == 1U);
  const Fetched& call = ctx.fetched.at(0);
  BOOST_TEST(call.method == "GET");
  BOOST_TEST(call.url == "https://a.example/v?x=1");
  BOOST_TEST((call.headers.at(0) == std::pair<std::string, std::string>("Authorization", "Bearer tok.en-1")));
  BOOST_TEST(call.deadlineNs == ctx.now + 2'000'000'000);
  answer(200, R"({"id":"u"})");
  BOOST_REQUIRE(ctx.completed.size() == 1U);
  BOOST_TEST(ctx.completed.at(0).job == 42U);
  BOOST_TEST(ctx.completed.at(0).cacheTtlMs == -1);
  BOOST_REQUIRE(verify("t", 43, 5'000'000) == 0);
  BOOST_TEST(ctx.fetched.at(0).deadlineNs == ctx.now + 5'000'000);
  answer(401, "");
}

BOOST_AUTO_TEST_CASE(the_user_is_the_first_of_three_names_in_three_places) {
  BOOST_REQUIRE(create(R"({"url":"https://a/"})") == "");
  const std::vector<std::pair<std::string, std::string>> cases = {
      {R"({"sub":"c","id":"b","appUserId":"a"})", "a"},
      {R"({"sub":"c","id":"b"})", "b"},
      {R"({"sub":"c"})", "c"},
      {R"({"id":17})", "17"},
      {R"({"id":9007199254740993})", "9007199254740993"},
      {R"({"id":null,"sub":"c"})", "c"},
      {R"({"id":"","sub":"c"})", "c"},
      {R"({"id":1.5,"sub":"c"})", "c"},
      {R"({"user":{"id":"u"},"data":{"id":"d"}})", "u"},
      {R"({"data":{"id":"d"},"user":{"name":"no id"}})", "d"},
      {R"({"sub":"top","user":{"appUserId":"inner"}})", "top"},
      {R"({"user":"text","data":{"sub":"d"}})", "d"},
  };
  for (const auto& [body, user] : cases) {
    const Completed c = judged(200, body);
    BOOST_TEST(c.verdict == std::int32_t{CHATD_ALLOW}, body);
    BOOST_TEST(c.user == user, body);
  }
}

BOOST_AUTO_TEST_CASE(names_come_with_the_user) {
  BOOST_REQUIRE(create(R"({"url":"https://a/"})") == "");
  const Completed c =
      judged(201, R"({"user":{"id":1,"firstName":"Ann","middleName":null,"lastName":"Lee","name":"Ann Lee"}})");
  BOOST_TEST(c.claims == R"({"firstName":"Ann","lastName":"Lee"})");
  BOOST_TEST(c.display == "Ann Lee");
}

BOOST_AUTO_TEST_CASE(an_expiry_is_taken_in_each_usual_form_and_an_unreadable_one_is_no_pass) {
  BOOST_REQUIRE(create(R"({"url":"https://a/"})") == "");
  BOOST_TEST(judged(200, R"({"id":1})").expiresAtMs == 0);
  BOOST_TEST(judged(200, R"({"id":1,"exp":1700000000})").expiresAtMs == 1'700'000'000'000);
  BOOST_TEST(judged(200, R"({"id":1,"exp":1700000000.5})").expiresAtMs == 1'700'000'000'500);
  BOOST_TEST(judged(200, R"({"id":1,"expiresAt":"2023-11-14T22:13:20Z"})").expiresAtMs == 1'700'000'000'000);
  BOOST_TEST(judged(200, R"({"id":1,"expiresAt":1700000000})").expiresAtMs == 1'700'000'000'000);
  BOOST_TEST(judged(200, R"({"id":1,"expiresAt":1700000000123})").expiresAtMs == 1'700'000'000'123);
  BOOST_TEST(judged(200, R"({"exp":1700000000,"user":{"id":1}})").expiresAtMs == 1'700'000'000'000);
  BOOST_TEST(judged(200, R"({"user":{"id":1,"exp":1700000000}})").expiresAtMs == 1'700'000'000'000);
  for (const char* bad : {R"({"id":1,"exp":"soon"})", R"({"id":1,"exp":-1})", R"({"id":1,"exp":1e300})",
                          R"({"id":1,"expiresAt":"tomorrow"})", R"({"id":1,"expiresAt":{}})"}) {
    BOOST_TEST(judged(200, bad).verdict == std::int32_t{CHATD_UNAVAILABLE}, bad);
  }
}

BOOST_AUTO_TEST_CASE(only_401_and_403_deny) {
  BOOST_REQUIRE(create(R"({"url":"https://a/"})") == "");
  for (const std::int32_t status : {401, 403}) BOOST_TEST(judged(status, R"({"id":1})").verdict == std::int32_t{CHATD_DENY});
  for (const std::int32_t status : {100, 301, 302, 307, 400, 404, 407, 429, 500, 502, 503}) {
    const Completed c = judged(status, R"({"id":1})");
    BOOST_TEST(c.verdict == std::int32_t{CHATD_UNAVAILABLE}, status);
    BOOST_TEST((c.detail.find(std::to_string(status)) != std::string::npos));
  }
}

BOOST_AUTO_TEST_CASE(a_good_status_without_a_user_is_unavailable_and_tells_the_operator_why) {
  BOOST_REQUIRE(create(R"({"url":"https://a/"})") == "");
  for (const char* body : {"", "<html>", "[]", "17", "{}", R"({"ok":true})", R"({"id":[1]})",
                           R"({"user":{"user":{"id":1}}})", R"({"id":1,"id":2})", "{\"id\":\"\xFF\"}"}) {
    const Completed c = judged(200, body);
    BOOST_TEST(c.verdict == std::int32_t{CHATD_UNAVAILABLE}, body);
    BOOST_TEST(c.user.empty());
    BOOST_TEST(!c.detail.empty());
  }
}

BOOST_AUTO_TEST_CASE(a_url_that_cannot_be_asked_is_unavailable) {
  BOOST_REQUIRE(create(R"({"url":"https://a/"})") == "");
  BOOST_REQUIRE(verify("t") == 0);
  answer(-1, "", "connection refused");
  BOOST_TEST(ctx.completed.at(0).verdict == std::int32_t{CHATD_UNAVAILABLE});
  BOOST_TEST((ctx.completed.at(0).detail.find("connection refused") != std::string::npos));
  ctx.takesCalls = false;
  ctx.completed.clear();
  BOOST_TEST(verify("t") == 0);
  BOOST_REQUIRE(ctx.completed.size() == 1U);
  BOOST_TEST(ctx.completed.at(0).verdict == std::int32_t{CHATD_UNAVAILABLE});
}

BOOST_AUTO_TEST_CASE(a_token_that_cannot_be_a_bearer_is_not_this_plugins_and_is_not_sent) {
  BOOST_REQUIRE(create(R"({"url":"https://a/"})") == "");
  for (const std::string& token :
       {std::string("a b"), std::string("a\r\nX: y"), std::string("a\0b", 3), std::string("\xC3\xA9")}) {
    ctx.completed.clear();
    BOOST_TEST(verify(token) == 0);
    BOOST_REQUIRE(ctx.completed.size() == 1U);
    BOOST_TEST(ctx.completed.at(0).verdict == std::int32_t{CHATD_DEFER});
  }
  BOOST_TEST(ctx.fetched.empty());
}

BOOST_AUTO_TEST_SUITE_END()
