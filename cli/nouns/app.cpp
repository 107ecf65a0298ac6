// app: the tenants. REST: /app, /app/{appId}. Its keys are in app_key.cpp.
#include <memory>

#include <fmt/format.h>

#include "cli/compare.h"
#include "cli/nouns/apps.h"
#include "cli/nouns/nouns.h"

namespace chatd::cli {

namespace {

const View kApps{"appId",
                 "name",
                 {{"ID", "appId"},
                  {"NAME", "name"},
                  {"CREATED", "createdAt"},
                  {"UPDATED", "updatedAt"},
                  {"ENABLED", "settings.enabled", true},
                  {"VERIFICATION URL", "tokenVerificationUrl", true},
                  {"AUTO CREATE", "settings.autoCreateUsers", true},
                  {"MESSAGES/S", "settings.quotas.messagesPerSecond", true}},
                 {"verifiers"}};

/// With the secrets of a new app, which -o tsv has as columns.
View withSecrets(View view) {
  view.columns.insert(view.columns.end(), {{"API KEY", "apiKey"}, {"LOGIN", "login.login"}, {"PASSWORD", "login.password"}});
  return view;
}
const View kNewApps = withSecrets(kApps);

/// How an app verifies tokens, as the words of create and ensure say it.
struct AppWords {
  std::string name;
  std::optional<std::string> url;
  std::optional<std::string> plugin;
  std::optional<std::string> config;
  std::optional<std::string> chain;
  std::optional<std::string> settings;
};

Outcome<void> checkWords(const AppWords& words) {
  if ((words.url && words.plugin) || (words.chain && (words.url || words.plugin))) {
    return usage("give one of --verification-url (short for one http verifier), --verifier, --verifiers");
  }
  if (words.config && !words.plugin) return usage("--verifier-config is the configuration of --verifier, which is missing");
  return {};
}

Outcome<void> writeSettings(Invocation& run, const AppWords& words, JsonWriter& json) {
  if (!words.settings) return {};
  CHATD_TRY(settings, jsonWord(run, *words.settings, "--settings"));
  json.key("settings").raw(settings);
  return {};
}

/// Appends `tokenVerificationUrl` or `verifiers`, if the words name one.
Outcome<void> writeVerification(Invocation& run, const AppWords& words, JsonWriter& json) {
  if (words.url) json.field("tokenVerificationUrl", *words.url);
  if (words.chain) {
    CHATD_TRY(chain, jsonWord(run, *words.chain, "--verifiers"));
    json.key("verifiers").raw(chain);
  }
  if (!words.plugin) return {};
  CHATD_TRY(config, jsonWord(run, words.config.value_or("{}"), "--verifier-config"));
  json.key("verifiers").beginArray().beginObject();
  json.field("plugin", *words.plugin).key("config").raw(config);
  json.endObject().endArray();
  return {};
}

Outcome<Answer> createApp(Invocation& run, const AppWords& words) {
  std::string body;
  JsonWriter json(body);
  json.beginObject().field("name", words.name);
  CHATD_CHECK(writeSettings(run, words, json));
  CHATD_CHECK(writeVerification(run, words, json));
  json.endObject();
  return run.client.call({"POST", "/app", {}, body});
}

void bindAppName(CLI::App& command, AppWords& words) {
  bindWord(command, "NAME", words.name, "the name: 1 to 128 bytes, no '/', not digits only");
}

void bindAppWords(CLI::App& command, AppWords& words) {
  bindWord(command, "--verification-url", words.url, "GET with the user's token as Bearer; 2xx with a JSON user lets in")
      ->type_name("URL");
  bindWord(command, "--verifier", words.plugin, "a verifier plugin by name")->type_name("PLUGIN");
  bindWord(command, "--verifier-config", words.config, "its configuration: JSON, @FILE, or @- for standard input")
      ->type_name("@FILE");
  bindWord(command, "--verifiers", words.chain, "the whole chain as a JSON list of {plugin, config, …}; [] is none")
      ->type_name("@FILE");
  bindWord(command, "--settings", words.settings,
           "JSON: autoCreateUsers, reverifySeconds, allowPrivateNetworks, quotas, enabled")
      ->type_name("JSON");
}

Handler appList(CLI::App& command) {
  auto limit = std::make_shared<std::uint64_t>(kAllItems);
  bindLimit(command, *limit);
  return [limit](Invocation& run) { return run.printer.list(kApps, run.client, {"/app", {}, *limit}); };
}

Handler appGet(CLI::App& command) {
  auto app = std::make_shared<std::string>();
  bindWord(command, "APP", *app, "name or id");
  return [app](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, findApp(run, *app));
    return run.printer.one(kApps, answer);
  };
}

Handler appCreate(CLI::App& command) {
  auto words = std::make_shared<AppWords>();
  bindAppName(command, *words);
  bindAppWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(checkWords(*words));
    CHATD_TRY(answer, createApp(run, *words));
    return printSecrets(run, kNewApps, answer, "app " + words->name);
  };
}

/// The changes that the words ask for; "{}" if none.
Outcome<std::string> patchBody(Invocation& run, const AppWords& words, const std::optional<std::string>& newName) {
  std::string body;
  JsonWriter json(body);
  json.beginObject();
  if (newName) json.field("name", *newName);
  CHATD_CHECK(writeSettings(run, words, json));
  CHATD_CHECK(writeVerification(run, words, json));
  json.endObject();
  return body;
}

