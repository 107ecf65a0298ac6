// What clients of /ws say: from a frame to a value. One function a request, one row each.
#include <algorithm>
#include <array>

#include "base/text.h"
#include "protocol/json_wire.h"

namespace chatd::json_wire {

namespace {

constexpr std::int64_t kMaxHistory = 100;
constexpr std::size_t kMaxEpoch = 128;

Result<wire::RoomRef> roomOf(const JsonValue& frame) { return wire::roomRef(find(frame, "room"), "room"); }

Result<MessageId> messageOf(const JsonValue& frame) {
  CHATD_TRY(id, wire::integer(frame, "messageId", 1, kMaxInteger));
  if (!id) return wire::wanted("messageId", "must be the id of a message");
  return MessageId{*id};
}

Result<Resume> resumeOf(const JsonValue& object) {
  Resume resume;
  CHATD_TRY(since, wire::integer(object, "since", 0, kMaxInteger));
  CHATD_TRY(sinceRev, wire::integer(object, "sinceRev", 0, kMaxInteger));
  if (since) resume.since = Seq{*since};
  if (sinceRev) resume.sinceRev = Rev{*sinceRev};
  const JsonValue* epoch = find(object, "epoch");
  if (!wire::given(epoch)) return resume;
  if (!epoch->IsString() || epoch->GetStringLength() > kMaxEpoch) {
    return wire::wanted("epoch", "must be the text that the room's epoch was told as");
  }
  resume.epoch = std::string(asView(*epoch));
  return resume;
}

Result<Body> parseAuth(const JsonValue& frame) {
  CHATD_TRY(token, wire::text(frame, "token"));
  return Body(Auth{std::move(token)});
}

Result<Body> parseJoin(const JsonValue& frame) {
  CHATD_TRY(room, roomOf(frame));
  CHATD_TRY(resume, resumeOf(frame));
  return Body(Join{std::move(room), std::move(resume)});
}

Result<Body> parseSync(const JsonValue& frame) {
  const JsonValue* rooms = find(frame, "rooms");
  if (rooms == nullptr || !rooms->IsObject() || rooms->MemberCount() == 0 || rooms->MemberCount() > kMaxSyncRooms) {
    return wire::wanted("rooms", "must be an object of 1 to " + std::to_string(kMaxSyncRooms) +
                                     R"( rooms: {"name": {"since", "sinceRev", "epoch"}})");
  }
  Sync sync;
  for (const auto& member : rooms->GetObject()) {
    const std::string_view key = asView(member.name);
    CHATD_TRY(room, wire::roomRef(key, "rooms"));
    if (!member.value.IsObject()) return wire::wanted("rooms", "a room's value must be an object");
    CHATD_TRY(resume, resumeOf(member.value));
    sync.rooms.push_back({std::string(key), std::move(room), std::move(resume)});
  }
  return Body(std::move(sync));
}

Result<Body> parseLeave(const JsonValue& frame) {
  CHATD_TRY(room, roomOf(frame));
  return Body(Leave{std::move(room)});
}

Result<Body> parseTyping(const JsonValue& frame) {
  CHATD_TRY(room, roomOf(frame));
  CHATD_TRY(typing, wire::flag(find(frame, "typing"), "typing"));
  return Body(Typing{std::move(room), typing});
}

Result<Body> parseSeen(const JsonValue& frame) {
  CHATD_TRY(room, roomOf(frame));
  CHATD_TRY(seq, wire::integer(frame, "seq", 0, kMaxInteger));
  Seen seen{std::move(room), std::nullopt};
  if (seq) seen.seq = Seq{*seq};
  return Body(std::move(seen));
}

Result<Body> parseSend(const JsonValue& frame) {
  CHATD_TRY(room, roomOf(frame));
  CHATD_TRY(message, wire::messageFields(frame));
  return Body(Send{std::move(room), std::move(message)});
}

Result<Body> parseEdit(const JsonValue& frame) {
  CHATD_TRY(id, messageOf(frame));
  CHATD_TRY(text, wire::text(frame, "text"));
  return Body(Edit{id, std::move(text)});
}

Result<Body> parseDelete(const JsonValue& frame) {
  CHATD_TRY(id, messageOf(frame));
  return Body(Delete{id});
}

Result<Body> parseHistory(const JsonValue& frame) {
  CHATD_TRY(room, roomOf(frame));
  CHATD_TRY(before, wire::integer(frame, "before", 1, kMaxInteger));
  CHATD_TRY(after, wire::integer(frame, "after", 0, kMaxInteger));
  CHATD_TRY(limit, wire::integer(frame, "limit", 1, kMaxHistory));
  if (before && after) return wire::wanted("after", "give only one of before and after");
  History history;
  history.room = std::move(room);
  if (before) history.before = Seq{*before};
  if (after) history.after = Seq{*after};
  if (limit) history.limit = static_cast<std::size_t>(*limit);
  return Body(std::move(history));
}

Result<Body> parseRooms(const JsonValue& frame) {
  CHATD_TRY(after, wire::integer(frame, "after", 0, kMaxInteger));
  Rooms rooms;
  if (after) rooms.after = RoomId{*after};
  return Body(rooms);
}

struct Row {
  std::string_view type;
  Result<Body> (*parse)(const JsonValue& frame);
};

constexpr std::array<Row, 11> kRequests = {{
    {"send", parseSend},
    {"typing", parseTyping},
    {"seen", parseSeen},
    {"join", parseJoin},
    {"leave", parseLeave},
    {"history", parseHistory},
    {"sync", parseSync},
    {"edit", parseEdit},
    {"delete", parseDelete},
    {"rooms", parseRooms},
    {"auth", parseAuth},
}};

Result<Body> bodyOf(const JsonValue& frame) {
  const JsonValue* type = find(frame, "type");
  if (type == nullptr || !type->IsString()) return wire::wanted("type", "must be a string, the name of a request");
  const auto row = std::find_if(kRequests.begin(), kRequests.end(), [&](const Row& r) { return r.type == asView(*type); });
  if (row == kRequests.end()) return Error(Code::UnknownEvent, "There is no request of this type.");
  return row->parse(frame);
}

std::optional<std::int64_t> idOf(const JsonValue& frame) {
  const JsonValue* id = frame.IsObject() ? find(frame, "id") : nullptr;
  if (id == nullptr || !id->IsInt64() || id->GetInt64() < -kMaxInteger || id->GetInt64() > kMaxInteger) return std::nullopt;
  return id->GetInt64();
}

/// The same JSON with a replacement character for each escaped surrogate.
std::string withoutSurrogates(std::string_view text) {
  std::string out(text);
  for (std::size_t at = 0; at + 5 < out.size(); ++at) {
    if (out[at] != '\\') continue;
    const bool surrogate = out[at + 1] == 'u' && (out[at + 2] == 'd' || out[at + 2] == 'D') &&
                           std::string_view("89abcdefABCDEF").find(out[at + 3]) != std::string_view::npos;
    if (surrogate) out.replace(at, 6, "\\ufffd");
    ++at;  // an escaped backslash begins nothing
  }
  return out;
}

}  // namespace

Request parse(std::string_view text) {
  auto frame = parseJson(text);
  if (!frame.ok()) {
    Error error = std::move(frame).error();
    if (error.code() != Code::InvalidText) return {std::nullopt, std::move(error)};
    // Half an emoji is a fault of that request alone, which waits for its answer.
    const auto readable = parseJson(withoutSurrogates(text));
    return {readable.ok() ? idOf(*readable) : std::nullopt, std::move(error)};
  }
  if (!frame->IsObject()) return {std::nullopt, Error(Code::Invalid, "Send a JSON object with type and id.")};
  const auto id = idOf(*frame);
  if (!id) return {std::nullopt, wire::wanted("id", "every request carries an integer, which its answer repeats")};
  return {id, bodyOf(*frame)};
}

}  // namespace chatd::json_wire
