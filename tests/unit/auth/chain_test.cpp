// auth: registered tokens, the chain's rules, and who may come in.
#include "chain_fixture.h"

using namespace chatd;
using namespace chatd::test;

BOOST_FIXTURE_TEST_SUITE(auth_chain, ChainFixture)

BOOST_AUTO_TEST_CASE(a_registered_token_is_found_without_naming_the_app) {
  const Timestamp expires = clock.wall() + std::chrono::hours(1);
  registerToken(ann, "t", expires);
  const auto who = verify("t", std::nullopt);
  BOOST_REQUIRE(who.ok());
  BOOST_TEST((who->user.id == ann.id && who->app.id == shop.id));
  BOOST_TEST(who->token.has_value());
  BOOST_TEST((who->expiresAt == expires));
  BOOST_TEST(chain->current(*who));
}

BOOST_AUTO_TEST_CASE(an_app_is_named_by_its_id_or_its_name) {
  registerToken(ann, "t");
  BOOST_TEST(outcome("t", "shop") == "user:ann");
  BOOST_TEST(outcome("t", std::to_string(raw(shop.id))) == "user:ann");
}

BOOST_AUTO_TEST_CASE(a_token_of_another_app_is_unknown_in_the_named_one) {
  const App other = *store.createApp({"other", {}, {}});
  const User bob = store.upsertUser(other.id, "bob", false, {}, false)->user;
  registerToken(bob, "t");
  BOOST_TEST(outcome("t", "shop") == "unauthorized");
  BOOST_TEST(outcome("t", "other") == "user:bob");
  BOOST_TEST(outcome("t", std::nullopt) == "user:bob");
}

BOOST_AUTO_TEST_CASE(a_token_that_two_apps_hold_needs_the_app) {
  const App other = *store.createApp({"other", {}, {}});
  const User bob = store.upsertUser(other.id, "bob", false, {}, false)->user;
  registerToken(ann, "t");
  registerToken(bob, "t");
  BOOST_TEST(outcome("t", std::nullopt) == "app_required");
  BOOST_TEST(outcome("t", "shop") == "user:ann");
  BOOST_TEST(outcome("t", "other") == "user:bob");
}

BOOST_AUTO_TEST_CASE(an_expired_token_says_so_and_is_not_given_to_the_chain) {
  configure({spec("script")});
  ScriptedPlugins::get().on(allows("ann"));
  registerToken(ann, "t", clock.wall() + seconds(10));
  BOOST_TEST(outcome("t") == "user:ann");
  clock.advance(seconds(10));
  BOOST_TEST(outcome("t") == "token_expired");
  BOOST_TEST(asked() == 0U);
}

BOOST_AUTO_TEST_CASE(an_unknown_token_an_unknown_app_and_no_token_look_the_same) {
  for (const auto& r : {verify("x", std::nullopt), verify("x", "shop"), verify("x", "no-such"), verify("x", "999"),
                        verify("", "shop"), verify(std::string(9000, 'x'), "shop"), verify("x", "")}) {
    BOOST_REQUIRE(!r.ok());
    BOOST_TEST(r.error().wire() == "unauthorized");
    BOOST_TEST(r.error().detail() == std::string(row(Code::Unauthorized).text));
  }
}

BOOST_AUTO_TEST_CASE(the_first_allow_or_deny_of_the_chain_wins) {
  configure({spec("script"), spec("second")});
  ScriptedPlugins::get().on([](const Asked& a) {
    if (a.token == "both") return a.complete(CHATD_ALLOW, a.plugin);
    if (a.token == "no") return a.complete(a.plugin == "script" ? CHATD_DENY : CHATD_ALLOW, a.plugin);
    if (a.token == "later") return a.complete(a.plugin == "script" ? CHATD_DEFER : CHATD_ALLOW, a.plugin);
    if (a.token == "outage") return a.complete(a.plugin == "script" ? CHATD_UNAVAILABLE : CHATD_ALLOW, a.plugin);
    a.complete(CHATD_DEFER);
  });
  BOOST_TEST(outcome("both") == "user:script");
  BOOST_TEST(outcome("no") == "unauthorized");
  BOOST_TEST(outcome("later") == "user:second");
  BOOST_TEST(outcome("nobody") == "unauthorized");
  const auto before = asked();
  BOOST_TEST(outcome("outage") == "verifier_unavailable");
  BOOST_TEST(asked() == before + 1);
}

