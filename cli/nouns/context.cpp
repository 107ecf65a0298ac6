// context: named servers in the configuration file. No REST.
#include <memory>

#include <fmt/format.h>

#include "cli/nouns/nouns.h"

namespace chatd::cli {

namespace {

const View kContexts{
    "name",
    "name",
    {{"CURRENT", "current"}, {"NAME", "name"}, {"SERVER", "server"}, {"APP", "app"}, {"LOGGED IN", "loggedIn"}}};

/// A context without its token: that there is one is all that is shown.
void writeContext(JsonWriter& json, const Contexts& contexts, const std::string& name, const Context& context) {
  json.beginObject().field("name", name).field("server", context.server).field("app", context.app);
  json.field("current", contexts.current == name).field("loggedIn", context.token.has_value()).endObject();
}

Handler contextList(CLI::App&) {
  return [](Invocation& run) -> Outcome<void> {
    std::string text;
    JsonWriter json(text);
    json.beginArray();
    for (const auto& [name, context] : run.settings.contexts.byName)
      writeContext(json, run.settings.contexts, name, context);
    json.endArray();
    const auto array = parseJson(text);
    if (!array.ok()) return other("config_file", "the configuration has a text that is not UTF-8");
    return run.printer.items(kContexts, array.value());
  };
}

Handler contextShow(CLI::App& command) {
  auto name = std::make_shared<std::optional<std::string>>();
  bindWord(command, "NAME", *name, "the context; the one in force without it");
  return [name](Invocation& run) -> Outcome<void> {
    const std::string wanted = name->value_or(run.settings.contextName);
    const Context* context = run.settings.contexts.find(wanted);
    if (context == nullptr) return run.settings.contexts.unknown(wanted.empty() ? "in force" : wanted, Exit::NotFound);
    std::string text;
    JsonWriter json(text);
    writeContext(json, run.settings.contexts, wanted, *context);
    const auto object = parseJson(text);
    if (!object.ok()) return other("config_file", "the configuration has a text that is not UTF-8");
    return run.printer.one(kContexts, text, object.value());
  };
}

Handler contextAdd(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "NAME", *name, "a name of your choice; a new one needs --server, -a is its app");
  return [name](Invocation& run) -> Outcome<void> {
    Contexts& contexts = run.settings.contexts;
    const bool there = contexts.find(*name) != nullptr;
    // Said, and not what happens to be in force: a copy of another context would look like a context of its own.
    const bool said = run.settings.serverFrom == "--server" || (!there && run.settings.serverFrom == "CHATCTL_SERVER");
    if (!there && !said) return usage("which server? --server is missing", "Name it: http(s)://HOST:PORT or unix:/PATH.");
    const bool appSaid = run.settings.app && !run.settings.appOfContext;
    if (there && !said && !appSaid) return usage("nothing to change", "Give --server or -a.");
    Context& context = contexts.byName[*name];
    // A token belongs to the server that gave it.
    if (said && context.server != run.settings.server.text) context.token.reset();
    if (said) context.server = run.settings.server.text;
    if (appSaid) context.app = run.settings.app;
    if (contexts.current.empty()) contexts.current = *name;
    if (!run.settings.dryRun) CHATD_CHECK(contexts.save());
    note(run, fmt::format("context {} is {}", *name, context.server));
    return {};
  };
}

Handler contextUse(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "NAME", *name, "the context");
  return [name](Invocation& run) -> Outcome<void> {
    const Context* context = run.settings.contexts.find(*name);
    if (context == nullptr) return run.settings.contexts.unknown(*name, Exit::NotFound);
    run.settings.contexts.current = *name;
    if (!run.settings.dryRun) CHATD_CHECK(run.settings.contexts.save());
    note(run, fmt::format("context {} is in force: {}", *name, context->server));
    return {};
  };
}

Handler contextRemove(CLI::App& command) {
  auto name = std::make_shared<std::string>();
  bindWord(command, "NAME", *name, "the context");
  return [name](Invocation& run) -> Outcome<void> {
    Contexts& contexts = run.settings.contexts;
    if (contexts.find(*name) == nullptr) return contexts.unknown(*name, Exit::NotFound);
    contexts.byName.erase(*name);
    if (contexts.current == *name) contexts.current.clear();
    if (!run.settings.dryRun) CHATD_CHECK(contexts.save());
    note(run, fmt::format("context {} is removed; a token of it stays valid until it expires", *name));
    return {};
  };
}

}  // namespace

const Noun& contextNoun() {
  static const Noun noun{"context",
                         "Named servers with their logins",
                         {{"list", "List the contexts", contextList},
                          {"show", "Show a context", contextShow},
                          {"add", "Add or change a context: --server S [-a APP]", contextAdd},
                          {"use", "Put a context in force", contextUse},
                          {"remove", "Remove a context and its token", contextRemove}}};
  return noun;
}

}  // namespace chatd::cli
