// Loading: the file, the environment, the flags, their precedence, and what is said of each mistake.
#include <fmt/format.h>

#include <boost/test/unit_test.hpp>
#include <filesystem>
#include <string>

#include "config/option_table.h"
#include "config/option_value.h"
#include "unit/config/support.h"

using namespace chatd;
using chatd::test::faultOf;
using chatd::test::Loading;
using chatd::test::onlyFault;

BOOST_AUTO_TEST_SUITE(config_file)

BOOST_AUTO_TEST_CASE(an_empty_file_gives_every_default) {
  for (const char* file : {"", "# nothing\n", "limits:\n", "---\n"}) {
    const auto loaded = Loading{file, {}, {}}.run();
    BOOST_REQUIRE(loaded.options.has_value());
    const Options& o = *loaded.options;
    BOOST_REQUIRE(o.listen.size() == 1U);
    BOOST_TEST((o.listen[0] == Listener{"127.0.0.1", 8080}));
    BOOST_TEST(o.adminSocket == "/run/chatd/admin.sock");
    BOOST_TEST(o.databaseFile() == "/var/lib/chatd/chatd.db");
    BOOST_TEST(o.limits.bodyBytes == 1'000'000U);
    BOOST_TEST(o.limits.messageBytes == 16'384U);
    BOOST_TEST(o.limits.outboxBytes == 1'048'576U);
    BOOST_TEST((o.store.timeout == std::chrono::seconds(5)));
    BOOST_TEST((o.engine.pingInterval == std::chrono::seconds(25)));
    BOOST_TEST((o.drain.time == std::chrono::seconds(10)));
    BOOST_TEST(!o.demo);
    BOOST_TEST(!o.dev);
    BOOST_TEST(o.metricsToken.empty());
    BOOST_TEST((o.log.level == LogLevel::Info));
  }
}

BOOST_AUTO_TEST_CASE(every_kind_of_value_is_read) {
  const auto loaded = Loading{
      "listen:\n  - {address: 0.0.0.0, port: 0}\n  - address: \"::1\"\n    port: 9000\n"
      "metrics_token: 0123456789\ndemo: true\nadmin_socket: ''\ndata_dir: /srv/chat\n"
      "store: {url: \"sqlite:/elsewhere/x.db\", timeout_ms: 250}\n"
      "cors: {origins: [\"https://a.example\", \"http://localhost:3000\"]}\n"
      "log: {level: warning, format: json}\nlimits: {messages_per_second: 0}\n",
      {},
      {}}.run();
  BOOST_REQUIRE_MESSAGE(loaded.options.has_value(), onlyFault(loaded));
  const Options& o = *loaded.options;
  BOOST_TEST((o.listen == std::vector<Listener>{{"0.0.0.0", 0}, {"::1", 9000}}));
  BOOST_TEST(o.metricsToken.reveal() == "0123456789");
  BOOST_TEST(o.demo);
  BOOST_TEST(o.adminSocket.empty());
  BOOST_TEST(o.databaseFile() == "/elsewhere/x.db");
  BOOST_TEST((o.store.timeout == std::chrono::milliseconds(250)));
  BOOST_TEST(o.cors.origins.size() == 2U);
  BOOST_TEST((o.log.level == LogLevel::Warning));
  BOOST_TEST((o.log.format == LogFormat::Json));
  BOOST_TEST(o.limits.messagesPerSecond == 0);
}

BOOST_AUTO_TEST_CASE(a_mistake_is_told_with_file_line_and_key) {
  BOOST_TEST(faultOf("demo: true\nlimits:\n  replay: 10\n  body_byte: 5\n") ==
             "FILE:4: limits.body_byte: unknown key; did you mean `limits.body_bytes`?");
  BOOST_TEST(faultOf("limits:\n  replay: many\n") == "FILE:2: limits.replay: must be an integer from 0 to 100000 messages");
  BOOST_TEST(faultOf("lsten: []\n") == "FILE:1: lsten: unknown key; did you mean `listen`?");
  BOOST_TEST(faultOf("log: {levle: info}") == "FILE:1: log.levle: unknown key; did you mean `log.level`?");
  BOOST_TEST(faultOf("log: {level: warn}") == "FILE:1: log.level: must be one of debug, info, warning, error");
  BOOST_TEST(faultOf("log: {level: inof}") ==
             "FILE:1: log.level: must be one of debug, info, warning, error; did you mean `info`?");
  BOOST_TEST(faultOf("something_else_entirely: 1\n") == "FILE:1: something_else_entirely: unknown key");
}

BOOST_AUTO_TEST_CASE(the_right_word_in_the_wrong_section_is_recognised) {
  BOOST_TEST(faultOf("limits: {workers: 4}") == "FILE:1: limits.workers: unknown key; did you mean `threads.workers`?");
  BOOST_TEST(faultOf("replay: 4") == "FILE:1: replay: unknown key; did you mean `limits.replay`?");
  BOOST_TEST(faultOf("limits.replay: 4") ==
             "FILE:1: limits.replay: unknown key; a dot does not nest here: put it into a mapping");
}

BOOST_AUTO_TEST_CASE(every_mistake_of_a_file_is_told_at_once) {
  const auto loaded = Loading{"demo: maybe\nlimits: {replay: -1}\nnonsense: 1\n", {{"CHATD_X", "1"}}, {}}.run();
  BOOST_TEST(!loaded.options.has_value());
  BOOST_TEST(loaded.faults.size() == 4U);
}

BOOST_AUTO_TEST_CASE(a_key_given_twice_is_a_mistake) {
  BOOST_TEST(faultOf("demo: true\ndemo: false\n") == "FILE:2: demo: is given twice");
  BOOST_TEST(faultOf("limits:\n  replay: 1\n  replay: 2\n") == "FILE:3: limits.replay: is given twice");
}

BOOST_AUTO_TEST_CASE(what_is_not_a_yaml_mapping_is_refused_with_its_place) {
  BOOST_TEST(faultOf("a: b: c\n").rfind("FILE:1: is not YAML: ", 0) == 0U);
  BOOST_TEST(faultOf("limits:\n\treplay: 1\n").rfind("FILE:2: is not YAML: ", 0) == 0U);
  BOOST_TEST(faultOf("- 1\n") == "FILE: must be a mapping of keys to values");
  BOOST_TEST(faultOf("limits: 5\n") == "FILE:1: limits: must be a mapping of keys to values");
  BOOST_TEST(faultOf("demo: true\n---\ndemo: false\n") == "FILE: holds several YAML documents; one is read");
  BOOST_TEST(faultOf("demo: \xFF\n") == "FILE: is not UTF-8");
  BOOST_TEST(faultOf(std::string(2'000'000, '#')) == "FILE: is larger than 1048576 bytes");
}

BOOST_AUTO_TEST_CASE(a_file_that_cannot_be_read_says_why) {
  CommandLine line;
  line.config = "/nonexistent/chatd.yaml";
  BOOST_TEST(onlyFault(loadOptions(line, {})) == "/nonexistent/chatd.yaml: cannot be read: No such file or directory");
  line.config = "/";
  BOOST_TEST(onlyFault(loadOptions(line, {})) == "/: cannot be read: Is a directory");
}

BOOST_AUTO_TEST_CASE(numbers_have_one_spelling) {
  for (const char* bad :
       {"010", "0x10", "1e3", "1_000", "\"10\"", "10.0", "+10", "", "[10]", "99999999999999999999", "-0"}) {
    BOOST_TEST(faultOf("limits: {replay: " + std::string(bad) + "}") ==
               "FILE:1: limits.replay: must be an integer from 0 to 100000 messages");
  }
  for (const char* bad : {"yes", "1", "True", "\"true\"", ""})
    BOOST_TEST(faultOf("demo: " + std::string(bad)) == "FILE:1: demo: must be true or false");
}

BOOST_AUTO_TEST_CASE(what_this_version_has_not_is_refused_in_words) {
  BOOST_TEST(faultOf("redis: {url: \"redis://r\"}") ==
             "FILE:1: redis.url: several nodes are not in this version: leave it empty");
}

BOOST_AUTO_TEST_CASE(a_listener_is_checked) {
  for (const char* bad :
       {"[]", "5", "[5]", "[{port: 1}]", "[{address: 127.0.0.1}]", "[{address: 127.0.0.1, port: 65536}]",
        "[{address: 127.0.0.1, port: -1}]", "[{address: 127.0.0.1, port: \"80\"}]", "[{address: 300.0.0.1, port: 1}]",
        "[{address: \"[::1]\", port: 1}]", "[{address: a b, port: 1}]", "[{address: '', port: 1}]",
        "[{address: a, port: 1, prot: 2}]", "[{address: a, address: b, port: 1}]"})
    BOOST_TEST(faultOf("listen: " + std::string(bad)).rfind("FILE:1: listen: ", 0) == 0U);
  BOOST_TEST(faultOf("listen: [{address: a, prt: 1}]") ==
             "FILE:1: listen: entry 1: unknown key `prt` in an entry; did you mean `port`?");
}

BOOST_AUTO_TEST_CASE(a_listener_speaks_tls_and_knows_proxies_and_unix_sockets) {
  const auto loaded = Loading{
      "listen:\n"
      "  - {address: \"::\", port: 443, tls: {certificate: /etc/c.pem, key: \"/etc/the key\"}, proxy_protocol: true}\n"
      "  - {address: \"unix:/run/chat.sock\", mode: \"0666\"}\n"
      "trusted_proxies: [10.0.0.0/8, \"::1\", \"unix:\"]\nproxy_header: forwarded\n",
      {},
      {}}.run();
  BOOST_REQUIRE_MESSAGE(loaded.options.has_value(), onlyFault(loaded));
  const Options& o = *loaded.options;
  BOOST_REQUIRE(o.listen.size() == 2U);
  BOOST_REQUIRE(o.listen[0].tls.has_value());
  BOOST_TEST(o.listen[0].tls->certificate == "/etc/c.pem");
  BOOST_TEST(o.listen[0].tls->key == "/etc/the key");
  BOOST_TEST(o.listen[0].proxyProtocol);
  BOOST_TEST(o.listen[1].unixPath == "/run/chat.sock");
  BOOST_TEST(o.listen[1].unixMode == 0666U);
  BOOST_TEST(!o.listen[1].tls.has_value());
  BOOST_TEST(o.trustedProxies.size() == 3U);
  BOOST_TEST((o.proxyHeader == Options::ProxyHeader::Forwarded));
  BOOST_TEST(loaded.places.at("listen").ends_with("chatd.yaml:1"));
  // What is written is read back as the same.
  Options again;
  for (const char* path : {"listen", "trusted_proxies", "proxy_header"}) {
    const OptionRow& row = *findOption(path);
    BOOST_TEST(!setOption(row, optionText(row, o), again).has_value());
    BOOST_TEST(optionText(row, again) == optionText(row, o));
  }
}

BOOST_AUTO_TEST_CASE(what_a_listener_cannot_be_is_refused) {
  const auto of = [](const std::string& entry) { return faultOf("listen: [" + entry + "]"); };
  const std::string form = "FILE:1: listen: entry 1: `tls` must be {certificate: FILE, key: FILE}";
  for (const char* tls : {"true", "{}", "{certificate: a}", "{key: a}", "{certificate: '', key: a}",
                          "{certificate: [a], key: b}", "{certificate: a, certificate: b, key: c}", "[a, b]"})
    BOOST_TEST(of("{address: a, port: 1, tls: " + std::string(tls) + "}") == form);
  BOOST_TEST(of("{address: a, port: 1, tls: {certificat: a, key: b}}") ==
             "FILE:1: listen: entry 1: unknown key `certificat` in `tls`; did you mean `certificate`?");
  BOOST_TEST(of("{address: 'unix:/a', port: 1}") == "FILE:1: listen: entry 1: a Unix socket has neither `port` nor `tls`");
  BOOST_TEST(of("{address: 'unix:/a', tls: {certificate: a, key: b}}") ==
             "FILE:1: listen: entry 1: a Unix socket has neither `port` nor `tls`");
  BOOST_TEST(of("{address: 'unix:a'}") == "FILE:1: listen: entry 1: a Unix socket is written unix:/PATH");
  BOOST_TEST(of("{address: a, port: 1, mode: '0600'}") == "FILE:1: listen: entry 1: `mode` is of a Unix socket");
  for (const char* mode : {"660", "0777", "0060", "rw", "06600", "0680"})
    BOOST_TEST(of("{address: 'unix:/a', mode: '" + std::string(mode) + "'}") ==
               "FILE:1: listen: entry 1: the mode must be like 0600, 0660 or 0666");
  BOOST_TEST(of("{address: a, port: 1, proxy_protocol: 1}") ==
             "FILE:1: listen: entry 1: `proxy_protocol` has a value of the wrong type");
}

BOOST_AUTO_TEST_CASE(a_trusted_proxy_is_an_address_or_a_range) {
  BOOST_TEST(faultOf("trusted_proxies: [10.0.0.1/8]") ==
             "FILE:1: trusted_proxies: entry 1: has bits set behind its prefix: write 10.0.0.0/8");
  for (const char* bad : {"example.org", "10.0.0.0/33", "'unix:/x'", "'*'", "''"})
    BOOST_TEST(faultOf("trusted_proxies: [" + std::string(bad) + "]").rfind("FILE:1: trusted_proxies: entry 1: ", 0) == 0U);
}

BOOST_AUTO_TEST_CASE(an_origin_is_scheme_host_and_port) {
  for (const char* bad : {"*", "example.org", "https://example.org/", "https://", "https://a b", "HTTPS://example.org",
                          "https://Example.org", "https://example.org:70000", "https://[::1]:0", "https://example.org:443",
                          "http://u@example.org", "https://*.example.org"})
    BOOST_TEST(faultOf("cors: {origins: [\"" + std::string(bad) + "\"]}").rfind("FILE:1: cors.origins: entry 1: ", 0) == 0U);
}

BOOST_AUTO_TEST_CASE(folders_of_plugins_are_absolute_and_secrets_few) {
  BOOST_TEST(faultOf("plugins: {paths: [/a, plugins]}") ==
             "FILE:1: plugins.paths: entry 2: \"plugins\" must be an absolute path: /…");
  BOOST_TEST(!faultOf("plugins: {paths: ['']}").empty());
  std::string list = "plugins: {secrets: [";
  for (int i = 0; i < 65; ++i) list += fmt::format("{}'*/s{}=env:A'", i == 0 ? "" : ", ", i);
  BOOST_TEST(faultOf(list + "]}") == "options: plugins.secrets: has more than 64 entries");
}

BOOST_AUTO_TEST_CASE(texts_have_no_control_characters_and_an_end) {
  BOOST_TEST(faultOf("data_dir: \"/a\\nb\"") == "FILE:1: data_dir: has a control character");
  BOOST_TEST(faultOf("data_dir: " + std::string(5000, 'x')) == "FILE:1: data_dir: is longer than 4096 bytes");
  BOOST_TEST(faultOf("data_dir: ''") == "FILE:1: data_dir: must not be empty");
  BOOST_TEST(faultOf("admin_socket: /" + std::string(108, 'x')).rfind("FILE:1: admin_socket: is longer than a Unix", 0) ==
             0U);
}

BOOST_AUTO_TEST_CASE(limits_that_contradict_each_other_are_refused) {
  BOOST_TEST(faultOf("limits: {message_bytes: 5000, body_bytes: 4000}") ==
             "options: limits.message_bytes: must be at most limits.body_bytes (4000)");
  BOOST_TEST(faultOf("limits: {message_bytes: 5000}\nengine: {max_payload: 4000}") ==
             "options: limits.message_bytes: must be at most engine.max_payload (4000)");
}

BOOST_AUTO_TEST_CASE(a_secret_is_not_repeated_in_an_error) {
  const auto loaded = Loading{"metrics_token: \"hunter2 hunter2\"\n", {{"CHATD_METRICS_TOKEN", "{hunter2: *x"}}, {}}.run();
  BOOST_TEST(loaded.faults.size() == 2U);
  for (const ConfigFault& fault : loaded.faults) BOOST_TEST(fault.text().find("hunter2") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(config_precedence)

BOOST_AUTO_TEST_CASE(a_variable_wins_over_the_file_and_a_flag_over_both) {
  Loading loading{"listen: [{address: 127.0.0.1, port: 1}]\ndata_dir: /file\nlimits: {replay: 1}\n",
                  {{"CHATD_LISTEN", "[{address: 127.0.0.1, port: 2}]"},
                   {"CHATD_DATA_DIR", "/variable"},
                   {"CHATD_LIMITS__REPLAY", "2"},
                   {"PATH", "/bin"},
                   {"XCHATD_A", "1"}},
                  {}};
  auto loaded = loading.run();
  BOOST_REQUIRE(loaded.options.has_value());
  BOOST_TEST(loaded.options->listen[0].port == 2);
  BOOST_TEST(loaded.options->dataDir == "/variable");
  BOOST_TEST(loaded.options->limits.replay == 2U);
  loading.flags.listen = Listener{"127.0.0.1", 3};
  loading.flags.dataDir = "/flag";
  loaded = loading.run();
  BOOST_REQUIRE(loaded.options.has_value());
  BOOST_TEST(loaded.options->listen[0].port == 3);
  BOOST_TEST(loaded.options->dataDir == "/flag");
}

BOOST_AUTO_TEST_CASE(a_variable_that_names_no_key_is_a_mistake) {
  const auto fault = [](const char* name, const char* value) { return onlyFault(Loading{"", {{name, value}}, {}}.run()); };
  BOOST_TEST(fault("CHATD_LIMITS__REPLY", "1") == "CHATD_LIMITS__REPLY: names no key; did you mean `CHATD_LIMITS__REPLAY`?");
  BOOST_TEST(fault("CHATD_", "1") == "CHATD_: names no key");
  BOOST_TEST(fault("CHATD_LIMITS", "{replay: 1}").rfind("CHATD_LIMITS: names no key", 0) == 0U);
  BOOST_TEST(fault("CHATD_limits__replay", "1").rfind("CHATD_limits__replay: names no key", 0) == 0U);
  BOOST_TEST(fault("CHATD_LIMITS__REPLAY", "x") ==
             "CHATD_LIMITS__REPLAY: limits.replay: must be an integer from 0 to 100000 messages");
  BOOST_TEST(fault("CHATD_STORE__URL", "mysql://u:hidden@h/d") ==
             "CHATD_STORE__URL: store.url: must be sqlite:FILE or postgresql://USER:PASSWORD@HOST:PORT/DATABASE");
  BOOST_TEST(fault("CHATD_LISTEN", "[{").rfind("CHATD_LISTEN: listen: is not YAML: ", 0) == 0U);
}

BOOST_AUTO_TEST_CASE(every_key_has_a_variable_that_sets_it) {
  for (const OptionRow& row : optionTable()) {
    const auto loaded = Loading{"", {{environmentName(row.path), std::string(row.standard)}}, {}}.run();
    BOOST_TEST(loaded.options.has_value(), row.path << ": " << onlyFault(loaded));
  }
}

BOOST_AUTO_TEST_CASE(dev_needs_no_file_and_changes_only_defaults) {
  CommandLine line;
  line.dev = true;
  auto loaded = loadOptions(line, {});
  BOOST_REQUIRE(loaded.options.has_value());
  BOOST_TEST(loaded.options->dev);
  BOOST_TEST(loaded.options->demo);
  BOOST_TEST(loaded.options->dataDir == "./chatd-data");
  BOOST_TEST(loaded.options->adminSocket == "./chatd-data/admin.sock");
  BOOST_TEST(loaded.options->databaseFile() == "./chatd-data/chatd.db");
  BOOST_TEST((loaded.options->listen[0] == Listener{"127.0.0.1", 8080}));

  loaded = loadOptions(line, {{"CHATD_DEMO", "false"}, {"CHATD_DATA_DIR", "/d"}});
  BOOST_REQUIRE(loaded.options.has_value());
  BOOST_TEST(!loaded.options->demo);
  BOOST_TEST(loaded.options->adminSocket == "/d/admin.sock");

  Loading loading{"demo: false\nadmin_socket: /s\n", {}, {}};
  loading.flags.dev = true;
  loading.flags.dataDir = "/e";
  loaded = loading.run();
  BOOST_REQUIRE(loaded.options.has_value());
  BOOST_TEST(!loaded.options->demo);
  BOOST_TEST(loaded.options->adminSocket == "/s");
  BOOST_TEST(loaded.options->dataDir == "/e");
}

BOOST_AUTO_TEST_CASE(a_data_dir_too_long_for_the_admin_socket_is_told_before_binding_fails) {
  CommandLine line;
  line.dev = true;
  line.dataDir = "/" + std::string(100, 'x');
  BOOST_TEST(onlyFault(loadOptions(line, {})).rfind("--data-dir: admin_socket: is longer than a Unix", 0) == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(config_reload)

BOOST_AUTO_TEST_CASE(a_reload_applies_what_it_can_and_names_the_rest) {
  const Options running;
  Options loaded;
  BOOST_TEST(planReload(running, loaded).applied.empty());
  BOOST_TEST(planReload(running, loaded).needRestart.empty());
  loaded.limits.replay = 5;
  loaded.log.level = LogLevel::Debug;
  loaded.metricsToken = Secret("abc");
  loaded.listen[0].port = 1;
  loaded.cors.origins = {"https://a.example"};
  loaded.plugins.secrets = {"*/key=file:/k"};
  const ReloadPlan plan = planReload(running, loaded);
  const std::vector<std::string> applied = {"metrics_token", "plugins.secrets", "cors.origins", "log.level",
                                            "limits.replay"};
  BOOST_TEST(plan.applied == applied, boost::test_tools::per_element());
  const std::vector<std::string> restart = {"listen"};
  BOOST_TEST(plan.needRestart == restart, boost::test_tools::per_element());

  const Options after = afterReload(running, loaded);
  BOOST_TEST(after.limits.replay == 5U);
  BOOST_TEST(after.metricsToken.reveal() == "abc");
  BOOST_TEST(after.cors.origins.size() == 1U);
  BOOST_TEST(after.listen[0].port == 8080);
  BOOST_TEST(planReload(after, loaded).applied.empty());
}

BOOST_AUTO_TEST_SUITE_END()
