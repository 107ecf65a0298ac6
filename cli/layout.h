// Rows of cells as lines of a terminal, and its few colours. Pure. Thread: any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace chatd::cli {

/// "1 thing", "2 things".
[[nodiscard]] std::string counted(std::size_t count, std::string_view thing);

using Rows = std::vector<std::vector<std::string>>;

/// Rows as columns that fit their content, two blanks apart, no blanks at the end. Cells want the output of visible().
/// `columns`: the lines are cut to so many, the widest cells first, a cut one ends in "…"; 0: no bound.
[[nodiscard]] std::string layOut(const Rows& rows, std::size_t columns = 0);

/// At most `columns` columns of a text from visible(); what is cut ends in "…".
[[nodiscard]] std::string cut(std::string_view text, std::size_t columns);

enum class Colour { Bold, Red, Green, Yellow };
/// The text in a colour (SGR of ECMA-48) if `on`, else as it is.
[[nodiscard]] std::string coloured(std::string_view text, Colour colour, bool on);

}  // namespace chatd::cli
