#include "cli/guess.h"

#include <algorithm>

namespace chatd::cli {

namespace {

/// What begins with what was typed, if that is one; nothing for a letter or two, which mean nothing.
std::string onlyBeginning(const std::string& typed, const std::vector<std::string>& known) {
  constexpr std::size_t kLeast = 3;
  std::string found;
  if (typed.size() < kLeast || typed == "--") return found;
  for (const std::string& word : known) {
    if (!word.starts_with(typed)) continue;
    if (!found.empty()) return {};
    found = word;
  }
  return found;
}

}  // namespace

std::string closest(const std::string& typed, const std::vector<std::string>& known) {
  if (typed.size() < 2) return {};  // one letter is no more like another than like all
  std::string best;
  std::size_t bestDistance = std::max<std::size_t>(1, typed.size() / 3) + 1;
  for (const std::string& word : known) {
    const std::size_t rows = typed.size() + 1;
    const std::size_t columns = word.size() + 1;
    std::vector<std::size_t> d(rows * columns);
    const auto at = [&](std::size_t i, std::size_t j) -> std::size_t& { return d[i * columns + j]; };
    for (std::size_t i = 0; i < rows; ++i) at(i, 0) = i;
    for (std::size_t j = 0; j < columns; ++j) at(0, j) = j;
    for (std::size_t i = 1; i < rows; ++i) {
      for (std::size_t j = 1; j < columns; ++j) {
        const std::size_t change = typed[i - 1] == word[j - 1] ? 0 : 1;
        at(i, j) = std::min({at(i - 1, j) + 1, at(i, j - 1) + 1, at(i - 1, j - 1) + change});
        const bool swapped = i > 1 && j > 1 && typed[i - 1] == word[j - 2] && typed[i - 2] == word[j - 1];
        if (swapped) at(i, j) = std::min(at(i, j), at(i - 2, j - 2) + 1);
      }
    }
    if (at(rows - 1, columns - 1) < bestDistance) {
      bestDistance = at(rows - 1, columns - 1);
      best = word;
    }
  }
  return best.empty() ? onlyBeginning(typed, known) : best;
}

}  // namespace chatd::cli
