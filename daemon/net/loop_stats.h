// Counters of one loop: written by its thread, read by any.
#pragma once

#include <atomic>
#include <cstdint>

namespace chatd::net {

/// A counter with one writer: a load and a store, no locked instruction.
class LoopCounter {
 public:
  void add(std::uint64_t by) { value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t get() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

struct LoopStats {
  LoopCounter turns;
  LoopCounter letters;
  LoopCounter reads;   ///< calls of recv that brought something
  LoopCounter writes;  ///< calls of send and sendmsg that took something
  LoopCounter bytesIn;
  LoopCounter bytesOut;
  LoopCounter tlsHandshakes;        ///< done
  LoopCounter tlsHandshakesFailed;  ///< refused, broken or out of time
};

}  // namespace chatd::net
