// Daemon: the composition root. Makes every part, in the order in which they need each other, and takes them down in the
// other. Thread: main.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "config/load.h"
#include "config/options.h"

namespace chatd {

class Daemon {
 public:
  explicit Daemon(const Options& options);
  ~Daemon();

  /// Opens the store, binds the sockets and serves. Errors say what an admin can do.
  Result<void> start();
  /// Of the first TCP listener, "http://127.0.0.1:8080" or "https://…"; "unix:/path" if there is none.
  [[nodiscard]] const std::string& url() const;
  /// Applies what can be applied while running, and logs what cannot.
  /// Whoever asked for the reload over REST is told what came of it.
  void reload(const LoadedOptions& loaded);
  /// Before the configuration is read for reload(): requests for a reload that come later want another one.
  void reloading();
  /// Nobody new; clients are asked to come back; what was admitted is committed and answered, for drain.seconds at most.
  void stop();

 private:
  struct Parts;
  Options options_;
  std::unique_ptr<Parts> parts_;
};

}  // namespace chatd
