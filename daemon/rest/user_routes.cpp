// Users as the app registers them: POST|GET /user, PATCH|DELETE /user/{id}.
#include "protocol/wire_json.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"
#include "rest/user_document.h"

namespace chatd::rest {

namespace {

constexpr std::int64_t kTokenBytes = 4096;

constexpr Field kAppUserId{.name = "appUserId",
                           .type = Type::AppUserId,
                           .required = true,
                           .doc = "The app's own id, at most 256 bytes; 1 and \"1\" are one user."};
constexpr Field kPutFields[] = {
    kAppIdField,
    kAppUserId,
    kFirstNameField,
    kMiddleNameField,
    kLastNameField,
    {.name = "token",
     .type = Type::Line,
     .least = 1,
     .most = kTokenBytes,
     .doc = "A token of the app's own, added to the user's (at most 10, the oldest is dropped). Stored as a hash."},
    {.name = "tokenExpiresAt", .type = Type::Time, .nullable = true, .doc = "When the token ends; null or absent: never."},
    kMetadataField};
constexpr Schema kPutBody{"UserRequest", kPutFields};
constexpr Field kPatchFields[] = {kFirstNameField, kMiddleNameField, kLastNameField, kMetadataField};
constexpr Schema kPatchBody{"UserPatch", kPatchFields};
constexpr Field kFindFields[] = {kAppIdField,
                                 {.name = "appUserId", .type = Type::AppUserId, .doc = "Only the user with this id."},
                                 kLimitField,
                                 kCursorField};
constexpr Schema kFindQuery{"UserQuery", kFindFields};

UserPatch patchOf(const JsonValue& body) {
  return {.firstName = textPatch(body, "firstName"),
          .middleName = textPatch(body, "middleName"),
          .lastName = textPatch(body, "lastName"),
          .metadata = jsonPatch(body, "metadata")};
}

bool isEmpty(const UserPatch& patch) { return !patch.firstName && !patch.middleName && !patch.lastName && !patch.metadata; }

struct NewToken {
  std::string token;
  std::optional<Timestamp> expiresAt;
};

/// The token to register, if there is one. Errors: Invalid for one that could never be presented.
Result<std::optional<NewToken>> tokenOf(const Context& context, const JsonValue& body) {
  auto token = text(body, "token");
  const auto expires = text(body, "tokenExpiresAt");
  if (!token) {
    if (expires) return Error::field("tokenExpiresAt", "needs a token");
    return std::optional<NewToken>();
  }
  if (token->find(' ') != std::string::npos) return Error::field("token", "must not have spaces");
  if (token->starts_with("ca_") || token->starts_with("ck_")) {
    return Error::field("token", "must not begin with ca_ or ck_, as account tokens and app keys do");
  }
  NewToken made{std::move(*token), std::nullopt};
  if (expires) made.expiresAt = parseRfc3339(*expires);
  if (made.expiresAt && *made.expiresAt <= context.services.clock.wall()) {
    return Error::field("tokenExpiresAt", "is in the past");
  }
  return std::optional(std::move(made));
}

bool onlyNew(const Call& call) {
  const std::string* condition = call.request.header("If-None-Match");
  return condition != nullptr && *condition == "*";
}

/// Whether a patch would change a user that there is.
bool changesUser(const UserPatch& patch, const User& user) {
  const auto differs = [](const Patch<std::string>& wanted, const std::optional<std::string>& present) {
    return wanted && *wanted != present;
  };
  return differs(patch.firstName, user.firstName) || differs(patch.middleName, user.middleName) ||
         differs(patch.lastName, user.lastName) || differs(patch.metadata, user.metadata);
}

Result<bool> checkPut(const Context& context, Call& call) {
  CHATD_TRY(app, tenant(context, call));
  CHATD_CHECK(context.services.directory.app(app));
  CHATD_TRY(token, tokenOf(context, call.body));
  const auto user = context.services.directory.userByAppId(app, appUserIdText(*present(call.body, "appUserId")));
  if (!user.ok() && user.error().code() != Code::UserNotFound) return user.error();
  if (!user.ok() || user->deletedAt) return true;
  if (onlyNew(call)) return Error(Code::AlreadyExists);
  return token.has_value() || changesUser(patchOf(call.body), *user);
}

Result<Reply> putUser(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(app, tenant(context, call));
  CHATD_TRY(token, tokenOf(context, call.body));
  const JsonValue& id = *present(call.body, "appUserId");
  const UserPatch patch = patchOf(call.body);
  CHATD_TRY(put, on.directory.upsertUser(app, appUserIdText(id), id.IsInt64(), patch, onlyNew(call)));
  if (token) {
    const std::string hash = on.authenticator.tokenHash(token->token);
    CHATD_CHECK(on.credentials.addToken(app, put.user.id, hash, token->expiresAt));
  }
  if (!put.created && !isEmpty(patch)) on.chat.userChanged(put.user);
  std::string body;
  wire::appendUser(body, put.user);
  return json(put.created ? 201 : 200, std::move(body));
}

Result<Reply> usersOfApp(const Context& context, const Call& call, AppId app) {
  CHATD_TRY(page, pageOf(call));
  CHATD_TRY(users, context.services.directory.users(app, page));
  return pageReply(users, wire::appendUser);
}

Result<Reply> findUsers(const Context& context, Call& call) {
  CHATD_TRY(app, tenant(context, call));
  const JsonValue* id = present(call.query, "appUserId");
  if (id == nullptr) return usersOfApp(context, call, app);
  const auto user = context.services.directory.userByAppId(app, appUserIdText(*id));
  std::vector<User> found;
  if (user.ok() && !user->deletedAt) found.push_back(*user);
  if (!user.ok() && user.error().code() != Code::UserNotFound) return user.error();
  return listReply(found, std::nullopt, wire::appendUser);
}

Result<Reply> listUsers(const Context& context, Call& call) {
  CHATD_TRY(app, appOf(context, call, call.segment("id")));
  return usersOfApp(context, call, app.id);
}

Result<bool> checkPatch(const Context& context, Call& call) {
  CHATD_TRY(user, userOf(context, call));
  return changesUser(patchOf(call.body), user);
}

Result<Reply> patchUser(const Context& context, Call& call) {
  CHATD_TRY(user, userOf(context, call));
  CHATD_TRY(changed, context.services.directory.updateUser(user.id, patchOf(call.body)));
  context.services.chat.userChanged(changed);
  std::string body;
  wire::appendUser(body, changed);
  return json(200, std::move(body));
}

Result<Reply> deleteUser(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(user, userOf(context, call));
  CHATD_TRY(rooms, on.directory.deleteUser(user.id));
  // First no new session can come in, then the live ones end.
  on.verifier.revoked(user.id);
  on.sessions.endUser(user.id, Code::UserDeleted);
  const auto gone = std::make_shared<const User>(user);
  for (const RoomId room : rooms) {
    on.chat.membersChanged(user.app, room, {{gone, Role::Member, MemberChange::Kind::Removed}});
  }
  return noContent();
}

}  // namespace

const std::vector<Route>& userRoutes() {
  static const std::vector<Route> rows = {
      {.method = "POST",
       .path = "/user",
       .operation = "putUser",
       .tag = "users",
       .access = who::Admins,
       .body = &kPutBody,
       .answers = {{.status = 201, .body = &kUserDocument, .doc = "The user is new."},
                   {.status = 200, .body = &kUserDocument, .doc = "The user was there; the fields present were changed."}},
       .errors = {Code::NotFound, Code::AlreadyExists},
       .doc = "Creates the user or changes the fields that are present; null clears. With If-None-Match: * it only creates.",
       .check = checkPut,
       .handler = blocking<putUser>},
      {.method = "GET",
       .path = "/user",
       .operation = "findUsers",
       .tag = "users",
       .access = who::Admins,
       .query = &kFindQuery,
       .answers = {{.status = 200, .body = &kUserDocument, .list = true}},
       .errors = {Code::NotFound},
       .doc = "The users of an app, or the one with an appUserId.",
       .handler = blocking<findUsers>},
      {.method = "GET",
       .path = "/user/{id}",
       .operation = "listUsersOfApp",
       .tag = "users",
       .access = who::Admins,
       .query = &kListQuery,
       .answers = {{.status = 200, .body = &kUserDocument, .list = true}},
       .errors = {Code::NotFound},
       .doc = "The classic list: {id} is the app's id or name, the answer its users.",
       .handler = blocking<listUsers>},
      {.method = "PATCH",
       .path = "/user/{id}",
       .operation = "updateUser",
       .tag = "users",
       .access = who::Admins,
       .body = &kPatchBody,
       .answers = {{.status = 200, .body = &kUserDocument}},
       .errors = {Code::UserNotFound},
       .doc = "Changes the fields that are present; null clears. {id} is the user's id.",
       .check = checkPatch,
       .handler = blocking<patchUser>},
      {.method = "DELETE",
       .path = "/user/{id}",
       .operation = "deleteUser",
       .tag = "users",
       .access = who::Admins,
       .answers = {{.status = 204}},
       .errors = {Code::UserNotFound},
       .doc = "The user leaves every room, its tokens and sessions end; its messages stay.",
       .check = checkUser,
       .handler = blocking<deleteUser>}};
  return rows;
}

}  // namespace chatd::rest
