// What a user may do at all: /user/{id}/sessions, /user/{id}/tokens, /user/{id}/ban.
#include "protocol/wire_json.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"

namespace chatd::rest {

namespace {

constexpr Field kBanFields[] = {
    {.name = "until", .type = Type::Time, .nullable = true, .doc = "End of the ban; null or absent: for good."},
    {.name = "reason", .type = Type::Line, .nullable = true, .most = 500}};
constexpr Schema kBanBody{"BanRequest", kBanFields};

void appendSession(std::string& body, const SessionSummary& session) {
  std::string expires;
  wire::appendTime(expires, session.expiresAt);
  JsonWriter out(body);
  out.beginObject().field("id", session.id).field("userId", raw(session.user)).field("transport", session.transport);
  out.field("clientIp", session.clientIp).field("connectedAt", toRfc3339(session.connectedAt));
  out.key("expiresAt").raw(expires).endObject();
}

Result<Reply> listSessions(const Context& context, Call& call) {
  CHATD_TRY(user, userOf(context, call));
  return listReply(context.services.sessions.ofUser(user.id), std::nullopt, appendSession);
}

Result<bool> checkKick(const Context& context, Call& call) {
  CHATD_TRY(user, userOf(context, call));
  return !context.services.sessions.ofUser(user.id).empty();
}

Result<Reply> kick(const Context& context, Call& call) {
  CHATD_TRY(user, userOf(context, call));
  context.services.sessions.endUser(user.id, Code::Kicked);
  return noContent();
}

Result<Reply> revokeTokens(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(user, userOf(context, call));
  CHATD_CHECK(on.credentials.deleteTokens(user.id));
  on.verifier.revoked(user.id);
  on.sessions.endUser(user.id, Code::TokenRevoked);
  return noContent();
}

/// Errors: Invalid.
Result<Ban> banOf(const Context& context, const Call& call) {
  Ban wanted;
  if (const auto until = text(call.body, "until")) wanted.until = parseRfc3339(*until);
  if (wanted.until && *wanted.until <= context.services.clock.wall()) return Error::field("until", "is in the past");
  wanted.reason = text(call.body, "reason");
  return wanted;
}

Result<bool> checkBan(const Context& context, Call& call) {
  CHATD_TRY(user, userOf(context, call));
  CHATD_TRY(wanted, banOf(context, call));
  return !user.ban || user.ban->until != wanted.until || user.ban->reason != wanted.reason;
}

Result<bool> checkUnban(const Context& context, Call& call) {
  CHATD_TRY(user, userOf(context, call));
  return user.ban.has_value();
}

Result<Reply> ban(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(user, userOf(context, call));
  CHATD_TRY(wanted, banOf(context, call));
  CHATD_TRY(rooms, on.directory.setBan(user.id, wanted));
  on.verifier.revoked(user.id);
  on.sessions.endUser(user.id, Code::Banned);
  for (const RoomId room : rooms) on.chat.accessChanged(room);
  CHATD_TRY(banned, on.directory.user(user.id));
  std::string body;
  wire::appendUser(body, banned);
  return json(200, std::move(body));
}

Result<Reply> unban(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(user, userOf(context, call));
  CHATD_TRY(rooms, on.directory.setBan(user.id, std::nullopt));
  // A verdict "banned" may be cached.
  on.verifier.revoked(user.id);
  for (const RoomId room : rooms) on.chat.accessChanged(room);
  return noContent();
}

}  // namespace

const std::vector<Route>& userAccessRoutes() {
  static const std::vector<Route> rows = {
      {.method = "GET",
       .path = "/user/{id}/sessions",
       .operation = "listSessions",
       .tag = "users",
       .access = who::Admins,
       .answers = {{.status = 200, .body = &kSessionDocument, .list = true}},
       .errors = {Code::UserNotFound},
       .doc = "The live sessions of the user; all in one page.",
       .handler = blocking<listSessions>},
      {.method = "DELETE",
       .path = "/user/{id}/sessions",
       .operation = "kickUser",
       .tag = "users",
       .access = who::Admins,
       .answers = {{.status = 204}},
       .errors = {Code::UserNotFound},
       .doc = "Ends the live sessions; the user may come back.",
       .check = checkKick,
       .handler = blocking<kick>},
      {.method = "DELETE",
       .path = "/user/{id}/tokens",
       .operation = "revokeTokens",
       .tag = "users",
       .access = who::Admins,
       .answers = {{.status = 204}},
       .errors = {Code::UserNotFound},
       .doc = "Registered tokens are gone, what verifiers said before no longer counts, and the sessions end.",
       .check = checkUser,
       .handler = blocking<revokeTokens>},
      {.method = "PUT",
       .path = "/user/{id}/ban",
       .operation = "banUser",
       .tag = "users",
       .access = who::Admins,
       .body = &kBanBody,
       .answers = {{.status = 200, .body = &kUserDocument}},
       .errors = {Code::UserNotFound},
       .doc = "Bans the user, for good or until a time; its sessions end.",
       .check = checkBan,
       .handler = blocking<ban>},
      {.method = "DELETE",
       .path = "/user/{id}/ban",
       .operation = "unbanUser",
       .tag = "users",
       .access = who::Admins,
       .answers = {{.status = 204}},
       .errors = {Code::UserNotFound},
       .doc = "Lifts the ban.",
       .check = checkUnban,
       .handler = blocking<unban>}};
  return rows;
}

}  // namespace chatd::rest
