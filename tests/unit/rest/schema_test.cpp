// The field tables: what they let in, and what they say of the rest.
#include "rest/schema.h"

#include <boost/test/unit_test.hpp>

#include "rest/documents.h"

using namespace chatd;
using namespace chatd::rest;

namespace {

constexpr std::string_view kColours[] = {"red", "blue"};
constexpr Field kInnerFields[] = {{.name = "deep", .type = Type::Boolean, .required = true}};
constexpr Schema kInner{"Inner", kInnerFields};
constexpr Field kFields[] = {{.name = "text", .type = Type::Text, .required = true, .least = 1, .most = 4},
                             {.name = "line", .type = Type::Line, .nullable = true},
                             {.name = "count", .type = Type::Integer, .least = -1, .most = 9},
                             {.name = "who", .type = Type::AppUserId},
                             {.name = "colour", .type = Type::Choice, .choices = kColours},
                             {.name = "when", .type = Type::Time},
                             {.name = "room", .type = Type::Name},
                             {.name = "any", .type = Type::Json, .most = 20},
                             {.name = "inner", .type = Type::Object, .of = &kInner},
                             {.name = "list", .type = Type::List, .most = 2, .items = Type::Id},
                             {.name = "inners", .type = Type::List, .of = &kInner}};
constexpr Schema kSchema{"Test", kFields};

std::string faults(std::string_view json) {
  const auto document = parseJson(json);
  BOOST_REQUIRE(document.ok());
  const auto result = validate(kSchema, *document);
  if (result.ok()) return "";
  BOOST_TEST((result.error().code() == Code::Invalid));
  std::string out;
  for (const FieldError& fault : result.error().fields()) out += fault.field + " ";
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(schema)

BOOST_AUTO_TEST_CASE(takes_what_fits) {
  BOOST_TEST(faults(R"({"text":"a"})") == "");
  BOOST_TEST(faults(R"({"text":"é€","line":null,"count":-1,"who":7,"colour":"blue","when":"2026-03-01T00:00:00+02:00",
                        "room":"lobby","any":{"a":[1]},"inner":{"deep":true},"list":[1,2],"inners":[{"deep":false}]})") ==
             "text ");  // five bytes
}

BOOST_AUTO_TEST_CASE(names_every_fault_at_once) {
  BOOST_TEST(faults(R"({"line":"a\u0001","count":10,"who":true,"colour":"green","when":"today","room":"12","list":[0,"x",3],
                        "inner":{},"inners":[{"deep":true},{"deep":1,"more":2}],"extra":1})") ==
             "extra text line count who colour when room inner.deep list inners[1].more inners[1].deep ");
}

BOOST_AUTO_TEST_CASE(names_the_item_of_a_list) { BOOST_TEST(faults(R"({"text":"a","list":[1,0]})") == "list[1] "); }

BOOST_AUTO_TEST_CASE(tells_null_from_absent) {
  BOOST_TEST(faults(R"({"text":null})") == "text ");
  BOOST_TEST(faults(R"({"text":"a","line":null})") == "");
}

BOOST_AUTO_TEST_CASE(refuses_nul_and_what_is_no_object) {
  BOOST_TEST(faults(R"({"text":"a\u0000"})") == "text ");
  BOOST_TEST(faults("[]") == "body ");
  BOOST_TEST(faults("3") == "body ");
}

BOOST_AUTO_TEST_CASE(bounds_ids_of_users) {
  const std::string longest(256, 'x');
  BOOST_TEST(faults(R"({"text":"a","who":")" + longest + "\"}") == "");
  BOOST_TEST(faults(R"({"text":"a","who":")" + longest + "x\"}") == "who ");
  BOOST_TEST(faults(R"({"text":"a","who":""})") == "who ");
  BOOST_TEST(faults(R"({"text":"a","who":9007199254740991})") == "");
  BOOST_TEST(faults(R"({"text":"a","who":9007199254740992})") == "who ");
  BOOST_TEST(faults(R"({"text":"a","who":1.5})") == "who ");
  BOOST_TEST(faults(R"({"text":"a","who":"a\n"})") == "who ");
}

BOOST_AUTO_TEST_CASE(bounds_objects_by_their_text) {
  BOOST_TEST(faults(R"({"text":"a","any":{"a":"12345678901"}})") == "");
  BOOST_TEST(faults(R"({"text":"a","any":{"a":"12345678901234"}})") == "any ");
  BOOST_TEST(faults(R"({"text":"a","any":[1]})") == "any ");
}

BOOST_AUTO_TEST_CASE(lists_a_bounded_number_of_faults) {
  std::string json = "{";
  for (int i = 0; i < 500; ++i) json += "\"f" + std::to_string(i) + "\":1,";
  json += "\"text\":\"a\"}";
  const auto document = parseJson(json);
  BOOST_TEST(validate(kSchema, *document).error().fields().size() == 32U);
}

BOOST_AUTO_TEST_CASE(one_text_is_one_user_in_both_json_types) {
  const auto document = parseJson(R"([1,"1",-5])");
  BOOST_TEST(appUserIdText((*document)[0]) == "1");
  BOOST_TEST(appUserIdText((*document)[1]) == "1");
  BOOST_TEST(appUserIdText((*document)[2]) == "-5");
}

BOOST_AUTO_TEST_SUITE_END()
