// WorkerPool: bounded, fair between apps, drained at the end.
#include "net/worker_pool.h"

#include "unit/net/support.h"

using namespace nettest;

namespace {

constexpr AppId kOne{1};
constexpr AppId kTwo{2};

/// A task that holds its thread until it is let go.
class Gate {
 public:
  Task task() {
    return [this] {
      ++inside_;
      REQUIRE(open_.wait());
      --inside_;
    };
  }
  void open() { open_.set(); }
  [[nodiscard]] int inside() const { return inside_; }

 private:
  Event open_;
  std::atomic<int> inside_{0};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(worker_pool)

BOOST_AUTO_TEST_CASE(every_task_runs_once_and_stop_runs_what_is_queued) {
  std::atomic<int> ran{0};
  WorkerPool pool(3, 1000);
  int taken = 0;
  for (int i = 0; i < 900; ++i) taken += pool.submit(AppId{i % 3}, [&] { ++ran; }) == Offer::Taken ? 1 : 0;
  pool.stop();
  CHECK(ran == taken);
  CHECK(taken == 900);
  CHECK((pool.submit(kOne, [] {}) == Offer::Closing));
}

BOOST_AUTO_TEST_CASE(tasks_of_one_app_start_in_order) {
  std::vector<int> order;
  WorkerPool pool(1, 100);
  for (int i = 0; i < 40; ++i) REQUIRE((pool.submit(kOne, [&order, i] { order.push_back(i); }) == Offer::Taken));
  pool.stop();
  CHECK(order.size() == 40U);
  CHECK(std::is_sorted(order.begin(), order.end()));
}

BOOST_AUTO_TEST_CASE(one_app_gets_at_most_half_of_the_places_and_the_rest_is_for_others) {
  Gate gate;
  WorkerPool pool(2, 10);
  int taken = 0;
  while (pool.submit(kOne, gate.task()) == Offer::Taken) ++taken;
  CHECK(taken == 6);
  int others = 0;
  for (int i = 0; i < 6; ++i) others += pool.submit(kTwo, [] {}) == Offer::Taken ? 1 : 0;
  CHECK(others >= 4);  // the queue holds 10; how many of app one already run is the threads' affair
  gate.open();
  pool.stop();
}

BOOST_AUTO_TEST_CASE(work_of_no_app_has_the_same_share) {
  Gate gate;
  WorkerPool pool(2, 10);
  int taken = 0;
  while (pool.submit(AppId{0}, gate.task()) == Offer::Taken) ++taken;
  CHECK(taken == 6);
  gate.open();
}

BOOST_AUTO_TEST_CASE(an_app_alone_may_use_every_thread) {
  Gate gate;
  WorkerPool pool(4, 20);
  for (int i = 0; i < 4; ++i) REQUIRE((pool.submit(kOne, gate.task()) == Offer::Taken));
  CHECK(eventually([&] { return gate.inside() == 4; }));
  gate.open();
}

BOOST_AUTO_TEST_CASE(an_app_with_a_long_queue_does_not_hold_up_another) {
  Gate gate;
  Gate first;
  Event ran;
  WorkerPool pool(2, 100);
  REQUIRE((pool.submit(AppId{9}, first.task()) == Offer::Taken));
  REQUIRE(eventually([&] { return first.inside() == 1; }));
  // One thread is left. App one queues twenty that block it; app two comes last and must not wait for all of them.
  for (int i = 0; i < 20; ++i) REQUIRE((pool.submit(kOne, gate.task()) == Offer::Taken));
  REQUIRE(eventually([&] { return gate.inside() == 1; }));
  REQUIRE((pool.submit(kTwo, [&] { ran.set(); }) == Offer::Taken));
  first.open();  // the thread that becomes free is not app one's: it is at its half
  CHECK(ran.wait());
  gate.open();
}

BOOST_AUTO_TEST_CASE(apps_take_turns) {
  std::vector<int> order;
  Gate gate;
  WorkerPool pool(1, 100);
  REQUIRE((pool.submit(AppId{9}, gate.task()) == Offer::Taken));
  REQUIRE(eventually([&] { return gate.inside() == 1; }));
  for (int i = 0; i < 5; ++i) REQUIRE((pool.submit(kOne, [&] { order.push_back(1); }) == Offer::Taken));
  for (int i = 0; i < 5; ++i) REQUIRE((pool.submit(kTwo, [&] { order.push_back(2); }) == Offer::Taken));
  gate.open();
  pool.stop();
  CHECK(order == (std::vector<int>{1, 2, 1, 2, 1, 2, 1, 2, 1, 2}));
}

BOOST_AUTO_TEST_CASE(a_full_queue_refuses_everybody) {
  Gate gate;
  WorkerPool pool(1, 4);
  REQUIRE((pool.submit(AppId{9}, gate.task()) == Offer::Taken));
  REQUIRE(eventually([&] { return gate.inside() == 1; }));
  for (int i = 0; i < 4; ++i) REQUIRE((pool.submit(AppId{i}, [] {}) == Offer::Taken));
  CHECK((pool.submit(AppId{77}, [] {}) == Offer::Full));
  gate.open();
}

BOOST_AUTO_TEST_SUITE_END()
