// What scripts rely on: exit codes, formats, quoting, retries, precedence, stored tokens.
#include <boost/test/unit_test.hpp>

#include <sys/stat.h>
#include <yaml-cpp/yaml.h>

#include <chrono>
#include <filesystem>
#include <fstream>

#include <fmt/format.h>

#include "cli/failure.h"
#include "cli/guess.h"
#include "cli/layout.h"
#include "cli/printer.h"
#include "cli/settings.h"
#include "cli/tree.h"
#include "cli/visible.h"
#include "unit/cli/shell.h"

namespace chatd::test {

namespace {

struct Demo {
  FakeDaemon daemon;
  Shell shell{daemon};
};

bool has(const std::string& text, const std::string& part) { return text.find(part) != std::string::npos; }

std::string itemsOf(const std::vector<std::string>& names) {
  std::string body;
  std::int64_t id = 0;
  for (const std::string& name : names) {
    std::string quoted;
    appendJsonString(quoted, name);
    body +=
        fmt::format(R"({}{{"appId":{},"name":{},"createdAt":null,"updatedAt":"t"}})", body.empty() ? "" : ",", ++id, quoted);
  }
  return fmt::format(R"({{"items":[{}],"nextCursor":null}})", body);
}

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cli_contract, Demo)

// --- exit codes -----------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(each_status_has_its_exit_code) {
  const std::vector<std::pair<int, int>> rows = {{400, 7}, {401, 4}, {403, 5}, {404, 3}, {405, 1}, {408, 8},
                                                 {409, 6}, {413, 7}, {415, 7}, {422, 7}, {429, 8}, {431, 1},
                                                 {500, 8}, {502, 8}, {503, 8}, {504, 8}};
  for (const auto& [status, code] : rows) {
    daemon.answerNext(FakeDaemon::problem(status, "some_code", "some detail"));
    const Ran ran = shell({"app", "get", "x"});
    BOOST_CHECK_EQUAL(ran.code, code);
    BOOST_CHECK_EQUAL(ran.out, "");
    BOOST_CHECK(has(ran.err, "some detail"));
    BOOST_CHECK(has(ran.err, "request id: req-1"));
  }
}

BOOST_AUTO_TEST_CASE(no_daemon_no_answer_and_no_http_are_unreachable) {
  for (const Fault fault : {Fault::HangUp, Fault::NoHttp, Fault::CutShort}) {
    daemon.failNext(fault);
    BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 8);
    daemon.failNext(fault);
    BOOST_CHECK_EQUAL(shell({"app", "list", "--server", daemon.tcp()}).code, 8);
  }
  BOOST_CHECK_EQUAL(shell({"app", "list", "--server", "unix:" + daemon.folder() + "/none.sock"}).code, 8);
  daemon.answerNext({200, "<html>"});
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 1);
  daemon.answerNext({200, "{}"});
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 1);
  daemon.answerNext({302, "", {{"Location", "/x"}}});
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 1);
}

BOOST_AUTO_TEST_CASE(a_silent_and_a_dripping_server_end_at_the_timeout) {
  for (const Fault fault : {Fault::Silence, Fault::Drip}) {
    for (const std::string& server : {daemon.tcp(), daemon.unixSocket()}) {
      daemon.failNext(fault);
      const auto begun = std::chrono::steady_clock::now();
      const Ran ran = shell({"app", "list", "--server", server, "--timeout", "200ms", "-o", "json"});
      BOOST_CHECK_EQUAL(ran.code, 8);
      BOOST_CHECK(has(ran.err, R"("code":"timeout")"));
      BOOST_CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
    }
  }
}

