// Bench: the chatd_host that a plugin is checked with. Counts every completion of every job, and what is wrong with each
// answer. Its HTTP client always fails, a little later and on another thread. Thread: any.
#pragma once

#include <chrono>
#include <condition_variable>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "sdk/chatd_plugin.h"

namespace chatd::plugin_check {
class Bench;
}

struct chatd_host_ctx {
  chatd::plugin_check::Bench* bench = nullptr;
};

namespace chatd::plugin_check {

class Bench {
 public:
  explicit Bench(const chatd_plugin* plugin);
  ~Bench();
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;

  /// Empty: made. Else the plugin's reason.
  std::string create(const std::string& config);
  void destroy();
  /// Asks; the job's id.
  chatd_job verify(const std::string& token, std::chrono::milliseconds timeout);
  void cancel(chatd_job job);
  /// True once every job asked so far has been completed, or verify() said that it will not be.
  bool settled(std::chrono::milliseconds within);
  /// What was wrong up to now: jobs completed twice or never, answers that break the contract, calls after destroy().
  [[nodiscard]] std::vector<std::string> faults();
  /// What the last answers were, for the report: "ALLOW ann".
  [[nodiscard]] std::string lastAnswer();

 private:
  struct Functions;
  struct Job {
    int completions = 0;
    bool refused = false;
  };
  void completed(chatd_job job, const chatd_result* result);
  void called(const char* what);
  void fault(const std::string& what);
  void answerFetches();

  const chatd_plugin* const plugin_;
  chatd_host_ctx context_;
  chatd_host host_{};
  chatd_instance* instance_ = nullptr;
  std::mutex serial_;  ///< of a SERIALIZED plugin
  const bool serialized_;

  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<chatd_job, Job> jobs_;
  chatd_job next_ = 1;
  std::size_t open_ = 0;
  bool destroyed_ = false;
  std::map<std::string, int> faults_;
  std::string last_;
  std::deque<std::pair<void (*)(void*, const chatd_http_resp*), void*>> fetches_;  ///< owed an answer
  std::thread network_;                                                            ///< gives it
  bool ending_ = false;
};

}  // namespace chatd::plugin_check
