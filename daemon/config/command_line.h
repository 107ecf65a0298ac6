// The command line of chatd. Thread: main.
#pragma once

#include <optional>
#include <ostream>
#include <string>
#include <variant>

#include "config/options.h"

namespace chatd {

inline constexpr int kExitOk = 0;
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;
inline constexpr int kExitConfig = 78;  ///< EX_CONFIG of sysexits(3)

/// The file that is read without --config and without --dev.
inline constexpr const char* kConfigFile = "/etc/chatd/chatd.yaml";

struct CommandLine {
  std::optional<std::string> config;
  bool checkConfig = false;
  bool dev = false;
  std::optional<std::string> dataDir;
  std::optional<Listener> listen;
};

/// The command line, or the exit code of a process that is done: 0 after --help and --version (written to `out`),
/// kExitUsage after a mistake (said on `err`).
[[nodiscard]] std::variant<CommandLine, int> parseCommandLine(int argc, const char* const* argv, std::ostream& out,
                                                              std::ostream& err);

}  // namespace chatd
