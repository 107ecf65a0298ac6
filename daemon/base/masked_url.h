// URLs as they may be shown. A URL that somebody configured may carry a password or a key; where it goes is no secret. Pure.
// Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace chatd {

/// What stands where a secret is not shown.
inline constexpr std::string_view kMask = "***";
/// True if the value, or one within it, is that alone.
[[nodiscard]] bool holdsMask(const JsonValue& value);

/// A text of the form SCHEME://… (also several schemes as in jdbc:mysql://…) with *** for all before the last '@' that may
/// end user information, for what stands behind a ';' of several schemes, for each value of its query (a part without `=` is
/// a value) and for its fragment. Nothing: it is no such text, or has none of them.
[[nodiscard]] std::optional<std::string> maskedUrl(std::string_view text);

}  // namespace chatd
