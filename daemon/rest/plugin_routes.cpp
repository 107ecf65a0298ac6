// Plugins, for operators: what there is, how it does, taking a new file; and what a chain says about a token.
#include "auth/plugin_host.h"
#include "auth/plugin_supervisor.h"
#include "base/text.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"

namespace chatd::rest {

namespace {

constexpr Field kPlugin[] = {
    {.name = "name", .type = Type::Line, .required = true, .doc = "As verifiers name it."},
    {.name = "bundled", .type = Type::Boolean, .required = true, .doc = "Part of the daemon."},
    {.name = "id", .type = Type::Line, .required = true},
    {.name = "title", .type = Type::Line, .required = true},
    {.name = "version", .type = Type::Line, .required = true},
    {.name = "vendor", .type = Type::Line, .required = true},
    {.name = "confined",
     .type = Type::Boolean,
     .required = true,
     .doc = "false: this kernel has no Landlock, so its processes can read what the daemon can. Of bundled ones true."},
    {.name = "fault", .type = Type::Line, .required = true, .nullable = true, .doc = "Why it cannot be used."},
    {.name = "schema", .type = Type::Json, .nullable = true, .doc = "JSON Schema of its configuration."}};
constexpr Field kProcess[] = {
    {.name = "plugin", .type = Type::Line, .required = true},
    {.name = "appId", .type = Type::Id, .required = true},
    {.name = "pid", .type = Type::Integer, .required = true, .nullable = true, .doc = "null: none runs, or it runs inline."},
    {.name = "instances", .type = Type::Integer, .required = true},
    {.name = "underWay", .type = Type::Integer, .required = true, .doc = "Questions asked or waiting."},
    {.name = "restarts", .type = Type::Integer, .required = true},
    {.name = "healthy", .type = Type::Boolean, .required = true},
    {.name = "confined", .type = Type::Boolean, .required = true, .doc = "false: it is not kept from files; see Plugin."},
    {.name = "fault", .type = Type::Line, .required = true, .nullable = true}};
constexpr Field kReloaded[] = {
    {.name = "replaced", .type = Type::Integer, .required = true, .doc = "Processes and inline instances."}};
constexpr Field kStep[] = {
    {.name = "plugin", .type = Type::Line, .required = true},
    {.name = "verdict", .type = Type::Line, .required = true, .doc = "allow, deny, defer or unavailable."},
    {.name = "milliseconds", .type = Type::Integer, .required = true},
    {.name = "cached", .type = Type::Boolean, .required = true},
    {.name = "appUserId", .type = Type::Line, .required = true, .nullable = true},
    {.name = "expiresAt", .type = Type::Time, .required = true, .nullable = true},
    {.name = "claims", .type = Type::Json, .required = true, .nullable = true, .doc = "Not of a cached verdict."},
    {.name = "grants",
     .type = Type::Json,
     .required = true,
     .nullable = true,
     .doc = "A list of {room, permissions}: what the token is for. null: nothing is narrowed."},
    {.name = "code", .type = Type::Line, .required = true, .nullable = true},
    {.name = "detail", .type = Type::Line, .required = true, .nullable = true, .doc = "For operators only."}};
constexpr Field kTokenFields[] = {{.name = "token", .type = Type::Text, .required = true, .least = 1, .most = kMaxToken}};
constexpr Schema kTokenBody{"VerifyTestRequest", kTokenFields};
constexpr Field kCheckFields[] = {
    {.name = "config", .type = Type::Json, .required = true, .most = 256 * 1024, .doc = "As of a verifier."}};
constexpr Schema kCheckBody{"PluginCheckRequest", kCheckFields};

}  // namespace

constinit const Schema kPluginDocument{"Plugin", kPlugin};
constinit const Schema kPluginProcessDocument{"PluginProcess", kProcess};
constinit const Schema kPluginReloadDocument{"PluginReload", kReloaded};
constinit const Schema kVerifyTestStepDocument{"VerifyTestStep", kStep};
namespace {
constexpr Field kTest[] = {{.name = "verdict", .type = Type::Line, .required = true, .doc = "Of the whole chain."},
                           {.name = "steps", .type = Type::List, .required = true, .of = &kVerifyTestStepDocument}};
}  // namespace
constinit const Schema kVerifyTestDocument{"VerifyTest", kTest};

namespace {

std::optional<std::string> some(const std::string& text) { return text.empty() ? std::nullopt : std::optional(text); }

void appendPluginFields(JsonWriter& out, const PluginFacts& facts) {
  out.field("name", facts.name).field("bundled", facts.bundled).field("id", facts.id).field("title", facts.title);
  out.field("version", facts.version).field("vendor", facts.vendor).field("confined", facts.confined);
  out.field("fault", some(facts.fault));
}

void appendPlugin(std::string& body, const PluginFacts& facts) {
  JsonWriter out(body);
  out.beginObject();
  appendPluginFields(out, facts);
  out.endObject();
}

void appendProcess(std::string& body, const HostedState& state) {
  JsonWriter out(body);
  out.beginObject().field("plugin", state.plugin).field("appId", raw(state.app)).key("pid");
  if (state.pid == 0) {
    out.null();
  } else {
    out.integer(state.pid);
  }
  out.field("instances", state.instances).field("underWay", state.underWay).field("restarts", state.restarts);
  out.field("healthy", state.fault.empty()).field("confined", state.confined).field("fault", some(state.fault)).endObject();
}

/// A plugin that is not there is 404 with the names of those that are.
Error missing(Error error) { return error.code() == Code::Invalid ? Error::field("plugin", error.detail()) : error; }

Result<Reply> listPlugins(const Context& context, Call&) {
  return listReply(context.services.verifier.plugins().list(), std::nullopt, appendPlugin);
}

Result<Reply> getPlugin(const Context& context, Call& call) {
  CHATD_TRY(facts, context.services.verifier.plugins().show(call.segment("name")));
  std::string body;
  JsonWriter out(body);
  out.beginObject();
  appendPluginFields(out, facts);
  out.key("schema");
  // A foreign plugin's schema is whatever its author wrote.
  if (const auto schema = parseJson(facts.schema); schema.ok()) {
    out.raw(toText(*schema));
  } else {
    out.null();
  }
  out.endObject();
  return json(200, std::move(body));
}

Result<Reply> pluginHealth(const Context& context, Call& call) {
  CHATD_CHECK(context.services.verifier.plugins().show(call.segment("name")));
  CHATD_TRY(states, context.services.verifier.plugins().health(call.segment("name")));
  return listReply(states, std::nullopt, appendProcess);
}

Result<bool> checkReload(const Context& context, Call& call) {
  CHATD_TRY(facts, context.services.verifier.plugins().show(call.segment("name")));
  if (facts.bundled) return Error::field("plugin", "a bundled plugin changes with the daemon");
  if (!facts.fault.empty()) return Error::field("plugin", facts.fault);
  return true;
}

Result<Reply> reloadPlugin(const Context& context, Call& call) {
  auto replaced = context.services.verifier.plugins().reload(call.segment("name"));
  if (!replaced.ok()) return missing(std::move(replaced).error());
  std::string body;
  JsonWriter(body).beginObject().field("replaced", *replaced).endObject();
  return json(200, std::move(body));
}

Result<Reply> checkPlugin(const Context& context, Call& call) {
  VerifierSpec spec;
  spec.plugin = call.segment("name");
  spec.config = toText(*present(call.body, "config"));
  auto good = context.services.verifier.plugins().check({}, spec);
  if (good.ok()) return noContent();
  if (good.error().code() != Code::Invalid) return std::move(good).error();
  return Error::field("config", good.error().detail());
}

void appendGrants(JsonWriter& out, const GrantsPtr& grants) {
  if (!grants) {
    out.null();
    return;
  }
  out.beginArray();
  for (const Grants::Grant& grant : grants->list()) {
    out.beginObject().field("room", grant.glob).key("permissions").beginArray();
    constexpr std::pair<Permission, std::string_view> kWords[] = {
        {Permission::Read, "read"}, {Permission::Write, "write"}, {Permission::Moderate, "moderate"}};
    for (const auto& [permission, word] : kWords) {
      if ((grant.permissions & static_cast<std::uint32_t>(permission)) != 0) out.string(word);
    }
    out.endArray().endObject();
  }
  out.endArray();
}

void appendStep(JsonWriter& out, const VerifierStep& step) {
  const Verdict& v = step.verdict;
  out.beginObject().field("plugin", step.plugin).field("verdict", kindText(v.kind));
  out.field("milliseconds", step.took.count() / 1000).field("cached", step.cached).field("appUserId", some(v.userId));
  out.field("expiresAt", v.expiresAt ? std::optional(toRfc3339(*v.expiresAt)) : std::nullopt).key("claims");
  if (v.claims.empty()) {
    out.null();
  } else {
    out.raw(v.claims);
  }
  appendGrants(out.key("grants"), v.grants);
  out.field("code", some(v.errorCode)).field("detail", some(v.detail)).endObject();
}

Result<Reply> verifyTest(const Context& context, Call& call) {
  CHATD_TRY(app, appOf(context, call, call.segment("appId")));
  CHATD_TRY(steps, context.services.verifier.trace(app, *text(call.body, "token")));
  // Nobody who knows the token: as the chain says, a refusal.
  const bool deferred = steps.empty() || steps.back().verdict.kind == Verdict::Kind::Defer;
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("verdict", deferred ? "deny" : kindText(steps.back().verdict.kind)).key("steps").beginArray();
  for (const VerifierStep& step : steps) appendStep(out, step);
  out.endArray().endObject();
  return json(200, std::move(body));
}

}  // namespace

const std::vector<Route>& pluginRoutes() {
  static const std::vector<Route> rows = {
      {.method = "GET",
       .path = "/plugin",
       .operation = "listPlugins",
       .tag = "plugins",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kPluginDocument, .list = true}},
       .doc = "Bundled plugins, and the files of plugins.paths with what they say of themselves, in a process of its own "
              "once a "
              "file; all in one page.",
       .handler = blocking<listPlugins>},
      {.method = "GET",
       .path = "/plugin/{name}",
       .operation = "getPlugin",
       .tag = "plugins",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kPluginDocument}},
       .errors = {Code::NotFound, Code::Busy},
       .doc = "What the plugin says of itself, in a process of its own, and its schema.",
       .handler = blocking<getPlugin>},
      {.method = "GET",
       .path = "/plugin/{name}/health",
       .operation = "pluginHealth",
       .tag = "plugins",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kPluginProcessDocument, .list = true}},
       .errors = {Code::NotFound, Code::Busy},
       .doc = "Where it runs, and what its instances say of themselves; all in one page.",
       .handler = blocking<pluginHealth>},
      {.method = "POST",
       .path = "/plugin/{name}/reload",
       .operation = "reloadPlugin",
       .tag = "plugins",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kPluginReloadDocument}},
       .errors = {Code::NotFound, Code::Invalid, Code::Busy},
       .doc = "Takes the plugin's file as it is now. No verification fails for it; if the new one does not work, the old "
              "one stays.",
       .keepsAnswers = false,
       .check = checkReload,
       .handler = blocking<reloadPlugin>},
      {.method = "POST",
       .path = "/plugin/{name}/check",
       .operation = "checkPlugin",
       .tag = "plugins",
       .access = who::Operators,
       .body = &kCheckBody,
       .answers = {{.status = 204}},
       .errors = {Code::NotFound, Code::Invalid, Code::Busy},
       .doc = "Whether the plugin takes this configuration.",
       .keepsAnswers = false,
       .handler = blocking<checkPlugin>},
      {.method = "POST",
       .path = "/app/{appId}/verify-test",
       .operation = "verifyTest",
       .tag = "apps",
       .access = who::Operators,
       .body = &kTokenBody,
       .answers = {{.status = 200, .body = &kVerifyTestDocument}},
       .errors = {Code::NotFound, Code::Invalid},
       .doc = "Puts a token to the app's chain and tells what each verifier said. Makes no user and fills no cache.",
       .keepsAnswers = false,
       .handler = blocking<verifyTest>}};
  return rows;
}

}  // namespace chatd::rest
