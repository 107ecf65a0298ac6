// How a command of chatctl fails: an exit code for scripts, words for people, a code for programs. Pure. Thread: any.
// The daemon's error table (base/error.h) names what the server refuses; this names what the shell sees of it.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "base/assert.h"
#include "base/error.h"
#include "base/result.h"

namespace chatd::cli {

/// Exit codes of CONTRACT section 5; the same rows make `chatctl help exit-codes` and the man page.
// clang-format off
#define CHATCTL_EXITS(X)                                                              \
  X(Ok,           0,   "success")                                                     \
  X(Other,        1,   "any other failure")                                           \
  X(Usage,        2,   "the command line is wrong, or a confirmation is missing")     \
  X(NotFound,     3,   "there is no such thing")                                      \
  X(NotLoggedIn,  4,   "not authenticated: no credential, or it is not valid")        \
  X(Forbidden,    5,   "authenticated, but not allowed")                              \
  X(Conflict,     6,   "it exists already, or conflicts with the present state")      \
  X(Invalid,      7,   "the server refused the input as not valid")                   \
  X(Unreachable,  8,   "no answer: unreachable, timed out, overloaded, server error") \
  X(Partial,      9,   "a part of a bulk job failed")                                 \
  X(Differs,      10,  "differences were found")                                      \
  X(Unhealthy,    11,  "the daemon answers and is not healthy")                       \
  X(Interrupted,  130, "interrupted")
// clang-format on

enum class Exit : int {
#define CHATCTL_X(name, number, text) name = (number),
  CHATCTL_EXITS(CHATCTL_X)
#undef CHATCTL_X
};

struct ExitRow {
  Exit exit;
  std::string_view text;
};
[[nodiscard]] const std::vector<ExitRow>& exitTable();

/// The exit code for an HTTP status of 400 and above.
[[nodiscard]] Exit exitOfStatus(int status);

struct Failure {
  Exit exit = Exit::Other;
  std::string code;       ///< for programs: the server's `code`, or one of ours (`usage`, `unreachable` …)
  std::string message;    ///< what went wrong, one or more lines, no secret
  std::string hint;       ///< what to do; may be empty
  std::string requestId;  ///< as the server gave it; may be empty
};

[[nodiscard]] Failure usage(std::string message, std::string hint = {});
[[nodiscard]] Failure other(std::string code, std::string message, std::string hint = {});
/// An input of the user's that is no JSON: exit 2 with the offset and reason.
[[nodiscard]] Failure badJson(std::string_view what, const Error& why);

/// A value or a Failure; works with CHATD_TRY and CHATD_CHECK of base/result.h.
template <class T>
class [[nodiscard]] Outcome {
 public:
  // NOLINTBEGIN(google-explicit-constructor): `return value;` and `return usage(…);` are the point.
  Outcome(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Outcome(Failure failure) : state_(std::in_place_index<1>, std::move(failure)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  [[nodiscard]] T& value() {
    CHATD_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const {
    CHATD_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const Failure& error() const& {
    CHATD_ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Failure&& error() && {
    CHATD_ASSERT(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Failure> state_;
};

template <>
class [[nodiscard]] Outcome<void> {
 public:
  Outcome() = default;
  // NOLINTNEXTLINE(google-explicit-constructor)
  Outcome(Failure failure) : failure_(std::move(failure)) {}

  [[nodiscard]] bool ok() const { return !failure_; }
  [[nodiscard]] const Failure& error() const& {
    CHATD_ASSERT(failure_.has_value());
    return *failure_;
  }
  [[nodiscard]] Failure&& error() && {
    CHATD_ASSERT(failure_.has_value());
    return std::move(*failure_);
  }

 private:
  std::optional<Failure> failure_;
};

}  // namespace chatd::cli
