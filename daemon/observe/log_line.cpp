#include "observe/log_line.h"

#include <charconv>
#include <cmath>
#include <cstring>

namespace chatd {

namespace {

constexpr std::string_view kHex = "0123456789abcdef";

/// Decodes one well-formed UTF-8 sequence at the start of `bytes`; size 0: there is none. Source: RFC 3629.
struct Decoded {
  char32_t point = 0;
  std::size_t size = 0;
};
Decoded decode(std::string_view bytes) noexcept {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return {lead, 1};
  const std::size_t size = (lead & 0xE0) == 0xC0 ? 2 : (lead & 0xF0) == 0xE0 ? 3 : (lead & 0xF8) == 0xF0 ? 4 : 0;
  if (size == 0 || bytes.size() < size) return {};
  char32_t point = lead & (0xFFU >> (size + 1));
  for (std::size_t i = 1; i < size; ++i) {
    if ((at(i) & 0xC0) != 0x80) return {};
    point = (point << 6) | (at(i) & 0x3FU);
  }
  constexpr std::array<char32_t, 5> kLeast = {0, 0, 0x80, 0x800, 0x10000};
  if (point < kLeast[size] || point > 0x10FFFF || (point >= 0xD800 && point <= 0xDFFF)) return {};
  return {point, size};
}

/// Controls, and what makes a terminal or a reader show a line other than it is: line and paragraph separators,
/// directional overrides, the byte order mark.
bool mustEscape(char32_t p) noexcept {
  return p < 0x20 || (p >= 0x7F && p < 0xA0) || p == '"' || p == '\\' || (p >= 0x200B && p <= 0x200F) ||
         (p >= 0x2028 && p <= 0x202E) || (p >= 0x2060 && p <= 0x206F) || p == 0xFEFF;
}

bool isPlain(std::string_view value) noexcept {
  if (value.empty()) return false;
  for (const char c : value) {
    const bool plain = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
                       std::string_view("_-./:@+,%*").find(c) != std::string_view::npos;
    if (!plain) return false;
  }
  return true;
}

}  // namespace

void LogLine::priority(LogLevel level) noexcept {
  switch (level) {
    case LogLevel::Debug:
      return append("<7>");
    case LogLevel::Info:
      return append("<6>");
    case LogLevel::Warning:
      return append("<4>");
    case LogLevel::Error:
      return append("<3>");
  }
}

void LogLine::begin() noexcept {
  if (format_ == LogFormat::Json) append("{");
}

void LogLine::time(Timestamp at) noexcept {
  // Own digits and not appendRfc3339: that one allocates.
  using namespace std::chrono;
  const auto day = floor<days>(at);
  const year_month_day date(day);
  const hh_mm_ss clock(floor<milliseconds>(at - day));
  std::array<char, 24> out = {};
  const auto put = [&out](std::size_t from, std::size_t digits, unsigned value) {
    for (std::size_t i = digits; i-- > 0; value /= 10) out[from + i] = static_cast<char>('0' + value % 10);
  };
  put(0, 4, static_cast<unsigned>(static_cast<int>(date.year())));
  out[4] = out[7] = '-';
  put(5, 2, static_cast<unsigned>(date.month()));
  put(8, 2, static_cast<unsigned>(date.day()));
  out[10] = 'T';
  put(11, 2, static_cast<unsigned>(clock.hours().count()));
  out[13] = out[16] = ':';
  put(14, 2, static_cast<unsigned>(clock.minutes().count()));
  put(17, 2, static_cast<unsigned>(clock.seconds().count()));
  out[19] = '.';
  put(20, 3, static_cast<unsigned>(clock.subseconds().count()));
  out[23] = 'Z';
  word("time", std::string_view(out.data(), out.size()));
}

void LogLine::word(std::string_view name, std::string_view value) noexcept {
  key(name);
  text(value);
}

void LogLine::pair(std::string_view name, const LogValue& value) noexcept {
  if (cut_) return;
  key(name);
  const LogValue::Held& held = value.held();
  if (const auto* s = std::get_if<std::string_view>(&held)) {
    text(*s);
  } else if (const auto* i = std::get_if<std::int64_t>(&held)) {
    number(*i);
  } else if (const auto* u = std::get_if<std::uint64_t>(&held)) {
    number(*u);
  } else if (const auto* d = std::get_if<double>(&held)) {
    // JSON has no infinities.
    std::isfinite(*d) ? number(*d) : text("not finite");
  } else if (const auto* b = std::get_if<bool>(&held)) {
    append(*b ? "true" : "false");
  }
}

std::string_view LogLine::finish() noexcept {
  // The tail was kept free, so this always fits.
  const auto put = [this](std::string_view bytes) {
    std::memcpy(buffer_.data() + used_, bytes.data(), bytes.size());
    used_ += bytes.size();
  };
  const bool json = format_ == LogFormat::Json;
  if (cut_) {
    if (inString_) put("\"");
    put(json ? ",\"cut\":true" : " cut=true");
  }
  put(json ? "}\n" : "\n");
  return {buffer_.data(), used_};
}

void LogLine::key(std::string_view name) noexcept {
  // A pair that has no room for its key and a number is left out whole: half of one would not be JSON.
  constexpr std::size_t kNumber = 40;
  if (cut_ || used_ + name.size() + kNumber > kMaxLine - kTail) {
    cut_ = true;
    return;
  }
  if (!first_) append(format_ == LogFormat::Json ? "," : " ");
  first_ = false;
  if (format_ == LogFormat::Json) {
    append("\"");
    append(name);
    append("\":");
  } else {
    append(name);
    append("=");
  }
}

void LogLine::text(std::string_view value) noexcept {
  if (cut_) return;
  if (format_ == LogFormat::Text && value.size() <= kMaxValue && isPlain(value)) {
    append(value);
    return;
  }
  append("\"");
  inString_ = !cut_;
  escaped(value.substr(0, kMaxValue));
  if (cut_) return;  // finish() closes the quote
  if (value.size() > kMaxValue) append("...");
  if (cut_) return;
  append("\"");
  inString_ = false;
}

void LogLine::escaped(std::string_view value) noexcept {
  while (!value.empty() && !cut_) {
    const Decoded one = decode(value);
    if (one.size == 0) {
      escape(0xFFFD);
      value.remove_prefix(1);
      continue;
    }
    if (mustEscape(one.point)) {
      escape(one.point);
    } else {
      append(value.substr(0, one.size));
    }
    value.remove_prefix(one.size);
  }
}

void LogLine::escape(char32_t point) noexcept {
  // The short forms and \uXXXX mean the same in JSON and to readers of logfmt; nothing above U+FFFF needs escaping.
  switch (point) {
    case '"':
      return append("\\\"");
    case '\\':
      return append("\\\\");
    case '\n':
      return append("\\n");
    case '\r':
      return append("\\r");
    case '\t':
      return append("\\t");
    default: {
      const std::array<char, 6> out = {
          '\\', 'u', kHex[(point >> 12) & 15], kHex[(point >> 8) & 15], kHex[(point >> 4) & 15], kHex[point & 15]};
      append({out.data(), out.size()});
    }
  }
}

template <class Number>
void LogLine::number(Number value) noexcept {
  std::array<char, 32> digits;
  const auto end = std::to_chars(digits.data(), digits.data() + digits.size(), value);
  append({digits.data(), static_cast<std::size_t>(end.ptr - digits.data())});
}

void LogLine::append(std::string_view bytes) noexcept {
  if (cut_) return;
  // All or nothing, so that neither a UTF-8 sequence nor an escape is cut in two.
  if (used_ + bytes.size() > kMaxLine - kTail) {
    cut_ = true;
    return;
  }
  std::memcpy(buffer_.data() + used_, bytes.data(), bytes.size());
  used_ += bytes.size();
}

}  // namespace chatd
