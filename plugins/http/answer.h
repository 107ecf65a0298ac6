// What the app's URL answered, read as a verdict. Pure. Thread: any (values).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace chatd::http_plugin {

struct Answer {
  std::int32_t verdict = 0;  ///< CHATD_ALLOW, CHATD_DENY or CHATD_UNAVAILABLE
  std::string userId;
  std::string displayName;
  std::string claims;            ///< JSON object with the names that were given
  std::int64_t expiresAtMs = 0;  ///< 0: not said
  std::string detail;            ///< for operators
};

/// 401 and 403 deny; 2xx with a user allows: the first of appUserId, id, sub (string or integer) at the top level, then in
/// `user`, then in `data`. All else is unavailable: a proxy's error page must not throw users out.
/// Expiry: `exp` (seconds since 1970) or `expiresAt` (RFC 3339, or seconds or milliseconds since 1970).
[[nodiscard]] Answer judge(std::int32_t status, std::string_view body);

}  // namespace chatd::http_plugin
