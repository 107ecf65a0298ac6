// Foreign plugins in processes of their own: whatever a plugin does, the right answer comes, and the daemon goes on.
#include <signal.h>

#include <boost/test/unit_test.hpp>

#include <atomic>
#include <fstream>
#include <future>
#include <thread>

#include "auth/plugin_catalog.h"
#include "auth/plugin_host.h"
#include "auth/plugin_supervisor.h"
#include "support/eventually.h"
#include "support/plugin_folder.h"
#include "unit/outbound/tiny_server.h"

namespace chatd {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test::PluginFolder;

constexpr AppId kShop{1};
constexpr AppId kOther{2};

struct Hosted {
  PluginFolder folder;
  SystemClock clock;
  OutboundHttp http{OutboundOptions{}};
  std::mutex logMutex;
  std::string logged;
  std::unique_ptr<PluginHost> host;

  Hosted() {
    for (const char* name :
         {"evil", "evil-serial", "evil-peer", "evil-blocking", "wrong-abi", "wrong-table", "wrong-host"}) {
      folder.put(name, name);
    }
    make();
  }
  void make(std::size_t messages = PluginHostOptions().messages) {
    PluginHostOptions options;
    options.messages = messages;
    options.bundled = {};
    options.folders = {folder.path()};
    options.program = CHATD_PLUGIN_HOST;
    options.key = std::string(32, 'k');
    options.allowPrivateNetworks = true;
    options.log = [this](AuthLogLevel, const std::string& line) {
      const std::lock_guard g(logMutex);
      logged += line + "\n";
    };
    host = std::make_unique<PluginHost>(std::move(options), http, clock);
  }
  ~Hosted() {
    http.stop();
    host.reset();
  }

  static App app(AppId id, const std::string& plugin = "evil", const std::string& config = "{}",
                 const std::string& isolation = "") {
    App made;
    made.id = id;
    VerifierSpec spec;
    spec.plugin = plugin;
    spec.config = config;
    spec.isolation = isolation;
    made.verifiers = {spec};
    return made;
  }

  std::future<Verdict> start(const App& of, const std::string& token, milliseconds timeout = seconds(20)) {
    auto promise = std::make_shared<std::promise<Verdict>>();
    auto future = promise->get_future();
    host->instance(of, 0, [this, promise, token, timeout](Result<PluginHost::InstancePtr> made) {
      if (!made.ok()) return promise->set_value(Verdict::unavailable(made.error().detail()));
      host->ask(*made, {token, "192.0.2.9", ""}, timeout, [promise](Verdict v) { promise->set_value(std::move(v)); });
    });
    return future;
  }
  static std::string text(const Verdict& v) {
    switch (v.kind) {
      case Verdict::Kind::Allow:
        return "allow " + v.userId;
      case Verdict::Kind::Deny:
        return "deny";
      case Verdict::Kind::Defer:
        return "defer";
      default:
        return "unavailable: " + v.detail;
    }
  }
  static std::string wait(std::future<Verdict> future) {
    if (future.wait_for(seconds(60)) != std::future_status::ready) return "never answered";
    return text(future.get());
  }
  std::string ask(const App& of, const std::string& token, milliseconds timeout = seconds(20)) {
    return wait(start(of, token, timeout));
  }
  bool said(const char* part) {
    const std::lock_guard g(logMutex);
    return logged.find(part) != std::string::npos;
  }
  bool saysSoon(const char* part) {
    return eventually([&] { return said(part); });
  }
  pid_t pid(AppId of) {
    const auto states = host->processes();
    if (!states.ok()) return 0;
    for (const HostedState& s : *states) {
      if (s.app == of) return s.pid;
    }
    return 0;
  }
  std::string check(const std::string& plugin, const std::string& config, const std::string& isolation = "") {
    VerifierSpec spec;
    spec.plugin = plugin;
    spec.config = config;
    spec.isolation = isolation;
    const auto good = host->check({kShop, "shop"}, spec);
    return good.ok() ? "" : good.error().detail();
  }
};

bool has(const std::string& text, const char* part) { return text.find(part) != std::string::npos; }

}  // namespace

BOOST_FIXTURE_TEST_SUITE(hosted_plugins, Hosted)

