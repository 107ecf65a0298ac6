// Hierarchical timer wheel with 1 ms resolution. Intrusive: arming allocates nothing. Thread: the loop that owns it.
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "base/clock.h"

namespace chatd::net {

class TimerWheel;

/// Two neighbours in a ring of timers; an empty ring is a link to itself.
struct TimerLink {
  TimerLink* prev = this;
  TimerLink* next = this;
};

/// A member of whoever waits. Destroying it cancels it.
class Timer : private TimerLink {
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
  TimerWheel* wheel_ = nullptr;
  std::int64_t tick_ = 0;
  Callback callback_;
  void* owner_;
  std::uint16_t place_ = 0;  ///< level * 64 + slot, so that cancelling can mark the slot empty
};

/// Seven levels of 64 slots: level n holds what is due within 64^(n+1) ms, so one word a level says which slots are used and
/// an idle wheel skips any length of time in a few steps.
class TimerWheel {
 public:
  explicit TimerWheel(Steady now) : epoch_(now) {}
  /// Disarms what is armed.
  ~TimerWheel();
  TimerWheel(const TimerWheel&) = delete;
  TimerWheel& operator=(const TimerWheel&) = delete;

  /// Arms, or arms anew. The callback runs in the first advance() at or after `deadline`, never before. A deadline more
  /// than ten years ahead is taken as ten years.
  void arm(Timer& timer, Steady deadline);
  /// Runs what is due at `now`, in order of deadline (to the millisecond). Callbacks may arm, cancel and destroy any timer.
  void advance(Steady now);
  /// Milliseconds from `now` until advance() has something to do, rounded up; nothing if no timer is armed. It may be less
  /// than the time to the next deadline (a slot of a higher level is opened), never more.
  [[nodiscard]] std::optional<std::int64_t> waitFrom(Steady now) const;

 private:
  friend class Timer;
  static constexpr unsigned kBits = 6;
  static constexpr unsigned kSlots = 1U << kBits;
  static constexpr unsigned kLevels = 7;
  static constexpr std::uint16_t kFiring = kLevels * kSlots;  ///< place of a timer that is about to run

  void insert(Timer& timer);
  void remove(Timer& timer);
  [[nodiscard]] std::optional<std::int64_t> nextTick() const;
  void openSlots();
  void fire(unsigned slot);

  Steady epoch_;
  std::int64_t current_ = 0;  ///< milliseconds since epoch_ that have been dealt with
  std::array<std::uint64_t, kLevels> used_{};
  std::array<TimerLink, std::size_t{kLevels} * kSlots> slots_{};
};

}  // namespace chatd::net
