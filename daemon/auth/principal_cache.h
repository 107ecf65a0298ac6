// PrincipalCache: accounts and app keys by the hash of what they presented, for two seconds, so that a busy app key does not
// cost SQL a request. What is ended here ends at once; what is ended elsewhere (another node) ends within those seconds.
// Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <unordered_map>

#include "auth/principal.h"
#include "base/clock.h"
#include "base/mutex.h"

namespace chatd {

class PrincipalCache {
 public:
  PrincipalCache(const Clock& clock, std::size_t entries, std::chrono::milliseconds ttl)
      : clock_(clock), limit_(entries), ttl_(ttl) {}

  /// `mark` has to be given to put(): what was dropped between the two is not kept.
  [[nodiscard]] std::optional<Principal> find(const std::string& hash, std::uint64_t& mark);
  void put(const std::string& hash, const Principal& principal, std::uint64_t mark);
  /// Drops every principal that `which` names. Linear; for changes by administrators.
  void drop(const std::function<bool(const Principal&)>& which);
  void drop(const std::string& hash);

 private:
  struct Entry {
    Principal principal;
    Steady until{};
  };
  const Clock& clock_;
  const std::size_t limit_;
  const std::chrono::milliseconds ttl_;
  Mutex mutex_;
  std::unordered_map<std::string, Entry> entries_ CHATD_GUARDED_BY(mutex_);
  std::uint64_t mark_ CHATD_GUARDED_BY(mutex_) = 0;
};

}  // namespace chatd
