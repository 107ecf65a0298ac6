// FaultReport: tells the owner what is wrong with the database, at most once a second, so that an outage does not fill the
// log. Clients get the table's text, the administrator this one. Owned by Store. Thread: any.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace chatd::store {

class FaultReport {
 public:
  /// `tell` may be empty. It is called on the thread that met the fault and must not call the store.
  explicit FaultReport(std::function<void(const std::string&)> tell) : tell_(std::move(tell)) {}

  void say(const std::string& what) {
    if (!tell_) return;
    {
      const auto now = std::chrono::steady_clock::now();
      LockGuard g(mutex_);
      if (now < quietUntil_) return;
      quietUntil_ = now + std::chrono::seconds(1);
    }
    tell_(what);
  }

 private:
  const std::function<void(const std::string&)> tell_;
  Mutex mutex_;
  std::chrono::steady_clock::time_point quietUntil_ CHATD_GUARDED_BY(mutex_){};
};

}  // namespace chatd::store
