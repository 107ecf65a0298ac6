// Names of header fields and cookies in configurations, judged when they are written and not found missing when somebody
// connects. Pure. Thread: any.
#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>

#include "base/json.h"

namespace chatd {

/// RFC 9110, section 5.6.2: what a header field and (RFC 6265, section 4.1.1) a cookie may be called.
[[nodiscard]] inline bool isFieldName(std::string_view name) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return !name.empty() && name.size() <= 128 && std::all_of(name.begin(), name.end(), [&](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
           kOthers.find(c) != std::string_view::npos;
  });
}

/// At most so many header fields, and so many cookies, are passed on to a verifier.
inline constexpr std::size_t kMostFieldNames = 8;

/// The members "header" and "cookie" of a configuration name what a verifier is shown of a request: a text or a list of
/// texts (anything else is the plugin's business). Nothing: they are good; else what is wrong.
[[nodiscard]] inline std::optional<std::string> fieldNamesFault(const JsonValue& config) {
  const auto bad = [](const char* member, std::string_view name, const char* what) {
    return std::string(member) + ": \"" + std::string(name.substr(0, 128)) + "\" is no name of a " + what +
           ": letters, digits and !#$%&'*+-.^_`|~, 1 to 128 of them";
  };
  for (const auto& [member, what] : {std::pair("header", "header field"), std::pair("cookie", "cookie")}) {
    const JsonValue* value = config.IsObject() ? find(config, member) : nullptr;
    if (value == nullptr) continue;
    if (value->IsString() && !isFieldName(asView(*value))) return bad(member, asView(*value), what);
    if (!value->IsArray()) continue;
    if (value->Size() > kMostFieldNames) return std::string(member) + ": names more than 8";
    for (const JsonValue& name : value->GetArray()) {
      if (name.IsString() && !isFieldName(asView(name))) return bad(member, asView(name), what);
    }
  }
  return std::nullopt;
}

}  // namespace chatd
