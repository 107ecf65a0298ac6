// Small files beside long work: where it stopped, what it refused. Thread: any.
#pragma once

#include <string>

namespace chatd::cli {

/// Replaces the file by one with this text, mode 0600, by a neighbour that is renamed. A place that cannot be kept costs a
/// repeat of rows, which changes nothing: so a failure is not told.
void writePrivately(const std::string& path, const std::string& text);

}  // namespace chatd::cli
