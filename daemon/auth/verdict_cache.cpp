#include "auth/verdict_cache.h"

namespace chatd {

std::optional<VerdictCache::Found> VerdictCache::find(const std::string& key, Steady now) {
  LockGuard g(mutex_);
  const auto it = byKey_.find(key);
  if (it == byKey_.end()) return std::nullopt;
  const List::iterator entry = it->second;
  if (now >= entry->until) {
    byKey_.erase(it);
    entries_.erase(entry);
    return std::nullopt;
  }
  entries_.splice(entries_.begin(), entries_, entry);
  return entry->found;
}

void VerdictCache::put(const std::string& key, AppId app, Found found, Steady until) {
  LockGuard g(mutex_);
  if (const auto it = byKey_.find(key); it != byKey_.end()) {
    const List::iterator old = it->second;
    byKey_.erase(it);
    entries_.erase(old);
  } else if (entries_.size() >= limit_) {
    byKey_.erase(entries_.back().key);
    entries_.pop_back();
  }
  entries_.push_front({key, app, std::move(found), until});
  byKey_.emplace(entries_.front().key, entries_.begin());
}

void VerdictCache::erase(const std::string& key) {
  LockGuard g(mutex_);
  const auto it = byKey_.find(key);
  if (it == byKey_.end()) return;
  const List::iterator entry = it->second;
  byKey_.erase(it);
  entries_.erase(entry);
}

void VerdictCache::eraseApp(AppId app) {
  LockGuard g(mutex_);
  for (auto it = entries_.begin(); it != entries_.end();) {
    const auto here = it++;
    if (here->app != app) continue;
    byKey_.erase(here->key);
    entries_.erase(here);
  }
}

std::size_t VerdictCache::size() {
  LockGuard g(mutex_);
  return entries_.size();
}

}  // namespace chatd
