// SteppingLoops: engine::Loops on one thread, run step by step by the test; time moves only by the test's clock.
#pragma once

#include <deque>
#include <memory>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "engine/loops.h"
#include "net/timer_wheel.h"

namespace chatd::test {

class SteppingLoops final : public engine::Loops {
 public:
  SteppingLoops(FakeClock& clock, std::size_t count) : clock_(clock) {
    for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<Loop>(clock.steady()));
  }

  [[nodiscard]] std::size_t count() const override { return loops_.size(); }
  [[nodiscard]] std::size_t here() const override { return here_; }
  [[nodiscard]] bool post(std::size_t loop, Mail mail, Task task) override {
    if (mail == Mail::Request && refuseRequests) return false;
    loops_[loop]->letters.push_back(std::move(task));
    return true;
  }
  void atTurnEnd(Task task) override { loops_.at(here_)->deferred.push_back(std::move(task)); }
  [[nodiscard]] Steady now() const override { return clock_.steady(); }
  void arm(net::Timer& timer, std::chrono::milliseconds delay) override {
    loops_.at(here_)->wheel.arm(timer, clock_.steady() + delay);
  }
  [[nodiscard]] net::EventLoop* loop(std::size_t) override { return nullptr; }

  /// Runs `f` as if on this loop, and what it puts off to the end of the turn.
  template <class F>
  void on(std::size_t loop, F&& f) {
    const std::size_t before = std::exchange(here_, loop);
    f();
    auto deferred = std::exchange(loops_[loop]->deferred, {});
    for (Task& task : deferred) task();
    here_ = before;
  }
  /// Turns of all loops until nothing is left to do now.
  void run() {
    for (bool ran = true; ran;) {
      ran = false;
      for (std::size_t i = 0; i < loops_.size(); ++i) {
        Loop& l = *loops_[i];
        if (l.letters.empty() && l.deferred.empty()) continue;
        ran = true;
        auto letters = std::exchange(l.letters, {});
        on(i, [&] {
          for (Task& task : letters) task();
        });
      }
    }
  }
  /// Millisecond by millisecond, timers included.
  void advance(std::chrono::milliseconds by) {
    for (; by.count() > 0; --by) {
      clock_.advance(std::chrono::milliseconds(1));
      for (std::size_t i = 0; i < loops_.size(); ++i) {
        on(i, [&] { loops_[i]->wheel.advance(clock_.steady()); });
      }
      run();
    }
  }

  bool refuseRequests = false;

 private:
  struct Loop {
    explicit Loop(Steady now) : wheel(now) {}
    std::deque<Task> letters;
    std::vector<Task> deferred;
    net::TimerWheel wheel;
  };
  FakeClock& clock_;
  std::size_t here_ = kNoLoop;
  std::vector<std::unique_ptr<Loop>> loops_;
};

}  // namespace chatd::test
