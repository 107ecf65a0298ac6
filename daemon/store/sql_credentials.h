// SqlCredentials: the Credentials port. Writes are jobs of the committer, reads run on the pool. Hashes are stored as hex.
// Owned by Store. Thread: any; blocks.
#pragma once

#include <optional>
#include <string>
#include <unordered_map>
#include <utility>

#include "base/mutex.h"
#include "chat/credentials.h"
#include "store/connection_pool.h"
#include "store/group_committer.h"

namespace chatd::store {

class SqlCredentials final : public Credentials {
 public:
  SqlCredentials(GroupCommitter& committer, Readers& readers, const Clock& clock)
      : committer_(committer), readers_(readers), clock_(clock) {}

  Result<Account> createAccount(const std::string& login, const std::string& passwordHash, AccountRole role,
                                const std::vector<AppId>& apps) override;
  Result<AccountSecret> accountByLogin(const std::string& login) override;
  Result<Account> account(AccountId id) override;
  Result<Page<Account>> accounts(const PageQuery& page) override;
  Result<Account> updateAccount(AccountId id, const AccountPatch& patch) override;
  Result<void> deleteAccount(AccountId id) override;

  Result<void> addAccountToken(AccountId id, const std::string& hash, Timestamp expiresAt) override;
  Result<AccountSession> accountByToken(const std::string& hash, Timestamp now) override;
  Result<void> deleteAccountToken(const std::string& hash) override;

  Result<AppKey> addKey(AppId app, const std::string& hash, const std::string& hint) override;
  Result<std::vector<AppKey>> keys(AppId app) override;
  Result<AppKey> keyByHash(const std::string& hash, Timestamp now) override;
  Result<void> expireOtherKeys(AppId app, KeyId except, Timestamp at) override;
  Result<void> deleteKey(AppId app, KeyId key) override;

  Result<TokenId> addToken(AppId app, UserId user, const std::string& hash, std::optional<Timestamp> expiresAt) override;
  Result<std::vector<RegisteredToken>> tokens(const std::string& hash) override;
  Result<void> deleteTokens(UserId user) override;

  Result<IdempotencyState> beginIdempotent(const std::string& scope, const std::string& bodyHash, Timestamp now) override;
  Result<void> finishIdempotent(const std::string& scope, const KeptAnswer& answer) override;
  Result<void> dropIdempotent(const std::string& scope) override;

 private:
  [[nodiscard]] Int now() const { return micros(clock_.wall()); }
  using Made = std::pair<Int, Int>;  ///< when a row was made: between these
  [[nodiscard]] std::optional<Made> undroppedOf(const std::string& scope);
  void remember(const std::string& scope, Made made);

  GroupCommitter& committer_;
  Readers& readers_;
  const Clock& clock_;
  Mutex mutex_;
  /// Keys whose rows could not be removed, because the database was away. Nothing runs under them.
  std::unordered_map<std::string, Made> undropped_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd::store
