#include "cli/guess.h"

#include <algorithm>

namespace chatd::cli {

std::string closest(const std::string& typed, const std::vector<std::string>& known) {
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
  return best;
}

}  // namespace chatd::cli
