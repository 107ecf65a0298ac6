// RecentIds: remembers the newest ids that it was given, up to a bound. Thread: any.
#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <unordered_set>

#include "base/mutex.h"

namespace chatd {

class RecentIds {
 public:
  explicit RecentIds(std::size_t limit) : limit_(limit) {}

  void add(const std::string& id) {
    LockGuard g(mutex_);
    if (!ids_.insert(id).second) return;
    order_.push_back(id);
    if (order_.size() <= limit_) return;
    ids_.erase(order_.front());
    order_.pop_front();
  }
  [[nodiscard]] bool contains(const std::string& id) {
    LockGuard g(mutex_);
    return ids_.contains(id);
  }

 private:
  const std::size_t limit_;
  Mutex mutex_;
  std::unordered_set<std::string> ids_ CHATD_GUARDED_BY(mutex_);
  std::deque<std::string> order_ CHATD_GUARDED_BY(mutex_);  ///< by age
};

}  // namespace chatd
