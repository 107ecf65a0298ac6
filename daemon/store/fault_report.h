// FaultReport: tells the owner what is wrong with the database, and when it is over: once each, and again after a while, so
// that an outage does not fill the log. Clients get the table's text, the administrator this one. Owned by Store. Thread:
// any.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <utility>

#include "base/mutex.h"

namespace chatd::store {

class FaultReport {
 public:
  using Tell = std::function<void(const std::string&)>;

  /// Either may be empty. They are called on the thread that met the fault and must not call the store.
  FaultReport(Tell tell, Tell tellOver) : tell_(std::move(tell)), tellOver_(std::move(tellOver)) {}

  void say(const std::string& what) {
    {
      const auto now = std::chrono::steady_clock::now();
      LockGuard g(mutex_);
      const bool same = what == last_;
      if (now < (same ? sameAgainAt_ : anotherAt_)) return;
      last_ = what;
      anotherAt_ = now + std::chrono::seconds(1);
      sameAgainAt_ = now + std::chrono::minutes(1);
    }
    if (tell_) tell_(what);
  }

  /// Told once, whoever else finds the same.
  void over(const std::string& what) {
    {
      LockGuard g(mutex_);
      if (last_.empty()) return;
      last_.clear();
      anotherAt_ = {};
    }
    if (tellOver_) tellOver_(what);
  }

 private:
  const Tell tell_;
  const Tell tellOver_;
  Mutex mutex_;
  std::string last_ CHATD_GUARDED_BY(mutex_);
  std::chrono::steady_clock::time_point anotherAt_ CHATD_GUARDED_BY(mutex_){};
  std::chrono::steady_clock::time_point sameAgainAt_ CHATD_GUARDED_BY(mutex_){};
};

}  // namespace chatd::store
