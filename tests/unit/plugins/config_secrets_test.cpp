// plugins/common: which members of a configuration are listed, by the plugin's schema.
#include <boost/test/unit_test.hpp>

#include "common/config_secrets.h"
#include "hmac/hmac_plugin.h"
#include "http/http_plugin.h"
#include "introspect/introspect_plugin.h"
#include "jwt/jwt_plugin.h"
#include "simple/simple_plugins.h"

namespace chatd {
namespace {

std::string listed(std::string_view schema, std::string_view config) { return listedConfig(schema, config).json; }
bool hasMask(std::string_view schema, std::string_view config) { return listedConfig(schema, config).hasMask; }

BOOST_AUTO_TEST_SUITE(config_secrets)

BOOST_AUTO_TEST_CASE(what_the_schema_calls_write_only_is_hidden_whole_wherever_it_says_so) {
  constexpr const char* kSchema = R"({"properties":{
    "pin":{"type":"integer","writeOnly":true},
    "door":{"properties":{"word":{"writeOnly":true},"tokenName":{"writeOnly":false}},"additionalProperties":{"writeOnly":true}},
    "list":{"items":{"anyOf":[{"type":"string"},{"properties":{"x":{"writeOnly":true}}}]}},
    "pair":{"prefixItems":[{},{"writeOnly":true}]},
    "map":{"writeOnly":true},
    "named":{"$ref":"#/$defs/a~1b"},
    "circle":{"$ref":"#/properties/circle"},
    "either":{"oneOf":[{"type":"string","writeOnly":true},{"type":"object"}]}},
    "patternProperties":{"^s_":{"properties":{"v":{"writeOnly":true}}}},
    "$defs":{"a/b":{"writeOnly":true}}})";
  BOOST_TEST(listed(kSchema, R"({"pin":1234,"n":1})") == R"({"pin":"***","n":1})");
  BOOST_TEST(listed(kSchema, R"({"door":{"word":"w","tokenName":"t","other":[1],"no":null}})") ==
             R"({"door":{"word":"***","tokenName":"t","other":"***","no":null}})");
  BOOST_TEST(listed(kSchema, R"({"list":["a",{"x":"s","y":"o"}]})") == R"({"list":["a",{"x":"***","y":"o"}]})");
  BOOST_TEST(listed(kSchema, R"({"map":{"s3cret":1},"named":["s"],"either":"s"})") ==
             R"({"map":"***","named":"***","either":"***"})");
  BOOST_TEST(listed(kSchema, R"({"circle":{"a":"b"},"s_1":{"v":"s","w":"o"}})") ==
             R"({"circle":{"a":"b"},"s_1":{"v":"***","w":"o"}})");
  // Which place a pattern or a position means is not worked out: all of them.
  BOOST_TEST(listed(kSchema, R"({"pair":["a","b"]})") == R"({"pair":["***","***"]})");
}

BOOST_AUTO_TEST_CASE(an_anchor_is_followed_and_what_cannot_be_followed_hides) {
  constexpr const char* kSchema = R"({"properties":{
    "pin":{"$ref":"#secret"},"plain":{"$ref":"#plain"},"moved":{"$dynamicRef":"#moved"},
    "foreign":{"$ref":"https://x.example/schema.json#/$defs/a"},"gone":{"$ref":"#/$defs/gone"},"odd":{"$ref":5},
    "said":{"$ref":"other.json","writeOnly":false},"deep":{"properties":{"x":{"$ref":"#gone"}}}},
    "$defs":{"a":{"$anchor":"secret","writeOnly":true},"b":{"$anchor":"plain"},"c":{"$dynamicAnchor":"moved","writeOnly":true}}})";
  BOOST_TEST(
      listed(kSchema, R"({"pin":"s","plain":"p","moved":"s","foreign":{"a":"s"},"gone":"s","odd":"s","said":"s","o":1})") ==
      R"({"pin":"***","plain":"p","moved":"***","foreign":"***","gone":"***","odd":"***","said":"***","o":1})");
  BOOST_TEST(listed(kSchema, R"({"deep":{"x":"s","y":"o"}})") == R"({"deep":{"x":"***","y":"o"}})");
  // All of a configuration is one object still.
  BOOST_TEST(listed(R"({"$ref":"other.json"})", R"({"pin":"s","no":null})") == R"({"pin":"***","no":null})");
  // Inside of an $id a reference means another place.
  BOOST_TEST(
      listed(
          R"({"$id":"https://a/","properties":{"pin":{"$id":"https://b/","$ref":"#/$defs/p","$defs":{"p":{"writeOnly":true}}}},
    "$defs":{"p":{}}})",
          R"({"pin":"s"})") == R"({"pin":"***"})");
}

