// Principal: who a REST request comes from, and what that one may touch. A value. Thread: any.
#pragma once

#include <optional>
#include <vector>

#include "chat/credentials.h"
#include "chat/model.h"
#include "chat/verifier.h"

namespace chatd {

struct Principal {
  enum class Kind : std::uint8_t { Peer, Account, AppKey, User };
  Kind kind = Kind::Peer;
  std::optional<Account> account;      ///< of Account
  std::optional<AppKey> key;           ///< of AppKey
  std::optional<Identity> identity;    ///< of User
  std::optional<Timestamp> expiresAt;  ///< of Account, User, and a key in its grace

  /// Peer, or an account with the role operator.
  [[nodiscard]] bool isOperator() const;
  /// True if it may administer this app: operator, owner of it, its app key.
  [[nodiscard]] bool mayAdminister(AppId app) const;
  /// The app that the credential itself names: app key, user token. Nothing for the others.
  [[nodiscard]] std::optional<AppId> ownApp() const;
  /// Stable text for scopes of Idempotency-Key and for logs: "peer:0", "account:3", "key:7", "user:12". No secret.
  [[nodiscard]] std::string subject() const;
};

}  // namespace chatd