BOOST_AUTO_TEST_CASE(wrong_command_lines_are_usage_and_guess_what_was_meant) {
  const std::vector<std::pair<std::vector<std::string>, std::string>> rows = {
      {{}, "chatctl: which command?\n  app            Registered applications\n  user "},
      {{"app", "key"}, "chatctl: which verb of key?\n  list    List the keys of an app"},
      {{"app", "get", ""}, "chatctl: app get: APP: is empty; is a variable of the shell not set?"},
      {{"user", "list", "-a", ""}, "-a/--app is empty"},
      {{"user", "list", "-a"}, "chatctl: user list: --app wants APP behind it"},
      {{"room", "member", "role", "-a", "1", "r", "u", "moderater"},
       "ROLE is member or moderator, and not moderater\nhint: Did you mean moderator?"},
      {{"wait", "--for", "nothing"},
       "chatctl: wait: --for is ready or healthy or drained, and not nothing\nhint: `chatctl wait --help`"},
      {{"ap", "list"}, "Did you mean app?"},
      {{"app", "lsit"}, "Did you mean list?"},
      {{"room", "member", "ad", "r", "1"}, "Did you mean add?"},
      {{"app", "list", "--limt", "3"}, "Did you mean --limit?"},
      {{"app", "list", "--no-header"}, "Did you mean --no-headers?"},
      {{"room", "add", "r", "1"}, "there is no command chatctl room add\nhint: Did you mean chatctl room member add?"},
      {{"ban", "1"}, "Did you mean chatctl user ban?"},
      {{"app", "ls"}, "Did you mean list?"},
      {{"user", "rm", "-a", "1", "5"}, "Did you mean delete?"},
      {{"user", "create", "-a", "1", "5", "--first", "x"}, "Did you mean --first-name?"},
      {{"compl"}, "Did you mean completion?"},
      {{"api", "GET", "/app", "--fields", "name"}, "api prints the whole answer"},
      {{"api", "GET", "/app", "-q"}, "api prints the whole answer"},
      {{"zzzzzz"}, "`chatctl --help`"},
      {{"app", "get"}, "chatctl: app get: APP is required"},
      {{"app", "get", "a", "b"}, "one word too many: b"},
      {{"app", "list", "-o", "xml"}, "table, wide, json"},
      {{"app", "list", "--timeout", "soon"}, "not a time"},
      {{"app", "list", "--timeout", "-1"}, "not a time"},
      {{"app", "list", "--retries", "99"}, "app list: --retries is a number from 0 to 20"},
      {{"export", "-a", "1", "--concurrency", "0"}, "export: --concurrency is a number from 1 to 64"},
      {{"app", "list", "--limit", "abc"}, "not a number from 1 on: abc"},
      {{"message", "list", "r", "--before", "abc"}, "not a number from 1 on: abc"},
      {{"import", "/tmp", "-a", "1"}, "cannot read /tmp: Is a directory"},
      {{"app", "list", "--limit", "0"}, "not a number from 1 on: 0"},
      {{"app", "list", "--limit", "-3"}, "not a number from 1 on: -3"},
      {{"app", "list", "--limit", "99999999999999999999"}, "not a number from 1 on"},
      {{"app", "list", "--server", "ftp://x"}, "http://HOST:PORT"},
      {{"app", "list", "--server", "http://u:p@x"}, "http://HOST:PORT"},
      {{"app", "list", "-c", "nowhere"}, "no context"},
      {{"app", "get", "x", "-a", "1", "-a", "2"}, "--app"},
      {{"user", "get", "x"}, "-a/--app is missing"},
      {{"help", "fromats"}, "Did you mean formats?"},
      {{"app", "get", "\xff"}, "not UTF-8"}};
  for (const auto& [words, part] : rows) {
    const Ran ran = shell(words);
    BOOST_TEST_CONTEXT(ran.err) {
      BOOST_CHECK_EQUAL(ran.code, 2);
      BOOST_CHECK_EQUAL(ran.out, "");
      BOOST_CHECK(has(ran.err, part));
    }
  }
  BOOST_CHECK(daemon.seen().empty());
}

BOOST_AUTO_TEST_CASE(json_output_makes_failures_json_too) {
  daemon.answerNext(
      {422, R"({"detail":"bad","code":"invalid","requestId":"r7","errors":[{"field":"name","detail":"too long"}]})"});
  const Ran ran = shell({"app", "create", "x", "-o", "json"});
  const auto error = parseJson(ran.err);
  BOOST_REQUIRE(error.ok());
  BOOST_CHECK_EQUAL(std::string(asView(*find(*error, "code"))), "invalid");
  BOOST_CHECK_EQUAL(std::string(asView(*find(*error, "message"))), "bad\n  name: too long");
  BOOST_CHECK_EQUAL(std::string(asView(*find(*error, "requestId"))), "req-1");
  BOOST_CHECK(find(*error, "hint") != nullptr);
  BOOST_CHECK(parseJson(shell({"-o", "json", "app", "lst"}).err).ok());
  daemon.answerNext({422, R"({"detail":"name: bad","code":"invalid","errors":[{"field":"name","detail":"bad"}]})"});
  BOOST_CHECK_EQUAL(shell({"app", "create", "x"}).err, "chatctl: name: bad\nrequest id: req-1\n");
}

