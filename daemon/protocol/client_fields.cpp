#include "protocol/client_fields.h"

#include "base/text.h"

namespace chatd::wire {

namespace {

constexpr std::size_t kMaxClientMsgId = 128;

Result<std::optional<std::string>> clientMsgId(const JsonValue& object) {
  const JsonValue* value = find(object, "clientMsgId");
  if (!given(value)) return std::optional<std::string>();
  const bool fits = value->IsString() && value->GetStringLength() >= 1 && value->GetStringLength() <= kMaxClientMsgId;
  if (!fits || asView(*value).find('\0') != std::string_view::npos) {
    return wanted("clientMsgId", "must be a string of 1 to 128 bytes without NUL");
  }
  return std::optional<std::string>(asView(*value));
}

Result<std::optional<MessageId>> replyTo(const JsonValue& object) {
  const JsonValue* value = find(object, "replyTo");
  if (!given(value)) return std::optional<MessageId>();
  if (!value->IsInt64() || value->GetInt64() < 1 || value->GetInt64() > kMaxInteger) {
    return wanted("replyTo", "must be the id of a message");
  }
  return std::optional(MessageId{value->GetInt64()});
}

Result<std::optional<std::string>> metadata(const JsonValue& object) {
  const JsonValue* value = find(object, "metadata");
  if (!given(value)) return std::optional<std::string>();
  if (!value->IsObject()) return wanted("metadata", "must be an object");
  return std::optional(toText(*value));
}

}  // namespace

Error wanted(std::string_view field, std::string detail) { return Error::field(std::string(field), std::move(detail)); }

bool given(const JsonValue* value) { return value != nullptr && !value->IsNull(); }

Result<RoomRef> roomRef(const JsonValue* value, std::string_view field) {
  if (given(value)) {
    if (value->IsInt64() && value->GetInt64() >= 1 && value->GetInt64() <= kMaxInteger) {
      return RoomRef(RoomId{value->GetInt64()});
    }
    if (value->IsString()) return roomRef(asView(*value), field);
  }
  return wanted(field, "must be the name of a room, or its id");
}

Result<RoomRef> roomRef(std::string_view text, std::string_view field) {
  if (const auto id = parseId(text)) return RoomRef(RoomId{*id});
  if (auto fault = nameFault(text)) return wanted(field, std::move(*fault));
  return RoomRef(std::string(text));
}

Result<std::optional<std::int64_t>> integer(const JsonValue& object, std::string_view field, std::int64_t least,
                                            std::int64_t most) {
  const JsonValue* value = find(object, field);
  if (!given(value)) return std::optional<std::int64_t>();
  if (!value->IsInt64() || value->GetInt64() < least || value->GetInt64() > most) {
    return wanted(field, "must be an integer from " + std::to_string(least) + " to " + std::to_string(most));
  }
  return std::optional(value->GetInt64());
}

Result<std::string> text(const JsonValue& object, std::string_view field) {
  const JsonValue* value = find(object, field);
  if (value == nullptr || !value->IsString()) return wanted(field, "must be a string");
  return std::string(asView(*value));
}

Result<bool> flag(const JsonValue* value, std::string_view field) {
  if (value != nullptr) {
    if (value->IsBool()) return value->GetBool();
    if (value->IsString() && asView(*value) == "true") return true;
    if (value->IsString() && asView(*value) == "false") return false;
  }
  return wanted(field, "must be true or false");
}

Result<MessageFields> messageFields(const JsonValue& object) {
  MessageFields fields;
  CHATD_TRY(said, text(object, "text"));
  CHATD_TRY(key, clientMsgId(object));
  CHATD_TRY(reply, replyTo(object));
  CHATD_TRY(more, metadata(object));
  fields.text = std::move(said);
  fields.clientMsgId = std::move(key);
  fields.replyTo = reply;
  fields.metadata = std::move(more);
  return fields;
}

}  // namespace chatd::wire
