// auth: what is remembered of verdicts, for how long, and what ends it; jobs, deadlines, limits, revocations, stop.
#include <atomic>
#include <cstdlib>

#include "auth/revocations.h"
#include "chain_fixture.h"

using namespace chatd;
using namespace chatd::test;

BOOST_FIXTURE_TEST_SUITE(auth_cache, ChainFixture)

BOOST_AUTO_TEST_CASE(a_verdict_is_used_again_until_its_time_is_over) {
  configure({spec("script", seconds(30), seconds(60))});
  ScriptedPlugins::get().on(allows("ann"));
  for (int i = 0; i < 5; ++i) BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(asked() == 1U);
  clock.advance(seconds(53));
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(asked() == 1U);  // a tenth of jitter at most
  clock.advance(seconds(8));
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(asked() == 2U);
}

// The plugin judged it by a secret that is gone.
BOOST_AUTO_TEST_CASE(a_verdict_under_way_when_the_secrets_change_is_not_used_again) {
  configure({spec("script", seconds(30), seconds(60))});
  ScriptedPlugins::get().on([](const Asked& a) {
    if (a.token == "first") a.complete(CHATD_ALLOW, "ann");
  });
  BOOST_TEST(outcome("first") == "user:ann");  // there is an instance now
  auto late = start("late");
  BOOST_REQUIRE(eventually([&] { return asked() == 2; }));
  ::setenv("CHATD_TEST_ROTATED", "new", 1);
  chain->setSecrets(PluginSecrets({"shop/key=env:CHATD_TEST_ROTATED"}));
  BOOST_REQUIRE(eventually([&] { return log().find("has its new secrets") != std::string::npos; }));
  ScriptedPlugins::get().asked()[1].complete(CHATD_ALLOW, "ann");
  BOOST_TEST(text(wait(std::move(late))) == "user:ann");
  ScriptedPlugins::get().on(says(CHATD_DENY));
  BOOST_TEST(outcome("late") == "unauthorized");
  ::unsetenv("CHATD_TEST_ROTATED");
}

BOOST_AUTO_TEST_CASE(the_shortest_of_plugin_expiry_and_app_decides_how_long) {
  const std::int64_t now = micros(clock.wall()) / 1000;
  configure({spec("script", seconds(30), seconds(60))});
  ScriptedPlugins::get().on([now](const Asked& a) {
    if (a.token == "never") return a.complete(CHATD_ALLOW, "ann", 0);
    if (a.token == "short") return a.complete(CHATD_ALLOW, "ann", 2000);
    if (a.token == "expires") return a.complete(CHATD_ALLOW, "ann", -1, now + 100'000'000);
    a.complete(CHATD_ALLOW, "ann", 3'600'000);
  });
  const auto askedFor = [&](const std::string& token) {
    const auto before = asked();
    BOOST_TEST(outcome(token) == "user:ann");
    return asked() - before;
  };
  BOOST_TEST(askedFor("never") == 1U);
  BOOST_TEST(askedFor("never") == 1U);
  BOOST_TEST(askedFor("short") == 1U);
  BOOST_TEST(askedFor("short") == 0U);
  BOOST_TEST(askedFor("long") == 1U);
  clock.advance(seconds(2));
  BOOST_TEST(askedFor("short") == 1U);
  BOOST_TEST(askedFor("long") == 0U);
  clock.advance(seconds(60));
  BOOST_TEST(askedFor("long") == 1U);
  configure({spec("script", seconds(30), milliseconds(0))});
  BOOST_TEST(askedFor("long") == 1U);
  BOOST_TEST(askedFor("long") == 1U);
}

BOOST_AUTO_TEST_CASE(a_cached_verdict_does_not_outlive_its_token) {
  configure({spec("script", seconds(30), seconds(600))});
  const std::int64_t end = micros(clock.wall()) / 1000 + 3000;
  ScriptedPlugins::get().on([end](const Asked& a) { a.complete(CHATD_ALLOW, "ann", -1, end); });
  BOOST_TEST(outcome("t") == "user:ann");
  clock.advance(seconds(3));
  BOOST_TEST(outcome("t") == "token_expired");
}

