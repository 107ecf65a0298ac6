#include "net/outbox.h"

#include <utility>

#include "base/assert.h"

namespace chatd::net {

namespace {

constexpr std::size_t kSmall = 2 * 1024;          // bytes up to which copying is cheaper than a piece of its own
constexpr std::size_t kTogether = 16 * 1024;      // bytes of one buffer of small ones
constexpr std::size_t kKeptFrames = 8;            // entries an idle outbox keeps allocated
constexpr std::size_t kCompactionThreshold = 64;  // sent entries at the front that are worth moving the rest for

}  // namespace

void Outbox::push(FramePtr frame) {
  if (frame->empty()) return;
  bytes_ += frame->size();
  frames_.push_back(std::move(frame));
  openTail_ = nullptr;
}

void Outbox::push(std::string bytes) {
  if (bytes.empty()) return;
  if (openTail_ != nullptr && bytes.size() <= kSmall && openTail_->size() + bytes.size() <= kTogether) {
    bytes_ += bytes.size();
    openTail_->append(bytes);
    return;
  }
  const bool small = bytes.size() <= kSmall;
  auto frame = std::make_shared<Frame>(std::move(bytes));
  Frame* const tail = frame.get();
  push(FramePtr(std::move(frame)));
  if (small) openTail_ = tail;
}

std::size_t Outbox::gather(std::span<iovec> pieces) const {
  std::size_t filled = 0;
  std::size_t skip = offset_;
  for (std::size_t i = head_; i < frames_.size() && filled < pieces.size(); ++i) {
    const Frame& frame = *frames_[i];
    // sendmsg(2) only reads, but iovec has no const.
    pieces[filled++] = {const_cast<char*>(frame.data()) + skip, frame.size() - skip};
    skip = 0;
  }
  return filled;
}

void Outbox::sent(std::size_t count) {
  CHATD_ASSERT(count <= bytes_);
  bytes_ -= count;
  if (bytes_ == 0) return release();
  offset_ += count;
  while (offset_ >= frames_[head_]->size()) {
    offset_ -= frames_[head_]->size();
    frames_[head_++].reset();
  }
  if (head_ >= kCompactionThreshold && head_ * 2 >= frames_.size()) {
    frames_.erase(frames_.begin(), frames_.begin() + static_cast<std::ptrdiff_t>(head_));
    head_ = 0;
  }
}

void Outbox::dropUnstarted(std::size_t committed) {
  CHATD_ASSERT(committed <= bytes_);
  std::size_t kept = 0;
  std::size_t end = head_;
  // A frame that was begun counts as if its next byte were committed.
  while (kept < committed || (end == head_ && offset_ > 0)) {
    kept += frames_[end]->size() - (end == head_ ? offset_ : 0);
    ++end;
  }
  if (kept == 0) return clear();
  bytes_ = kept;
  frames_.resize(end);
  openTail_ = nullptr;
}

void Outbox::clear() {
  bytes_ = 0;
  release();
}

void Outbox::release() {
  frames_.clear();
  if (frames_.capacity() > kKeptFrames) std::vector<FramePtr>().swap(frames_);
  head_ = 0;
  offset_ = 0;
  openTail_ = nullptr;
}

}  // namespace chatd::net
