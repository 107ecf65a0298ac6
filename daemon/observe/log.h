// Log: one line per event on standard error, as logfmt or JSON: time, level, area, message, key=value pairs.
// Owned by the process (log()), or by a test. Thread: any; a call never throws and allocates nothing.
//
//   log().info("net", "listening", {{"address", address}, {"port", port}});
//   log().warning(app, "auth", "the verifier does not answer", {{"requestId", id}, {"verifier", name}});
//
// Values are escaped, so what a peer sent can neither end a line nor reach a terminal. A line has at most 4 KiB.
#pragma once

#include <atomic>
#include <concepts>
#include <cstdint>
#include <initializer_list>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <variant>

#include "base/clock.h"
#include "base/error.h"
#include "base/ids.h"
#include "observe/secret.h"

namespace chatd {

enum class LogLevel : std::uint8_t { Debug, Info, Warning, Error };
enum class LogFormat : std::uint8_t { Text, Json };

/// The name as in `log.level`: debug, info, warning, error.
[[nodiscard]] std::string_view toText(LogLevel level);

/// A value of a pair, as a view: it lives as long as the call. A Secret prints as "***".
class LogValue {
 public:
  // NOLINTBEGIN(google-explicit-constructor): `{"port", port}` is the point.
  LogValue(std::string_view v) : value_(v) {}
  LogValue(const std::string& v) : value_(std::string_view(v)) {}
  LogValue(const char* v) : value_(std::string_view(v)) {}
  LogValue(const Error& e) : value_(std::string_view(e.detail())) {}
  LogValue(const Secret&) : value_(std::string_view("***")) {}
  LogValue(bool v) : value_(v) {}
  LogValue(double v) : value_(v) {}
  template <std::integral T>
  LogValue(T v) : value_(widen(v)) {}
  template <class T>
  requires std::is_enum_v<T> LogValue(T v) : value_(widen(raw(v))) {}
  // NOLINTEND(google-explicit-constructor)

  using Held = std::variant<std::string_view, std::int64_t, std::uint64_t, double, bool>;
  [[nodiscard]] const Held& held() const { return value_; }

 private:
  template <class T>
  static Held widen(T v) {
    if constexpr (std::is_signed_v<T>) {
      return static_cast<std::int64_t>(v);
    } else {
      return static_cast<std::uint64_t>(v);
    }
  }
  Held value_;
};

struct LogField {
  std::string_view key;  ///< camelCase, of our code, never of a peer
  LogValue value;
};
using LogFields = std::initializer_list<LogField>;

/// Where lines go. write() gets one or several whole lines and must not throw. Thread: any, one call at a time.
class LogOutput {
 public:
  virtual ~LogOutput() = default;
  virtual void write(std::string_view lines) noexcept = 0;
};

struct LogOptions {
  LogLevel level = LogLevel::Info;
  LogFormat format = LogFormat::Text;
  std::uint32_t appLinesPerSecond = 100;  ///< lines about one app; the rest is counted and told later; 0: no limit
  bool journal = false;                   ///< `<N>` priority in front of each line, no time: the journal adds it
};

class Log {
 public:
  /// Both outlive the log.
  Log(LogOutput& output, const Clock& clock);
  ~Log();
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;

  /// Takes effect with the next line. Thread: any.
  void configure(const LogOptions& options) noexcept;
  void setLevel(LogLevel level) noexcept { level_.store(level, std::memory_order_relaxed); }
  [[nodiscard]] LogLevel level() const noexcept { return level_.load(std::memory_order_relaxed); }
  [[nodiscard]] bool enabled(LogLevel level) const noexcept { return level >= this->level(); }

  void debug(std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Debug)) write(LogLevel::Debug, area, message, fields);
  }
  void info(std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Info)) write(LogLevel::Info, area, message, fields);
  }
  void warning(std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Warning)) write(LogLevel::Warning, area, message, fields);
  }
  void error(std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Error)) write(LogLevel::Error, area, message, fields);
  }

  // The same about one app: adds app=ID and keeps to the app's budget of lines, so that one app cannot fill the disk.
  void debug(AppId app, std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Debug)) writeFor(app, LogLevel::Debug, area, message, fields);
  }
  void info(AppId app, std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Info)) writeFor(app, LogLevel::Info, area, message, fields);
  }
  void warning(AppId app, std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Warning)) writeFor(app, LogLevel::Warning, area, message, fields);
  }
  void error(AppId app, std::string_view area, std::string_view message, LogFields fields = {}) noexcept {
    if (enabled(LogLevel::Error)) writeFor(app, LogLevel::Error, area, message, fields);
  }

  /// From now on a thread of its own writes, so that a blocked standard error (a stopped terminal, a slow journal) never
  /// stops a loop. At most 1 MiB waits; lines beyond that are dropped, counted, and the count is logged. Thread: main.
  void startWriter();
  /// Writes what waits and goes back to writing directly. Thread: main; harmless without startWriter().
  void stopWriter();
  /// Lines dropped because the output did not keep up.
  [[nodiscard]] std::uint64_t dropped() const noexcept;
  /// Lines not written because their app was over its budget.
  [[nodiscard]] std::uint64_t suppressed() const noexcept;

 private:
  class Impl;
  void write(LogLevel level, std::string_view area, std::string_view message, LogFields fields) noexcept;
  void writeFor(AppId app, LogLevel level, std::string_view area, std::string_view message, LogFields fields) noexcept;

  std::atomic<LogLevel> level_{LogLevel::Info};
  std::unique_ptr<Impl> impl_;
};

/// The log of this process, on standard error. Lives until the end.
[[nodiscard]] Log& log();

/// True if standard error is the journal's stream (JOURNAL_STREAM names its device and inode).
[[nodiscard]] bool stderrIsJournal();

}  // namespace chatd