BOOST_AUTO_TEST_CASE(a_denial_is_remembered_five_seconds_at_most_and_an_outage_never) {
  configure({spec("script", seconds(30), seconds(60))});
  ScriptedPlugins::get().on(
      [](const Asked& a) { a.complete(a.token == "bad" ? CHATD_DENY : CHATD_UNAVAILABLE, "", 60'000); });
  BOOST_TEST(outcome("bad") == "unauthorized");
  BOOST_TEST(outcome("bad") == "unauthorized");
  BOOST_TEST(asked() == 1U);
  clock.advance(seconds(5));
  BOOST_TEST(outcome("bad") == "unauthorized");
  BOOST_TEST(asked() == 2U);
  BOOST_TEST(outcome("out") == "verifier_unavailable");
  BOOST_TEST(outcome("out") == "verifier_unavailable");
  BOOST_TEST(asked() == 4U);
}

BOOST_AUTO_TEST_CASE(peer_data_is_part_of_the_question_only_where_the_plugin_reads_it) {
  ScriptedPlugins::get().on(allows("ann"));
  configure({spec("script")});
  static_cast<void>(verify("t", "shop", "192.0.2.1"));
  static_cast<void>(verify("t", "shop", "192.0.2.2"));
  BOOST_TEST(asked() == 1U);
  configure({spec("peer")});
  static_cast<void>(verify("t", "shop", "192.0.2.1"));
  static_cast<void>(verify("t", "shop", "192.0.2.2"));
  static_cast<void>(verify("t", "shop", "192.0.2.2", "https://o"));
  BOOST_TEST(asked() == 4U);
}

BOOST_AUTO_TEST_CASE(a_changed_configuration_forgets_verdicts_and_makes_instances_anew) {
  ScriptedPlugins::get().on(allows("ann"));
  configure({spec("script")});
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(ScriptedPlugins::get().created() == 1);
  configure({spec("script")});
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(asked() == 2U);
  BOOST_TEST(ScriptedPlugins::get().created() == 2);
  BOOST_TEST(eventually([] { return ScriptedPlugins::get().destroyed() == 1; }));
  configure({});
  BOOST_TEST(outcome("t") == "unauthorized");
}

BOOST_AUTO_TEST_CASE(one_apps_verdicts_are_not_anothers) {
  const App other = *store.createApp({"other", {}, {spec("script")}});
  configure({spec("script")});
  ScriptedPlugins::get().on(allows("ann"));
  const auto here = verify("t", "shop");
  const auto there = verify("t", "other");
  BOOST_TEST(asked() == 2U);
  BOOST_TEST((here->user.id != there->user.id));
  BOOST_TEST((there->app.id == other.id));
}

BOOST_AUTO_TEST_CASE(the_same_token_at_once_is_one_verification) {
  configure({spec("script")});
  std::vector<Outcome> all;
  for (int i = 0; i < 200; ++i) all.push_back(start("t"));
  BOOST_REQUIRE(eventually([&] { return asked() == 1; }));
  ScriptedPlugins::get().asked().at(0).complete(CHATD_ALLOW, "ann");
  for (Outcome& o : all) BOOST_TEST(text(wait(std::move(o))) == "user:ann");
  BOOST_TEST(asked() == 1U);
}

BOOST_AUTO_TEST_CASE(a_token_whose_verdict_comes_at_once_is_asked_about_once) {
  configure({spec("script")});
  ScriptedPlugins::get().on(allows("ann"));
  constexpr int kTokens = 500;
  std::vector<Outcome> all;
  for (int token = 0; token < kTokens; ++token) {
    for (int i = 0; i < 8; ++i) all.push_back(start(std::to_string(token)));
    if (token % 8 != 7) continue;
    for (Outcome& o : all) BOOST_TEST(text(wait(std::move(o))) == "user:ann");
    all.clear();
  }
  for (Outcome& o : all) BOOST_TEST(text(wait(std::move(o))) == "user:ann");
  BOOST_TEST(asked() == kTokens);
}

BOOST_AUTO_TEST_CASE(an_app_has_sixty_four_verifications_at_once_and_another_app_is_not_touched) {
  configure({spec("script")});
  const App other = *store.createApp({"other", {}, {spec("second")}});
  ScriptedPlugins::get().on([](const Asked& a) {
    if (a.plugin == "second") a.complete(CHATD_ALLOW, "bob");
  });
  std::vector<Outcome> all;
  for (int i = 0; i < 64; ++i) all.push_back(start("t" + std::to_string(i)));
  BOOST_REQUIRE(eventually([&] { return asked() == 64; }));
  const auto refused = verify("one more");
  BOOST_TEST(text(refused) == "busy");
  BOOST_TEST((refused.error().retryAfter().count() > 0));
  BOOST_TEST(outcome("t", "other") == "user:bob");
  registerToken(ann, "registered");
  BOOST_TEST(outcome("registered") == "user:ann");
  for (const Asked& a : ScriptedPlugins::get().asked()) {
    if (a.plugin == "script") a.complete(CHATD_ALLOW, "ann");
  }
  for (Outcome& o : all) BOOST_TEST(text(wait(std::move(o))) == "user:ann");
  ScriptedPlugins::get().on(allows("ann"));
  BOOST_TEST(outcome("one more") == "user:ann");
}

BOOST_AUTO_TEST_CASE(a_verifier_that_does_not_answer_in_time_is_unavailable_and_its_late_answer_is_dropped) {
  configure({spec("script", milliseconds(50))});
  BOOST_TEST(outcome("t") == "verifier_unavailable");
  BOOST_TEST(ScriptedPlugins::get().cancelled() == 1);
  const Asked late = ScriptedPlugins::get().asked().at(0);
  late.complete(CHATD_ALLOW, "ann");
  ScriptedPlugins::get().on(allows("ann"));
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(asked() == 2U);
}

BOOST_AUTO_TEST_CASE(a_job_is_completed_once_and_every_other_completion_is_dropped_and_logged) {
  configure({spec("script")});
  ScriptedPlugins::get().on([](const Asked& a) {
    a.complete(CHATD_DENY);
    a.complete(CHATD_ALLOW, "ann");
    Asked foreign = a;
    for (const chatd_job job : {chatd_job{0}, a.job + 1, a.job + (chatd_job{1} << 32), ~chatd_job{0}}) {
      foreign.job = job;
      foreign.complete(CHATD_ALLOW, "ann");
    }
  });
  BOOST_TEST(outcome("t") == "unauthorized");
  BOOST_TEST(eventually([&] { return log().find("completed before") != std::string::npos; }));
  BOOST_TEST(outcome("t") == "unauthorized");
}

BOOST_AUTO_TEST_CASE(one_instance_cannot_complete_the_job_of_another) {
  configure({spec("script"), spec("second")});
  ScriptedPlugins::get().on([](const Asked& a) {
    if (a.plugin == "script") a.complete(CHATD_DEFER);
  });
  Outcome first = start("t");
  BOOST_REQUIRE(eventually([&] { return asked() == 2; }));
  const auto all = ScriptedPlugins::get().asked();
  Asked forged = all[0];
  forged.job = all[1].job;
  forged.complete(CHATD_ALLOW, "ann");
  all[1].complete(CHATD_DENY);
  BOOST_TEST(text(wait(std::move(first))) == "unauthorized");
}

BOOST_AUTO_TEST_CASE(a_verify_that_fails_to_start_is_unavailable) {
  configure({spec("script")});
  ScriptedPlugins::get().failVerify();
  BOOST_TEST(outcome("t") == "verifier_unavailable");
}

BOOST_AUTO_TEST_CASE(an_instance_lives_until_its_last_job_is_completed) {
  configure({spec("script", milliseconds(50))});
  BOOST_TEST(outcome("t") == "verifier_unavailable");
  configure({spec("second")});
  ScriptedPlugins::get().on([](const Asked& a) { a.complete(CHATD_ALLOW, "ann"); });
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(ScriptedPlugins::get().destroyed() == 0);
  ScriptedPlugins::get().asked().at(0).complete(CHATD_ALLOW, "ann");
  BOOST_TEST(eventually([] { return ScriptedPlugins::get().destroyed() == 1; }));
}

BOOST_AUTO_TEST_CASE(a_revoked_user_is_not_attached_and_not_let_in_by_what_was_verified_before) {
  configure({spec("script")});
  ScriptedPlugins::get().on(allows("ann"));
  const auto before = verify("t");
  BOOST_REQUIRE(before.ok());
  const auto other = verify("t2");
  chain->revoked(ann.id);
  BOOST_TEST(!chain->current(*before));
  BOOST_TEST(asked() == 2U);
  const auto after = verify("t");
  BOOST_TEST(text(after) == "user:ann");
  BOOST_TEST(asked() == 3U);
  BOOST_TEST(chain->current(*after));
  ScriptedPlugins::get().on(says(CHATD_DENY));
  BOOST_TEST(outcome("t2") == "unauthorized");
}

BOOST_AUTO_TEST_CASE(a_revocation_while_the_verifier_is_asked_is_not_overtaken_by_its_answer) {
  configure({spec("script")});
  Outcome early = start("t");
  BOOST_REQUIRE(eventually([&] { return asked() == 1; }));
  chain->revoked(ann.id);
  ScriptedPlugins::get().on(says(CHATD_DENY));
  ScriptedPlugins::get().asked().at(0).complete(CHATD_ALLOW, "ann");
  BOOST_TEST(text(wait(std::move(early))) == "unauthorized");
  BOOST_TEST(asked() == 2U);
}

BOOST_AUTO_TEST_CASE(another_users_revocation_changes_nothing) {
  configure({spec("script")});
  ScriptedPlugins::get().on(allows("ann"));
  const auto who = verify("t");
  chain->revoked(UserId{raw(ann.id) + 1000});
  BOOST_TEST(chain->current(*who));
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(asked() == 1U);
}

BOOST_AUTO_TEST_CASE(forgotten_revocations_close_the_door_and_never_open_it) {
  Revocations revocations(3);
  const std::uint64_t old = revocations.now();
  revocations.revoke(UserId{1});
  for (int i = 2; i < 10; ++i) revocations.revoke(UserId{i});
  BOOST_TEST(!revocations.holds(UserId{1}, old));
  BOOST_TEST(!revocations.holds(UserId{50}, old));
  BOOST_TEST(revocations.holds(UserId{50}, revocations.now()));
  BOOST_TEST(revocations.holds(UserId{1}, revocations.now()));
  for (int i = 0; i < 10; ++i) revocations.revoke(UserId{9});
  BOOST_TEST(!revocations.holds(UserId{9}, revocations.now() - 1));
}

BOOST_AUTO_TEST_CASE(an_address_that_fails_fifty_times_is_told_to_wait_and_valid_tokens_beside_it_are_not) {
  registerToken(ann, "t");
  for (int i = 0; i < 50; ++i) BOOST_TEST(outcome("bad" + std::to_string(i)) == "unauthorized");
  const auto refused = verify("bad again");
  BOOST_TEST(text(refused) == "rate_limited");
  BOOST_TEST((refused.error().retryAfter().count() > 0));
  BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(outcome("bad", "shop", "192.0.2.2") == "unauthorized");
  clock.advance(milliseconds(200));
  BOOST_TEST(outcome("bad") == "unauthorized");
}

BOOST_AUTO_TEST_CASE(a_whole_ipv6_network_of_sixty_four_bits_is_one_address) {
  for (int i = 0; i < 50; ++i) chain->failed("2001:db8::" + std::to_string(i + 1));
  BOOST_TEST(!chain->mayTry("2001:db8::ffff"));
  BOOST_TEST(chain->mayTry("2001:db8:0:1::1"));
  for (int i = 0; i < 50; ++i) chain->failed("::ffff:198.51.100.1");
  BOOST_TEST(!chain->mayTry("198.51.100.1"));
}

BOOST_AUTO_TEST_CASE(stop_answers_everything_that_is_under_way) {
  configure({spec("script")});
  std::vector<Outcome> all;
  for (int i = 0; i < 20; ++i) all.push_back(start("t" + std::to_string(i)));
  BOOST_REQUIRE(eventually([&] { return asked() == 20; }));
  std::thread answering([] {
    BOOST_REQUIRE(eventually([] { return ScriptedPlugins::get().cancelled() == 20; }));
    for (const Asked& a : ScriptedPlugins::get().asked()) a.complete(CHATD_ALLOW, "ann");
  });
  chain->stop();
  answering.join();
  for (Outcome& o : all) BOOST_TEST(text(wait(std::move(o))) == "verifier_unavailable");
  BOOST_TEST(outcome("t") == "verifier_unavailable");
  BOOST_TEST(ScriptedPlugins::get().destroyed() == 1);
}

BOOST_AUTO_TEST_CASE(an_app_is_read_once_for_many_handshakes_and_anew_when_it_changed) {
  registerToken(ann, "t");
  BOOST_TEST(outcome("t") == "user:ann");
  const int reads = store.appReads;
  for (int i = 0; i < 20; ++i) BOOST_TEST(outcome("t") == "user:ann");
  BOOST_TEST(store.appReads == reads);
  BOOST_REQUIRE(store.deleteApp(shop.id).ok());
  chain->appChanged(shop.id);
  BOOST_TEST(outcome("t") == "unauthorized");
}

BOOST_AUTO_TEST_SUITE_END()
