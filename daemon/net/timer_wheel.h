// Hierarchical timer wheel with 1 ms resolution. Intrusive: arming allocates nothing. Thread: the loop that owns it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>

#include "base/clock.h"

namespace chatd::net {

class TimerWheel;

/// A member of whoever waits. Destroying it cancels it.
class Timer {
 public:
  using Callback = void (*)(void* owner);
  Timer(Callback callback, void* owner) : callback_(callback), owner_(owner) {}
  ~Timer() { cancel(); }
  Timer(const Timer&) = delete;
  Timer& operator=(const Timer&) = delete;

  void cancel();
  [[nodiscard]] bool armed() const { return wheel_ != nullptr; }

 private:
  friend class TimerWheel;
  Timer* prev_ = nullptr;
  Timer* next_ = nullptr;
  TimerWheel* wheel_ = nullptr;
  std::int64_t tick_ = 0;
  Callback callback_;
  void* owner_;
};

}  // namespace chatd::net
