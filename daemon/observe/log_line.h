// LogLine: one line being written, in a fixed buffer; text beyond its end is cut and marked. Never allocates, never throws.
// Owned by the call that logs (on its stack). Thread: that one.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>

#include "base/clock.h"
#include "observe/log.h"

namespace chatd {

class LogLine {
 public:
  static constexpr std::size_t kMaxLine = 4096;   ///< bytes, with the line end
  static constexpr std::size_t kMaxValue = 1024;  ///< bytes of one value before escaping

  explicit LogLine(LogFormat format) : format_(format) {}

  /// `<N>`, the syslog priority of the level.
  void priority(LogLevel level) noexcept;
  void begin() noexcept;
  void time(Timestamp at) noexcept;
  /// A pair whose value is a plain word of ours.
  void word(std::string_view key, std::string_view value) noexcept;
  void pair(std::string_view key, const LogValue& value) noexcept;
  /// Ends the line; the bytes, with "\n". Valid as long as this object.
  [[nodiscard]] std::string_view finish() noexcept;

 private:
  void key(std::string_view key) noexcept;
  void text(std::string_view value) noexcept;
  void escaped(std::string_view value) noexcept;
  void escape(char32_t point) noexcept;
  template <class Number>
  void number(Number value) noexcept;
  void append(std::string_view bytes) noexcept;

  // What is kept free for the end of a line that was cut: a closing quote, the mark and "\n".
  static constexpr std::size_t kTail = 32;

  LogFormat format_;
  bool first_ = true;
  bool inString_ = false;
  bool cut_ = false;
  std::size_t used_ = 0;
  std::array<char, kMaxLine> buffer_;
};

}  // namespace chatd
