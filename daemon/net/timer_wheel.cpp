#include "net/timer_wheel.h"

#include <algorithm>
#include <bit>

namespace chatd::net {

namespace {

constexpr std::int64_t kFarthest = std::int64_t{10} * 366 * 24 * 3600 * 1000;  // ms; fits the top level with room to spare

void unlink(TimerLink& link) {
  link.prev->next = link.next;
  link.next->prev = link.prev;
  link.prev = link.next = &link;
}

void linkBefore(TimerLink& at, TimerLink& link) {
  link.prev = at.prev;
  link.next = &at;
  at.prev->next = &link;
  at.prev = &link;
}

/// Moves a whole ring behind `to`, which is empty.
void takeAll(TimerLink& from, TimerLink& to) {
  if (from.next == &from) return;
  to.next = from.next;
  to.prev = from.prev;
  to.next->prev = &to;
  to.prev->next = &to;
  from.prev = from.next = &from;
}

}  // namespace

void Timer::cancel() {
  if (wheel_ != nullptr) wheel_->remove(*this);
}

TimerWheel::~TimerWheel() {
  for (TimerLink& slot : slots_) {
    while (slot.next != &slot) remove(static_cast<Timer&>(*slot.next));
  }
}

void TimerWheel::arm(Timer& timer, Steady deadline) {
  timer.cancel();
  // Rounded up: the tick must not begin before the deadline. Tick current_ has been dealt with already.
  const auto due = std::chrono::ceil<std::chrono::milliseconds>(deadline - epoch_).count();
  timer.tick_ = std::clamp(due, current_ + 1, current_ + kFarthest);
  timer.wheel_ = this;
  insert(timer);
}

void TimerWheel::insert(Timer& timer) {
  // The highest group of bits in which the tick differs from now decides the level; within it the slot lies ahead of the
  // present one, so no slot ever holds two rounds.
  const auto difference = static_cast<std::uint64_t>(timer.tick_ ^ current_);
  const unsigned level = (static_cast<unsigned>(std::bit_width(difference)) - 1) / kBits;
  const unsigned slot = static_cast<unsigned>(timer.tick_ >> (level * kBits)) & (kSlots - 1);
  timer.place_ = static_cast<std::uint16_t>(level * kSlots + slot);
  linkBefore(slots_[timer.place_], timer);
  used_[level] |= std::uint64_t{1} << slot;
}

void TimerWheel::remove(Timer& timer) {
  unlink(timer);
  timer.wheel_ = nullptr;
  if (timer.place_ == kFiring) return;
  const TimerLink& slot = slots_[timer.place_];
  if (slot.next == &slot) used_[timer.place_ / kSlots] &= ~(std::uint64_t{1} << (timer.place_ % kSlots));
}

std::optional<std::int64_t> TimerWheel::nextTick() const {
  // What is on a lower level is always due before what is on a higher one.
  for (unsigned level = 0; level < kLevels; ++level) {
    if (used_[level] == 0) continue;
    const auto slot = static_cast<std::int64_t>(std::countr_zero(used_[level]));
    const unsigned shift = level * kBits;
    return (((current_ >> (shift + kBits)) << kBits) | slot) << shift;
  }
  return std::nullopt;
}

void TimerWheel::advance(Steady now) {
  const std::int64_t target = std::chrono::floor<std::chrono::milliseconds>(now - epoch_).count();
  for (auto tick = nextTick(); tick && *tick <= target; tick = nextTick()) {
    current_ = *tick;
    openSlots();
    fire(static_cast<unsigned>(current_) & (kSlots - 1));
  }
  current_ = std::max(current_, target);
}

void TimerWheel::openSlots() {
  // From the top, so that what falls from one level is seen by the next.
  for (unsigned level = kLevels - 1; level > 0; --level) {
    const unsigned shift = level * kBits;
    if ((current_ & ((std::int64_t{1} << shift) - 1)) != 0) continue;
    const unsigned slot = static_cast<unsigned>(current_ >> shift) & (kSlots - 1);
    if ((used_[level] & (std::uint64_t{1} << slot)) == 0) continue;
    used_[level] &= ~(std::uint64_t{1} << slot);
    TimerLink ring;
    takeAll(slots_[std::size_t{level} * kSlots + slot], ring);
    while (ring.next != &ring) {
      auto& timer = static_cast<Timer&>(*ring.next);
      unlink(timer);
      if (timer.tick_ > current_) {
        insert(timer);
      } else {
        // Due at this very tick: its level-0 slot, which fire() looks at next.
        timer.place_ = static_cast<std::uint16_t>(current_ & (kSlots - 1));
        linkBefore(slots_[timer.place_], timer);
      }
    }
  }
}

void TimerWheel::fire(unsigned slot) {
  used_[0] &= ~(std::uint64_t{1} << slot);
  TimerLink due;
  takeAll(slots_[slot], due);
  for (TimerLink* link = due.next; link != &due; link = link->next) static_cast<Timer*>(link)->place_ = kFiring;
  // One at a time: a callback may cancel or destroy those that follow.
  while (due.next != &due) {
    auto& timer = static_cast<Timer&>(*due.next);
    remove(timer);
    timer.callback_(timer.owner_);
  }
}

std::optional<std::int64_t> TimerWheel::waitFrom(Steady now) const {
  const auto tick = nextTick();
  if (!tick) return std::nullopt;
  const auto left = epoch_ + std::chrono::milliseconds(*tick) - now;
  return std::max<std::int64_t>(0, std::chrono::ceil<std::chrono::milliseconds>(left).count());
}

}  // namespace chatd::net
