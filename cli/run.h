// chatctl as a function: words in, streams and an exit code out. main() gives it the process, tests give it strings.
#pragma once

#include <string>
#include <vector>

#include "cli/io.h"

namespace chatd::cli {

/// `words`: the command line without the program's name. Returns the exit code of CONTRACT section 5.
[[nodiscard]] int run(const std::vector<std::string>& words, Io& io);

}  // namespace chatd::cli
