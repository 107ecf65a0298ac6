#include "auth/authenticator.h"

#include <grp.h>
#include <unistd.h>

#include <algorithm>

#include "auth/digest.h"
#include "base/random.h"
#include "base/text.h"

namespace chatd {

namespace {

constexpr std::string_view kAccountPrefix = "ca_";
constexpr std::string_view kKeyPrefix = "ck_";
constexpr std::size_t kSecretBytes = 32;
constexpr std::size_t kSecretText = 43;
constexpr std::chrono::hours kLoginLife{24};
constexpr std::size_t kCached = 10'000;
constexpr std::chrono::milliseconds kCacheTtl{2'000};
constexpr std::int64_t kLoginsPerMinute = 5;
constexpr std::size_t kLogins = 16'384;
constexpr std::size_t kMinPassword = 8;
constexpr std::size_t kMaxPassword = 1024;

/// "ca_" or "ck_" and 256 bits in base64url.
bool isSecret(std::string_view text, std::string_view prefix) {
  return text.size() == prefix.size() + kSecretText && text.starts_with(prefix) &&
         fromBase64Url(text.substr(prefix.size())).has_value();
}

std::optional<gid_t> lookUpGroup() {
  std::vector<char> buffer(16 * 1024);
  group entry{};
  group* found = nullptr;
  int error = ERANGE;
  while ((error = ::getgrnam_r("chatd", &entry, buffer.data(), buffer.size(), &found)) == ERANGE &&
         buffer.size() < 1024 * 1024) {
    buffer.resize(buffer.size() * 2);
  }
  if (error != 0 || found == nullptr) return std::nullopt;
  return found->gr_gid;
}

}  // namespace

Authenticator::Authenticator(Credentials& credentials, Directory& directory, VerifierChain& verifier, const Clock& clock,
                             std::string serverKey)
    : credentials_(credentials),
      directory_(directory),
      verifier_(verifier),
      clock_(clock),
      serverKey_(std::move(serverKey)),
      cache_(clock, kCached, kCacheTtl),
      logins_(kLoginsPerMinute, kLoginsPerMinute, kLogins) {}

Authenticator::~Authenticator() = default;

bool Authenticator::admitted(const net::Peer& peer) {
  if (!peer.unixSocket) return false;
  if (peer.uid == 0 || peer.uid == ::geteuid()) return true;
  static const std::optional<gid_t> chatd = lookUpGroup();
  if (!chatd) return false;
  return peer.gid == *chatd || std::find(peer.groups.begin(), peer.groups.end(), *chatd) != peer.groups.end();
}

std::string Authenticator::tokenHash(std::string_view token) const { return hmacSha256(serverKey_, token); }

std::string Authenticator::newSecret(std::string_view prefix) {
  return std::string(prefix) + toBase64Url(randomBytes(kSecretBytes));
}

void Authenticator::authenticate(const Presented& presented, UniqueFunction<void(Result<Principal>)> done) {
  if (!presented.bearer) {
    if (admitted(presented.peer)) return done(Principal{});
    return authenticateUser(presented, std::move(done));
  }
  const std::string& bearer = *presented.bearer;
  const bool account = isSecret(bearer, kAccountPrefix);
  if (!account && !isSecret(bearer, kKeyPrefix)) return authenticateUser(presented, std::move(done));
  auto principal = account ? byAccountToken(bearer) : byAppKey(bearer);
  if (!principal.ok() && principal.error().code() == Code::NotFound) {
    // Only failures are limited; who holds a valid key is not locked out by who guesses beside it.
    if (!verifier_.mayTry(presented.peer.ip)) return done(Error(Code::RateLimited).after(std::chrono::seconds(1)));
    verifier_.failed(presented.peer.ip);
    return done(Error(Code::Unauthorized));
  }
  done(std::move(principal));
}

// Found by the hash of a 256-bit secret: how long the search takes says nothing about the secret itself.
Result<Principal> Authenticator::byAccountToken(const std::string& bearer) {
  const std::string hash = sha256(bearer);
  std::uint64_t mark = 0;
  if (auto cached = cache_.find(hash, mark)) return std::move(*cached);
  CHATD_TRY(session, credentials_.accountByToken(hash, clock_.wall()));
  Principal principal;
  principal.kind = Principal::Kind::Account;
  principal.account = std::move(session.account);
  principal.expiresAt = session.expiresAt;
  cache_.put(hash, principal, mark);
  return principal;
}

Result<Principal> Authenticator::byAppKey(const std::string& bearer) {
  const std::string hash = sha256(bearer);
  std::uint64_t mark = 0;
  if (auto cached = cache_.find(hash, mark)) return std::move(*cached);
  CHATD_TRY(key, credentials_.keyByHash(hash, clock_.wall()));
  CHATD_TRY(app, directory_.app(key.app));
  if (!app.settings.enabled) return Error(Code::AppDisabled);
  Principal principal;
  principal.kind = Principal::Kind::AppKey;
  principal.expiresAt = key.expiresAt;
  principal.key = std::move(key);
  cache_.put(hash, principal, mark);
  return principal;
}

void Authenticator::authenticateUser(const Presented& presented, UniqueFunction<void(Result<Principal>)> done) {
  VerifyRequest request{presented.bearer.value_or(""), presented.app, presented.peer.ip, presented.origin};
  request.fields = presented.fields;
  verifier_.verify(std::move(request), [done = std::move(done)](Result<Identity> identity) mutable {
    if (!identity.ok()) return done(std::move(identity).error());
    Principal principal;
    principal.kind = Principal::Kind::User;
    principal.expiresAt = identity->expiresAt;
    principal.identity = std::move(*identity);
    done(std::move(principal));
  });
}

Result<Login> Authenticator::login(const std::string& login, const std::string& password, const std::string& clientIp) {
  if (!verifier_.mayTry(clientIp)) return Error(Code::RateLimited).after(std::chrono::seconds(1));
  const Steady now = clock_.steady();
  // By hash, so that the table's memory does not depend on what clients call themselves. Taken before the password is looked
  // at and given back if it was right: many attempts at once must not all find the budget unused.
  const std::string key = sha256(login);
  if (!logins_.tryTake(key, now)) return Error(Code::RateLimited).after(logins_.wait(key, now));
  auto result = loginBudgeted(login, password, clientIp);
  if (result.ok() || result.error().code() != Code::Unauthorized) logins_.giveBack(key, clock_.steady());
  return result;
}

Result<Login> Authenticator::loginBudgeted(const std::string& login, const std::string& password,
                                           const std::string& clientIp) {
  auto found = credentials_.accountByLogin(login);
  if (!found.ok() && found.error().code() != Code::NotFound) return std::move(found).error();
  // An unknown login and a password of impossible length cost what a wrong password costs.
  const bool known = found.ok() && password.size() <= kMaxPassword;
  CHATD_TRY(right,
            known ? hasher_.verify(found->passwordHash, password) : hasher_.verifyNobody(password.substr(0, kMaxPassword)));
  if (!right) {
    verifier_.failed(clientIp);
    return Error(Code::Unauthorized);
  }
  Login out;
  out.token = newSecret(kAccountPrefix);
  out.expiresAt = clock_.wall() + kLoginLife;
  out.account = std::move(found->account);
  CHATD_CHECK(credentials_.addAccountToken(out.account.id, sha256(out.token), out.expiresAt));
  return out;
}

Result<void> Authenticator::logout(const std::string& bearer) {
  if (!isSecret(bearer, kAccountPrefix)) return Error(Code::Unauthorized);
  const std::string hash = sha256(bearer);
  auto gone = credentials_.deleteAccountToken(hash);
  // Dropped whatever the store said, and after it: a reader in between has put it back.
  cache_.drop(hash);
  if (!gone.ok() && gone.error().code() == Code::NotFound) return Error(Code::Unauthorized);
  return gone;
}

Result<void> Authenticator::checkLogin(const std::string& login) {
  const bool blank = !login.empty() && (login.front() == ' ' || login.back() == ' ');
  const bool control = std::any_of(login.begin(), login.end(), [](char c) {
    const auto b = static_cast<unsigned char>(c);
    return b < 0x20 || b == 0x7F;
  });
  if (login.empty() || login.size() > 128 || blank || control || !isUtf8(login)) {
    return Error::field("login", "must be 1 to 128 bytes of text without control characters or outer blanks");
  }
  return {};
}

Result<void> Authenticator::checkPassword(const std::string& password) {
  if (password.size() < kMinPassword) return Error::field("password", "must have at least 8 bytes");
  if (password.size() > kMaxPassword) return Error::field("password", "must have at most 1024 bytes");
  return {};
}

Result<Account> Authenticator::createAccount(const std::string& login, const std::string& password, AccountRole role,
                                             const std::vector<AppId>& apps) {
  CHATD_CHECK(checkLogin(login));
  CHATD_CHECK(checkPassword(password));
  CHATD_TRY(hash, hasher_.hash(password));
  return credentials_.createAccount(login, hash, role, apps);
}

Result<Account> Authenticator::updateAccount(AccountId id, const AccountChange& change) {
  AccountPatch patch;
  if (change.password) {
    CHATD_CHECK(checkPassword(*change.password));
    CHATD_TRY(hash, hasher_.hash(*change.password));
    patch.passwordHash = std::move(hash);
  }
  patch.role = change.role;
  patch.apps = change.apps;
  auto account = credentials_.updateAccount(id, patch);
  cache_.drop([id](const Principal& p) { return p.account && p.account->id == id; });
  return account;
}

Result<void> Authenticator::deleteAccount(AccountId id) {
  auto gone = credentials_.deleteAccount(id);
  cache_.drop([id](const Principal& p) { return p.account && p.account->id == id; });
  return gone;
}

Result<NewSecret> Authenticator::addKey(AppId app) {
  CHATD_CHECK(directory_.app(app));
  NewSecret out;
  out.secret = newSecret(kKeyPrefix);
  CHATD_TRY(key, credentials_.addKey(app, sha256(out.secret), out.secret.substr(out.secret.size() - 4)));
  out.key = std::move(key);
  return out;
}

Result<NewSecret> Authenticator::createKey(AppId app) { return addKey(app); }

Result<NewSecret> Authenticator::rotateKey(AppId app, std::chrono::seconds grace) {
  CHATD_TRY(made, addKey(app));
  auto ended = credentials_.expireOtherKeys(app, made.key.id, clock_.wall() + grace);
  cache_.drop([app](const Principal& p) { return p.key && p.key->app == app; });
  if (!ended.ok()) return std::move(ended).error();
  return std::move(made);
}

Result<void> Authenticator::deleteKey(AppId app, KeyId key) {
  auto gone = credentials_.deleteKey(app, key);
  cache_.drop([key](const Principal& p) { return p.key && p.key->id == key; });
  return gone;
}

void Authenticator::appClosed(AppId app) {
  cache_.drop([app](const Principal& p) {
    const bool owns = p.account && p.account->role == AccountRole::Owner &&
                      std::find(p.account->apps.begin(), p.account->apps.end(), app) != p.account->apps.end();
    return owns || (p.key && p.key->app == app);
  });
}

}  // namespace chatd
