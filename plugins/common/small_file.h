// Files that a configuration names: whoever writes one may mean a FIFO, a device or a file without end. Thread: any; it
// never waits for another process.
#pragma once

#include <cstddef>
#include <optional>
#include <string>

namespace chatd::plugins {

/// The whole of a regular file of at most `most` bytes, by its absolute path. Nothing: it cannot be read so. Which of it was
/// the matter is not told: whoever writes a configuration need not be somebody who may look around on this machine.
[[nodiscard]] std::optional<std::string> readSmallFile(const std::string& path, std::size_t most);

}  // namespace chatd::plugins