// --- formats --------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(every_format_of_a_list) {
  const auto list = [&](std::vector<std::string> flags) {
    daemon.answerNext({200, itemsOf({"a", "bcd"})});
    flags.insert(flags.begin(), {"app", "list"});
    const Ran ran = shell(flags);
    BOOST_CHECK_EQUAL(ran.code, 0);
    BOOST_CHECK_EQUAL(ran.err, "");
    return ran.out;
  };
  BOOST_CHECK_EQUAL(list({}), "ID  NAME  CREATED  UPDATED\n1   a     -        t\n2   bcd   -        t\n");
  BOOST_CHECK_EQUAL(list({"--no-headers"}), "1  a    -  t\n2  bcd  -  t\n");
  BOOST_CHECK_EQUAL(list({"-o", "json"}), itemsOf({"a", "bcd"}) + "\n");
  BOOST_CHECK_EQUAL(list({"-o", "ndjson"}),
                    "{\"appId\":1,\"name\":\"a\",\"createdAt\":null,\"updatedAt\":\"t\"}\n"
                    "{\"appId\":2,\"name\":\"bcd\",\"createdAt\":null,\"updatedAt\":\"t\"}\n");
  BOOST_CHECK_EQUAL(list({"-o", "tsv"}), "appId\tname\tcreatedAt\tupdatedAt\n1\ta\t\tt\n2\tbcd\t\tt\n");
  BOOST_CHECK_EQUAL(list({"-o", "tsv", "--no-headers"}), "1\ta\t\tt\n2\tbcd\t\tt\n");
  BOOST_CHECK_EQUAL(list({"-oname"}), "a\nbcd\n");
  BOOST_CHECK_EQUAL(list({"-q"}), "1\n2\n");
  const YAML::Node yaml = YAML::Load(list({"-o", "yaml"}));
  BOOST_CHECK_EQUAL(yaml["items"][1]["name"].as<std::string>(), "bcd");
  BOOST_CHECK(yaml["nextCursor"].IsNull());
}

BOOST_AUTO_TEST_CASE(an_object_is_printed_with_the_bytes_of_the_server) {
  const std::string body = R"({ "appId" : 1, "name":"\u00e4", "n": 1.50 , "big":9007199254740993})";
  daemon.answerNext({200, body});
  BOOST_CHECK_EQUAL(shell({"app", "get", "1", "-o", "json"}).out, body + "\n");
  daemon.answerNext({200, R"({"appId":1,"login":{"login":"o","password":"p"},"tags":["x"],"none":{},"null":null})"});
  BOOST_CHECK_EQUAL(shell({"app", "get", "1"}).out,
                    "appId           1\nlogin.login     o\nlogin.password  p\ntags            [\"x\"]\nnone            "
                    "{}\nnull            -\n");
}

BOOST_AUTO_TEST_CASE(the_items_of_a_list_in_an_object_are_a_line_each) {
  daemon.answerNext(
      {200,
       R"({"id":1,"members":[{"id":2,"appUserId":"a\nb","role":"member","x":null},{"id":3,"n":{"k":[1]}}],"empty":[]})"});
  BOOST_CHECK_EQUAL(
      shell({"room", "get", "-a", "1", "r"}).out,
      "id          1\nmembers[0]  id=2 appUserId=a\\nb role=member\nmembers[1]  id=3 n={\"k\":[1]}\nempty       []\n");
}

