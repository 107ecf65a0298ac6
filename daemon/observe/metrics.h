// Metrics: counters, gauges and histograms, each registered once at start, rendered as Prometheus text.
// Owned by app/. Registering takes a lock; counting is one relaxed atomic operation. Thread: any.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace chatd {

/// Label pairs of one series. Names are ours; values are escaped and cut at 128 bytes.
using Labels = std::vector<std::pair<std::string, std::string>>;

/// Hot: one cell per thread (16 at most), so that loops do not share a cache line. Costs 1 KiB instead of 64 bytes.
enum class Heat : bool { Normal = false, Hot = true };

namespace detail {
struct alignas(64) Cell {
  std::atomic<std::uint64_t> value{0};
};
/// A small number of this thread, the same for its life.
[[nodiscard]] std::size_t threadSlot() noexcept;
}  // namespace detail

/// Only rises.
class Counter {
 public:
  explicit Counter(Heat heat);
  void add(std::uint64_t n = 1) noexcept {
    const std::size_t cell = mask_ == 0 ? 0 : detail::threadSlot() & mask_;
    cells_[cell].value.fetch_add(n, std::memory_order_relaxed);
  }
  [[nodiscard]] std::uint64_t value() const noexcept;

 private:
  std::size_t mask_;
  std::unique_ptr<detail::Cell[]> cells_;
};

/// Goes up and down.
class Gauge {
 public:
  void set(std::int64_t v) noexcept { value_.store(v, std::memory_order_relaxed); }
  void add(std::int64_t n = 1) noexcept { value_.fetch_add(n, std::memory_order_relaxed); }
  void sub(std::int64_t n = 1) noexcept { value_.fetch_sub(n, std::memory_order_relaxed); }
  [[nodiscard]] std::int64_t value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

/// Counts of observations at or below each bound, in the unit that the name says (seconds, bytes).
class Histogram {
 public:
  Histogram(std::vector<double> bounds, Heat heat);
  void observe(double v) noexcept;
  struct Snapshot {
    std::vector<std::uint64_t> cumulative;  ///< one per bound, then +Inf (the count)
    double sum = 0;
  };
  [[nodiscard]] const std::vector<double>& bounds() const { return bounds_; }
  [[nodiscard]] Snapshot snapshot() const;

 private:
  struct alignas(64) Shard {
    std::vector<std::atomic<std::uint64_t>> counts;
    std::atomic<double> sum{0};
  };
  std::vector<double> bounds_;
  std::size_t mask_;
  std::unique_ptr<Shard[]> shards_;
};

/// Bounds for waits: 0.5 ms to 10 s.
[[nodiscard]] std::vector<double> secondsBuckets();

/// Only rises, by parts of one too. What is not above 0 is not added.
class Sum {
 public:
  void add(double v) noexcept {
    if (v > 0 && v < 1e300) value_.fetch_add(v, std::memory_order_relaxed);
  }
  [[nodiscard]] double value() const noexcept { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<double> value_{0};
};

/// Series that differ in labels whose values come while running (app ids, close codes). Bounded: beyond the limit all share
/// the one series whose values are "other". T: Counter, Sum or Histogram.
template <class T>
class Family {
 public:
  /// `bounds`: of a Histogram.
  Family(std::vector<std::string> labels, std::size_t limit, std::vector<double> bounds = {});
  ~Family();
  /// A value for each label. Takes a lock: keep the reference, it lives as long as the Metrics.
  [[nodiscard]] T& withAll(const std::vector<std::string_view>& values);
  /// The same, of one label.
  [[nodiscard]] T& with(std::string_view value) { return withAll(std::vector<std::string_view>{value}); }

 private:
  friend class Metrics;
  class Impl;
  std::unique_ptr<Impl> impl_;
};
using CounterFamily = Family<Counter>;
using SumFamily = Family<Sum>;
using HistogramFamily = Family<Histogram>;

class Metrics {
 public:
  Metrics();
  ~Metrics();
  Metrics(const Metrics&) = delete;
  Metrics& operator=(const Metrics&) = delete;

  // Registering the same name and labels twice, or one name as two types, is a bug and asserted. References live as long
  // as this object. Names: chatd_<area>_<what>_<unit>, counters end in _total.
  [[nodiscard]] Counter& counter(std::string name, std::string help, Labels labels = {}, Heat heat = Heat::Normal);
  [[nodiscard]] Gauge& gauge(std::string name, std::string help, Labels labels = {});
  [[nodiscard]] Histogram& histogram(std::string name, std::string help, std::vector<double> bounds, Labels labels = {},
                                     Heat heat = Heat::Normal);
  [[nodiscard]] CounterFamily& counters(std::string name, std::string help, std::string label, std::size_t limit = 100);
  [[nodiscard]] CounterFamily& countersBy(std::string name, std::string help, std::vector<std::string> labels,
                                          std::size_t limit);
  [[nodiscard]] SumFamily& sums(std::string name, std::string help, std::vector<std::string> labels, std::size_t limit);
  [[nodiscard]] HistogramFamily& histograms(std::string name, std::string help, std::vector<double> bounds,
                                            std::vector<std::string> labels, std::size_t limit);
  /// Values that somebody else keeps, read when rendered. Must not block, must not call into this object.
  void gaugeFrom(std::string name, std::string help, std::function<double()> read, Labels labels = {});
  void counterFrom(std::string name, std::string help, std::function<std::uint64_t()> read, Labels labels = {});

  /// Text exposition format 0.0.4, by name. Content-Type: kContentType.
  [[nodiscard]] std::string render() const;
  static constexpr std::string_view kContentType = "text/plain; version=0.0.4; charset=utf-8";

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatd
