// user: end users of one app. REST: /user.
#include <memory>

#include <fmt/format.h>

#include "cli/nouns/nouns.h"
#include "cli/nouns/users.h"

namespace chatd::cli {

namespace {

const View kUsers{"id",
                  "appUserId",
                  {{"ID", "id"},
                   {"APP USER ID", "appUserId"},
                   {"FIRST NAME", "firstName"},
                   {"LAST NAME", "lastName"},
                   {"CREATED", "createdAt"},
                   {"BANNED UNTIL", "ban.until", true},
                   {"BAN REASON", "ban.reason", true},
                   {"UPDATED", "updatedAt", true},
                   {"METADATA", "metadata", true}},
                  {"appId", "middleName", "deletedAt"}};

struct UserWords {
  std::string appUserId;
  std::optional<std::string> firstName, middleName, lastName, metadata;
  bool integerId = false;
  bool tokenFromInput = false;
};

Outcome<std::string> userBody(Invocation& run, const UserWords& words) {
  CHATD_TRY(app, run.client.appId());
  std::string body;
  JsonWriter json(body);
  json.beginObject();
  if (app) json.field("appId", *app);
  if (words.integerId) {
    // At most 15 digits: below 2^53, as all integers of the protocol, and without leading zeros, which JSON has not.
    const bool leadingZero = words.appUserId.size() > 1 && words.appUserId.front() == '0';
    if (!isDigits(words.appUserId) || words.appUserId.size() > 15 || leadingZero)
      return usage(fmt::format("--integer-id: {} is no integer", words.appUserId));
    json.key("appUserId").raw(words.appUserId);
  } else {
    json.field("appUserId", words.appUserId);
  }
  if (words.firstName) json.field("firstName", *words.firstName);
  if (words.middleName) json.field("middleName", *words.middleName);
  if (words.lastName) json.field("lastName", *words.lastName);
  if (words.tokenFromInput) {
    CHATD_TRY(input, readInput(run));
    CHATD_TRY(token, cleanToken(std::move(input), "the standard input"));
    json.field("token", token);
  }
  if (words.metadata) {
    const auto parsed = parseJson(*words.metadata);
    if (!parsed.ok()) return badJson("--metadata", parsed.error());
    json.key("metadata").raw(toText(parsed.value()));
  }
  json.endObject();
  return body;
}

Handler writeUser(CLI::App& command, bool createOnly) {
  auto words = std::make_shared<UserWords>();
  bindWord(command, "APPUSERID", words->appUserId, "the app's own id of the user");
  bindWord(command, "--first-name", words->firstName, "first name");
  bindWord(command, "--middle-name", words->middleName, "middle name");
  bindWord(command, "--last-name", words->lastName, "last name");
  bindWord(command, "--metadata", words->metadata, "any JSON of the app's")->type_name("JSON");
  command.add_flag("--token-stdin", words->tokenFromInput, "read a token of the user's from standard input and register it");
  command.add_flag("--integer-id", words->integerId, "APPUSERID is an integer in the app's JSON (matters when it is new)");
  return [words, createOnly](Invocation& run) -> Outcome<void> {
    CHATD_TRY(body, userBody(run, *words));
    CHATD_TRY(answer, run.client.call({"POST", "/user", {}, body, createOnly}));
    return run.printer.one(kUsers, answer);
  };
}

Handler userCreate(CLI::App& command) { return writeUser(command, true); }
Handler userEnsure(CLI::App& command) { return writeUser(command, false); }

Handler userUpdate(CLI::App& command) {
  struct Words {
    std::string appUserId;
    std::optional<std::string> firstName, middleName, lastName, metadata;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "APPUSERID", words->appUserId, "the app's own id of the user");
  bindWord(command, "--first-name", words->firstName, "first name; an empty one clears it");
  bindWord(command, "--middle-name", words->middleName, "middle name");
  bindWord(command, "--last-name", words->lastName, "last name");
  bindWord(command, "--metadata", words->metadata, "any JSON of the app's; null clears it")->type_name("JSON");
  return [words](Invocation& run) -> Outcome<void> {
    std::string body;
    JsonWriter json(body);
    json.beginObject();
    const auto name = [&](const char* key, const std::optional<std::string>& value) {
      if (value && value->empty()) json.key(key).null();
      if (value && !value->empty()) json.field(key, *value);
    };
    name("firstName", words->firstName);
    name("middleName", words->middleName);
    name("lastName", words->lastName);
    if (words->metadata) {
      CHATD_TRY(metadata, jsonWord(run, *words->metadata, "--metadata"));
      json.key("metadata").raw(metadata);
    }
    json.endObject();
    if (body == "{}") return usage("nothing to change", "`chatctl user update --help` shows what can be changed.");
    CHATD_TRY(user, findUser(run, words->appUserId));
    CHATD_TRY(id, integerField(user, "id"));
    CHATD_TRY(answer, run.client.call({"PATCH", fmt::format("/user/{}", id), {}, body}));
    return run.printer.one(kUsers, answer);
  };
}

Handler userList(CLI::App& command) {
  auto limit = std::make_shared<std::uint64_t>(kAllItems);
  bindLimit(command, *limit);
  return [limit](Invocation& run) -> Outcome<void> {
    CHATD_TRY(query, run.client.appQuery());
    return run.printer.list(kUsers, run.client, {"/user", query, *limit});
  };
}

Handler userGet(CLI::App& command) {
  auto id = std::make_shared<std::string>();
  bindWord(command, "APPUSERID", *id, "the app's own id of the user");
  return [id](Invocation& run) -> Outcome<void> {
    CHATD_TRY(user, findUser(run, *id));
    return run.printer.one(kUsers, toText(user), user);
  };
}

Handler userDelete(CLI::App& command) {
  auto appUserId = std::make_shared<std::string>();
  bindWord(command, "APPUSERID", *appUserId, "the app's own id of the user");
  return [appUserId](Invocation& run) -> Outcome<void> {
    CHATD_TRY(user, findUser(run, *appUserId));
    CHATD_TRY(id, integerField(user, "id"));
    CHATD_CHECK(confirm(run, fmt::format("Delete user {} and close the sessions?", *appUserId)));
    CHATD_CHECK(run.client.call({"DELETE", fmt::format("/user/{}", id), {}, {}}));
    note(run, fmt::format("user {} is deleted", *appUserId));
    return {};
  };
}

}  // namespace

Outcome<JsonDocument> findUser(Invocation& run, const std::string& appUserId) {
  CHATD_TRY(query, run.client.appQuery());
  Query one = query;
  one.emplace_back("appUserId", appUserId);
  CHATD_TRY(answer, run.client.get("/user", one));
  const JsonValue* items = answer.document.IsObject() ? find(answer.document, "items") : nullptr;
  if (items == nullptr || !items->IsArray()) return other("bad_answer", "the server's answer is no list");
  if (items->Empty()) {
    Failure failure{Exit::NotFound,
                    "user_not_found",
                    fmt::format("there is no user {}", appUserId),
                    "`chatctl user list` shows them.",
                    {}};
    return run.client.withGuess(std::move(failure), {"/user", query}, "appUserId", appUserId);
  }
  JsonDocument user;
  user.CopyFrom(*items->Begin(), user.GetAllocator());
  return user;
}

const Noun& userNoun() {
  static const Noun noun{"user",
                         "End users of an app",
                         {{"list", "List the users of an app", userList},
                          {"get", "Show a user", userGet},
                          {"create", "Create a user; one that exists is a conflict", userCreate, &kUsers},
                          {"ensure", "Create a user or change the fields given", userEnsure, &kUsers},
                          {"update", "Change fields of a user that exists", userUpdate, &kUsers},
                          {"delete", "Delete a user; the sessions close", userDelete},
                          {"sessions", "List the live sessions of a user", userSessions},
                          {"kick", "End the sessions of a user, who may come back", userKick},
                          {"revoke", "Revoke the tokens of a user and end the sessions", userRevoke},
                          {"ban", "Ban a user, for good or for a time; the sessions end", userBan, &bannedUsers()},
                          {"unban", "Lift the ban of a user", userUnban}}};
  return noun;
}

}  // namespace chatd::cli
