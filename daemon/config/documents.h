// The documents made from the table of options: the commented etc/chatd.yaml and the manual page chatd.yaml(5).
// Pure. Thread: any.
#pragma once

#include <string>

namespace chatd {

/// etc/chatd.yaml: every option with its meaning, commented out at its default.
[[nodiscard]] std::string configFileDocument();
/// chatd.yaml(5) in man(7) macros.
[[nodiscard]] std::string manualDocument();

}  // namespace chatd
