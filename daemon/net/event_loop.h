// EventLoop: one thread, one epoll, one mailbox, one timer wheel, one read buffer. Nothing that runs on it may block.
// A turn: letters, timers, sockets that are ready, deferred work, then one writev for every connection with output.
#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>

#include "base/task.h"
#include "chat/executor.h"
#include "net/timer_wheel.h"

namespace chatd::net {

class Connection;

struct LoopOptions {
  std::size_t mailboxRequests = 65'536;  ///< letters of class Request that may wait
  std::size_t mailboxEvents = 65'536;    ///< of class Event
};

class EventLoop {
 public:
  EventLoop(std::size_t index, const LoopOptions& options);
  ~EventLoop();

  /// Runs until stop(). Thread: the loop's own.
  void run();
  /// Ends run() after the turn under way; connections left are reset. Thread: any.
  void stop();

  /// Runs `task` on this loop, in the order of posting from one thread. False: the class is full, or the loop has
  /// stopped. Completion is never full. Thread: any.
  [[nodiscard]] bool post(Mail mail, Task task);

  /// Runs `task` at the end of this turn, before the output is flushed. Thread: this loop.
  void defer(Task task);

  /// Arms (again) a timer. Thread: this loop.
  void arm(Timer& timer, std::chrono::milliseconds delay);
  /// One-shot, allocates. Thread: this loop.
  void after(std::chrono::milliseconds delay, Task task);

  /// Steady time at the start of this turn; cheap. Thread: this loop.
  [[nodiscard]] Steady now() const;
  [[nodiscard]] std::size_t index() const;
  [[nodiscard]] bool onThread() const;
  /// Open connections. Thread: any.
  [[nodiscard]] std::size_t connections() const;
};

}  // namespace chatd::net
