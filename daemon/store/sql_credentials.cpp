#include "store/sql_credentials.h"

#include "base/text.h"
#include "store/rows.h"

namespace chatd::store {

namespace {

using namespace std::chrono_literals;

#define CHATD_ACCOUNT_COLUMNS "a.id, a.login, a.password_hash, a.role, a.created_at, a.updated_at"
#define CHATD_ACCOUNT_TYPES Int, Text, Text, Int, Int, Int
#define CHATD_KEY_COLUMNS "k.id, k.app_id, k.hint, k.created_at, k.expires_at"
#define CHATD_KEY_TYPES Int, Int, Text, Int, OptInt

constexpr Sql<In<Text>, Out<CHATD_ACCOUNT_TYPES>> kAccountByLogin{"SELECT " CHATD_ACCOUNT_COLUMNS
                                                                  " FROM account a WHERE a.login = $1"};
constexpr Sql<In<Int>, Out<CHATD_ACCOUNT_TYPES>> kAccountById{"SELECT " CHATD_ACCOUNT_COLUMNS
                                                              " FROM account a WHERE a.id = $1"};
constexpr Sql<In<Int, Int>, Out<CHATD_ACCOUNT_TYPES>> kAccountPage{"SELECT " CHATD_ACCOUNT_COLUMNS
                                                                   " FROM account a WHERE a.id > $1 ORDER BY a.id LIMIT $2"};
constexpr Sql<In<Text, Text, Int, Int, Int>, Out<Int>> kInsertAccount{
    "INSERT INTO account (login, password_hash, role, created_at, updated_at) VALUES ($1, $2, $3, $4, $5) RETURNING id"};
constexpr Sql<In<Text, Int, Int, Int>> kUpdateAccount{
    "UPDATE account SET password_hash = $1, role = $2, updated_at = $3 WHERE id = $4"};
constexpr Sql<In<Int>> kDeleteAccount{"DELETE FROM account WHERE id = $1"};
constexpr Sql<In<Int>, Out<Int>> kAppsOfAccount{
    "SELECT x.app_id FROM account_app x JOIN app p ON p.id = x.app_id AND p.deleted_at IS NULL WHERE x.account_id = $1 "
    "ORDER BY x.app_id"};
constexpr Sql<In<Int>> kClearAppsOfAccount{"DELETE FROM account_app WHERE account_id = $1"};
constexpr Sql<In<Int, Int>> kAddAppOfAccount{
    "INSERT INTO account_app (account_id, app_id) VALUES ($1, $2) ON CONFLICT DO NOTHING"};
constexpr Sql<In<Int>, Out<Int>> kAppLives{"SELECT id FROM app WHERE id = $1 AND deleted_at IS NULL"};

constexpr Sql<In<Text, Int, Int>> kInsertAccountToken{
    "INSERT INTO account_token (hash, account_id, expires_at) VALUES ($1, $2, $3)"};
constexpr Sql<In<Text, Int>, Out<CHATD_ACCOUNT_TYPES, Int>> kAccountByToken{
    "SELECT " CHATD_ACCOUNT_COLUMNS
    ", t.expires_at FROM account_token t JOIN account a ON a.id = t.account_id "
    "WHERE t.hash = $1 AND t.expires_at > $2"};
constexpr Sql<In<Text>> kDeleteAccountToken{"DELETE FROM account_token WHERE hash = $1"};
constexpr Sql<In<Int>> kDeleteAccountTokens{"DELETE FROM account_token WHERE account_id = $1"};

constexpr Sql<In<Int, Text, Text, Int>, Out<Int>> kInsertKey{
    "INSERT INTO app_key (app_id, hash, hint, created_at) VALUES ($1, $2, $3, $4) RETURNING id"};
constexpr Sql<In<Int>, Out<CHATD_KEY_TYPES>> kKeyById{"SELECT " CHATD_KEY_COLUMNS " FROM app_key k WHERE k.id = $1"};
constexpr Sql<In<Int>, Out<CHATD_KEY_TYPES>> kKeysOfApp{
    "SELECT " CHATD_KEY_COLUMNS
    " FROM app_key k JOIN app p ON p.id = k.app_id AND p.deleted_at IS NULL "
    "WHERE k.app_id = $1 ORDER BY k.id"};
constexpr Sql<In<Text, Int>, Out<CHATD_KEY_TYPES>> kKeyByHash{
    "SELECT " CHATD_KEY_COLUMNS
    " FROM app_key k JOIN app p ON p.id = k.app_id AND p.deleted_at IS NULL "
    "WHERE k.hash = $1 AND (k.expires_at IS NULL OR k.expires_at > $2)"};
// An earlier end stays.
constexpr Sql<In<Int, Int, Int, Int>> kExpireOtherKeys{
    "UPDATE app_key SET expires_at = $1 WHERE app_id = $2 AND id <> $3 AND (expires_at IS NULL OR expires_at > $4)"};
constexpr Sql<In<Int, Int>, Out<Int>> kDeleteKey{"DELETE FROM app_key WHERE app_id = $1 AND id = $2 RETURNING id"};

constexpr Sql<In<Int, Int>, Out<Int>> kUserLives{
    "SELECT u.id FROM app_user u JOIN app p ON p.id = u.app_id AND p.deleted_at IS NULL "
    "WHERE u.id = $1 AND u.app_id = $2 AND u.deleted_at IS NULL"};
// A token that was registered before gets a new id, so that it counts as the newest of its user.
constexpr Sql<In<Text, Int>> kForgetToken{"DELETE FROM user_token WHERE hash = $1 AND app_id = $2"};
constexpr Sql<In<Text, Int, Int, OptInt>, Out<Int>> kInsertToken{
    "INSERT INTO user_token (hash, app_id, user_id, expires_at) VALUES ($1, $2, $3, $4) RETURNING id"};
constexpr Sql<In<Int, Int, Int>> kDropOldTokens{
    "DELETE FROM user_token WHERE user_id = $1 AND id NOT IN "
    "(SELECT id FROM user_token WHERE user_id = $2 ORDER BY id DESC LIMIT $3)"};
constexpr Sql<In<Text>, Out<Int, Int, Int, OptInt>> kTokensByHash{
    "SELECT t.id, t.app_id, t.user_id, t.expires_at FROM user_token t JOIN app p ON p.id = t.app_id "
    "AND p.deleted_at IS NULL WHERE t.hash = $1 ORDER BY t.id"};
constexpr Sql<In<Int>> kDeleteTokens{"DELETE FROM user_token WHERE user_id = $1"};

constexpr Sql<In<Text>, Out<Text, OptInt, Text, Int>> kIdempotency{
    "SELECT body_hash, status, body, created_at FROM idempotency_key WHERE scope = $1"};
constexpr Sql<In<Text, Text, Int>> kInsertIdempotency{
    "INSERT INTO idempotency_key (scope, body_hash, body, created_at) VALUES ($1, $2, '', $3)"};
constexpr Sql<In<Int, Text, Text>> kFinishIdempotency{"UPDATE idempotency_key SET status = $1, body = $2 WHERE scope = $3"};
constexpr Sql<In<Text>> kDropIdempotency{"DELETE FROM idempotency_key WHERE scope = $1"};
constexpr Sql<In<Text, Int, Int>> kDropRunning{
    "DELETE FROM idempotency_key WHERE scope = $1 AND status IS NULL AND created_at >= $2 AND created_at <= $3"};

constexpr Int kTokensOfUser = 10;
constexpr auto kIdempotencyKept = 24h;
// No request runs that long: its daemon was killed in the middle of it.
constexpr auto kIdempotencyLost = 2min;
constexpr std::size_t kMostUndropped = 10'000;

std::vector<AppId> appsOf(Connection& c, Int account) {
  std::vector<AppId> apps;
  const auto& rows = c.run(kAppsOfAccount, account);
  for (std::size_t i = 0; i < rows.size(); ++i) apps.push_back(AppId{rows.at<0>(i)});
  return apps;
}

template <class... C>
Account accountFrom(Connection& c, const Rows<C...>& rows, std::size_t i) {
  Account a;
  a.id = AccountId{rows.template at<0>(i)};
  a.login = rows.template at<1>(i);
  a.role = rows.template at<3>(i) == static_cast<Int>(AccountRole::Operator) ? AccountRole::Operator : AccountRole::Owner;
  a.createdAt = fromMicros(rows.template at<4>(i));
  a.updatedAt = fromMicros(rows.template at<5>(i));
  a.apps = appsOf(c, raw(a.id));
  return a;
}

Result<Account> accountById(Connection& c, AccountId id) {
  const auto& rows = c.run(kAccountById, raw(id));
  if (rows.empty()) return Code::NotFound;
  return accountFrom(c, rows, 0);
}

Result<void> setApps(Connection& c, Int account, const std::vector<AppId>& apps) {
  c.run(kClearAppsOfAccount, account);
  for (const AppId app : apps) {
    if (c.run(kAppLives, raw(app)).empty()) {
      return Error(Code::NotFound, "There is no app " + std::to_string(raw(app)) + ".");
    }
    c.run(kAddAppOfAccount, account, raw(app));
  }
  return {};
}

template <class... C>
AppKey keyFrom(const Rows<C...>& rows, std::size_t i) {
  AppKey k;
  k.id = KeyId{rows.template at<0>(i)};
  k.app = AppId{rows.template at<1>(i)};
  k.hint = rows.template at<2>(i);
  k.createdAt = fromMicros(rows.template at<3>(i));
  k.expiresAt = optionalTime(rows.template at<4>(i));
  return k;
}

}  // namespace

Result<Account> SqlCredentials::createAccount(const std::string& login, const std::string& passwordHash, AccountRole role,
                                              const std::vector<AppId>& apps) {
  return committer_.write<Account>(AppId{}, [this, login, passwordHash, role, apps](Connection& c) -> Result<Account> {
    if (!c.run(kAccountByLogin, login).empty()) return Code::AlreadyExists;
    const Int id = c.run(kInsertAccount, login, passwordHash, static_cast<Int>(role), now(), now()).at<0>(0);
    CHATD_CHECK(setApps(c, id, apps));
    return accountById(c, AccountId{id});
  });
}

Result<Credentials::AccountSecret> SqlCredentials::accountByLogin(const std::string& login) {
  return readers_.snapshot([&](Connection& c) -> Result<AccountSecret> {
    const auto& rows = c.run(kAccountByLogin, login);
    if (rows.empty()) return Code::NotFound;
    return AccountSecret{accountFrom(c, rows, 0), rows.at<2>(0)};
  });
}

Result<Account> SqlCredentials::account(AccountId id) {
  return readers_.snapshot([&](Connection& c) { return accountById(c, id); });
}

Result<Page<Account>> SqlCredentials::accounts(const PageQuery& page) {
  return readers_.snapshot([&](Connection& c) -> Result<Page<Account>> {
    const auto& rows = c.run(kAccountPage, page.cursor.value_or(0), static_cast<Int>(page.limit) + 1);
    auto out = pageOf<Page<Account>>(rows.size(), page.limit, [&](std::size_t i) { return accountFrom(c, rows, i); });
    if (rows.size() > page.limit) out.next = raw(out.items.back().id);
    return out;
  });
}

Result<Account> SqlCredentials::updateAccount(AccountId id, const AccountPatch& patch) {
  return committer_.write<Account>(AppId{}, [this, id, patch](Connection& c) -> Result<Account> {
    const auto& rows = c.run(kAccountById, raw(id));
    if (rows.empty()) return Code::NotFound;
    const std::string passwordHash = patch.passwordHash.value_or(rows.at<2>(0));
    const Int role = patch.role ? static_cast<Int>(*patch.role) : rows.at<3>(0);
    c.run(kUpdateAccount, passwordHash, role, now(), raw(id));
    if (patch.passwordHash) c.run(kDeleteAccountTokens, raw(id));
    if (patch.apps) CHATD_CHECK(setApps(c, raw(id), *patch.apps));
    return accountById(c, id);
  });
}

Result<void> SqlCredentials::deleteAccount(AccountId id) {
  return committer_.write<void>(AppId{}, [id](Connection& c) -> Result<void> {
    if (c.run(kAccountById, raw(id)).empty()) return Code::NotFound;
    c.run(kDeleteAccountTokens, raw(id));
    c.run(kClearAppsOfAccount, raw(id));
    c.run(kDeleteAccount, raw(id));
    return {};
  });
}

Result<void> SqlCredentials::addAccountToken(AccountId id, const std::string& hash, Timestamp expiresAt) {
  return committer_.write<void>(AppId{}, [id, hash, expiresAt](Connection& c) -> Result<void> {
    if (c.run(kAccountById, raw(id)).empty()) return Code::NotFound;
    c.run(kInsertAccountToken, toHex(hash), raw(id), micros(expiresAt));
    return {};
  });
}

Result<Credentials::AccountSession> SqlCredentials::accountByToken(const std::string& hash, Timestamp at) {
  return readers_.snapshot([&](Connection& c) -> Result<AccountSession> {
    const auto& rows = c.run(kAccountByToken, toHex(hash), micros(at));
    if (rows.empty()) return Code::NotFound;
    return AccountSession{accountFrom(c, rows, 0), fromMicros(rows.at<6>(0))};
  });
}

Result<void> SqlCredentials::deleteAccountToken(const std::string& hash) {
  return committer_.write<void>(AppId{}, [hash](Connection& c) -> Result<void> {
    c.run(kDeleteAccountToken, toHex(hash));
    return {};
  });
}

Result<AppKey> SqlCredentials::addKey(AppId app, const std::string& hash, const std::string& hint) {
  return committer_.write<AppKey>(app, [this, app, hash, hint](Connection& c) -> Result<AppKey> {
    if (c.run(kAppLives, raw(app)).empty()) return Code::NotFound;
    const auto& made = c.run(kInsertKey, raw(app), toHex(hash), hint, now());
    return keyFrom(c.run(kKeyById, made.at<0>(0)), 0);
  });
}

Result<std::vector<AppKey>> SqlCredentials::keys(AppId app) {
  return readers_.read([&](Connection& c) -> Result<std::vector<AppKey>> {
    std::vector<AppKey> keys;
    const auto& rows = c.run(kKeysOfApp, raw(app));
    for (std::size_t i = 0; i < rows.size(); ++i) keys.push_back(keyFrom(rows, i));
    return keys;
  });
}

Result<AppKey> SqlCredentials::keyByHash(const std::string& hash, Timestamp at) {
  return readers_.read([&](Connection& c) -> Result<AppKey> {
    const auto& rows = c.run(kKeyByHash, toHex(hash), micros(at));
    if (rows.empty()) return Code::NotFound;
    return keyFrom(rows, 0);
  });
}

Result<void> SqlCredentials::expireOtherKeys(AppId app, KeyId except, Timestamp at) {
  return committer_.write<void>(app, [app, except, at](Connection& c) -> Result<void> {
    c.run(kExpireOtherKeys, micros(at), raw(app), raw(except), micros(at));
    return {};
  });
}

Result<void> SqlCredentials::deleteKey(AppId app, KeyId key) {
  return committer_.write<void>(app, [app, key](Connection& c) -> Result<void> {
    if (c.run(kDeleteKey, raw(app), raw(key)).empty()) return Code::NotFound;
    return {};
  });
}

Result<TokenId> SqlCredentials::addToken(AppId app, UserId user, const std::string& hash,
                                         std::optional<Timestamp> expiresAt) {
  return committer_.write<TokenId>(app, [app, user, hash, expiresAt](Connection& c) -> Result<TokenId> {
    if (c.run(kUserLives, raw(user), raw(app)).empty()) return Code::UserNotFound;
    c.run(kForgetToken, toHex(hash), raw(app));
    const TokenId id{c.run(kInsertToken, toHex(hash), raw(app), raw(user), nullable(expiresAt)).at<0>(0)};
    c.run(kDropOldTokens, raw(user), raw(user), kTokensOfUser);
    return id;
  });
}

Result<std::vector<RegisteredToken>> SqlCredentials::tokens(const std::string& hash) {
  return readers_.read([&](Connection& c) -> Result<std::vector<RegisteredToken>> {
    std::vector<RegisteredToken> tokens;
    const auto& rows = c.run(kTokensByHash, toHex(hash));
    for (std::size_t i = 0; i < rows.size(); ++i) {
      tokens.push_back({TokenId{rows.at<0>(i)}, AppId{rows.at<1>(i)}, UserId{rows.at<2>(i)}, optionalTime(rows.at<3>(i))});
    }
    return tokens;
  });
}

Result<void> SqlCredentials::deleteTokens(UserId user) {
  return committer_.write<void>(AppId{}, [user](Connection& c) -> Result<void> {
    c.run(kDeleteTokens, raw(user));
    return {};
  });
}

Result<IdempotencyState> SqlCredentials::beginIdempotent(const std::string& scope, const std::string& bodyHash,
                                                         Timestamp at) {
  const auto undropped = undroppedOf(scope);
  const auto begin = [scope, bodyHash, at, undropped](Connection& c) -> Result<IdempotencyState> {
    using Kind = IdempotencyState::Kind;
    if (undropped) c.run(kDropRunning, toHex(scope), undropped->first, undropped->second);
    const auto& rows = c.run(kIdempotency, toHex(scope));
    if (!rows.empty() && fromMicros(rows.at<3>(0)) + kIdempotencyKept > at) {
      if (rows.at<0>(0) != toHex(bodyHash)) return IdempotencyState{Kind::Mismatch, {}};
      if (!rows.at<1>(0).isNull()) {
        return IdempotencyState{Kind::Done, {static_cast<int>(rows.at<1>(0).value()), rows.at<2>(0)}};
      }
      return IdempotencyState{fromMicros(rows.at<3>(0)) + kIdempotencyLost > at ? Kind::Running : Kind::Lost, {}};
    }
    c.run(kDropIdempotency, toHex(scope));
    c.run(kInsertIdempotency, toHex(scope), toHex(bodyHash), micros(at));
    return IdempotencyState{Kind::New, {}};
  };
  auto state = committer_.write<IdempotencyState>(AppId{}, begin);
  if (state.ok()) {
    LockGuard g(mutex_);
    undropped_.erase(scope);
  } else {
    remember(scope, {micros(at), micros(at)});  // its row may be there, and nothing runs
  }
  return state;
}

std::optional<SqlCredentials::Made> SqlCredentials::undroppedOf(const std::string& scope) {
  LockGuard g(mutex_);
  const auto it = undropped_.find(scope);
  return it == undropped_.end() ? std::nullopt : std::optional(it->second);
}

void SqlCredentials::remember(const std::string& scope, Made made) {
  LockGuard g(mutex_);
  if (undropped_.size() < kMostUndropped) undropped_.try_emplace(scope, made);
}

Result<void> SqlCredentials::finishIdempotent(const std::string& scope, const KeptAnswer& answer) {
  return committer_.write<void>(AppId{}, [scope, answer](Connection& c) -> Result<void> {
    c.run(kFinishIdempotency, answer.status, answer.body, toHex(scope));
    return {};
  });
}

Result<void> SqlCredentials::dropIdempotent(const std::string& scope) {
  auto dropped = committer_.write<void>(AppId{}, [scope](Connection& c) -> Result<void> {
    c.run(kDropIdempotency, toHex(scope));
    return {};
  });
  if (!dropped.ok()) remember(scope, {0, now()});
  return dropped;
}

}  // namespace chatd::store
