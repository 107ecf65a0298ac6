// TokenBuckets: one rate (per second, with a burst) for many keys. Bounded: full buckets are forgotten, they say nothing.
// Thread: any; one short lock of a shard a call.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"

namespace chatd {

struct Rate {
  std::int64_t perSecond = 0;  ///< 0: no limit
  std::int64_t burst = 1;
};

class TokenBuckets {
 public:
  /// True if one token was there and was taken. How long until the next one otherwise goes to `wait`, if given.
  [[nodiscard]] bool take(std::int64_t key, const Rate& rate, Steady now, std::chrono::milliseconds* wait = nullptr) {
    if (rate.perSecond <= 0) return true;
    const double burst = static_cast<double>(std::max<std::int64_t>(rate.burst, 1));
    const double perSecond = static_cast<double>(rate.perSecond);
    Shard& shard = shards_[static_cast<std::size_t>(key) % shards_.size()];
    LockGuard g(shard.mutex);
    if (shard.buckets.size() >= kMaxKeys) forgetFull(shard, perSecond, burst, now);
    const auto [it, isNew] = shard.buckets.try_emplace(key, Bucket{burst, now});
    Bucket& b = it->second;
    b.tokens = std::min(burst, b.tokens + std::chrono::duration<double>(now - b.at).count() * perSecond);
    b.at = now;
    if (b.tokens >= 1) {
      b.tokens -= 1;
      return true;
    }
    if (wait != nullptr) *wait = std::chrono::milliseconds(static_cast<std::int64_t>((1 - b.tokens) / perSecond * 1000) + 1);
    return false;
  }

 private:
  static constexpr std::size_t kMaxKeys = 16'384;  // a shard; all together a million users sending at once
  struct Bucket {
    double tokens;
    Steady at;
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<std::int64_t, Bucket> buckets CHATD_GUARDED_BY(mutex);
  };

  static void forgetFull(Shard& shard, double perSecond, double burst, Steady now) CHATD_REQUIRES(shard.mutex) {
    std::erase_if(shard.buckets, [&](const auto& entry) {
      return entry.second.tokens + std::chrono::duration<double>(now - entry.second.at).count() * perSecond >= burst;
    });
    // Only a flood from more keys than that at once gets here; starting over favours the senders, never the memory.
    if (shard.buckets.size() >= kMaxKeys) shard.buckets.clear();
  }

  std::array<Shard, 64> shards_;
};

}  // namespace chatd
