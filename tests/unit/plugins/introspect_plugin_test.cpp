// plugins: the bundled verifier `introspect` through its C struct, on a host of the test's own.
#include "introspect/introspect_plugin.h"

#include <boost/test/unit_test.hpp>

#include <string>

#include "plugin_fixture.h"

namespace {

struct Fixture : chatd::test::PluginFixture {
  Fixture() : PluginFixture(chatd_introspect_plugin_entry(CHATD_ABI_MINOR)) {}
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(plugins_introspect, Fixture)

BOOST_AUTO_TEST_CASE(only_an_answer_with_exactly_the_issuer_that_is_wanted_lets_in) {
  BOOST_REQUIRE(create(R"({"url":"https://a/","issuer":"https://good"})") == "");
  BOOST_TEST(judged(200, R"({"active":true,"sub":"ann","iss":"https://good"})").verdict == CHATD_ALLOW);
  for (const char* iss : {R"("iss":"https://evil")", R"("iss":["evil"])", R"("iss":["https://good"])", R"("iss":null)",
                          R"("iss":5)", R"("iss":{"a":"https://good"})", R"("scope":"x")"}) {
    const auto c = judged(200, std::string(R"({"active":true,"sub":"ann",)") + iss + "}");
    BOOST_TEST(c.verdict == CHATD_DENY, iss);
    BOOST_TEST(c.detail == "is of another issuer", iss);
  }
}

BOOST_AUTO_TEST_CASE(a_bearer_token_that_cannot_stand_in_a_header_field_is_refused) {
  for (const char* bad :
       {R"(a\r\nX-Admin: 1)", R"(a\nb)", R"(a\u0000b)", R"(a b)", R"(a\tb)", R"(a\u007f)", "gr\xC3\xBC\xC3\x9F"}) {
    BOOST_TEST(create(std::string(R"({"url":"https://a/","bearerToken":")") + bad + R"("})") ==
                   "bearerToken: may have printable ASCII without spaces only",
               bad);
  }
  BOOST_TEST(create(R"({"url":"https://a/","bearerToken":"abc.DEF-~+/="})") == "");
}

BOOST_AUTO_TEST_SUITE_END()
