// What each command asks of the daemon and prints, against the fake daemon over its Unix socket and TCP.
#include <boost/test/unit_test.hpp>

#include <fmt/format.h>

#include "unit/cli/shell.h"

namespace chatd::test {

namespace {

/// A daemon with app demo (1), users 1 and 2, and a shell.
struct Demo {
  FakeDaemon daemon;
  Shell shell{daemon};

  Demo() {
    BOOST_REQUIRE_EQUAL(shell({"app", "create", "demo"}).code, 0);
    for (const char* user : {"1", "2"}) BOOST_REQUIRE_EQUAL(shell({"user", "create", "-a", "demo", user}).code, 0);
    static_cast<void>(daemon.seen());
  }
};

std::vector<std::string> lines(const std::vector<SeenRequest>& seen) {
  std::vector<std::string> all;
  for (const SeenRequest& request : seen) all.push_back(request.line());
  return all;
}

void checkEqual(const std::vector<std::string>& got, const std::vector<std::string>& wanted) {
  BOOST_CHECK_EQUAL_COLLECTIONS(got.begin(), got.end(), wanted.begin(), wanted.end());
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cli_commands, Demo)

BOOST_AUTO_TEST_CASE(app_create_shows_the_secrets_and_prints_the_object_unchanged) {
  const Ran ran = shell({"app", "create", "shop", "--verification-url", "https://v.example/me", "-o", "json"});
  BOOST_CHECK_EQUAL(ran.code, 0);
  const auto seen = daemon.seen();
  BOOST_REQUIRE_EQUAL(seen.size(), 1);
  BOOST_CHECK_EQUAL(seen[0].line(), "POST /app");
  BOOST_CHECK_EQUAL(seen[0].body, R"({"name":"shop","tokenVerificationUrl":"https://v.example/me"})");
  BOOST_CHECK_EQUAL(seen[0].header("content-type"), "application/json");
  BOOST_CHECK_EQUAL(seen[0].header("idempotency-key").size(), 32);
  BOOST_CHECK_EQUAL(seen[0].header("authorization"), "");
  BOOST_CHECK_EQUAL(std::string(asView(*find(ran.json(), "apiKey"))), "ck_secret");
  BOOST_CHECK_EQUAL(shell({"app", "create", "shop"}).code, 6);
}

BOOST_AUTO_TEST_CASE(app_create_takes_a_verifier_with_its_configuration_from_standard_input) {
  shell.input = R"({"issuer": "x", "keys": [1, 2]})";
  BOOST_CHECK_EQUAL(shell({"app", "create", "jwt", "--verifier", "jwt", "--verifier-config", "@-"}).code, 0);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).body,
                    R"({"name":"jwt","verifiers":[{"plugin":"jwt","config":{"issuer":"x","keys":[1,2]}}]})");
  shell.input = "{";
  BOOST_CHECK_EQUAL(shell({"app", "create", "jwt2", "--verifier", "jwt", "--verifier-config", "@-"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"app", "create", "jwt3", "--verifier-config", "{}"}).code, 2);
  BOOST_CHECK_EQUAL(daemon.seen().size(), 0);
}

BOOST_AUTO_TEST_CASE(app_ensure_writes_only_what_differs) {
  BOOST_CHECK_EQUAL(shell({"app", "ensure", "demo"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /app/demo"});
  BOOST_CHECK_EQUAL(shell({"app", "ensure", "demo", "--verification-url", "https://a.example/"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /app/demo", "PATCH /app/1"});
  BOOST_CHECK_EQUAL(shell({"app", "ensure", "demo", "--verification-url", "https://a.example/"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /app/demo"});
  BOOST_CHECK_EQUAL(shell({"app", "ensure", "new", "-q"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /app/new", "POST /app"});
}

BOOST_AUTO_TEST_CASE(ensure_that_loses_a_race_takes_what_the_other_made) {
  daemon.answerNext(FakeDaemon::problem(404, "not_found", "no"));
  const Ran ran = shell({"app", "ensure", "demo", "-q"});
  BOOST_CHECK_EQUAL(ran.code, 0);
  BOOST_CHECK_EQUAL(ran.out, "1\n");
  checkEqual(lines(daemon.seen()), {"GET /app/demo", "POST /app", "GET /app/demo"});
}

BOOST_AUTO_TEST_CASE(app_delete_wants_yes_and_the_name) {
  BOOST_CHECK_EQUAL(shell({"app", "delete", "demo"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"app", "delete", "demo", "--yes"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"app", "delete", "demo", "--yes", "--confirm", "demi"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"app", "delete", "demo", "--confirm", "demo"}).code, 2);
  for (const SeenRequest& request : daemon.seen()) BOOST_CHECK_EQUAL(request.method, "GET");
  BOOST_CHECK_EQUAL(shell({"app", "delete", "1", "--yes", "--confirm", "demo"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /app/1", "DELETE /app/1"});
  BOOST_CHECK_EQUAL(shell({"app", "get", "demo"}).code, 3);
}

BOOST_AUTO_TEST_CASE(app_delete_on_a_terminal_asks_for_the_name) {
  shell.terminal = true;
  shell.answers = {"yes", "demo"};
  BOOST_CHECK_EQUAL(shell({"app", "delete", "demo"}).code, 1);
  BOOST_CHECK_EQUAL(shell({"app", "delete", "demo"}).code, 0);
  BOOST_CHECK_EQUAL(shell.asked.size(), 2);
}

BOOST_AUTO_TEST_CASE(api_delete_on_a_terminal_asks) {
  shell.terminal = true;
  shell.answers = {"n", "y"};
  const Ran declined = shell({"api", "DELETE", "/room/1"});
  BOOST_CHECK_EQUAL(declined.code, 1);
  BOOST_TEST(declined.err.find("nothing was changed") != std::string::npos);
  BOOST_TEST(daemon.seen().empty());
  BOOST_CHECK_EQUAL(shell({"api", "DELETE", "/room/1"}).code, 3);
  checkEqual(lines(daemon.seen()), {"DELETE /room/1"});
  checkEqual(shell.asked, {"DELETE /room/1? [y/N] ", "DELETE /room/1? [y/N] "});
}

BOOST_AUTO_TEST_CASE(api_delete_of_a_whole_app_wants_its_name_as_app_delete_does) {
  BOOST_CHECK_EQUAL(shell({"api", "DELETE", "/app/1", "--yes"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"api", "DELETE", "/app/1?x=1", "--yes", "--confirm", "demi"}).code, 2);
  checkEqual(lines(daemon.seen()), {"GET /app/1", "GET /app/1"});
  BOOST_CHECK_EQUAL(shell({"api", "DELETE", "/app/1", "--yes", "--confirm", "demo"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /app/1", "DELETE /app/1"});
}

BOOST_AUTO_TEST_CASE(user_create_is_create_only_and_user_ensure_is_not) {
  shell.input = "secret-token\n";
  const Ran made = shell({"user", "create", "-a", "demo", "anna", "--first-name", "Anna", "--middle-name", "M",
                          "--last-name", "", "--metadata", R"([ 1, {"a":"ä"} ])", "--token-stdin", "-o", "json"});
  BOOST_CHECK_EQUAL(made.code, 0);
  auto seen = daemon.seen();
  checkEqual(lines(seen), {"GET /app/demo", "POST /user"});
  BOOST_CHECK_EQUAL(seen[1].header("if-none-match"), "*");
  BOOST_CHECK_EQUAL(seen[1].body, R"({"appId":1,"appUserId":"anna","firstName":"Anna","middleName":"M","lastName":"",)"
                                  R"("token":"secret-token","metadata":[1,{"a":"ä"}]})");
  BOOST_CHECK_EQUAL(made.out.find("secret-token"), std::string::npos);
  BOOST_CHECK_EQUAL(shell({"user", "create", "-a", "1", "anna"}).code, 6);
  const Ran ensured = shell({"user", "ensure", "-a", "1", "anna", "--first-name", "Ann", "-o", "json"});
  BOOST_CHECK_EQUAL(ensured.code, 0);
  BOOST_CHECK_EQUAL(ensured.out, "{\"id\":4,\"appId\":1,\"appUserId\":\"anna\",\"firstName\":\"Ann\"}\n");
  seen = daemon.seen();
  BOOST_CHECK_EQUAL(seen.back().header("if-none-match"), "");
}

BOOST_AUTO_TEST_CASE(an_app_user_id_is_text_unless_asked_to_be_an_integer) {
  BOOST_CHECK_EQUAL(shell({"user", "ensure", "-a", "1", "007"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"user", "ensure", "-a", "1", "7", "--integer-id"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"user", "ensure", "-a", "1", "07", "--integer-id"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"user", "ensure", "-a", "1", "x", "--integer-id"}).code, 2);
  const auto seen = daemon.seen();
  BOOST_REQUIRE_EQUAL(seen.size(), 2);
  BOOST_CHECK_EQUAL(seen[0].body, R"({"appId":1,"appUserId":"007"})");
  BOOST_CHECK_EQUAL(seen[1].body, R"({"appId":1,"appUserId":7})");
}

BOOST_AUTO_TEST_CASE(user_get_and_delete_find_the_user_by_the_apps_id) {
  BOOST_CHECK_EQUAL(shell({"user", "get", "-a", "demo", "1", "-o", "name"}).out, "1\n");
  BOOST_CHECK_EQUAL(shell({"user", "get", "-a", "demo", "nobody"}).code, 3);
  BOOST_CHECK_EQUAL(shell({"user", "delete", "-a", "1", "1"}).code, 2);
  static_cast<void>(daemon.seen());
  BOOST_CHECK_EQUAL(shell({"user", "delete", "-a", "1", "1", "-y"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /user?appId=1&appUserId=1", "DELETE /user/2"});
}

BOOST_AUTO_TEST_CASE(room_create_names_type_and_members) {
  const Ran ran = shell({"room", "create", "-a", "1", "r", "--type", "group", "--users", "1,2", "-o", "json"});
  BOOST_CHECK_EQUAL(ran.code, 0);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).body, R"({"appId":1,"room":"r","type":"group","users":["1","2"]})");
  BOOST_CHECK_EQUAL(find(ran.json(), "members")->Size(), 2);
  BOOST_CHECK_EQUAL(shell({"room", "create", "-a", "1", "r"}).code, 6);
  BOOST_CHECK_EQUAL(shell({"room", "create", "-a", "1", "s", "--users", "1,,2"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"room", "create", "-a", "1", "s", "--type", "both"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"room", "create", "-a", "1", "s", "--users", "9"}).code, 3);
}

BOOST_AUTO_TEST_CASE(room_ensure_creates_then_leaves_then_adds_but_never_changes_the_type) {
  BOOST_CHECK_EQUAL(shell({"room", "ensure", "-a", "1", "r", "--type", "group", "--users", "1"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /room/r?appId=1", "POST /room"});
  BOOST_CHECK_EQUAL(shell({"room", "ensure", "-a", "1", "r", "--type", "group", "--users", "1"}).code, 0);
  checkEqual(lines(daemon.seen()), {"GET /room/r?appId=1"});
  BOOST_CHECK_EQUAL(shell({"room", "ensure", "-a", "1", "r", "--users", "2,1", "--name", "Round"}).code, 0);
  const auto seen = daemon.seen();
  checkEqual(lines(seen), {"GET /room/r?appId=1", "PATCH /room/4", "PUT /room/add"});
  BOOST_CHECK_EQUAL(seen[2].body, R"({"appId":1,"room":"r","users":["2"]})");
  BOOST_CHECK_EQUAL(shell({"room", "ensure", "-a", "1", "r", "--type", "direct", "--users", "1,2"}).code, 6);
}

BOOST_AUTO_TEST_CASE(room_members_are_added_listed_and_removed) {
  BOOST_REQUIRE_EQUAL(shell({"room", "create", "-a", "1", "r"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"room", "member", "add", "-a", "demo", "r", "1", "2"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"room", "member", "list", "-a", "1", "r", "-o", "name"}).out, "1\n2\n");
  BOOST_CHECK_EQUAL(shell({"room", "member", "remove", "-a", "1", "r", "1"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"room", "member", "list", "-a", "1", "r", "-o", "tsv", "--no-headers"}).out,
                    "3\t2\tmember\t\t\n");
  BOOST_CHECK_EQUAL(shell({"room", "member", "add", "-a", "1", "r", "ghost"}).code, 3);
  BOOST_CHECK_EQUAL(shell({"room", "member", "add", "-a", "1", "r"}).code, 2);
}

BOOST_AUTO_TEST_CASE(message_send_speaks_for_a_user_from_words_or_standard_input) {
  BOOST_REQUIRE_EQUAL(shell({"room", "create", "-a", "1", "r", "--users", "1,2"}).code, 0);
  static_cast<void>(daemon.seen());
  BOOST_CHECK_EQUAL(shell({"message", "send", "-a", "1", "r", "--as", "1", "hello", "--client-msg-id", "m1"}).code, 0);
  auto seen = daemon.seen();
  checkEqual(lines(seen), {"GET /room/r?appId=1", "POST /chats/4/messages"});
  BOOST_CHECK_EQUAL(seen[1].body, R"({"appId":1,"appUserId":"1","text":"hello","clientMsgId":"m1"})");
  shell.input = "two\nlines\n";
  const Ran piped = shell({"message", "send", "-a", "1", "r", "--as", "2", "-o", "json"});
  BOOST_CHECK_EQUAL(std::string(asView(*find(piped.json(), "text"))), "two\nlines");
  BOOST_CHECK_EQUAL(shell({"message", "send", "-a", "1", "r", "--as", "1", ""}).code, 7);
  BOOST_CHECK_EQUAL(shell({"message", "send", "-a", "1", "r", "hello"}).code, 2);
}

BOOST_AUTO_TEST_CASE(an_app_key_names_the_app_itself) {
  shell.environment["CHATCTL_TOKEN"] = "ck_key";
  daemon.answerNext({200, R"({"items":[],"nextCursor":null})"});
  BOOST_CHECK_EQUAL(shell({"user", "list"}).code, 0);
  const auto seen = daemon.seen();
  BOOST_CHECK_EQUAL(seen.at(0).line(), "GET /user?limit=100");
  BOOST_CHECK_EQUAL(seen.at(0).header("authorization"), "Bearer ck_key");
  shell.environment["CHATCTL_TOKEN"] = "ca_account";
  BOOST_CHECK_EQUAL(shell({"user", "list"}).code, 2);
}

BOOST_AUTO_TEST_CASE(message_list_follows_the_pages_and_limit_bounds_them) {
  BOOST_REQUIRE_EQUAL(shell({"room", "create", "-a", "1", "r", "--users", "1"}).code, 0);
  for (int i = 1; i <= 230; ++i) {
    BOOST_REQUIRE_EQUAL(shell({"message", "send", "-a", "1", "4", "--as", "1", fmt::format("m{}", i)}).code, 0);
  }
  static_cast<void>(daemon.seen());
  const Ran all = shell({"message", "list", "-a", "1", "r", "-o", "json"});
  const JsonDocument document = all.json();
  BOOST_REQUIRE_EQUAL(find(document, "items")->Size(), 230);
  BOOST_CHECK(find(document, "nextCursor")->IsNull());
  BOOST_CHECK_EQUAL(std::string(asView(*find((*find(document, "items"))[0], "text"))), "m230");
  checkEqual(lines(daemon.seen()),
             {"GET /room/r?appId=1", "GET /chats/4/messages?limit=100", "GET /chats/4/messages?limit=100&cursor=c100",
              "GET /chats/4/messages?limit=100&cursor=c200"});
  const Ran some = shell({"message", "list", "-a", "1", "r", "--before", "200", "--limit", "120", "-o", "ndjson"});
  BOOST_CHECK_EQUAL(std::count(some.out.begin(), some.out.end(), '\n'), 120);
  BOOST_CHECK_EQUAL(some.out.substr(0, some.out.find('\n')).find(R"("seq":199,)") != std::string::npos, true);
  checkEqual(lines(daemon.seen()), {"GET /room/r?appId=1", "GET /chats/4/messages?limit=100&before=200",
                                    "GET /chats/4/messages?limit=20&cursor=c100"});
  BOOST_CHECK_EQUAL(shell({"message", "list", "-a", "1", "r", "--limit", "0"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"message", "list", "-a", "1", "r", "--limit", "-3"}).code, 2);
}

BOOST_AUTO_TEST_CASE(message_get_and_delete_go_by_id) {
  BOOST_REQUIRE_EQUAL(shell({"room", "create", "-a", "1", "r", "--users", "1"}).code, 0);
  const std::string id = shell({"message", "send", "-a", "1", "r", "--as", "1", "hi", "-q"}).out;
  BOOST_CHECK_EQUAL(id, "5\n");
  BOOST_CHECK_EQUAL(shell({"message", "delete", "5"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"message", "delete", "5", "--yes"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"message", "get", "5", "-o", "tsv", "--no-headers"}).out, "5\t1\t2\t\t\n");
  BOOST_CHECK_EQUAL(shell({"message", "get", "6"}).code, 3);
}

BOOST_AUTO_TEST_CASE(the_same_over_tcp_with_global_flags_before_the_noun) {
  const Ran ran = shell({"--server", daemon.tcp(), "-o", "name", "app", "list"});
  BOOST_CHECK_EQUAL(ran.code, 0);
  BOOST_CHECK_EQUAL(ran.out, "demo\n");
  BOOST_CHECK_EQUAL(shell({"app", "list", "--server=" + daemon.tcp() + "/", "-q"}).out, "1\n");
}

BOOST_AUTO_TEST_CASE(api_sends_anything_and_keeps_the_exit_codes) {
  BOOST_CHECK_EQUAL(shell({"api", "get", "/app?limit=1"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"api", "POST", "/user", "-d", R"({"appId":1,"appUserId":"x"})"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"api", "GET", "/nothing"}).code, 3);
  BOOST_CHECK_EQUAL(shell({"api", "BREW", "/app"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"api", "GET", "app"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"api", "GET", "/a\r\nX: y"}).code, 2);
  shell.input = R"([1])";
  BOOST_CHECK_EQUAL(shell({"api", "POST", "/user", "-d", "@/no/such/file"}).code, 2);
}

BOOST_AUTO_TEST_CASE(status_tells_health_and_readiness) {
  daemon.answerNext({200, R"({"status":"ok"})"});
  daemon.answerNext({200, R"({"status":"ready"})"});
  BOOST_CHECK_EQUAL(shell({"status", "-o", "json"}).code, 0);
  daemon.answerNext({200, R"({"status":"ok"})"});
  daemon.answerNext({503, R"({"status":"unready","reasons":["store"]})"});
  const Ran ran = shell({"status", "-o", "json"});
  BOOST_CHECK_EQUAL(ran.code, 11);
  BOOST_CHECK(!find(ran.json(), "ready")->GetBool());
  BOOST_CHECK(ran.out.find(R"("reasons":["store"])") != std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chatd::test
