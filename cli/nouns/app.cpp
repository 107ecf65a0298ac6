// app: the tenants. REST: /app, /app/{appId}.
#include <memory>

#include <fmt/format.h>

#include "cli/nouns/nouns.h"

namespace chatd::cli {

namespace {

const View kApps{"appId", "name", {{"ID", "appId"}, {"NAME", "name"}, {"CREATED", "createdAt"}, {"UPDATED", "updatedAt"}}};

/// How an app verifies tokens, as the words of create and ensure say it.
struct AppWords {
  std::string name;
  std::optional<std::string> url;
  std::optional<std::string> plugin;
  std::optional<std::string> config;
};

Outcome<void> checkWords(const AppWords& words) {
  if (words.url && words.plugin) return usage("--verification-url is short for one http verifier: give it or --verifier");
  if (words.config && !words.plugin) return usage("--verifier-config is the configuration of --verifier, which is missing");
  return {};
}

/// Appends `tokenVerificationUrl` or `verifiers`, if the words name one.
Outcome<void> writeVerification(Invocation& run, const AppWords& words, JsonWriter& json) {
  if (words.url) json.field("tokenVerificationUrl", *words.url);
  if (!words.plugin) return {};
  CHATD_TRY(config, inlineOrFile(run, words.config.value_or("{}")));
  const auto parsed = parseJson(config);
  if (!parsed.ok()) return badJson("--verifier-config", parsed.error());
  json.key("verifiers").beginArray().beginObject();
  json.field("plugin", *words.plugin).key("config").raw(toText(parsed.value()));
  json.endObject().endArray();
  return {};
}

Outcome<Answer> createApp(Invocation& run, const AppWords& words) {
  std::string body;
  JsonWriter json(body);
  json.beginObject().field("name", words.name);
  CHATD_CHECK(writeVerification(run, words, json));
  json.endObject();
  return run.client.call({"POST", "/app", {}, body});
}

/// True if the app verifies as the words say, so that nothing is to be written.
Outcome<bool> verifiesAs(Invocation& run, const JsonValue& app, const AppWords& words) {
  if (!words.url && !words.plugin) return true;
  if (words.url && stringField(app, "tokenVerificationUrl") == words.url) return true;
  const JsonValue* chain = find(app, "verifiers");
  if (!words.plugin || chain == nullptr || !chain->IsArray() || chain->Size() != 1) return false;
  const JsonValue& only = *chain->Begin();
  CHATD_TRY(text, inlineOrFile(run, words.config.value_or("{}")));
  const auto wanted = parseJson(text);
  if (!wanted.ok()) return badJson("--verifier-config", wanted.error());
  const JsonValue* config = only.IsObject() ? find(only, "config") : nullptr;
  return stringField(only, "plugin") == words.plugin && config != nullptr && *config == wanted.value();
}

void bindAppWords(CLI::App& command, AppWords& words) {
  bindWord(command, "NAME", words.name, "the name: 1 to 128 bytes, no '/', not digits only");
  bindWord(command, "--verification-url", words.url, "GET with the user's token as Bearer; 2xx with a JSON user lets in")
      ->type_name("URL");
  bindWord(command, "--verifier", words.plugin, "a verifier plugin by name")->type_name("PLUGIN");
  bindWord(command, "--verifier-config", words.config, "its configuration: JSON, @FILE, or @- for standard input")
      ->type_name("@FILE");
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
    CHATD_TRY(answer, run.client.get("/app/" + percentEncode(*app)));
    return run.printer.one(kApps, answer);
  };
}

Handler appCreate(CLI::App& command) {
  auto words = std::make_shared<AppWords>();
  bindAppWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(checkWords(*words));
    CHATD_TRY(answer, createApp(run, *words));
    note(run, "the apiKey and the password of the login are shown this once: keep them");
    return run.printer.one(kApps, answer);
  };
}

Handler appEnsure(CLI::App& command) {
  auto words = std::make_shared<AppWords>();
  bindAppWords(command, *words);
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_CHECK(checkWords(*words));
    const std::string path = "/app/" + percentEncode(words->name);
    auto found = run.client.get(path);
    if (!found.ok() && found.error().exit == Exit::NotFound) {
      auto made = createApp(run, *words);
      if (made.ok()) note(run, "created; the apiKey and the password of the login are shown this once: keep them");
      if (made.ok()) return run.printer.one(kApps, made.value());
      if (made.error().exit != Exit::Conflict) return std::move(made).error();
      found = run.client.get(path);  // somebody was quicker
    }
    if (!found.ok()) return std::move(found).error();
    CHATD_TRY(same, verifiesAs(run, found.value().document, *words));
    if (same) return run.printer.one(kApps, found.value());
    CHATD_TRY(id, integerField(found.value().document, "appId"));
    std::string body;
    JsonWriter json(body);
    json.beginObject();
    CHATD_CHECK(writeVerification(run, *words, json));
    json.endObject();
    CHATD_TRY(changed, run.client.call({"PATCH", fmt::format("/app/{}", id), {}, body}));
    note(run, "changed how it verifies tokens");
    return run.printer.one(kApps, changed);
  };
}

Handler appDelete(CLI::App& command) {
  auto app = std::make_shared<std::string>();
  bindWord(command, "APP", *app, "name or id");
  return [app](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, run.client.get("/app/" + percentEncode(*app)));
    CHATD_TRY(id, integerField(answer.document, "appId"));
    const std::string name = stringField(answer.document, "name").value_or(*app);
    CHATD_CHECK(confirmByName(run, fmt::format("Deleting app {} with its users, rooms and messages", name), name));
    CHATD_CHECK(run.client.call({"DELETE", fmt::format("/app/{}", id), {}, {}}));
    note(run, fmt::format("app {} is deleted", name));
    return {};
  };
}

}  // namespace

const Noun& appNoun() {
  static const Noun noun{"app",
                         "Registered applications",
                         {{"list", "List the apps", appList},
                          {"get", "Show an app", appGet},
                          {"create", "Register an app; shows its secrets this once", appCreate},
                          {"ensure", "Create an app or make the existing one match", appEnsure},
                          {"delete", "Delete an app and everything in it", appDelete}}};
  return noun;
}

}  // namespace chatd::cli
