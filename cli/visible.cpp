#include "cli/visible.h"

#include <clocale>
#include <cwchar>

#include <fmt/format.h>

#include "base/text.h"

namespace chatd::cli {

namespace {

struct Glyph {
  char32_t code = 0;
  std::size_t bytes = 1;
  bool valid = false;
};

/// The code point at the beginning of `text` (not empty).
Glyph firstGlyph(std::string_view text) {
  const auto lead = static_cast<unsigned char>(text.front());
  if (lead < 0x80) return {lead, 1, true};
  const std::size_t bytes = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  const std::string_view slice = text.substr(0, bytes);
  if (slice.size() != bytes || !isUtf8(slice)) return {lead, 1, false};
  char32_t code = lead & (0xFFU >> (bytes + 1));
  for (std::size_t i = 1; i < bytes; ++i) code = (code << 6U) | (static_cast<unsigned char>(slice[i]) & 0x3FU);
  return {code, bytes, true};
}

bool isDirectional(char32_t c) {
  return c == 0x061C || c == 0x200E || c == 0x200F || (c >= 0x202A && c <= 0x202E) || (c >= 0x2066 && c <= 0x2069);
}

bool mustEscape(char32_t c) {
  return c < 0x20 || (c >= 0x7F && c <= 0x9F) || c == 0x2028 || c == 0x2029 || c == 0xFEFF || isDirectional(c);
}

void appendEscaped(std::string& out, char32_t c) {
  switch (c) {
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      out += c <= 0xFF ? fmt::format("\\x{:02x}", static_cast<unsigned>(c))
                       : fmt::format("\\u{{{:x}}}", static_cast<unsigned>(c));
  }
}

}  // namespace

std::string visible(std::string_view text, Backslash backslash) {
  std::string out;
  out.reserve(text.size());
  while (!text.empty()) {
    const Glyph glyph = firstGlyph(text);
    if (!glyph.valid || mustEscape(glyph.code)) {
      appendEscaped(out, glyph.code);
    } else if (glyph.code == '\\' && backslash == Backslash::Double) {
      out += "\\\\";
    } else {
      out.append(text.substr(0, glyph.bytes));
    }
    text.remove_prefix(glyph.bytes);
  }
  return out;
}

std::string shellWord(std::string_view text) {
  constexpr std::string_view kPlain = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_@%+=:,./-";
  if (!text.empty() && text.front() != '-' && text.find_first_not_of(kPlain) == std::string_view::npos)
    return std::string(text);
  std::string out = "'";
  for (const char c : text) {
    if (c == '\'') {
      out += "'\\''";
    } else {
      out += c;
    }
  }
  return out + "'";
}

std::size_t columnsOf(std::string_view text) {
  // wcwidth() asks the locale; C.UTF-8 is part of libc-bin and so always there.
  static const bool utf8 = std::setlocale(LC_CTYPE, "C.UTF-8") != nullptr;
  std::size_t columns = 0;
  while (!text.empty()) {
    const Glyph glyph = firstGlyph(text);
    const int width = utf8 ? ::wcwidth(static_cast<wchar_t>(glyph.code)) : 1;
    columns += width < 0 ? 1U : static_cast<std::size_t>(width);
    text.remove_prefix(glyph.bytes);
  }
  return columns;
}

}  // namespace chatd::cli
