// backup and migrate-store: what is asked of the daemon, what is handed to chatd-store, and how an end is told.
#include <boost/test/unit_test.hpp>

#include "unit/cli/shell.h"

namespace chatd::test {

namespace {

struct Backed {
  FakeDaemon daemon;
  Shell shell{daemon};

  static Reply status(const std::string& state, int percent, const std::string& error = "null") {
    return {200,
            R"({"name":"b1","state":")" + state + R"(","percent":)" + std::to_string(percent) + R"(,"bytes":7,"error":)" +
                error + R"(,"createdAt":"2026-03-01T10:20:30.123Z"})",
            {{"Content-Type", "application/json"}}};
  }
  std::vector<std::string> asked() {
    std::vector<std::string> all;
    for (const SeenRequest& request : daemon.seen()) all.push_back(request.line() + " " + request.body);
    return all;
  }
};

using Words = std::vector<std::string>;

}  // namespace

BOOST_FIXTURE_TEST_SUITE(cli_backup, Backed)

BOOST_AUTO_TEST_CASE(create_waits_until_it_is_verified) {
  daemon.answerNext(status("creating", 0));
  daemon.answerNext(status("creating", 50));
  daemon.answerNext(status("verified", 100));
  const Ran ran = shell({"backup", "create", "--name", "b1", "-o", "json"});
  BOOST_CHECK_EQUAL(ran.code, 0);
  BOOST_TEST(ran.out.find(R"("state":"verified")") != std::string::npos);
  BOOST_TEST(ran.err.find("50%") != std::string::npos);
  const Words wanted{R"(POST /backup {"name":"b1"})", "GET /backup/b1 ", "GET /backup/b1 "};
  BOOST_TEST(asked() == wanted, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(create_without_waiting_asks_once) {
  daemon.answerNext(status("creating", 0));
  BOOST_CHECK_EQUAL(shell({"backup", "create", "--no-wait", "-q"}).out, "b1\n");
  BOOST_CHECK_EQUAL(asked().size(), 1U);
}

BOOST_AUTO_TEST_CASE(a_backup_that_failed_is_a_failure_with_its_reason) {
  daemon.answerNext(status("verifying", 0));
  daemon.answerNext(status("failed", 100, R"("no space is left")"));
  const Ran ran = shell({"backup", "verify", "b1"});
  BOOST_CHECK_EQUAL(ran.code, 1);
  BOOST_TEST(ran.err.find("no space is left") != std::string::npos);
  BOOST_CHECK_EQUAL(asked().front(), "POST /backup/b1/verify ");
}

BOOST_AUTO_TEST_CASE(what_the_store_tool_says_becomes_an_output_and_a_failure_of_ours) {
  shell.besideRun = {0, R"({"createdAt":"t","rows":7,"tables":{"app":{"rows":7,"hash":"00"}}})", ""};
  shell.besideSays = {"verifying 0%", "verifying 52%", "verifying 100%"};
  const Ran json = shell({"backup", "verify", "./b1", "-o", "json"});
  BOOST_CHECK_EQUAL(json.code, 0);
  BOOST_CHECK_EQUAL(json.out, R"({"file":"./b1","createdAt":"t","rows":7,"tables":{"app":{"rows":7,"hash":"00"}}})"
                              "\n");
  BOOST_CHECK_EQUAL(json.err, "chatctl: verifying 0%\nchatctl: verifying 52%\nchatctl: verifying 100%\n");
  BOOST_CHECK_EQUAL(shell({"backup", "verify", "./b1"}).out, "file       ./b1\ncreatedAt  t\nrows       7\n");
  const Ran quiet = shell({"backup", "verify", "./b1", "-q"});
  BOOST_CHECK_EQUAL(quiet.out + quiet.err, "./b1\n");
  for (const auto& [code, ours] : std::vector<std::pair<int, int>>{{3, 3}, {6, 6}, {8, 8}, {10, 10}, {130, 130}, {139, 1}}) {
    shell.besideRun = {code, "", ""};
    shell.besideSays = {"verifying 0%", "a warning", "chatd-store: It is damaged."};
    const Ran bad = shell({"backup", "verify", "./b1", "-o", "json"});
    BOOST_CHECK_EQUAL(bad.code, ours);
    BOOST_CHECK_EQUAL(bad.out, "");
    BOOST_TEST(bad.err.find("chatctl: a warning\n") != std::string::npos);
    BOOST_TEST(bad.err.find(R"("message":"It is damaged.")") != std::string::npos);
  }
  shell.besideRun = {0, "no JSON", ""};
  BOOST_CHECK_EQUAL(shell({"backup", "verify", "./b1"}).code, 1);
}

BOOST_AUTO_TEST_CASE(what_needs_a_stopped_daemon_is_handed_to_the_store_tool) {
  const std::vector<std::pair<Words, Words>> cases{
      {{"backup", "verify", "./b1"}, {"verify", "./b1"}},
      {{"backup", "restore", "b1"}, {"restore", "b1"}},
      {{"backup", "restore", "b1", "--data-dir", "/d", "--store", "@url"},
       {"restore", "b1", "--data-dir", "/d", "--store", "@url"}},
      {{"migrate-store", "sqlite:/a", "env:TO"}, {"migrate", "sqlite:/a", "env:TO"}}};
  for (const auto& [words, handed] : cases) {
    shell.beside.clear();
    const Ran ran = shell(words);
    BOOST_CHECK_EQUAL(ran.code, 1);
    BOOST_TEST(ran.err.find("not in this test") != std::string::npos);
    BOOST_REQUIRE_EQUAL(shell.beside.size(), 1U);
    Words whole = handed;
    whole.insert(whole.begin(), "chatd-store");
    BOOST_TEST(shell.beside.front() == whole, boost::test_tools::per_element());
  }
  BOOST_TEST(daemon.seen().empty());
}

BOOST_AUTO_TEST_CASE(delete_wants_to_be_sure) {
  BOOST_CHECK_EQUAL(shell({"backup", "delete", "b1"}).code, 2);
  BOOST_TEST(daemon.seen().empty());
  daemon.answerNext({204, "", {}});
  BOOST_CHECK_EQUAL(shell({"backup", "delete", "b1", "--yes"}).code, 0);
  BOOST_CHECK_EQUAL(asked().front(), "DELETE /backup/b1 ");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chatd::test