BOOST_AUTO_TEST_CASE(grants_come_over_from_the_process_whole_or_not_at_all) {
  const auto verdictOf = [this](const std::string& token) { return start(app(kShop), token).get(); };
  const Verdict some = verdictOf("grant:ann:3:hall-*,0:*");
  BOOST_REQUIRE(some.grants != nullptr);
  const std::vector<Grants::Grant> wanted{{3, "hall-*"}, {0, "*"}};
  BOOST_TEST((some.grants->list() == wanted));
  const std::string longest(128, 'g');
  BOOST_TEST(verdictOf("grant:ann:1:" + longest).grants->list().at(0).glob == longest);
  // Cut to what fits they would be others.
  BOOST_TEST((verdictOf("grant:ann:1:" + longest + "*").kind == Verdict::Kind::Unavailable));
  BOOST_TEST(verdictOf("grants:64").grants->list().size() == 64U);
  BOOST_TEST((verdictOf("grants:65").kind == Verdict::Kind::Unavailable));
}

BOOST_AUTO_TEST_CASE(a_plugin_in_its_process_answers_like_any_other) {
  const App shop = app(kShop);
  BOOST_TEST(ask(shop, "ok:ann") == "allow ann");
  BOOST_TEST(ask(shop, "deny") == "deny");
  BOOST_TEST(ask(shop, "defer") == "defer");
  BOOST_TEST(ask(shop, "unavailable") == "unavailable: as asked");
  BOOST_TEST(has(ask(shop, "refuse"), "could not start"));
  BOOST_TEST(ask(shop, "late:30:bob") == "allow bob");
  for (const char* plugin : {"evil-serial", "evil-blocking"}) {
    BOOST_TEST(ask(app(kOther, plugin), "ok:ann") == "allow ann", plugin);
    BOOST_TEST(ask(app(kOther, plugin), "late:30:bob") == "allow bob", plugin);
  }
}

BOOST_AUTO_TEST_CASE(each_app_has_a_process_of_its_own) {
  BOOST_TEST(ask(app(kShop), "ok:a") == "allow a");
  BOOST_TEST(ask(app(kOther), "ok:b") == "allow b");
  BOOST_TEST(pid(kShop) != 0);
  BOOST_TEST(pid(kShop) != pid(kOther));
}

BOOST_AUTO_TEST_CASE(peer_data_goes_to_plugins_that_use_it_and_to_no_other) {
  BOOST_TEST(ask(app(kShop), "peer") == "allow ip-");
  BOOST_TEST(ask(app(kOther, "evil-peer"), "peer") == "allow ip-192.0.2.9");
}

// A file may be replaced and loaded by a process before anybody has looked at it again.
BOOST_AUTO_TEST_CASE(what_runs_counts_as_much_as_what_the_file_says) {
  PluginCatalog catalog({}, [](const std::string&, const PluginCatalog::Looked&) {});
  BOOST_TEST(!catalog.flags("door").has_value());
  catalog.runs("door", 0);
  BOOST_TEST(catalog.flags("door").value() == 0u);
  catalog.runs("door", CHATD_PF_USES_PEER);
  catalog.runs("door", 0);  // the process of another app, with the older file
  BOOST_TEST(catalog.flags("door").value() == std::uint32_t{CHATD_PF_USES_PEER});
}

BOOST_AUTO_TEST_CASE(a_plugin_that_hangs_keeps_a_list_a_moment_once_and_is_known_when_it_has_spoken) {
  PluginCatalog::Looked looked;
  int looks = 0;
  PluginCatalog catalog({folder.path()}, [&](const std::string&, PluginCatalog::Looked then) {
    ++looks;
    looked = std::move(then);
  });
  const Steady began = std::chrono::steady_clock::now();
  BOOST_TEST(!catalog.soon("evil").has_value());
  BOOST_TEST((std::chrono::steady_clock::now() - began < seconds(3)));  // a look may take 4 s
  // Whoever comes later does not wait for the same look, nor begins another.
  const Steady again = std::chrono::steady_clock::now();
  for (int i = 0; i < 20; ++i) BOOST_TEST(!catalog.soon("evil").has_value());
  BOOST_TEST((std::chrono::steady_clock::now() - again < seconds(3)));
  BOOST_TEST(looks == 1);
  hostwire::Loaded loaded;
  loaded.ok = true;
  loaded.schema = "{}";
  looked(std::move(loaded));
  BOOST_REQUIRE(catalog.soon("evil").has_value());
  BOOST_TEST(catalog.soon("evil")->schema == "{}");
  BOOST_TEST(looks == 1);
}

