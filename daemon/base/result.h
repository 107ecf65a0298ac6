// Result<T>: a value or an Error. Expected failures travel as values; exceptions stop at the adapters.
#pragma once

#include <optional>
#include <utility>
#include <variant>

#include "base/assert.h"
#include "base/error.h"

namespace chatd {

template <class T>
class [[nodiscard]] Result {
 public:
  // NOLINTBEGIN(google-explicit-constructor): `return value;` and `return Code::X;` are the point.
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}
  Result(Code code) : state_(std::in_place_index<1>, Error(code)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return state_.index() == 0; }
  explicit operator bool() const { return ok(); }

  [[nodiscard]] T& value() & {
    CHATD_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] const T& value() const& {
    CHATD_ASSERT(ok());
    return *std::get_if<0>(&state_);
  }
  [[nodiscard]] T&& value() && {
    CHATD_ASSERT(ok());
    return std::move(*std::get_if<0>(&state_));
  }
  T& operator*() & { return value(); }
  const T& operator*() const& { return value(); }
  T&& operator*() && { return std::move(*this).value(); }
  T* operator->() { return &value(); }
  const T* operator->() const { return &value(); }

  [[nodiscard]] const Error& error() const& {
    CHATD_ASSERT(!ok());
    return *std::get_if<1>(&state_);
  }
  [[nodiscard]] Error&& error() && {
    CHATD_ASSERT(!ok());
    return std::move(*std::get_if<1>(&state_));
  }

 private:
  std::variant<T, Error> state_;
};

template <>
class [[nodiscard]] Result<void> {
 public:
  Result() = default;
  // NOLINTBEGIN(google-explicit-constructor)
  Result(Error error) : error_(std::move(error)) {}
  Result(Code code) : error_(Error(code)) {}
  // NOLINTEND(google-explicit-constructor)

  [[nodiscard]] bool ok() const { return !error_; }
  explicit operator bool() const { return ok(); }
  [[nodiscard]] const Error& error() const& {
    CHATD_ASSERT(error_.has_value());
    return *error_;
  }
  [[nodiscard]] Error&& error() && {
    CHATD_ASSERT(error_.has_value());
    return std::move(*error_);
  }

 private:
  std::optional<Error> error_;
};

#define CHATD_CAT_(a, b) a##b
#define CHATD_CAT(a, b) CHATD_CAT_(a, b)

/// CHATD_TRY(room, rooms.find(id)); binds `room` to the value, or returns the error from this function.
#define CHATD_TRY(name, expr)                                                             \
  auto CHATD_CAT(name, _result) = (expr);                                                 \
  if (!CHATD_CAT(name, _result).ok()) return std::move(CHATD_CAT(name, _result)).error(); \
  auto& name = CHATD_CAT(name, _result).value()

/// CHATD_CHECK(allow(user)); returns the error of a Result<void> (or of any Result whose value is not needed).
#define CHATD_CHECK(expr)                                                       \
  do {                                                                          \
    auto chatd_check_result = (expr);                                           \
    if (!chatd_check_result.ok()) return std::move(chatd_check_result).error(); \
  } while (false)

}  // namespace chatd
