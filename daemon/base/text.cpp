#include "base/text.h"

#include <array>
#include <cstdint>
#include <cstring>

namespace chatd {

bool isUtf8(std::string_view bytes) {
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  const auto* const end = p + bytes.size();
  while (p < end) {
    // Most text is ASCII: eight bytes at once.
    while (end - p >= 8) {
      std::uint64_t word = 0;
      std::memcpy(&word, p, 8);
      if ((word & 0x8080808080808080ULL) != 0) break;
      p += 8;
    }
    if (p == end) break;
    const unsigned char c = *p;
    if (c < 0x80) {
      ++p;
      continue;
    }
    std::size_t more = 0;
    std::uint32_t point = 0;
    std::uint32_t least = 0;
    if ((c & 0xE0) == 0xC0) {
      more = 1;
      point = c & 0x1F;
      least = 0x80;
    } else if ((c & 0xF0) == 0xE0) {
      more = 2;
      point = c & 0x0F;
      least = 0x800;
    } else if ((c & 0xF8) == 0xF0) {
      more = 3;
      point = c & 0x07;
      least = 0x10000;
    } else {
      return false;
    }
    if (static_cast<std::size_t>(end - p) <= more) return false;
    for (std::size_t i = 1; i <= more; ++i) {
      if ((p[i] & 0xC0) != 0x80) return false;
      point = (point << 6) | (p[i] & 0x3F);
    }
    if (point < least || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return false;
    p += more + 1;
  }
  return true;
}

namespace {

constexpr std::string_view kStandard = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
constexpr std::string_view kUrl = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

void encode(std::string& out, std::string_view bytes, std::string_view alphabet, bool pad) {
  const std::size_t before = out.size();
  out.resize(before + bytes.size() / 3 * 4);
  char* to = out.data() + before;
  const auto* p = reinterpret_cast<const unsigned char*>(bytes.data());
  std::size_t left = bytes.size();
  for (; left >= 3; left -= 3, p += 3) {
    const std::uint32_t n = (std::uint32_t{p[0]} << 16) | (std::uint32_t{p[1]} << 8) | p[2];
    *to++ = alphabet[n >> 18];
    *to++ = alphabet[(n >> 12) & 63];
    *to++ = alphabet[(n >> 6) & 63];
    *to++ = alphabet[n & 63];
  }
  if (left == 0) return;
  const std::uint32_t n = (std::uint32_t{p[0]} << 16) | (left == 2 ? std::uint32_t{p[1]} << 8 : 0U);
  out.push_back(alphabet[n >> 18]);
  out.push_back(alphabet[(n >> 12) & 63]);
  if (left == 2) out.push_back(alphabet[(n >> 6) & 63]);
  if (pad) out.append(left == 2 ? 1 : 2, '=');
}

std::optional<std::string> decode(std::string_view text, std::string_view alphabet, bool padded) {
  if (padded && text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && !text.empty() && text.back() == '='; ++i) text.remove_suffix(1);
  if (text.size() % 4 == 1) return std::nullopt;
  std::array<std::int8_t, 256> values{};
  values.fill(-1);
  for (std::size_t i = 0; i < alphabet.size(); ++i) {
    values[static_cast<unsigned char>(alphabet[i])] = static_cast<std::int8_t>(i);
  }
  std::string out;
  out.reserve(text.size() / 4 * 3 + 3);
  std::uint32_t bits = 0;
  int held = 0;
  for (const char c : text) {
    const std::int8_t v = values[static_cast<unsigned char>(c)];
    if (v < 0) return std::nullopt;
    bits = (bits << 6) | static_cast<std::uint32_t>(v);
    held += 6;
    if (held >= 8) {
      held -= 8;
      out.push_back(static_cast<char>((bits >> held) & 0xFF));
    }
  }
  // Bits that no byte takes must be zero, else two texts would stand for the same bytes.
  if (held > 0 && (bits & ((1U << held) - 1)) != 0) return std::nullopt;
  return out;
}

int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

}  // namespace

std::string toBase64(std::string_view bytes) {
  std::string out;
  encode(out, bytes, kStandard, true);
  return out;
}
void appendBase64(std::string& out, std::string_view bytes) { encode(out, bytes, kStandard, true); }
std::string toBase64Url(std::string_view bytes) {
  std::string out;
  encode(out, bytes, kUrl, false);
  return out;
}
std::optional<std::string> fromBase64(std::string_view text) { return decode(text, kStandard, true); }
std::optional<std::string> fromBase64Url(std::string_view text) { return decode(text, kUrl, false); }

std::string toHex(std::string_view bytes) {
  constexpr std::string_view hex = "0123456789abcdef";
  std::string out;
  out.reserve(bytes.size() * 2);
  for (const char c : bytes) {
    const auto b = static_cast<unsigned char>(c);
    out.push_back(hex[b >> 4]);
    out.push_back(hex[b & 15]);
  }
  return out;
}

std::optional<std::string> percentDecode(std::string_view text, bool plusIsSpace) {
  std::string out;
  out.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%') {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = hexValue(text[i + 1]);
      const int low = hexValue(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      out.push_back(static_cast<char>(high * 16 + low));
      i += 2;
    } else {
      out.push_back(plusIsSpace && text[i] == '+' ? ' ' : text[i]);
    }
  }
  return out;
}

bool equalConstantTime(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  unsigned char difference = 0;
  for (std::size_t i = 0; i < a.size(); ++i) {
    difference =
        static_cast<unsigned char>(difference | (static_cast<unsigned char>(a[i]) ^ static_cast<unsigned char>(b[i])));
  }
  return difference == 0;
}

namespace {
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
}  // namespace

bool equalIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (lower(a[i]) != lower(b[i])) return false;
  }
  return true;
}

std::string toLower(std::string_view text) {
  std::string out(text);
  for (char& c : out) c = lower(c);
  return out;
}

std::string_view bearerOf(std::string_view authorization) {
  constexpr std::string_view kScheme = "Bearer ";
  if (!equalIgnoreCase(authorization.substr(0, kScheme.size()), kScheme)) return {};
  const auto start = authorization.find_first_not_of(' ', kScheme.size());
  return start == std::string_view::npos ? std::string_view() : authorization.substr(start);
}

std::optional<std::string> nameFault(std::string_view name) {
  if (name.empty()) return "is empty; give 1 to 128 bytes";
  if (name.size() > 128) return "is longer than 128 bytes";
  if (!isUtf8(name)) return "is not valid UTF-8";
  bool onlyDigits = true;
  for (const char c : name) {
    const auto b = static_cast<unsigned char>(c);
    if (b < 0x20 || b == 0x7F) return "has a control character";
    if (c == '/') return "has a '/'";
    onlyDigits = onlyDigits && c >= '0' && c <= '9';
  }
  // U+0080..U+009F are control characters too (C2 80 .. C2 9F).
  for (std::size_t i = 0; i + 1 < name.size(); ++i) {
    if (static_cast<unsigned char>(name[i]) == 0xC2 && static_cast<unsigned char>(name[i + 1]) < 0xA0) {
      return "has a control character";
    }
  }
  if (onlyDigits) return "is digits only, which would be read as an id";
  return std::nullopt;
}

}  // namespace chatd