BOOST_AUTO_TEST_CASE(many_at_once_are_all_answered) {
  const App shop = app(kShop);
  std::vector<std::future<Verdict>> all;
  for (int i = 0; i < 200; ++i) all.push_back(start(shop, "ok:u" + std::to_string(i)));
  for (int i = 0; i < 200; ++i)
    BOOST_TEST(wait(std::move(all[static_cast<std::size_t>(i)])) == "allow u" + std::to_string(i));
}

BOOST_AUTO_TEST_CASE(a_crash_is_the_culprits_alone_and_everybody_else_is_answered) {
  const App shop = app(kShop);
  BOOST_TEST(ask(shop, "ok:first") == "allow first");
  std::vector<std::future<Verdict>> innocent;
  for (int i = 0; i < 10; ++i) innocent.push_back(start(shop, "late:200:u" + std::to_string(i)));
  auto culprit = start(shop, "crash");
  for (int i = 0; i < 10; ++i) {
    BOOST_TEST(wait(std::move(innocent[static_cast<std::size_t>(i)])) == "allow u" + std::to_string(i));
  }
  BOOST_TEST(has(wait(std::move(culprit)), "ended while it was asked"));
  BOOST_TEST(saysSoon("signal 6"));
  BOOST_TEST(said("quarantined"));
  // From now on it is not even asked.
  const pid_t running = pid(kShop);
  BOOST_TEST(ask(shop, "ok:later") == "allow later");
  BOOST_TEST(has(ask(shop, "crash"), "is not asked about"));
  BOOST_TEST(ask(shop, "ok:again") == "allow again");
  if (running != 0) BOOST_TEST(pid(kShop) == running);
}

BOOST_AUTO_TEST_CASE(a_plugin_that_crashes_at_every_tenth_token_still_serves_them_all) {
  const App shop = app(kShop, "evil", R"({"crashEvery":10})");
  int allowed = 0;
  for (int i = 0; i < 60; ++i) {
    // The token is innocent, so asked again in the next process it passes.
    if (ask(shop, "ok:u" + std::to_string(i)) == "allow u" + std::to_string(i)) ++allowed;
  }
  BOOST_TEST(allowed == 60);
}

BOOST_AUTO_TEST_CASE(whatever_ends_the_process_is_unavailable_and_says_how) {
  const App shop = app(kShop);
  for (const char* token : {"throw", "exit", "wild", "closefds", "leak"}) {
    BOOST_TEST(has(ask(shop, token), "unavailable"), token);
    BOOST_TEST(ask(shop, std::string("ok:after-") + token) == std::string("allow after-") + token);
  }
  BOOST_TEST(said("exit code 7"));
}

BOOST_AUTO_TEST_CASE(a_hang_ends_at_its_deadline_and_later_with_its_process) {
  const App shop = app(kShop);
  BOOST_TEST(ask(shop, "ok:a") == "allow a");
  const pid_t first = pid(kShop);
  // Two workers hang; the third question waits behind them and is asked again in the next process.
  auto one = start(shop, "hang", seconds(1));
  auto two = start(shop, "never", seconds(1));
  auto three = start(shop, "hang", seconds(1));
  BOOST_TEST(has(wait(std::move(one)), "did not answer in time"));
  BOOST_TEST(has(wait(std::move(two)), "did not answer in time"));
  BOOST_TEST(has(wait(std::move(three)), "did not answer in time"));
  BOOST_TEST(ask(app(kOther), "ok:b") == "allow b");
  BOOST_TEST(ask(shop, "ok:behind") == "allow behind");
  BOOST_TEST(pid(kShop) != first);
  BOOST_TEST(said("owes an answer"));
}

