// What the app's URL answered, read as a verdict. Pure. Thread: any (values).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "sdk/chatd_plugin.hpp"

namespace chatd::http_plugin {

/// 401 and 403 deny; 2xx with a user allows: the first of appUserId, id, sub (string or integer) at the top level, then in
/// `user`, then in `data`. All else is unavailable: a proxy's error page must not throw users out.
/// Expiry: `exp` (seconds since 1970) or `expiresAt` (RFC 3339, or seconds or milliseconds since 1970).
/// `grantsClaim`: where in the answer the user's room grants are (plugins/common/grants.h); empty: nowhere.
[[nodiscard]] chatd_sdk::Answer judge(std::int32_t status, std::string_view body, const std::string& grantsClaim = {});

}  // namespace chatd::http_plugin
