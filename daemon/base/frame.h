// Frame: encoded bytes that many connections send. Immutable once shared; one encoding, one buffer, any number of readers.
#pragma once

#include <memory>
#include <mutex>
#include <string>
#include <utility>

namespace chatd {

class Frame;
using FramePtr = std::shared_ptr<const Frame>;

/// The bytes, and a second form of them (compressed) that is made when first somebody wants it, once for all readers.
class Frame : public std::string {
 public:
  explicit Frame(std::string bytes) : std::string(std::move(bytes)) {}
  // Shared and never copied: the other form would have to be made again.
  Frame(const Frame&) = delete;
  Frame& operator=(const Frame&) = delete;

  /// The other form. `make` (FramePtr()) runs in the first call of all; nullptr: there is none that is better. Thread: any;
  /// who comes while it is being made waits for it.
  template <class Make>
  [[nodiscard]] const FramePtr& twin(Make&& make) const {
    std::call_once(once_, [&] { twin_ = std::forward<Make>(make)(); });
    return twin_;
  }

 private:
  mutable std::once_flag once_;
  mutable FramePtr twin_;
};

inline FramePtr makeFrame(std::string bytes) { return std::make_shared<const Frame>(std::move(bytes)); }

}  // namespace chatd