BOOST_AUTO_TEST_CASE(wrong_answers_are_dropped_and_reported) {
  const App shop = app(kShop);
  BOOST_TEST(ask(shop, "double:ann") == "allow ann");
  BOOST_TEST(saysSoon("completed before"));
  BOOST_TEST(has(ask(shop, "garbage"), "unknown verdict 77"));
  BOOST_TEST(ask(shop, "foreign") == "deny");
  BOOST_TEST(has(ask(shop, "late:300:ann", milliseconds(50)), "did not answer in time"));
  BOOST_TEST(ask(shop, "ok:b") == "allow b");
}

BOOST_AUTO_TEST_CASE(the_process_cannot_reach_out) {
  const App shop = app(kShop);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
  // Sanitizers need system calls that the filter refuses, so their builds have none.
  BOOST_TEST(ask(shop, "fork") == "allow no-fork");
  BOOST_TEST(ask(shop, "socket") == "allow no-socket");
#endif
  BOOST_TEST(ask(shop, "write") == "allow no-write");
  BOOST_TEST(ask(shop, "readfile:/etc/ld.so.cache") == "allow read");
  BOOST_TEST(ask(shop, "readfile:/etc/passwd") == "allow no-read");  // where the daemon's configuration lies too
  const PluginFolder elsewhere;
  std::ofstream(elsewhere.file("secret")) << "x";
  BOOST_TEST(ask(shop, "readfile:" + elsewhere.file("secret")) == "allow no-read");
  BOOST_TEST(ask(shop, "readfile:/proc/" + std::to_string(::getpid()) + "/environ") == "allow no-read");
}

BOOST_AUTO_TEST_CASE(http_goes_through_the_daemon_and_its_rules) {
  test::TinyServer server([](test::TinyServer::Peer& peer) {
    while (peer.request()) {
      if (!peer.send("HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nann")) return;
    }
  });
  const std::string url = "http://127.0.0.1:" + std::to_string(server.port()) + "/";
  BOOST_TEST(ask(app(kShop), "fetch:" + url) == "allow ann");
  App strict = app(kOther);
  strict.settings.allowPrivateNetworks = false;
  BOOST_TEST(has(ask(strict, "fetch:" + url), "may not be called"));
}

BOOST_AUTO_TEST_CASE(a_process_that_shouts_is_ended) {
  host.reset();
  make(500);  // more than anybody says here, and less than a busy machine reads
  BOOST_TEST(has(ask(app(kShop), "spam"), "ended while it was asked"));
  BOOST_TEST(said("sends more than it may"));
  BOOST_TEST(ask(app(kShop), "ok:a") == "allow a");
}

BOOST_AUTO_TEST_CASE(plugins_that_cannot_be_loaded_are_refused_in_words) {
  std::int64_t number = 10;
  const auto reason = [&](const char* plugin) { return ask(app(AppId{++number}, plugin), "ok:a"); };
  BOOST_TEST(has(reason("wrong-abi"), "another ABI"));
  BOOST_TEST(has(reason("wrong-table"), "struct_size"));
  BOOST_TEST(has(reason("wrong-host"), "refuses this version"));
  BOOST_TEST(has(reason("missing"), "no folder"));
  ::chmod(folder.file("evil.so").c_str(), 0666);
  BOOST_TEST(has(ask(app(kShop), "ok:a"), "writable"));
  ::chmod(folder.file("evil.so").c_str(), 0644);
}

BOOST_AUTO_TEST_CASE(a_configuration_is_judged_in_a_process_of_its_own) {
  BOOST_TEST(check("evil", "{}") == "");
  BOOST_TEST(check("evil", R"({"refuse":"not on Sundays"})") == "not on Sundays");
  BOOST_TEST(check("evil", R"({"number":"x"})") == "number: must be an integer");
  BOOST_TEST(has(check("evil", R"({"createCrashes":true})"), "signal 6"));
  BOOST_TEST(has(check("evil", R"({"createHangs":true})"), "did not answer within 4 s"));
  BOOST_TEST(has(check("nothing", "{}"), "there is no plugin"));
  BOOST_TEST(has(check("wrong-abi", "{}"), "another ABI"));
  BOOST_TEST(pid(kShop) == 0);
}

