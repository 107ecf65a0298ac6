// The JSON of domain values, as REST and the event vocabularies show it; small functions that compose. Fields and their
// order as in CONTRACT section 2. All append compact JSON. Pure. Thread: any.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "chat/model.h"

namespace chatd::wire {

/// `"2026-03-01T10:20:30.123Z"`, with its quotes.
void appendTime(std::string& out, Timestamp t);
/// The same, or `null`.
void appendTime(std::string& out, const std::optional<Timestamp>& t);
void appendInteger(std::string& out, std::int64_t value);
/// A JSON string, or `null`.
void appendText(std::string& out, const std::optional<std::string>& text);
/// Already JSON, or `null`.
void appendJson(std::string& out, const std::optional<std::string>& json);

/// The app's own id of a user in the JSON type in which it was first registered.
void appendAppUserId(std::string& out, const User& user);

/// `{"id","roomId","room","seq","userId","text","clientMsgId","replyTo","metadata","createdAt","updatedAt","deletedAt"}`
void appendMessage(std::string& out, const Message& message, std::string_view roomName);

/// `{"id","appId","appUserId","firstName","middleName","lastName","metadata","ban","createdAt","updatedAt","deletedAt"}`;
/// ban: null or `{"until","reason"}`.
void appendUser(std::string& out, const User& user);

/// A user as other users see it: `{"id","appUserId","firstName","middleName","lastName","token":null,"createdAt",
/// "updatedAt","deletedAt"}`.
void appendPublicUser(std::string& out, const User& user);

/// `{"id","appUserId","firstName","middleName","lastName","role"}`
void appendMember(std::string& out, const Member& member);
/// An array of them.
void appendMembers(std::string& out, std::span<const Member> members);

/// What a room is shown with, beyond itself. What is not given is left out.
struct RoomExtras {
  std::optional<std::span<const Member>> members;
  bool withLastMessage = false;
  const Message* lastMessage = nullptr;  ///< `null` if there is none; only withLastMessage
  std::optional<std::int64_t> unread;
  bool withRetention = false;  ///< for those who administer
};

/// `{"days","messages"}`, or `null`.
void appendRetention(std::string& out, const std::optional<Retention>& retention);

/// `{"id","appId","room","type","name","metadata","createdAt","updatedAt"[,"retention"][,"members"]
/// [,"lastMessage"][,"unread"]}`
void appendRoom(std::string& out, const Room& room, const RoomExtras& extras = {});

}  // namespace chatd::wire
