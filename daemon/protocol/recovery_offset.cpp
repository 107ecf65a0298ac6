#include "protocol/recovery_offset.h"

#include <fmt/format.h>

#include <charconv>

namespace chatd {

namespace {

std::optional<std::int64_t> number(std::string_view digits) {
  std::int64_t value = 0;
  const auto [end, fault] = std::from_chars(digits.data(), digits.data() + digits.size(), value);
  if (fault != std::errc{} || end != digits.data() + digits.size() || value < 0) return std::nullopt;
  return value;
}

/// What is behind the last dot, taken off `text` with the dot.
std::string_view takeLast(std::string_view& text) {
  const auto dot = text.rfind('.');
  if (dot == std::string_view::npos) return {};
  const auto last = text.substr(dot + 1);
  text.remove_suffix(text.size() - dot);
  return last;
}

}  // namespace

std::string toText(const RecoveryOffset& offset) {
  return fmt::format("{}.{}.{}.{}", raw(offset.room), offset.epoch, raw(offset.seq), raw(offset.rev));
}

std::optional<RecoveryOffset> parseRecoveryOffset(std::string_view text) {
  const auto rev = number(takeLast(text));
  const auto seq = number(takeLast(text));
  const auto dot = text.find('.');
  if (!rev || !seq || dot == std::string_view::npos) return std::nullopt;
  const auto room = number(text.substr(0, dot));
  if (!room) return std::nullopt;
  return RecoveryOffset{RoomId{*room}, std::string(text.substr(dot + 1)), Seq{*seq}, Rev{*rev}};
}

}  // namespace chatd
