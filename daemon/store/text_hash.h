// The hash that tells whether a repeat of a clientMsgId brings the same text: FNV-1a, 64 bits, stored.
// It need not resist an attacker: a collision that a sender makes loses that sender's own message only.
// Source: http://www.isthe.com/chongo/tech/comp/fnv/ (parameters of the 64-bit form).
#pragma once

#include <cstdint>
#include <string_view>

namespace chatd::store {

[[nodiscard]] constexpr std::int64_t textHash(std::string_view text) {
  std::uint64_t hash = 0xcbf29ce484222325u;
  for (const char c : text) {
    hash ^= static_cast<std::uint8_t>(c);
    hash *= 0x100000001b3u;
  }
  return static_cast<std::int64_t>(hash);
}

}  // namespace chatd::store
