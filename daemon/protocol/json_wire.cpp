#include "protocol/json_wire.h"

#include <array>

#include "base/json.h"
#include "protocol/websocket.h"
#include "protocol/wire_json.h"

namespace chatd::json_wire {

namespace {

// Guesses of sizes, in bytes; one that is far off costs a move.
constexpr std::size_t kSmall = 120;
constexpr std::size_t kAround = 330;  // of a message: what surrounds its text
constexpr std::size_t kUserSize = 200;
constexpr std::size_t kMemberSize = 130;
constexpr std::size_t kRoomSize = 300;
constexpr std::size_t kEntrySize = 60;

std::size_t sizeOf(const Message& m) { return kAround + m.text.size() + (m.metadata ? m.metadata->size() : 0); }

/// Frames what `write(std::string&)` appends.
template <class Write>
std::string frame(std::size_t expected, Write&& write) {
  std::string out;
  out.reserve(expected + ws::kMaxServerHeader);
  ws::FrameBuilder builder(out, ws::Opcode::Text, expected);
  std::forward<Write>(write)(out);
  builder.finish();
  return out;
}

std::string framed(std::string_view body) {
  return frame(body.size(), [&](std::string& out) { out.append(body); });
}

void appendOkHead(std::string& out, std::int64_t id) {
  out.append(R"({"type":"ok","id":)");
  wire::appendInteger(out, id);
}

void appendField(std::string& out, std::string_view name, std::int64_t value) {
  out.append(",\"").append(name).append("\":");
  wire::appendInteger(out, value);
}

/// `{"type":type,"room":…,"roomId":…`
void appendEventHead(std::string& out, std::string_view type, const Room& room) {
  out.append(R"({"type":")").append(type).append(R"(","room":)");
  appendJsonString(out, room.name);
  appendField(out, "roomId", raw(room.id));
}

void appendMessageField(std::string& out, const Message& m, std::string_view room) {
  out.append(R"(,"message":)");
  wire::appendMessage(out, m, room);
}

/// A user as others see it.
void appendProfile(std::string& out, const User& user) {
  out.append(R"({"id":)");
  wire::appendInteger(out, raw(user.id));
  out.append(R"(,"appUserId":)");
  wire::appendAppUserId(out, user);
  out.append(R"(,"firstName":)");
  wire::appendText(out, user.firstName);
  out.append(R"(,"middleName":)");
  wire::appendText(out, user.middleName);
  out.append(R"(,"lastName":)");
  wire::appendText(out, user.lastName);
  out.push_back('}');
}

void appendEntries(std::string& out, std::string_view name, std::span<const RosterEntry> entries) {
  out.append(",\"").append(name).append("\":[");
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out.push_back(',');
    out.append(R"({"userId":)");
    wire::appendInteger(out, raw(entries[i].user));
    out.append(R"(,"session":)");
    appendJsonString(out, entries[i].publicId);
    out.push_back('}');
  }
  out.push_back(']');
}

void appendPosition(std::string& out, const Standing& s) {
  appendField(out, "roomId", raw(s.room->id));
  out.append(R"(,"epoch":)");
  appendJsonString(out, s.counter.epoch);
  appendField(out, "seq", raw(s.counter.lastSeq));
  appendField(out, "rev", raw(s.counter.lastRev));
  if (s.recovered) out.append(*s.recovered ? R"(,"recovered":true)" : R"(,"recovered":false)");
}

wire::RoomExtras extrasOf(const Standing& s) {
  wire::RoomExtras extras;
  extras.withLastMessage = true;
  extras.lastMessage = s.lastMessage;
  extras.unread = s.unread;
  return extras;
}

}  // namespace

std::string hello(std::string_view session, const User& user, Timestamp now, const Limits& limits) {
  return frame(kUserSize * 4, [&](std::string& out) {
    out.append(R"({"type":"hello","session":)");
    appendJsonString(out, session);
    out.append(R"(,"user":)");
    wire::appendUser(out, user);
    out.append(R"(,"time":)");
    wire::appendTime(out, now);
    out.append(R"(,"limits":)");
    JsonWriter(out)
        .beginObject()
        .field("message_bytes", limits.messageBytes)
        .field("messages_per_second", limits.messagesPerSecond)
        .field("messages_burst", limits.messagesBurst)
        .field("replay", limits.replay)
        .field("outbox_bytes", limits.outboxBytes)
        .field("max_payload", limits.maxPayload)
        .field("rooms", limits.rooms)
        .field("sync_rooms", kMaxSyncRooms)
        .field("ping_interval_ms", limits.pingInterval.count())
        .field("ping_timeout_ms", limits.pingTimeout.count())
        .endObject();
    out.push_back('}');
  });
}

