#include "auth/fair_pool.h"

namespace chatd {

FairPool::FairPool(std::size_t threads) {
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { serve(); });
}

FairPool::~FairPool() { stop(); }

bool FairPool::submit(std::uint64_t lane, Task task) {
  {
    LockGuard g(mutex_);
    if (stopping_) return false;
    auto& tasks = lanes_[lane];
    if (tasks.empty()) turns_.push_back(lane);
    tasks.push_back(std::move(task));
  }
  ready_.notifyOne();
  return true;
}

void FairPool::serve() {
  for (;;) {
    Task task;
    {
      UniqueLock lock(mutex_);
      while (turns_.empty() && !stopping_) ready_.wait(lock);
      if (turns_.empty()) return;
      const std::uint64_t lane = turns_.front();
      turns_.pop_front();
      const auto it = lanes_.find(lane);
      task = std::move(it->second.front());
      it->second.pop_front();
      if (it->second.empty()) {
        lanes_.erase(it);
      } else {
        turns_.push_back(lane);
      }
    }
    task();
  }
}

void FairPool::stop() {
  {
    LockGuard g(mutex_);
    stopping_ = true;
  }
  ready_.notifyAll();
  for (std::thread& t : threads_) {
    if (t.joinable()) t.join();
  }
}

}  // namespace chatd
