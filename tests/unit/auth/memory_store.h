// MemoryStore: Directory and Credentials in memory, with the semantics of the ports for apps, users, accounts, keys and
// tokens. Rooms and idempotency keys do not exist in it. Counts calls and can be made to fail or to wait. Thread: any.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <map>
#include <mutex>
#include <set>

#include "chat/credentials.h"
#include "chat/directory.h"

namespace chatd::test {

class MemoryStore final : public Directory, public Credentials {
 public:
  explicit MemoryStore(const Clock& clock) : clock_(clock) {}

  std::atomic<int> reads{0};  ///< of keys, account tokens and registered tokens
  std::atomic<int> appReads{0};
  std::atomic<bool> broken{false};  ///< every call answers StoreUnavailable

  /// While shut, every call waits.
  void shut(bool yes) {
    {
      const std::lock_guard g(gate_);
      shut_ = yes;
    }
    opened_.notify_all();
  }
  /// Everything that is stored of secrets, for the test that no secret is.
  [[nodiscard]] std::string secretsOnDisk() {
    const std::lock_guard g(mutex_);
    std::string all;
    for (const auto& [hash, s] : sessions_) all += hash;
    for (const auto& k : keys_) all += k.hash + k.key.hint;
    for (const auto& t : tokens_) all += t.hash;
    for (const auto& [id, a] : accounts_) all += a.passwordHash;
    return all;
  }

  // Directory: apps.
  Result<App> createApp(const NewApp& app) override {
    return with<App>([&]() -> Result<App> {
      for (const auto& [id, a] : apps_) {
        if (a.name == app.name) return Error(Code::AlreadyExists);
      }
      App made{AppId{++lastId_}, app.name, app.settings, app.verifiers, 1, clock_.wall(), clock_.wall()};
      apps_[made.id] = made;
      return made;
    });
  }
  Result<App> app(AppId id) override {
    ++appReads;
    return with<App>([&]() -> Result<App> {
      const auto it = apps_.find(id);
      return it == apps_.end() ? Result<App>(Code::NotFound) : Result<App>(it->second);
    });
  }
  Result<App> appByName(const std::string& name) override {
    ++appReads;
    return with<App>([&]() -> Result<App> {
      for (const auto& [id, a] : apps_) {
        if (a.name == name) return a;
      }
      return Error(Code::NotFound);
    });
  }
  Result<Page<App>> apps(const PageQuery&, const std::optional<std::vector<AppId>>&) override {
    return with<Page<App>>([&]() -> Result<Page<App>> {
      Page<App> page;
      for (const auto& [id, a] : apps_) page.items.push_back(a);
      return page;
    });
  }
  Result<App> updateApp(AppId id, const AppPatch& patch) override {
    return with<App>([&]() -> Result<App> {
      const auto it = apps_.find(id);
      if (it == apps_.end()) return Error(Code::NotFound);
      if (patch.name) it->second.name = *patch.name;
      if (patch.settings) it->second.settings = *patch.settings;
      if (patch.verifiers) it->second.verifiers = *patch.verifiers;
      if (patch.settings || patch.verifiers) ++it->second.revision;
      return it->second;
    });
  }
  Result<void> deleteApp(AppId id) override {
    return with<void>(
        [&]() -> Result<void> { return apps_.erase(id) == 1 ? Result<void>() : Result<void>(Code::NotFound); });
  }

