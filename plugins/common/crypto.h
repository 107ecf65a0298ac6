// HMAC-SHA-256 and SHA-256 for the bundled verifiers. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace chatd::plugins {

[[nodiscard]] std::string hmacSha256(std::string_view key, std::string_view text);
[[nodiscard]] std::string sha256(std::string_view text);

}  // namespace chatd::plugins
