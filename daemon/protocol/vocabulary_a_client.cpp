// What clients of vocabulary A say: from the arguments of an event to a value. One function an event, one row each.
#include <algorithm>
#include <array>

#include "base/json.h"
#include "base/text.h"
#include "protocol/vocabulary_a.h"

namespace chatd::vocabulary_a {

namespace {

constexpr std::size_t kMaxClientMsgId = 128;
constexpr std::int64_t kMaxLimit = 100;

Error wanted(std::string field, std::string detail) { return Error::field(std::move(field), std::move(detail)); }

/// Absent and null are the same to a client.
bool given(const JsonValue* value) { return value != nullptr && !value->IsNull(); }

/// An integer of `least` to `most`, or `fallback` if the field is not given.
Result<std::int64_t> integer(const JsonValue& object, std::string_view field, std::int64_t fallback, std::int64_t most) {
  const JsonValue* value = find(object, field);
  if (!given(value)) return fallback;
  if (!value->IsInt64() || value->GetInt64() < 1 || value->GetInt64() > most) {
    return wanted(std::string(field), "must be an integer from 1 to " + std::to_string(most));
  }
  return value->GetInt64();
}

Result<ClientEvent> parseJoin(const sio::Packet& packet) {
  const JsonValue* room = packet.argument(0);
  constexpr const char* expected = "must be the name of a room, or its id";
  if (!given(room)) return wanted("room", expected);
  Join join;
  if (room->IsInt64() && room->GetInt64() >= 1 && room->GetInt64() <= kMaxInteger) {
    join.room = RoomId{room->GetInt64()};
    return ClientEvent(std::move(join));
  }
  if (!room->IsString()) return wanted("room", expected);
  const std::string_view name = asView(*room);
  if (const auto id = parseId(name)) {
    join.room = RoomId{*id};
    return ClientEvent(std::move(join));
  }
  if (auto fault = nameFault(name)) return wanted("room", std::move(*fault));
  join.room = std::string(name);
  return ClientEvent(std::move(join));
}

Result<ClientEvent> parseTyping(const sio::Packet& packet) {
  const JsonValue* typing = packet.argument(0);
  if (typing != nullptr) {
    if (typing->IsBool()) return ClientEvent(Typing{typing->GetBool()});
    // Older clients send the text that they get back in is_typing.
    if (typing->IsString() && asView(*typing) == "true") return ClientEvent(Typing{true});
    if (typing->IsString() && asView(*typing) == "false") return ClientEvent(Typing{false});
  }
  return wanted("typing", "must be true or false");
}

Result<ClientEvent> parseSeen(const sio::Packet& /*packet*/) { return ClientEvent(Seen{}); }

Result<void> takeClientMsgId(const JsonValue& object, SendMessage& send) {
  const JsonValue* value = find(object, "clientMsgId");
  if (!given(value)) return {};
  const bool fits = value->IsString() && value->GetStringLength() >= 1 && value->GetStringLength() <= kMaxClientMsgId;
  if (!fits || asView(*value).find('\0') != std::string_view::npos) {
    return wanted("clientMsgId", "must be a string of 1 to 128 bytes without NUL");
  }
  send.clientMsgId = std::string(asView(*value));
  return {};
}

Result<void> takeReplyTo(const JsonValue& object, SendMessage& send) {
  const JsonValue* value = find(object, "replyTo");
  if (!given(value)) return {};
  if (!value->IsInt64() || value->GetInt64() < 1 || value->GetInt64() > kMaxInteger) {
    return wanted("replyTo", "must be the id of a message");
  }
  send.replyTo = MessageId{value->GetInt64()};
  return {};
}

Result<void> takeMetadata(const JsonValue& object, SendMessage& send) {
  const JsonValue* value = find(object, "metadata");
  if (!given(value)) return {};
  if (!value->IsObject()) return wanted("metadata", "must be an object");
  send.metadata = toText(*value);
  return {};
}

Result<ClientEvent> parseSendMessage(const sio::Packet& packet) {
  const JsonValue* argument = packet.argument(0);
  SendMessage send;
  if (argument != nullptr && argument->IsString()) {
    send.text = std::string(asView(*argument));
    return ClientEvent(std::move(send));
  }
  if (argument == nullptr || !argument->IsObject()) {
    return wanted("text", "send the text as a string, or an object with the field text");
  }
  const JsonValue* text = find(*argument, "text");
  if (text == nullptr || !text->IsString()) return wanted("text", "must be a string");
  send.text = std::string(asView(*text));
  CHATD_CHECK(takeClientMsgId(*argument, send));
  CHATD_CHECK(takeReplyTo(*argument, send));
  CHATD_CHECK(takeMetadata(*argument, send));
  return ClientEvent(std::move(send));
}

Result<ClientEvent> parseLoadMore(const sio::Packet& packet) {
  LoadMore load;
  const JsonValue* argument = packet.argument(0);
  if (!given(argument)) return ClientEvent(load);
  if (!argument->IsObject()) return wanted("load_more", "must be an object with page and limit, or nothing");
  CHATD_TRY(page, integer(*argument, "page", load.page, kMaxInteger));
  CHATD_TRY(limit, integer(*argument, "limit", load.limit, kMaxLimit));
  load.page = page;
  load.limit = limit;
  return ClientEvent(load);
}

struct Row {
  std::string_view event;
  Result<ClientEvent> (*parse)(const sio::Packet& packet);
};

constexpr std::array<Row, 5> kEvents = {{
    {"send_message", parseSendMessage},
    {"typing", parseTyping},
    {"seen", parseSeen},
    {"join", parseJoin},
    {"load_more", parseLoadMore},
}};

}  // namespace

Result<ClientEvent> parse(const sio::Packet& packet) {
  const std::string_view event = packet.event();
  const auto row = std::find_if(kEvents.begin(), kEvents.end(), [&](const Row& r) { return r.event == event; });
  if (row == kEvents.end()) return Code::UnknownEvent;
  return row->parse(packet);
}

}  // namespace chatd::vocabulary_a
