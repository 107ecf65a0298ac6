#include "observe/health.h"

#include <algorithm>
#include <exception>

#include "base/assert.h"

namespace chatd {

void Health::add(std::string name, Check check) {
  LockGuard g(mutex_);
  CHATD_ASSERT(std::none_of(checks_.begin(), checks_.end(), [&](const Entry& e) { return e.name == name; }));
  checks_.push_back({std::move(name), std::move(check)});
}

void Health::refuse(std::string reason) {
  LockGuard g(mutex_);
  refused_ = std::move(reason);
}

void Health::allow() {
  LockGuard g(mutex_);
  refused_.reset();
}

Health::Report Health::report() const {
  std::vector<Entry> checks;
  std::optional<std::string> refused;
  {
    // Checks are foreign code and run outside of the lock.
    LockGuard g(mutex_);
    checks = checks_;
    refused = refused_;
  }
  Report report;
  report.ready = !refused;
  if (refused) report.findings.push_back({"serving", std::move(refused)});
  for (const Entry& entry : checks) {
    std::optional<std::string> reason;
    try {
      reason = entry.check();
    } catch (const std::exception& e) {
      reason = std::string("the check failed: ") + e.what();
    }
    if (reason) report.ready = false;
    report.findings.push_back({entry.name, std::move(reason)});
  }
  return report;
}

}  // namespace chatd
