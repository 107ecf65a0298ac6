// VerdictCache: what verifiers said lately, by a keyed hash of everything that they were asked. Never holds a token.
// Bounded, the longest unused goes first. Thread: any.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>

#include "auth/verdict.h"
#include "base/clock.h"
#include "base/ids.h"
#include "base/mutex.h"

namespace chatd {

using VerdictPtr = std::shared_ptr<const Verdict>;

class VerdictCache {
 public:
  explicit VerdictCache(std::size_t entries) : limit_(entries) {}

  struct Found {
    VerdictPtr verdict;
    std::uint64_t generation = 0;  ///< revocation generation read before the verifier was asked
  };
  [[nodiscard]] std::optional<Found> find(const std::string& key, Steady now);
  void put(const std::string& key, AppId app, Found found, Steady until);
  void erase(const std::string& key);
  /// Everything of an app. Linear; for changes by administrators.
  void eraseApp(AppId app);
  [[nodiscard]] std::size_t size();

 private:
  struct Entry {
    std::string key;
    AppId app{};
    Found found;
    Steady until{};
  };
  using List = std::list<Entry>;

  const std::size_t limit_;
  Mutex mutex_;
  List entries_ CHATD_GUARDED_BY(mutex_);                                                ///< last used in front
  std::unordered_map<std::string_view, List::iterator> byKey_ CHATD_GUARDED_BY(mutex_);  ///< views of Entry::key
};

}  // namespace chatd
