// The table itself, the documents made from it, and the command line.
#include <boost/test/unit_test.hpp>
#include <fstream>
#include <set>
#include <sstream>
#include <string>

#include "config/documents.h"
#include "config/option_table.h"
#include "config/option_value.h"
#include "unit/config/support.h"

using namespace chatd;

namespace {

std::string contents(const std::string& path) {
  std::ifstream in(std::string(CHATD_SOURCE_DIR) + "/" + path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

struct Parsed {
  std::variant<CommandLine, int> result = -1;
  std::string out;
  std::string err;
};
Parsed parse(std::vector<const char*> words) {
  words.insert(words.begin(), "chatd");
  std::ostringstream out;
  std::ostringstream err;
  Parsed parsed;
  parsed.result = parseCommandLine(static_cast<int>(words.size()), words.data(), out, err);
  parsed.out = out.str();
  parsed.err = err.str();
  return parsed;
}
int codeOf(const Parsed& parsed) {
  const int* code = std::get_if<int>(&parsed.result);
  return code == nullptr ? -1 : *code;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(option_table)

BOOST_AUTO_TEST_CASE(the_documents_in_the_repository_are_those_of_the_table) {
  BOOST_TEST((contents("etc/chatd.yaml") == configFileDocument()), "run: cmake --build build --target generate");
  BOOST_TEST((contents("etc/man/chatd.yaml.5") == manualDocument()), "run: cmake --build build --target generate");
}

BOOST_AUTO_TEST_CASE(the_file_that_is_shipped_loads_and_changes_nothing) {
  const auto loaded = test::Loading{configFileDocument(), {}, {}}.run();
  BOOST_REQUIRE_MESSAGE(loaded.options.has_value(), test::onlyFault(loaded));
  const ReloadPlan plan = planReload(Options(), *loaded.options);
  BOOST_TEST(plan.applied.empty());
  BOOST_TEST(plan.needRestart.empty());
}

BOOST_AUTO_TEST_CASE(the_file_that_is_shipped_loads_with_every_comment_of_a_key_removed) {
  std::string text = configFileDocument();
  for (const OptionRow& row : optionTable()) {
    const std::string key = std::string(row.path.substr(row.path.rfind('.') + 1)) + ": ";
    const std::size_t at = text.find("#" + key + std::string(row.standard));
    BOOST_REQUIRE_MESSAGE(at != std::string::npos, row.path);
    text.erase(at, 1);
  }
  const auto loaded = test::Loading{text, {}, {}}.run();
  BOOST_REQUIRE_MESSAGE(loaded.options.has_value(), test::onlyFault(loaded));
  BOOST_TEST(planReload(Options(), *loaded.options).applied.empty());
}

BOOST_AUTO_TEST_CASE(paths_are_unique_and_at_most_two_words_deep) {
  std::set<std::string_view> seen;
  for (const OptionRow& row : optionTable()) {
    BOOST_TEST(seen.insert(row.path).second, row.path);
    BOOST_TEST((row.path.find('.') == row.path.rfind('.')), row.path);
    BOOST_TEST(!row.doc.empty(), row.path);
    BOOST_TEST(row.doc.back() == '.', row.path);
  }
}

BOOST_AUTO_TEST_CASE(every_value_is_written_as_it_is_read) {
  Options options;
  for (const OptionRow& row : optionTable()) {
    const std::string text = optionText(row, options);
    BOOST_TEST(!setOption(row, text, options).has_value(), row.path << ": " << text);
    BOOST_TEST(optionText(row, options) == text);
  }
  const OptionRow* row = findOption("data_dir");
  BOOST_REQUIRE(row != nullptr);
  for (const char* odd :
       {"/with space", "/with: colon", "/\"quoted\"", "~", "true", "123", "/gr\xC3\xBC\xC3\x9F", "- x", "#x"}) {
    options.dataDir = odd;
    Options again;
    BOOST_TEST(!setOption(*row, optionText(*row, options), again).has_value(), odd);
    BOOST_TEST(again.dataDir == odd);
  }
}

BOOST_AUTO_TEST_CASE(the_name_of_a_variable_is_the_path) {
  BOOST_TEST(environmentName("listen") == "CHATD_LISTEN");
  BOOST_TEST(environmentName("engine.ping_interval_ms") == "CHATD_ENGINE__PING_INTERVAL_MS");
}

BOOST_AUTO_TEST_CASE(the_keys_that_outside_programs_use_are_there) {
  for (const char* path : {"listen",
                           "admin_socket",
                           "store.url",
                           "store.timeout_ms",
                           "redis.url",
                           "plugins.paths",
                           "cors.origins",
                           "metrics_token",
                           "demo",
                           "log.level",
                           "limits.body_bytes",
                           "limits.message_bytes",
                           "limits.messages_per_second",
                           "limits.messages_burst",
                           "limits.sessions_per_user",
                           "limits.outbox_bytes",
                           "limits.replay",
                           "limits.room_data",
                           "engine.ping_interval_ms",
                           "engine.ping_timeout_ms",
                           "engine.max_payload",
                           "drain.seconds"})
    BOOST_TEST((findOption(path) != nullptr), path);
}

BOOST_AUTO_TEST_CASE(a_database_file_is_relative_to_the_data_dir_unless_absolute) {
  Options o;
  o.dataDir = "/d";
  for (const auto& [url, file] : std::vector<std::pair<std::string, std::string>>{
           {"sqlite:chatd.db", "/d/chatd.db"}, {"sqlite:/x/y.db", "/x/y.db"}, {"sqlite:///x/y.db", "/x/y.db"}}) {
    BOOST_TEST(!checkStoreUrl(url).has_value());
    o.store.url = url;
    BOOST_TEST(o.databaseFile() == file);
  }
  for (const char* bad : {"", "sqlite:", "sqlite://host/x", "mysql:x", "chatd.db", "postgresql:x", "postgresql://h/a b"})
    BOOST_TEST(checkStoreUrl(bad).has_value(), bad);
  o.store.url = "postgresql://chat:p%40ss@one:5432,two:5433/chat?target_session_attrs=read-write";
  BOOST_TEST(!checkStoreUrl(o.store.url).has_value());
  BOOST_TEST(o.databaseFile().empty());
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(command_line)

BOOST_AUTO_TEST_CASE(every_flag_is_read) {
  const auto parsed = parse({"--config", "f", "--check-config", "--dev", "--data-dir", "d", "--listen", "[::1]:0"});
  const auto* line = std::get_if<CommandLine>(&parsed.result);
  BOOST_REQUIRE(line != nullptr);
  BOOST_TEST(line->config.value() == "f");
  BOOST_TEST(line->checkConfig);
  BOOST_TEST(line->dev);
  BOOST_TEST(line->dataDir.value() == "d");
  BOOST_TEST((line->listen.value() == Listener{"::1", 0}));
}

BOOST_AUTO_TEST_CASE(no_flag_is_fine) {
  const auto parsed = parse({});
  const auto* line = std::get_if<CommandLine>(&parsed.result);
  BOOST_REQUIRE(line != nullptr);
  BOOST_TEST(!line->config.has_value());
  BOOST_TEST(!line->listen.has_value());
  BOOST_TEST(!line->dev);
}

BOOST_AUTO_TEST_CASE(help_and_version_go_to_standard_output_and_end_well) {
  const auto help = parse({"--help"});
  BOOST_TEST(codeOf(help) == kExitOk);
  BOOST_TEST(help.out.find("--check-config") != std::string::npos);
  BOOST_TEST(help.err.empty());
  const auto version = parse({"--version"});
  BOOST_TEST(codeOf(version) == kExitOk);
  BOOST_TEST(version.out.rfind("chatd ", 0) == 0U);
}

BOOST_AUTO_TEST_CASE(a_mistake_is_usage_and_says_what) {
  for (const auto& words : std::vector<std::vector<const char*>>{{"--nope"},
                                                                 {"word"},
                                                                 {"--config"},
                                                                 {"--listen", "8080"},
                                                                 {"--listen", "127.0.0.1"},
                                                                 {"--listen", "::1:80"},
                                                                 {"--listen", "[127.0.0.1]:80"},
                                                                 {"--listen", "[::1]"},
                                                                 {"--listen", "a:b"},
                                                                 {"--listen", "a:70000"},
                                                                 {"--listen", ":80"},
                                                                 {"--listen", ""},
                                                                 {"--data-dir", ""}}) {
    const auto parsed = parse(words);
    BOOST_TEST(codeOf(parsed) == kExitUsage, words.front());
    BOOST_TEST(parsed.err.rfind("chatd: ", 0) == 0U);
    BOOST_TEST(parsed.out.empty());
  }
}

BOOST_AUTO_TEST_SUITE_END()
