// The parts of chatctl that need no daemon: declared files, comparing, completion's line, cutting, redaction, import rows.
#include <atomic>
#include <boost/test/unit_test.hpp>

#include <sstream>

#include <fmt/format.h>

#include "cli/compare.h"
#include "cli/complete.h"
#include "cli/declared.h"
#include "cli/import_rows.h"
#include "cli/in_order.h"
#include "cli/layout.h"
#include "cli/redact.h"
#include "cli/visible.h"

namespace chatd::test {

using namespace cli;

namespace {

Outcome<std::vector<DeclaredApp>> declared(const std::string& text) {
  std::istringstream in(text);
  return readDeclared("-", in);
}

JsonDocument json(const std::string& text) {
  auto parsed = parseJson(text);
  BOOST_REQUIRE_MESSAGE(parsed.ok(), text);
  return std::move(*parsed);
}

Match compared(const std::string& actual, const std::string& wanted) { return compareApp(json(actual), json(wanted)); }

}  // namespace

BOOST_AUTO_TEST_SUITE(cli_parts)

BOOST_AUTO_TEST_CASE(a_declared_file_keeps_the_types_of_its_ids) {
  const auto apps = declared(
      "apps:\n- name: shop\n  settings: {autoCreateUsers: no-such-word, enabled: true}\n  users: [{appUserId: 7}, "
      "{appUserId: "
      "\"7a\"}, {appUserId: \"8\", metadata: {a: [1, null, 'x']}}]\n");
  BOOST_REQUIRE(apps.ok());
  const DeclaredApp& app = apps.value().at(0);
  BOOST_CHECK_EQUAL(app.name, "shop");
  BOOST_CHECK_EQUAL(toText(app.body), R"({"settings":{"autoCreateUsers":"no-such-word","enabled":true}})");
  BOOST_REQUIRE_EQUAL(app.users->size(), 3);
  BOOST_CHECK_EQUAL(toText((*app.users)[0].body), R"({"appUserId":7})");
  BOOST_CHECK_EQUAL((*app.users)[0].appUserId, "7");
  BOOST_CHECK_EQUAL(toText((*app.users)[2].body), R"({"appUserId":"8","metadata":{"a":[1,null,"x"]}})");
  BOOST_CHECK(!app.rooms);
}

BOOST_AUTO_TEST_CASE(a_declared_member_is_an_id_or_a_map_with_a_role) {
  const auto apps = declared(
      "apps:\n- name: shop\n  rooms: [{room: r, users: [7, \"8\", {appUserId: 9, role: moderator}, {appUserId: \"x\"}]}]\n");
  BOOST_REQUIRE(apps.ok());
  const auto& room = apps.value().at(0).rooms->at(0);
  BOOST_CHECK_EQUAL(toText(room.body), R"({"room":"r"})");
  std::string all;
  for (const auto& member : *room.members) all += member.id + "=" + member.role.value_or("-") + " ";
  BOOST_CHECK_EQUAL(all, R"(7=- "8"=- 9=moderator "x"=- )");
}

BOOST_AUTO_TEST_CASE(a_declaration_without_a_word_is_a_mistake_and_an_empty_list_is_none) {
  for (const char* text : {"", "\n# nothing\n", "---\n", "~"}) {
    const auto read = declared(text);
    BOOST_CHECK_MESSAGE(!read.ok() && read.error().exit == Exit::Usage, text);
  }
  BOOST_CHECK(declared("apps: []").ok());
}

BOOST_AUTO_TEST_CASE(a_declared_file_that_is_wrong_names_the_line) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"apps: {}", "apps must be a list"},
      {"shops: []", "the file has no shops"},
      {"apps:\n- {}\n", ":2: name is missing"},
      {"apps:\n- name: a\n  rooms: 5\n", ":3: rooms must be a list"},
      {"apps:\n- name: a\n  rooms: [{room: r, users: x}]\n", "users must be a list of ids"},
      {"apps:\n- name: a\n  rooms: [{room: r, users: [{appUserId: 1, role: boss}]}]\n", "a role is member or moderator"},
      {"apps:\n- name: a\n  rooms:\n  - {room: r, users: [{role: member}]}\n", ":4: appUserId is missing"},
      {"apps:\n- name: a\n  rooms: [{room: r, users: [1, {appUserId: \"1\"}]}]\n", "the member is declared twice"},
      {"apps:\n- name: a\n  users: [{appUserId: 1}, {appUserId: \"1\"}]\n", "declared twice"},
      {"apps:\n- name: a\n  name: b\n", "given twice"},
      {"apps: [", "standard input:1"}};
  for (const auto& [text, part] : rows) {
    const auto read = declared(text);
    BOOST_TEST_CONTEXT(text) {
      BOOST_REQUIRE(!read.ok());
      BOOST_CHECK(read.error().exit == Exit::Invalid);
      BOOST_CHECK_MESSAGE(read.error().message.find(part) != std::string::npos, read.error().message);
    }
  }
}