BOOST_AUTO_TEST_CASE(a_schema_with_more_alternatives_than_are_followed_hides) {
  std::string many;
  for (int i = 0; i < 300; ++i) many += "{},";
  BOOST_TEST(listed(R"({"properties":{"pin":{"anyOf":[)" + many + R"({"writeOnly":true}]}}})", R"({"pin":"s","o":1})") ==
             R"({"pin":"***","o":1})");
}

BOOST_AUTO_TEST_CASE(where_the_schema_says_nothing_the_name_decides) {
  BOOST_TEST(listed("", R"({"apiKey":"k","nested":{"clientSecret":{"a":"b"}},"Headers":["h"],"host":"x","n":5,"o":null})") ==
             R"({"apiKey":"***","nested":{"clientSecret":"***"},"Headers":"***","host":"x","n":5,"o":null})");
  BOOST_TEST(listed(R"({"properties":{"keyword":{"writeOnly":false},"keys":{"writeOnly":false,"items":{"properties":{}}}}})",
                    R"({"keyword":"w","keys":[{"kid":"1","secret":"s"}]})") ==
             R"({"keyword":"w","keys":[{"kid":"1","secret":"***"}]})");
  BOOST_TEST(listed("true", R"({"password":"p"})") == R"({"password":"***"})");
  BOOST_TEST(listed("", "no json") == "{}");
}

BOOST_AUTO_TEST_CASE(of_a_url_only_what_is_secret_in_it_is_hidden) {
  BOOST_TEST(listed("", R"({"url":"https://x.example/a?key=s3cret","list":["http://u:p@h/"]})") ==
             R"({"url":"https://x.example/a?key=***","list":["http://***@h/"]})");
}

BOOST_AUTO_TEST_CASE(without_a_schema_that_can_be_read_all_is_hidden_but_names) {
  BOOST_TEST(listedNames(R"({"a":"x","b":{"c":"y"},"d":null})").json == R"({"a":"***","b":"***","d":null})");
  BOOST_TEST(listed("{", R"({"a":"x"})") == R"({"a":"***"})");
}

BOOST_AUTO_TEST_CASE(a_mask_that_is_sent_back_is_found_and_a_text_that_only_looks_like_one_is_not) {
  constexpr const char* kSchema = R"({"properties":{"pin":{"writeOnly":true}}})";
  BOOST_TEST(hasMask(kSchema, R"({"pin":"***"})"));
  BOOST_TEST(hasMask(kSchema, R"({"url":"https://h/?key=***"})"));
  BOOST_TEST(hasMask(kSchema, R"({"url":"https://***@h/"})"));
  BOOST_TEST(!hasMask(kSchema, R"({"greeting":"***","pin":"1","url":"https://h/***"})"));
  BOOST_TEST(listedNames(R"({"a":["***"]})").hasMask);
}

BOOST_AUTO_TEST_CASE(bundled_plugins_hide_their_secrets_and_nothing_else) {
  BOOST_TEST(listed(chatd_jwt_plugin_entry(0)->config_schema,
                    R"({"keys":[{"alg":"HS256","kid":"a","secret":"s"},{"alg":"HS256","secretName":"n"},)"
                    R"({"alg":"HS256","secretBase64":"s"},{"alg":"RS256","pemFile":"/k"},{"alg":"RS256","pem":"p"},)"
                    R"({"alg":"ES256","jwk":{"kty":"EC","x":"x","d":"s"}}],"jwksUrl":"https://h/k","userClaim":"sub"})") ==
             R"({"keys":[{"alg":"HS256","kid":"a","secret":"***"},{"alg":"HS256","secretName":"n"},)"
             R"({"alg":"HS256","secretBase64":"***"},{"alg":"RS256","pemFile":"/k"},{"alg":"RS256","pem":"p"},)"
             R"({"alg":"ES256","jwk":{"kty":"EC","x":"x","d":"***"}}],"jwksUrl":"https://h/k","userClaim":"sub"})");
  BOOST_TEST(listed(chatd_http_plugin_entry(0)->config_schema,
                    R"({"url":"https://h/?k=s","headers":{"X-Key":"s"},"body":"s","sign":{"secret":"s","header":"X-S"}})") ==
             R"({"url":"https://h/?k=***","headers":{"X-Key":"***"},"body":"***","sign":{"secret":"***","header":"X-S"}})");
  BOOST_TEST(listed(chatd_hmac_plugin_entry(0)->config_schema, R"({"secret":["a","b"],"secretName":"n","maxSeconds":1})") ==
             R"({"secret":"***","secretName":"n","maxSeconds":1})");
  BOOST_TEST(listed(chatd_introspect_plugin_entry(0)->config_schema,
                    R"({"url":"https://h/","clientId":"c","clientSecret":"s","bearerToken":"s"})") ==
             R"({"url":"https://h/","clientId":"c","clientSecret":"***","bearerToken":"***"})");
  BOOST_TEST(listed(chatd_static_plugin_entry(0)->config_schema, R"({"tokens":{"s":"ann"}})") == R"({"tokens":"***"})");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chatd
