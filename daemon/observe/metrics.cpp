#include "observe/metrics.h"

#include <algorithm>
#include <map>
#include <optional>
#include <type_traits>
#include <variant>

#include <fmt/format.h>

#include "base/assert.h"
#include "base/mutex.h"

namespace chatd {

namespace {

constexpr std::size_t kShards = 16;  // a power of two; two threads that share one are slower, not wrong
constexpr std::size_t kMaxLabelValue = 128;

std::size_t shardMask(Heat heat) { return heat == Heat::Hot ? kShards - 1 : 0; }

bool isName(std::string_view name) {
  if (name.empty() || (name[0] >= '0' && name[0] <= '9')) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
  });
}

void appendEscaped(std::string& out, std::string_view text, bool quoted) {
  for (const char c : text) {
    if (c == '\\') {
      out += "\\\\";
    } else if (c == '\n') {
      out += "\\n";
    } else if (c == '"' && quoted) {
      out += "\\\"";
    } else {
      out.push_back(c);
    }
  }
}

/// `a="x",b="y"`, escaped; empty for none.
std::string labelText(const Labels& labels) {
  std::string out;
  for (const auto& [name, value] : labels) {
    CHATD_ASSERT(isName(name));
    if (!out.empty()) out.push_back(',');
    out += name;
    out += "=\"";
    appendEscaped(out, std::string_view(value).substr(0, kMaxLabelValue), true);
    out.push_back('"');
  }
  return out;
}

std::string number(double v) {
  if (v != v) return "NaN";
  if (v > 1.7e308) return "+Inf";
  if (v < -1.7e308) return "-Inf";
  return fmt::format("{}", v);
}

void appendSample(std::string& out, std::string_view name, std::string_view labels, std::string_view extra,
                  std::string_view value) {
  out += name;
  if (!labels.empty() || !extra.empty()) {
    out.push_back('{');
    out += labels;
    if (!labels.empty() && !extra.empty()) out.push_back(',');
    out += extra;
    out.push_back('}');
  }
  out.push_back(' ');
  out += value;
  out.push_back('\n');
}

}  // namespace

namespace detail {
std::size_t threadSlot() noexcept {
  static std::atomic<std::size_t> next{0};
  thread_local const std::size_t slot = next.fetch_add(1, std::memory_order_relaxed);
  return slot;
}
}  // namespace detail

Counter::Counter(Heat heat) : mask_(shardMask(heat)), cells_(std::make_unique<detail::Cell[]>(mask_ + 1)) {}

std::uint64_t Counter::value() const noexcept {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i <= mask_; ++i) sum += cells_[i].value.load(std::memory_order_relaxed);
  return sum;
}

Histogram::Histogram(std::vector<double> bounds, Heat heat)
    : bounds_(std::move(bounds)), mask_(shardMask(heat)), shards_(std::make_unique<Shard[]>(mask_ + 1)) {
  CHATD_ASSERT(!bounds_.empty() && std::is_sorted(bounds_.begin(), bounds_.end()));
  for (std::size_t i = 0; i <= mask_; ++i) shards_[i].counts = std::vector<std::atomic<std::uint64_t>>(bounds_.size() + 1);
}

void Histogram::observe(double v) noexcept {
  Shard& shard = shards_[mask_ == 0 ? 0 : detail::threadSlot() & mask_];
  const auto bucket = static_cast<std::size_t>(std::lower_bound(bounds_.begin(), bounds_.end(), v) - bounds_.begin());
  shard.counts[bucket].fetch_add(1, std::memory_order_relaxed);
  shard.sum.fetch_add(v, std::memory_order_relaxed);
}

Histogram::Snapshot Histogram::snapshot() const {
  Snapshot out;
  out.cumulative.assign(bounds_.size() + 1, 0);
  for (std::size_t s = 0; s <= mask_; ++s) {
    for (std::size_t i = 0; i < out.cumulative.size(); ++i)
      out.cumulative[i] += shards_[s].counts[i].load(std::memory_order_relaxed);
    out.sum += shards_[s].sum.load(std::memory_order_relaxed);
  }
  for (std::size_t i = 1; i < out.cumulative.size(); ++i) out.cumulative[i] += out.cumulative[i - 1];
  return out;
}

