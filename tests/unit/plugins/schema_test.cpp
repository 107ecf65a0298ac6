// plugins/common: configurations against schemas, and what the admin is told.
#include <boost/test/unit_test.hpp>

#include "base/json.h"
#include "common/config_reader.h"
#include "common/config_schema.h"
#include "common/field_names.h"

namespace chatd {
namespace {

std::string why(const char* schema, const char* config) {
  const auto fits = checkConfig(schema, config);
  return fits.ok() ? "" : fits.error().detail();
}

constexpr const char* kSchema = R"({"type":"object","required":["url"],"additionalProperties":false,"properties":{
  "url":{"type":"string","minLength":1,"maxLength":20},
  "n":{"type":"integer","minimum":1,"maximum":5},
  "alg":{"enum":["RS256","ES256"]},
  "aud":{"anyOf":[{"type":"string"},{"type":"array","items":{"type":"string"},"minItems":1}]},
  "keys":{"type":"array","maxItems":2,"items":{"type":"object","required":["kid"],"properties":{"kid":{"type":"string"}}}},
  "map":{"type":"object","additionalProperties":{"type":"string"}}}})";

BOOST_AUTO_TEST_SUITE(config_schema)

BOOST_AUTO_TEST_CASE(what_fits_passes) {
  BOOST_TEST(why("", "{}") == "");
  BOOST_TEST(why(kSchema, R"({"url":"u","n":5,"alg":"ES256","aud":["a"],"keys":[{"kid":"1"}],"map":{"x":"y"}})") == "");
  BOOST_TEST(why(kSchema, R"({"url":"u","aud":"a"})") == "");
}

BOOST_AUTO_TEST_CASE(what_does_not_fit_is_named_with_its_path) {
  BOOST_TEST(why(kSchema, "{}") == "url: is required");
  BOOST_TEST(why(kSchema, "[]") == "the configuration must be an object");
  BOOST_TEST(why(kSchema, R"({"url":5})") == "url: must be a string");
  BOOST_TEST(why(kSchema, R"({"url":""})") == "url: must not be empty");
  BOOST_TEST(why(kSchema, R"({"url":"123456789012345678901"})") == "url: must be at most 20 long");
  BOOST_TEST(why(kSchema, R"({"url":"u","n":0})") == "n: must be at least 1");
  BOOST_TEST(why(kSchema, R"({"url":"u","n":1.5})") == "n: must be an integer");
  BOOST_TEST(why(kSchema, R"({"url":"u","alg":"none"})") == R"(alg: must be one of "RS256", "ES256")");
  BOOST_TEST(why(kSchema, R"({"url":"u","x":1})") == "x: is unknown; known are: url, n, alg, aud, keys, map");
  BOOST_TEST(why(kSchema, R"({"url":"u","keys":[{"kid":"1"},{}]})") == "keys[1].kid: is required");
  BOOST_TEST(why(kSchema, R"({"url":"u","aud":[]})") == "aud: must be a string; or aud: must have at least 1 items");
  BOOST_TEST(why(kSchema, R"({"url":"u","map":{"a":1}})") == "map.a: must be a string");
  BOOST_TEST(why(kSchema, R"({"url":"u","url":"v"})") != "");
  BOOST_TEST(why("{", "{}") != "");
}

BOOST_AUTO_TEST_CASE(names_of_header_fields_and_cookies_are_judged) {
  const auto fault = [](const char* config) { return fieldNamesFault(*parseJson(config)).value_or("none"); };
  BOOST_TEST(fault(R"({"header":"X-Session","cookie":["sid","__Host-a"]})") == "none");
  BOOST_TEST(fault(R"({"header":{"a":"b c"},"cookie":5,"other":"x y"})") == "none");
  BOOST_TEST(fault(R"({"header":"X Session"})").starts_with(R"(header: "X Session" is no name of a header field)"));
  BOOST_TEST(fault(R"({"header":["X-A","X:B"]})").starts_with(R"(header: "X:B")"));
  BOOST_TEST(fault(R"({"cookie":""})").starts_with(R"(cookie: "" is no name of a cookie)"));
  BOOST_TEST(fault(R"({"cookie":"a=b"})") != "none");
  BOOST_TEST(fault(R"({"cookie":["1","2","3","4","5","6","7","8","9"]})") == "cookie: names more than 8");
}

BOOST_AUTO_TEST_CASE(a_url_that_nobody_could_call_is_refused_when_it_is_configured) {
  const auto fault = [](const std::string& url) -> std::string {
    try {
      plugins::requireUrl(url, "url");
    } catch (const std::invalid_argument& e) {
      return e.what();
    }
    return "none";
  };
  for (const char* good :
       {"https://h", "http://h:80/", "https://h:65535", "https://[::1]:8080/a:b", "https://h:/", "https://[::1]/"})
    BOOST_TEST(fault(good) == "none", good);
  for (const char* bad :
       {"http://h:0", "http://h:65536/", "http://h:99999999999", "http://h:8o", "http://[::1]:70000", "http://h:-1"})
    BOOST_TEST(fault(bad) == "url: the port must be 1 to 65535", bad);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chatd
