// What clients of vocabulary A say: from the arguments of an event to a value. One function an event, one row each.
#include <algorithm>
#include <array>

#include "protocol/vocabulary_a.h"

namespace chatd::vocabulary_a {

namespace {

constexpr std::int64_t kMaxLimit = 100;

Result<ClientEvent> parseJoin(const sio::Packet& packet) {
  CHATD_TRY(room, wire::roomRef(packet.argument(0), "room"));
  return ClientEvent(Join{std::move(room)});
}

Result<ClientEvent> parseTyping(const sio::Packet& packet) {
  CHATD_TRY(typing, wire::flag(packet.argument(0), "typing"));
  return ClientEvent(Typing{typing});
}

Result<ClientEvent> parseSeen(const sio::Packet& /*packet*/) { return ClientEvent(Seen{}); }

Result<ClientEvent> parseSendMessage(const sio::Packet& packet) {
  const JsonValue* argument = packet.argument(0);
  if (argument != nullptr && argument->IsString()) {
    SendMessage send;
    send.text = std::string(asView(*argument));
    return ClientEvent(std::move(send));
  }
  if (argument == nullptr || !argument->IsObject()) {
    return wire::wanted("text", "send the text as a string, or an object with the field text");
  }
  CHATD_TRY(send, wire::messageFields(*argument));
  return ClientEvent(std::move(send));
}

Result<ClientEvent> parseLoadMore(const sio::Packet& packet) {
  LoadMore load;
  const JsonValue* argument = packet.argument(0);
  if (!wire::given(argument)) return ClientEvent(load);
  if (!argument->IsObject()) return wire::wanted("load_more", "must be an object with page and limit, or nothing");
  CHATD_TRY(page, wire::integer(*argument, "page", 1, kMaxInteger));
  CHATD_TRY(limit, wire::integer(*argument, "limit", 1, kMaxLimit));
  load.page = page.value_or(load.page);
  load.limit = limit.value_or(load.limit);
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
