// The nouns of the domain, as plain values. Names and meanings as in the REST documents. Thread: any (values).
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/ids.h"

namespace chatd {

enum class RoomType : std::uint8_t { Direct = 1, Group = 2 };
enum class Role : std::uint8_t { Member = 1, Moderator = 2 };
enum class AccountRole : std::uint8_t { Operator = 1, Owner = 2 };

[[nodiscard]] std::string_view toText(RoomType type);
[[nodiscard]] std::string_view toText(Role role);
[[nodiscard]] std::string_view toText(AccountRole role);

/// One verifier of an app's chain, in order. `config` is the plugin's own JSON object, as text.
struct VerifierSpec {
  std::string plugin;
  std::string config = "{}";
  std::chrono::milliseconds timeout{5000};
  std::chrono::milliseconds cacheTtl{60'000};
  std::string isolation;  ///< "", "inline" or "process"
  bool operator==(const VerifierSpec&) const = default;
};

/// Limits of one app. 0: none. Only operators change them.
struct AppQuotas {
  std::int64_t connections = 0;        ///< live sessions
  std::int64_t messagesPerSecond = 0;  ///< sends, from sessions and REST together
  bool operator==(const AppQuotas&) const = default;
};

/// How much history is kept; a message goes as soon as one of the two says so. Neither: everything stays.
struct Retention {
  std::optional<std::int64_t> days;      ///< messages that are older go
  std::optional<std::int64_t> messages;  ///< only the newest so many stay
  bool operator==(const Retention&) const = default;
};

struct AppSettings {
  bool autoCreateUsers = true;
  std::optional<bool> allowPrivateNetworks;  ///< nothing: as the daemon runs (true under --dev, else false)
  AppQuotas quotas;
  std::optional<Retention> retention;  ///< of every room without one of its own; nothing: everything stays
  std::chrono::seconds reverify{0};    ///< live sessions are verified again after so long; 0: never
  bool enabled = true;                 ///< false: its keys and tokens are refused, its data stays
  bool operator==(const AppSettings&) const = default;
};

struct App {
  AppId id{};
  std::string name;
  AppSettings settings;
  std::vector<VerifierSpec> verifiers;
  std::int64_t revision = 1;  ///< rises with each change of settings or verifiers
  Timestamp createdAt{};
  Timestamp updatedAt{};
};

struct Ban {
  std::optional<Timestamp> until;  ///< nothing: for good
  std::optional<std::string> reason;
};

struct User {
  UserId id{};
  AppId app{};
  std::string appUserId;          ///< identity is this text
  bool appUserIdInteger = false;  ///< first registered as a JSON integer
  std::optional<std::string> firstName;
  std::optional<std::string> middleName;
  std::optional<std::string> lastName;
  std::optional<std::string> metadata;  ///< JSON text
  std::optional<Ban> ban;
  Timestamp createdAt{};
  Timestamp updatedAt{};
  std::optional<Timestamp> deletedAt;
};

struct Room {
  RoomId id{};
  AppId app{};
  std::string name;  ///< `room` on the wire, unique per app
  RoomType type = RoomType::Group;
  std::optional<std::string> title;     ///< `name` on the wire
  std::optional<std::string> metadata;  ///< JSON text
  std::optional<Retention> retention;   ///< nothing: as the app says
  Timestamp createdAt{};
  Timestamp updatedAt{};
};

struct Member {
  User user;
  Role role = Role::Member;
  Seq readSeq{};  ///< everything up to here has been read
};

struct Message {
  MessageId id{};
  RoomId room{};
  Seq seq{};
  UserId sender{};
  std::string text;  ///< empty once deleted
  std::optional<std::string> clientMsgId;
  std::optional<MessageId> replyTo;
  std::optional<std::string> metadata;  ///< JSON text
  Timestamp createdAt{};
  Timestamp updatedAt{};
  std::optional<Timestamp> deletedAt;
};

/// Where a room's history stands; one row, the only source of order.
struct RoomCounter {
  Seq lastSeq{};
  Rev lastRev{};
  AccessRev accessRev{};
  std::string epoch;  ///< opaque; another one means another history
  Seq firstSeq{1};    ///< the lowest that retention has left; lastSeq + 1 if nothing is left
};

/// Messages after what somebody has read. What retention took is not unread: nobody can read it any more.
[[nodiscard]] constexpr std::int64_t unreadOf(const RoomCounter& counter, Seq read) {
  const std::int64_t from = std::max(raw(read), raw(counter.firstSeq) - 1);
  return std::max<std::int64_t>(0, raw(counter.lastSeq) - from);
}

/// Everything a live room needs, read in one consistent snapshot.
struct RoomState {
  Room room;
  RoomCounter counter;
  std::vector<Member> members;  ///< by user id
  std::optional<Message> lastMessage;
};

}  // namespace chatd
