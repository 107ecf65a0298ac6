// Port: who is behind a user token. Implemented by auth/ (registered tokens first, then the app's chain).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/peer_fields.h"
#include "base/result.h"
#include "base/task.h"
#include "chat/grants.h"
#include "chat/model.h"

namespace chatd {

/// The longest token that anybody is asked about, in bytes; a longer one is not good.
inline constexpr std::size_t kMaxToken = 8 * 1024;

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
  /// A session will live on the answer, whose terms then hold the question (Terms::again).
  bool session = false;
};

/// On what terms a token is good.
struct Terms {
  GrantsPtr grants;  ///< what it is for; null: everything that its user may do
  /// With which a session asks every `app.settings.reverify`, whenever that is set. Null: the token holds until it expires
  /// or is revoked, or was not asked about for a session.
  std::shared_ptr<const VerifyRequest> again = {};
  /// What the request brought and the app's verifiers name; null: nothing. Goes with another token of the session, too.
  std::shared_ptr<const PeerFields> fields = {};
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
  [[nodiscard]] std::shared_ptr<const PeerFields> fields() const { return terms ? terms->fields : nullptr; }
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

  /// What of a request any verifier of any app asks to see. Thread: any; never blocks.
  [[nodiscard]] virtual std::shared_ptr<const PeerNames> peerNames() const = 0;
};

}  // namespace chatd
