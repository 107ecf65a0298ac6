// PluginJobs: verifications that a plugin owes an answer for, under generational ids. Each ends once for the asker (answer
// or deadline) and once for the plugin (its complete()). Owned by PluginHost. Thread: any.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "auth/plugin_host.h"
#include "auth/verdict.h"
#include "base/clock.h"
#include "base/mutex.h"
#include "base/task.h"

namespace chatd {

class PluginJobs {
 public:
  using Done = UniqueFunction<void(Verdict)>;
  using InstancePtr = PluginHost::InstancePtr;

  explicit PluginJobs(std::size_t jobs) : limit_(jobs) {}

  /// Nothing: too many are owed; `done` was not taken. Job ids are never 0.
  [[nodiscard]] std::optional<chatd_job> open(const InstancePtr& instance, Steady deadline, Done& done);

  struct Ended {
    InstancePtr instance;  ///< nothing: no such job, or not one of this instance
    Done done;             ///< empty: the asker was answered before
  };
  /// The plugin's part is over; the id is dead from now on. `by`: who says so.
  [[nodiscard]] Ended complete(const PluginHost::Instance* by, chatd_job job);

  struct Overdue {
    chatd_job job = 0;
    InstancePtr instance;
    Done done;
  };
  /// Jobs whose deadline is `now` or earlier; they stay owed by the plugin. With `all`: every job that somebody waits for.
  [[nodiscard]] std::vector<Overdue> expire(Steady now, bool all);
  /// When to call expire() next; nothing: no job has a deadline.
  [[nodiscard]] std::optional<Steady> nextDeadline();

 private:
  using Deadlines = std::multimap<Steady, std::uint32_t>;
  struct Slot {
    std::uint32_t generation = 1;
    InstancePtr instance;  ///< set while the job is owed
    Done done;
    Deadlines::iterator deadline;
  };

  const std::size_t limit_;
  Mutex mutex_;
  std::vector<Slot> slots_ CHATD_GUARDED_BY(mutex_);
  std::vector<std::uint32_t> free_ CHATD_GUARDED_BY(mutex_);
  Deadlines deadlines_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd
