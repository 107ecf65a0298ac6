// Passwords: asked for at the terminal or piped in, never a word of the command line, which other users can see.
#pragma once

#include <string>

#include "cli/command.h"

namespace chatd::cli {

/// A password that exists: one line from standard input, or one answer without echo. Errors: Exit::Usage.
[[nodiscard]] Outcome<std::string> password(Invocation& run, bool fromInput);
/// The same for a new one; at the terminal it is asked for twice.
[[nodiscard]] Outcome<std::string> newPassword(Invocation& run, bool fromInput);

}  // namespace chatd::cli
