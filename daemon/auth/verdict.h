// Verdict: what a verifier plugin said, copied out of its memory and checked. A value.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "chat/grants.h"
#include "sdk/chatd_plugin.h"

namespace chatd {

struct Verdict {
  enum class Kind : std::uint8_t { Allow, Deny, Defer, Unavailable };
  Kind kind = Kind::Unavailable;
  std::string userId;
  std::optional<std::string> firstName;
  std::optional<std::string> middleName;
  std::optional<std::string> lastName;
  std::optional<Timestamp> expiresAt;
  std::optional<std::chrono::milliseconds> cacheTtl;  ///< nothing: as the app is configured
  GrantsPtr grants;                                   ///< null: the verifier narrows nothing
  std::string claims;                                 ///< JSON object; empty: none, or dropped before caching
  std::string errorCode;                              ///< snake_case, may be told to the client
  std::string detail;                                 ///< for operators only
  bool pluginFault = false;                           ///< the plugin broke its contract; deserves a log line

  static Verdict unavailable(std::string why) {
    Verdict v;
    v.detail = std::move(why);
    return v;
  }
};

/// "allow", "deny", "defer", "unavailable": in metrics and for admins.
[[nodiscard]] std::string_view kindText(Verdict::Kind kind);

/// Copies and checks. An answer that breaks the contract (no user, a user id that is not text, an unknown verdict, a broken
/// expiry, grants that cannot be read) becomes Unavailable with `pluginFault`: closed doors.
[[nodiscard]] Verdict readVerdict(const chatd_result& result);

}  // namespace chatd
