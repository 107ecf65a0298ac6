// Breaker: stops calling a host that keeps failing, and tries it again with one call at a time.
// Counted per tenant and (scheme, host, port): an app with a hopeless timeout must not close the host for the others.
// Owned by OutboundHttp. Thread: any.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <string>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace chatd {

class Breaker {
 public:
  Breaker(int failures, std::chrono::milliseconds open, std::size_t hosts)
      : failures_(failures), open_(open), hosts_(hosts) {}

  /// False: open. True after `open` again, for one call at a time until one succeeded.
  [[nodiscard]] bool admit(const std::string& key, Steady now);
  /// How an admitted call went. Only failures to get any answer count; what a host answers is not the breaker's business.
  void succeeded(const std::string& key);
  void failed(const std::string& key, Steady now);
  /// An admitted call ended without having learned anything of the host.
  void abandoned(const std::string& key);

 private:
  struct Host {
    int failures = 0;
    Steady openUntil{};
    bool probing = false;
    std::list<std::string>::iterator age;
  };

  const int failures_;
  const std::chrono::milliseconds open_;
  const std::size_t hosts_;  ///< failing hosts remembered; the oldest is forgotten
  Mutex mutex_;
  std::unordered_map<std::string, Host> failing_ CHATD_GUARDED_BY(mutex_);
  std::list<std::string> byAge_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd
