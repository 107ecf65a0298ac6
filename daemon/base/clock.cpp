#include "base/clock.h"

#include <fmt/format.h>

#include <array>
#include <cstdint>

namespace chatd {

namespace {

/// Two to nine digits at `at`; moves `at` behind them. -1: not digits.
int digits(std::string_view text, std::size_t& at, std::size_t count) {
  if (at + count > text.size()) return -1;
  int value = 0;
  for (std::size_t i = 0; i < count; ++i) {
    const char c = text[at + i];
    if (c < '0' || c > '9') return -1;
    value = value * 10 + (c - '0');
  }
  at += count;
  return value;
}

/// Writes `count` digits of `value` to `at`, zeros in front; returns what is behind them.
char* putDigits(char* at, int count, unsigned value) {
  for (int i = count - 1; i >= 0; --i, value /= 10) at[i] = static_cast<char>('0' + value % 10);
  return at + count;
}

bool take(std::string_view text, std::size_t& at, char c) {
  if (at >= text.size() || text[at] != c) return false;
  ++at;
  return true;
}

}  // namespace

void appendRfc3339(std::string& out, Timestamp t) {
  const auto day = std::chrono::floor<std::chrono::days>(t);
  const std::chrono::year_month_day date{day};
  const auto ms = static_cast<unsigned>(std::chrono::floor<std::chrono::milliseconds>(t - day).count());
  const int year = static_cast<int>(date.year());
  if (year < 0 || year > 9999) {
    fmt::format_to(std::back_inserter(out), "{}", year);  // not RFC 3339 any more, but still readable
  } else {
    std::array<char, 4> digits{};
    putDigits(digits.data(), 4, static_cast<unsigned>(year));
    out.append(digits.data(), digits.size());
  }
  // By hand and not by a format string, because every message has two of them: 20 ns against 285.
  std::array<char, 20> rest{};
  char* at = rest.data();
  const auto put = [&at](char before, int count, unsigned value) {
    *at++ = before;
    at = putDigits(at, count, value);
  };
  put('-', 2, static_cast<unsigned>(date.month()));
  put('-', 2, static_cast<unsigned>(date.day()));
  put('T', 2, ms / 3'600'000);
  put(':', 2, ms / 60'000 % 60);
  put(':', 2, ms / 1000 % 60);
  put('.', 3, ms % 1000);
  *at = 'Z';
  out.append(rest.data(), rest.size());
}

std::string toRfc3339(Timestamp t) {
  std::string out;
  appendRfc3339(out, t);
  return out;
}

std::optional<Timestamp> parseRfc3339(std::string_view text) {
  std::size_t at = 0;
  const int year = digits(text, at, 4);
  if (year < 0 || !take(text, at, '-')) return std::nullopt;
  const int month = digits(text, at, 2);
  if (month < 0 || !take(text, at, '-')) return std::nullopt;
  const int day = digits(text, at, 2);
  if (day < 0 || (!take(text, at, 'T') && !take(text, at, 't') && !take(text, at, ' '))) return std::nullopt;
  const int hour = digits(text, at, 2);
  if (hour < 0 || hour > 23 || !take(text, at, ':')) return std::nullopt;
  const int minute = digits(text, at, 2);
  if (minute < 0 || minute > 59 || !take(text, at, ':')) return std::nullopt;
  const int second = digits(text, at, 2);
  if (second < 0 || second > 60) return std::nullopt;
  std::int64_t fraction = 0;
  if (take(text, at, '.')) {
    int taken = 0;
    std::int64_t scale = 100'000;
    for (int d = digits(text, at, 1); d >= 0; d = digits(text, at, 1), ++taken) {
      fraction += d * scale;
      scale /= 10;
    }
    if (taken == 0) return std::nullopt;
  }
  std::chrono::minutes offset{0};
  if (!take(text, at, 'Z') && !take(text, at, 'z')) {
    const bool west = take(text, at, '-');
    if (!west && !take(text, at, '+')) return std::nullopt;
    const int oh = digits(text, at, 2);
    if (oh < 0 || oh > 23 || !take(text, at, ':')) return std::nullopt;
    const int om = digits(text, at, 2);
    if (om < 0 || om > 59) return std::nullopt;
    offset = std::chrono::minutes((west ? -1 : 1) * (oh * 60 + om));
  }
  const std::chrono::year_month_day date{std::chrono::year{year}, std::chrono::month{static_cast<unsigned>(month)},
                                         std::chrono::day{static_cast<unsigned>(day)}};
  if (at != text.size() || !date.ok()) return std::nullopt;
  return Timestamp{std::chrono::sys_days{date}} + std::chrono::hours{hour} + std::chrono::minutes{minute} +
         std::chrono::seconds{second} + std::chrono::microseconds{fraction} - offset;
}

}  // namespace chatd
