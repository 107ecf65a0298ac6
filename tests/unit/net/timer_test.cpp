// TimerWheel: never early, in order, cancelled means silent.
#include <algorithm>
#include <boost/test/unit_test.hpp>
#include <functional>
#include <memory>
#include <vector>

#include "base/random.h"
#include "net/timer_wheel.h"

using namespace chatd;
using namespace chatd::net;
using namespace std::chrono_literals;

namespace {

const Steady kStart = Steady{} + 1h + 300us;

struct Probe {
  Probe() : timer([](void* self) { static_cast<Probe*>(self)->due(); }, this) {}
  void due() {
    ++count;
    if (then) then();
  }
  int count = 0;
  std::function<void()> then;
  Timer timer;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(timer_wheel)

BOOST_AUTO_TEST_CASE(a_timer_fires_at_its_deadline_and_not_before) {
  for (const auto delay :
       {1us, 999us, 1000us, 1001us, 63'000us, 64'000us, 65'432us, 4'095'999us, 4'096'001us, 75'000'000us}) {
    TimerWheel wheel(kStart);
    Probe probe;
    wheel.arm(probe.timer, kStart + delay);
    wheel.advance(kStart + delay - 1us);
    BOOST_TEST(probe.count == 0);
    wheel.advance(kStart + delay + 1ms);
    BOOST_TEST(probe.count == 1);
    BOOST_TEST(!probe.timer.armed());
    wheel.advance(kStart + delay + 1h);
    BOOST_TEST(probe.count == 1);
  }
}

BOOST_AUTO_TEST_CASE(thousands_of_random_timers_are_never_early_and_late_by_no_more_than_the_clock_steps) {
  TimerWheel wheel(kStart);
  struct Due {
    Due() : timer([](void* self) { static_cast<Due*>(self)->fire(); }, this) {}
    void fire() {
      ++fired;
      const auto late = *now - deadline;
      early = early || late < 0us;
      worst = std::max(worst, late);
    }
    Steady deadline;
    const Steady* now = nullptr;
    int fired = 0;
    bool early = false;
    Steady::duration worst{};
    Timer timer;
  };
  Steady now = kStart;
  std::vector<std::unique_ptr<Due>> all;
  for (int i = 0; i < 5000; ++i) {
    auto due = std::make_unique<Due>();
    due->now = &now;
    due->deadline = now + std::chrono::microseconds(randomNumber() % 300'000'000 >> (randomNumber() % 20));
    wheel.arm(due->timer, due->deadline);
    all.push_back(std::move(due));
    if (i % 5 == 0) wheel.advance(now += std::chrono::microseconds(randomNumber() % 3000));
  }
  // From here as the loop does it: wait as long as the wheel says, then advance.
  int steps = 0;
  for (auto wait = wheel.waitFrom(now); wait; wait = wheel.waitFrom(now), ++steps) {
    now += std::chrono::milliseconds(*wait);
    wheel.advance(now);
  }
  BOOST_TEST(steps < 20'000);
  Steady::duration worst{};
  for (const auto& due : all) {
    BOOST_REQUIRE(due->fired == 1);
    BOOST_REQUIRE(!due->early);
    worst = std::max(worst, due->worst);
  }
  BOOST_TEST((worst <= 4ms));  // the largest step of the first phase, and the rounding to a whole millisecond
}

BOOST_AUTO_TEST_CASE(timers_fire_in_the_order_of_their_deadlines) {
  TimerWheel wheel(kStart);
  std::vector<int> order;
  std::vector<std::unique_ptr<Probe>> probes;
  for (const int ms : {5000, 70, 3, 64, 63, 4096, 100'000, 1}) {
    auto probe = std::make_unique<Probe>();
    probe->then = [&order, ms] { order.push_back(ms); };
    wheel.arm(probe->timer, kStart + std::chrono::milliseconds(ms));
    probes.push_back(std::move(probe));
  }
  wheel.advance(kStart + 200s);
  BOOST_TEST(order.size() == 8U);
  BOOST_TEST(std::is_sorted(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE(a_cancelled_timer_is_silent_and_leaves_nothing_to_wait_for) {
  TimerWheel wheel(kStart);
  Probe probe;
  wheel.arm(probe.timer, kStart + 100ms);
  probe.timer.cancel();
  BOOST_TEST(!wheel.waitFrom(kStart).has_value());
  wheel.advance(kStart + 1s);
  BOOST_TEST(probe.count == 0);
}

BOOST_AUTO_TEST_CASE(a_destroyed_timer_is_silent) {
  TimerWheel wheel(kStart);
  {
    Probe probe;
    wheel.arm(probe.timer, kStart + 10ms);
  }
  wheel.advance(kStart + 1s);
  BOOST_TEST(!wheel.waitFrom(kStart + 1s).has_value());
}

BOOST_AUTO_TEST_CASE(arming_again_moves_the_deadline_both_ways) {
  TimerWheel wheel(kStart);
  Probe probe;
  wheel.arm(probe.timer, kStart + 10ms);
  wheel.arm(probe.timer, kStart + 10s);
  wheel.advance(kStart + 9s);
  BOOST_TEST(probe.count == 0);
  wheel.arm(probe.timer, kStart + 9s + 5ms);
  wheel.advance(kStart + 9s + 6ms);
  BOOST_TEST(probe.count == 1);
  wheel.advance(kStart + 20s);
  BOOST_TEST(probe.count == 1);
}

BOOST_AUTO_TEST_CASE(a_callback_may_arm_itself_cancel_others_and_destroy_them) {
  TimerWheel wheel(kStart);
  Probe first;
  Probe second;
  auto third = std::make_unique<Probe>();
  first.then = [&] {
    second.timer.cancel();
    third.reset();
    if (first.count < 3) wheel.arm(first.timer, kStart);  // past: the next millisecond
  };
  for (Probe* p : {&first, &second, third.get()}) wheel.arm(p->timer, kStart + 5ms);
  wheel.advance(kStart + 6ms);
  BOOST_TEST(first.count >= 1);
  wheel.advance(kStart + 20ms);
  BOOST_TEST(first.count == 3);
  BOOST_TEST(second.count == 0);
  BOOST_TEST(third == nullptr);
}

BOOST_AUTO_TEST_CASE(a_deadline_centuries_ahead_is_taken_and_can_be_cancelled) {
  TimerWheel wheel(kStart);
  Probe probe;
  wheel.arm(probe.timer, kStart + std::chrono::hours(24 * 365 * 200));
  wheel.advance(kStart + std::chrono::hours(24 * 365 * 5));
  BOOST_TEST(probe.count == 0);
  BOOST_TEST(probe.timer.armed());
  probe.timer.cancel();
  BOOST_TEST(!wheel.waitFrom(kStart).has_value());
}

BOOST_AUTO_TEST_CASE(a_wheel_that_goes_disarms_its_timers) {
  Probe probe;
  {
    TimerWheel wheel(kStart);
    wheel.arm(probe.timer, kStart + 1s);
  }
  BOOST_TEST(!probe.timer.armed());
}

BOOST_AUTO_TEST_CASE(an_idle_wheel_is_advanced_over_years_at_once) {
  TimerWheel wheel(kStart);
  wheel.advance(kStart + std::chrono::hours(24 * 365 * 20));
  Probe probe;
  const Steady later = kStart + std::chrono::hours(24 * 365 * 20);
  wheel.arm(probe.timer, later + 7ms);
  BOOST_TEST(wheel.waitFrom(later).value() <= 8);
  wheel.advance(later + 8ms);
  BOOST_TEST(probe.count == 1);
}

BOOST_AUTO_TEST_SUITE_END()