  // Directory: users.
  Result<Upserted> upsertUser(AppId app, const std::string& appUserId, bool integer, const UserPatch& patch,
                              bool createOnly) override {
    return with<Upserted>([&]() -> Result<Upserted> {
      User* user = findUser(app, appUserId);
      if (user != nullptr && !user->deletedAt) {
        if (createOnly) return Error(Code::AlreadyExists);
        apply(*user, patch);
        return Upserted{*user, false};
      }
      if (user == nullptr) user = addUser(app, appUserId, integer);
      user->deletedAt.reset();
      apply(*user, patch);
      return Upserted{*user, true};
    });
  }
  Result<User> ensureUser(AppId app, const std::string& appUserId, const UserPatch& ifNew) override {
    return with<User>([&]() -> Result<User> {
      if (!apps_.contains(app)) return Error(Code::NotFound);
      if (const User* user = findUser(app, appUserId)) return *user;
      User* user = addUser(app, appUserId, false);
      apply(*user, ifNew);
      return *user;
    });
  }
  Result<User> user(UserId id) override {
    return with<User>([&]() -> Result<User> {
      const auto it = users_.find(id);
      return it == users_.end() ? Result<User>(Code::UserNotFound) : Result<User>(it->second);
    });
  }
  Result<User> userByAppId(AppId app, const std::string& appUserId) override {
    return with<User>([&]() -> Result<User> {
      const User* user = findUser(app, appUserId);
      return user == nullptr ? Result<User>(Code::UserNotFound) : Result<User>(*user);
    });
  }
  Result<std::vector<User>> usersByAppId(AppId app, const std::vector<std::string>& ids) override {
    return with<std::vector<User>>([&]() -> Result<std::vector<User>> {
      std::vector<User> found;
      for (const std::string& id : ids) {
        const User* user = findUser(app, id);
        if (user == nullptr || user->deletedAt) return Error(Code::UserNotFound, id);
        found.push_back(*user);
      }
      return found;
    });
  }
  Result<Page<User>> users(AppId app, const PageQuery&) override {
    return with<Page<User>>([&]() -> Result<Page<User>> {
      Page<User> page;
      for (const auto& [id, u] : users_) {
        if (u.app == app) page.items.push_back(u);
      }
      return page;
    });
  }
  Result<User> updateUser(UserId id, const UserPatch& patch) override {
    return with<User>([&]() -> Result<User> {
      const auto it = users_.find(id);
      if (it == users_.end() || it->second.deletedAt) return Error(Code::UserNotFound);
      apply(it->second, patch);
      return it->second;
    });
  }
  Result<std::vector<RoomId>> deleteUser(UserId id) override {
    return with<std::vector<RoomId>>([&]() -> Result<std::vector<RoomId>> {
      const auto it = users_.find(id);
      if (it == users_.end() || it->second.deletedAt) return Error(Code::UserNotFound);
      it->second.deletedAt = clock_.wall();
      std::erase_if(tokens_, [id](const StoredToken& t) { return t.token.user == id; });
      return std::vector<RoomId>{};
    });
  }
  Result<std::vector<RoomId>> setBan(UserId id, const std::optional<Ban>& ban) override {
    return with<std::vector<RoomId>>([&]() -> Result<std::vector<RoomId>> {
      const auto it = users_.find(id);
      if (it == users_.end()) return Error(Code::UserNotFound);
      it->second.ban = ban;
      return std::vector<RoomId>{};
    });
  }

  // Directory: there are no rooms.
  Result<CreatedRoom> createRoom(const NewRoom&) override { return Error(Code::StoreUnavailable); }
  Result<Room> room(RoomId) override { return Error(Code::RoomNotFound); }
  Result<Room> roomByName(AppId, const std::string&) override { return Error(Code::RoomNotFound); }
  Result<Page<RoomSummary>> rooms(AppId, std::optional<UserId>, const PageQuery&, std::size_t) override {
    return Page<RoomSummary>{};
  }
  Result<Room> updateRoom(RoomId, const RoomPatch&) override { return Error(Code::RoomNotFound); }
  Result<void> deleteRoom(RoomId) override { return Error(Code::RoomNotFound); }
  Result<void> addMembers(RoomId, const std::vector<UserId>&) override { return Error(Code::RoomNotFound); }
  Result<void> removeMembers(RoomId, const std::vector<UserId>&) override { return Error(Code::RoomNotFound); }
  Result<void> setRole(RoomId, UserId, Role) override { return Error(Code::RoomNotFound); }
  Result<RoomState> roomState(RoomId) override { return Error(Code::RoomNotFound); }
  Result<void> markRead(RoomId, UserId, Seq) override { return Error(Code::RoomNotFound); }

