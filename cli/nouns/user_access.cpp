// user sessions, kick, revoke, ban, unban. REST: /user/{id}/sessions, /user/{id}/tokens, /user/{id}/ban.
#include <memory>

#include <fmt/chrono.h>
#include <fmt/format.h>

#include "cli/nouns/users.h"

namespace chatd::cli {

namespace {

const View kSessions{"id",
                     "id",
                     {{"ID", "id"},
                      {"TRANSPORT", "transport"},
                      {"CLIENT IP", "clientIp"},
                      {"CONNECTED", "connectedAt"},
                      {"EXPIRES", "expiresAt", true},
                      {"USER ID", "userId", true}}};
const View kBanned{"id",
                   "appUserId",
                   {{"ID", "id"}, {"APP USER ID", "appUserId"}, {"BANNED UNTIL", "ban.until"}},
                   {"appId", "firstName", "middleName", "lastName", "metadata", "createdAt", "updatedAt", "deletedAt"}};

std::shared_ptr<std::string> bindUser(CLI::App& command) {
  auto user = std::make_shared<std::string>();
  bindWord(command, "APPUSERID", *user, "the app's own id of the user");
  return user;
}

/// A call on a user that answers with nothing. `question` empty: not asked.
Outcome<void> act(Invocation& run, const std::string& appUserId, const std::string& method, const std::string& below,
                  const std::string& question, const std::string& done) {
  CHATD_TRY(user, findUser(run, appUserId));
  CHATD_TRY(id, integerField(user, "id"));
  if (!question.empty()) CHATD_CHECK(confirm(run, question));
  CHATD_CHECK(run.client.call({method, fmt::format("/user/{}/{}", id, below), {}, {}}));
  note(run, done);
  return {};
}

}  // namespace

const View& bannedUsers() { return kBanned; }

Handler userSessions(CLI::App& command) {
  auto user = bindUser(command);
  return [user](Invocation& run) -> Outcome<void> {
    CHATD_TRY(found, findUser(run, *user));
    CHATD_TRY(id, integerField(found, "id"));
    CHATD_TRY(answer, run.client.get(fmt::format("/user/{}/sessions", id)));
    const JsonValue* items = answer.document.IsObject() ? find(answer.document, "items") : nullptr;
    if (items == nullptr || !items->IsArray()) return other("bad_answer", "the server's answer is no list");
    return run.printer.items(kSessions, *items);
  };
}

Handler userKick(CLI::App& command) {
  auto user = bindUser(command);
  return [user](Invocation& run) {
    return act(run, *user, "DELETE", "sessions", "", fmt::format("the sessions of user {} are ended", *user));
  };
}

Handler userRevoke(CLI::App& command) {
  auto user = bindUser(command);
  return [user](Invocation& run) {
    return act(run, *user, "DELETE", "tokens", fmt::format("Revoke the tokens of user {}?", *user),
               fmt::format("the tokens of user {} are revoked, the sessions ended", *user));
  };
}

Handler userBan(CLI::App& command) {
  struct Words {
    std::string user;
    std::optional<std::string> until, duration, reason;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "APPUSERID", words->user, "the app's own id of the user");
  bindWord(command, "--until", words->until, "when it ends, RFC 3339: 2030-01-31T00:00:00Z; for good by itself")
      ->type_name("TIME");
  bindWord(command, "--for", words->duration, "how long it lasts: 90, 15m, 24h, 7d")->type_name("TIME");
  bindWord(command, "--reason", words->reason, "why; the user is not told");
  return [words](Invocation& run) -> Outcome<void> {
    if (words->until && words->duration) return usage("give --until or --for, not both");
    auto until = words->until;
    if (words->duration) {
      CHATD_TRY(time, parseDuration(*words->duration, "--for"));
      const auto end = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now()) + time;
      until = fmt::format("{:%Y-%m-%dT%H:%M:%S}Z", fmt::gmtime(std::chrono::system_clock::to_time_t(end)));
    }
    std::string body;
    JsonWriter json(body);
    json.beginObject().field("until", until).field("reason", words->reason).endObject();
    CHATD_TRY(found, findUser(run, words->user));
    CHATD_TRY(id, integerField(found, "id"));
    auto banned = run.client.call({"PUT", fmt::format("/user/{}/ban", id), {}, body});
    if (!banned.ok() && banned.error().exit == Exit::Invalid && words->until) {
      Failure failure = std::move(banned).error();
      failure.hint = "Name a time to come: 2030-01-31T00:00:00Z; or how long by --for 24h.";
      return failure;
    }
    CHATD_TRY(answer, std::move(banned));
    note(run, fmt::format("user {} is banned {}", words->user, until ? "until " + *until : "for good"));
    return run.printer.one(kBanned, answer);
  };
}

Handler userUnban(CLI::App& command) {
  auto user = bindUser(command);
  return [user](Invocation& run) {
    return act(run, *user, "DELETE", "ban", "", fmt::format("the ban of user {} is lifted", *user));
  };
}

}  // namespace chatd::cli
