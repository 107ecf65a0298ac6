// The file $XDG_CONFIG_HOME/chatctl/config.yaml: named servers with their tokens and default apps. 0600, replaced as a
// whole, never half written. Owned by Settings. Thread: the one of run().
#pragma once

#include <map>
#include <optional>
#include <string>

#include "cli/failure.h"
#include "cli/io.h"

namespace chatd::cli {

struct Context {
  std::string server;                ///< as for --server
  std::optional<std::string> app;    ///< default for --app
  std::optional<std::string> token;  ///< bearer, from `chatctl login`; a secret

  bool operator==(const Context&) const = default;
};

class Contexts {
 public:
  /// The path by the environment: $XDG_CONFIG_HOME, else $HOME/.config. Empty if neither is set.
  [[nodiscard]] static std::string pathFrom(const Io& io);
  /// Reads the file; one that is not there is empty. Errors: unreadable, not YAML, not our shape (Exit::Other, with line).
  [[nodiscard]] static Outcome<Contexts> load(std::string path);

  /// Writes what has changed since load() into the file as it is now, under a lock on its folder, so that several chatctl at
  /// once lose nothing of each other's. Through a neighbour that is renamed, mode 0600, its folder 0700. Errors:
  /// Exit::Other.
  [[nodiscard]] Outcome<void> save() const;

  [[nodiscard]] const Context* find(const std::string& name) const;
  [[nodiscard]] Context* find(const std::string& name);
  /// There is none of this name; maybe another was meant.
  [[nodiscard]] Failure unknown(const std::string& name, Exit exit) const;
  /// The first context of this server, by name order.
  [[nodiscard]] const std::string* nameOfServer(const std::string& server) const;
  /// True if others than the owner may read the file, which holds tokens.
  [[nodiscard]] bool exposed() const { return exposed_; }
  [[nodiscard]] const std::string& path() const { return path_; }

  std::string current;                    ///< name; empty: none
  std::map<std::string, Context> byName;  // what `context list` walks

 private:
  /// What is in the file now, with our changes.
  [[nodiscard]] Outcome<Contexts> merged() const;
  [[nodiscard]] Outcome<void> replaceFile() const;

  std::string path_;
  std::map<std::string, Context> loaded_;
  std::string loadedCurrent_;
  bool exposed_ = false;
};

}  // namespace chatd::cli
