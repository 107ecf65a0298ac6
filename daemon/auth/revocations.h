// Revocations: at which generation a user's proofs stopped to count. Bounded: when the oldest are forgotten, every proof
// from before them stops to count too, which costs a verification and never lets anybody in. Thread: any.
#pragma once

#include <atomic>
#include <cstdint>
#include <deque>
#include <unordered_map>
#include <utility>

#include "base/ids.h"
#include "base/mutex.h"

namespace chatd {

class Revocations {
 public:
  explicit Revocations(std::size_t users) : users_(users) {}

  /// To be read before anything is asked about a token.
  [[nodiscard]] std::uint64_t now() const { return generation_.load(); }
  void revoke(UserId user);
  /// True if nothing of this user was revoked after `generation` was read.
  [[nodiscard]] bool holds(UserId user, std::uint64_t generation) const;

 private:
  const std::size_t users_;
  std::atomic<std::uint64_t> generation_{1};
  mutable Mutex mutex_;
  std::unordered_map<UserId, std::uint64_t> revoked_ CHATD_GUARDED_BY(mutex_);
  std::deque<std::pair<UserId, std::uint64_t>> order_ CHATD_GUARDED_BY(mutex_);  ///< may hold outdated pairs
  std::uint64_t floor_ CHATD_GUARDED_BY(mutex_) = 0;
};

}  // namespace chatd
