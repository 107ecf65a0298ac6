// Bounded hand-over of work between threads. Full is an answer, not a wait.
#pragma once

#include <cstddef>
#include <deque>
#include <optional>
#include <utility>

#include "base/mutex.h"

namespace chatd {

enum class Offer { Taken, Full, Closing };

/// Many producers, many consumers. Thread: any.
template <class T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t limit) : limit_(limit) {}

  [[nodiscard]] Offer push(T item) {
    {
      LockGuard g(mutex_);
      if (closing_) return Offer::Closing;
      if (items_.size() >= limit_) return Offer::Full;
      items_.push_back(std::move(item));
    }
    ready_.notifyOne();
    return Offer::Taken;
  }

  /// Waits for an item. Nothing once the queue is closed and drained.
  [[nodiscard]] std::optional<T> pop() {
    UniqueLock lock(mutex_);
    while (items_.empty() && !closing_) ready_.wait(lock);
    if (items_.empty()) return std::nullopt;
    std::optional<T> item(std::move(items_.front()));
    items_.pop_front();
    return item;
  }

  /// No more is taken; what is queued is still handed out.
  void close() {
    {
      LockGuard g(mutex_);
      closing_ = true;
    }
    ready_.notifyAll();
  }

  [[nodiscard]] std::size_t size() {
    LockGuard g(mutex_);
    return items_.size();
  }

 private:
  Mutex mutex_;
  Condition ready_;
  std::deque<T> items_ CHATD_GUARDED_BY(mutex_);
  bool closing_ CHATD_GUARDED_BY(mutex_) = false;
  const std::size_t limit_;
};

}  // namespace chatd