std::string ok(std::int64_t id) {
  return frame(kSmall, [&](std::string& out) {
    appendOkHead(out, id);
    out.push_back('}');
  });
}

std::string okAuth(std::int64_t id, const std::optional<Timestamp>& expiresAt) {
  return frame(kSmall, [&](std::string& out) {
    appendOkHead(out, id);
    out.append(R"(,"expiresAt":)");
    wire::appendTime(out, expiresAt);
    out.push_back('}');
  });
}

std::string okJoin(std::int64_t id, const Standing& s, std::span<const Member> members) {
  const std::size_t expected =
      kRoomSize + members.size() * kMemberSize + (s.lastMessage != nullptr ? sizeOf(*s.lastMessage) : 0);
  return frame(expected, [&](std::string& out) {
    appendOkHead(out, id);
    out.append(R"(,"room":)");
    auto extras = extrasOf(s);
    extras.members = members;
    wire::appendRoom(out, *s.room, extras);
    appendPosition(out, s);
    out.push_back('}');
  });
}

std::string okSeen(std::int64_t id, Seq seq) {
  return frame(kSmall, [&](std::string& out) {
    appendOkHead(out, id);
    appendField(out, "seq", raw(seq));
    out.push_back('}');
  });
}

std::string okSend(std::int64_t id, const Message& m, std::string_view room, bool duplicate) {
  return frame(sizeOf(m), [&](std::string& out) {
    appendOkHead(out, id);
    appendMessageField(out, m, room);
    out.append(duplicate ? R"(,"duplicate":true})" : "}");
  });
}

std::string okChange(std::int64_t id, const Message& m, std::string_view room, Rev rev) {
  return frame(sizeOf(m), [&](std::string& out) {
    appendOkHead(out, id);
    appendMessageField(out, m, room);
    appendField(out, "rev", raw(rev));
    out.push_back('}');
  });
}

std::string okHistory(std::int64_t id, std::span<const Message> messages, std::string_view room, bool more, Seq firstSeq) {
  std::size_t expected = kSmall;
  for (const Message& m : messages) expected += sizeOf(m);
  return frame(expected, [&](std::string& out) {
    appendOkHead(out, id);
    out.append(R"(,"messages":[)");
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (i > 0) out.push_back(',');
      wire::appendMessage(out, messages[i], room);
    }
    out.append(more ? R"(],"more":true)" : R"(],"more":false)");
    appendField(out, "firstSeq", raw(firstSeq));
    out.push_back('}');
  });
}

std::string error(std::optional<std::int64_t> id, const Error& error) {
  return frame(kSmall + error.detail().size(), [&](std::string& out) {
    out.append(R"({"type":"error","id":)");
    if (id) {
      wire::appendInteger(out, *id);
    } else {
      out.append("null");
    }
    out.append(R"(,"code":)");
    appendJsonString(out, error.wire());
    out.append(R"(,"message":)");
    appendJsonString(out, error.detail());
    out.append(error.retryable() ? R"(,"retryable":true)" : R"(,"retryable":false)");
    if (error.retryAfter().count() > 0) appendField(out, "retryAfter", error.retryAfter().count());
    out.push_back('}');
  });
}

// ---- answers that are written a room at a time

SyncAnswer::SyncAnswer(std::int64_t id) {
  appendOkHead(body_, id);
  body_.append(R"(,"rooms":{)");
}

void SyncAnswer::key(std::string_view key) {
  if (!std::exchange(first_, false)) body_.push_back(',');
  appendJsonString(body_, key);
}

void SyncAnswer::room(std::string_view name, const Standing& s) {
  key(name);
  body_.append(R"(:{"room":)");
  auto extras = extrasOf(s);
  wire::appendRoom(body_, *s.room, extras);
  appendPosition(body_, s);
  body_.push_back('}');
}

void SyncAnswer::refused(std::string_view name, const Error& error) {
  key(name);
  body_.append(R"(:{"error":{"code":)");
  appendJsonString(body_, error.wire());
  body_.append(R"(,"message":)");
  appendJsonString(body_, error.detail());
  body_.append("}}");
}

std::string SyncAnswer::finish() {
  body_.append("}}");
  return framed(body_);
}

RoomsAnswer::RoomsAnswer(std::int64_t id) {
  appendOkHead(body_, id);
  body_.append(R"(,"rooms":[)");
}

void RoomsAnswer::room(const Standing& s) {
  if (!std::exchange(first_, false)) body_.push_back(',');
  auto extras = extrasOf(s);
  wire::appendRoom(body_, *s.room, extras);
  body_.pop_back();  // its position belongs to the same object
  appendPosition(body_, s);
  body_.push_back('}');
}

