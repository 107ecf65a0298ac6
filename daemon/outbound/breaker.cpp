#include "outbound/breaker.h"

namespace chatd {

bool Breaker::admit(const std::string& key, Steady now) {
  LockGuard g(mutex_);
  const auto it = failing_.find(key);
  if (it == failing_.end() || it->second.failures < failures_) return true;
  Host& host = it->second;
  if (now < host.openUntil || host.probing) return false;
  host.probing = true;
  return true;
}

void Breaker::succeeded(const std::string& key) {
  LockGuard g(mutex_);
  const auto it = failing_.find(key);
  if (it == failing_.end()) return;
  byAge_.erase(it->second.age);
  failing_.erase(it);
}

void Breaker::failed(const std::string& key, Steady now) {
  LockGuard g(mutex_);
  auto it = failing_.find(key);
  if (it == failing_.end()) {
    if (failing_.size() >= hosts_) {
      failing_.erase(byAge_.front());
      byAge_.pop_front();
    }
    it = failing_.emplace(key, Host{}).first;
    it->second.age = byAge_.insert(byAge_.end(), key);
  }
  Host& host = it->second;
  host.probing = false;
  if (host.failures < failures_) ++host.failures;
  if (host.failures == failures_) host.openUntil = now + open_;
}

void Breaker::abandoned(const std::string& key) {
  LockGuard g(mutex_);
  const auto it = failing_.find(key);
  if (it != failing_.end()) it->second.probing = false;
}

}  // namespace chatd
