// plugin: the plugins that verifiers are made of; and app verify-test. REST: /plugin…, /app/{id}/verify-test.
#include <fmt/format.h>

#include <memory>

#include "base/text.h"
#include "cli/nouns/apps.h"
#include "cli/nouns/nouns.h"

namespace chatd::cli {

namespace {

const View kPlugins{"name",
                    "name",
                    {{"NAME", "name"},
                     {"BUNDLED", "bundled"},
                     {"TITLE", "title"},
                     {"VERSION", "version"},
                     {"VENDOR", "vendor", true},
                     {"CONFINED", "confined", true},
                     {"FAULT", "fault"}}};
const View kProcesses{"pid",
                      "plugin",
                      {{"APP", "appId"},
                       {"PID", "pid"},
                       {"HEALTHY", "healthy"},
                       {"INSTANCES", "instances"},
                       {"UNDER WAY", "underWay"},
                       {"RESTARTS", "restarts"},
                       {"CONFINED", "confined", true},
                       {"FAULT", "fault"}}};
const View kReloaded{"replaced", "replaced", {{"REPLACED", "replaced"}}};
const View kVerdict{"verdict", "verdict", {{"VERDICT", "verdict"}}};
const View kSteps{"plugin",
                  "plugin",
                  {{"PLUGIN", "plugin"},
                   {"VERDICT", "verdict"},
                   {"MS", "milliseconds"},
                   {"CACHED", "cached"},
                   {"USER", "appUserId"},
                   {"EXPIRES", "expiresAt"},
                   {"CODE", "code"},
                   {"DETAIL", "detail"},
                   {"GRANTS", "grants", true},
                   {"CLAIMS", "claims", true}}};

std::shared_ptr<std::string> bindPlugin(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "PLUGIN", *name, "as verifiers name it; `plugin list` shows them");
  return name;
}
std::string pathOf(const std::string& name) { return "/plugin/" + percentEncode(name); }

Handler list(CLI::App&) {
  return [](Invocation& run) -> Outcome<void> {
    return run.printer.list(kPlugins, run.client, {.path = "/plugin", .query = {}, .paged = false});
  };
}

Handler show(CLI::App& command) {
  const auto name = bindPlugin(command);
  return [name](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, run.client.get(pathOf(*name)));
    return run.printer.one(kPlugins, answer);
  };
}

Handler check(CLI::App& command) {
  const auto name = bindPlugin(command);
  auto config = std::make_shared<std::string>("{}");
  bindWord(command, "--config", *config, "the configuration: JSON or @FILE; {} by itself")->type_name("JSON");
  return [name, config](Invocation& run) -> Outcome<void> {
    CHATD_TRY(json, jsonWord(run, *config, "--config"));
    CHATD_CHECK(run.client.call({"POST", pathOf(*name) + "/check", {}, fmt::format(R"({{"config":{}}})", json)}));
    note(run, fmt::format("plugin {} takes the configuration", *name));
    return {};
  };
}

Handler reload(CLI::App& command) {
  const auto name = bindPlugin(command);
  return [name](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, run.client.call({"POST", pathOf(*name) + "/reload", {}, {}}));
    return run.printer.one(kReloaded, answer);
  };
}

Handler health(CLI::App& command) {
  const auto name = bindPlugin(command);
  return [name](Invocation& run) -> Outcome<void> {
    CHATD_TRY(answer, run.client.get(pathOf(*name) + "/health"));
    const JsonValue* items = answer.document.IsObject() ? find(answer.document, "items") : nullptr;
    if (items == nullptr || !items->IsArray()) return other("bad_answer", "the server's answer is no list");
    CHATD_CHECK(run.printer.items(kProcesses, *items));
    for (const JsonValue& one : items->GetArray()) {
      const JsonValue* healthy = find(one, "healthy");
      if (healthy == nullptr || !healthy->IsTrue()) {
        return Failure{Exit::Unhealthy, "unhealthy", fmt::format("plugin {} is not healthy", *name), "", ""};
      }
    }
    return {};
  };
}

/// A script asks by the exit code: 0 the token is let in, 7 it is not, 8 nobody can say now.
Outcome<void> exitOfVerdict(const std::string& verdict) {
  if (verdict == "allow") return {};
  if (verdict == "unavailable") {
    return Failure{Exit::Unreachable, "verifier_unavailable", "a verifier of the app is unavailable", "", ""};
  }
  return Failure{Exit::Invalid, "token_denied", "the app lets nobody in with this token", "", ""};
}

}  // namespace

Handler appVerifyTest(CLI::App& command) {
  struct Words {
    std::optional<std::string> app;
    bool fromInput = false;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "APP", words->app, "name or id; -a names it as well");
  command.add_flag("--token-stdin", words->fromInput, "read the token from standard input")->required();
  return [words](Invocation& run) -> Outcome<void> {
    CHATD_TRY(app, appWord(run, words->app));
    CHATD_TRY(found, findApp(run, app));
    CHATD_TRY(id, integerField(found.document, "appId"));
    CHATD_TRY(input, readInput(run));
    while (!input.empty() && (input.back() == '\n' || input.back() == '\r')) input.pop_back();
    if (input.empty() || !isUtf8(input)) return usage("there is no token on standard input");
    std::string body;
    JsonWriter(body).beginObject().field("token", input).endObject();
    CHATD_TRY(answer, run.client.call({"POST", fmt::format("/app/{}/verify-test", id), {}, body}));
    if (run.settings.dryRun) return run.printer.one(kVerdict, answer);
    const JsonValue* steps = answer.document.IsObject() ? find(answer.document, "steps") : nullptr;
    if (steps == nullptr || !steps->IsArray()) return other("bad_answer", "the server's answer has no steps");
    const std::string verdict = stringField(answer.document, "verdict").value_or("?");
    note(run, fmt::format("the chain says {}", verdict));
    // The verdict of the whole is a member of the object, and no column of its steps.
    const Format format = run.settings.format;
    const bool object =
        !run.settings.quiet && (format == Format::Json || format == Format::Ndjson || format == Format::Yaml);
    CHATD_CHECK(object ? run.printer.one(kVerdict, answer) : run.printer.items(kSteps, *steps));
    return exitOfVerdict(verdict);
  };
}

const Noun& pluginNoun() {
  static const Noun noun{"plugin",
                         "What verifiers are made of",
                         {{"list", "List the plugins that there are", list},
                          {"show", "Show what a plugin says of itself, with its schema (-o json)", show},
                          {"check", "Ask a plugin whether it takes a configuration", check},
                          {"reload", "Take the plugin's file as it is now", reload, &kReloaded},
                          {"health", "Show where a plugin runs and how it does", health}}};
  return noun;
}

}  // namespace chatd::cli
