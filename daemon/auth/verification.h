// Verification: one request on its way through an app's chain, and the count of all that are. Owned by whatever works on it
// at the moment: a task of the pool, a flight. Thread: one at a time; Admission: any.
#pragma once

#include <algorithm>
#include <cstdint>
#include <memory>
#include <unordered_map>
#include <utility>

#include "auth/app_cache.h"
#include "base/mutex.h"
#include "chat/verifier.h"

namespace chatd {

/// Counts requests under way, over all and per app as the client named it.
class Admission {
 public:
  explicit Admission(std::size_t most) : most_(most) {}
  [[nodiscard]] bool enter(std::uint64_t lane) {
    LockGuard g(mutex_);
    if (total_ >= most_) return false;
    std::size_t& mine = lanes_[lane];
    if (mine >= std::max<std::size_t>(1, most_ / 2)) return false;
    ++mine;
    ++total_;
    return true;
  }
  void leave(std::uint64_t lane) {
    LockGuard g(mutex_);
    --total_;
    const auto it = lanes_.find(lane);
    if (--it->second == 0) lanes_.erase(it);
  }

 private:
  const std::size_t most_;
  Mutex mutex_;
  std::size_t total_ CHATD_GUARDED_BY(mutex_) = 0;
  std::unordered_map<std::uint64_t, std::size_t> lanes_ CHATD_GUARDED_BY(mutex_);
};

/// One request on its way through the chain. Whoever drops the last reference without an answer answers: nothing that a stop
/// cuts off is left without one.
struct Verification {
  Verification(VerifyRequest r, Verifier::Done d, Admission& a, std::uint64_t l)
      : request(std::move(r)), lane(l), done_(std::move(d)), admission_(a) {}
  ~Verification() {
    if (done_) finish(Error(Code::VerifierUnavailable));
  }
  Verification(const Verification&) = delete;
  Verification& operator=(const Verification&) = delete;

  void finish(Result<Identity> result) {
    Verifier::Done done = std::move(done_);
    done_ = nullptr;
    admission_.leave(lane);
    done(std::move(result));
  }

  const VerifyRequest request;
  const std::uint64_t lane;
  std::uint64_t generation = 0;
  AppPtr app;
  std::size_t index = 0;  ///< of the verifier that is asked next
  bool asked = false;     ///< a verifier was, or the cache for it, about what the request brought
  PeerFields fields;      ///< that this verifier names
  int repeats = 0;        ///< times that a verdict turned out to be older than a revocation

 private:
  Verifier::Done done_;
  Admission& admission_;
};
using VerificationPtr = std::shared_ptr<Verification>;

}  // namespace chatd
