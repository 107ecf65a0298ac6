// SteppingExecutor: loops, workers and timers on one thread, run step by step by the test. Time moves only by the test's
// clock.
#pragma once

#include <deque>
#include <map>
#include <vector>

#include "base/clock.h"
#include "chat/executor.h"

namespace chatd::test {

class SteppingExecutor final : public Executor {
 public:
  SteppingExecutor(FakeClock& clock, std::size_t loops) : clock_(clock), letters_(loops) {}

  [[nodiscard]] std::size_t loops() const override { return letters_.size(); }
  [[nodiscard]] std::size_t here() const override { return here_; }
  [[nodiscard]] bool post(std::size_t loop, Mail mail, Task task) override {
    if (mail == Mail::Event && refuseEvents) return false;
    if (mail == Mail::Request && refuseRequests) return false;
    letters_[loop].push_back(std::move(task));
    return true;
  }
  void after(std::size_t loop, std::chrono::milliseconds delay, Task task) override {
    timers_.emplace(clock_.steady() + delay, std::pair{loop, std::move(task)});
  }
  void atTurnEnd(std::size_t loop, Task task) override { letters_[loop].push_back(std::move(task)); }
  [[nodiscard]] Offer work(AppId, Task task) override {
    if (refuseWork) return Offer::Full;
    work_.push_back(std::move(task));
    return Offer::Taken;
  }

  /// Letters and due timers, until there are none. Work waits.
  void runLoops() {
    for (bool ran = true; ran;) {
      ran = false;
      for (std::size_t i = 0; i < letters_.size(); ++i) {
        while (!letters_[i].empty()) {
          Task task = std::move(letters_[i].front());
          letters_[i].pop_front();
          on(i, task);
          ran = true;
        }
      }
      while (!timers_.empty() && timers_.begin()->first <= clock_.steady()) {
        auto [loop, task] = std::move(timers_.begin()->second);
        timers_.erase(timers_.begin());
        on(loop, task);
        ran = true;
      }
    }
  }
  /// One piece of work of a worker thread; false: there was none.
  bool runWork() {
    if (work_.empty()) return false;
    Task task = std::move(work_.front());
    work_.pop_front();
    on(kNoLoop, task);
    return true;
  }
  /// Everything, until nothing is left.
  void run() {
    do runLoops();
    while (runWork());
  }
  void advance(std::chrono::milliseconds by) {
    clock_.advance(by);
    run();
  }
  /// Runs `f` as if on this loop.
  template <class F>
  void on(std::size_t loop, F&& f) {
    const std::size_t before = std::exchange(here_, loop);
    f();
    here_ = before;
  }
  [[nodiscard]] std::size_t waitingWork() const { return work_.size(); }

  bool refuseEvents = false;
  bool refuseRequests = false;
  bool refuseWork = false;

 private:
  FakeClock& clock_;
  std::size_t here_ = kNoLoop;
  std::vector<std::deque<Task>> letters_;
  std::deque<Task> work_;
  std::multimap<Steady, std::pair<std::size_t, Task>> timers_;
};

}  // namespace chatd::test
