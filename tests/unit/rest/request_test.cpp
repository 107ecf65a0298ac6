// What is true of every request: media types, origins, ids, limits, pages, and a server that is busy.
#include <boost/test/unit_test.hpp>

#include "net/origin.h"

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(requests)

BOOST_AUTO_TEST_CASE(bodies_are_json_of_a_bounded_size) {
  House house;
  const As key = house.keyOf(house.makeApp("a"));
  const auto post = [&](std::string_view body, std::string_view type) {
    return house.call(key, "POST", "/user", body, {{"Content-Type", std::string(type)}});
  };
  BOOST_TEST(post(R"({"appUserId":1})", "application/json; charset=utf-8").status == 201);
  BOOST_TEST(post(R"({"appUserId":1})", "Application/JSON").status == 200);
  BOOST_TEST(post("appUserId=1", "application/x-www-form-urlencoded").status == 415);
  BOOST_TEST(post(R"({"appUserId":1})", "").status == 415);
  BOOST_TEST(post("{", "application/json").code() == "not_json");
  BOOST_TEST(post(R"({"appUserId":1,"appUserId":2})", "application/json").code() == "not_json");
  BOOST_TEST(post("", "application/json").code() == "not_json");
  BOOST_TEST(post("[1]", "application/json").status == 422);
  BOOST_TEST(post(std::string(100'001, ' '), "application/json").status == 413);
}

BOOST_AUTO_TEST_CASE(unknown_paths_and_methods_are_told_apart) {
  House house;
  BOOST_TEST(house.call(house.nobody, "GET", "/nothing").status == 404);
  const Reply method = house.call(house.nobody, "DELETE", "/healthz");
  BOOST_TEST(method.status == 405);
  BOOST_TEST(method.code() == "method_not_allowed");
  BOOST_TEST(method.header("Allow") == "GET, HEAD, OPTIONS");
  BOOST_TEST(house.call(house.nobody, "OPTIONS", "/healthz").status == 204);
  BOOST_TEST(house.call(house.nobody, "OPTIONS", "/nothing").status == 404);
  BOOST_TEST(house.call(house.nobody, "HEAD", "/healthz").status == 200);
}

BOOST_AUTO_TEST_CASE(request_ids_are_echoed_if_they_are_sane) {
  House house;
  const auto id = [&](const std::string& given) {
    return house.call(house.nobody, "GET", "/healthz", "", {{"X-Request-Id", given}}).header("X-Request-Id");
  };
  BOOST_TEST(id("abc-1.2_Z") == "abc-1.2_Z");
  BOOST_TEST(id("a b") != "a b");
  BOOST_TEST(id(std::string(65, 'a')) != std::string(65, 'a'));
  BOOST_TEST(id("x") != id("a\"b"));
  const Reply problem = house.call(house.nobody, "GET", "/nothing", "", {{"X-Request-Id", "me"}});
  BOOST_TEST(problem.at("requestId") == "me");
}

BOOST_AUTO_TEST_CASE(origins_are_our_own_or_configured) {
  House house;
  const auto from = [&](const std::string& origin) {
    return house.call(house.nobody, "GET", "/healthz", "", {{"Origin", origin}});
  };
  BOOST_TEST(from("http://chat.example:8080").status == 200);
  BOOST_TEST(from("http://chat.example:8080").header("Access-Control-Allow-Origin") == "");
  BOOST_TEST(from("https://friend.example").header("Access-Control-Allow-Origin") == "https://friend.example");
  BOOST_TEST(from("https://friend.example").header("Vary") == "Origin");
  for (const char* bad :
       {"https://evil.example", "null", "http://chat.example", "https://friend.example.evil", "chat.example:8080"}) {
    BOOST_TEST(from(bad).code() == "origin_refused", bad);
    BOOST_TEST(from(bad).header("Access-Control-Allow-Origin") == "");
  }
}

BOOST_AUTO_TEST_CASE(same_origin_knows_tls) {
  BOOST_TEST(net::originAllowed({}, "https://a.example", "a.example", true));
  BOOST_TEST(!net::originAllowed({}, "http://a.example", "a.example", true));
  BOOST_TEST(net::originAllowed({"*"}, "http://any.example", "a.example", true));
  BOOST_TEST(!net::originAllowed({}, "http://", "", false));
}

BOOST_AUTO_TEST_CASE(a_preflight_names_methods_and_headers) {
  House house;
  const Reply answer = house.call(house.nobody, "OPTIONS", "/user", "",
                                  {{"Origin", "https://friend.example"}, {"Access-Control-Request-Method", "POST"}});
  BOOST_TEST(answer.status == 204);
  BOOST_TEST(answer.header("Access-Control-Allow-Methods") == "POST, GET, HEAD, OPTIONS");
  BOOST_TEST(answer.header("Access-Control-Allow-Headers").find("Idempotency-Key") != std::string::npos);
  BOOST_TEST(house.call(house.nobody, "OPTIONS", "/user", "", {{"Origin", "https://evil.example"}}).status == 403);
}

BOOST_AUTO_TEST_CASE(readiness_gives_its_reasons) {
  House house;
  BOOST_TEST(house.call(house.nobody, "GET", "/readyz").status == 200);
  house.notReady = {"store: closed"};
  const Reply not_ready = house.call(house.nobody, "GET", "/readyz");
  BOOST_TEST(not_ready.status == 503);
  BOOST_TEST(not_ready.at("reasons.0") == "store: closed");
  BOOST_TEST(not_ready.header("Retry-After") == "1");
}

BOOST_AUTO_TEST_CASE(pages_come_from_the_build_and_the_demo_only_if_it_is_on) {
  House house;
  const Reply page = house.call(house.nobody, "GET", "/swagger/");
  BOOST_TEST(page.body == "<p>hi");
  BOOST_TEST(page.header("Content-Security-Policy") == "default-src 'self'");
  BOOST_TEST(page.header("X-Content-Type-Options") == "nosniff");
  BOOST_TEST(house.call(house.nobody, "GET", "/swagger/", "", {{"If-None-Match", "\"e\""}}).status == 304);
  BOOST_TEST(house.call(house.nobody, "GET", "/swagger").header("Location") == "/swagger/");
  BOOST_TEST(house.call(house.nobody, "GET", "/swagger/../etc").status == 404);
  BOOST_TEST(house.call(house.nobody, "GET", "/demo/").status == 404);
  RestOptions options = house.options();
  options.demo = true;
  house.api.setOptions(std::move(options));
  BOOST_TEST(house.call(house.nobody, "GET", "/demo/").status == 200);
}

BOOST_AUTO_TEST_CASE(a_full_pool_is_busy_and_a_closing_one_restarting) {
  House house;
  house.pump.workers = Offer::Full;
  const Reply busy = house.call(house.peer, "GET", "/app");
  BOOST_TEST(busy.status == 503);
  BOOST_TEST(busy.code() == "busy");
  BOOST_TEST(busy.header("Retry-After") == "1");
  BOOST_TEST(house.call(house.nobody, "GET", "/healthz").status == 200);
  house.pump.workers = Offer::Closing;
  BOOST_TEST(house.call(house.peer, "GET", "/app").code() == "restarting");
}

BOOST_AUTO_TEST_CASE(what_the_parser_refuses_looks_like_every_other_error) {
  House house;
  for (const auto& [status, code] :
       {std::pair(400, "bad_request"), std::pair(408, "request_timeout"), std::pair(413, "too_large"),
        std::pair(431, "headers_too_large"), std::pair(501, "not_supported"), std::pair(505, "not_supported")}) {
    const net::HttpResponse response = house.api.refused(status, "because");
    BOOST_TEST(response.status == status);
    BOOST_TEST(response.close);
    const auto body = parseJson(response.body);
    BOOST_REQUIRE(body.ok());
    BOOST_TEST(asView((*body)["code"]) == code);
    BOOST_TEST((*body)["status"].GetInt() == status);
    BOOST_TEST(asView((*body)["detail"]) == "because");
  }
}

BOOST_AUTO_TEST_CASE(every_answer_is_observed_by_its_pattern) {
  House house;
  house.call(house.peer, "GET", "/app/12345");
  house.call(house.nobody, "GET", "/nothing");
  BOOST_REQUIRE(house.observed.size() == 2U);
  BOOST_TEST(house.observed[0].first == "/app/{appId}");
  BOOST_TEST(house.observed[0].second == 404);
  BOOST_TEST(house.observed[1].first == "");
}

BOOST_AUTO_TEST_CASE(the_document_is_served) {
  House house;
  const Reply document = house.call(house.nobody, "GET", "/openapi.json");
  BOOST_TEST(document.at("openapi") == "3.1.0");
  BOOST_TEST(document.body == house.api.openApi());
}

BOOST_AUTO_TEST_SUITE_END()
