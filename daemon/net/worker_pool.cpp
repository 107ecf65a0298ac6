#include "net/worker_pool.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace chatd::net {

WorkerPool::WorkerPool(std::size_t threads, std::size_t queued)
    : maxQueued_(queued),
      maxPlaces_(std::max<std::size_t>(1, (threads + queued) / 2)),
      maxThreads_(std::max<std::size_t>(1, threads / 2)) {
  CHATD_ASSERT(threads > 0);
  for (std::size_t i = 0; i < threads; ++i) threads_.emplace_back([this] { work(); });
}

WorkerPool::~WorkerPool() {
  if (!threads_.empty()) stop();
}

Offer WorkerPool::submit(AppId app, Task task) {
  {
    LockGuard g(mutex_);
    if (closing_) return Offer::Closing;
    if (queued_ >= maxQueued_) return Offer::Full;
    Share& share = shares_[app];
    if (share.waiting.size() + share.running >= maxPlaces_) return Offer::Full;
    share.waiting.push_back(std::move(task));
    ++queued_;
    if (!std::exchange(share.inTurn, true)) turns_.push_back(app);
  }
  ready_.notifyOne();
  return Offer::Taken;
}

void WorkerPool::stop() {
  {
    LockGuard g(mutex_);
    CHATD_ASSERT(!closing_);
    closing_ = true;
  }
  ready_.notifyAll();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
}

std::optional<WorkerPool::Job> WorkerPool::next() {
  if (turns_.empty()) return std::nullopt;
  // The first in turn that is below its share of the threads; if all are at it, the first.
  auto turn = std::find_if(turns_.begin(), turns_.end(),
                           [this](AppId app) CHATD_REQUIRES(mutex_) { return shares_.at(app).running < maxThreads_; });
  if (turn == turns_.end()) turn = turns_.begin();
  const AppId app = *turn;
  turns_.erase(turn);
  Share& share = shares_.at(app);
  Job job{app, std::move(share.waiting.front())};
  share.waiting.pop_front();
  ++share.running;
  --queued_;
  share.inTurn = !share.waiting.empty();
  if (share.inTurn) turns_.push_back(app);
  return job;
}

void WorkerPool::finished(AppId app) {
  LockGuard g(mutex_);
  const auto share = shares_.find(app);
  if (--share->second.running == 0 && share->second.waiting.empty()) shares_.erase(share);
}

void WorkerPool::work() {
  while (true) {
    std::optional<Job> job;
    {
      UniqueLock lock(mutex_);
      while (!(job = next()) && !closing_) ready_.wait(lock);
    }
    if (!job) return;
    job->task();
    job->task = nullptr;  // what it holds goes before its place is free
    finished(job->app);
  }
}

}  // namespace chatd::net
