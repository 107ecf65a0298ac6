#include "cli/import_rows.h"

#include <algorithm>
#include <array>
#include <span>
#include <vector>

#include <fmt/format.h>

#include "cli/nouns/rooms.h"
#include "cli/transport.h"

namespace chatd::cli {

namespace {

// What is sent; what the server made (ids, times) is in an export for people, and is left out.
constexpr std::array<std::string_view, 7> kUserFields = {"appUserId", "firstName", "middleName",    "lastName",
                                                         "metadata",  "token",     "tokenExpiresAt"};
constexpr std::array<std::string_view, 4> kRoomFields = {"room", "type", "name", "metadata"};
constexpr std::array<std::string_view, 3> kMessageFields = {"appUserId", "text", "metadata"};
constexpr std::array<std::string_view, 2> kBanFields = {"until", "reason"};
constexpr std::array<std::string_view, 17> kIgnored = {
    "kind", "id",     "appId",  "ban",     "createdAt", "updatedAt",   "deletedAt", "appUserId", "moderators",
    "seq",  "roomId", "userId", "members", "replyTo",   "clientMsgId", "room",      "users"};
constexpr rapidjson::SizeType kUsersACall = 1000;  // that POST /room and PUT /room/add take

Failure badRow(std::string message) { return {Exit::Invalid, "invalid", std::move(message), {}, {}}; }

template <std::size_t N>
bool among(const std::array<std::string_view, N>& names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

/// The fields to send, after `appId` if there is one. A field that nobody knows is refused: a typo must not be dropped.
template <std::size_t N>
Outcome<std::string> bodyOf(const JsonValue& row, const std::array<std::string_view, N>& fields,
                            std::optional<std::int64_t> app) {
  std::string body;
  JsonWriter out(body);
  out.beginObject();
  if (app) out.field("appId", *app);
  for (const auto& member : row.GetObject()) {
    const std::string_view name = asView(member.name);
    if (among(fields, name)) {
      out.key(name).raw(toText(member.value));
    } else if (!among(kIgnored, name)) {
      return badRow(fmt::format("there is no field {}", name));
    }
  }
  out.endObject();
  return body;
}

/// The users of a room's row from `begin` on, as many as one call takes, as JSON.
std::string usersFrom(const JsonValue& row, rapidjson::SizeType begin) {
  const JsonValue* users = find(row, "users");
  if (users == nullptr) return "[]";
  if (!users->IsArray()) return toText(*users);  // for the server to refuse
  std::string list;
  JsonWriter out(list);
  out.beginArray();
  for (auto i = begin; i < users->Size() && i < begin + kUsersACall; ++i) out.raw(toText((*users)[i]));
  out.endArray();
  return list;
}

rapidjson::SizeType usersOf(const JsonValue& row) {
  const JsonValue* users = find(row, "users");
  return users != nullptr && users->IsArray() ? users->Size() : 0;
}

}  // namespace

Outcome<ImportRow> readRow(std::uint64_t line, std::string text) {
  ImportRow row;
  row.line = line;
  row.text = std::move(text);
  auto parsed = parseJson(row.text);
  if (line == 1 && row.text.starts_with('[')) return badRow("the beginning of a list: `jq -c .[]` makes rows of it");
  if (!parsed.ok()) return badRow(fmt::format("not JSON: {}", parsed.error().detail()));
  if (!parsed->IsObject()) return badRow("not an object");
  row.object = std::move(*parsed);
  const std::string kind = stringField(row.object, "kind")
                               .value_or(find(row.object, "text") != nullptr   ? "message"
                                         : find(row.object, "room") != nullptr ? "room"
                                                                               : "user");
  if (kind != "user" && kind != "room" && kind != "message" && kind != "ban")
    return badRow(fmt::format("there is no kind {}", kind));
  row.kind = kind == "user"   ? RowKind::User
             : kind == "room" ? RowKind::Room
             : kind == "ban"  ? RowKind::Ban
                              : RowKind::Message;
  row.room = stringField(row.object, "room").value_or("");
  const bool inRoom = row.kind == RowKind::Room || row.kind == RowKind::Message;
  if (inRoom && row.room.empty()) return badRow("room is missing");
  if (row.kind != RowKind::Room && find(row.object, "appUserId") == nullptr) return badRow("appUserId is missing");
  return row;
}

Query RowImporter::appQuery() const {
  Query query;
  if (app_) query.emplace_back("appId", fmt::format("{}", *app_));
  return query;
}

Outcome<void> RowImporter::operator()(const ImportRow& row) {
  switch (row.kind) {
    case RowKind::User:
      return user(row.object);
    case RowKind::Room:
      return room(row);
    case RowKind::Message:
      return message(row);
    case RowKind::Ban:
      return ban(row.object);
  }
  return badRow("there is no such kind");
}

Outcome<void> RowImporter::user(const JsonValue& row) {
  CHATD_TRY(body, bodyOf(row, kUserFields, app_));
  CHATD_CHECK(client_.call({"POST", "/user", {}, body, false, Call::Once::No, true}));
  return {};
}

/// A row of its own, behind the messages: who is banned can say nothing, not even what was said before.
Outcome<void> RowImporter::ban(const JsonValue& row) {
  CHATD_TRY(body, bodyOf(row, kBanFields, std::nullopt));
  Query query = appQuery();
  query.emplace_back("appUserId", textOf(*find(row, "appUserId")));
  CHATD_TRY(found, client_.get("/user", query));
  const JsonValue* items = found.document.IsObject() ? find(found.document, "items") : nullptr;
  if (items == nullptr || !items->IsArray() || items->Empty()) return badRow("there is no such user");
  CHATD_TRY(id, integerField(*items->Begin(), "id"));
  CHATD_CHECK(client_.call({"PUT", fmt::format("/user/{}/ban", id), {}, body}));
  return {};
}

/// A room that is there already gets what the row has and it lacks.
Outcome<Answer> RowImporter::completeRoom(const ImportRow& row) {
  CHATD_TRY(found, client_.get("/room/" + percentEncode(row.room), appQuery()));
  CHATD_TRY(id, integerField(found.document, "id"));
  const auto type = stringField(row.object, "type");
  if (type && stringField(found.document, "type") != type)
    return Failure{Exit::Conflict, "conflict", "the room exists and is of another type", {}, {}};
  std::string details;
  JsonWriter out(details);
  out.beginObject();
  for (const char* name : {"name", "metadata"}) {
    const JsonValue* value = find(row.object, name);
    if (value != nullptr) out.key(name).raw(toText(*value));
  }
  out.endObject();
  if (details != "{}") CHATD_CHECK(client_.call({"PATCH", fmt::format("/room/{}", id), {}, details}));
  if (usersOf(row.object) == 0 || type == "direct") return std::move(found);
  return addUsers(row, 0);
}

/// PUT /room/add for the users of the row from `begin` on. The answer of the last call.
Outcome<Answer> RowImporter::addUsers(const ImportRow& row, std::uint32_t begin) {
  for (;; begin += kUsersACall) {
    std::string body;
    JsonWriter add(body);
    add.beginObject();
    if (app_) add.field("appId", *app_);
    add.field("room", row.room).key("users").raw(usersFrom(row.object, begin)).endObject();
    auto answer = client_.call({"PUT", "/room/add", {}, body});
    if (!answer.ok() || begin + kUsersACall >= usersOf(row.object)) return answer;
  }
}

Outcome<void> RowImporter::moderators(const JsonValue& row, const JsonValue& room) {
  const JsonValue* wanted = find(row, "moderators");
  const JsonValue* members = room.IsObject() ? find(room, "members") : nullptr;
  if (wanted == nullptr || !wanted->IsArray() || members == nullptr || !members->IsArray()) return {};
  CHATD_TRY(id, integerField(room, "id"));
  for (const JsonValue& user : wanted->GetArray()) {
    for (const JsonValue& member : members->GetArray()) {
      const JsonValue* name = member.IsObject() ? find(member, "appUserId") : nullptr;
      if (name == nullptr || textOf(*name) != textOf(user) || stringField(member, "role") == "moderator") continue;
      CHATD_TRY(userId, integerField(member, "id"));
      CHATD_CHECK(client_.call({"PUT", fmt::format("/room/{}/members/{}", id, userId), {}, R"({"role":"moderator"})"}));
    }
  }
  return {};
}

Outcome<void> RowImporter::room(const ImportRow& row) {
  CHATD_TRY(body, bodyOf(row.object, kRoomFields, app_));
  body.pop_back();
  body += ",\"users\":" + usersFrom(row.object, 0) + "}";
  auto made = client_.call({"POST", "/room", {}, body});
  if (made.ok() && usersOf(row.object) > kUsersACall) made = addUsers(row, kUsersACall);
  if (!made.ok() && made.error().exit == Exit::Conflict) made = completeRoom(row);
  if (!made.ok()) return std::move(made).error();
  const JsonValue& answer = made.value().document;
  // A dry run has no room to show.
  if (answer.IsObject() && find(answer, "changes") == nullptr) CHATD_CHECK(madeAs(answer, row.room, "imported"));
  return moderators(row.object, answer);
}

Outcome<void> RowImporter::message(const ImportRow& row) {
  CHATD_TRY(body, bodyOf(row.object, kMessageFields, app_));
  const auto given = stringField(row.object, "clientMsgId");
  body.pop_back();
  body += ",\"clientMsgId\":";
  appendJsonString(body, given ? *given : fmt::format("import-line-{}", row.line));
  body += '}';
  const std::string path = "/chats/" + percentEncode(row.room) + "/messages";
  CHATD_CHECK(client_.call({"POST", path, {}, body, false, Call::Once::No, true}));
  return {};
}

}  // namespace chatd::cli
