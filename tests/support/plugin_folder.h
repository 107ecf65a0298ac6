// PluginFolder: a temporary folder of plugins for one test, filled by copying from the build.
#pragma once

#include <sys/stat.h>

#include <cstdlib>
#include <filesystem>
#include <string>

namespace chatd::test {

class PluginFolder {
 public:
  PluginFolder() {
    std::string made = (std::filesystem::temp_directory_path() / "chatd-plugins-XXXXXX").string();
    if (::mkdtemp(made.data()) == nullptr) std::abort();
    path_ = made;
    ::chmod(made.c_str(), 0755);
  }
  ~PluginFolder() { std::filesystem::remove_all(path_); }
  PluginFolder(const PluginFolder&) = delete;
  PluginFolder& operator=(const PluginFolder&) = delete;

  [[nodiscard]] std::string path() const { return path_.string(); }
  [[nodiscard]] std::string file(const std::string& name) const { return (path_ / name).string(); }
  /// Puts build/test-plugins/FROM.so there as NAME.so, as a package manager does: a new file takes the old one's place.
  void put(const std::string& from, const std::string& name) const {
    const auto next = path_ / (name + ".next");
    std::filesystem::copy_file(std::filesystem::path(CHATD_TEST_PLUGINS) / (from + ".so"), next);
    ::chmod(next.c_str(), 0644);
    std::filesystem::rename(next, path_ / (name + ".so"));
  }

 private:
  std::filesystem::path path_;
};

}  // namespace chatd::test
