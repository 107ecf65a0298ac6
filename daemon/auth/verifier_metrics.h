// VerifierMetrics: what verifiers said, how long they took, and what plugins count themselves, for /metrics. Labels are the
// app's id and the verifier's plugin; the number of series is bounded, what is beyond shares "other". Owned by
// VerifierChain. Thread: any.
#pragma once

#include <chrono>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "auth/verdict.h"
#include "base/ids.h"
#include "base/mutex.h"
#include "observe/metrics.h"

namespace chatd {

class VerifierMetrics {
 public:
  /// Registers in `metrics`, which must live longer.
  explicit VerifierMetrics(Metrics& metrics);

  /// A verifier was asked and said this.
  void asked(AppId app, const std::string& plugin, Verdict::Kind said, std::chrono::nanoseconds took);
  /// The cache knew what it would say.
  void cached(AppId app, const std::string& plugin);
  /// The plugin's process ended and was, or will be, started again.
  void restarted(AppId app, const std::string& plugin);

  /// chatd_host.metric_add: names and labels are the plugin's own. What is no name, or not above 0, is not counted.
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  void counted(AppId app, const std::string& plugin, const std::string& name, double by, Pairs labels);

 private:
  CounterFamily& verdicts_;
  HistogramFamily& seconds_;
  CounterFamily& hits_;
  CounterFamily& restarts_;
  SumFamily& counts_;
  Mutex mutex_;
  /// Series of each app and plugin: one that invents names without end shares "other" with itself.
  std::map<std::pair<AppId, std::string>, std::set<std::pair<std::string, std::string>>> named_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd
