// Listening: the listeners of the configuration as endpoints of the server, and their certificates. Owned by Daemon.
// Thread: main.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "config/load.h"
#include "config/options.h"
#include "net/server.h"
#include "net/tls_context.h"
#include "net/trusted_proxies.h"

namespace chatd {

/// What is wrong with the certificates and keys that the options name. Blocks on the disk.
[[nodiscard]] std::vector<ConfigFault> certificateFaults(const LoadedOptions& loaded);

/// The options went through the same rules, so this cannot fail.
[[nodiscard]] std::shared_ptr<const net::TrustedProxies> trustedProxies(const Options& options);

class Listening {
 public:
  /// Loads the certificates and binds every listener and the admin socket. Errors: Internal or Invalid, in words.
  Result<void> open(const Options& options, net::Server& server);
  /// Reads the certificates again and logs what became of each. A bad one changes nothing: the old one stays.
  void reloadCertificates();
  /// Of the first TCP listener, "https://127.0.0.1:8443"; else of the first Unix socket, "unix:/path".
  [[nodiscard]] const std::string& url() const { return url_; }

 private:
  std::vector<std::shared_ptr<net::TlsIdentity>> identities_;
  std::string url_;
};

}  // namespace chatd
