// Vocabulary A (CONTRACT section 3.1) in namespace "/": what the server says, as framed packets ready to be shared, and
// what clients say, as values. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>

#include "base/result.h"
#include "chat/fanout.h"
#include "chat/model.h"
#include "protocol/client_fields.h"
#include "protocol/framing.h"
#include "protocol/socket_io.h"

namespace chatd::vocabulary_a {

// Server events. Each returns the whole event in the given framing: makeFrame(message(Framing::WebSocket, m)) is what every
// session of the room is sent.

// offset: goes along as one more argument (see recovery_offset.h); empty: none.

/// Any event; args: JSON values joined by commas, may be empty.
[[nodiscard]] std::string event(Framing framing, std::string_view name, std::string_view args);

/// `info` `"…"`
[[nodiscard]] std::string info(Framing framing, std::string_view text);
/// `room_info` `{"room","roomId","type","name","members":[…],"unread","lastMessage"}`; lastMessage as in `message`, or null.
[[nodiscard]] std::string roomInfo(Framing framing, const Room& room, std::span<const Member> members, std::int64_t unread,
                                   const Message* lastMessage, std::string_view offset = {});
/// `roomData` `{"room","users":[{"appId","room","roomId","sender","id"}]}`, with `"total"` if that is more than `entries`.
[[nodiscard]] std::string roomData(Framing framing, const Room& room, std::span<const RosterEntry> entries,
                                   std::size_t total);
/// `message` `{"id","roomId","message","userId","updatedAt","createdAt","deletedAt","seq","clientMsgId"}`; `message` is
/// base64 of the text.
[[nodiscard]] std::string message(Framing framing, const Message& message, std::string_view offset = {});
/// `load_more` `[…]` of the same objects, in the given order (the caller's: newest first).
[[nodiscard]] std::string loadMore(Framing framing, std::span<const Message> messages);
/// `is_typing` `{"data":{user},"typing":"true"}`
[[nodiscard]] std::string isTyping(Framing framing, const User& user, bool typing);
/// `seen_by` `{"room","roomId","user":{…},"messageId","seq","seenAt"}`
[[nodiscard]] std::string seenBy(Framing framing, const Room& room, const SeenEvent& seen);
/// `message-updated` with the message object of REST (plain text).
[[nodiscard]] std::string messageUpdated(Framing framing, const Message& message, std::string_view roomName,
                                         std::string_view offset = {});
/// `message-deleted` `{"id","roomId","room"}`
[[nodiscard]] std::string messageDeleted(Framing framing, const Message& message, std::string_view roomName,
                                         std::string_view offset = {});
/// `error` `{"code","message"}`, with `"event"` if that is not empty (a name over 128 bytes is left out).
[[nodiscard]] std::string error(Framing framing, const Error& error, std::string_view event = {});

// Acknowledgements of client events.

/// `{"ok":true}`
[[nodiscard]] std::string ackOk(Framing framing, std::uint64_t id);
/// `{"ok":true,"message":{…}}`, the message object of REST; `"duplicate":true` behind it for a repeat.
[[nodiscard]] std::string ackMessage(Framing framing, std::uint64_t id, const Message& message, std::string_view roomName,
                                     bool duplicate = false);
/// `{"ok":true,"room":{…}}`, the room object of REST with members, lastMessage and unread.
[[nodiscard]] std::string ackRoom(Framing framing, std::uint64_t id, const Room& room, std::span<const Member> members,
                                  std::int64_t unread, const Message* lastMessage);
/// `{"ok":false,"code","message"}`
[[nodiscard]] std::string ackError(Framing framing, std::uint64_t id, const Error& error);

// Client events.

using wire::RoomRef;

struct Join {
  RoomRef room;
};
struct Typing {
  bool typing = false;
};
struct Seen {};
using SendMessage = wire::MessageFields;
struct LoadMore {
  std::int64_t page = 1;    ///< from 1
  std::int64_t limit = 20;  ///< 1 to 100
};
using ClientEvent = std::variant<Join, Typing, Seen, SendMessage, LoadMore>;

/// What a client says. Arguments beyond those of the table and unknown fields are ignored.
/// Errors: UnknownEvent; Invalid, with what is expected.
[[nodiscard]] Result<ClientEvent> parse(const sio::Packet& packet);

}  // namespace chatd::vocabulary_a
