#include "protocol/vocabulary_a.h"

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "protocol/wire_json.h"

namespace chatd::vocabulary_a {

namespace {

// Guesses for framed(), in bytes: what surrounds the text of the largest part.
constexpr std::size_t kSmall = 100;
constexpr std::size_t kMessageFrame = 280;
constexpr std::size_t kUserSize = 300;
constexpr std::size_t kMemberSize = 130;
constexpr std::size_t kRoomFrame = 300;
constexpr std::size_t kMaxEventName = 128;

std::size_t base64Size(std::size_t bytes) { return (bytes + 2) / 3 * 4; }
std::size_t sizeOf(const Message& m) {
  return kMessageFrame + base64Size(m.text.size()) + (m.clientMsgId ? m.clientMsgId->size() : 0);
}
std::size_t plainSizeOf(const Message& m) { return sizeOf(m) + (m.metadata ? m.metadata->size() : 0); }

/// As one more argument.
void appendOffset(std::string& out, std::string_view offset) {
  if (offset.empty()) return;
  out.push_back(',');
  appendJsonString(out, offset);
}

void appendAckHead(std::string& out, std::uint64_t id) {
  out.push_back('3');
  const fmt::format_int digits(id);
  out.append(digits.data(), digits.size());
}

/// The message as this vocabulary shows it.
void appendEncoded(std::string& out, const Message& m) {
  out.append(R"({"id":)");
  wire::appendInteger(out, raw(m.id));
  out.append(R"(,"roomId":)");
  wire::appendInteger(out, raw(m.room));
  out.append(R"(,"message":")");
  appendBase64(out, m.text);
  out.append(R"(","userId":)");
  wire::appendInteger(out, raw(m.sender));
  out.append(R"(,"updatedAt":)");
  wire::appendTime(out, m.updatedAt);
  out.append(R"(,"createdAt":)");
  wire::appendTime(out, m.createdAt);
  out.append(R"(,"deletedAt":)");
  wire::appendTime(out, m.deletedAt);
  out.append(R"(,"seq":)");
  wire::appendInteger(out, raw(m.seq));
  out.append(R"(,"clientMsgId":)");
  wire::appendText(out, m.clientMsgId);
  out.push_back('}');
}

void appendRosterEntry(std::string& out, const Room& room, const RosterEntry& entry) {
  out.append(R"({"appId":)");
  wire::appendInteger(out, raw(room.app));
  out.append(R"(,"room":)");
  appendJsonString(out, room.name);
  out.append(R"(,"roomId":)");
  wire::appendInteger(out, raw(room.id));
  out.append(R"(,"sender":)");
  wire::appendInteger(out, raw(entry.user));
  out.append(R"(,"id":)");
  appendJsonString(out, entry.publicId);
  out.push_back('}');
}

}  // namespace

std::string event(Framing framing, std::string_view name, std::string_view args) {
  return framed(framing, name.size() + args.size() + 6, [&](std::string& out) { sio::appendEvent(out, name, args); });
}

std::string info(Framing framing, std::string_view text) {
  return framed(framing, text.size() + 13, [&](std::string& out) {
    out.append(R"(2["info",)");
    appendJsonString(out, text);
    out.push_back(']');
  });
}

std::string roomInfo(Framing framing, const Room& room, std::span<const Member> members, std::int64_t unread,
                     const Message* lastMessage, std::string_view offset) {
  const std::size_t expected =
      kRoomFrame + members.size() * kMemberSize + (lastMessage != nullptr ? sizeOf(*lastMessage) : 0);
  return framed(framing, expected, [&](std::string& out) {
    out.append(R"(2["room_info",{"room":)");
    appendJsonString(out, room.name);
    out.append(R"(,"roomId":)");
    wire::appendInteger(out, raw(room.id));
    out.append(R"(,"type":")");
    out.append(toText(room.type));
    out.append(R"(","name":)");
    wire::appendText(out, room.title);
    out.append(R"(,"members":)");
    wire::appendMembers(out, members);
    out.append(R"(,"unread":)");
    wire::appendInteger(out, unread);
    out.append(R"(,"lastMessage":)");
    if (lastMessage != nullptr) {
      appendEncoded(out, *lastMessage);
    } else {
      out.append("null");
    }
    out.push_back('}');
    appendOffset(out, offset);
    out.push_back(']');
  });
}

std::string roomData(Framing framing, const Room& room, std::span<const RosterEntry> entries, std::size_t total) {
  const std::size_t expected = kSmall + entries.size() * (kSmall + room.name.size());
  return framed(framing, expected, [&](std::string& out) {
    out.append(R"(2["roomData",{"room":)");
    appendJsonString(out, room.name);
    out.append(R"(,"users":[)");
    for (std::size_t i = 0; i < entries.size(); ++i) {
      if (i > 0) out.push_back(',');
      appendRosterEntry(out, room, entries[i]);
    }
    out.push_back(']');
    if (total > entries.size()) {
      out.append(R"(,"total":)");
      wire::appendInteger(out, static_cast<std::int64_t>(total));
    }
    out.append("}]");
  });
}

std::string message(Framing framing, const Message& m, std::string_view offset) {
  return framed(framing, sizeOf(m) + offset.size() + 3, [&](std::string& out) {
    out.append(R"(2["message",)");
    appendEncoded(out, m);
    appendOffset(out, offset);
    out.push_back(']');
  });
}

std::string loadMore(Framing framing, std::span<const Message> messages) {
  std::size_t expected = 16;
  for (const Message& m : messages) expected += sizeOf(m);
  return framed(framing, expected, [&](std::string& out) {
    out.append(R"(2["load_more",[)");
    for (std::size_t i = 0; i < messages.size(); ++i) {
      if (i > 0) out.push_back(',');
      appendEncoded(out, messages[i]);
    }
    out.append("]]");
  });
}

std::string isTyping(Framing framing, const User& user, bool typing) {
  return framed(framing, kUserSize, [&](std::string& out) {
    out.append(R"(2["is_typing",{"data":)");
    wire::appendPublicUser(out, user);
    out.append(typing ? R"(,"typing":"true"}])" : R"(,"typing":"false"}])");
  });
}

std::string seenBy(Framing framing, const Room& room, const SeenEvent& seen) {
  return framed(framing, kSmall + kUserSize, [&](std::string& out) {
    out.append(R"(2["seen_by",{"room":)");
    appendJsonString(out, room.name);
    out.append(R"(,"roomId":)");
    wire::appendInteger(out, raw(room.id));
    out.append(R"(,"user":)");
    wire::appendPublicUser(out, *seen.user);
    out.append(R"(,"messageId":)");
    wire::appendInteger(out, raw(seen.message));
    out.append(R"(,"seq":)");
    wire::appendInteger(out, raw(seen.seq));
    out.append(R"(,"seenAt":)");
    wire::appendTime(out, seen.at);
    out.append("}]");
  });
}

std::string messageUpdated(Framing framing, const Message& m, std::string_view roomName, std::string_view offset) {
  return framed(framing, plainSizeOf(m), [&](std::string& out) {
    out.append(R"(2["message-updated",)");
    wire::appendMessage(out, m, roomName);
    appendOffset(out, offset);
    out.push_back(']');
  });
}

std::string messageDeleted(Framing framing, const Message& m, std::string_view roomName, std::string_view offset) {
  return framed(framing, kSmall + roomName.size(), [&](std::string& out) {
    out.append(R"(2["message-deleted",{"id":)");
    wire::appendInteger(out, raw(m.id));
    out.append(R"(,"roomId":)");
    wire::appendInteger(out, raw(m.room));
    out.append(R"(,"room":)");
    appendJsonString(out, roomName);
    out.push_back('}');
    appendOffset(out, offset);
    out.push_back(']');
  });
}

std::string error(Framing framing, const Error& error, std::string_view event) {
  return framed(framing, kSmall + error.detail().size(), [&](std::string& out) {
    out.append(R"(2["error",)");
    JsonWriter json(out);
    json.beginObject().field("code", error.wire()).field("message", error.detail());
    // What the client called its event comes back to it, but not without a bound.
    if (!event.empty() && event.size() <= kMaxEventName) json.field("event", event);
    json.endObject();
    out.push_back(']');
  });
}

std::string ackOk(Framing framing, std::uint64_t id) {
  return framed(framing, kSmall, [&](std::string& out) {
    appendAckHead(out, id);
    out.append(R"([{"ok":true}])");
  });
}

std::string ackMessage(Framing framing, std::uint64_t id, const Message& m, std::string_view roomName, bool duplicate) {
  return framed(framing, plainSizeOf(m), [&](std::string& out) {
    appendAckHead(out, id);
    out.append(R"([{"ok":true,"message":)");
    wire::appendMessage(out, m, roomName);
    out.append(duplicate ? R"(,"duplicate":true}])" : "}]");
  });
}

std::string ackRoom(Framing framing, std::uint64_t id, const Room& room, std::span<const Member> members,
                    std::int64_t unread, const Message* lastMessage) {
  const std::size_t expected =
      kRoomFrame + members.size() * kMemberSize + (lastMessage != nullptr ? plainSizeOf(*lastMessage) : 0);
  return framed(framing, expected, [&](std::string& out) {
    appendAckHead(out, id);
    out.append(R"([{"ok":true,"room":)");
    wire::RoomExtras extras;
    extras.members = members;
    extras.withLastMessage = true;
    extras.lastMessage = lastMessage;
    extras.unread = unread;
    wire::appendRoom(out, room, extras);
    out.append("}]");
  });
}

std::string ackError(Framing framing, std::uint64_t id, const Error& error) {
  return framed(framing, kSmall + error.detail().size(), [&](std::string& out) {
    appendAckHead(out, id);
    out.push_back('[');
    JsonWriter json(out);
    json.beginObject().field("ok", false).field("code", error.wire()).field("message", error.detail()).endObject();
    out.push_back(']');
  });
}

}  // namespace chatd::vocabulary_a
