// Waiting in tests for what another thread brings about: asks again until it is so, or until the deadline.
#pragma once

#include <chrono>
#include <thread>

namespace chatd {

/// True as soon as `condition()` is; false if it is not within `within`.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition, std::chrono::milliseconds within = std::chrono::seconds(30)) {
  const auto until = std::chrono::steady_clock::now() + within;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
  return true;
}

}  // namespace chatd
