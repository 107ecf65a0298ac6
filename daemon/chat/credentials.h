// Port: what proves who somebody is, as hashes. Implemented by store/. Every call blocks: worker threads only.
// A hash here is 32 bytes that the caller made (auth/ holds the keys); the store never sees a secret.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/directory.h"
#include "chat/model.h"

namespace chatd {

struct Account {
  AccountId id{};
  std::string login;
  AccountRole role = AccountRole::Owner;
  std::vector<AppId> apps;  ///< of an owner
  Timestamp createdAt{};
  Timestamp updatedAt{};
};

struct AccountPatch {
  std::optional<std::string> passwordHash;  ///< a change ends every session of the account
  std::optional<AccountRole> role;
  std::optional<std::vector<AppId>> apps;
};

struct AppKey {
  KeyId id{};
  AppId app{};
  std::string hint;  ///< last 4 characters, so that an admin can tell keys apart
  Timestamp createdAt{};
  std::optional<Timestamp> expiresAt;  ///< end of grace after a rotation
};

/// A registered token of a user: POST /user `token`.
struct RegisteredToken {
  TokenId id{};
  AppId app{};
  UserId user{};
  std::optional<Timestamp> expiresAt;
};

/// A kept answer of an idempotent request.
struct KeptAnswer {
  int status = 0;
  std::string body;
};
struct IdempotencyState {
  /// Lost: the first request was cut off with its daemon, and nobody knows what it did.
  enum class Kind { New, Running, Mismatch, Done, Lost } kind = Kind::New;
  KeptAnswer answer;  ///< of Done; status 0: the answer had a secret and was not kept, body is the id
};

class Credentials {
 public:
  virtual ~Credentials() = default;

  // Accounts. Errors: AlreadyExists, NotFound.
  virtual Result<Account> createAccount(const std::string& login, const std::string& passwordHash, AccountRole role,
                                        const std::vector<AppId>& apps) = 0;
  struct AccountSecret {
    Account account;
    std::string passwordHash;  ///< argon2id, encoded form
  };
  virtual Result<AccountSecret> accountByLogin(const std::string& login) = 0;
  virtual Result<Account> account(AccountId id) = 0;
  virtual Result<Page<Account>> accounts(const PageQuery& page) = 0;
  virtual Result<Account> updateAccount(AccountId id, const AccountPatch& patch) = 0;
  virtual Result<void> deleteAccount(AccountId id) = 0;

  // Sessions of accounts (bearer tokens of POST /auth/login).
  virtual Result<void> addAccountToken(AccountId id, const std::string& hash, Timestamp expiresAt) = 0;
  struct AccountSession {
    Account account;
    Timestamp expiresAt{};
  };
  /// Errors: NotFound, also for an expired one.
  virtual Result<AccountSession> accountByToken(const std::string& hash, Timestamp now) = 0;
  virtual Result<void> deleteAccountToken(const std::string& hash) = 0;

  // App keys. Errors: NotFound.
  virtual Result<AppKey> addKey(AppId app, const std::string& hash, const std::string& hint) = 0;
  virtual Result<std::vector<AppKey>> keys(AppId app) = 0;
  virtual Result<AppKey> keyByHash(const std::string& hash, Timestamp now) = 0;
  /// Ends the other keys of the app at `at` (rotation with grace).
  virtual Result<void> expireOtherKeys(AppId app, KeyId except, Timestamp at) = 0;
  virtual Result<void> deleteKey(AppId app, KeyId key) = 0;

  // Registered tokens. At most 10 a user, the oldest is dropped.
  virtual Result<TokenId> addToken(AppId app, UserId user, const std::string& hash, std::optional<Timestamp> expiresAt) = 0;
  /// All that have this hash, expired ones too, of live apps; several apps may hold the same token.
  virtual Result<std::vector<RegisteredToken>> tokens(const std::string& hash) = 0;
  virtual Result<void> deleteTokens(UserId user) = 0;

  // Idempotency keys, kept 24 h. `scope` and `bodyHash` are 32-byte hashes.
  virtual Result<IdempotencyState> beginIdempotent(const std::string& scope, const std::string& bodyHash, Timestamp now) = 0;
  virtual Result<void> finishIdempotent(const std::string& scope, const KeptAnswer& answer) = 0;
  /// The request did nothing and should be tried again: forget it. If that fails, beginIdempotent() makes up for it.
  virtual Result<void> dropIdempotent(const std::string& scope) = 0;
};

}  // namespace chatd