BOOST_AUTO_TEST_CASE(an_instance_that_cannot_be_made_is_unavailable_with_the_reason) {
  BOOST_TEST(ask(app(kShop, "evil", R"({"refuse":"not on Sundays"})"), "ok:a") == "unavailable: not on Sundays");
  BOOST_TEST(has(ask(app(kOther, "evil", R"({"createCrashes":true})"), "ok:a", milliseconds(500)), "unavailable"));
}

BOOST_AUTO_TEST_CASE(a_replaced_file_takes_over_on_reload_without_a_failed_verification) {
  const App shop = app(kShop);
  BOOST_TEST(ask(shop, "version") == "allow version-1");
  std::atomic<bool> stop{false};
  std::atomic<int> failed{0};
  std::atomic<int> asked{0};
  std::thread load([&] {
    while (!stop) {
      if (ask(shop, "late:5:u") != "allow u") ++failed;
      ++asked;
    }
  });
  const pid_t first = pid(kShop);
  folder.put("evil2", "evil");
  BOOST_TEST(ask(shop, "version") == "allow version-1");
  const auto replaced = host->reload("evil");
  BOOST_TEST(replaced.ok());
  if (replaced.ok()) BOOST_TEST(*replaced == 1U);
  BOOST_TEST(ask(shop, "version") == "allow version-2");
  BOOST_TEST(pid(kShop) != first);
  const int before = asked;
  while (asked < before + 20) std::this_thread::yield();
  stop = true;
  load.join();
  BOOST_TEST(failed == 0);
}

BOOST_AUTO_TEST_CASE(a_reload_that_fails_changes_nothing) {
  const App shop = app(kShop);
  BOOST_TEST(ask(shop, "ok:a") == "allow a");
  const pid_t first = pid(kShop);
  folder.put("wrong-abi", "evil");
  const auto replaced = host->reload("evil");
  BOOST_REQUIRE(!replaced.ok());
  BOOST_TEST(has(replaced.error().detail(), "another ABI"));
  BOOST_TEST(ask(shop, "ok:b") == "allow b");
  BOOST_TEST(pid(kShop) == first);
}

BOOST_AUTO_TEST_CASE(a_changed_configuration_takes_a_new_instance_and_the_old_one_finishes) {
  App shop = app(kShop);
  auto old = start(shop, "late:300:old");
  BOOST_TEST(ask(shop, "ok:a") == "allow a");
  shop.revision = 2;
  shop.verifiers[0].config = R"({"suffix":"-new"})";
  BOOST_TEST(ask(shop, "ok:a") == "allow a-new");
  BOOST_TEST(wait(std::move(old)) == "allow old");
}

BOOST_AUTO_TEST_CASE(a_destroy_that_hangs_ends_the_process) {
  App shop = app(kShop, "evil", R"({"destroyHangs":true})");
  BOOST_TEST(ask(shop, "ok:a") == "allow a");
  host->forget(kShop);
  BOOST_TEST(saysSoon("did not destroy an instance"));
  shop.revision = 2;
  shop.verifiers[0].config = "{}";
  BOOST_TEST(ask(shop, "ok:b") == "allow b");
}

BOOST_AUTO_TEST_CASE(health_is_what_the_instances_say) {
  BOOST_TEST(ask(app(kShop), "ok:a") == "allow a");
  BOOST_TEST(ask(app(kOther, "evil", R"({"sick":"no backend"})"), "ok:a") == "allow a");
  const auto states = host->health("evil");
  BOOST_REQUIRE(states.ok());
  BOOST_REQUIRE(states->size() == 2U);
  for (const HostedState& s : *states) BOOST_TEST(s.fault == (s.app == kShop ? "" : "no backend"));
}

BOOST_AUTO_TEST_CASE(a_foreign_plugin_may_run_inline_if_it_never_blocks) {
  BOOST_TEST(ask(app(kShop, "evil", "{}", "inline"), "ok:a") == "allow a");
  BOOST_TEST(pid(kShop) == 0);
  BOOST_TEST(has(check("evil-serial", "{}", "inline"), "cannot run with isolation inline"));
  BOOST_TEST(has(check("evil-blocking", "{}", "inline"), "cannot run with isolation inline"));
  BOOST_TEST(check("evil", R"({"refuse":"no"})", "inline") == "no");
  // Replaced on disk and reloaded: the next question goes to the new one.
  folder.put("evil2", "evil");
  BOOST_TEST(ask(app(kShop, "evil", "{}", "inline"), "version") == "allow version-1");
  const auto replaced = host->reload("evil");
  BOOST_REQUIRE(replaced.ok());
  BOOST_TEST(*replaced == 1U);
  BOOST_TEST(ask(app(kShop, "evil", "{}", "inline"), "version") == "allow version-2");
}

