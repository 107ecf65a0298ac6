// Accounts and credentials: /auth/…, /account….
#include <fmt/format.h>

#include "base/text.h"
#include "protocol/wire_json.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"

namespace chatd::rest {

namespace {

constexpr std::string_view kRoles[] = {"operator", "owner"};
constexpr Field kAppIds{
    .name = "appIds", .type = Type::List, .most = 1000, .items = Type::Id, .doc = "The apps of an owner."};
constexpr Field kRole{.name = "role", .type = Type::Choice, .choices = kRoles};

constexpr Field kLoginFields[] = {{.name = "login", .type = Type::Text, .required = true, .least = 1, .most = 256},
                                  {.name = "password", .type = Type::Text, .required = true, .least = 1, .most = 1024}};
constexpr Schema kLoginBody{"LoginRequest", kLoginFields};
constexpr Field kRegisterFields[] = {
    {.name = "login", .type = Type::Line, .required = true, .least = 1, .most = 128},
    {.name = "password", .type = Type::Text, .required = true, .least = 8, .most = 1024, .doc = "At least 8 bytes."},
    {.name = "role", .type = Type::Choice, .choices = kRoles, .doc = "Default owner."},
    kAppIds};
constexpr Schema kRegisterBody{"AccountRequest", kRegisterFields};
constexpr Field kAccountPatchFields[] = {{.name = "password",
                                          .type = Type::Text,
                                          .least = 8,
                                          .most = 1024,
                                          .doc = "At least 8 bytes. A change ends every session of the account."},
                                         kRole,
                                         kAppIds};
constexpr Schema kAccountPatchBody{"AccountPatch", kAccountPatchFields};

void appendAppIds(JsonWriter& out, const std::vector<AppId>& apps) {
  out.key("appIds").beginArray();
  for (const AppId app : apps) out.integer(raw(app));
  out.endArray();
}

void appendAccount(std::string& body, const Account& account) {
  JsonWriter out(body);
  out.beginObject().field("id", raw(account.id)).field("login", account.login).field("role", toText(account.role));
  appendAppIds(out, account.apps);
  out.field("createdAt", toRfc3339(account.createdAt)).field("updatedAt", toRfc3339(account.updatedAt)).endObject();
}

std::optional<AccountRole> roleOf(const JsonValue& body) {
  const auto role = text(body, "role");
  if (!role) return std::nullopt;
  return *role == "operator" ? AccountRole::Operator : AccountRole::Owner;
}

/// `appIds`, each an app that exists.
Result<std::optional<std::vector<AppId>>> appIdsOf(const Context& context, const JsonValue& body) {
  const JsonValue* list = present(body, "appIds");
  if (list == nullptr) return std::optional<std::vector<AppId>>();
  std::vector<AppId> apps;
  for (rapidjson::SizeType i = 0; i < list->Size(); ++i) {
    const AppId app{(*list)[i].GetInt64()};
    const auto found = context.services.directory.app(app);
    if (!found.ok() && found.error().code() == Code::NotFound) {
      return Error::field(fmt::format("appIds[{}]", i), "is not an app");
    }
    if (!found.ok()) return found.error();
    apps.push_back(app);
  }
  return std::optional(std::move(apps));
}

Result<AccountId> accountIdOf(const Call& call) {
  const auto id = parseId(call.segment("id"));
  if (!id) return Code::NotFound;
  return AccountId{*id};
}

Result<Reply> login(const Context& context, Call& call) {
  CHATD_TRY(done, context.services.authenticator.login(*text(call.body, "login"), *text(call.body, "password"),
                                                       call.request.peer.ip));
  std::string body;
  JsonWriter out(body);
  std::string account;
  appendAccount(account, done.account);
  out.beginObject().field("token", done.token).field("expiresAt", toRfc3339(done.expiresAt));
  out.key("account").raw(account).endObject();
  return json(200, std::move(body));
}

Result<Reply> logout(const Context& context, Call& call) {
  CHATD_TRY(bearer, call.bearer());
  if (!bearer) return Code::Unauthorized;
  CHATD_CHECK(context.services.authenticator.logout(*bearer));
  return noContent();
}

std::string_view kindText(Principal::Kind kind) {
  switch (kind) {
    case Principal::Kind::Peer:
      return "peer";
    case Principal::Kind::Account:
      return "account";
    case Principal::Kind::AppKey:
      return "appKey";
    case Principal::Kind::User:
      return "user";
  }
  assertionFailed("a known kind of principal", __FILE__, __LINE__);
}

Result<Reply> verify(const Context&, Call& call) {
  const Principal& caller = call.principal;
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("kind", kindText(caller.kind)).field("subject", caller.subject());
  if (caller.isOperator()) {
    out.field("role", toText(AccountRole::Operator)).key("appIds").null();
  } else if (caller.account) {
    out.field("role", toText(caller.account->role));
    appendAppIds(out, caller.account->apps);
  } else {
    out.key("role").null();
    const auto own = caller.ownApp();
    appendAppIds(out, own ? std::vector<AppId>{*own} : std::vector<AppId>());
  }
  out.key("expiresAt");
  std::string expires;
  wire::appendTime(expires, caller.expiresAt);
  out.raw(expires).endObject();
  return json(200, std::move(body));
}

Result<bool> checkRegister(const Context& context, Call& call) {
  CHATD_CHECK(appIdsOf(context, call.body));
  CHATD_CHECK(Authenticator::checkLogin(*text(call.body, "login")));
  CHATD_CHECK(Authenticator::checkPassword(*text(call.body, "password")));
  const auto taken = context.services.credentials.accountByLogin(*text(call.body, "login"));
  if (taken.ok()) return Error(Code::AlreadyExists);
  if (taken.error().code() != Code::NotFound) return taken.error();
  return true;
}

Result<Reply> registerAccount(const Context& context, Call& call) {
  CHATD_TRY(apps, appIdsOf(context, call.body));
  CHATD_TRY(account, context.services.authenticator.createAccount(*text(call.body, "login"), *text(call.body, "password"),
                                                                  roleOf(call.body).value_or(AccountRole::Owner),
                                                                  apps.value_or(std::vector<AppId>())));
  std::string body;
  appendAccount(body, account);
  return json(201, std::move(body));
}

Result<Reply> listAccounts(const Context& context, Call& call) {
  CHATD_TRY(page, pageOf(call));
  CHATD_TRY(accounts, context.services.credentials.accounts(page));
  return pageReply(accounts, appendAccount);
}

Result<bool> checkAccount(const Context& context, Call& call) {
  CHATD_TRY(id, accountIdOf(call));
  CHATD_CHECK(context.services.credentials.account(id));
  return true;
}

Result<bool> checkPatchAccount(const Context& context, Call& call) {
  CHATD_CHECK(appIdsOf(context, call.body));
  if (const auto password = text(call.body, "password")) CHATD_CHECK(Authenticator::checkPassword(*password));
  return checkAccount(context, call);
}

Result<Reply> patchAccount(const Context& context, Call& call) {
  CHATD_TRY(id, accountIdOf(call));
  CHATD_TRY(apps, appIdsOf(context, call.body));
  CHATD_TRY(account, context.services.authenticator.updateAccount(
                         id, {.password = text(call.body, "password"), .role = roleOf(call.body), .apps = std::move(apps)}));
  std::string body;
  appendAccount(body, account);
  return json(200, std::move(body));
}

Result<Reply> deleteAccount(const Context& context, Call& call) {
  CHATD_TRY(id, accountIdOf(call));
  CHATD_CHECK(context.services.authenticator.deleteAccount(id));
  return noContent();
}

}  // namespace

const std::vector<Route>& authRoutes() {
  static const std::vector<Route> rows = {
      {.method = "POST",
       .path = "/auth/login",
       .operation = "login",
       .tag = "accounts",
       .access = who::Anyone,
       .body = &kLoginBody,
       .answers = {{.status = 200, .body = &kLoginDocument}},
       .errors = {Code::Unauthorized, Code::RateLimited, Code::Busy, Code::StoreUnavailable},
       .doc = "Gives a token for an account. A wrong login and a wrong password look the same. Idempotency-Key is ignored.",
       .keepsAnswers = false,
       .handler = blocking<login>},
      {.method = "POST",
       .path = "/auth/logout",
       .operation = "logout",
       .tag = "accounts",
       .access = who::Operator | who::Owner,
       .answers = {{.status = 204}},
       .doc = "Ends the account token that the call is made with.",
       .keepsAnswers = false,
       .handler = blocking<logout>},
      {.method = "GET",
       .path = "/auth/verify",
       .operation = "verify",
       .tag = "accounts",
       .access = who::Bearers,
       .answers = {{.status = 200, .body = &kVerifyDocument}},
       .doc = "Who the credential stands for.",
       .handler = blocking<verify>},
      {.method = "POST",
       .path = "/auth/register",
       .operation = "createAccount",
       .tag = "accounts",
       .access = who::Operators,
       .body = &kRegisterBody,
       .answers = {{.status = 201, .body = &kAccountDocument}},
       .errors = {Code::AlreadyExists, Code::Busy},
       .doc = "Makes an account.",
       .check = checkRegister,
       .handler = blocking<registerAccount>},
      {.method = "GET",
       .path = "/account",
       .operation = "listAccounts",
       .tag = "accounts",
       .access = who::Operators,
       .query = &kListQuery,
       .answers = {{.status = 200, .body = &kAccountDocument, .list = true}},
       .doc = "Every account.",
       .handler = blocking<listAccounts>},
      {.method = "PATCH",
       .path = "/account/{id}",
       .operation = "updateAccount",
       .tag = "accounts",
       .access = who::Operators,
       .body = &kAccountPatchBody,
       .answers = {{.status = 200, .body = &kAccountDocument}},
       .errors = {Code::NotFound, Code::Busy},
       .doc = "Changes the fields that are present.",
       .check = checkPatchAccount,
       .handler = blocking<patchAccount>},
      {.method = "DELETE",
       .path = "/account/{id}",
       .operation = "deleteAccount",
       .tag = "accounts",
       .access = who::Operators,
       .answers = {{.status = 204}},
       .errors = {Code::NotFound},
       .doc = "Deletes the account and ends its sessions.",
       .check = checkAccount,
       .handler = blocking<deleteAccount>}};
  return rows;
}

}  // namespace chatd::rest
