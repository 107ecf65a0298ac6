// Flights: verifications by plugins that are under way. The same question asked again joins the one under way (single
// flight); an app has so many at once and no more. Thread: any.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/ids.h"
#include "base/mutex.h"

namespace chatd {

template <class Waiter>
class Flights {
 public:
  Flights(std::size_t perApp, std::size_t waiters) : perApp_(perApp), waiters_(waiters) {}

  enum class Board { First, Joined, Full };
  /// First: the caller has to bring the flight to its end. Full: the app has too many, or this one too many waiters; the
  /// waiter was not taken. `patient`: half of what the app may have is enough for this one.
  [[nodiscard]] Board board(const std::string& key, AppId app, const std::shared_ptr<Waiter>& waiter, bool patient = false) {
    LockGuard g(mutex_);
    if (const auto it = flights_.find(key); it != flights_.end()) {
      if (it->second.waiters.size() >= waiters_) return Board::Full;
      it->second.waiters.push_back(waiter);
      return Board::Joined;
    }
    const auto of = apps_.find(app);
    if ((of == apps_.end() ? 0 : of->second) >= (patient ? (perApp_ + 1) / 2 : perApp_)) return Board::Full;
    ++apps_[app];
    flights_[key] = {app, {waiter}};
    return Board::First;
  }

  /// Ends the flight; who waited for it, in order.
  [[nodiscard]] std::vector<std::shared_ptr<Waiter>> land(const std::string& key) {
    LockGuard g(mutex_);
    const auto it = flights_.find(key);
    if (it == flights_.end()) return {};
    std::vector<std::shared_ptr<Waiter>> waiters = std::move(it->second.waiters);
    const auto count = apps_.find(it->second.app);
    if (--count->second == 0) apps_.erase(count);
    flights_.erase(it);
    return waiters;
  }

 private:
  struct Flight {
    AppId app{};
    std::vector<std::shared_ptr<Waiter>> waiters;
  };
  const std::size_t perApp_;
  const std::size_t waiters_;
  Mutex mutex_;
  std::unordered_map<std::string, Flight> flights_ CHATD_GUARDED_BY(mutex_);
  std::unordered_map<AppId, std::size_t> apps_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd
