// Small files beside long work: where it stopped, what it refused. Thread: any.
#pragma once

#include <string>

#include "cli/failure.h"

namespace chatd::cli {

/// The file that a name given by the user leads to, over links, for one that will be replaced by a rename. Errors: usage, if
/// a device, a pipe or a folder is there, which a rename would take away.
[[nodiscard]] Outcome<std::string> fileToReplace(const std::string& path);

/// Replaces the file by one with this text, mode 0600, by a neighbour that is renamed. A place that cannot be kept costs a
/// repeat of rows, which changes nothing: so a failure is not told.
void writePrivately(const std::string& path, const std::string& text);

}  // namespace chatd::cli
