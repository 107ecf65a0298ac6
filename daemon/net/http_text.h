// Character classes and small syntax of HTTP, shared by parser and writer. Pure. Thread: any.
#pragma once

#include <string_view>

namespace chatd::net {

/// RFC 9110 5.6.2: not empty, and nothing but token characters.
[[nodiscard]] bool isToken(std::string_view text);
[[nodiscard]] bool isTokenChar(char c);
/// A field value: no control byte but tab (so no CR, LF, NUL).
[[nodiscard]] bool isFieldValue(std::string_view text);
/// Without spaces and tabs at both ends.
[[nodiscard]] std::string_view trimmed(std::string_view text);
/// Name, IPv4 or [IPv6], with an optional port; not empty, no user information.
[[nodiscard]] bool isAuthority(std::string_view text);
/// True if a comma-separated list has this token, without regard to case.
[[nodiscard]] bool listHas(std::string_view list, std::string_view token);
/// The standard phrase of a status; "Status" for one that has none.
[[nodiscard]] std::string_view reasonPhrase(int status);

}  // namespace chatd::net