BOOST_AUTO_TEST_CASE(yaml_keeps_strings_strings) {
  const auto value =
      parseJson(R"({"a":"1","b":"true","c":"x: y\n- z","d":null,"e":[],"no":1,"n":1.5,"t":true,"s":"\u001b[31m"})");
  BOOST_REQUIRE(value.ok());
  const std::string text = cli::asYaml(*value);
  const YAML::Node yaml = YAML::Load(text);
  BOOST_CHECK_EQUAL(yaml["a"].Tag(), "!");  // quoted: not to be read as a number
  BOOST_CHECK_EQUAL(yaml["b"].Tag(), "!");
  BOOST_CHECK_EQUAL(yaml["c"].as<std::string>(), "x: y\n- z");
  BOOST_CHECK_EQUAL(yaml["no"].as<int>(), 1);
  BOOST_CHECK_EQUAL(yaml["s"].as<std::string>(), "\x1b[31m");
  BOOST_CHECK(!has(text, "\x1b"));
}

BOOST_AUTO_TEST_CASE(names_of_others_neither_break_lines_nor_move_the_cursor) {
  const std::vector<std::string> names = {"a\nb",
                                          "\x1b[31mred",
                                          "tab\there",
                                          "\xc2\x9b"
                                          "c1",
                                          "\xe2\x80\xae"
                                          "rtl",
                                          "back\\slash",
                                          "\"quote'"};
  for (const std::string format : {"table", "tsv", "name", "yaml"}) {
    daemon.answerNext({200, itemsOf(names)});
    const Ran ran = shell({"app", "list", "-o", format});
    BOOST_TEST_CONTEXT(format << "\n" << ran.out) {
      BOOST_CHECK_EQUAL(ran.code, 0);
      BOOST_CHECK(!has(ran.out, "\x1b"));
      BOOST_CHECK(!has(ran.out, "\xc2\x9b"));
      if (format != "yaml") BOOST_CHECK_EQUAL(std::count(ran.out.begin(), ran.out.end(), '\n'), format == "name" ? 7 : 8);
      if (format != "yaml") BOOST_CHECK(!has(ran.out, "\xe2\x80\xae"));
      if (format == "tsv") BOOST_CHECK(has(ran.out, "tab\\there\t") && has(ran.out, "back\\\\slash"));
    }
  }
}

BOOST_AUTO_TEST_CASE(names_as_words_go_through_whatever_they_look_like) {
  for (const std::string name :
       {"-dash", "--yes", "[a,b]", "{}", "list", "a b", "a/b", "q?x=1&y", "\x1b[0m", "new\nline", "\"", "ä", "-5", ".."}) {
    BOOST_TEST_CONTEXT(name) {
      const Ran ran = shell({"app", "create", "-o", "json", "--", name});
      BOOST_CHECK_EQUAL(ran.code, 0);
      BOOST_CHECK_EQUAL(std::string(asView(*find(ran.json(), "name"))), name);
      const Ran got = shell({"app", "get", "-q", "--", name});
      BOOST_CHECK_EQUAL(got.code, 0);
    }
  }
  BOOST_CHECK_EQUAL(shell({"user", "ensure", "-a", "1", "[1,2]", "--first-name", "-x", "--last-name", "[y]"}).code, 0);
  static_cast<void>(daemon.seen());
  BOOST_CHECK_EQUAL(shell({"room", "member", "add", "-a", "1", "room", "[1,2]", "{}", "--", "-3", "list"}).code, 3);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).body, R"({"appId":1,"room":"room","users":["[1,2]","{}","-3","list"]})");
}

BOOST_AUTO_TEST_CASE(table_columns_count_wide_characters_twice) {
  BOOST_CHECK_EQUAL(cli::columnsOf("日本"), 4);
  BOOST_CHECK_EQUAL(cli::columnsOf("e\xcc\x81"), 1);
  BOOST_CHECK_EQUAL(cli::layOut({{"日本", "x"}, {"ab", "y"}}), "日本  x\nab    y\n");
  BOOST_CHECK_EQUAL(cli::visible("a\xff\xc3"), "a\\xff\\xc3");
}

BOOST_AUTO_TEST_CASE(a_name_in_a_command_to_copy_is_one_word_of_the_shell) {
  BOOST_CHECK_EQUAL(cli::shellWord("/etc/chatd/shop.key"), "/etc/chatd/shop.key");
  BOOST_CHECK_EQUAL(cli::shellWord("my shop"), "'my shop'");
  BOOST_CHECK_EQUAL(cli::shellWord("$(reboot)"), "'$(reboot)'");
  BOOST_CHECK_EQUAL(cli::shellWord("it's"), R"('it'\''s')");
  BOOST_CHECK_EQUAL(cli::shellWord("-rf"), "'-rf'");
  BOOST_CHECK_EQUAL(cli::shellWord(""), "''");
}

