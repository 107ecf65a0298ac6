#include "app/reload_requests.h"

#include <unistd.h>

#include <chrono>
#include <csignal>

namespace chatd {

namespace {
constexpr std::chrono::seconds kPatience{10};
}

Result<ReloadReport> ReloadRequests::ask() {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  UniqueLock lock(mutex_);
  // A reload that has begun may have read the file before the caller changed it: the next one counts.
  const std::uint64_t mine = begun_ + 1;
  // A process signal; every thread blocks it, and the main thread takes it by sigwait.
  if (::kill(::getpid(), SIGHUP) != 0) return Code::Internal;
  while (finished_ < mine) {
    if (done_.waitUntil(lock, until) == std::cv_status::timeout && finished_ < mine) return Code::Busy;
  }
  return last_;
}

void ReloadRequests::begin() {
  LockGuard g(mutex_);
  ++begun_;
}

void ReloadRequests::finish(const Result<ReloadReport>& outcome) {
  LockGuard g(mutex_);
  last_ = outcome;
  finished_ = begun_;
  done_.notifyAll();
}

}  // namespace chatd