std::vector<double> secondsBuckets() {
  return {0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10};
}

namespace {

void appendHistogram(std::string& out, std::string_view name, const std::string& labels, const Histogram& histogram) {
  const Histogram::Snapshot now = histogram.snapshot();
  for (std::size_t i = 0; i < now.cumulative.size(); ++i) {
    const std::string bound = i < histogram.bounds().size() ? number(histogram.bounds()[i]) : "+Inf";
    appendSample(out, std::string(name) + "_bucket", labels, "le=\"" + bound + "\"", std::to_string(now.cumulative[i]));
  }
  appendSample(out, std::string(name) + "_sum", labels, "", number(now.sum));
  appendSample(out, std::string(name) + "_count", labels, "", std::to_string(now.cumulative.back()));
}

void append(std::string& out, std::string_view name, const std::string& labels, const Counter& counter) {
  appendSample(out, name, labels, "", std::to_string(counter.value()));
}
void append(std::string& out, std::string_view name, const std::string& labels, const Sum& sum) {
  appendSample(out, name, labels, "", number(sum.value()));
}
void append(std::string& out, std::string_view name, const std::string& labels, const Histogram& histogram) {
  appendHistogram(out, name, labels, histogram);
}

}  // namespace

template <class T>
class Family<T>::Impl {
 public:
  Impl(std::vector<std::string> labels, std::size_t limit, std::vector<double> bounds)
      : labels_(std::move(labels)), limit_(limit), bounds_(std::move(bounds)) {
    CHATD_ASSERT(std::all_of(labels_.begin(), labels_.end(), isName));
  }

  T& with(const std::vector<std::string_view>& values) {
    CHATD_ASSERT(values.size() == labels_.size());
    Values key;
    for (const std::string_view value : values) key.emplace_back(value.substr(0, kMaxLabelValue));
    LockGuard g(mutex_);
    if (const auto it = series_.find(key); it != series_.end()) return it->second;
    if (series_.size() >= limit_) key.assign(labels_.size(), "other");
    if constexpr (std::is_same_v<T, Histogram>) {
      return series_.try_emplace(std::move(key), bounds_, Heat::Normal).first->second;
    } else if constexpr (std::is_same_v<T, Counter>) {
      return series_.try_emplace(std::move(key), Heat::Normal).first->second;
    } else {
      return series_.try_emplace(std::move(key)).first->second;
    }
  }

  void render(std::string& out, std::string_view name) const {
    LockGuard g(mutex_);
    for (const auto& [values, series] : series_) {
      Labels labels;
      for (std::size_t i = 0; i < labels_.size(); ++i) labels.emplace_back(labels_[i], values[i]);
      append(out, name, labelText(labels), series);
    }
  }

 private:
  using Values = std::vector<std::string>;
  const std::vector<std::string> labels_;
  const std::size_t limit_;
  const std::vector<double> bounds_;
  mutable Mutex mutex_;
  std::map<Values, T> series_ CHATD_GUARDED_BY(mutex_);  // a map: references stay valid
};

template <class T>
Family<T>::Family(std::vector<std::string> labels, std::size_t limit, std::vector<double> bounds)
    : impl_(std::make_unique<Impl>(std::move(labels), limit, std::move(bounds))) {}
template <class T>
Family<T>::~Family() = default;
template <class T>
T& Family<T>::withAll(const std::vector<std::string_view>& values) {
  return impl_->with(values);
}
template class Family<Counter>;
template class Family<Sum>;
template class Family<Histogram>;

class Metrics::Impl {
 public:
  using Series = std::variant<Counter, Gauge, Histogram, CounterFamily, SumFamily, HistogramFamily, std::function<double()>,
                              std::function<std::uint64_t()>>;

  template <class T, class... Args>
  T& add(std::string name, std::string help, std::string_view type, const Labels& labels, Args&&... args) {
    CHATD_ASSERT(isName(name));
    LockGuard g(mutex_);
    Kind& family = families_[std::move(name)];
    CHATD_ASSERT(family.type.empty() || family.type == type);
    family.type = type;
    family.help = std::move(help);
    const auto [it, isNew] =
        family.series.try_emplace(labelText(labels), std::in_place_type<T>, std::forward<Args>(args)...);
    CHATD_ASSERT(isNew);
    return std::get<T>(it->second);
  }

