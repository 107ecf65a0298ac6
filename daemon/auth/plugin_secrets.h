// PluginSecrets: what operators give plugins besides their configuration, so that keys need not lie in the database: named
// in plugins.secrets, read from a file or from the daemon's environment when a verifier is made and when the daemon reloads.
// Never listed, never logged.
// A value once made. Thread: any; of() reads files.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/ids.h"
#include "base/result.h"

namespace chatd {

/// Whose secrets are asked for.
struct SecretScope {
  AppId app{};
  std::string name;  ///< of the app
};

/// Why one cannot be read.
struct SecretFault {
  std::string scope, name;
  std::string from;    ///< path or variable
  std::string reason;  ///< "Permission denied"
  bool inFile = false;
  [[nodiscard]] std::string text() const;
};

/// Nothing of them is kept: each time they are asked for, files and environment are read.
class PluginSecrets {
 public:
  static constexpr std::size_t kMost = 64;            ///< entries
  static constexpr std::size_t kMaxBytes = 8 * 1024;  ///< of one

  PluginSecrets() = default;
  /// Entries "SCOPE/NAME=file:PATH" or "SCOPE/NAME=env:VARIABLE"; SCOPE is an app's id or name, or `*` for every app. What
  /// is none is left out: the configuration was judged before (config/option_value.h).
  explicit PluginSecrets(const std::vector<std::string>& entries);

  using Values = std::vector<std::pair<std::string, std::string>>;
  /// Name and value of each secret of the app; the last end of a line is not part of one. An entry of the app itself comes
  /// before one of `*`. `faults` gets those that cannot be read.
  [[nodiscard]] Values of(const SecretScope& scope, std::vector<SecretFault>& faults) const;
  /// Whatever cannot be read now, of all apps.
  [[nodiscard]] std::vector<SecretFault> faults() const;

 private:
  struct Entry {
    std::string scope;
    std::string name;
    bool inFile = false;
    std::string from;  ///< path or variable
  };
  [[nodiscard]] static Result<std::string> read(const Entry& entry);
  std::vector<Entry> entries_;
};

}  // namespace chatd
