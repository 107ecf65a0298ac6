// BucketTable: token buckets by key (an address, a login), bounded: the key that was longest unused is forgotten.
// Thread: any.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <list>
#include <string>
#include <string_view>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace chatd {

class BucketTable {
 public:
  /// `perMinute` tokens come back a minute, at most `burst` gather. A rate of 0: no limit.
  BucketTable(std::int64_t perMinute, std::int64_t burst, std::size_t keys);

  /// True if there is a token; takes none.
  [[nodiscard]] bool available(const std::string& key, Steady now);
  /// Takes a token if there is one.
  [[nodiscard]] bool tryTake(const std::string& key, Steady now);
  /// Takes a token in any case, down to a debt of one burst.
  void charge(const std::string& key, Steady now);
  void giveBack(const std::string& key, Steady now);
  /// How long until available() is true, at least 1 s.
  [[nodiscard]] std::chrono::seconds wait(const std::string& key, Steady now);

 private:
  struct Bucket {
    double tokens = 0;
    Steady at{};
    std::list<std::string>::iterator age;
  };
  [[nodiscard]] double levelOf(const std::string& key, Steady now) const CHATD_REQUIRES(mutex_);
  void add(const std::string& key, Steady now, double tokens) CHATD_REQUIRES(mutex_);

  const double perSecond_;
  const double burst_;
  const std::size_t keys_;
  Mutex mutex_;
  std::unordered_map<std::string, Bucket> buckets_ CHATD_GUARDED_BY(mutex_);
  std::list<std::string> byAge_ CHATD_GUARDED_BY(mutex_);
};

/// The key of an address: IPv4 as it is, IPv6 by its /64, because one host has all of that.
[[nodiscard]] std::string addressKey(const std::string& ip);

}  // namespace chatd
