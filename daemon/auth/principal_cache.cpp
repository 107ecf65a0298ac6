#include "auth/principal_cache.h"

namespace chatd {

std::optional<Principal> PrincipalCache::find(const std::string& hash, std::uint64_t& mark) {
  const Steady now = clock_.steady();
  const Timestamp wall = clock_.wall();
  LockGuard g(mutex_);
  mark = mark_;
  const auto it = entries_.find(hash);
  if (it == entries_.end()) return std::nullopt;
  const Principal& p = it->second.principal;
  if (now >= it->second.until || (p.expiresAt && *p.expiresAt <= wall)) {
    entries_.erase(it);
    return std::nullopt;
  }
  return p;
}

void PrincipalCache::put(const std::string& hash, const Principal& principal, std::uint64_t mark) {
  const Steady now = clock_.steady();
  LockGuard g(mutex_);
  if (mark != mark_) return;
  if (entries_.size() >= limit_) {
    std::erase_if(entries_, [&](const auto& e) { return e.second.until <= now; });
    if (entries_.size() >= limit_) entries_.erase(entries_.begin());
  }
  entries_[hash] = {principal, now + ttl_};
}

void PrincipalCache::drop(const std::function<bool(const Principal&)>& which) {
  LockGuard g(mutex_);
  ++mark_;
  std::erase_if(entries_, [&](const auto& e) { return which(e.second.principal); });
}

void PrincipalCache::drop(const std::string& hash) {
  LockGuard g(mutex_);
  ++mark_;
  entries_.erase(hash);
}

}  // namespace chatd
