// ConnectionPool: idle keep-alive connections, newest first. A key holds tenant, scheme, host, port and policy, so that no
// call ever travels on a connection that its own rules would not have opened. Owned by OutboundHttp. Thread: any.
#pragma once

#include <chrono>
#include <cstddef>
#include <list>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "outbound/stream.h"

namespace chatd {

class ConnectionPool {
 public:
  ConnectionPool(std::size_t perKey, std::size_t total, std::chrono::seconds idle)
      : perKey_(perKey), total_(total), idle_(idle) {}

  /// A connection that was usable a moment ago, or nothing.
  [[nodiscard]] std::unique_ptr<Stream> take(const std::string& key, Steady now);
  void put(const std::string& key, std::unique_ptr<Stream> stream, Steady now);
  void clear();

 private:
  struct Idle {
    std::string key;
    Steady since;
    std::unique_ptr<Stream> stream;
  };

  const std::size_t perKey_;
  const std::size_t total_;
  const std::chrono::seconds idle_;
  Mutex mutex_;
  std::list<Idle> idles_ CHATD_GUARDED_BY(mutex_);  ///< newest in front
};

}  // namespace chatd