BOOST_AUTO_TEST_CASE(a_denial_may_say_that_the_token_expired_or_was_revoked) {
  configure({spec("script")});
  ScriptedPlugins::get().on([](const Asked& a) { a.complete(CHATD_DENY, "", -1, 0, "", a.token); });
  BOOST_TEST(outcome("token_expired") == "token_expired");
  BOOST_TEST(outcome("token_revoked") == "token_revoked");
  BOOST_TEST(outcome("internal") == "unauthorized");
}

BOOST_AUTO_TEST_CASE(room_grants_come_with_the_identity_from_the_cache_too) {
  configure({spec("script")});
  ScriptedPlugins::get().on([](const Asked& a) {
    if (a.token == "free") return a.complete(CHATD_ALLOW, "bob");
    a.complete(
        CHATD_ALLOW, "ann", -1, 0, "", "",
        {{sizeof(chatd_grant), CHATD_PERM_READ | CHATD_PERM_CREATE, {"hall-*", 6}}, {sizeof(chatd_grant), 0, {"*", 1}}});
  });
  const std::vector<Grants::Grant> wanted{{CHATD_PERM_READ, "hall-*"}, {0, "*"}};
  for (int i = 0; i < 2; ++i) {
    const auto who = verify("token");
    BOOST_REQUIRE(who.ok());
    BOOST_REQUIRE(who->grants() != nullptr);
    BOOST_TEST((who->grants()->list() == wanted));
  }
  BOOST_TEST(asked() == 1U);
  BOOST_TEST((verify("free")->grants() == nullptr));
}

BOOST_AUTO_TEST_CASE(a_live_session_asks_past_the_cache_and_without_the_budget_of_its_address) {
  options.failuresPerSecond = 1;
  options.failuresBurst = 1;
  make();
  configure({spec("script")});
  ScriptedPlugins::get().on(allows("ann"));
  BOOST_TEST((verify("token")->again() == nullptr));
  // Of a session the question is kept, whether or not its app asks again now.
  const auto enter = [&] {
    auto promise = std::make_shared<std::promise<Result<Identity>>>();
    auto future = promise->get_future();
    VerifyRequest request{"token", "shop", "192.0.2.1", ""};
    request.session = true;
    chain->verify(request, [promise](Result<Identity> r) { promise->set_value(std::move(r)); });
    return wait(std::move(future));
  };
  const auto who = enter();
  BOOST_REQUIRE(who.ok());
  BOOST_REQUIRE(who->again() != nullptr);
  BOOST_TEST(who->again()->app.value() == std::to_string(raw(shop.id)));
  const auto before = asked();
  BOOST_TEST(outcome("token") == "user:ann");
  BOOST_TEST(asked() == before);
  const auto again = [&] {
    auto promise = std::make_shared<std::promise<Result<Identity>>>();
    auto future = promise->get_future();
    chain->verify(*who->again(), [promise](Result<Identity> r) { promise->set_value(std::move(r)); });
    return text(wait(std::move(future)));
  };
  BOOST_TEST(again() == "user:ann");
  BOOST_TEST(asked() == before + 1);
  ScriptedPlugins::get().on([](const Asked& a) { a.complete(CHATD_DENY); });
  for (int i = 0; i < 3; ++i) BOOST_TEST(again() == "unauthorized");
  // What a session heard counts for those outside too.
  const auto denied = asked();
  BOOST_TEST(outcome("token") == "unauthorized");
  BOOST_TEST(asked() == denied);
  BOOST_TEST(outcome("token") == "rate_limited");
}