  // Credentials: accounts.
  Result<Account> createAccount(const std::string& login, const std::string& hash, AccountRole role,
                                const std::vector<AppId>& apps) override {
    return with<Account>([&]() -> Result<Account> {
      for (const auto& [id, a] : accounts_) {
        if (a.account.login == login) return Error(Code::AlreadyExists);
      }
      Account made{AccountId{++lastId_}, login, role, apps, clock_.wall(), clock_.wall()};
      accounts_[made.id] = {made, hash};
      return made;
    });
  }
  Result<AccountSecret> accountByLogin(const std::string& login) override {
    return with<AccountSecret>([&]() -> Result<AccountSecret> {
      for (const auto& [id, a] : accounts_) {
        if (a.account.login == login) return a;
      }
      return Error(Code::NotFound);
    });
  }
  Result<Account> account(AccountId id) override {
    return with<Account>([&]() -> Result<Account> {
      const auto it = accounts_.find(id);
      return it == accounts_.end() ? Result<Account>(Code::NotFound) : Result<Account>(it->second.account);
    });
  }
  Result<Page<Account>> accounts(const PageQuery&) override {
    return with<Page<Account>>([&]() -> Result<Page<Account>> {
      Page<Account> page;
      for (const auto& [id, a] : accounts_) page.items.push_back(a.account);
      return page;
    });
  }
  Result<Account> updateAccount(AccountId id, const AccountPatch& patch) override {
    return with<Account>([&]() -> Result<Account> {
      const auto it = accounts_.find(id);
      if (it == accounts_.end()) return Error(Code::NotFound);
      if (patch.passwordHash) {
        it->second.passwordHash = *patch.passwordHash;
        std::erase_if(sessions_, [id](const auto& s) { return s.second.account == id; });
      }
      if (patch.role) it->second.account.role = *patch.role;
      if (patch.apps) it->second.account.apps = *patch.apps;
      return it->second.account;
    });
  }
  Result<void> deleteAccount(AccountId id) override {
    return with<void>([&]() -> Result<void> {
      std::erase_if(sessions_, [id](const auto& s) { return s.second.account == id; });
      return accounts_.erase(id) == 1 ? Result<void>() : Result<void>(Code::NotFound);
    });
  }
  Result<void> addAccountToken(AccountId id, const std::string& hash, Timestamp expiresAt) override {
    return with<void>([&]() -> Result<void> {
      sessions_[hash] = {id, expiresAt};
      return {};
    });
  }
  Result<AccountSession> accountByToken(const std::string& hash, Timestamp now) override {
    ++reads;
    return with<AccountSession>([&]() -> Result<AccountSession> {
      const auto it = sessions_.find(hash);
      if (it == sessions_.end() || it->second.expiresAt <= now) return Error(Code::NotFound);
      return AccountSession{accounts_.at(it->second.account).account, it->second.expiresAt};
    });
  }
  Result<void> deleteAccountToken(const std::string& hash) override {
    return with<void>(
        [&]() -> Result<void> { return sessions_.erase(hash) == 1 ? Result<void>() : Result<void>(Code::NotFound); });
  }

  // Credentials: app keys.
  Result<AppKey> addKey(AppId app, const std::string& hash, const std::string& hint) override {
    return with<AppKey>([&]() -> Result<AppKey> {
      if (!apps_.contains(app)) return Error(Code::NotFound);
      keys_.push_back({hash, AppKey{KeyId{++lastId_}, app, hint, clock_.wall(), std::nullopt}});
      return keys_.back().key;
    });
  }
  Result<std::vector<AppKey>> keys(AppId app) override {
    return with<std::vector<AppKey>>([&]() -> Result<std::vector<AppKey>> {
      std::vector<AppKey> found;
      for (const StoredKey& k : keys_) {
        if (k.key.app == app) found.push_back(k.key);
      }
      return found;
    });
  }
  Result<AppKey> keyByHash(const std::string& hash, Timestamp now) override {
    ++reads;
    return with<AppKey>([&]() -> Result<AppKey> {
      for (const StoredKey& k : keys_) {
        if (k.hash == hash && apps_.contains(k.key.app) && (!k.key.expiresAt || *k.key.expiresAt > now)) return k.key;
      }
      return Error(Code::NotFound);
    });
  }
  Result<void> expireOtherKeys(AppId app, KeyId except, Timestamp at) override {
    return with<void>([&]() -> Result<void> {
      for (StoredKey& k : keys_) {
        if (k.key.app == app && k.key.id != except && (!k.key.expiresAt || *k.key.expiresAt > at)) k.key.expiresAt = at;
      }
      return {};
    });
  }
  Result<void> deleteKey(AppId app, KeyId key) override {
    return with<void>([&]() -> Result<void> {
      return std::erase_if(keys_, [&](const StoredKey& k) { return k.key.app == app && k.key.id == key; }) == 1
                 ? Result<void>()
                 : Result<void>(Code::NotFound);
    });
  }

