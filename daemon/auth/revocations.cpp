#include "auth/revocations.h"

#include <algorithm>

namespace chatd {

void Revocations::revoke(UserId user) {
  LockGuard g(mutex_);
  const std::uint64_t generation = generation_.fetch_add(1) + 1;
  revoked_[user] = generation;
  order_.emplace_back(user, generation);
  while (order_.size() > users_) {
    const auto [oldest, at] = order_.front();
    order_.pop_front();
    const auto it = revoked_.find(oldest);
    // Revoked again since: the newer pair stands further behind.
    if (it == revoked_.end() || it->second != at) continue;
    revoked_.erase(it);
    floor_ = std::max(floor_, at);
  }
}

bool Revocations::holds(UserId user, std::uint64_t generation) const {
  LockGuard g(mutex_);
  const auto it = revoked_.find(user);
  return generation >= (it == revoked_.end() ? floor_ : it->second);
}

}  // namespace chatd
