// AppBudgets: what one app may use at once, so that no app slows another. Thread: any; one short lock a call.
#pragma once

#include <array>
#include <cstddef>
#include <unordered_map>

#include "base/clock.h"
#include "base/mutex.h"
#include "chat/model.h"
#include "chat/token_buckets.h"

namespace chatd {

class AppBudgets {
 public:
  void setQuotas(AppId app, const AppQuotas& quotas) {
    Shard& s = shard(app);
    LockGuard g(s.mutex);
    s.apps[app].quotas = quotas;
  }

  /// One more live session, unless the app's quota of connections is used up. Pair with releaseSession().
  [[nodiscard]] bool admitSession(AppId app) {
    Shard& s = shard(app);
    LockGuard g(s.mutex);
    Budget& b = s.apps[app];
    if (b.quotas.connections > 0 && b.sessions >= b.quotas.connections) return false;
    ++b.sessions;
    return true;
  }
  void releaseSession(AppId app) {
    Shard& s = shard(app);
    LockGuard g(s.mutex);
    --s.apps[app].sessions;
  }

  enum class Admission { Taken, RateLimited, Busy };
  /// One more command on its way to a commit: within the app's messages per second, and at most `atOnce` of the app waiting.
  /// Pair Taken with releaseCommand().
  [[nodiscard]] Admission admitCommand(AppId app, std::size_t atOnce, Steady now) {
    AppQuotas quotas;
    Shard& s = shard(app);
    {
      LockGuard g(s.mutex);
      Budget& b = s.apps[app];
      if (b.commands >= atOnce) return Admission::Busy;
      ++b.commands;
      quotas = b.quotas;
    }
    if (quotas.messagesPerSecond > 0 && !rates_.take(raw(app), {quotas.messagesPerSecond, quotas.messagesPerSecond}, now)) {
      releaseCommand(app);
      return Admission::RateLimited;
    }
    return Admission::Taken;
  }
  void releaseCommand(AppId app) {
    Shard& s = shard(app);
    LockGuard g(s.mutex);
    --s.apps[app].commands;
  }

 private:
  struct Budget {
    AppQuotas quotas;
    std::int64_t sessions = 0;
    std::size_t commands = 0;
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<AppId, Budget> apps CHATD_GUARDED_BY(mutex);
  };
  Shard& shard(AppId app) { return shards_[static_cast<std::size_t>(raw(app)) % shards_.size()]; }

  std::array<Shard, 16> shards_;
  TokenBuckets rates_;
};

}  // namespace chatd
