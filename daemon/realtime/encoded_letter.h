// EncodedLetter: what a room says, encoded at most once for each form that somebody listens in, and shared by all loops.
// Thread: any; immutable but for the encoding, which happens once a form.
#pragma once

#include <array>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "base/frame.h"
#include "chat/fanout.h"

namespace chatd {

/// In which words a listener is told. All are whole WebSocket frames; those of Socket.IO are Engine.IO messages.
enum class Form : std::uint8_t {
  A,          ///< vocabulary A
  B,          ///< vocabulary B
  BMessages,  ///< vocabulary B without edits and deletions, for a session that hears of them in vocabulary A
  Ws,         ///< the JSON wire of /ws
};
inline constexpr std::size_t kForms = 4;

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
  explicit EncodedLetter(std::shared_ptr<const RoomLetter> letter);

  [[nodiscard]] const RoomLetter& letter() const { return *letter_; }

  /// In order; neighbours that are for all are one frame. LostEvents have none.
  [[nodiscard]] const std::vector<Segment>& segments(Form form) const;
  /// The same without the messages up to `heard`, encoded anew: for the few who heard them another way.
  [[nodiscard]] std::vector<Segment> segmentsAfter(Form form, Seq heard) const;

  /// Of the first new message in it; above every seq if there is none.
  [[nodiscard]] Seq firstSeq() const { return firstSeq_; }
  /// About what it takes to keep it.
  [[nodiscard]] std::size_t bytes() const { return bytes_; }

 private:
  struct Encoded {
    std::once_flag once;
    std::vector<Segment> segments;
  };
  std::shared_ptr<const RoomLetter> letter_;
  Seq firstSeq_;
  std::size_t bytes_ = 0;
  mutable std::array<Encoded, kForms> encoded_;
};

/// Joins neighbours that are for all. `segments` in order; the result has as few frames as possible.
[[nodiscard]] std::vector<Segment> joinSegments(std::vector<Segment> segments);

/// One event of a room in one form; nothing if the form has no words for it. epoch: as in RoomLetter.
[[nodiscard]] std::optional<Segment> encodeEvent(const Room& room, const RoomEvent& event, Form form,
                                                 const std::string& epoch = {});

}  // namespace chatd
