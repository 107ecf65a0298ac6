// room: conversations of one app and their members. REST: /room, /room/add, /room/remove.
#include <memory>
#include <set>

#include <fmt/format.h>

#include "cli/nouns/nouns.h"
#include "cli/nouns/rooms.h"
#include "cli/nouns/users.h"

namespace chatd::cli {

namespace {

const View kRooms{"id",
                  "room",
                  {{"ID", "id"},
                   {"ROOM", "room"},
                   {"TYPE", "type"},
                   {"NAME", "name"},
                   {"CREATED", "createdAt"},
                   {"MEMBERS", "members", true},
                   {"UPDATED", "updatedAt", true},
                   {"METADATA", "metadata", true}},
                  {"appId", "retention", "lastMessage"}};
const View kMembers{"id",
                    "appUserId",
                    {{"USER ID", "id"},
                     {"APP USER ID", "appUserId"},
                     {"ROLE", "role"},
                     {"FIRST NAME", "firstName"},
                     {"LAST NAME", "lastName"}},
                    {"middleName"}};

struct RoomWords {
  std::string room;
  std::optional<std::string> type, users, name, metadata;
};

void writeUsers(JsonWriter& json, const std::vector<std::string>& users) {
  json.key("users").beginArray();
  for (const std::string& user : users) json.string(user);
  json.endArray();
}

/// `name` and `metadata`, as far as they are given.
Outcome<void> writeDetails(const RoomWords& words, JsonWriter& json) {
  if (words.name) json.field("name", *words.name);
  if (!words.metadata) return {};
  const auto parsed = parseJson(*words.metadata);
  if (!parsed.ok()) return badJson("--metadata", parsed.error());
  json.key("metadata").raw(toText(parsed.value()));
  return {};
}

Outcome<std::vector<std::string>> usersOf(const RoomWords& words) {
  if (!words.users) return std::vector<std::string>();
  return commaList(*words.users, "--users");
}

Outcome<Answer> createRoom(Invocation& run, const RoomWords& words) {
  CHATD_TRY(app, run.client.appId());
  CHATD_TRY(users, usersOf(words));
  std::string body;
  JsonWriter json(body);
  json.beginObject();
  if (app) json.field("appId", *app);
  json.field("room", words.room);
  if (words.type) json.field("type", *words.type);
  CHATD_CHECK(writeDetails(words, json));
  writeUsers(json, users);
  json.endObject();
  CHATD_TRY(made, run.client.call({"POST", "/room", {}, body}));
  const JsonValue* changes = made.document.IsObject() ? find(made.document, "changes") : nullptr;
  if (changes != nullptr && changes->IsFalse()) {
    // A dry run that would change nothing: the pair has a room. Of this name it is what was wanted.
    const auto there = lookUpRoom(run, words.room);
    if (there.ok()) return std::move(made);
    if (there.error().exit != Exit::NotFound) return there.error();
  }
  CHATD_CHECK(madeAs(made.document, words.room, "asked for"));
  return std::move(made);
}

Outcome<Answer> changeMembers(Invocation& run, const char* path, const std::string& room,
                              const std::vector<std::string>& users) {
  CHATD_TRY(app, run.client.appId());
  std::string body;
  JsonWriter json(body);
  json.beginObject();
  if (app) json.field("appId", *app);
  json.field("room", room);
  writeUsers(json, users);
  json.endObject();
  return run.client.call({"PUT", path, {}, body});
}

/// Those of `wanted` who are not members.
std::vector<std::string> missingFrom(const JsonValue& room, const std::vector<std::string>& wanted) {
  std::set<std::string> present = memberIds(room);
  std::vector<std::string> missing;
  for (const std::string& user : wanted) {
    if (present.insert(user).second) missing.push_back(user);
  }
  return missing;
}

/// True if `name` and `metadata`, as far as they are given, are what the room has.
bool detailsMatch(const JsonValue& room, const RoomWords& words) {
  if (words.name && stringField(room, "name") != words.name) return false;
  if (!words.metadata) return true;
  const auto wanted = parseJson(*words.metadata);
  const JsonValue* metadata = find(room, "metadata");
  return wanted.ok() && metadata != nullptr && *metadata == wanted.value();
}

/// Makes the room have what the words name: details are set, missing users added; nobody is removed.
Outcome<Answer> matchRoom(Invocation& run, Answer room, const RoomWords& words) {
  const std::string name = stringField(room.document, "room").value_or(words.room);
  const auto type = stringField(room.document, "type");
  if (words.type && type && words.type != type) {
    return Failure{Exit::Conflict,
                   "conflict",
                   fmt::format("room {} exists and is of type {}", name, *type),
                   "The type of a room cannot change.",
                   {}};
  }
  CHATD_TRY(users, usersOf(words));
  CHATD_TRY(id, integerField(room.document, "id"));
  if (!detailsMatch(room.document, words)) {
    std::string body;
    JsonWriter json(body);
    json.beginObject();
    CHATD_CHECK(writeDetails(words, json));
    json.endObject();
    CHATD_TRY(changed, run.client.call({"PATCH", fmt::format("/room/{}", id), {}, body}));
    note(run, fmt::format("changed room {}", name));
    if (users.empty()) return std::move(changed);
  }
  const auto missing = missingFrom(room.document, users);
  if (!missing.empty()) {
    CHATD_TRY(added, changeMembers(run, "/room/add", name, missing));
    note(run, fmt::format("added {} to room {}", fmt::join(missing, ", "), name));
    return std::move(added);
  }
  return room;
}

void bindRoomWords(CLI::App& command, RoomWords& words) {
  bindWord(command, "ROOM", words.room, "the name: 1 to 128 bytes, no '/', not digits only");
  bindWord(command, "--type", words.type, "direct (exactly two members) or group")
      ->type_name("TYPE")
      ->check(CLI::IsMember({"direct", "group"}));
  bindWord(command, "--users", words.users, "members by the app's own ids")->type_name("1,2");
  bindWord(command, "--name", words.name, "a title for people");
  bindWord(command, "--metadata", words.metadata, "any JSON of the app's")->type_name("JSON");
}

Handler roomList(CLI::App& command) {
  auto limit = std::make_shared<std::uint64_t>(kAllItems);
  bindLimit(command, *limit);
  return [limit](Invocation& run) -> Outcome<void> {
    CHATD_TRY(app, run.client.appId());
    Query query;
    if (app) query.emplace_back("appId", fmt::format("{}", *app));
    return run.printer.list(kRooms, run.client, {"/room", query, *limit});
  };
}

Handler roomGet(CLI::App& command) {
  auto room = std::make_shared<std::string>();
  bindWord(command, "ROOM", *room, "name or id");
  return [room](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, findRoom(run, *room));
    return run.printer.one(kRooms, answer);
  };
}

Handler roomCreate(CLI::App& command) {
  auto words = std::make_shared<RoomWords>();
  bindRoomWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, createRoom(run, *words));
    return run.printer.one(kRooms, answer);
  };
}

