// EncodedLetter: what a room says, encoded at most once for each form that somebody listens in, and shared by all loops.
// Thread: any; immutable but for the encoding, which happens once.
#pragma once

#include <memory>
#include <mutex>
#include <vector>

#include "base/frame.h"
#include "chat/fanout.h"

namespace chatd {

/// Bytes for the listeners of a room, and whom they do not concern. Ids of 0 except nobody.
struct Segment {
  FramePtr frame;
  SessionId exceptSession{};
  UserId exceptUser{};
  std::uint64_t rosterVersion = 0;  ///< not for sessions that joined at this version or a later one; 0: for all

  [[nodiscard]] bool forAll() const { return raw(exceptSession) == 0 && raw(exceptUser) == 0 && rosterVersion == 0; }
};

class EncodedLetter {
 public:
  explicit EncodedLetter(std::shared_ptr<const RoomLetter> letter) : letter_(std::move(letter)) {}

  [[nodiscard]] const RoomLetter& letter() const { return *letter_; }

  /// In order; neighbours that are for all are one frame. LostEvents have none.
  [[nodiscard]] const std::vector<Segment>& vocabularyA() const;

 private:
  std::shared_ptr<const RoomLetter> letter_;
  mutable std::once_flag once_;
  mutable std::vector<Segment> vocabularyA_;
};

/// Joins neighbours that are for all. `segments` in order; the result has as few frames as possible.
[[nodiscard]] std::vector<Segment> joinSegments(std::vector<Segment> segments);

}  // namespace chatd
