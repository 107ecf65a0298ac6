// WorkerPool: threads for work that blocks (SQL reads, password hashes). Bounded; one app holds at most half of the places
// while others wait. Thread: any.
#pragma once

#include <cstddef>
#include <memory>

#include "base/ids.h"
#include "base/queue.h"
#include "base/task.h"

namespace chatd::net {

class WorkerPool {
 public:
  /// `queued`: tasks that may wait, over all apps.
  WorkerPool(std::size_t threads, std::size_t queued);
  ~WorkerPool();

  /// App 0 stands for work of no app. Full: the queue, or the app's share of it.
  [[nodiscard]] Offer submit(AppId app, Task task);
  /// Takes no more, runs what is queued, joins. Called once.
  void stop();
};

}  // namespace chatd::net
