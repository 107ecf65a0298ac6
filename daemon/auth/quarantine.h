// Quarantine: tokens that were being verified when a plugin's process died, as keyed hashes. One that did it twice is not
// asked about again for a while. Bounded: the oldest is forgotten first. Thread: one at a time.
#pragma once

#include <chrono>
#include <list>
#include <string>
#include <unordered_map>

#include "base/clock.h"

namespace chatd {

class Quarantine {
 public:
  Quarantine(std::size_t tokens, std::chrono::seconds time) : limit_(tokens), time_(time) {}

  /// It was asked about when the process died. How often that happened by now.
  int crashed(const std::string& key, Steady now) {
    const auto known = byKey_.find(key);
    const int count = known == byKey_.end() || known->second->until <= now ? 1 : known->second->crashes + 1;
    forget(key);
    if (entries_.size() >= limit_) forget(entries_.back().key);
    entries_.push_front({key, count, now + time_});
    byKey_[key] = entries_.begin();
    return count;
  }
  /// It was answered: it is innocent.
  void forget(const std::string& key) {
    const auto it = byKey_.find(key);
    if (it == byKey_.end()) return;
    entries_.erase(it->second);
    byKey_.erase(it);
  }
  [[nodiscard]] bool holds(const std::string& key, Steady now) const {
    const auto it = byKey_.find(key);
    return it != byKey_.end() && it->second->crashes >= kCrashes && it->second->until > now;
  }
  [[nodiscard]] std::size_t size() const { return entries_.size(); }

  static constexpr int kCrashes = 2;

 private:
  struct Entry {
    std::string key;
    int crashes = 0;
    Steady until{};
  };
  const std::size_t limit_;
  const std::chrono::seconds time_;
  std::list<Entry> entries_;  ///< newest in front
  std::unordered_map<std::string, std::list<Entry>::iterator> byKey_;
};

}  // namespace chatd
