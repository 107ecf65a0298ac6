// Runs a program that is installed beside this one: chatd-store, and chatd to judge a configuration. Used by main() alone.
// Thread: the one of run(), with no other beside it.
#pragma once

#include <functional>
#include <string>
#include <vector>

#include "cli/io.h"

namespace chatd::cli {

/// As Io::runBeside has it. The program dies with us, whatever ends us, and gets a SIGINT if `interrupted` becomes true.
[[nodiscard]] BesideRun runBeside(const std::string& program, const std::vector<std::string>& arguments,
                                  const std::function<void(const std::string& line)>& onErrorLine,
                                  const std::function<bool()>& interrupted);

}  // namespace chatd::cli
