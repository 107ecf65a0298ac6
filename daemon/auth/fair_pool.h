// FairPool: threads for verification steps that block (SQL) or call plugins. One queue a lane, served in turn, so that the
// handshakes of one app wait for their own and not for another's. Thread: any.
// It has no bound of its own: what may be in it is admitted by its owner, each admitted thing holds at most one task.
#pragma once

#include <cstdint>
#include <deque>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/task.h"

namespace chatd {

class FairPool {
 public:
  explicit FairPool(std::size_t threads);
  ~FairPool();
  FairPool(const FairPool&) = delete;
  FairPool& operator=(const FairPool&) = delete;

  /// False once stop() was called; the task is then destroyed unrun.
  bool submit(std::uint64_t lane, Task task);
  /// Runs what is queued, joins.
  void stop();

 private:
  void serve();

  Mutex mutex_;
  Condition ready_;
  std::unordered_map<std::uint64_t, std::deque<Task>> lanes_ CHATD_GUARDED_BY(mutex_);
  std::deque<std::uint64_t> turns_ CHATD_GUARDED_BY(mutex_);  ///< lanes that have tasks
  bool stopping_ CHATD_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace chatd
