// auth: accounts, app keys, peers, and the limits on guessing.
#include "auth/authenticator.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>
#include <ctime>
#include <limits>

#include "chain_fixture.h"

using namespace chatd;
using namespace chatd::test;

namespace {

struct AuthFixture : ChainFixture {
  Authenticator auth{store, store, *chain, clock, kServerKey};

  Result<Principal> who(const std::string& bearer, const std::string& ip = "192.0.2.1") {
    Presented presented;
    presented.bearer = bearer;
    presented.app = "shop";
    presented.peer.ip = ip;
    return ask(presented);
  }
  Result<Principal> ask(const Presented& presented) {
    auto promise = std::make_shared<std::promise<Result<Principal>>>();
    auto future = promise->get_future();
    auth.authenticate(presented, [promise](Result<Principal> r) { promise->set_value(std::move(r)); });
    if (future.wait_for(seconds(60)) != std::future_status::ready) return Error(Code::Internal, "never answered");
    return future.get();
  }
  std::string subject(const std::string& bearer, const std::string& ip = "192.0.2.1") {
    const auto r = who(bearer, ip);
    return r.ok() ? r->subject() : std::string(r.error().wire());
  }
  std::string loginCode(const std::string& login, const std::string& password, const std::string& ip = "192.0.2.1") {
    const auto r = auth.login(login, password, ip);
    return r.ok() ? "ok" : std::string(r.error().wire());
  }
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(auth_authenticator, AuthFixture)

BOOST_AUTO_TEST_CASE(a_login_gives_a_token_that_counts_for_a_day_and_until_logout) {
  const auto account = auth.createAccount("root", "correct horse", AccountRole::Operator, {});
  BOOST_REQUIRE(account.ok());
  const auto login = auth.login("root", "correct horse", "192.0.2.1");
  BOOST_REQUIRE(login.ok());
  BOOST_TEST((login->token.starts_with("ca_") && login->token.size() == 46));
  BOOST_TEST((login->expiresAt == clock.wall() + std::chrono::hours(24)));
  const auto principal = who(login->token);
  BOOST_REQUIRE(principal.ok());
  BOOST_TEST(principal->isOperator());
  BOOST_TEST(principal->subject() == "account:" + std::to_string(raw(account->id)));
  clock.advance(std::chrono::hours(24));
  BOOST_TEST(subject(login->token) == "unauthorized");

  const auto again = auth.login("root", "correct horse", "192.0.2.1");
  BOOST_TEST(who(again->token).ok());
  BOOST_TEST(auth.logout(again->token).ok());
  BOOST_TEST(subject(again->token) == "unauthorized");
  BOOST_TEST(!auth.logout(again->token).ok());
  BOOST_TEST(!auth.logout("not one of ours").ok());
}

BOOST_AUTO_TEST_CASE(a_wrong_password_and_an_unknown_login_cannot_be_told_apart) {
  BOOST_REQUIRE(auth.createAccount("root", "correct horse", AccountRole::Operator, {}).ok());
  // Of the processor, so that it does not depend on what else the machine does.
  const auto timed = [&](const std::string& login) {
    std::clock_t best = std::numeric_limits<std::clock_t>::max();
    for (int i = 0; i < 3; ++i) {
      const std::clock_t begin = std::clock();
      const auto r = auth.login(login, "wrong", "192.0.2.1");
      best = std::min(best, std::clock() - begin);
      BOOST_REQUIRE(!r.ok());
      BOOST_TEST(r.error().wire() == "unauthorized");
      BOOST_TEST(r.error().detail() == std::string(row(Code::Unauthorized).text));
    }
    return best;
  };
  const auto known = timed("root");
  const auto unknown = timed("nobody");
  BOOST_TEST((unknown * 3 > known && known * 3 > unknown));
}

BOOST_AUTO_TEST_CASE(five_failed_logins_a_minute_and_no_more_whatever_the_address) {
  BOOST_REQUIRE(auth.createAccount("root", "correct horse", AccountRole::Operator, {}).ok());
  for (int i = 0; i < 20; ++i) BOOST_TEST(loginCode("root", "correct horse") == "ok");
  for (int i = 0; i < 5; ++i) BOOST_TEST(loginCode("root", "wrong", "198.51.100." + std::to_string(i)) == "unauthorized");
  const auto refused = auth.login("root", "correct horse", "198.51.100.99");
  BOOST_REQUIRE(!refused.ok());
  BOOST_TEST(refused.error().wire() == "rate_limited");
  BOOST_TEST(refused.error().retryAfter().count() == 12);
  for (int i = 0; i < 5; ++i) BOOST_TEST(loginCode("nobody", "wrong") == "unauthorized");
  BOOST_TEST(loginCode("nobody", "wrong") == "rate_limited");
  clock.advance(seconds(12));
  BOOST_TEST(loginCode("root", "correct horse") == "ok");
}

BOOST_AUTO_TEST_CASE(many_logins_at_once_do_not_get_around_the_limit) {
  BOOST_REQUIRE(auth.createAccount("root", "correct horse", AccountRole::Operator, {}).ok());
  std::atomic<int> judged{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 16; ++i) {
    threads.emplace_back([&] {
      if (loginCode("root", "wrong", "") == "unauthorized") ++judged;
    });
  }
  for (std::thread& t : threads) t.join();
  BOOST_TEST(judged == 5);
}

BOOST_AUTO_TEST_CASE(an_address_that_guesses_keys_waits) {
  for (int i = 0; i < 50; ++i) BOOST_TEST(subject(Authenticator::newSecret("ck_")) == "unauthorized");
  BOOST_TEST(subject(Authenticator::newSecret("ck_")) == "rate_limited");
  BOOST_TEST(loginCode("root", "x") == "rate_limited");
  BOOST_TEST(subject("some-user-token") == "rate_limited");
  const auto made = auth.createKey(shop.id);
  BOOST_REQUIRE(made.ok());
  BOOST_TEST(subject(made->secret).starts_with("key:"));  // a valid one is not locked out by the guesses
  BOOST_TEST(subject(Authenticator::newSecret("ck_"), "192.0.2.77") == "unauthorized");
}

BOOST_AUTO_TEST_CASE(an_app_key_speaks_for_its_app_and_costs_one_read_for_many_requests) {
  const auto made = auth.createKey(shop.id);
  BOOST_REQUIRE(made.ok());
  BOOST_TEST((made->secret.starts_with("ck_") && made->secret.ends_with(made->key.hint)));
  const auto principal = who(made->secret);
  BOOST_REQUIRE(principal.ok());
  BOOST_TEST((principal->ownApp() == shop.id));
  BOOST_TEST(principal->mayAdminister(shop.id));
  BOOST_TEST(!principal->mayAdminister(AppId{999}));
  BOOST_TEST(!principal->isOperator());
  const int reads = store.reads;
  for (int i = 0; i < 100; ++i) BOOST_TEST(who(made->secret).ok());
  BOOST_TEST(store.reads == reads);
  clock.advance(seconds(2));
  BOOST_TEST(who(made->secret).ok());
  BOOST_TEST(store.reads == reads + 1);
}

BOOST_AUTO_TEST_CASE(a_deleted_key_and_the_keys_of_a_deleted_app_end_at_once) {
  const auto first = auth.createKey(shop.id);
  const auto second = auth.createKey(shop.id);
  BOOST_TEST((who(first->secret).ok() && who(second->secret).ok()));
  BOOST_TEST(auth.deleteKey(shop.id, first->key.id).ok());
  BOOST_TEST(subject(first->secret) == "unauthorized");
  BOOST_TEST(who(second->secret).ok());
  BOOST_TEST(!auth.deleteKey(AppId{999}, second->key.id).ok());
  BOOST_REQUIRE(store.deleteApp(shop.id).ok());
  auth.appClosed(shop.id);
  BOOST_TEST(subject(second->secret) == "unauthorized");
  BOOST_TEST((auth.createKey(shop.id).error().code() == Code::NotFound));
}

BOOST_AUTO_TEST_CASE(a_rotated_key_counts_for_its_grace) {
  const auto old = auth.createKey(shop.id);
  BOOST_TEST(who(old->secret).ok());
  const auto fresh = auth.rotateKey(shop.id, seconds(60));
  BOOST_REQUIRE(fresh.ok());
  BOOST_TEST((who(old->secret)->expiresAt == clock.wall() + seconds(60)));
  BOOST_TEST(!who(fresh->secret)->expiresAt.has_value());
  clock.advance(seconds(60));
  BOOST_TEST(subject(old->secret) == "unauthorized");
  BOOST_TEST(who(fresh->secret).ok());
  const auto third = auth.rotateKey(shop.id, seconds(0));
  BOOST_TEST(subject(fresh->secret) == "unauthorized");
  BOOST_TEST(who(third->secret).ok());
}

BOOST_AUTO_TEST_CASE(a_changed_account_counts_as_changed_at_once) {
  const auto account = auth.createAccount("olga", "correct horse", AccountRole::Owner, {shop.id});
  const auto login = auth.login("olga", "correct horse", "192.0.2.1");
  BOOST_TEST(who(login->token)->mayAdminister(shop.id));
  BOOST_TEST(!who(login->token)->isOperator());
  Authenticator::AccountChange change;
  change.apps = std::vector<AppId>{};
  BOOST_REQUIRE(auth.updateAccount(account->id, change).ok());
  BOOST_TEST(!who(login->token)->mayAdminister(shop.id));
  change = {};
  change.password = "battery staple";
  BOOST_REQUIRE(auth.updateAccount(account->id, change).ok());
  BOOST_TEST(subject(login->token) == "unauthorized");
  BOOST_TEST(loginCode("olga", "correct horse") == "unauthorized");
  const auto again = auth.login("olga", "battery staple", "192.0.2.1");
  BOOST_REQUIRE(again.ok());
  BOOST_TEST(who(again->token).ok());
  BOOST_REQUIRE(auth.deleteAccount(account->id).ok());
  BOOST_TEST(subject(again->token) == "unauthorized");
}

BOOST_AUTO_TEST_CASE(a_login_and_a_password_have_a_form) {
  for (const std::string& bad :
       {std::string(), std::string(129, 'a'), std::string("a\nb"), std::string(" a"), std::string("\xFF")}) {
    const auto r = auth.createAccount(bad, "correct horse", AccountRole::Owner, {});
    BOOST_TEST((!r.ok() && r.error().fields().at(0).field == "login"));
  }
  for (const std::string& bad : {std::string("1234567"), std::string(1025, 'a')}) {
    const auto r = auth.createAccount("olga", bad, AccountRole::Owner, {});
    BOOST_TEST((!r.ok() && r.error().fields().at(0).field == "password"));
  }
  BOOST_TEST(auth.createAccount("olga", "12345678", AccountRole::Owner, {}).ok());
  BOOST_TEST((auth.createAccount("olga", "12345678", AccountRole::Owner, {}).error().code() == Code::AlreadyExists));
}

BOOST_AUTO_TEST_CASE(no_secret_is_stored) {
  BOOST_REQUIRE(auth.createAccount("root", "correct horse", AccountRole::Operator, {}).ok());
  const auto login = auth.login("root", "correct horse", "192.0.2.1");
  const auto key = auth.createKey(shop.id);
  BOOST_REQUIRE(store.addToken(shop.id, ann.id, auth.tokenHash("user-token"), std::nullopt).ok());
  const std::string disk = store.secretsOnDisk();
  BOOST_TEST((disk.find("$argon2id$v=19$m=19456,t=2,p=1$") != std::string::npos));
  for (const std::string& secret :
       {std::string("correct horse"), login->token.substr(3), key->secret.substr(3), std::string("user-token")}) {
    BOOST_TEST((disk.find(secret) == std::string::npos));
  }
  BOOST_TEST(subject("user-token") == "user:" + std::to_string(raw(ann.id)));
}

BOOST_AUTO_TEST_CASE(anything_that_is_no_key_and_no_account_token_is_a_user_token) {
  for (const std::string& token : {std::string("ck_short"), "ck_" + std::string(43, '!'), "ca_" + std::string(44, 'a')}) {
    registerToken(ann, token);
    BOOST_TEST(subject(token) == "user:" + std::to_string(raw(ann.id)));
  }
}

BOOST_AUTO_TEST_CASE(an_unreachable_store_is_no_bad_credential) {
  const auto key = auth.createKey(shop.id);
  store.broken = true;
  BOOST_TEST(subject(key->secret) == "store_unavailable");
  BOOST_TEST(loginCode("root", "x") == "store_unavailable");
  BOOST_TEST((auth.logout(Authenticator::newSecret("ca_")).error().code() == Code::StoreUnavailable));
}

BOOST_AUTO_TEST_CASE(an_admitted_peer_is_an_operator_and_any_other_presents_a_credential) {
  Presented presented;
  BOOST_TEST((ask(presented).error().code() == Code::Unauthorized));
  presented.peer.unixSocket = true;
  presented.peer.uid = ::geteuid();
  BOOST_REQUIRE(ask(presented).ok());
  BOOST_TEST(ask(presented)->isOperator());
  BOOST_TEST(ask(presented)->subject() == "peer:0");
  presented.peer.uid = 0;
  BOOST_TEST(ask(presented).ok());
  presented.peer.uid = 54'321;
  presented.peer.gid = 54'321;
  presented.peer.groups = {54'322, 54'323};
  BOOST_TEST((ask(presented).error().code() == Code::Unauthorized));
  presented.peer.uid = 0;
  presented.peer.unixSocket = false;
  BOOST_TEST((ask(presented).error().code() == Code::Unauthorized));
  if (const group* chatd = ::getgrnam("chatd")) {
    presented.peer = {};
    presented.peer.unixSocket = true;
    presented.peer.uid = 54'321;
    presented.peer.groups = {54'322, chatd->gr_gid};
    BOOST_TEST(ask(presented).ok());
  }
}

BOOST_AUTO_TEST_SUITE_END()
