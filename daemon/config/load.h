// Loading: flag > environment > file > default, under --dev too. Every fault is reported, with file, line and key.
// Thread: main (start and SIGHUP).
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "config/command_line.h"
#include "config/options.h"

namespace chatd {

/// One thing that is wrong, ready to print: "FILE:LINE: KEY: what", "CHATD_X: what" or "--listen: what".
struct ConfigFault {
  std::string where;  ///< "chatd.yaml:12", "CHATD_LIMITS__REPLAY", "--listen"
  std::string key;    ///< "limits.replay"; empty if it is about no key
  std::string what;
  [[nodiscard]] std::string text() const;
};

/// Name and value of each environment variable.
using Environment = std::vector<std::pair<std::string, std::string>>;
/// Of this process.
[[nodiscard]] Environment processEnvironment();

struct LoadedOptions {
  std::optional<Options> options;  ///< nothing if there are faults
  std::vector<ConfigFault> faults;
  /// Where each key that was given stands ("chatd.yaml:12"), for faults that only its user finds.
  std::map<std::string_view, std::string> places;
};

/// Reads the file (if the command line names one, or without --dev the standard one), the environment and the flags.
/// Run again for a reload with the same arguments. Blocks on the disk.
[[nodiscard]] LoadedOptions loadOptions(const CommandLine& flags, const Environment& environment);

/// What a reload does: which changed keys take effect now, and which need a restart.
struct ReloadPlan {
  std::vector<std::string> applied;
  std::vector<std::string> needRestart;
};
[[nodiscard]] ReloadPlan planReload(const Options& running, const Options& loaded);
/// The options to run with after a reload: `loaded` for what is applied, `running` for what needs a restart.
[[nodiscard]] Options afterReload(const Options& running, const Options& loaded);

}  // namespace chatd