Handler appUpdate(CLI::App& command) {
  struct Words : AppWords {
    std::optional<std::string> newName;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "APP", words->name, "name or id");
  bindWord(command, "--name", words->newName, "a new name");
  bindAppWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(checkWords(*words));
    CHATD_TRY(body, patchBody(run, *words, words->newName));
    if (body == "{}") return usage("nothing to change", "`chatctl app update --help` shows what can be changed.");
    CHATD_TRY(found, findApp(run, words->name));
    CHATD_TRY(id, integerField(found.document, "appId"));
    CHATD_TRY(changed, run.client.call({"PATCH", fmt::format("/app/{}", id), {}, body}));
    return run.printer.one(kApps, changed);
  };
}

Handler switchApp(CLI::App& command, bool on) {
  auto app = std::make_shared<std::string>();
  bindWord(command, "APP", *app, "name or id");
  return [app, on](Invocation& run) -> Outcome<void> {
    CHATD_TRY(found, findApp(run, *app));
    CHATD_TRY(id, integerField(found.document, "appId"));
    const std::string name = stringField(found.document, "name").value_or(*app);
    const std::string body = fmt::format(R"({{"settings":{{"enabled":{}}}}})", on);
    CHATD_TRY(changed, run.client.call({"PATCH", fmt::format("/app/{}", id), {}, body}));
    note(run, fmt::format("app {} is {}", name, on ? "enabled" : "disabled"));
    return run.printer.one(kApps, changed);
  };
}

Handler appEnable(CLI::App& command) { return switchApp(command, true); }
Handler appDisable(CLI::App& command) { return switchApp(command, false); }

Handler appEnsure(CLI::App& command) {
  auto words = std::make_shared<AppWords>();
  bindAppName(command, *words);
  bindAppWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(checkWords(*words));
    const std::string path = "/app/" + percentEncode(words->name);
    auto found = run.client.get(path);
    if (!found.ok() && found.error().exit == Exit::NotFound) {
      auto made = createApp(run, *words);
      if (made.ok()) note(run, "created");
      if (made.ok()) return printSecrets(run, kNewApps, made.value(), "app " + words->name);
      if (made.error().exit != Exit::Conflict) return std::move(made).error();
      found = run.client.get(path);  // somebody was quicker
    }
    if (!found.ok()) return std::move(found).error();
    CHATD_TRY(body, patchBody(run, *words, std::nullopt));
    CHATD_TRY(same, appIsAs(run, found.value().document, body));
    if (same) return run.printer.one(kNewApps, found.value());
    CHATD_TRY(id, integerField(found.value().document, "appId"));
    CHATD_TRY(changed, run.client.call({"PATCH", fmt::format("/app/{}", id), {}, body}));
    note(run, "changed to match");
    return run.printer.one(kNewApps, changed);
  };
}

Handler appDelete(CLI::App& command) {
  auto app = std::make_shared<std::string>();
  bindWord(command, "APP", *app, "name or id");
  return [app](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, findApp(run, *app));
    CHATD_TRY(id, integerField(answer.document, "appId"));
    const std::string name = stringField(answer.document, "name").value_or(*app);
    CHATD_CHECK(confirmByName(run, fmt::format("Deleting app {} with its users, rooms and messages", name), name));
    CHATD_CHECK(run.client.call({"DELETE", fmt::format("/app/{}", id), {}, {}}));
    note(run, fmt::format("app {} is deleted", name));
    return {};
  };
}

}  // namespace

Outcome<Answer> findApp(Invocation& run, const std::string& app) {
  auto answer = run.client.get("/app/" + percentEncode(app));
  if (!answer.ok()) return run.client.withGuess(std::move(answer).error(), {"/app", {}}, "name", app);
  return answer;
}

Outcome<std::string> appWord(Invocation& run, const std::optional<std::string>& word) {
  if (word) return *word;
  if (run.settings.app) return *run.settings.app;
  return usage("which app?", "Give its name or id, as a word or by -a; `chatctl app list` shows them.");
}

Outcome<bool> appIsAs(Invocation& run, const JsonValue& app, const std::string& body) {
  const auto wanted = parseJson(body);
  if (!wanted.ok()) return badJson("what is wanted", wanted.error());
  const Match match = compareApp(app, *wanted);
  if (match != Match::Masked) return match == Match::Same;
  CHATD_TRY(id, integerField(app, "appId"));
  CHATD_TRY(answer, run.client.call({"PATCH", fmt::format("/app/{}", id), {{"dryRun", "true"}}, body}));
  const JsonValue* changes = answer.document.IsObject() ? find(answer.document, "changes") : nullptr;
  return changes != nullptr && changes->IsBool() && !changes->GetBool();
}

const Noun& appNoun() {
  static const Noun noun{
      "app",
      "Registered applications",
      {{"list", "List the apps", appList},
       {"get", "Show an app", appGet},
       {"create", "Register an app; shows its secrets this once", appCreate, &kNewApps},
       {"ensure", "Create an app or make the existing one match", appEnsure, &kNewApps},
       {"update", "Change an app", appUpdate, &kApps},
       {"enable", "Let the sessions and keys of an app in again", appEnable, &kApps},
       {"disable", "Close an app: its sessions end, its keys are refused, its data stays", appDisable, &kApps},
       {"delete", "Delete an app and everything in it", appDelete},
       {"verify-test", "Show what verifiers say about a token; ends with 7 if it is refused, 8 if none can say",
        appVerifyTest},
       {"key list", "List the keys of an app, without their secrets", appKeyList},
       {"key create", "Add a key; the others stay; -q prints it alone", appKeyCreate, &newKeys()},
       {"key rotate", "Replace the keys by a new one; -q prints it alone", appKeyRotate, &newKeys()},
       {"key revoke", "Revoke a key at once", appKeyRevoke}}};
  return noun;
}

}  // namespace chatd::cli