BOOST_AUTO_TEST_CASE(live_sessions_take_half_of_the_places_of_an_app_at_most) {
  options.perApp = 4;
  make();
  AppSettings asking = shop.settings;
  asking.reverify = seconds(60);
  settings(asking);
  configure({spec("script")});
  std::vector<std::future<Result<Identity>>> held;
  const auto ask = [&](const std::string& token, bool again) {
    auto promise = std::make_shared<std::promise<Result<Identity>>>();
    held.push_back(promise->get_future());
    VerifyRequest request{token, "shop", "192.0.2.1", ""};
    request.again = again;
    chain->verify(request, [promise](Result<Identity> r) { promise->set_value(std::move(r)); });
  };
  for (int i = 0; i < 3; ++i) ask("again-" + std::to_string(i), true);
  BOOST_TEST(eventually([&] { return asked() == 2; }));
  // Whichever came last has been refused, and is not still on its way.
  BOOST_TEST(eventually([&] {
    return std::any_of(held.begin(), held.end(),
                       [](auto& one) { return one.wait_for(seconds(0)) == std::future_status::ready; });
  }));
  for (int i = 0; i < 2; ++i) ask("outside-" + std::to_string(i), false);
  BOOST_TEST(eventually([&] { return asked() == 4; }));
  for (const Asked& one : ScriptedPlugins::get().asked()) one.complete(CHATD_ALLOW, "ann");
  std::map<std::string, int> outcomes;
  for (auto& one : held) ++outcomes[text(wait(std::move(one)))];
  BOOST_TEST(outcomes["user:ann"] == 4);
  BOOST_TEST(outcomes["busy"] == 1);
}

BOOST_AUTO_TEST_CASE(grants_that_cannot_be_read_keep_the_door_shut) {
  configure({spec("script")});
  ScriptedPlugins::get().on([](const Asked& a) {
    const std::string longGlob(129, 'g');
    const chatd_grant good{sizeof(chatd_grant), CHATD_PERM_READ, {"*", 1}};
    std::vector<chatd_grant> grants{good};
    if (a.token == "long") grants[0].room_glob = {longGlob.data(), longGlob.size()};
    if (a.token == "empty") grants[0].room_glob = {nullptr, 0};
    if (a.token == "control") grants[0].room_glob = {"a\nb", 3};
    if (a.token == "small") grants[0].struct_size = 8;
    if (a.token == "many") grants.assign(65, good);
    if (a.token == "second") grants.push_back({sizeof(chatd_grant), 1, {"\xFF", 1}});
    a.complete(CHATD_ALLOW, "ann", -1, 0, "", "", grants);
  });
  for (const char* token : {"long", "empty", "control", "small", "many", "second"}) {
    BOOST_TEST(outcome(token) == "verifier_unavailable", token);
  }
  BOOST_TEST((log().find("more than 64 grants") != std::string::npos));
  BOOST_TEST(outcome("good") == "user:ann");
}

