// Files of long work: what it writes, where it stopped, what it refused. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "base/json.h"
#include "cli/failure.h"

namespace chatd::cli {

/// The file that a name given by the user leads to, over links, for one that will be replaced by a rename. Errors: usage, if
/// a device, a pipe or a folder is there, which a rename would take away.
[[nodiscard]] Outcome<std::string> fileToReplace(const std::string& path);

/// A file that one chatctl at a time works on; held until this dies, or the process does.
class FileLock {
 public:
  /// `create`: it is made, mode 0600, if it is not there. Errors: Exit::Conflict if another holds it, usage if it cannot be
  /// opened. A file system without locks gives one that holds nothing.
  [[nodiscard]] static Outcome<FileLock> take(const std::string& path, bool create);
  FileLock() = default;
  FileLock(FileLock&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}
  FileLock& operator=(FileLock&& other) noexcept {
    std::swap(descriptor_, other.descriptor_);
    return *this;
  }
  FileLock(const FileLock&) = delete;
  FileLock& operator=(const FileLock&) = delete;
  ~FileLock();

 private:
  int descriptor_ = -1;
};

/// What a place that was kept by writePrivately() says: a JSON object. Null: it is damaged; nothing: there is none.
[[nodiscard]] std::optional<JsonDocument> readPlace(const std::string& path);
/// A number of a place; 0 if it has none.
[[nodiscard]] std::int64_t placeNumber(const JsonValue& place, std::string_view key);

/// Replaces the file by one with this text, mode 0600, by a neighbour that is renamed. A place that cannot be kept costs a
/// repeat of rows, which changes nothing: so a failure is not told.
void writePrivately(const std::string& path, const std::string& text);

}  // namespace chatd::cli
