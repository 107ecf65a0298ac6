// CommitQueue: what waits for the commit thread. Bounded in items and bytes, whole and per app; handed out in batches by
// deficit round robin over apps, first in first out within an app (and so within a room).
// Owned by GroupCommitter. Threads: push from any, take on the commit thread.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>
#include <unordered_map>
#include <variant>
#include <vector>

#include "base/mutex.h"
#include "base/queue.h"
#include "chat/message_log.h"
#include "store/batch_writer.h"
#include "store/write_job.h"

namespace chatd::store {

using Work = std::variant<Append, Change, std::unique_ptr<WriteJob>>;

/// One transaction's worth. Jobs run first; the items keep their order.
struct Batch {
  std::vector<std::unique_ptr<WriteJob>> jobs;
  std::vector<LogItem> items;
  [[nodiscard]] bool empty() const { return jobs.empty() && items.empty(); }
  void clear() {
    jobs.clear();
    items.clear();
  }
};

class CommitQueue {
 public:
  struct Limits {
    std::size_t items;
    std::size_t itemsPerApp;
    std::size_t bytes;
    std::size_t batchRows;
    std::size_t batchBytes;
  };

  explicit CommitQueue(const Limits& limits) : limits_(limits) {}

  /// Thread: any.
  [[nodiscard]] Offer push(AppId app, Work&& work);
  /// As push(), without waking the commit thread: it takes this with the next push, kick() or batch.
  [[nodiscard]] Offer stage(AppId app, Work&& work);
  /// Wakes it if something was staged since the last kick.
  void kick() {
    if (staged_.exchange(false, std::memory_order_acq_rel)) arrived_.notifyOne();
  }

  /// Who was answered by the last batch sends again in a moment: fewer than `rows` are given `pause` to become more.
  struct Gather {
    std::size_t rows = 0;
    std::chrono::microseconds pause{0};
  };

  /// Fills `batch` with what waits; waits for something until `until`. False: closed and drained. Thread: commit thread.
  [[nodiscard]] bool take(Batch& batch, std::chrono::steady_clock::time_point until, const Gather& gather);

  /// The next take() comes back at once, with nothing if nothing waits. Thread: any.
  void wake();

  /// No more is taken; what waits is still handed out. Thread: any.
  void close();

 private:
  struct Entry {
    AppId app{};
    std::size_t bytes = 0;
    std::chrono::steady_clock::time_point queuedAt;
    Work work;
  };
  struct Lane {  // one app's entries in order
    std::deque<Entry> entries;
    std::size_t deficit = 0;
    bool listed = false;
  };

  void sort();
  void fill(Batch& batch);

  const Limits limits_;

  std::atomic<bool> staged_{false};
  Mutex mutex_;
  Condition arrived_;
  std::vector<Entry> arriving_ CHATD_GUARDED_BY(mutex_);
  std::unordered_map<AppId, std::size_t> queuedOf_ CHATD_GUARDED_BY(mutex_);  // items of an app anywhere in the queue
  std::size_t queued_ CHATD_GUARDED_BY(mutex_) = 0;
  std::size_t queuedBytes_ CHATD_GUARDED_BY(mutex_) = 0;
  bool closed_ CHATD_GUARDED_BY(mutex_) = false;
  bool woken_ CHATD_GUARDED_BY(mutex_) = false;

  // Commit thread only.
  std::vector<Entry> sorting_;
  std::unordered_map<AppId, Lane> lanes_;
  std::deque<AppId> turns_;  // apps that have entries, in the order of their turns
  std::unordered_map<AppId, std::size_t> taken_;
};

}  // namespace chatd::store