// --- retries --------------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(a_retry_carries_the_same_key_so_nothing_happens_twice) {
  daemon.loseNextAnswer();
  const Ran ran = shell({"app", "create", "once", "--retries", "2", "-q"});
  BOOST_CHECK_EQUAL(ran.code, 0);
  const auto seen = daemon.seen();
  BOOST_REQUIRE_EQUAL(seen.size(), 2);
  BOOST_CHECK_EQUAL(seen[0].header("idempotency-key"), seen[1].header("idempotency-key"));
  BOOST_CHECK_EQUAL(shell({"app", "list", "-q"}).out, ran.out);
}

BOOST_AUTO_TEST_CASE(retries_stop_at_their_number_and_refusals_are_not_repeated) {
  for (int i = 0; i < 3; ++i) daemon.answerNext(FakeDaemon::problem(503, "busy", "later"));
  BOOST_CHECK_EQUAL(shell({"app", "list", "--retries", "2"}).code, 8);
  BOOST_CHECK_EQUAL(daemon.seen().size(), 3);
  daemon.answerNext(FakeDaemon::problem(403, "forbidden", "no"));
  BOOST_CHECK_EQUAL(shell({"app", "list", "--retries", "2"}).code, 5);
  BOOST_CHECK_EQUAL(daemon.seen().size(), 1);
  daemon.answerNext(FakeDaemon::problem(503, "busy", "later"));
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 8);
  BOOST_CHECK_EQUAL(daemon.seen().size(), 1);
}

BOOST_AUTO_TEST_CASE(a_retry_waits_as_long_as_the_server_asks) {
  Reply later = FakeDaemon::problem(429, "rate_limited", "later");
  later.headers.emplace_back("Retry-After", "1");
  daemon.answerNext(later);
  const auto begun = std::chrono::steady_clock::now();
  BOOST_CHECK_EQUAL(shell({"app", "list", "--retries", "2"}).code, 0);
  BOOST_CHECK(std::chrono::steady_clock::now() - begun >= std::chrono::seconds(1));
  BOOST_CHECK_EQUAL(daemon.seen().size(), 2);
  // More patience than --timeout has: told at once.
  daemon.answerNext(later);
  BOOST_CHECK_EQUAL(shell({"app", "list", "--retries", "2", "--timeout", "900ms"}).code, 8);
  BOOST_CHECK_EQUAL(daemon.seen().size(), 1);
}

BOOST_AUTO_TEST_CASE(all_tries_together_take_no_longer_than_the_timeout) {
  for (int i = 0; i < 20; ++i) daemon.answerNext(FakeDaemon::problem(503, "busy", "later"));
  const auto begun = std::chrono::steady_clock::now();
  BOOST_CHECK_EQUAL(shell({"app", "list", "--retries", "20", "--timeout", "1"}).code, 8);
  BOOST_CHECK(std::chrono::steady_clock::now() - begun < std::chrono::seconds(5));
  const auto tries = daemon.seen().size();
  BOOST_CHECK(tries > 1 && tries < 20);
}

BOOST_AUTO_TEST_CASE(what_is_not_safe_to_repeat_is_sent_once) {
  for (const char* verb : {"reload", "status"}) {
    daemon.failNext(Fault::HangUp);
    BOOST_CHECK_EQUAL(shell({verb, "--retries", "5"}).code, 8);
    BOOST_CHECK_EQUAL(daemon.seen().size(), 1);
  }
}

BOOST_AUTO_TEST_CASE(a_dry_run_of_a_login_or_logout_sends_nothing) {
  shell.input = "pass word\n";
  BOOST_CHECK_EQUAL(shell({"login", "--login", "root", "--password-stdin", "--dry-run"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"logout", "--dry-run"}).code, 2);
  BOOST_CHECK(daemon.seen().empty());
  BOOST_CHECK(!std::filesystem::exists(shell.configFile()));
}

// --- who and where --------------------------------------------------------------------------------------------------------

