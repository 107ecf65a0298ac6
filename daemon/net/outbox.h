// Outbox: bytes waiting for one socket, as shared frames. Owned by its connection. Thread: its loop.
#pragma once

#include <sys/uio.h>

#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "base/frame.h"

namespace chatd::net {

class Outbox {
 public:
  [[nodiscard]] std::size_t bytes() const { return bytes_; }
  [[nodiscard]] bool empty() const { return bytes_ == 0; }

  /// Without a copy. Empty frames are ignored.
  void push(FramePtr frame);
  /// Small ones are copied together, so that many answers of one turn are few pieces.
  void push(std::string bytes);
  /// Points `pieces` at what waits, from the first byte; returns how many were filled.
  std::size_t gather(std::span<iovec> pieces) const;
  /// The first `count` bytes have been sent.
  void sent(std::size_t count);
  /// Drops every frame of which no byte has been sent, nor is among the first `committed` that wait.
  void dropUnstarted(std::size_t committed = 0);
  void clear();

 private:
  void release();

  std::vector<FramePtr> frames_;  ///< frames_[head_] is the first that waits
  std::size_t head_ = 0;
  std::size_t offset_ = 0;           ///< bytes of the first one that are sent
  std::size_t bytes_ = 0;            ///< unsent, over all
  std::string* openTail_ = nullptr;  ///< the last frame, if it is ours alone and more may be appended
};

}  // namespace chatd::net
