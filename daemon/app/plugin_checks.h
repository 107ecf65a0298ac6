// What of the configuration of plugins only the disk can tell: folders and secrets. Thread: main; blocks on the disk.
#pragma once

#include <vector>

#include "config/load.h"

namespace chatd {

struct PluginFindings {
  std::vector<ConfigFault> faults;    ///< the daemon does not start with these
  std::vector<ConfigFault> warnings;  ///< verifiers that need it will fail; it may be mended while the daemon runs
};

/// Of options that are good otherwise. The default folder of plugins need not be there; one that was named must be.
[[nodiscard]] PluginFindings judgePlugins(const LoadedOptions& loaded);

}  // namespace chatd
