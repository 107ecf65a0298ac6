// NamedFields: which header fields and cookies the verifiers of any app name, so that a request from which nobody wants any
// costs no copies. It only grows: a name that no configuration has any more costs a few copies until the next start. Owned
// by VerifierChain. Thread: any.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "base/peer_fields.h"

namespace chatd {

class NamedFields {
 public:
  /// Every app has been learned; until then all fields count as named.
  void complete() {
    LockGuard g(mutex_);
    if (!known_->all || known_->names.size() == kMost) return;
    PeerNames next = *known_;
    next.all = false;
    known_ = std::make_shared<const PeerNames>(std::move(next));
  }
  void add(const std::vector<std::string>& names) {
    LockGuard g(mutex_);
    PeerNames next = *known_;
    for (const std::string& name : names) {
      const bool there = std::find(next.names.begin(), next.names.end(), name) != next.names.end();
      if (!there && next.names.size() < kMost) next.names.push_back(name);
      // More than anybody looks through at each request.
      if (!there && next.names.size() == kMost) next.all = true;
    }
    if (next.names.size() == known_->names.size() && next.all == known_->all) return;
    known_ = std::make_shared<const PeerNames>(std::move(next));
  }
  [[nodiscard]] std::shared_ptr<const PeerNames> get() const {
    LockGuard g(mutex_);
    return known_;
  }

 private:
  static constexpr std::size_t kMost = 256;
  mutable Mutex mutex_;
  std::shared_ptr<const PeerNames> known_ CHATD_GUARDED_BY(mutex_) = std::make_shared<const PeerNames>(PeerNames{
      .all = true, .names = {}});
};

}  // namespace chatd