Handler roomEnsure(CLI::App& command) {
  auto words = std::make_shared<RoomWords>();
  bindRoomWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    auto found = lookUpRoom(run, words->room);
    if (!found.ok() && found.error().exit == Exit::NotFound) {
      auto made = createRoom(run, *words);
      if (made.ok()) return run.printer.one(kRooms, made.value());
      if (made.error().exit != Exit::Conflict) return std::move(made).error();
      auto quicker = findRoom(run, words->room);  // somebody was quicker
      // There is none: the conflict was about another room.
      if (!quicker.ok() && quicker.error().exit == Exit::NotFound) return std::move(made).error();
      found = std::move(quicker);
    }
    if (!found.ok()) return std::move(found).error();
    CHATD_TRY(room, matchRoom(run, std::move(found.value()), *words));
    return run.printer.one(kRooms, room);
  };
}

Handler roomUpdate(CLI::App& command) {
  auto words = std::make_shared<RoomWords>();
  bindWord(command, "ROOM", words->room, "name or id");
  bindWord(command, "--name", words->name, "a title for people; an empty one clears it");
  bindWord(command, "--metadata", words->metadata, "any JSON of the app's; null clears it")->type_name("JSON");
  return [words](Invocation& run) -> Outcome<void> {
    if (!words->name && !words->metadata) return usage("nothing to change", "Give --name or --metadata.");
    std::string body;
    JsonWriter json(body);
    json.beginObject();
    if (words->name && words->name->empty()) json.key("name").null();
    if (words->name && !words->name->empty()) json.field("name", *words->name);
    if (words->metadata) {
      CHATD_TRY(metadata, jsonWord(run, *words->metadata, "--metadata"));
      json.key("metadata").raw(metadata);
    }
    json.endObject();
    CHATD_TRY(room, findRoom(run, words->room));
    CHATD_TRY(id, integerField(room.document, "id"));
    CHATD_TRY(answer, run.client.call({"PATCH", fmt::format("/room/{}", id), {}, body}));
    return run.printer.one(kRooms, answer);
  };
}

Handler roomDelete(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "ROOM", *name, "name or id");
  return [name](Invocation& run) -> Outcome<void> {
    CHATD_TRY(room, findRoom(run, *name));
    CHATD_TRY(id, integerField(room.document, "id"));
    CHATD_CHECK(confirm(run, fmt::format("Delete room {} with its messages?", *name)));
    CHATD_CHECK(run.client.call({"DELETE", fmt::format("/room/{}", id), {}, {}}));
    note(run, fmt::format("room {} is deleted", *name));
    return {};
  };
}

Handler memberList(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "ROOM", *name, "name or id");
  return [name](Invocation& run) -> Outcome<void> {
    CHATD_TRY(room, findRoom(run, *name));
    const JsonValue* members = room.document.IsObject() ? find(room.document, "members") : nullptr;
    if (members == nullptr || !members->IsArray()) return other("bad_answer", "the server's answer has no members");
    return run.printer.items(kMembers, *members);
  };
}

