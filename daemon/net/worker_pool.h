// WorkerPool: threads for work that blocks (SQL reads, password hashes). Bounded and fair: an app holds at most half of the
// places (threads and queue together), and at most half of the threads while others wait. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <thread>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"
#include "base/queue.h"
#include "base/task.h"

namespace chatd::net {

class WorkerPool {
 public:
  /// `queued`: tasks that may wait, over all apps.
  WorkerPool(std::size_t threads, std::size_t queued);
  ~WorkerPool();
  WorkerPool(const WorkerPool&) = delete;
  WorkerPool& operator=(const WorkerPool&) = delete;

  /// Tasks of one app start in order; apps take turns. App 0 stands for work of no app. Full: the queue, or the app's half
  /// of all places. Closing: stop() was called.
  [[nodiscard]] Offer submit(AppId app, Task task);
  /// Takes no more, runs what is queued, joins. Called once, not from a task.
  void stop();

 private:
  struct Share {
    std::deque<Task> waiting;
    std::size_t running = 0;
    bool inTurn = false;  ///< named in turns_
  };
  struct Job {
    AppId app;
    Task task;
  };

  void work();
  [[nodiscard]] std::optional<Job> next() CHATD_REQUIRES(mutex_);
  void finished(AppId app);

  const std::size_t maxQueued_;
  const std::size_t maxPlaces_;   ///< of one app
  const std::size_t maxThreads_;  ///< of one app, while others wait
  Mutex mutex_;
  Condition ready_;
  std::unordered_map<AppId, Share> shares_ CHATD_GUARDED_BY(mutex_);  ///< of apps with something waiting or running
  std::deque<AppId> turns_ CHATD_GUARDED_BY(mutex_);                  ///< apps with something waiting, next first
  std::size_t queued_ CHATD_GUARDED_BY(mutex_) = 0;
  bool closing_ CHATD_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace chatd::net
