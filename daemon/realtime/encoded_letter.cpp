#include "realtime/encoded_letter.h"

#include <type_traits>

#include "protocol/vocabulary_a.h"

namespace chatd {

namespace {

Segment encode(const RoomLetter& letter, const RoomEvent& event) {
  constexpr Framing framing = Framing::WebSocket;
  return std::visit(
      [&](const auto& e) -> Segment {
        using E = std::decay_t<decltype(e)>;
        Segment s;
        if constexpr (std::is_same_v<E, MessageEvent>) {
          s.frame = makeFrame(vocabulary_a::message(framing, *e.message));
        } else if constexpr (std::is_same_v<E, UpdatedEvent>) {
          s.frame = makeFrame(vocabulary_a::messageUpdated(framing, *e.message, letter.room->name));
        } else if constexpr (std::is_same_v<E, DeletedEvent>) {
          s.frame = makeFrame(vocabulary_a::messageDeleted(framing, *e.message, letter.room->name));
        } else if constexpr (std::is_same_v<E, TypingEvent>) {
          s.frame = makeFrame(vocabulary_a::isTyping(framing, *e.user, e.typing));
          s.exceptSession = e.from.id;
        } else if constexpr (std::is_same_v<E, SeenEvent>) {
          s.frame = makeFrame(vocabulary_a::seenBy(framing, *letter.room, e));
          s.exceptUser = e.user->id;
        } else if constexpr (std::is_same_v<E, RosterEvent>) {
          s.frame = makeFrame(vocabulary_a::roomData(framing, *letter.room, *e.entries, e.total));
          s.rosterVersion = e.version;
        }
        return s;
      },
      event);
}

}  // namespace

std::vector<Segment> joinSegments(std::vector<Segment> segments) {
  std::vector<Segment> joined;
  for (std::size_t i = 0; i < segments.size();) {
    std::size_t end = i + 1;
    std::size_t bytes = segments[i].frame->size();
    if (segments[i].forAll()) {
      while (end < segments.size() && segments[end].forAll()) bytes += segments[end++].frame->size();
    }
    if (end == i + 1) {
      joined.push_back(std::move(segments[i]));
    } else {
      std::string all;
      all.reserve(bytes);
      for (std::size_t k = i; k < end; ++k) all.append(*segments[k].frame);
      joined.push_back({makeFrame(std::move(all)), {}, {}, 0});
    }
    i = end;
  }
  return joined;
}

const std::vector<Segment>& EncodedLetter::vocabularyA() const {
  std::call_once(once_, [this] {
    std::vector<Segment> segments;
    segments.reserve(letter_->events.size());
    for (const RoomEvent& event : letter_->events) {
      if (!std::holds_alternative<LostEvent>(event)) segments.push_back(encode(*letter_, event));
    }
    vocabularyA_ = joinSegments(std::move(segments));
  });
  return vocabularyA_;
}

}  // namespace chatd
