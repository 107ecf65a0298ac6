// The fields that clients send in every vocabulary, read by one set of rules. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>

#include "base/ids.h"
#include "base/json.h"
#include "base/result.h"

namespace chatd::wire {

/// Digits only (or a JSON integer) is an id, anything else a name.
using RoomRef = std::variant<RoomId, std::string>;

/// What a client sends with a message.
struct MessageFields {
  std::string text;  ///< not judged here: the domain knows what may be said
  std::optional<std::string> clientMsgId;
  std::optional<MessageId> replyTo;
  std::optional<std::string> metadata;  ///< JSON text of an object
};

/// 422 for one field, with what is expected.
[[nodiscard]] Error wanted(std::string_view field, std::string detail);

/// Absent and null are the same to a client.
[[nodiscard]] bool given(const JsonValue* value);

// Each answers Invalid with the name of the field and what is expected.

/// A room by name or id; nullptr: absent.
[[nodiscard]] Result<RoomRef> roomRef(const JsonValue* value, std::string_view field);
/// The same from text (a key of an object).
[[nodiscard]] Result<RoomRef> roomRef(std::string_view text, std::string_view field);
/// An integer of `least` to `most`, or nothing if the field is not given.
[[nodiscard]] Result<std::optional<std::int64_t>> integer(const JsonValue& object, std::string_view field,
                                                          std::int64_t least, std::int64_t most);
/// A string that must be there.
[[nodiscard]] Result<std::string> text(const JsonValue& object, std::string_view field);
/// true or false; older clients send the texts "true" and "false", which they get back in events.
[[nodiscard]] Result<bool> flag(const JsonValue* value, std::string_view field);
/// `text`, `clientMsgId?`, `replyTo?`, `metadata?`
[[nodiscard]] Result<MessageFields> messageFields(const JsonValue& object);

}  // namespace chatd::wire