Handler changeMembersVerb(CLI::App& command, const char* path) {
  struct Words {
    std::string room;
    std::vector<std::string> users;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "ROOM", words->room, "name or id");
  bindWords(command, "APPUSERID", words->users, "the app's own ids of the users");
  return [words, path](Invocation& run) -> Outcome<void> {
    auto changed = changeMembers(run, path, words->room, words->users);
    if (!changed.ok() && changed.error().code == "room_not_found") CHATD_CHECK(findRoom(run, words->room));  // for its guess
    CHATD_TRY(answer, std::move(changed));
    return run.printer.one(kRooms, answer);
  };
}

Handler memberAdd(CLI::App& command) { return changeMembersVerb(command, "/room/add"); }
Handler memberRemove(CLI::App& command) { return changeMembersVerb(command, "/room/remove"); }

Handler memberRole(CLI::App& command) {
  struct Words {
    std::string room, user, role;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "ROOM", words->room, "name or id");
  bindWord(command, "APPUSERID", words->user, "the app's own id of the user");
  bindWord(command, "ROLE", words->role, "member or moderator")->check(CLI::IsMember({"member", "moderator"}));
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(room, findRoom(run, words->room));
    CHATD_TRY(id, integerField(room.document, "id"));
    CHATD_TRY(user, findUser(run, words->user));
    CHATD_TRY(userId, integerField(user, "id"));
    const std::string body = fmt::format(R"({{"role":"{}"}})", words->role);
    CHATD_TRY(answer, run.client.call({"PUT", fmt::format("/room/{}/members/{}", id, userId), {}, body}));
    return run.printer.one(kRooms, answer);
  };
}

}  // namespace

Outcome<Answer> lookUpRoom(Invocation& run, const std::string& room) {
  CHATD_TRY(query, run.client.appQuery());
  return run.client.get("/room/" + percentEncode(room), query);
}

Outcome<Answer> findRoom(Invocation& run, const std::string& room) {
  auto answer = lookUpRoom(run, room);
  CHATD_TRY(query, run.client.appQuery());
  if (!answer.ok()) return run.client.withGuess(std::move(answer).error(), {"/room", query}, "room", room);
  return answer;
}

std::set<std::string> memberIds(const JsonValue& room) {
  std::set<std::string> ids;
  const JsonValue* members = room.IsObject() ? find(room, "members") : nullptr;
  if (members == nullptr || !members->IsArray()) return ids;
  for (const JsonValue& member : members->GetArray()) {
    const JsonValue* id = member.IsObject() ? find(member, "appUserId") : nullptr;
    if (id != nullptr) ids.insert(textOf(*id));
  }
  return ids;
}

Failure otherDirectRoom(const std::string& pair, const std::string& has, const std::string& wanted, std::string_view asked) {
  return {Exit::Conflict,
          "conflict",
          fmt::format("the direct room of {} is {}; it is {} as {}", pair, has, asked, wanted),
          fmt::format("Two users have one direct room: use the name {}, or delete that room with its messages first.", has),
          {}};
}

Outcome<void> madeAs(const JsonValue& answer, const std::string& wanted, std::string_view asked) {
  const JsonValue* changes = answer.IsObject() ? find(answer, "changes") : nullptr;
  // Of a dry run, which tells no name: only a direct room that is there already would change nothing.
  if (changes != nullptr && changes->IsFalse()) {
    return Failure{Exit::Conflict,
                   "conflict",
                   fmt::format("these two have a direct room of another name; it is {} as {}", asked, wanted),
                   "Two users have one direct room.",
                   {}};
  }
  if (changes != nullptr) return {};
  const auto name = answer.IsObject() ? stringField(answer, "room") : std::nullopt;
  if (!name) return other("bad_answer", "the server's answer has no room");
  if (*name == wanted) return {};
  return otherDirectRoom(fmt::format("{}", fmt::join(memberIds(answer), " and ")), *name, wanted, asked);
}

const Noun& roomNoun() {
  static const Noun noun{"room",
                         "Conversations of an app",
                         {{"list", "List the rooms of an app", roomList},
                          {"get", "Show a room with its members", roomGet},
                          {"create", "Create a room", roomCreate, &kRooms},
                          {"ensure", "Create a room or make the existing one match; removes nobody", roomEnsure, &kRooms},
                          {"update", "Change the title or metadata of a room", roomUpdate, &kRooms},
                          {"delete", "Delete a room and its messages", roomDelete},
                          {"member list", "List the members of a room", memberList},
                          {"member add", "Add users to a room", memberAdd, &kRooms},
                          {"member remove", "Remove users from a room; they lose it at once", memberRemove, &kRooms},
                          {"member role", "Make a member a moderator, or a member again", memberRole, &kRooms}}};
  return noun;
}

}  // namespace chatd::cli
