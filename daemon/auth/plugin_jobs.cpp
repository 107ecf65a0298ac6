#include "auth/plugin_jobs.h"

namespace chatd {

namespace {
constexpr chatd_job jobOf(std::uint32_t generation, std::uint32_t slot) { return (chatd_job{generation} << 32) | slot; }
}  // namespace

std::optional<chatd_job> PluginJobs::open(const InstancePtr& instance, Steady deadline, Done& done) {
  LockGuard g(mutex_);
  std::uint32_t index = 0;
  if (!free_.empty()) {
    index = free_.back();
    free_.pop_back();
  } else {
    if (slots_.size() >= limit_) return std::nullopt;
    index = static_cast<std::uint32_t>(slots_.size());
    slots_.emplace_back();
  }
  Slot& slot = slots_[index];
  slot.instance = instance;
  slot.done = std::move(done);
  slot.deadline = deadlines_.emplace(deadline, index);
  return jobOf(slot.generation, index);
}

PluginJobs::Ended PluginJobs::complete(const PluginHost::Instance* by, chatd_job job) {
  const auto index = static_cast<std::uint32_t>(job);
  LockGuard g(mutex_);
  if (index >= slots_.size()) return {};
  Slot& slot = slots_[index];
  if (slot.generation != static_cast<std::uint32_t>(job >> 32) || slot.instance.get() != by) return {};
  Ended ended{std::move(slot.instance), std::move(slot.done)};
  slot.instance = nullptr;
  if (ended.done) deadlines_.erase(slot.deadline);
  ++slot.generation;
  if (slot.generation == 0) slot.generation = 1;
  free_.push_back(index);
  return ended;
}

std::vector<PluginJobs::Overdue> PluginJobs::expire(Steady now, bool all) {
  std::vector<Overdue> out;
  LockGuard g(mutex_);
  while (!deadlines_.empty() && (all || deadlines_.begin()->first <= now)) {
    const std::uint32_t index = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    Slot& slot = slots_[index];
    out.push_back({jobOf(slot.generation, index), slot.instance, std::move(slot.done)});
    slot.done = nullptr;
  }
  return out;
}

std::optional<Steady> PluginJobs::nextDeadline() {
  LockGuard g(mutex_);
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.begin()->first;
}

}  // namespace chatd
