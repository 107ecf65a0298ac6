// RecentSends: which message id the last sends were given, by sendId. Only this process holds its sendIds, so what it
// forgets at its end nobody can repeat; and no tree of random ids has to be kept on the disk.
// Owned by the dialect, so that it outlives a connection. Thread: commit thread.
#pragma once

#include <cstddef>
#include <cstring>
#include <optional>
#include <unordered_map>
#include <utility>

#include "base/ids.h"
#include "base/random.h"

namespace chatd::store {

class RecentSends {
 public:
  /// The id that this send was given. Whether it was stored under it, the table says: it may have been rolled back.
  [[nodiscard]] std::optional<MessageId> find(const SendId& send) const {
    for (const auto* generation : {&recent_, &older_}) {
      const auto it = generation->find(send);
      if (it != generation->end()) return it->second;
    }
    return std::nullopt;
  }

  void remember(const SendId& send, MessageId id) {
    recent_[send] = id;
    if (recent_.size() < kGeneration) return;
    older_ = std::move(recent_);
    recent_.clear();
  }

 private:
  // At least so many are remembered and at most twice as many; far more than one batch or a session's sends under way.
  static constexpr std::size_t kGeneration = 32'768;
  struct Hash {  // a sendId is random already
    std::size_t operator()(const SendId& id) const noexcept {
      std::size_t hash;
      std::memcpy(&hash, id.data(), sizeof hash);
      return hash;
    }
  };
  std::unordered_map<SendId, MessageId, Hash> recent_;
  std::unordered_map<SendId, MessageId, Hash> older_;
};

}  // namespace chatd::store
