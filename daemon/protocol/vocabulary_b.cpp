#include "protocol/vocabulary_b.h"

#include "protocol/wire_json.h"

namespace chatd::vocabulary_b {

namespace {

constexpr std::size_t kMessageFrame = 300;  // a guess for framed(), in bytes: what surrounds the text

Result<ClientEvent> parseSend(const sio::Packet& packet) {
  const JsonValue* argument = packet.argument(0);
  if (argument != nullptr && argument->IsObject()) {
    CHATD_TRY(room, wire::roomRef(find(*argument, "chat_id"), "chat_id"));
    CHATD_TRY(message, wire::messageFields(*argument));
    return ClientEvent(SendToChat{std::move(room), std::move(message)});
  }
  CHATD_TRY(room, wire::roomRef(argument, "chat_id"));
  return ClientEvent(Announce{std::move(room)});
}

}  // namespace

std::string newMessage(Framing framing, const Message& m, std::string_view roomName, bool repeat) {
  const std::size_t expected = kMessageFrame + m.text.size() + roomName.size() + (m.metadata ? m.metadata->size() : 0);
  return framed(framing, expected, [&](std::string& out) {
    out.append(R"(2["new-message",)");
    wire::appendMessage(out, m, roomName);
    if (repeat) {
      out.pop_back();
      out.append(R"(,"repeat":true})");
    }
    out.push_back(']');
  });
}

std::string lost(Framing framing, const Error& error, const Room& room) {
  return framed(framing, kMessageFrame, [&](std::string& out) {
    out.append(R"(2["error",)");
    JsonWriter(out)
        .beginObject()
        .field("code", error.wire())
        .field("message", error.detail())
        .field("room", room.name)
        .field("roomId", raw(room.id))
        .endObject();
    out.push_back(']');
  });
}

bool speaks(std::string_view event) { return event == "send-message" || event == "join-chat" || event == "leave-chat"; }

Result<ClientEvent> parse(const sio::Packet& packet) {
  const std::string_view event = packet.event();
  if (event == "send-message") return parseSend(packet);
  if (event == "join-chat") {
    CHATD_TRY(room, wire::roomRef(packet.argument(0), "chat_id"));
    return ClientEvent(JoinChat{std::move(room)});
  }
  if (event == "leave-chat") {
    CHATD_TRY(room, wire::roomRef(packet.argument(0), "chat_id"));
    return ClientEvent(LeaveChat{std::move(room)});
  }
  return Code::UnknownEvent;
}

}  // namespace chatd::vocabulary_b