BOOST_AUTO_TEST_CASE(an_app_is_compared_by_what_is_wanted_of_it) {
  const std::string app = R"({"appId":1,"name":"a","settings":{"autoCreateUsers":true,"quotas":{"connections":0}},)"
                          R"("verifiers":[{"plugin":"http","config":{"url":"u","secret":"***"},"timeoutMs":5000}]})";
  BOOST_CHECK(compared(app, "{}") == Match::Same);
  BOOST_CHECK(compared(app, R"({"settings":{"autoCreateUsers":true}})") == Match::Same);
  BOOST_CHECK(compared(app, R"({"settings":{"quotas":{"connections":1}}})") == Match::Different);
  BOOST_CHECK(compared(app, R"({"verifiers":[]})") == Match::Different);
  BOOST_CHECK(compared(app, R"({"verifiers":[{"plugin":"http","config":{"url":"u","secret":"s"}}]})") == Match::Masked);
  BOOST_CHECK(compared(app, R"({"verifiers":[{"plugin":"http","config":{"url":"v","secret":"s"}}]})") == Match::Different);
  BOOST_CHECK(compared(app, R"({"verifiers":[{"plugin":"http","config":{"url":"u"}}]})") == Match::Different);
}

BOOST_AUTO_TEST_CASE(a_url_with_a_secret_is_compared_by_what_the_server_shows_of_it_and_never_printed) {
  const std::string app = R"({"verifiers":[{"plugin":"http","config":{"url":"https://h/a?k=***","map":"***"}}],)"
                          R"("tokenVerificationUrl":"https://h/a?k=***"})";
  const auto chain = [](const std::string& url) {
    return R"({"verifiers":[{"plugin":"http","config":{"url":")" + url + R"(","map":{"a":"b"}}}]})";
  };
  BOOST_CHECK(compared(app, chain("https://h/a?k=s3cret")) == Match::Masked);
  BOOST_CHECK(compared(app, chain("https://h/b?k=s3cret")) == Match::Different);
  BOOST_CHECK(compared(app, chain("https://h/a")) == Match::Different);
  BOOST_CHECK(compared(app, R"({"tokenVerificationUrl":"https://h/a?k=s3cret"})") == Match::Masked);
  const std::string databases =
      R"({"verifiers":[{"plugin":"x","config":{"a":"redis://***@h2/0","b":"jdbc:mysql://***@h/d"}}]})";
  const auto given = [](const std::string& a, const std::string& b) {
    return R"({"verifiers":[{"plugin":"x","config":{"a":")" + a + R"(","b":")" + b + R"("}}]})";
  };
  const std::string redis = "redis://a:P1@h1,redis://b:P2@h2/0";
  BOOST_CHECK(compared(databases, given(redis, "jdbc:mysql://u:p/w@h/d")) == Match::Masked);
  BOOST_CHECK(compared(databases, given(redis, "jdbc:mysql://u:p/w@g/d")) == Match::Different);
  BOOST_CHECK(compared(databases, given(redis, "jdbc:mysql://h/d")) == Match::Different);
  for (const std::string& wanted :
       {chain("https://h/b?k=s3cret"), std::string(R"({"tokenVerificationUrl":"https://h/b?k=s3cret"})")}) {
    std::vector<std::string> lines;
    appendDifferences(json(app), json(wanted), "", lines);
    BOOST_REQUIRE(!lines.empty());
    for (const std::string& line : lines) BOOST_TEST(line.find("s3cret") == std::string::npos, line);
    BOOST_TEST(lines[0].find(R"("https://h/a?k=***" -> "https://h/b?k=***")") != std::string::npos, lines[0]);
  }
}

BOOST_AUTO_TEST_CASE(differences_are_lines_of_fields_and_show_no_secret_of_the_file) {
  std::vector<std::string> lines;
  appendDifferences(
      json(R"({"settings":{"a":1},"firstName":"x","verifiers":[]})"),
      json(
          R"({"appUserId":"1","settings":{"a":2},"firstName":"y","lastName":null,"verifiers":[{"plugin":"hmac","config":{"secret":"s"}}]})"),
      "", lines);
  const std::vector<std::string> wanted = {"settings.a: 1 -> 2", R"(firstName: "x" -> "y")",
                                           R"(verifiers[0]: (none) -> plugin "hmac")"};
  BOOST_CHECK_EQUAL_COLLECTIONS(lines.begin(), lines.end(), wanted.begin(), wanted.end());
}

BOOST_AUTO_TEST_CASE(what_changes_in_a_chain_is_named_and_no_secret_shown) {
  const std::string before =
      R"({"verifiers":[{"plugin":"hmac","config":{"secret":"***","max":60,"strict":true,"old":1},"timeoutMs":5000},)"
      R"({"plugin":"http","config":{"url":"u"}},{"plugin":"deny","config":{}}]})";
  const auto differences = [&](const std::string& wanted) {
    std::vector<std::string> lines;
    appendDifferences(json(before), json(wanted), "", lines);
    return lines;
  };
  const auto lines = differences(
      R"({"verifiers":[{"plugin":"hmac","config":{"secret":"s3cret","max":90,"strict":false,"keys":["s3cret"]},"timeoutMs":1},)"
      R"({"plugin":"jwt","config":{"key":"s3cret"}},{"plugin":"deny","config":{}},{"plugin":"allow"}]})");
  const std::vector<std::string> wanted = {R"(verifiers[0].config.secret: "***" -> (not shown, and it may be the same))",
                                           "verifiers[0].config.max: 60 -> 90",
                                           "verifiers[0].config.strict: true -> false",
                                           "verifiers[0].config.old: 1 -> (none)",
                                           "verifiers[0].config.keys: (none) -> (not shown)",
                                           "verifiers[0].timeoutMs: 5000 -> 1",
                                           R"(verifiers[1]: plugin "http" -> plugin "jwt")",
                                           R"(verifiers[3]: (none) -> plugin "allow")"};
  BOOST_CHECK_EQUAL_COLLECTIONS(lines.begin(), lines.end(), wanted.begin(), wanted.end());
  BOOST_CHECK_EQUAL(differences(R"({"verifiers":[]})").size(), 3);
}

BOOST_AUTO_TEST_CASE(pieces_are_taken_in_order_and_few_are_fetched_ahead) {
  std::atomic<std::size_t> begun{0};
  std::string taken;
  std::size_t now = 0;
  std::size_t farthest = 0;
  PiecesOfWork work;
  work.count = 200;
  work.threads = 4;
  work.fetch = [&](std::size_t i, std::size_t, const std::function<bool(Part)>& give) -> Outcome<void> {
    ++begun;
    for (std::size_t part = 0; part < 10; ++part) {
      if (!give({fmt::format("{}.{} ", i, part), 1, 0})) return usage("stopped");
    }
    if (i % 7 == 3) return usage("bad piece");
    return {};
  };
  work.take = [&](std::size_t i, const Part& part) -> Outcome<void> {
    BOOST_CHECK_EQUAL(i, now);
    taken += part.lines;
    farthest = std::max<std::size_t>(farthest, begun - i);
    return {};
  };
  std::size_t bad = 0;
  work.end = [&](std::size_t, const Outcome<void>& fetched) -> Outcome<void> {
    ++now;
    if (!fetched.ok()) ++bad;
    return {};
  };
  BOOST_REQUIRE(doInOrder(work).ok());
  std::string wanted;
  for (std::size_t i = 0; i < 200; ++i) {
    for (std::size_t part = 0; part < 10; ++part) wanted += fmt::format("{}.{} ", i, part);
  }
  BOOST_CHECK(taken == wanted);
  BOOST_CHECK_EQUAL(bad, 29);
  BOOST_CHECK_LE(farthest, 8);
  // Whoever takes may end it, and so may Ctrl-C; no thread is left behind.
  now = 0;
  work.end = [&](std::size_t i, const Outcome<void>&) -> Outcome<void> {
    ++now;
    return i < 5 ? Outcome<void>() : Outcome<void>(other("full", "enough"));
  };
  BOOST_CHECK_EQUAL(doInOrder(work).error().code, "full");
  now = 0;
  work.interrupted = [&] { return now > 2; };
  work.end = [&](std::size_t, const Outcome<void>&) -> Outcome<void> { return ++now, Outcome<void>(); };
  BOOST_CHECK(doInOrder(work).error().exit == Exit::Interrupted);
}

BOOST_AUTO_TEST_CASE(a_line_of_bash_is_split_as_bash_does) {
  const std::vector<std::pair<std::string, std::vector<std::string>>> rows = {
      {"chatctl ", {""}},
      {"chatctl app get", {"app", "get"}},
      {"chatctl app get 'it is' ", {"app", "get", "it is", ""}},
      {"chatctl a\\ b \"c \\\" d\" 'e", {"a b", "c \" d", "e"}},
      {"chatctl '' x", {"", "x"}}};
  for (const auto& [line, wanted] : rows) {
    const auto got = splitLine(line);
    BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
  }
}

BOOST_AUTO_TEST_CASE(a_table_gives_up_its_widest_column_first) {
  BOOST_CHECK_EQUAL(layOut({{"1", "abcdefghij", "xyz"}}, 12), "1  abc…  xyz\n");
  BOOST_CHECK_EQUAL(layOut({{"1", "abcdefghij", "xyz"}}, 0), "1  abcdefghij  xyz\n");
  BOOST_CHECK_EQUAL(cut("日本語", 4), "日…");
  BOOST_CHECK_EQUAL(columnsOf(cut("日本語日本語", 5)), 5);
  BOOST_CHECK_EQUAL(cut("short", 5), "short");
}

BOOST_AUTO_TEST_CASE(debug_shows_no_secret) {
  BOOST_CHECK_EQUAL(
      redactBody(R"({"apiKey":"ck_1","login":{"password":"p","login":"o"},"tokenExpiresAt":null,"token":"t"})"),
      R"({"apiKey":"***","login":{"password":"***","login":"o"},"tokenExpiresAt":null,"token":"***"})");
  BOOST_CHECK_EQUAL(redactBody("not json, with a secret"), "(23 bytes)");
  BOOST_CHECK_EQUAL(redactTarget("/a?x=1&token=secret&y=2"), "/a?x=1&token=***&y=2");
  BOOST_CHECK(redactBody(R"({"a":")" + std::string(9000, 'x') + "\"}").size() < 4200);
}

BOOST_AUTO_TEST_CASE(an_import_row_says_by_itself_what_it_is) {
  BOOST_CHECK(readRow(1, R"({"appUserId":1})").value().kind == RowKind::User);
  BOOST_CHECK(readRow(1, R"({"room":"r"})").value().kind == RowKind::Room);
  BOOST_CHECK(readRow(1, R"({"room":"r","appUserId":1,"text":"x"})").value().kind == RowKind::Message);
  for (const char* bad :
       {"", "[]", "{", R"({"firstName":"x"})", R"({"kind":"app","name":"x"})", R"({"kind":"message","text":"x"})"}) {
    const auto row = readRow(1, bad);
    BOOST_CHECK_MESSAGE(!row.ok() && row.error().exit == Exit::Invalid, bad);
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chatd::test
