#include "protocol/wire_json.h"

#include <fmt/format.h>

#include "base/json.h"

namespace chatd::wire {

void appendTime(std::string& out, Timestamp t) {
  out.push_back('"');
  appendRfc3339(out, t);
  out.push_back('"');
}

void appendTime(std::string& out, const std::optional<Timestamp>& t) {
  if (!t) {
    out.append("null");
    return;
  }
  appendTime(out, *t);
}

void appendInteger(std::string& out, std::int64_t value) {
  const fmt::format_int digits(value);
  out.append(digits.data(), digits.size());
}

void appendText(std::string& out, const std::optional<std::string>& text) {
  if (!text) {
    out.append("null");
    return;
  }
  appendJsonString(out, *text);
}

void appendJson(std::string& out, const std::optional<std::string>& json) {
  out.append(json ? std::string_view(*json) : std::string_view("null"));
}

void appendAppUserId(std::string& out, const User& user) {
  if (user.appUserIdInteger) {
    out.append(user.appUserId);
  } else {
    appendJsonString(out, user.appUserId);
  }
}

void appendMessage(std::string& out, const Message& message, std::string_view roomName) {
  out.append(R"({"id":)");
  appendInteger(out, raw(message.id));
  out.append(R"(,"roomId":)");
  appendInteger(out, raw(message.room));
  out.append(R"(,"room":)");
  appendJsonString(out, roomName);
  out.append(R"(,"seq":)");
  appendInteger(out, raw(message.seq));
  out.append(R"(,"userId":)");
  appendInteger(out, raw(message.sender));
  out.append(R"(,"text":)");
  appendJsonString(out, message.text);
  out.append(R"(,"clientMsgId":)");
  appendText(out, message.clientMsgId);
  out.append(R"(,"replyTo":)");
  if (message.replyTo) {
    appendInteger(out, raw(*message.replyTo));
  } else {
    out.append("null");
  }
  out.append(R"(,"metadata":)");
  appendJson(out, message.metadata);
  out.append(R"(,"createdAt":)");
  appendTime(out, message.createdAt);
  out.append(R"(,"updatedAt":)");
  appendTime(out, message.updatedAt);
  out.append(R"(,"deletedAt":)");
  appendTime(out, message.deletedAt);
  out.push_back('}');
}

namespace {

/// `"firstName":…,"middleName":…,"lastName":…`
void appendNames(std::string& out, const User& user) {
  out.append(R"("firstName":)");
  appendText(out, user.firstName);
  out.append(R"(,"middleName":)");
  appendText(out, user.middleName);
  out.append(R"(,"lastName":)");
  appendText(out, user.lastName);
}

void appendBan(std::string& out, const std::optional<Ban>& ban) {
  if (!ban) {
    out.append("null");
    return;
  }
  out.append(R"({"until":)");
  appendTime(out, ban->until);
  out.append(R"(,"reason":)");
  appendText(out, ban->reason);
  out.push_back('}');
}

}  // namespace

void appendUser(std::string& out, const User& user) {
  out.append(R"({"id":)");
  appendInteger(out, raw(user.id));
  out.append(R"(,"appId":)");
  appendInteger(out, raw(user.app));
  out.append(R"(,"appUserId":)");
  appendAppUserId(out, user);
  out.push_back(',');
  appendNames(out, user);
  out.append(R"(,"metadata":)");
  appendJson(out, user.metadata);
  out.append(R"(,"ban":)");
  appendBan(out, user.ban);
  out.append(R"(,"createdAt":)");
  appendTime(out, user.createdAt);
  out.append(R"(,"updatedAt":)");
  appendTime(out, user.updatedAt);
  out.append(R"(,"deletedAt":)");
  appendTime(out, user.deletedAt);
  out.push_back('}');
}

void appendPublicUser(std::string& out, const User& user) {
  out.append(R"({"id":)");
  appendInteger(out, raw(user.id));
  out.append(R"(,"appUserId":)");
  appendAppUserId(out, user);
  out.push_back(',');
  appendNames(out, user);
  // Clients of this vocabulary know a field `token`. It is there, and a token is never in it.
  out.append(R"(,"token":null,"createdAt":)");
  appendTime(out, user.createdAt);
  out.append(R"(,"updatedAt":)");
  appendTime(out, user.updatedAt);
  out.append(R"(,"deletedAt":)");
  appendTime(out, user.deletedAt);
  out.push_back('}');
}

void appendMember(std::string& out, const Member& member) {
  out.append(R"({"id":)");
  appendInteger(out, raw(member.user.id));
  out.append(R"(,"appUserId":)");
  appendAppUserId(out, member.user);
  out.push_back(',');
  appendNames(out, member.user);
  out.append(R"(,"role":")");
  out.append(toText(member.role));
  out.append(R"("})");
}

void appendMembers(std::string& out, std::span<const Member> members) {
  out.push_back('[');
  for (std::size_t i = 0; i < members.size(); ++i) {
    if (i > 0) out.push_back(',');
    appendMember(out, members[i]);
  }
  out.push_back(']');
}

void appendRetention(std::string& out, const std::optional<Retention>& retention) {
  if (!retention) {
    out.append("null");
    return;
  }
  const auto bound = [&out](const std::optional<std::int64_t>& value) {
    if (value) {
      appendInteger(out, *value);
    } else {
      out.append("null");
    }
  };
  out.append(R"({"days":)");
  bound(retention->days);
  out.append(R"(,"messages":)");
  bound(retention->messages);
  out.push_back('}');
}

void appendRoom(std::string& out, const Room& room, const RoomExtras& extras) {
  out.append(R"({"id":)");
  appendInteger(out, raw(room.id));
  out.append(R"(,"appId":)");
  appendInteger(out, raw(room.app));
  out.append(R"(,"room":)");
  appendJsonString(out, room.name);
  out.append(R"(,"type":")");
  out.append(toText(room.type));
  out.append(R"(","name":)");
  appendText(out, room.title);
  out.append(R"(,"metadata":)");
  appendJson(out, room.metadata);
  out.append(R"(,"createdAt":)");
  appendTime(out, room.createdAt);
  out.append(R"(,"updatedAt":)");
  appendTime(out, room.updatedAt);
  if (extras.withRetention) {
    out.append(R"(,"retention":)");
    appendRetention(out, room.retention);
  }
  if (extras.members) {
    out.append(R"(,"members":)");
    appendMembers(out, *extras.members);
  }
  if (extras.withLastMessage) {
    out.append(R"(,"lastMessage":)");
    if (extras.lastMessage != nullptr) {
      appendMessage(out, *extras.lastMessage, room.name);
    } else {
      out.append("null");
    }
  }
  if (extras.unread) {
    out.append(R"(,"unread":)");
    appendInteger(out, *extras.unread);
  }
  out.push_back('}');
}

}  // namespace chatd::wire
