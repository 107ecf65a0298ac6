// Metrics: counting from many threads, the text format, bounded labels.
#include <boost/test/unit_test.hpp>
#include <cmath>
#include <string>
#include <thread>
#include <vector>

#include "observe/metrics.h"

using namespace chatd;

namespace {

void inThreads(int count, const std::function<void()>& body) {
  std::vector<std::thread> threads;
  threads.reserve(static_cast<std::size_t>(count));
  for (int i = 0; i < count; ++i) threads.emplace_back(body);
  for (std::thread& thread : threads) thread.join();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(metrics)

BOOST_AUTO_TEST_CASE(counters_lose_nothing_from_many_threads) {
  Metrics m;
  for (const Heat heat : {Heat::Normal, Heat::Hot}) {
    Counter& c = m.counter(heat == Heat::Hot ? "chatd_hot_total" : "chatd_total", "help", {}, heat);
    inThreads(20, [&c] {
      for (int i = 0; i < 1000; ++i) c.add();
    });
    BOOST_TEST(c.value() == 20'000U);
  }
}

BOOST_AUTO_TEST_CASE(the_text_is_the_exposition_format_by_name) {
  Metrics m;
  m.counter("chatd_b_total", "Things.\nWith \\ in it", {{"kind", "a\"b\\c\nd"}}).add(3);
  m.gauge("chatd_a", "Level").set(-2);
  m.gaugeFrom("chatd_c", "Read when asked", [] { return 1.5; });
  m.counterFrom("chatd_d_total", "Kept by somebody else", [] { return std::uint64_t{7}; });
  BOOST_TEST(m.render() ==
             "# HELP chatd_a Level\n# TYPE chatd_a gauge\nchatd_a -2\n"
             "# HELP chatd_b_total Things.\\nWith \\\\ in it\n# TYPE chatd_b_total counter\n"
             "chatd_b_total{kind=\"a\\\"b\\\\c\\nd\"} 3\n"
             "# HELP chatd_c Read when asked\n# TYPE chatd_c gauge\nchatd_c 1.5\n"
             "# HELP chatd_d_total Kept by somebody else\n# TYPE chatd_d_total counter\nchatd_d_total 7\n");
}

BOOST_AUTO_TEST_CASE(series_of_one_name_share_one_heading) {
  Metrics m;
  m.counter("chatd_x_total", "X", {{"code", "200"}}).add();
  m.counter("chatd_x_total", "X", {{"code", "404"}}).add(2);
  BOOST_TEST(m.render() ==
             "# HELP chatd_x_total X\n# TYPE chatd_x_total counter\nchatd_x_total{code=\"200\"} 1\n"
             "chatd_x_total{code=\"404\"} 2\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_counts_at_or_below_each_bound) {
  Metrics m;
  Histogram& h = m.histogram("chatd_wait_seconds", "Wait", {0.1, 1}, {{"op", "x"}}, Heat::Hot);
  for (const double v : {0.05, 0.1, 0.5, 5.0}) h.observe(v);
  BOOST_TEST(m.render() ==
             "# HELP chatd_wait_seconds Wait\n# TYPE chatd_wait_seconds histogram\n"
             "chatd_wait_seconds_bucket{op=\"x\",le=\"0.1\"} 2\nchatd_wait_seconds_bucket{op=\"x\",le=\"1\"} 3\n"
             "chatd_wait_seconds_bucket{op=\"x\",le=\"+Inf\"} 4\n"
             "chatd_wait_seconds_sum{op=\"x\"} 5.65\nchatd_wait_seconds_count{op=\"x\"} 4\n");
}

BOOST_AUTO_TEST_CASE(a_histogram_loses_nothing_from_many_threads) {
  Histogram h(secondsBuckets(), Heat::Hot);
  inThreads(8, [&h] {
    for (int i = 0; i < 1000; ++i) h.observe(1);
  });
  const auto now = h.snapshot();
  BOOST_TEST(now.cumulative.back() == 8000U);
  BOOST_TEST(now.sum == 8000.0);
}

BOOST_AUTO_TEST_CASE(label_values_from_outside_are_bounded) {
  Metrics m;
  CounterFamily& family = m.counters("chatd_app_total", "By app", "app", 2);
  family.with("1").add();
  family.with("2").add();
  for (int app = 3; app < 1000; ++app) family.with(std::to_string(app)).add();
  family.with("1").add();
  BOOST_TEST(m.render() ==
             "# HELP chatd_app_total By app\n# TYPE chatd_app_total counter\nchatd_app_total{app=\"1\"} 2\n"
             "chatd_app_total{app=\"2\"} 1\nchatd_app_total{app=\"other\"} 997\n");
}

BOOST_AUTO_TEST_CASE(families_of_several_labels_are_bounded_together) {
  Metrics metrics;
  CounterFamily& verdicts = metrics.countersBy("chatd_test_verdicts_total", "Verdicts.", {"app", "verdict"}, 2);
  verdicts.withAll({"1", "allow"}).add();
  verdicts.withAll({"1", "deny"}).add(2);
  verdicts.withAll({"2", "allow"}).add(3);
  verdicts.withAll({"3", "allow"}).add(4);
  verdicts.withAll({"1", "allow"}).add(5);
  SumFamily& sums = metrics.sums("chatd_test_sums_total", "Sums.", {"name"}, 10);
  sums.with("a").add(0.5);
  sums.with("a").add(-1);
  sums.with("a").add(std::nan(""));
  HistogramFamily& waits = metrics.histograms("chatd_test_seconds", "Waits.", {1, 2}, {"app"}, 10);
  waits.with("1").observe(1.5);
  const std::string text = metrics.render();
  for (const char* line :
       {"chatd_test_verdicts_total{app=\"1\",verdict=\"allow\"} 6\n",
        "chatd_test_verdicts_total{app=\"1\",verdict=\"deny\"} 2\n",
        "chatd_test_verdicts_total{app=\"other\",verdict=\"other\"} 7\n", "chatd_test_sums_total{name=\"a\"} 0.5\n",
        "chatd_test_seconds_bucket{app=\"1\",le=\"2\"} 1\n", "chatd_test_seconds_count{app=\"1\"} 1\n"}) {
    BOOST_TEST(text.find(line) != std::string::npos, line << " in " << text);
  }
}

BOOST_AUTO_TEST_SUITE_END()
