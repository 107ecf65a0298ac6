// Manifest: what a backup says of itself: what made it, when, of which layout, and what its tables add up to. With the
// server key, because without it the registered tokens in it are worthless. Thread: any (values).
#pragma once

#include <map>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "store/copy/rows.h"

namespace chatd::store {

struct Manifest {
  int layout = kLayout;
  std::int64_t schema = 0;  ///< number of the last migration of the dialect that made it
  std::string version;      ///< of the chatd that made it
  Timestamp createdAt{};
  std::string serverKey;  ///< bytes; empty: it was made without one
  std::map<std::string, std::int64_t, std::less<>> counters;
  Sums sums;
};

[[nodiscard]] std::string toJson(const Manifest& manifest);
/// Errors: Invalid.
[[nodiscard]] Result<Manifest> manifestFrom(const JsonValue& json);

/// The hash by which a manifest's text proves itself; hex.
[[nodiscard]] std::string hashOf(std::string_view text);

[[nodiscard]] std::int64_t rowsOf(const Sums& sums);

}  // namespace chatd::store
