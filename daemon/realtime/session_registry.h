// SessionRegistry: who is connected, over all loops, by user. Thread: any; one short lock of a shard a call.
#pragma once

#include <array>
#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "chat/fanout.h"
#include "chat/sessions.h"

namespace chatd {

class SessionRegistry {
 public:
  /// False: the user has `limit` sessions already.
  [[nodiscard]] bool add(SessionAddress address, SessionSummary summary, std::size_t limit);
  void remove(UserId user, SessionAddress address);
  /// The session that its client knows by this id.
  [[nodiscard]] std::optional<SessionAddress> find(UserId user, std::string_view id);
  void rename(UserId user, SessionAddress address, const std::string& id);
  void setTransport(UserId user, SessionAddress address, std::string_view transport);
  [[nodiscard]] std::vector<SessionSummary> ofUser(UserId user);
  [[nodiscard]] std::vector<SessionAddress> addresses(UserId user);
  /// Walks everything: for rare calls.
  [[nodiscard]] std::vector<SessionAddress> addressesOfApp(AppId app);
  [[nodiscard]] std::size_t size() const { return size_.load(std::memory_order_relaxed); }

 private:
  struct Entry {
    SessionAddress address;
    SessionSummary summary;
  };
  struct Shard {
    Mutex mutex;
    std::unordered_map<UserId, std::vector<Entry>> users CHATD_GUARDED_BY(mutex);
  };
  template <class F>
  void change(UserId user, SessionAddress address, F&& how) {
    Shard& s = shard(user);
    LockGuard g(s.mutex);
    const auto it = s.users.find(user);
    if (it == s.users.end()) return;
    for (Entry& entry : it->second) {
      if (entry.address == address) how(entry.summary);
    }
  }
  Shard& shard(UserId user) { return shards_[static_cast<std::size_t>(raw(user)) % shards_.size()]; }

  std::array<Shard, 64> shards_;
  std::atomic<std::size_t> size_{0};
};

}  // namespace chatd
