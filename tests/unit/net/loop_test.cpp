// Mailbox and EventLoop: order, bounds, wake-ups, deferred work, timers, the end.
#include "unit/net/support.h"

using namespace nettest;

BOOST_AUTO_TEST_SUITE(event_loop)

BOOST_AUTO_TEST_CASE(letters_of_one_thread_run_in_the_order_of_posting_over_all_classes) {
  LoopThread thread;
  std::vector<int> seen;
  constexpr Mail kinds[] = {Mail::Request, Mail::Completion, Mail::Event};
  for (int i = 0; i < 3000; ++i) REQUIRE(thread.loop().post(kinds[i % 3], [&seen, i] { seen.push_back(i); }));
  thread.on([] {});
  CHECK(seen.size() == 3000U);
  CHECK(std::is_sorted(seen.begin(), seen.end()));
}

BOOST_AUTO_TEST_CASE(letters_of_many_threads_each_keep_their_order_and_none_is_lost) {
  LoopThread thread;
  std::vector<std::vector<int>> seen(4);
  std::vector<std::thread> senders;
  for (std::size_t s = 0; s < seen.size(); ++s) {
    senders.emplace_back([&, s] {
      for (int i = 0; i < 5000; ++i) {
        if (!thread.loop().post(Mail::Completion, [&seen, s, i] { seen[s].push_back(i); })) std::abort();
      }
    });
  }
  for (auto& sender : senders) sender.join();
  thread.on([] {});
  for (const auto& one : seen) {
    CHECK(one.size() == 5000U);
    CHECK(std::is_sorted(one.begin(), one.end()));
  }
}

BOOST_AUTO_TEST_CASE(letters_posted_from_the_loop_itself_keep_order_with_those_before) {
  LoopThread thread;
  std::vector<int> seen;
  Event done;
  thread.on([&] {
    for (int i = 0; i < 10; ++i) REQUIRE(thread.loop().post(Mail::Event, [&seen, i] { seen.push_back(i); }));
    REQUIRE(thread.loop().post(Mail::Event, [&] { done.set(); }));
    seen.push_back(-1);  // not run on the spot
  });
  CHECK(done.wait());
  thread.on([&] {
    CHECK(seen.size() == 11U);
    CHECK(std::is_sorted(seen.begin(), seen.end()));
  });
}

BOOST_AUTO_TEST_CASE(a_full_class_refuses_and_the_others_still_take) {
  LoopThread thread({.mailboxRequests = 3, .mailboxEvents = 2});
  Event entered;
  Event go;
  REQUIRE(thread.loop().post(Mail::Completion, [&] {
    entered.set();
    REQUIRE(go.wait());
  }));
  REQUIRE(entered.wait());
  int ran = 0;
  for (int i = 0; i < 3; ++i) CHECK(thread.loop().post(Mail::Request, [&] { ++ran; }));
  CHECK(!thread.loop().post(Mail::Request, [&] { ran += 100; }));
  for (int i = 0; i < 2; ++i) CHECK(thread.loop().post(Mail::Event, [&] { ++ran; }));
  CHECK(!thread.loop().post(Mail::Event, [&] { ran += 100; }));
  for (int i = 0; i < 100; ++i) CHECK(thread.loop().post(Mail::Completion, [&] { ++ran; }));
  go.set();
  thread.on([&] { CHECK(ran == 105); });
  CHECK(thread.loop().post(Mail::Request, [] {}));
}

BOOST_AUTO_TEST_CASE(an_idle_loop_takes_no_turns_and_wakes_for_a_letter) {
  LoopThread thread;
  thread.on([] {});
  // Nothing is armed: however often we look, the loop has gone to sleep after at most a turn more.
  REQUIRE(eventually([&, last = std::uint64_t{0}, same = 0]() mutable {
    const auto turns = thread.loop().stats().turns.get();
    same = turns == last ? same + 1 : 0;
    last = turns;
    return same > 10'000;
  }));
  Event woken;
  REQUIRE(thread.loop().post(Mail::Event, [&] { woken.set(); }));
  CHECK(woken.wait());
}

BOOST_AUTO_TEST_CASE(deferred_tasks_run_at_the_end_of_the_turn_and_those_they_defer_in_the_next) {
  LoopThread thread;
  std::vector<int> order;
  std::uint64_t turn = 0;
  Event done;
  thread.on([&] {
    EventLoop& loop = thread.loop();
    turn = loop.stats().turns.get();
    loop.defer([&] {
      order.push_back(2);
      CHECK(loop.stats().turns.get() == turn);
      loop.defer([&] {
        order.push_back(3);
        CHECK(loop.stats().turns.get() == turn + 1);
        done.set();
      });
    });
    order.push_back(1);
  });
  CHECK(done.wait());
  thread.on([&] { CHECK(order == (std::vector<int>{1, 2, 3})); });
}

BOOST_AUTO_TEST_CASE(after_runs_once_and_never_early) {
  LoopThread thread;
  constexpr int kCount = 200;
  std::atomic<int> ran{0};
  std::atomic<int> early{0};
  thread.on([&] {
    for (int i = 0; i < kCount; ++i) {
      const auto delay = std::chrono::milliseconds(i % 40);
      const auto due = std::chrono::steady_clock::now() + delay;
      thread.loop().after(delay, [&, due] {
        early += std::chrono::steady_clock::now() < due ? 1 : 0;
        ++ran;
      });
    }
  });
  CHECK(eventually([&] { return ran == kCount; }));
  CHECK(early == 0);
}

BOOST_AUTO_TEST_CASE(on_thread_is_true_on_the_loop_only) {
  LoopThread thread;
  CHECK(!thread.loop().onThread());
  thread.on([&] { CHECK(thread.loop().onThread()); });
}

BOOST_AUTO_TEST_CASE(after_stop_nothing_is_taken_completions_ran_and_the_rest_was_destroyed) {
  LoopThread thread;
  Event entered;
  Event go;
  REQUIRE(thread.loop().post(Mail::Completion, [&] {
    entered.set();
    REQUIRE(go.wait());
  }));
  REQUIRE(entered.wait());
  const auto witness = std::make_shared<int>(0);
  bool completed = false;
  bool requested = false;
  REQUIRE(thread.loop().post(Mail::Request, [&requested, witness] { requested = true; }));
  REQUIRE(thread.loop().post(Mail::Completion, [&completed, witness] { completed = true; }));
  thread.loop().stop();
  CHECK(!thread.loop().post(Mail::Completion, [witness] {}));
  go.set();
  thread.stop();
  CHECK(completed);
  CHECK(!requested);
  CHECK(witness.use_count() == 1);
}

BOOST_AUTO_TEST_CASE(timers_and_tasks_that_wait_at_the_end_are_destroyed_unrun) {
  const auto witness = std::make_shared<int>(0);
  {
    LoopThread thread;
    thread.on([&] { thread.loop().after(1h, [witness] {}); });
  }
  CHECK(witness.use_count() == 1);
}

BOOST_AUTO_TEST_SUITE_END()
