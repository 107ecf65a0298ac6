// Port: who is behind a user token. Implemented by auth/ (registered tokens first, then the app's chain).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/result.h"
#include "base/task.h"
#include "chat/grants.h"
#include "chat/model.h"

namespace chatd {

/// Header fields by lower-case name, and cookies as "cookie:NAME"; never logged.
using PeerFields = std::vector<std::pair<std::string, std::string>>;

struct VerifyRequest {
  std::string token;               ///< never logged; may be empty if `app` and `fields` are there
  std::optional<std::string> app;  ///< id or name, as the client gave it
  std::string clientIp;            ///< textual address, for limits and plugins that read it
  std::string origin;
  /// A live session asks whether its token still holds: no older word on it counts, the address' budget of failures is left
  /// alone, and who is outside goes first (Busy).
  bool again = false;
  /// What else the request brought. A verifier is shown what its configuration names (members `header` and `cookie`).
  std::shared_ptr<const PeerFields> fields = {};
};

/// On what terms a token is good.
struct Terms {
  GrantsPtr grants;  ///< what it is for; null: everything that its user may do
  /// With which to ask every `app.settings.reverify`; null: it holds until it expires or is revoked.
  std::shared_ptr<const VerifyRequest> again;
};

struct Identity {
  App app;
  User user;
  std::optional<Timestamp> expiresAt;       ///< the session ends then
  std::optional<TokenId> token;             ///< a registered token
  std::uint64_t generation = 0;             ///< revocation generation read before verifying; see Verifier::current
  std::shared_ptr<const Terms> terms = {};  ///< null: the token says nothing more

  [[nodiscard]] GrantsPtr grants() const { return terms ? terms->grants : nullptr; }
  [[nodiscard]] std::shared_ptr<const VerifyRequest> again() const { return terms ? terms->again : nullptr; }
};

class Verifier {
 public:
  virtual ~Verifier() = default;
  using Done = UniqueFunction<void(Result<Identity>)>;

  /// Judges a token. `done` is called exactly once, on any thread, maybe before this returns; it must not block.
  /// Errors: Unauthorized, TokenExpired, AppRequired, UnknownUser, Banned, UserDeleted, RateLimited (failed attempts of this
  /// address), VerifierUnavailable, StoreUnavailable, Busy. Thread: any; never blocks.
  virtual void verify(VerifyRequest request, Done done) = 0;

  /// False if `user` was revoked, banned or deleted after the generation of `identity` was read: do not attach.
  /// Thread: any; never blocks.
  [[nodiscard]] virtual bool current(const Identity& identity) const = 0;
};

}  // namespace chatd