BOOST_AUTO_TEST_CASE(login_keeps_the_token_for_its_server_alone) {
  shell.input = "pass word\n";
  const std::string server = daemon.tcp();
  daemon.answerNext({200, R"({"token":"ca_1","expiresAt":"2026-01-02T00:00:00.000Z","account":{"login":"root"}})"});
  const Ran ran = shell({"login", "--server", server, "--login", "root", "--password-stdin", "--retries", "3"});
  BOOST_CHECK_EQUAL(ran.code, 0);
  BOOST_CHECK_EQUAL(ran.out, "");
  BOOST_CHECK(!has(ran.err, "ca_1") && !has(ran.err, "pass word"));
  BOOST_CHECK_EQUAL(daemon.seen().at(0).body, R"({"login":"root","password":"pass word"})");
  struct stat found {};
  BOOST_REQUIRE_EQUAL(::stat(shell.configFile().c_str(), &found), 0);
  BOOST_CHECK_EQUAL(found.st_mode & 0777U, 0600U);

  shell.environment.erase("CHATCTL_SERVER");  // the context is in force
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 0);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).header("authorization"), "Bearer ca_1");
  BOOST_CHECK_EQUAL(shell({"app", "list", "--server", daemon.unixSocket()}).code, 0);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).header("authorization"), "");
  shell.environment["CHATCTL_SERVER"] = daemon.unixSocket();
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 0);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).header("authorization"), "");

  daemon.answerNext({204, ""});
  BOOST_CHECK_EQUAL(shell({"logout", "--server", server}).code, 0);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).header("authorization"), "Bearer ca_1");
  BOOST_CHECK_EQUAL(shell({"app", "list", "--server", server}).code, 0);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).header("authorization"), "");
}

BOOST_AUTO_TEST_CASE(login_asks_at_a_terminal_and_never_repeats_by_itself) {
  shell.answers = {"root", "pw"};
  daemon.answerNext(FakeDaemon::problem(401, "unauthorized", "Wrong login or password."));
  BOOST_CHECK_EQUAL(shell({"login"}).code, 4);
  BOOST_REQUIRE_EQUAL(shell.asked.size(), 2);
  BOOST_CHECK_EQUAL(shell.asked[1], "secret Password: ");
  daemon.answerNext(FakeDaemon::problem(503, "busy", "later"));
  shell.answers = {"root", "pw"};
  BOOST_CHECK_EQUAL(shell({"login", "--retries", "5"}).code, 8);
  BOOST_CHECK_EQUAL(daemon.seen().size(), 2);
  BOOST_CHECK_EQUAL(shell({"login"}).code, 2);
  BOOST_CHECK(!std::filesystem::exists(shell.configFile()));
}

BOOST_AUTO_TEST_CASE(flag_wins_over_environment_over_context_over_default) {
  shell.environment["CHATCTL_SERVER"] = "unix:/nowhere/a.sock";
  BOOST_CHECK(has(shell({"app", "list"}).err, "/nowhere/a.sock"));
  BOOST_CHECK_EQUAL(shell({"app", "list", "--server", daemon.tcp()}).code, 0);
  BOOST_REQUIRE_EQUAL(shell({"context", "add", "here", "--server", daemon.tcp(), "-a", "shop"}).code, 0);
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 8);
  BOOST_CHECK_EQUAL(shell({"app", "list", "-c", "here"}).code, 0);
  shell.environment.erase("CHATCTL_SERVER");
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 0);
  static_cast<void>(daemon.seen());
  BOOST_CHECK_EQUAL(shell({"user", "list"}).code, 3);  // the context's app
  BOOST_CHECK_EQUAL(daemon.seen().at(0).line(), "GET /app/shop");
  BOOST_REQUIRE_EQUAL(shell({"context", "remove", "here"}).code, 0);
  BOOST_CHECK(has(shell({"app", "list"}).err, "/run/chatd/admin.sock"));
  BOOST_CHECK_EQUAL(shell({"context", "use", "here"}).code, 3);
}

