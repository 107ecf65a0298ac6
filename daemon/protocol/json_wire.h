// The JSON wire of `/ws` (CONTRACT section 3.2): what the server says, as whole WebSocket frames ready to be shared, and
// what clients say, as values. Pure. Thread: any.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"
#include "chat/fanout.h"
#include "chat/model.h"
#include "protocol/client_fields.h"

namespace chatd::json_wire {

// ---- the server's frames

/// What a client has to know of the configuration; names as in the table of options.
struct Limits {
  std::size_t messageBytes = 0;
  std::int64_t messagesPerSecond = 0;
  std::int64_t messagesBurst = 0;
  std::size_t replay = 0;
  std::size_t outboxBytes = 0;
  std::size_t maxPayload = 0;
  std::size_t rooms = 0;  ///< that one session may have joined
  std::chrono::milliseconds pingInterval{};
  std::chrono::milliseconds pingTimeout{};
};
/// `{"type":"hello","session","user":{…},"time","limits":{…}}`
[[nodiscard]] std::string hello(std::string_view session, const User& user, Timestamp now, const Limits& limits);

/// Where a room stands for a session that joins it.
struct Standing {
  const Room* room = nullptr;
  RoomCounter counter;
  std::int64_t unread = 0;
  const Message* lastMessage = nullptr;
  std::optional<bool> recovered;  ///< only if the client said `since`
};

/// `{"type":"ok","id"}`
[[nodiscard]] std::string ok(std::int64_t id);
/// … `"expiresAt"`, null if never.
[[nodiscard]] std::string okAuth(std::int64_t id, const std::optional<Timestamp>& expiresAt);
/// … `"room":{…,"members","lastMessage","unread"},"roomId","epoch","seq","rev"[,"recovered"]`
[[nodiscard]] std::string okJoin(std::int64_t id, const Standing& standing, std::span<const Member> members);
/// … `"seq"`: read up to here
[[nodiscard]] std::string okSeen(std::int64_t id, Seq seq);
/// … `"message":{…}[,"duplicate":true]`
[[nodiscard]] std::string okSend(std::int64_t id, const Message& message, std::string_view room, bool duplicate);
/// … `"message":{…},"rev"`
[[nodiscard]] std::string okChange(std::int64_t id, const Message& message, std::string_view room, Rev rev);
/// … `"messages":[…],"more","firstSeq"`; firstSeq: the oldest that is kept
[[nodiscard]] std::string okHistory(std::int64_t id, std::span<const Message> messages, std::string_view room, bool more,
                                    Seq firstSeq);
/// `{"type":"error","id","code","message","retryable"[,"retryAfter"]}`; id null: no request can be named.
[[nodiscard]] std::string error(std::optional<std::int64_t> id, const Error& error);

/// Writes the answer to `sync`, a room at a time: `"rooms":{name:{…as okJoin, without
/// members…}|{"error":{"code","message"}}}`
class SyncAnswer {
 public:
  explicit SyncAnswer(std::int64_t id);
  void room(std::string_view key, const Standing& standing);
  void refused(std::string_view key, const Error& error);
  [[nodiscard]] std::string finish();

 private:
  void key(std::string_view key);
  std::string body_;
  bool first_ = true;
};

/// Writes the answer to `rooms`: `"rooms":[{…room,"unread","lastMessage","seq","rev","epoch"}],"next"`; next: a room id to
/// go on `after`, or null.
class RoomsAnswer {
 public:
  explicit RoomsAnswer(std::int64_t id);
  void room(const Standing& standing);
  [[nodiscard]] std::size_t bytes() const { return body_.size(); }
  [[nodiscard]] std::string finish(std::optional<RoomId> next);

 private:
  std::string body_;
  bool first_ = true;
};

// Events. All carry `room` (the name) and `roomId`.

/// `message`: `"seq","message":{…}`
[[nodiscard]] std::string message(const Room& room, const Message& message);
/// `updated`: `"rev","message":{…}`
[[nodiscard]] std::string updated(const Room& room, const Message& message, Rev rev);
/// `deleted`: `"rev","messageId","seq","message":{…}`
[[nodiscard]] std::string deleted(const Room& room, const Message& message, Rev rev);
/// `typing`: `"user":{…},"typing"`
[[nodiscard]] std::string typing(const Room& room, const User& user, bool typing);
/// `seen`: `"user":{…},"messageId","seq","seenAt"`; messageId null if it is not the newest
[[nodiscard]] std::string seen(const Room& room, const SeenEvent& seen);
/// `presence`, the one list: `"users":[{"userId","session"}],"total"`
[[nodiscard]] std::string presenceList(const Room& room, std::span<const RosterEntry> entries, std::size_t total);
/// `presence`, after it: `"joined":[…],"left":[…],"total"`; to be applied as to a set
[[nodiscard]] std::string presenceChange(const Room& room, std::span<const RosterEntry> joined,
                                         std::span<const RosterEntry> left, std::size_t total);
/// `room`: `"seq","unread","lastMessage":{…}`; lastMessage null in an empty room
[[nodiscard]] std::string activity(const Room& room, Seq seq, std::int64_t unread, const Message* lastMessage);
/// `member`: `"change":"added|removed|role","user":{…},"role"`
[[nodiscard]] std::string member(const Room& room, const MemberChange& change);
/// `left`: `"code","message"`: the session has lost the room
[[nodiscard]] std::string left(const Room& room, const Error& error);

// ---- what clients say

/// What the client has of a room.
struct Resume {
  std::optional<Seq> since;
  std::optional<Rev> sinceRev;
  std::optional<std::string> epoch;
};
struct Auth {
  std::string token;
};
struct Join {
  wire::RoomRef room;
  Resume resume;
};
struct Sync {
  struct Entry {
    std::string key;  ///< as the client wrote it
    wire::RoomRef room;
    Resume resume;
  };
  std::vector<Entry> rooms;  ///< 1 to kMaxSyncRooms
};
struct Leave {
  wire::RoomRef room;
};
struct Typing {
  wire::RoomRef room;
  bool typing = false;
};
struct Seen {
  wire::RoomRef room;
  std::optional<Seq> seq;
};
struct Send {
  wire::RoomRef room;
  wire::MessageFields message;
};
struct Edit {
  MessageId message{};
  std::string text;
};
struct Delete {
  MessageId message{};
};
struct History {
  wire::RoomRef room;
  std::optional<Seq> before;
  std::optional<Seq> after;
  std::size_t limit = 20;  ///< 1 to 100
};
struct Rooms {
  std::optional<RoomId> after;
};
using Body = std::variant<Auth, Join, Sync, Leave, Typing, Seen, Send, Edit, Delete, History, Rooms>;

inline constexpr std::size_t kMaxSyncRooms = 200;

struct Request {
  std::optional<std::int64_t> id;  ///< nothing: the answer's id is null
  Result<Body> body;
};
/// Errors of the body: NotJson, InvalidText, Invalid with what is expected, UnknownEvent. Unknown fields are ignored.
[[nodiscard]] Request parse(std::string_view frame);

}  // namespace chatd::json_wire
