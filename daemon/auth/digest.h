// SHA-256 and HMAC-SHA-256: how secrets are stored and found. Thread: any.
#pragma once

#include <string>
#include <string_view>

namespace chatd {

/// 32 bytes.
[[nodiscard]] std::string sha256(std::string_view bytes);
/// 32 bytes. Source: RFC 2104.
[[nodiscard]] std::string hmacSha256(std::string_view key, std::string_view bytes);

}  // namespace chatd
