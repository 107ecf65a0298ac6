#include "protocol/utf8_stream.h"

#include <cstring>

namespace chatd {

namespace {
constexpr std::uint8_t kBroken = 0xFF;
}

bool Utf8Stream::feed(std::string_view bytes) {
  if (open_ == kBroken) return false;
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = p + bytes.size();
  while (p < end) {
    if (open_ == 0) {
      // Most text is ASCII: eight bytes at once.
      for (std::uint64_t word = 0; end - p >= 8; p += 8) {
        std::memcpy(&word, p, 8);
        if ((word & 0x8080808080808080ULL) != 0) break;
      }
      if (p == end) break;
      const unsigned char c = *p++;
      if (c < 0x80) continue;
      if (!lead(c)) {
        open_ = kBroken;
        return false;
      }
      continue;
    }
    const unsigned char c = *p++;
    if (c < least_ || c > most_) {
      open_ = kBroken;
      return false;
    }
    --open_;
    least_ = 0x80;
    most_ = 0xBF;
  }
  return true;
}

// The ranges of the second byte keep out overlong forms, surrogates and what is above U+10FFFF. Source: RFC 3629 section 4.
bool Utf8Stream::lead(unsigned char c) {
  if (c < 0xC2 || c > 0xF4) return false;
  open_ = c < 0xE0 ? 1 : c < 0xF0 ? 2 : 3;
  if (c == 0xE0) least_ = 0xA0;
  if (c == 0xED) most_ = 0x9F;
  if (c == 0xF0) least_ = 0x90;
  if (c == 0xF4) most_ = 0x8F;
  return true;
}

}  // namespace chatd
