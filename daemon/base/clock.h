// Time: wall time in microseconds (what is stored), steady time (what is waited for), and a clock that tests can move.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>
#include <string>
#include <string_view>

namespace chatd {

using Timestamp = std::chrono::sys_time<std::chrono::microseconds>;
using Steady = std::chrono::steady_clock::time_point;

[[nodiscard]] constexpr std::int64_t micros(Timestamp t) { return t.time_since_epoch().count(); }
[[nodiscard]] constexpr Timestamp fromMicros(std::int64_t us) { return Timestamp{std::chrono::microseconds{us}}; }

/// RFC 3339 UTC with milliseconds, "2026-03-01T10:20:30.123Z".
[[nodiscard]] std::string toRfc3339(Timestamp t);
/// Appends the same to `out`; the form for hot paths.
void appendRfc3339(std::string& out, Timestamp t);
/// RFC 3339 with any offset and any fraction; nothing if it is not one.
[[nodiscard]] std::optional<Timestamp> parseRfc3339(std::string_view text);

/// Thread: any.
class Clock {
 public:
  virtual ~Clock() = default;
  [[nodiscard]] virtual Timestamp wall() const = 0;
  [[nodiscard]] virtual Steady steady() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] Timestamp wall() const override {
    return std::chrono::time_point_cast<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  [[nodiscard]] Steady steady() const override { return std::chrono::steady_clock::now(); }
};

/// For tests: both clocks move only by advance().
class FakeClock final : public Clock {
 public:
  explicit FakeClock(Timestamp start = fromMicros(1'700'000'000'000'000)) : start_(start) {}
  [[nodiscard]] Timestamp wall() const override { return start_ + std::chrono::microseconds(passed_.load()); }
  [[nodiscard]] Steady steady() const override {
    return Steady{} + std::chrono::hours(1) + std::chrono::microseconds(passed_.load());
  }
  void advance(std::chrono::microseconds by) { passed_.fetch_add(by.count()); }

 private:
  Timestamp start_;
  std::atomic<std::int64_t> passed_{0};
};

}  // namespace chatd
