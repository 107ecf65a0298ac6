// Authenticator: turns what a request presents into a Principal; logs accounts in and out; makes and hashes secrets.
// Formats: account token "ca_" + 43 base64url characters, app key "ck_" + 43 (256 random bits each). Anything else is a user
// token.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "auth/bucket_table.h"
#include "auth/password_hasher.h"
#include "auth/principal.h"
#include "auth/principal_cache.h"
#include "auth/verifier_chain.h"
#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"
#include "chat/credentials.h"
#include "chat/directory.h"
#include "net/connection.h"

namespace chatd {

struct Presented {
  std::optional<std::string> bearer;  ///< of Authorization: Bearer
  std::optional<std::string> app;     ///< X-Chat-App or ?app=
  std::string origin;
  net::Peer peer;
  std::shared_ptr<const PeerFields> fields = {};  ///< net::peerFields
};

struct Login {
  std::string token;  ///< shown once
  Timestamp expiresAt{};
  Account account;
};
struct NewSecret {
  std::string secret;  ///< shown once
  AppKey key;
};

class Authenticator {
 public:
  /// `serverKey`: 32 secret bytes of the data directory (HMAC of registered tokens).
  Authenticator(Credentials& credentials, Directory& directory, VerifierChain& verifier, const Clock& clock,
                std::string serverKey);
  ~Authenticator();

  /// Who is it? No bearer on an admitted Unix peer: Peer. Errors: Unauthorized, RateLimited (Retry-After), those of
  /// Verifier::verify. Blocks (SQL) for accounts and app keys; thread: worker. `done` may be called on another thread for
  /// user tokens.
  void authenticate(const Presented& presented, UniqueFunction<void(Result<Principal>)> done);
  /// True if the operating system says that this peer is root, the daemon's own uid, or in group `chatd`.
  [[nodiscard]] static bool admitted(const net::Peer& peer);

  // Accounts. Block; thread: worker. argon2id runs on two threads of its own, with a bounded queue (Busy when full).
  /// Errors: Unauthorized (same time and body whether or not the login exists), RateLimited.
  Result<Login> login(const std::string& login, const std::string& password, const std::string& clientIp);
  Result<void> logout(const std::string& bearer);
  /// What may be a login and a password. Errors: Invalid. Thread: any.
  [[nodiscard]] static Result<void> checkLogin(const std::string& login);
  [[nodiscard]] static Result<void> checkPassword(const std::string& password);
  /// Errors: AlreadyExists, Invalid (login form; password not 8 to 1024 bytes), Busy.
  Result<Account> createAccount(const std::string& login, const std::string& password, AccountRole role,
                                const std::vector<AppId>& apps);
  struct AccountChange {
    std::optional<std::string> password;
    std::optional<AccountRole> role;
    std::optional<std::vector<AppId>> apps;
  };
  Result<Account> updateAccount(AccountId id, const AccountChange& change);
  Result<void> deleteAccount(AccountId id);

  // App keys. Block; thread: worker. Errors: NotFound (no such app or key).
  Result<NewSecret> createKey(AppId app);
  /// New key; the others end after `grace`.
  Result<NewSecret> rotateKey(AppId app, std::chrono::seconds grace);
  Result<void> deleteKey(AppId app, KeyId key);
  /// The app was deleted or disabled: its keys, and its owners who went with it, stop to count at once. Thread: any; never
  /// blocks.
  void appClosed(AppId app);

  /// HMAC-SHA-256 under the server key: how registered tokens are stored and found. Thread: any.
  [[nodiscard]] std::string tokenHash(std::string_view token) const;
  /// A printable secret of 256 bits behind a prefix. Thread: any.
  [[nodiscard]] static std::string newSecret(std::string_view prefix);

 private:
  [[nodiscard]] Result<Principal> byAccountToken(const std::string& bearer);
  [[nodiscard]] Result<Principal> byAppKey(const std::string& bearer);
  void authenticateUser(const Presented& presented, UniqueFunction<void(Result<Principal>)> done);
  [[nodiscard]] Result<Login> loginBudgeted(const std::string& login, const std::string& password,
                                            const std::string& clientIp);
  [[nodiscard]] Result<NewSecret> addKey(AppId app);

  Credentials& credentials_;
  Directory& directory_;
  VerifierChain& verifier_;
  const Clock& clock_;
  const std::string serverKey_;
  PrincipalCache cache_;
  BucketTable logins_;
  PasswordHasher hasher_;
};

}  // namespace chatd
