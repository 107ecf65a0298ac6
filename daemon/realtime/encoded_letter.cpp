#include "realtime/encoded_letter.h"

#include <limits>
#include <type_traits>

#include "protocol/json_wire.h"
#include "protocol/recovery_offset.h"
#include "protocol/vocabulary_a.h"
#include "protocol/vocabulary_b.h"

namespace chatd {

namespace {

constexpr Framing kFraming = Framing::WebSocket;
constexpr std::size_t kEventBytes = 400;  // of an event beside its text

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

using Found = std::optional<Segment>;

Found forAll(std::string frame) { return Segment{makeFrame(std::move(frame)), {}, {}, 0}; }
Found exceptSession(std::string frame, const SessionAddress& session) {
  return Segment{makeFrame(std::move(frame)), session.id, {}, 0};
}
Found exceptUser(std::string frame, const User& user) { return Segment{makeFrame(std::move(frame)), {}, user.id, 0}; }
Found sinceRoster(std::string frame, std::uint64_t version) { return Segment{makeFrame(std::move(frame)), {}, {}, version}; }

/// epoch: empty for listeners whose place a client cannot come back to.
Found inVocabularyA(const Room& room, const RoomEvent& event, const std::string& epoch) {
  const auto offset = [&](Seq seq, Rev rev) {
    return epoch.empty() ? std::string() : toText(RecoveryOffset{room.id, epoch, seq, rev});
  };
  return std::visit(
      Overloaded{
          [&](const MessageEvent& e) {
            return forAll(vocabulary_a::message(kFraming, *e.message, offset(e.message->seq, e.rev)));
          },
          [&](const UpdatedEvent& e) {
            return forAll(vocabulary_a::messageUpdated(kFraming, *e.message, room.name, offset(e.seq, e.rev)));
          },
          [&](const DeletedEvent& e) {
            return forAll(vocabulary_a::messageDeleted(kFraming, *e.message, room.name, offset(e.seq, e.rev)));
          },
          [&](const TypingEvent& e) { return exceptSession(vocabulary_a::isTyping(kFraming, *e.user, e.typing), e.from); },
          [&](const SeenEvent& e) { return exceptUser(vocabulary_a::seenBy(kFraming, room, e), *e.user); },
          [&](const RosterEvent& e) {
            return sinceRoster(vocabulary_a::roomData(kFraming, room, *e.entries, e.total), e.version);
          },
          [](const RepeatEvent&) { return Found(); }, [](const LostEvent&) { return Found(); }},
      event);
}

Found inVocabularyB(const Room& room, const RoomEvent& event, bool changes) {
  return std::visit(
      Overloaded{[&](const MessageEvent& e) { return forAll(vocabulary_b::newMessage(kFraming, *e.message, room.name)); },
                 [&](const RepeatEvent& e) {
                   return exceptSession(vocabulary_b::newMessage(kFraming, *e.message, room.name, true), e.from);
                 },
                 [&](const auto&) { return changes ? inVocabularyA(room, event, {}) : Found(); },
                 [](const TypingEvent&) { return Found(); }, [](const SeenEvent&) { return Found(); },
                 [](const RosterEvent&) { return Found(); }, [](const LostEvent&) { return Found(); }},
      event);
}

std::string presence(const Room& room, const RosterEvent& e) {
  return e.tooMany ? json_wire::presenceList(room, *e.entries, e.total)
                   : json_wire::presenceChange(room, *e.joined, *e.left, e.total);
}

Found inJsonWire(const Room& room, const RoomEvent& event) {
  return std::visit(
      Overloaded{[&](const MessageEvent& e) { return forAll(json_wire::message(room, *e.message)); },
                 [&](const UpdatedEvent& e) { return forAll(json_wire::updated(room, *e.message, e.rev)); },
                 [&](const DeletedEvent& e) { return forAll(json_wire::deleted(room, *e.message, e.rev)); },
                 [&](const TypingEvent& e) { return exceptSession(json_wire::typing(room, *e.user, e.typing), e.from); },
                 [&](const SeenEvent& e) { return exceptUser(json_wire::seen(room, e), *e.user); },
                 [&](const RosterEvent& e) { return sinceRoster(presence(room, e), e.version); },
                 [](const RepeatEvent&) { return Found(); }, [](const LostEvent&) { return Found(); }},
      event);
}

const Message* messageOf(const RoomEvent& event) {
  return std::visit(
      Overloaded{[](const MessageEvent& e) { return e.message.get(); }, [](const RepeatEvent& e) { return e.message.get(); },
                 [](const UpdatedEvent& e) { return e.message.get(); },
                 [](const DeletedEvent& e) { return e.message.get(); },
                 [](const auto&) { return static_cast<const Message*>(nullptr); }},
      event);
}

}  // namespace

std::optional<Segment> encodeEvent(const Room& room, const RoomEvent& event, Form form, const std::string& epoch) {
  switch (form) {
    case Form::A:
      return inVocabularyA(room, event, epoch);
    case Form::B:
      return inVocabularyB(room, event, true);
    case Form::BMessages:
      return inVocabularyB(room, event, false);
    case Form::Ws:
      return inJsonWire(room, event);
  }
  return std::nullopt;
}

std::vector<Segment> joinSegments(std::vector<Segment> segments) {
  if (segments.size() <= 1) return segments;
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

EncodedLetter::EncodedLetter(std::shared_ptr<const RoomLetter> letter)
    : letter_(std::move(letter)), firstSeq_{std::numeric_limits<std::int64_t>::max()} {
  for (const RoomEvent& event : letter_->events) {
    if (const Message* message = messageOf(event)) bytes_ += message->text.size();
    bytes_ += kEventBytes;
    // Messages of a letter are in the order of seq.
    if (const auto* m = std::get_if<MessageEvent>(&event)) firstSeq_ = std::min(firstSeq_, m->message->seq);
  }
}

const std::vector<Segment>& EncodedLetter::segments(Form form) const {
  Encoded& encoded = encoded_[static_cast<std::size_t>(form)];
  std::call_once(encoded.once, [&] { encoded.segments = segmentsAfter(form, Seq{0}); });
  return encoded.segments;
}

std::vector<Segment> EncodedLetter::segmentsAfter(Form form, Seq heard) const {
  std::vector<Segment> segments;
  segments.reserve(letter_->events.size());
  for (const RoomEvent& event : letter_->events) {
    if (const auto* m = std::get_if<MessageEvent>(&event); m != nullptr && m->message->seq <= heard) continue;
    if (auto segment = encodeEvent(*letter_->room, event, form, letter_->epoch)) segments.push_back(std::move(*segment));
  }
  return joinSegments(std::move(segments));
}

}  // namespace chatd
