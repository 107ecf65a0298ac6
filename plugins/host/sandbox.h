// What the host process gives up before it loads foreign code: resources without a bound, new privileges, new processes,
// new sockets, writing to files, and reading outside of what libraries need. Called once, by the only thread.
#pragma once

#include <string>

#include "base/result.h"

namespace chatd::plugin_host {

/// Must be called while the process has one thread and before any foreign code ran. `readable`: the plugin's folder.
/// The file system part needs a kernel with Landlock and is left out without it; all else must work. True: nothing is left
/// out. Errors: Internal with the reason.
[[nodiscard]] Result<bool> enterSandbox(const std::string& readable);

}  // namespace chatd::plugin_host
