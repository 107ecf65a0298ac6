// Text of others on a terminal: what is shown cannot move the cursor, colour the screen, forge a line or turn the
// reading direction. Pure. Thread: any.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace chatd::cli {

enum class Backslash : bool { Keep, Double };

/// Control characters (C0, DEL, C1), line and paragraph separators, directional controls and bytes that are no UTF-8 as
/// \n, \t, \xNN or \u{NNNN}; all else as it is. Backslash::Double makes the form reversible (for TSV).
[[nodiscard]] std::string visible(std::string_view text, Backslash backslash = Backslash::Keep);

/// As one word of a command that somebody may copy into a shell: in single quotes, unless it is plain.
[[nodiscard]] std::string shellWord(std::string_view text);

/// Columns that `text` takes on a terminal (wide characters two, combining marks none). Wants the output of visible().
[[nodiscard]] std::size_t columnsOf(std::string_view text);

}  // namespace chatd::cli
