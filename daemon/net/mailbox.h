// Mailbox: letters to one loop from any thread, in order of arrival. A mutex, a vector that is swapped, and an eventfd that
// is written only if the loop has said that it sleeps. Shared by the loop and by whoever may outlive it (responders).
#pragma once

#include <cstddef>
#include <vector>

#include "base/mutex.h"
#include "base/task.h"
#include "chat/executor.h"
#include "net/fd.h"

namespace chatd::net {

struct Letter {
  Mail mail;
  Task task;
};

class Mailbox {
 public:
  /// At most `requests` letters of class Request and `events` of class Event wait at once, beside those of the batch that
  /// the loop is running.
  Mailbox(std::size_t requests, std::size_t events);

  /// False: the class is full, or the box is closed; the task is then destroyed here. Thread: any.
  [[nodiscard]] bool post(Mail mail, Task task);
  /// No letter is taken any more; wakes the loop. Thread: any.
  void close();

  /// Swaps what waits into `batch`, which is empty. Thread: the loop.
  void take(std::vector<Letter>& batch);
  /// Announces that the loop is going to wait. False: letters wait, or the box is closed; it must not. Thread: the loop.
  [[nodiscard]] bool sleep();
  [[nodiscard]] bool closed();
  /// To be watched edge-triggered for input; never read.
  [[nodiscard]] int wakeDescriptor() const { return wake_.get(); }

 private:
  void wakeUp() const;

  const std::size_t maxRequests_;
  const std::size_t maxEvents_;
  const Descriptor wake_;
  Mutex mutex_;
  std::vector<Letter> waiting_ CHATD_GUARDED_BY(mutex_);
  std::size_t requests_ CHATD_GUARDED_BY(mutex_) = 0;
  std::size_t events_ CHATD_GUARDED_BY(mutex_) = 0;
  bool asleep_ CHATD_GUARDED_BY(mutex_) = false;
  bool closed_ CHATD_GUARDED_BY(mutex_) = false;
};

}  // namespace chatd::net
