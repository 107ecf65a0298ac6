#include "base/ids.h"

#include <charconv>

namespace chatd {

std::optional<std::int64_t> parseId(std::string_view text) {
  if (text.empty() || text.size() > 16) return std::nullopt;
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || text.front() == '-') return std::nullopt;
  if (value < 1 || value > kMaxInteger) return std::nullopt;
  return value;
}

}  // namespace chatd
