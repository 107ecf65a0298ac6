// Accounts, their tokens, app keys, registered tokens and idempotency keys. Runs on every database.
#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;

namespace {

std::string hashOf(char c) { return std::string(32, c); }

}  // namespace

BOOST_AUTO_TEST_SUITE(credentials)

BOOST_AUTO_TEST_CASE_TEMPLATE(accounts_are_made_found_changed_and_deleted, Db, Databases) {
  Fixture<Db> f;
  const AppId one = f.app("one");
  const AppId two = f.app("two");
  const Account made = must(f.credentials().createAccount("ann", "secret-hash", AccountRole::Owner, {two, one}));
  BOOST_CHECK((made.apps == std::vector<AppId>{one, two}));
  BOOST_TEST(codeOf(f.credentials().createAccount("ann", "x", AccountRole::Operator, {})) == "already_exists");
  BOOST_TEST(codeOf(f.credentials().createAccount("eve", "x", AccountRole::Owner, {AppId{999}})) == "not_found");
  BOOST_TEST(codeOf(f.credentials().accountByLogin("eve")) == "not_found");
  const auto secret = must(f.credentials().accountByLogin("ann"));
  BOOST_TEST(secret.passwordHash == "secret-hash");
  BOOST_TEST(raw(secret.account.id) == raw(made.id));

  AccountPatch patch;
  patch.role = AccountRole::Operator;
  patch.apps = std::vector<AppId>{};
  const Account changed = must(f.credentials().updateAccount(made.id, patch));
  BOOST_CHECK(changed.role == AccountRole::Operator);
  BOOST_TEST(changed.apps.empty());
  BOOST_TEST(must(f.credentials().accountByLogin("ann")).passwordHash == "secret-hash");
  must(f.credentials().createAccount("bob", "x", AccountRole::Operator, {}));
  const auto page = must(f.credentials().accounts({1, {}}));
  BOOST_TEST(page.items.at(0).login == "ann");
  BOOST_TEST(must(f.credentials().accounts({1, page.next})).items.at(0).login == "bob");
  must(f.credentials().deleteAccount(made.id));
  BOOST_TEST(codeOf(f.credentials().account(made.id)) == "not_found");
  BOOST_TEST(codeOf(f.credentials().deleteAccount(made.id)) == "not_found");
  BOOST_TEST(codeOf(f.credentials().updateAccount(made.id, {})) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_account_token_ends_by_time_logout_password_and_deletion, Db, Databases) {
  Fixture<Db> f;
  const AccountId id = must(f.credentials().createAccount("ann", "x", AccountRole::Operator, {})).id;
  const Timestamp now = f.clock.wall();
  const Timestamp later = now + std::chrono::hours(1);
  for (const char c : {'a', 'b', 'c'}) must(f.credentials().addAccountToken(id, hashOf(c), later));
  const auto session = must(f.credentials().accountByToken(hashOf('a'), now));
  BOOST_TEST(session.account.login == "ann");
  BOOST_TEST(micros(session.expiresAt) == micros(later));
  BOOST_TEST(codeOf(f.credentials().accountByToken(hashOf('a'), later)) == "not_found");
  must(f.credentials().deleteAccountToken(hashOf('a')));
  BOOST_TEST(codeOf(f.credentials().accountByToken(hashOf('a'), now)) == "not_found");
  AccountPatch password;
  password.passwordHash = "new";
  must(f.credentials().updateAccount(id, password));
  BOOST_TEST(codeOf(f.credentials().accountByToken(hashOf('b'), now)) == "not_found");
  must(f.credentials().addAccountToken(id, hashOf('d'), later));
  must(f.credentials().deleteAccount(id));
  BOOST_TEST(codeOf(f.credentials().accountByToken(hashOf('d'), now)) == "not_found");
  BOOST_TEST(codeOf(f.credentials().addAccountToken(id, hashOf('e'), later)) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(app_keys_rotate_with_grace, Db, Databases) {
  Fixture<Db> f;
  const AppId app = f.app();
  const AppKey old = must(f.credentials().addKey(app, hashOf('a'), "1234"));
  const AppKey fresh = must(f.credentials().addKey(app, hashOf('b'), "5678"));
  const Timestamp now = f.clock.wall();
  const Timestamp end = now + std::chrono::minutes(1);
  must(f.credentials().expireOtherKeys(app, fresh.id, end));
  must(f.credentials().expireOtherKeys(app, fresh.id, end + std::chrono::hours(1)));  // does not lengthen
  BOOST_TEST(raw(must(f.credentials().keyByHash(hashOf('a'), now)).id) == raw(old.id));
  BOOST_TEST(codeOf(f.credentials().keyByHash(hashOf('a'), end)) == "not_found");
  BOOST_TEST(must(f.credentials().keyByHash(hashOf('b'), end)).hint == "5678");
  BOOST_TEST(must(f.credentials().keys(app)).size() == 2u);
  BOOST_TEST(codeOf(f.credentials().deleteKey(f.app("other"), fresh.id)) == "not_found");
  must(f.credentials().deleteKey(app, fresh.id));
  BOOST_TEST(codeOf(f.credentials().keyByHash(hashOf('b'), now)) == "not_found");
  BOOST_TEST(codeOf(f.credentials().addKey(AppId{999}, hashOf('c'), "x")) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_user_has_at_most_ten_tokens_and_an_app_token_one_user, Db, Databases) {
  Cast<Db> f;
  for (char c = 'a'; c < 'l'; ++c) must(f.credentials().addToken(f.demo, f.ann, hashOf(c), std::nullopt));
  BOOST_TEST(must(f.credentials().tokens(hashOf('a'))).empty());  // the oldest was dropped
  BOOST_TEST(must(f.credentials().tokens(hashOf('b'))).size() == 1u);
  // Registered again it is the newest, and the next to go is another.
  const Timestamp end = f.clock.wall() + std::chrono::hours(1);
  must(f.credentials().addToken(f.demo, f.ann, hashOf('b'), end));
  must(f.credentials().addToken(f.demo, f.ann, hashOf('z'), std::nullopt));
  BOOST_TEST(micros(must(f.credentials().tokens(hashOf('b'))).at(0).expiresAt.value()) == micros(end));
  BOOST_TEST(must(f.credentials().tokens(hashOf('c'))).empty());
  // For another user of the app it moves; in another app it is another.
  must(f.credentials().addToken(f.demo, f.bob, hashOf('b'), std::nullopt));
  BOOST_TEST(raw(must(f.credentials().tokens(hashOf('b'))).at(0).user) == raw(f.bob));
  const AppId other = f.app("other");
  const UserId eve = f.user(other, "eve");
  must(f.credentials().addToken(other, eve, hashOf('b'), std::nullopt));
  BOOST_TEST(must(f.credentials().tokens(hashOf('b'))).size() == 2u);
  must(f.credentials().deleteTokens(eve));
  BOOST_TEST(must(f.credentials().tokens(hashOf('b'))).size() == 1u);
  BOOST_TEST(codeOf(f.credentials().addToken(other, f.ann, hashOf('y'), std::nullopt)) == "user_not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_idempotency_key_is_new_running_done_or_a_mismatch, Db, Databases) {
  using Kind = IdempotencyState::Kind;
  Fixture<Db> f;
  const Timestamp now = f.clock.wall();
  const auto begin = [&](char scope, char body, Timestamp at) {
    return must(f.credentials().beginIdempotent(hashOf(scope), hashOf(body), at));
  };
  BOOST_CHECK(begin('s', 'b', now).kind == Kind::New);
  BOOST_CHECK(begin('s', 'b', now).kind == Kind::Running);
  BOOST_CHECK(begin('s', 'x', now).kind == Kind::Mismatch);
  must(f.credentials().finishIdempotent(hashOf('s'), {201, R"({"id":1})"}));
  const auto done = begin('s', 'b', now);
  BOOST_CHECK(done.kind == Kind::Done);
  BOOST_TEST(done.answer.status == 201);
  BOOST_TEST(done.answer.body == R"({"id":1})");
  BOOST_CHECK(begin('s', 'b', now + std::chrono::hours(25)).kind == Kind::New);  // kept 24 hours
  BOOST_CHECK(begin('t', 'b', now).kind == Kind::New);
  must(f.credentials().dropIdempotent(hashOf('t')));
  BOOST_CHECK(begin('t', 'b', now).kind == Kind::New);
  // Its daemon was killed: whatever it did is not done a second time.
  BOOST_CHECK(begin('t', 'b', now + std::chrono::minutes(3)).kind == Kind::Lost);
  BOOST_CHECK(begin('t', 'b', now + std::chrono::hours(25)).kind == Kind::New);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_idempotency_key_that_could_not_be_forgotten_is_later, Db, Databases) {
  using Kind = IdempotencyState::Kind;
  Fixture<Db> f;
  const auto begin = [&] { return f.credentials().beginIdempotent(hashOf('s'), hashOf('b'), f.clock.wall()); };
  BOOST_CHECK(must(begin()).kind == Kind::New);
  f.faults->failCommits(1'000, store::FaultKind::NothingStored);
  BOOST_TEST(codeOf(f.credentials().dropIdempotent(hashOf('s'))) == "store_unavailable");
  f.faults->failCommits(0, store::FaultKind::NothingStored);
  f.clock.advance(std::chrono::seconds(1));
  BOOST_CHECK(must(begin()).kind == Kind::New);
  BOOST_CHECK(must(begin()).kind == Kind::Running);  // this one does run
}

BOOST_AUTO_TEST_SUITE_END()
