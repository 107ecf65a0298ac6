// "Did you mean …?" for keys, choices and variables. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chatd {

/// "; did you mean `X`?" for the nearest candidate, or empty if none is near.
[[nodiscard]] std::string didYouMean(std::string_view word, const std::vector<std::string_view>& candidates);

}  // namespace chatd
