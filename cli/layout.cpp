#include "cli/layout.h"

#include <algorithm>
#include <numeric>

#include <fmt/format.h>

#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::size_t kGap = 2;
constexpr std::size_t kNarrowest = 4;  // a column is never cut below this: "ab…" tells something, "…" nothing

/// Takes columns away from the widest until the line fits, so that short ids stay whole and long texts give way.
void shrink(std::vector<std::size_t>& widths, std::size_t columns) {
  if (widths.empty()) return;
  std::size_t total = std::accumulate(widths.begin(), widths.end(), kGap * (widths.size() - 1));
  while (total > columns) {
    const auto widest = std::max_element(widths.begin(), widths.end());
    if (*widest <= kNarrowest) return;
    --*widest;
    --total;
  }
}

}  // namespace

std::string counted(std::size_t count, std::string_view thing) {
  return fmt::format("{} {}{}", count, thing, count == 1 ? "" : "s");
}

std::string cut(std::string_view text, std::size_t columns) {
  if (columnsOf(text) <= columns) return std::string(text);
  std::string out;
  std::size_t used = 1;  // for the "…"
  while (!text.empty()) {
    std::size_t bytes = 1;
    while (bytes < text.size() && (static_cast<unsigned char>(text[bytes]) & 0xC0U) == 0x80U) ++bytes;
    const std::size_t width = columnsOf(text.substr(0, bytes));
    if (used + width > columns) break;
    used += width;
    out.append(text.substr(0, bytes));
    text.remove_prefix(bytes);
  }
  return out + "…";
}

std::string layOut(const Rows& rows, std::size_t columns) {
  std::vector<std::size_t> widths;
  for (const auto& row : rows) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], columnsOf(row[i]));
  }
  if (columns > 0) shrink(widths, columns);
  std::string out;
  for (const auto& row : rows) {
    std::string text;
    for (std::size_t i = 0; i < row.size(); ++i) {
      const std::string cell = cut(row[i], widths[i]);
      text += cell;
      if (i + 1 < row.size()) text.append(widths[i] - columnsOf(cell) + kGap, ' ');
    }
    text.erase(text.find_last_not_of(' ') + 1);
    out += text + "\n";
  }
  return out;
}

std::string coloured(std::string_view text, Colour colour, bool on) {
  if (!on) return std::string(text);
  const int number = colour == Colour::Bold ? 1 : colour == Colour::Red ? 31 : colour == Colour::Green ? 32 : 33;
  return fmt::format("\x1b[{}m{}\x1b[0m", number, text);
}

}  // namespace chatd::cli
