// Vocabulary B (CONTRACT section 3.1) in namespace "/": many rooms at once, plain text. What the server says beyond
// vocabulary A (edits, deletions, errors and acknowledgements are the same there), and what clients say. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "chat/model.h"
#include "protocol/client_fields.h"
#include "protocol/framing.h"
#include "protocol/socket_io.h"

namespace chatd::vocabulary_b {

/// `new-message` with the message object of REST; `"repeat":true` behind it for one that is announced again.
[[nodiscard]] std::string newMessage(Framing framing, const Message& message, std::string_view roomName,
                                     bool repeat = false);
/// `error` `{"code","message","room","roomId"}`: the session has lost a room.
[[nodiscard]] std::string lost(Framing framing, const Error& error, const Room& room);

struct JoinChat {
  wire::RoomRef room;
};
struct LeaveChat {
  wire::RoomRef room;
};
/// `send-message` with an object.
struct SendToChat {
  wire::RoomRef room;
  wire::MessageFields message;
};
/// `send-message` with a bare chat id: the newest message of that room is announced again.
struct Announce {
  wire::RoomRef room;
};
using ClientEvent = std::variant<JoinChat, LeaveChat, SendToChat, Announce>;

/// True for the events of this vocabulary.
[[nodiscard]] bool speaks(std::string_view event);
/// What a client says. Arguments beyond those of the table and unknown fields are ignored.
/// Errors: UnknownEvent; Invalid, with what is expected.
[[nodiscard]] Result<ClientEvent> parse(const sio::Packet& packet);

}  // namespace chatd::vocabulary_b
