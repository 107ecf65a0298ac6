// Apps and their keys: /app….
#include <fmt/format.h>

#include "base/random.h"
#include "base/text.h"
#include "protocol/wire_json.h"
#include "rest/app_document.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"

namespace chatd::rest {

namespace {

constexpr std::int64_t kMaxGrace = 30 * 24 * 3600;
constexpr std::size_t kMaxVerifiers = 16;

constexpr Field kName{.name = "name", .type = Type::Name, .doc = "Unique."};
constexpr Field kUrl{.name = "tokenVerificationUrl",
                     .type = Type::Line,
                     .nullable = true,
                     .least = 1,
                     .most = 2048,
                     .doc = "Short for one http verifier: called with GET and the user's token as Bearer."};
constexpr Field kVerifiers{
    .name = "verifiers", .type = Type::List, .most = kMaxVerifiers, .of = &kVerifierDocument, .doc = "Asked in order."};
constexpr Field kSettings{.name = "settings", .type = Type::Object, .of = &kSettingsDocument};
constexpr Field kCreateFields[] = {
    {.name = "name", .type = Type::Name, .required = true, .doc = "Unique."}, kUrl, kVerifiers, kSettings};
constexpr Schema kCreateBody{"AppRequest", kCreateFields};
constexpr Field kPatchFields[] = {kName, kUrl, kVerifiers, kSettings};
constexpr Schema kPatchBody{"AppPatch", kPatchFields};
constexpr Field kRotateFields[] = {{.name = "graceSeconds",
                                    .type = Type::Integer,
                                    .nullable = true,
                                    .least = 0,
                                    .most = kMaxGrace,
                                    .doc = "How long the other keys go on working; default 0. null: they stay."}};
constexpr Schema kRotateBody{"RotateRequest", kRotateFields};

void appendApp(std::string& body, const App& app, const Context& context) {
  JsonWriter out(body);
  out.beginObject();
  appendAppFields(out, app, context.services.verifier.plugins());
  out.endObject();
}

void appendKeyFields(JsonWriter& out, const AppKey& key) {
  std::string expires;
  wire::appendTime(expires, key.expiresAt);
  out.field("id", raw(key.id)).field("appId", raw(key.app)).field("hint", key.hint);
  out.field("createdAt", toRfc3339(key.createdAt)).key("expiresAt").raw(expires);
}

void appendKey(std::string& body, const AppKey& key) {
  JsonWriter out(body);
  out.beginObject();
  appendKeyFields(out, key);
  out.endObject();
}

/// An owner account for a new app. The name says whose it is; if somebody has taken it, a random end makes it free.
Result<Account> createOwner(const Context& context, AppId app, const std::string& password) {
  std::string login = fmt::format("owner-{}", raw(app));
  auto account = context.services.authenticator.createAccount(login, password, AccountRole::Owner, {app});
  if (account.ok() || account.error().code() != Code::AlreadyExists) return account;
  login += "-" + toHex(randomBytes(4));
  return context.services.authenticator.createAccount(login, password, AccountRole::Owner, {app});
}

struct Secrets {
  Account owner;
  std::string password;
  NewSecret key;
};

/// The owner account and the first key. What was made is taken back if the rest fails.
Result<Secrets> createSecrets(const Context& context, AppId app) {
  Authenticator& authenticator = context.services.authenticator;
  Secrets secrets;
  secrets.password = Authenticator::newSecret("");
  CHATD_TRY(owner, createOwner(context, app, secrets.password));
  secrets.owner = std::move(owner);
  auto key = authenticator.createKey(app);
  if (!key.ok()) {
    // If this fails too, an account without a known password is left, which lets nobody in.
    static_cast<void>(authenticator.deleteAccount(secrets.owner.id));
    return std::move(key).error();
  }
  secrets.key = std::move(*key);
  return secrets;
}

/// Judges the chain. Who gave tokenVerificationUrl is told of that field, not of the verifier that it became.
Result<void> checkChain(const Context& context, const Call& call, const SecretScope& app,
                        const std::vector<VerifierSpec>& chain) {
  auto judged = context.services.verifier.check(app, chain);
  if (judged.ok() || judged.error().fields().empty() || !present(call.body, "tokenVerificationUrl")) return judged;
  std::string_view detail = judged.error().fields().front().detail;
  constexpr std::string_view kOurs = "url: ";
  if (detail.starts_with(kOurs)) detail.remove_prefix(kOurs.size());
  return Error::field("tokenVerificationUrl", std::string(detail));
}

Result<NewApp> planCreate(const Context& context, const Call& call) {
  NewApp wanted;
  wanted.name = *text(call.body, "name");
  wanted.settings = settingsOf(call.body, {});
  CHATD_TRY(chain, chainOf(call.body, context.services.verifier.plugins()));
  if (chain) wanted.verifiers = std::move(*chain);
  CHATD_CHECK(checkChain(context, call, {AppId{0}, wanted.name}, wanted.verifiers));
  return wanted;
}

Result<bool> checkCreate(const Context& context, Call& call) {
  CHATD_CHECK(planCreate(context, call));
  const auto taken = context.services.directory.appByName(*text(call.body, "name"));
  if (taken.ok()) return Error(Code::AlreadyExists);
  if (taken.error().code() != Code::NotFound) return taken.error();
  return true;
}

Result<Reply> createApp(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(wanted, planCreate(context, call));
  CHATD_TRY(app, on.directory.createApp(wanted));
  auto secrets = createSecrets(context, app.id);
  if (!secrets.ok()) {
    // Nobody could administer it; the name is free again.
    static_cast<void>(on.directory.deleteApp(app.id));
    return std::move(secrets).error();
  }
  on.chat.setQuotas(app.id, app.settings.quotas);
  std::string body;
  JsonWriter out(body);
  out.beginObject();
  appendAppFields(out, app, on.verifier.plugins());
  out.field("apiKey", secrets->key.secret).key("login").beginObject();
  out.field("login", secrets->owner.login).field("password", secrets->password).endObject().endObject();
  Reply reply = json(201, std::move(body));
  reply.secretOf = raw(app.id);
  return reply;
}

Result<Reply> listApps(const Context& context, Call& call) {
  CHATD_TRY(page, pageOf(call));
  std::optional<std::vector<AppId>> only;
  if (const auto own = call.principal.ownApp()) {
    only = std::vector<AppId>{*own};
  } else if (!call.principal.isOperator()) {
    only = call.principal.account->apps;
  }
  CHATD_TRY(apps, context.services.directory.apps(page, only));
  return pageReply(apps, [&](std::string& body, const App& app) { appendApp(body, app, context); });
}

Result<Reply> getApp(const Context& context, Call& call) {
  CHATD_TRY(app, appOf(context, call, call.segment("appId")));
  std::string body;
  appendApp(body, app, context);
  return json(200, std::move(body));
}

struct PlannedPatch {
  App before;
  AppPatch patch;
};

/// The body against the app as it is: what is to be written, if it may be.
Result<PlannedPatch> planPatch(const Context& context, const Call& call) {
  CHATD_TRY(before, appOf(context, call, call.segment("appId")));
  AppPatch patch;
  patch.name = text(call.body, "name");
  if (patch.name == before.name) patch.name.reset();
  if (patch.name && call.principal.kind == Principal::Kind::AppKey) {
    return Error(Code::Forbidden, "name can be changed by operators and owners only.");
  }
  const AppSettings settings = settingsOf(call.body, before.settings);
  CHATD_TRY(chain, chainOf(call.body, context.services.verifier.plugins()));
  CHATD_CHECK(mayChange(call.principal, before, settings, chain));
  if (chain) CHATD_CHECK(checkChain(context, call, {before.id, before.name}, *chain));
  if (settings != before.settings) patch.settings = settings;
  if (chain && *chain != before.verifiers) patch.verifiers = std::move(*chain);
  return PlannedPatch{std::move(before), std::move(patch)};
}

Result<bool> checkPatch(const Context& context, Call& call) {
  CHATD_TRY(plan, planPatch(context, call));
  return plan.patch.name || plan.patch.settings || plan.patch.verifiers;
}

Result<Reply> patchApp(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(plan, planPatch(context, call));
  const App& before = plan.before;
  if (plan.patch.verifiers) CHATD_CHECK(on.verifier.reconfigure(before, *plan.patch.verifiers));
  auto updated = on.directory.updateApp(before.id, plan.patch);
  on.verifier.appChanged(before.id);
  if (!updated.ok()) return std::move(updated).error();
  const App& app = *updated;
  on.chat.setQuotas(app.id, app.settings.quotas);
  if (before.settings.reverify != app.settings.reverify) on.sessions.reverify(app);
  if (before.settings.enabled && !app.settings.enabled) {
    on.authenticator.appClosed(app.id);
    on.sessions.endApp(app.id, Code::AppDisabled);
  }
  std::string body;
  appendApp(body, app, context);
  return json(200, std::move(body));
}

Result<Reply> deleteApp(const Context& context, Call& call) {
  const RestServices& on = context.services;
  CHATD_TRY(app, appOf(context, call, call.segment("appId")));
  CHATD_CHECK(on.directory.deleteApp(app.id));
  // First nobody new comes in, then who is in goes out.
  on.authenticator.appClosed(app.id);
  on.verifier.appChanged(app.id);
  on.sessions.endApp(app.id, Code::Kicked);
  return noContent();
}

Result<Reply> listKeys(const Context& context, Call& call) {
  CHATD_TRY(app, appOf(context, call, call.segment("appId")));
  CHATD_TRY(keys, context.services.credentials.keys(app.id));
  return listReply(keys, std::nullopt, appendKey);
}

Result<Reply> rotateKey(const Context& context, Call& call) {
  CHATD_TRY(app, appOf(context, call, call.segment("appId")));
  const JsonValue* given = find(call.body, "graceSeconds");
  const bool othersStay = given != nullptr && given->IsNull();
  const std::chrono::seconds grace(integer(call.body, "graceSeconds").value_or(0));
  Authenticator& authenticator = context.services.authenticator;
  CHATD_TRY(made, othersStay ? authenticator.createKey(app.id) : authenticator.rotateKey(app.id, grace));
  std::string body;
  JsonWriter out(body);
  out.beginObject();
  appendKeyFields(out, made.key);
  out.field("apiKey", made.secret).endObject();
  Reply reply = json(201, std::move(body));
  reply.secretOf = raw(made.key.id);
  return reply;
}

Result<bool> checkDeleteKey(const Context& context, Call& call) {
  CHATD_TRY(app, appOf(context, call, call.segment("appId")));
  CHATD_TRY(keys, context.services.credentials.keys(app.id));
  const auto wanted = parseId(call.segment("keyId"));
  const bool there =
      wanted && std::any_of(keys.begin(), keys.end(), [&](const AppKey& key) { return key.id == KeyId{*wanted}; });
  if (!there) return Code::NotFound;
  return true;
}

Result<Reply> deleteKey(const Context& context, Call& call) {
  CHATD_TRY(app, appOf(context, call, call.segment("appId")));
  const auto key = parseId(call.segment("keyId"));
  if (!key) return Code::NotFound;
  CHATD_CHECK(context.services.authenticator.deleteKey(app.id, KeyId{*key}));
  return noContent();
}

std::vector<Route> keyRows() {
  return {{.method = "GET",
           .path = "/app/{appId}/keys",
           .operation = "listKeys",
           .tag = "apps",
           .access = who::Accounts,
           .answers = {{.status = 200, .body = &kKeyDocument, .list = true}},
           .errors = {Code::NotFound},
           .doc = "The keys of the app, without their secrets; all in one page.",
           .handler = blocking<listKeys>},
          {.method = "POST",
           .path = "/app/{appId}/keys",
           .operation = "rotateKey",
           .tag = "apps",
           .access = who::Accounts,
           .body = &kRotateBody,
           .answers = {{.status = 201, .body = &kKeyCreatedDocument}},
           .errors = {Code::NotFound},
           .doc = "Makes a new key, shown this once. The others end after graceSeconds.",
           .check = checkApp,
           .handler = blocking<rotateKey>},
          {.method = "DELETE",
           .path = "/app/{appId}/keys/{keyId}",
           .operation = "deleteKey",
           .tag = "apps",
           .access = who::Accounts,
           .answers = {{.status = 204}},
           .errors = {Code::NotFound},
           .doc = "Revokes a key at once.",
           .check = checkDeleteKey,
           .handler = blocking<deleteKey>}};
}

std::vector<Route> appRows() {
  return {
      {.method = "POST",
       .path = "/app",
       .operation = "createApp",
       .tag = "apps",
       .access = who::Operators,
       .body = &kCreateBody,
       .answers = {{.status = 201, .body = &kAppCreatedDocument}},
       .errors = {Code::AlreadyExists, Code::Busy},
       .doc = "Registers an app, with its first key and an owner account; both secrets are shown this once.",
       .check = checkCreate,
       .handler = blocking<createApp>},
      {.method = "GET",
       .path = "/app",
       .operation = "listApps",
       .tag = "apps",
       .access = who::Admins,
       .query = &kListQuery,
       .answers = {{.status = 200, .body = &kAppDocument, .list = true}},
       .doc = "The apps that the caller administers.",
       .handler = blocking<listApps>},
      {.method = "GET",
       .path = "/app/{appId}",
       .operation = "getApp",
       .tag = "apps",
       .access = who::Admins,
       .answers = {{.status = 200, .body = &kAppDocument}},
       .errors = {Code::NotFound},
       .doc = "One app, by id or name.",
       .handler = blocking<getApp>},
      {.method = "PATCH",
       .path = "/app/{appId}",
       .operation = "updateApp",
       .tag = "apps",
       .access = who::Admins,
       .body = &kPatchBody,
       .answers = {{.status = 200, .body = &kAppDocument}},
       .errors = {Code::NotFound, Code::AlreadyExists},
       .doc = "Changes the fields that are present. An app key may change settings only; quotas, allowPrivateNetworks, "
              "inline isolation of foreign plugins, and the verifiers static and allow are for operators.",
       .check = checkPatch,
       .handler = blocking<patchApp>},
      {.method = "DELETE",
       .path = "/app/{appId}",
       .operation = "deleteApp",
       .tag = "apps",
       .access = who::Operators,
       .answers = {{.status = 204}},
       .errors = {Code::NotFound},
       .doc = "Everything of the app is gone, with the accounts of owners who had no other app; its sessions are closed.",
       .check = checkApp,
       .handler = blocking<deleteApp>}};
}

}  // namespace

const std::vector<Route>& appRoutes() {
  static const std::vector<Route> rows = [] {
    std::vector<Route> all = appRows();
    for (Route& row : keyRows()) all.push_back(std::move(row));
    return all;
  }();
  return rows;
}

}  // namespace chatd::rest