BOOST_AUTO_TEST_CASE(an_allow_without_a_user_keeps_the_door_shut_and_is_logged_without_the_token) {
  configure({spec("script")});
  ScriptedPlugins::get().on(allows(""));
  BOOST_TEST(outcome("s3cret-token") == "verifier_unavailable");
  BOOST_TEST((log().find("without naming a user") != std::string::npos));
  BOOST_TEST((log().find("s3cret") == std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_plugin_that_breaks_its_contract_keeps_the_door_shut) {
  configure({spec("script", seconds(30), milliseconds(0))});
  ScriptedPlugins::get().on([](const Asked& a) {
    if (a.token == "verdict") return a.complete(77, "ann");
    if (a.token == "negative") return a.complete(CHATD_ALLOW, "ann", -1, -5);
    if (a.token == "control") return a.complete(CHATD_ALLOW, "an\nn");
    if (a.token == "utf8") return a.complete(CHATD_ALLOW, "\xFF");
    if (a.token == "long") return a.complete(CHATD_ALLOW, std::string(256, 'a'));
    if (a.token == "null") return a.host->complete(a.host->ctx, a.job, nullptr);
    chatd_result tiny{};
    tiny.struct_size = 4;
    tiny.verdict = CHATD_ALLOW;
    a.host->complete(a.host->ctx, a.job, &tiny);
  });
  for (const char* token : {"verdict", "negative", "control", "utf8", "long", "null", "tiny"}) {
    BOOST_TEST(outcome(token) == "verifier_unavailable", token);
  }
}

BOOST_AUTO_TEST_CASE(an_unknown_user_is_created_with_the_names_that_the_verifier_gave) {
  configure({spec("script")});
  ScriptedPlugins::get().on([](const Asked& a) {
    a.complete(CHATD_ALLOW, "new", -1, 0, R"({"firstName":"Nell","lastName":"Ward","middleName":7,"other":"x"})");
  });
  const auto who = verify("t");
  BOOST_REQUIRE(who.ok());
  BOOST_TEST(who->user.firstName.value() == "Nell");
  BOOST_TEST(who->user.lastName.value() == "Ward");
  BOOST_TEST(!who->user.middleName.has_value());
  BOOST_TEST(!who->token.has_value());
}

BOOST_AUTO_TEST_CASE(an_unknown_user_is_refused_where_users_are_not_created) {
  AppSettings closed;
  closed.autoCreateUsers = false;
  settings(closed);
  configure({spec("script")});
  ScriptedPlugins::get().on([](const Asked& a) { a.complete(CHATD_ALLOW, a.token); });
  BOOST_TEST(outcome("nobody") == "unknown_user");
  BOOST_TEST(outcome("ann") == "user:ann");
}

BOOST_AUTO_TEST_CASE(deleted_and_banned_win_over_everything) {
  configure({spec("script")});
  ScriptedPlugins::get().on(allows("ann"));
  registerToken(ann, "registered");
  BOOST_TEST(outcome("by-plugin") == "user:ann");
  BOOST_REQUIRE(store.setBan(ann.id, Ban{clock.wall() + seconds(30), std::nullopt}).ok());
  BOOST_TEST(outcome("by-plugin") == "banned");
  BOOST_TEST(outcome("registered") == "banned");
  clock.advance(seconds(30));
  BOOST_TEST(outcome("by-plugin") == "user:ann");
  BOOST_TEST(outcome("registered") == "user:ann");
  BOOST_REQUIRE(store.setBan(ann.id, Ban{}).ok());
  BOOST_TEST(outcome("registered") == "banned");
  BOOST_REQUIRE(store.deleteUser(ann.id).ok());
  BOOST_TEST(outcome("by-plugin") == "user_deleted");
}

// An admin who tries a token out hears what its bearer would.
BOOST_AUTO_TEST_CASE(a_trace_ends_with_what_chatd_itself_refuses) {
  configure({spec("script")});
  const std::int64_t now = micros(clock.wall()) / 1000;
  ScriptedPlugins::get().on([now](const Asked& a) { a.complete(CHATD_ALLOW, a.token, -1, a.token == "old" ? now : 0); });
  const auto said = [&](const std::string& token) {
    const auto steps = chain->trace(shop, token);
    if (!steps.ok()) return std::string(steps.error().wire());
    const VerifierStep& last = steps->back();
    return last.plugin + " " + std::string(kindText(last.verdict.kind)) + " " + last.verdict.errorCode;
  };
  BOOST_TEST(said("ann") == "script allow ");
  BOOST_TEST(said("new") == "script allow ");
  BOOST_TEST(said("old") == "chatd deny token_expired");
  registerToken(ann, "registered", clock.wall() + seconds(5));
  BOOST_TEST(said("registered") == "registered allow ");
  BOOST_REQUIRE(store.setBan(ann.id, Ban{}).ok());
  BOOST_TEST(said("ann") == "chatd deny banned");
  BOOST_TEST(said("registered") == "chatd deny banned");
  clock.advance(seconds(6));
  BOOST_TEST(said("registered") == "registered deny token_expired");
  AppSettings closed;
  closed.autoCreateUsers = false;
  settings(closed);
  BOOST_TEST(said("new") == "chatd deny unknown_user");
  closed.enabled = false;
  settings(closed);
  BOOST_TEST(said("new") == "chatd deny app_disabled");
}

BOOST_AUTO_TEST_CASE(an_expiry_that_has_passed_is_an_expired_token) {
  configure({spec("script")});
  const std::int64_t now = micros(clock.wall()) / 1000;
  ScriptedPlugins::get().on(
      [now](const Asked& a) { a.complete(CHATD_ALLOW, "ann", -1, a.token == "old" ? now : now + 5000); });
  BOOST_TEST(outcome("old") == "token_expired");
  const auto who = verify("good");
  BOOST_REQUIRE(who.ok());
  BOOST_TEST((micros(who->expiresAt.value()) / 1000 == now + 5000));
}

BOOST_AUTO_TEST_CASE(a_store_that_cannot_be_reached_is_no_bad_token) {
  registerToken(ann, "t");
  store.broken = true;
  BOOST_TEST(outcome("t") == "store_unavailable");
  BOOST_TEST(outcome("t", std::nullopt) == "store_unavailable");
  for (int i = 0; i < 200; ++i) static_cast<void>(outcome("t"));
  store.broken = false;
  BOOST_TEST(outcome("t") == "user:ann");
}

BOOST_AUTO_TEST_CASE(verify_returns_while_the_store_hangs) {
  registerToken(ann, "t");
  store.shut(true);
  std::vector<Outcome> waiting;
  for (int i = 0; i < 100; ++i) waiting.push_back(start("t"));
  store.shut(false);
  for (Outcome& o : waiting) BOOST_TEST(text(wait(std::move(o))) == "user:ann");
}

BOOST_AUTO_TEST_CASE(peer_data_reaches_only_a_plugin_that_says_it_reads_it) {
  configure({spec("script"), spec("peer")});
  ScriptedPlugins::get().on(says(CHATD_DEFER));
  static_cast<void>(verify("t", "shop", "192.0.2.9", "https://o"));
  const auto all = ScriptedPlugins::get().asked();
  BOOST_REQUIRE(all.size() == 2U);
  BOOST_TEST(all[0].clientIp == "");
  BOOST_TEST(all[0].origin == "");
  BOOST_TEST(all[1].clientIp == "192.0.2.9");
  BOOST_TEST(all[1].origin == "https://o");
}

BOOST_AUTO_TEST_CASE(a_configuration_is_judged_before_it_is_stored) {
  const auto fault = [&](VerifierSpec s) {
    const auto r = chain->check({shop.id, shop.name}, {spec("script"), std::move(s)});
    return r.ok() ? std::string() : r.error().fields().at(0).field + ": " + r.error().fields().at(0).detail;
  };
  BOOST_TEST(fault(spec("second")) == "");
  BOOST_TEST(fault(spec("nonesuch")) ==
             "verifiers[1].plugin: there is no plugin \"nonesuch\"; known are: peer, script, second");
  VerifierSpec refused = spec("second");
  refused.config = R"({"refuse":true})";
  BOOST_TEST(fault(refused) == "verifiers[1].config: refuse: must not be set");
  BOOST_TEST(fault(spec("second", milliseconds(0))).starts_with("verifiers[1].timeoutMs"));
  BOOST_TEST(fault(spec("second", seconds(1), milliseconds(-1))).starts_with("verifiers[1].cacheTtlMs"));
  VerifierSpec isolated = spec("second");
  isolated.isolation = "process";
  BOOST_TEST(fault(isolated).starts_with("verifiers[1].isolation"));
  BOOST_TEST(eventually([] { return ScriptedPlugins::get().created() == ScriptedPlugins::get().destroyed(); }));
}

BOOST_AUTO_TEST_SUITE_END()
