#include "auth/bucket_table.h"

#include <arpa/inet.h>

#include <algorithm>
#include <cmath>

namespace chatd {

BucketTable::BucketTable(std::int64_t perMinute, std::int64_t burst, std::size_t keys)
    : perSecond_(static_cast<double>(perMinute) / 60.0), burst_(static_cast<double>(burst)), keys_(keys) {}

double BucketTable::levelOf(const std::string& key, Steady now) const {
  const auto it = buckets_.find(key);
  if (it == buckets_.end()) return burst_;
  const double passed = std::chrono::duration<double>(now - it->second.at).count();
  return std::min(burst_, it->second.tokens + std::max(0.0, passed) * perSecond_);
}

void BucketTable::add(const std::string& key, Steady now, double tokens) {
  const double level = std::clamp(levelOf(key, now) + tokens, -burst_, burst_);
  auto it = buckets_.find(key);
  if (it == buckets_.end()) {
    if (buckets_.size() >= keys_) {
      buckets_.erase(byAge_.front());
      byAge_.pop_front();
    }
    it = buckets_.emplace(key, Bucket{}).first;
    it->second.age = byAge_.insert(byAge_.end(), key);
  } else {
    byAge_.splice(byAge_.end(), byAge_, it->second.age);
  }
  it->second.tokens = level;
  it->second.at = now;
}

bool BucketTable::available(const std::string& key, Steady now) {
  if (perSecond_ <= 0) return true;
  LockGuard g(mutex_);
  return levelOf(key, now) >= 1.0;
}

bool BucketTable::tryTake(const std::string& key, Steady now) {
  if (perSecond_ <= 0) return true;
  LockGuard g(mutex_);
  if (levelOf(key, now) < 1.0) return false;
  add(key, now, -1.0);
  return true;
}

void BucketTable::charge(const std::string& key, Steady now) {
  if (perSecond_ <= 0) return;
  LockGuard g(mutex_);
  add(key, now, -1.0);
}

void BucketTable::giveBack(const std::string& key, Steady now) {
  if (perSecond_ <= 0) return;
  LockGuard g(mutex_);
  add(key, now, 1.0);
}

std::chrono::seconds BucketTable::wait(const std::string& key, Steady now) {
  if (perSecond_ <= 0) return std::chrono::seconds(1);
  LockGuard g(mutex_);
  const double missing = 1.0 - levelOf(key, now);
  return std::chrono::seconds(std::max<std::int64_t>(1, std::llround(std::ceil(missing / perSecond_))));
}

std::string addressKey(const std::string& ip) {
  in6_addr address{};
  if (::inet_pton(AF_INET6, ip.c_str(), &address) != 1) return ip;
  const auto* bytes = reinterpret_cast<const char*>(&address);
  if (IN6_IS_ADDR_V4MAPPED(&address)) {
    char text[INET_ADDRSTRLEN] = {};
    ::inet_ntop(AF_INET, bytes + 12, text, sizeof text);
    return text;
  }
  return {bytes, 8};
}

}  // namespace chatd
