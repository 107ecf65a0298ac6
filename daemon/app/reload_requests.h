// ReloadRequests: how a worker has the main thread reload, and learns what came of it. The main thread alone knows the
// command line and applies options, so a request is a SIGHUP with somebody who waits. Owned by Daemon.
#pragma once

#include <cstdint>

#include "base/mutex.h"
#include "base/result.h"
#include "rest/server_control.h"

namespace chatd {

class ReloadRequests {
 public:
  /// Signals the main thread and waits for the reload that begins after the call, for 10 s at most. Errors: those of the
  /// reload; Busy if it does not come. Thread: worker.
  [[nodiscard]] Result<ReloadReport> ask();
  /// A reload begins: whoever asked before is answered by it. Thread: main.
  void begin();
  /// It is done. Thread: main.
  void finish(const Result<ReloadReport>& outcome);

 private:
  Mutex mutex_;
  Condition done_;
  std::uint64_t begun_ CHATD_GUARDED_BY(mutex_) = 0;
  std::uint64_t finished_ CHATD_GUARDED_BY(mutex_) = 0;
  Result<ReloadReport> last_ CHATD_GUARDED_BY(mutex_) = ReloadReport{};
};

}  // namespace chatd
