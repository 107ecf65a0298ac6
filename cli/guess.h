// What was meant by a word that is not known: commands, flags, names of things. Pure. Thread: any.
#pragma once

#include <string>
#include <vector>

namespace chatd::cli {

/// The closest of `known` to what was typed, if it is close enough to be meant, else the only one that begins with it; else
/// nothing, and nothing for a single letter. Distance: Damerau-Levenshtein.
[[nodiscard]] std::string closest(const std::string& typed, const std::vector<std::string>& known);

}  // namespace chatd::cli
