// A configuration file in a temporary folder, and shorthands for loading it.
#pragma once

#include <filesystem>
#include <fstream>
#include <string>

#include "config/load.h"

namespace chatd::test {

class TemporaryFile {
 public:
  explicit TemporaryFile(const std::string& text) {
    std::string pattern = (std::filesystem::temp_directory_path() / "chatd-config-XXXXXX").string();
    folder_ = ::mkdtemp(pattern.data());
    path_ = folder_ + "/chatd.yaml";
    std::ofstream(path_, std::ios::binary) << text;
  }
  ~TemporaryFile() { std::filesystem::remove_all(folder_); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  std::string folder_;
  std::string path_;
};

struct Loading {
  std::string file;
  Environment environment;
  CommandLine flags;

  [[nodiscard]] LoadedOptions run() const {
    const TemporaryFile written(file);
    CommandLine line = flags;
    line.config = written.path();
    LoadedOptions loaded = loadOptions(line, environment);
    // The folder's name is chance; tests speak of FILE.
    for (ConfigFault& fault : loaded.faults) {
      if (const std::size_t at = fault.where.find(written.path()); at != std::string::npos)
        fault.where.replace(at, written.path().size(), "FILE");
    }
    return loaded;
  }
};

/// The only fault, as printed; or how many there are.
inline std::string onlyFault(const LoadedOptions& loaded) {
  return loaded.faults.size() == 1 ? loaded.faults[0].text() : std::to_string(loaded.faults.size()) + " faults";
}
inline std::string faultOf(const std::string& file) { return onlyFault(Loading{file, {}, {}}.run()); }

}  // namespace chatd::test
