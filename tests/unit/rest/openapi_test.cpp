// The document says all that the table says, and refers to nothing that it does not have.
#include "rest/openapi.h"

#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <set>

#include "base/json.h"

using namespace chatd;
using namespace chatd::rest;

namespace {

const JsonDocument& document() {
  static const JsonDocument parsed = [] {
    auto result = parseJson(openApiDocument(routeTable(), "1.2.3"));
    BOOST_REQUIRE(result.ok());
    return std::move(*result);
  }();
  return parsed;
}

const JsonValue& at(const JsonValue& from, std::string_view name) {
  const JsonValue* value = find(from, name);
  BOOST_REQUIRE_MESSAGE(value != nullptr, "no " << name);
  return *value;
}

std::string lower(std::string_view method) {
  std::string text(method);
  for (char& c : text) c = static_cast<char>(std::tolower(c));
  return text;
}

const JsonValue& operationOf(const Route& route) {
  std::string path(route.path);
  if (const auto star = path.find('*'); star != std::string::npos) path.erase(star, 1);
  return at(at(at(document(), "paths"), path), lower(route.method));
}

void collectReferences(const JsonValue& value, std::set<std::string>& into) {
  if (value.IsObject()) {
    for (const auto& member : value.GetObject()) {
      if (asView(member.name) == "$ref") into.emplace(asView(member.value));
      collectReferences(member.value, into);
    }
  } else if (value.IsArray()) {
    for (const auto& item : value.GetArray()) collectReferences(item, into);
  }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(openapi)

BOOST_AUTO_TEST_CASE(is_openapi_3_1_with_our_version) {
  BOOST_TEST(asView(at(document(), "openapi")) == "3.1.0");
  BOOST_TEST(asView(at(at(document(), "info"), "version")) == "1.2.3");
}

BOOST_AUTO_TEST_CASE(has_every_route_with_its_answers_errors_and_body) {
  for (const Route& route : routeTable()) {
    BOOST_TEST_CONTEXT(route.method << " " << route.path) {
      const JsonValue& operation = operationOf(route);
      BOOST_TEST(asView(at(operation, "operationId")) == route.operation);
      const JsonValue& responses = at(operation, "responses");
      for (const Answer& answer : route.answers) at(responses, std::to_string(answer.status));
      for (const Code code : errorsOf(route)) at(responses, std::to_string(row(code).status));
      BOOST_TEST((find(operation, "requestBody") != nullptr) == (route.body != nullptr));
      BOOST_TEST(!route.answers.empty());
      BOOST_TEST(!route.doc.empty());
      BOOST_TEST(at(operation, "security").Size() > 0U);
    }
  }
}

BOOST_AUTO_TEST_CASE(documents_every_variable_and_query_field) {
  for (const Route& route : routeTable()) {
    BOOST_TEST_CONTEXT(route.method << " " << route.path) {
      std::set<std::string> names;
      for (const auto& parameter : at(operationOf(route), "parameters").GetArray()) {
        BOOST_TEST(names.emplace(std::string(asView(at(parameter, "in"))) + ":" + std::string(asView(at(parameter, "name"))))
                       .second);
      }
      if (route.query != nullptr) {
        for (const Field& field : route.query->fields) BOOST_TEST(names.count("query:" + std::string(field.name)) == 1U);
      }
      const auto variables = static_cast<std::size_t>(std::count(route.path.begin(), route.path.end(), '{'));
      const auto documented = static_cast<std::size_t>(
          std::count_if(names.begin(), names.end(), [](const std::string& name) { return name.starts_with("path:"); }));
      BOOST_TEST(documented == variables);
      BOOST_TEST((names.count("header:Idempotency-Key") == 1U) == (route.method == "POST" && route.keepsAnswers));
    }
  }
}

BOOST_AUTO_TEST_CASE(every_reference_leads_somewhere) {
  std::set<std::string> references;
  collectReferences(document(), references);
  BOOST_TEST(references.size() > 20U);
  for (const std::string& reference : references) {
    BOOST_TEST_CONTEXT(reference) {
      BOOST_REQUIRE(reference.starts_with("#/"));
      const JsonValue* value = &document();
      std::string_view path = std::string_view(reference).substr(2);
      while (!path.empty()) {
        const std::size_t slash = path.find('/');
        value = &at(*value, path.substr(0, slash));
        path = slash == std::string_view::npos ? std::string_view() : path.substr(slash + 1);
      }
      BOOST_TEST(value->IsObject());
    }
  }
}

BOOST_AUTO_TEST_CASE(operation_ids_are_unique) {
  std::set<std::string_view> ids;
  for (const Route& route : routeTable()) BOOST_TEST(ids.insert(route.operation).second, route.operation);
}

BOOST_AUTO_TEST_CASE(two_rows_never_share_method_and_path) {
  std::set<std::string> rows;
  for (const Route& route : routeTable())
    BOOST_TEST(rows.insert(std::string(route.method) + std::string(route.path)).second);
}

BOOST_AUTO_TEST_CASE(different_bodies_have_different_names) {
  std::set<std::string_view> names;
  std::set<const Schema*> seen;
  for (const Route& route : routeTable()) {
    if (route.body != nullptr && seen.insert(route.body).second) BOOST_TEST(names.insert(route.body->name).second);
  }
}

BOOST_AUTO_TEST_CASE(lists_every_error_code_with_its_status) {
  const JsonValue& codes = at(document(), "x-error-codes");
  BOOST_REQUIRE(codes.Size() == errorTable().size());
  for (rapidjson::SizeType i = 0; i < codes.Size(); ++i) {
    BOOST_TEST(asView(at(codes[i], "code")) == errorTable()[i].wire);
    BOOST_TEST(at(codes[i], "status").GetInt() == errorTable()[i].status);
  }
}

BOOST_AUTO_TEST_CASE(names_a_security_scheme_for_each_kind_of_caller) {
  const JsonValue& schemes = at(at(document(), "components"), "securitySchemes");
  for (const Route& route : routeTable()) {
    for (const auto& need : at(operationOf(route), "security").GetArray()) {
      for (const auto& scheme : need.GetObject()) at(schemes, asView(scheme.name));
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
