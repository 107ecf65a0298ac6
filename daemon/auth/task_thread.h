// TaskThread: one thread that runs tasks in order, and one that wakes at a given time. Small parts of PluginHost.
#pragma once

#include <deque>
#include <functional>
#include <optional>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"

namespace chatd {

/// Runs tasks one at a time, in order of posting. Not bounded: its owner posts at most one task for each admitted thing.
class TaskThread {
 public:
  TaskThread() : thread_([this] { serve(); }) {}
  ~TaskThread() { stop(); }
  TaskThread(const TaskThread&) = delete;
  TaskThread& operator=(const TaskThread&) = delete;

  /// False once stopped; the task is then destroyed unrun. Thread: any.
  bool post(Task task) {
    {
      LockGuard g(mutex_);
      if (stopping_) return false;
      tasks_.push_back(std::move(task));
    }
    ready_.notifyOne();
    return true;
  }
  /// Runs what is queued, and what that posts, then joins.
  void stop() {
    {
      LockGuard g(mutex_);
      leaving_ = true;
    }
    ready_.notifyOne();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void serve() {
    UniqueLock lock(mutex_);
    for (;;) {
      while (tasks_.empty() && !leaving_) ready_.wait(lock);
      if (tasks_.empty()) break;
      Task task = std::move(tasks_.front());
      tasks_.pop_front();
      lock.unlock();
      task();
      task = nullptr;
      lock.lock();
    }
    stopping_ = true;
  }

  Mutex mutex_;
  Condition ready_;
  std::deque<Task> tasks_ CHATD_GUARDED_BY(mutex_);
  bool leaving_ CHATD_GUARDED_BY(mutex_) = false;   ///< stop() was called
  bool stopping_ CHATD_GUARDED_BY(mutex_) = false;  ///< the thread has looked at its queue for the last time
  std::thread thread_;
};

/// Calls `tick` when its time has come; `tick` says when it wants to be called again.
class WakeThread {
 public:
  using Tick = std::function<std::optional<Steady>()>;
  explicit WakeThread(Tick tick) : tick_(std::move(tick)), thread_([this] { serve(); }) {}
  ~WakeThread() { stop(); }
  WakeThread(const WakeThread&) = delete;
  WakeThread& operator=(const WakeThread&) = delete;

  /// There may be something earlier than what tick said. Thread: any.
  void nudge() {
    {
      LockGuard g(mutex_);
      nudged_ = true;
    }
    ready_.notifyOne();
  }
  void stop() {
    {
      LockGuard g(mutex_);
      stopping_ = true;
    }
    ready_.notifyOne();
    if (thread_.joinable()) thread_.join();
  }

 private:
  void serve() {
    UniqueLock lock(mutex_);
    while (!stopping_) {
      nudged_ = false;
      lock.unlock();
      const std::optional<Steady> next = tick_();
      lock.lock();
      bool due = false;
      while (!stopping_ && !nudged_ && !due) {
        if (next) {
          due = ready_.waitUntil(lock, *next) == std::cv_status::timeout;
        } else {
          ready_.wait(lock);
        }
      }
    }
  }

  Mutex mutex_;
  Condition ready_;
  bool nudged_ CHATD_GUARDED_BY(mutex_) = false;
  bool stopping_ CHATD_GUARDED_BY(mutex_) = false;
  Tick tick_;
  std::thread thread_;
};

}  // namespace chatd
