// Finding, judging and loading the shared library of a plugin. Used by the daemon (inline), the host process, the checker.
//
// A name becomes FOLDER/NAME.so of the first folder that has it. What is judged is the opened descriptor and never a path
// that somebody may change in between: folder and file must belong to root or to our own user and be writable by nobody
// else, the file must be a regular one inside the folder (a symbolic link may lead to another file of it). What is loaded is
// that very descriptor.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "sdk/chatd_plugin.h"

namespace chatd {

/// An opened file of a plugin that was judged good. Owns its descriptor (close-on-exec). Thread: one at a time.
class PluginFile {
 public:
  PluginFile() = default;
  PluginFile(PluginFile&& other) noexcept;
  PluginFile& operator=(PluginFile&& other) noexcept;
  PluginFile(const PluginFile&) = delete;
  PluginFile& operator=(const PluginFile&) = delete;
  ~PluginFile();

  /// 1 to 64 of a-z, 0-9, '.', '_', '-', beginning with a letter or digit.
  [[nodiscard]] static bool goodName(std::string_view name);
  /// Errors: NotFound (no folder has it), Forbidden (its detail says which rule it breaks).
  [[nodiscard]] static Result<PluginFile> find(const std::vector<std::string>& folders, const std::string& name);
  /// Whether plugins are taken from this folder. Errors: NotFound (it is not there), Forbidden (the rule that it breaks).
  [[nodiscard]] static Result<void> judgeFolder(const std::string& folder);
  /// The same rules for a file given by its path.
  [[nodiscard]] static Result<PluginFile> at(const std::string& path);
  /// Names of the files in the folders, good or not, at most 1000; a folder that is not there has none.
  [[nodiscard]] static std::vector<std::string> names(const std::vector<std::string>& folders);

  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] const std::string& path() const { return path_; }  ///< for messages
  /// Gives the descriptor away.
  [[nodiscard]] int release();

 private:
  int fd_ = -1;
  std::string path_;
};

/// The path of what is open at `fd`; empty: the system does not say.
[[nodiscard]] std::string pathOfDescriptor(int fd);

/// Loads what is open at `fd` and asks for its table. The library is never unloaded, and `fd` must stay open for as long as
/// the process lives: the loader knows libraries by name, and this one's name is that of the descriptor.
/// Errors: Invalid, its detail says what is wrong, with the file's path (no entry, another ABI, an incomplete table).
/// [control thread]
[[nodiscard]] Result<const chatd_plugin*> loadPlugin(int fd);

/// True if the table has all that this host needs; else says what is missing.
[[nodiscard]] Result<void> judgeTable(const chatd_plugin* plugin);

}  // namespace chatd