std::string RoomsAnswer::finish(std::optional<RoomId> next) {
  body_.append(R"(],"next":)");
  if (next) {
    wire::appendInteger(body_, raw(*next));
  } else {
    body_.append("null");
  }
  body_.push_back('}');
  return framed(body_);
}

// ---- events

std::string message(const Room& room, const Message& m) {
  return frame(sizeOf(m), [&](std::string& out) {
    appendEventHead(out, "message", room);
    appendField(out, "seq", raw(m.seq));
    appendMessageField(out, m, room.name);
    out.push_back('}');
  });
}

std::string updated(const Room& room, const Message& m, Rev rev) {
  return frame(sizeOf(m), [&](std::string& out) {
    appendEventHead(out, "updated", room);
    appendField(out, "rev", raw(rev));
    appendMessageField(out, m, room.name);
    out.push_back('}');
  });
}

std::string deleted(const Room& room, const Message& m, Rev rev) {
  return frame(sizeOf(m) + kSmall, [&](std::string& out) {
    appendEventHead(out, "deleted", room);
    appendField(out, "rev", raw(rev));
    appendField(out, "messageId", raw(m.id));
    appendField(out, "seq", raw(m.seq));
    appendMessageField(out, m, room.name);
    out.push_back('}');
  });
}

std::string typing(const Room& room, const User& user, bool typing) {
  return frame(kSmall + kUserSize, [&](std::string& out) {
    appendEventHead(out, "typing", room);
    out.append(R"(,"user":)");
    appendProfile(out, user);
    out.append(typing ? R"(,"typing":true})" : R"(,"typing":false})");
  });
}

std::string seen(const Room& room, const SeenEvent& seen) {
  return frame(kSmall + kUserSize, [&](std::string& out) {
    appendEventHead(out, "seen", room);
    out.append(R"(,"user":)");
    appendProfile(out, *seen.user);
    if (raw(seen.message) != 0) {
      appendField(out, "messageId", raw(seen.message));
    } else {
      out.append(R"(,"messageId":null)");
    }
    appendField(out, "seq", raw(seen.seq));
    out.append(R"(,"seenAt":)");
    wire::appendTime(out, seen.at);
    out.push_back('}');
  });
}

std::string presenceList(const Room& room, std::span<const RosterEntry> entries, std::size_t total) {
  return frame(kSmall + entries.size() * kEntrySize, [&](std::string& out) {
    appendEventHead(out, "presence", room);
    appendEntries(out, "users", entries);
    appendField(out, "total", static_cast<std::int64_t>(total));
    out.push_back('}');
  });
}

std::string presenceChange(const Room& room, std::span<const RosterEntry> joined, std::span<const RosterEntry> left,
                           std::size_t total) {
  return frame(kSmall + (joined.size() + left.size()) * kEntrySize, [&](std::string& out) {
    appendEventHead(out, "presence", room);
    appendEntries(out, "joined", joined);
    appendEntries(out, "left", left);
    appendField(out, "total", static_cast<std::int64_t>(total));
    out.push_back('}');
  });
}

std::string activity(const Room& room, Seq seq, std::int64_t unread, const Message* lastMessage) {
  return frame(kSmall + (lastMessage != nullptr ? sizeOf(*lastMessage) : 0), [&](std::string& out) {
    appendEventHead(out, "room", room);
    appendField(out, "seq", raw(seq));
    appendField(out, "unread", unread);
    out.append(R"(,"lastMessage":)");
    if (lastMessage != nullptr) {
      wire::appendMessage(out, *lastMessage, room.name);
    } else {
      out.append("null");
    }
    out.push_back('}');
  });
}

std::string member(const Room& room, const MemberChange& change) {
  constexpr std::array<std::string_view, 3> kChanges = {"added", "removed", "role"};
  return frame(kSmall + kUserSize, [&](std::string& out) {
    appendEventHead(out, "member", room);
    out.append(R"(,"change":")").append(kChanges[static_cast<std::size_t>(change.kind)]).append(R"(","user":)");
    appendProfile(out, *change.user);
    out.append(R"(,"role":")").append(toText(change.role)).append(R"("})");
  });
}

std::string left(const Room& room, const Error& error) {
  return frame(kSmall + error.detail().size(), [&](std::string& out) {
    appendEventHead(out, "left", room);
    out.append(R"(,"code":)");
    appendJsonString(out, error.wire());
    out.append(R"(,"message":)");
    appendJsonString(out, error.detail());
    out.push_back('}');
  });
}

}  // namespace chatd::json_wire