BOOST_AUTO_TEST_CASE(contexts_never_show_their_token) {
  std::filesystem::create_directories(shell.configFile().parent_path());
  std::ofstream(shell.configFile())
      << "current: a\ncontexts: {a: {server: 'http://h:1', token: s3cret}, b: {server: 'unix:/x'}}\n";
  for (const std::string format : {"table", "json", "yaml", "tsv"}) {
    const Ran ran = shell({"context", "list", "-o", format});
    BOOST_CHECK_EQUAL(ran.code, 0);
    BOOST_CHECK(!has(ran.out + ran.err, "s3cret"));
  }
  BOOST_CHECK_EQUAL(shell({"context", "list", "-q"}).out, "a\nb\n");
  std::ofstream(shell.configFile()) << "contexts: [\n";
  const Ran broken = shell({"app", "list"});
  BOOST_CHECK_EQUAL(broken.code, 1);
  BOOST_CHECK(has(broken.err, "config.yaml:"));
}

BOOST_AUTO_TEST_CASE(a_token_file_wins_over_the_environment_and_is_one_clean_line) {
  const std::string path = daemon.folder() + "/token";
  std::ofstream(path) << "wrong\n";
  BOOST_REQUIRE_EQUAL(::chmod(path.c_str(), 0600), 0);
  shell.environment["CHATCTL_TOKEN"] = "other";
  const Ran ran = shell({"app", "list", "--token-file", path});
  BOOST_CHECK_EQUAL(ran.code, 4);
  BOOST_CHECK_EQUAL(daemon.seen().at(0).header("authorization"), "Bearer wrong");
  shell.environment["CHATCTL_TOKEN"] = "a\r\nX-Evil: 1";
  BOOST_CHECK_EQUAL(shell({"app", "list"}).code, 2);
  BOOST_CHECK_EQUAL(shell({"app", "list", "--token-file", "/no/such"}).code, 2);
  BOOST_CHECK(daemon.seen().empty());
}

// --- help -----------------------------------------------------------------------------------------------------------------

/// As roff writes hyphens that are to stay what they are.
std::string hyphens(const std::string& words) {
  std::string out;
  for (const char c : words) out += c == '-' ? std::string("\\-") : std::string(1, c);
  return out;
}

BOOST_AUTO_TEST_CASE(help_and_man_page_come_from_the_tree) {
  const Ran man = shell({"__man"});
  BOOST_CHECK_EQUAL(man.code, 0);
  for (const cli::Noun* noun : cli::nouns()) {
    for (const cli::Verb& verb : noun->verbs) {
      const std::string words = std::string(noun->word) + (*noun->word == '\0' ? "" : " ") + verb.words;
      BOOST_CHECK(has(man.out, "\n.SS " + hyphens(words)));
      std::vector<std::string> line = {"help"};
      std::istringstream parts(words);
      for (std::string part; parts >> part;) line.push_back(part);
      const Ran help = shell(line);
      BOOST_CHECK_EQUAL(help.code, 0);
      BOOST_CHECK(has(help.out, "chatctl " + words));
      line.erase(line.begin());
      line.emplace_back("--help");
      BOOST_CHECK_EQUAL(shell(line).out, help.out);
    }
  }
  BOOST_CHECK(!has(man.out, "__man"));
  for (const char* topic : {"exit-codes", "formats", "environment"}) BOOST_CHECK_EQUAL(shell({"help", topic}).code, 0);
  BOOST_CHECK_EQUAL(shell({"help"}).out, shell({"--help"}).out);
  BOOST_CHECK(has(shell({"help"}).out, "Usage: chatctl [OPTIONS]"));
  BOOST_CHECK(has(shell({"help", "exit-codes"}).out, "130  interrupted"));
  BOOST_CHECK_EQUAL(shell({"--version"}).out, "chatctl " CHATCTL_VERSION "\n");
}

BOOST_AUTO_TEST_CASE(the_guess_is_close_or_none) {
  BOOST_CHECK_EQUAL(cli::closest("mesage", {"message", "member"}), "message");
  BOOST_CHECK_EQUAL(cli::closest("suer", {"user", "room"}), "user");
  BOOST_CHECK_EQUAL(cli::closest("banana", {"user", "room"}), "");
  BOOST_CHECK_EQUAL(cli::closest("3", {"1", "2"}), "");
  BOOST_CHECK_EQUAL(cli::closest("x", {"y"}), "");
  BOOST_CHECK_EQUAL(cli::closest("compl", {"completion", "context"}), "completion");
  BOOST_CHECK_EQUAL(cli::closest("con", {"context", "config"}), "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chatd::test