BOOST_AUTO_TEST_CASE(what_there_is_can_be_listed_and_shown) {
  ::chmod(folder.file("evil-peer.so").c_str(), 0666);
  bool found = false;
  for (const PluginFacts& facts : host->list()) {
    if (facts.name == "evil") found = facts.title == "Evil" && facts.version == "1" && facts.fault.empty() && !facts.bundled;
    if (facts.name == "wrong-abi") BOOST_TEST(has(facts.fault, "another ABI"));
    if (facts.name == "evil-peer") BOOST_TEST(has(facts.fault, "writable"));
  }
  BOOST_TEST(found);
  const auto shown = host->show("evil");
  BOOST_REQUIRE(shown.ok());
  BOOST_TEST(shown->id == "org.example.evil");
  BOOST_TEST(shown->version == "1");
  BOOST_TEST(has(shown->schema, "properties"));
  const auto wrong = host->show("wrong-abi");
  BOOST_REQUIRE(wrong.ok());
  BOOST_TEST(has(wrong->fault, "another ABI"));
  BOOST_TEST(!host->show("nothing").ok());
  BOOST_TEST(has(host->show("NotSo").error().detail(), "a name has a-z"));
}

BOOST_AUTO_TEST_CASE(a_configuration_is_listed_as_the_file_that_is_there_now_has_its_schema) {
  const auto listed = [this](const std::string& plugin) {
    VerifierSpec spec;
    spec.plugin = plugin;
    spec.config = R"({"harmless":"s3cret","monkey":"seen","token":"t"})";
    return host->listed(spec).config;
  };
  const auto isListed = [&listed](const std::string& plugin, const char* as) {
    // Until the plugin has spoken, which may take longer than a list waits, all of it is a secret.
    return eventually([&] {
      const std::string now = listed(plugin);
      BOOST_TEST((now == as || now == R"({"harmless":"***","monkey":"***","token":"***"})"), now);
      return now == as;
    });
  };
  // Nobody has asked these plugins anything before.
  BOOST_TEST(isListed("evil", R"({"harmless":"***","monkey":"seen","token":"***"})"));
  // What cannot say which are its secrets has nothing but secrets.
  BOOST_TEST(listed("wrong-abi") == R"({"harmless":"***","monkey":"***","token":"***"})");
  BOOST_TEST(listed("nothing") == R"({"harmless":"***","monkey":"***","token":"***"})");
  folder.put("wrong-abi", "evil");
  BOOST_TEST(listed("evil") == R"({"harmless":"***","monkey":"***","token":"***"})");
  folder.put("evil2", "evil");
  BOOST_TEST(isListed("evil", R"({"harmless":"***","monkey":"seen","token":"***"})"));
}

BOOST_AUTO_TEST_CASE(what_cannot_be_loaded_is_named_by_its_file) {
  std::ofstream(folder.file("broken.so")) << "no library";
  ::chmod(folder.file("broken.so").c_str(), 0644);
  const auto shown = host->show("broken");
  BOOST_REQUIRE(shown.ok());
  BOOST_TEST(has(shown->fault, folder.file("broken.so").c_str()));
  BOOST_TEST(!has(shown->fault, "/proc/"));
}

BOOST_AUTO_TEST_CASE(stopping_ends_every_process_and_every_question) {
  const App shop = app(kShop);
  BOOST_TEST(ask(shop, "ok:a") == "allow a");
  const pid_t running = pid(kShop);
  auto waiting = start(shop, "slow:1000:b");
  host->stop();
  BOOST_TEST(has(wait(std::move(waiting)), "unavailable"));
  BOOST_TEST(::kill(running, 0) != 0);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace chatd