  std::string render() const {
    std::string out;
    LockGuard g(mutex_);
    for (const auto& [name, family] : families_) {
      out += "# HELP " + name + " ";
      appendEscaped(out, family.help, false);
      out += "\n# TYPE " + name + " ";
      out += family.type;
      out.push_back('\n');
      for (const auto& [labels, series] : family.series) appendSeries(out, name, labels, series);
    }
    return out;
  }

 private:
  struct Kind {
    std::string_view type;
    std::string help;
    std::map<std::string, Series> series;  // a map: references stay valid
  };

  static void appendSeries(std::string& out, const std::string& name, const std::string& labels, const Series& series) {
    if (const auto* counter = std::get_if<Counter>(&series)) {
      appendSample(out, name, labels, "", std::to_string(counter->value()));
    } else if (const auto* gauge = std::get_if<Gauge>(&series)) {
      appendSample(out, name, labels, "", std::to_string(gauge->value()));
    } else if (const auto* read = std::get_if<std::function<double()>>(&series)) {
      appendSample(out, name, labels, "", number((*read)()));
    } else if (const auto* count = std::get_if<std::function<std::uint64_t()>>(&series)) {
      appendSample(out, name, labels, "", std::to_string((*count)()));
    } else if (const auto* histogram = std::get_if<Histogram>(&series)) {
      appendHistogram(out, name, labels, *histogram);
    } else if (const auto* counters = std::get_if<CounterFamily>(&series)) {
      counters->impl_->render(out, name);
    } else if (const auto* sums = std::get_if<SumFamily>(&series)) {
      sums->impl_->render(out, name);
    } else if (const auto* histograms = std::get_if<HistogramFamily>(&series)) {
      histograms->impl_->render(out, name);
    }
  }

  mutable Mutex mutex_;
  std::map<std::string, Kind> families_ CHATD_GUARDED_BY(mutex_);
};

Metrics::Metrics() : impl_(std::make_unique<Impl>()) {}
Metrics::~Metrics() = default;

Counter& Metrics::counter(std::string name, std::string help, Labels labels, Heat heat) {
  return impl_->add<Counter>(std::move(name), std::move(help), "counter", labels, heat);
}
Gauge& Metrics::gauge(std::string name, std::string help, Labels labels) {
  return impl_->add<Gauge>(std::move(name), std::move(help), "gauge", labels);
}
Histogram& Metrics::histogram(std::string name, std::string help, std::vector<double> bounds, Labels labels, Heat heat) {
  return impl_->add<Histogram>(std::move(name), std::move(help), "histogram", labels, std::move(bounds), heat);
}
CounterFamily& Metrics::counters(std::string name, std::string help, std::string label, std::size_t limit) {
  return countersBy(std::move(name), std::move(help), std::vector<std::string>{std::move(label)}, limit);
}
CounterFamily& Metrics::countersBy(std::string name, std::string help, std::vector<std::string> labels, std::size_t limit) {
  return impl_->add<CounterFamily>(std::move(name), std::move(help), "counter", {}, std::move(labels), limit);
}
SumFamily& Metrics::sums(std::string name, std::string help, std::vector<std::string> labels, std::size_t limit) {
  return impl_->add<SumFamily>(std::move(name), std::move(help), "counter", {}, std::move(labels), limit);
}
HistogramFamily& Metrics::histograms(std::string name, std::string help, std::vector<double> bounds,
                                     std::vector<std::string> labels, std::size_t limit) {
  return impl_->add<HistogramFamily>(std::move(name), std::move(help), "histogram", {}, std::move(labels), limit,
                                     std::move(bounds));
}
void Metrics::gaugeFrom(std::string name, std::string help, std::function<double()> read, Labels labels) {
  impl_->add<std::function<double()>>(std::move(name), std::move(help), "gauge", labels, std::move(read));
}
void Metrics::counterFrom(std::string name, std::string help, std::function<std::uint64_t()> read, Labels labels) {
  impl_->add<std::function<std::uint64_t()>>(std::move(name), std::move(help), "counter", labels, std::move(read));
}

std::string Metrics::render() const { return impl_->render(); }

}  // namespace chatd