  // Credentials: registered tokens.
  Result<TokenId> addToken(AppId app, UserId user, const std::string& hash, std::optional<Timestamp> expiresAt) override {
    return with<TokenId>([&]() -> Result<TokenId> {
      tokens_.push_back({hash, RegisteredToken{TokenId{++lastId_}, app, user, expiresAt}});
      return tokens_.back().token.id;
    });
  }
  Result<std::vector<RegisteredToken>> tokens(const std::string& hash) override {
    ++reads;
    return with<std::vector<RegisteredToken>>([&]() -> Result<std::vector<RegisteredToken>> {
      std::vector<RegisteredToken> found;
      for (const StoredToken& t : tokens_) {
        if (t.hash == hash && apps_.contains(t.token.app)) found.push_back(t.token);
      }
      return found;
    });
  }
  Result<void> deleteTokens(UserId user) override {
    return with<void>([&]() -> Result<void> {
      std::erase_if(tokens_, [user](const StoredToken& t) { return t.token.user == user; });
      return {};
    });
  }

  // Credentials: nothing here is idempotent.
  Result<IdempotencyState> beginIdempotent(const std::string&, const std::string&, Timestamp) override {
    return IdempotencyState{};
  }
  Result<void> finishIdempotent(const std::string&, const KeptAnswer&) override { return {}; }
  Result<void> dropIdempotent(const std::string&) override { return {}; }

 private:
  struct StoredSession {
    AccountId account{};
    Timestamp expiresAt{};
  };
  struct StoredKey {
    std::string hash;
    AppKey key;
  };
  struct StoredToken {
    std::string hash;
    RegisteredToken token;
  };

  template <class T, class F>
  Result<T> with(F body) {
    {
      std::unique_lock lock(gate_);
      opened_.wait(lock, [this] { return !shut_; });
    }
    if (broken) return Error(Code::StoreUnavailable);
    const std::lock_guard g(mutex_);
    return body();
  }
  User* findUser(AppId app, const std::string& appUserId) {
    for (auto& [id, u] : users_) {
      if (u.app == app && u.appUserId == appUserId) return &u;
    }
    return nullptr;
  }
  User* addUser(AppId app, const std::string& appUserId, bool integer) {
    User user;
    user.id = UserId{++lastId_};
    user.app = app;
    user.appUserId = appUserId;
    user.appUserIdInteger = integer;
    user.createdAt = user.updatedAt = clock_.wall();
    return &(users_[user.id] = user);
  }
  static void apply(User& user, const UserPatch& patch) {
    if (patch.firstName) user.firstName = *patch.firstName;
    if (patch.middleName) user.middleName = *patch.middleName;
    if (patch.lastName) user.lastName = *patch.lastName;
    if (patch.metadata) user.metadata = *patch.metadata;
  }

  const Clock& clock_;
  std::mutex gate_;
  std::condition_variable opened_;
  bool shut_ = false;
  std::mutex mutex_;
  std::int64_t lastId_ = 0;
  std::map<AppId, App> apps_;
  std::map<UserId, User> users_;
  std::map<AccountId, AccountSecret> accounts_;
  std::map<std::string, StoredSession> sessions_;
  std::vector<StoredKey> keys_;
  std::vector<StoredToken> tokens_;
};

}  // namespace chatd::test
