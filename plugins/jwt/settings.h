// The configuration of the verifier `jwt`, read and judged. A value. Thread: any.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "common/claims.h"
#include "jwt/keys.h"

namespace chatd::jwt {

struct Settings {
  Keys keys;                                 ///< configured ones
  std::string jwksUrl;                       ///< of published ones; empty: none, or as `discovery` finds
  std::string discovery;                     ///< URL of an OpenID provider's metadata; empty: none
  std::vector<const Algorithm*> algorithms;  ///< that published keys may have
  std::string issuer;                        ///< empty: any
  std::vector<std::string> audiences;        ///< one of them; empty: any
  std::int64_t leewayMs = 0;
  bool requireExpiry = true;
  bool requireAuthTime = false;  ///< auth_time must lie in the past
  std::string userClaim;
  std::vector<std::string> fields;  ///< where a token is, if none was presented: keys of chatd_verify_req.kv
  std::string grantsClaim;          ///< empty: none
  plugins::NameMapping names;
  std::vector<std::pair<std::string, std::string>> required;  ///< claims that must be equal; the value as JSON
  std::int64_t refreshMs = 0;                                 ///< published keys are read again after so long
  std::int64_t staleMs = 0;                                   ///< and still used for so long while that fails
  std::int64_t cooldownMs = 0;                                ///< between readings for the sake of unknown kids
};

extern const char* const kSchema;

/// Finds a secret of the app by name.
using SecretOf = std::function<std::optional<std::string>(const std::string&)>;

/// Takes a line for those who may look around on this machine.
using TellOperators = std::function<void(const std::string&)>;

/// Throws std::invalid_argument with the reason for the admin.
[[nodiscard]] Settings readSettings(std::string_view config, const SecretOf& secretOf, const TellOperators& tell);

}  // namespace chatd::jwt
