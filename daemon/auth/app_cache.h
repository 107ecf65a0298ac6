// AppCache: apps by id and by name, for a second at most, so that a burst of handshakes reads its app once.
// Thread: any; get() may block in SQL.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/result.h"
#include "chat/directory.h"

namespace chatd {

/// Which header fields and cookies a verifier wants to see (names as in PeerFields).
[[nodiscard]] std::vector<std::string> peerNamesOf(const VerifierSpec& spec);

/// An app, and what its verifiers want to see.
struct KnownApp : App {
  explicit KnownApp(App app);
  std::vector<std::vector<std::string>> peerNames;  ///< by the index of the verifier
  std::vector<std::string> allPeerNames;            ///< of all of them
};
using AppPtr = std::shared_ptr<const KnownApp>;

class AppCache {
 public:
  AppCache(Directory& directory, const Clock& clock, std::size_t apps, std::chrono::milliseconds ttl)
      : directory_(directory), clock_(clock), limit_(apps), ttl_(ttl) {}

  /// `text`: digits only is an id, all else a name. Errors: NotFound, StoreUnavailable.
  [[nodiscard]] Result<AppPtr> get(const std::string& text);
  [[nodiscard]] Result<AppPtr> get(AppId id);
  /// The next get() reads it anew, also one that is reading now.
  void forget(AppId id);

 private:
  struct Entry {
    AppPtr app;
    Steady until{};
  };
  [[nodiscard]] AppPtr cached(const std::string& key, std::uint64_t& forgotten);
  [[nodiscard]] Result<AppPtr> keep(const std::string& key, Result<App> read, std::uint64_t forgotten);

  Directory& directory_;
  const Clock& clock_;
  const std::size_t limit_;
  const std::chrono::milliseconds ttl_;
  Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ CHATD_GUARDED_BY(mutex_);  ///< by the text that was asked for
  std::uint64_t forgotten_ CHATD_GUARDED_BY(mutex_) = 0;
};

}  // namespace chatd
