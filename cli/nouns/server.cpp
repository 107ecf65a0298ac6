// status, api, version: the daemon itself. REST: /healthz, /readyz, anything.
#include <memory>
#include <ostream>

#include <fmt/format.h>

#include "cli/nouns/nouns.h"
#include "cli/nouns/servers.h"

namespace chatd::cli {

namespace {

const View kStatus{"server", "server", {{"SERVER", "server"}, {"HEALTHY", "healthy"}, {"READY", "ready"}}};
const View kVersion{"chatctl", "chatctl", {{"CHATCTL", "chatctl"}, {"CHATD", "chatd"}}};

/// The answer of a health path as JSON: itself if it is an object or array, else its text.
void writeProbe(JsonWriter& json, std::string_view key, const HttpAnswer& answer) {
  json.key(key);
  const auto document = parseJson(answer.body);
  if (document.ok()) {
    json.raw(toText(document.value()));
  } else {
    json.beginObject().field("status", answer.status).endObject();
  }
}

Handler status(CLI::App&) {
  return [](Invocation& run) -> Outcome<void> {
    CHATD_TRY(health, probe(run, "/healthz"));
    CHATD_TRY(readiness, probe(run, "/readyz"));
    const bool healthy = health.status < 300;
    const bool ready = readiness.status < 300;
    std::string text;
    JsonWriter json(text);
    json.beginObject().field("server", run.settings.server.text).field("healthy", healthy).field("ready", ready);
    writeProbe(json, "healthz", health);
    writeProbe(json, "readyz", readiness);
    // For operators there is more to tell.
    json.key("daemon");
    if (auto server = run.client.get("/server"); server.ok()) {
      json.raw(toText(server.value().document));
    } else {
      json.null();
    }
    json.endObject();
    const auto document = parseJson(text);
    if (!document.ok()) return other("bad_answer", "the server's answer is nested too deep");
    CHATD_CHECK(run.printer.one(kStatus, text, document.value()));
    if (healthy && ready) return {};
    return Failure{Exit::Unhealthy, "unhealthy", healthy ? "the daemon is not ready" : "the daemon is not healthy",
                   "The fields of readyz and the daemon's log say why.", readiness.requestId};
  };
}

/// True for /app/{id}, which is all of an app.
bool isOneApp(std::string_view path) {
  constexpr std::string_view kApps = "/app/";
  path = path.substr(0, path.find('?'));
  return path.starts_with(kApps) && path.size() > kApps.size() && path.find('/', kApps.size()) == std::string_view::npos;
}

/// As the command for it asks: an app wants its name. Errors: as confirm(), and as AdminClient::call for an app.
Outcome<void> confirmDelete(Invocation& run, const std::string& path) {
  if (!isOneApp(path)) return confirm(run, fmt::format("DELETE {}?", path));
  CHATD_TRY(app, run.client.get(path.substr(0, path.find('?'))));
  const auto name = stringField(app.document, "name");
  if (!name) return other("bad_answer", "the server's answer has no name");
  return confirmByName(run, fmt::format("Deleting app {} with its users, rooms and messages", *name), *name);
}

/// What came, as it came or as YAML. Secrets that the output did not take go to stderr.
Outcome<void> printRaw(Invocation& run, const std::string& method, const HttpAnswer& answer) {
  static const View kAny{"", "", {}};
  const auto document = parseJson(answer.body);
  const bool asTree = run.settings.format == Format::Yaml && document.ok();
  auto printed = run.printer.text(asTree ? asYaml(*document) : answer.body + (answer.body.ends_with('\n') ? "" : "\n"));
  run.io.out.flush();
  if (!run.io.out.good() && method != "GET" && document.ok()) tellSecrets(run, kAny, *document, "the answer");
  return printed;
}

Handler api(CLI::App& command) {
  struct Words {
    std::string method, path;
    std::optional<std::string> body;
  };
  auto words = std::make_shared<Words>();
  bindWord(command, "METHOD", words->method, "GET, POST, PUT, PATCH or DELETE");
  bindWord(command, "PATH", words->path, "path and query, as in the OpenAPI document: /app?limit=5");
  bindWord(command, "-d,--data", words->body, "the body: JSON, @FILE, or @- for standard input")->type_name("BODY");
  return [words](Invocation& run) -> Outcome<void> {
    std::string method;
    for (const char c : words->method) method.push_back(c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c);
    const CLI::IsMember known({"GET", "POST", "PUT", "PATCH", "DELETE"});
    if (!known(method).empty())
      return usage(fmt::format("there is no method {}", words->method), "One of GET, POST, PUT, PATCH, DELETE.");
    const bool plain = words->path.find_first_of(" \t\r\n#") == std::string::npos;
    if (!words->path.starts_with('/') || !plain) return usage("a path begins with / and has no blanks", "Encode them: %20.");
    Call call{method, words->path, {}, {}};
    if (words->body) {
      CHATD_TRY(body, inlineOrFile(run, *words->body));
      call.body = std::move(body);
    }
    if (method == "DELETE") CHATD_CHECK(confirmDelete(run, words->path));
    CHATD_TRY(answer, run.client.raw(call));
    if (answer.status >= 400) {
      Failure failure = run.client.failureOf(answer);
      if (failure.exit == Exit::NotFound) failure.hint = "`chatctl api GET /openapi.json` has all paths.";
      return failure;
    }
    if (answer.body.empty()) return {};
    return printRaw(run, method, answer);
  };
}

Handler version(CLI::App& command) {
  auto own = std::make_shared<bool>(false);
  command.add_flag("--client", *own, "do not ask the daemon for its version");
  return [own](Invocation& run) -> Outcome<void> {
    std::string text;
    JsonWriter json(text);
    json.beginObject().field("chatctl", CHATCTL_VERSION);
    // Of the daemon, if it answers and tells us: a version is asked for where something is broken, too.
    std::optional<std::string> daemon;
    if (!*own) {
      const auto server = run.client.get("/server");
      if (server.ok()) daemon = stringField(server.value().document, "version");
    }
    json.field("chatd", daemon).endObject();
    const auto document = parseJson(text);
    CHATD_ASSERT(document.ok());
    return run.printer.one(kVersion, text, document.value());
  };
}

}  // namespace

Outcome<HttpAnswer> probe(Invocation& run, const char* path) {
  CHATD_TRY(answer, run.client.raw({"GET", path, {}, {}, false, Call::Once::Yes}));
  // 503 is an answer of these two paths; anything else from 400 on is none.
  const auto document = parseJson(answer.body);
  const auto state = document.ok() ? stringField(*document, "status") : std::nullopt;
  const bool said = (answer.status < 300 || answer.status == 503) && !answer.requestId.empty();
  if (said && (state == "ok" || state == "ready" || state == "unready")) return std::move(answer);
  // A proxy whose chatd is away, and chatd's own refusals.
  if (answer.status >= 500 || (document.ok() && stringField(*document, "requestId"))) return run.client.failureOf(answer);
  return run.client.notChatd(fmt::format("to {} it says {}", path, answer.status));
}

const View& serverView() {
  static const View view{"pid",
                         "version",
                         {{"VERSION", "version"}, {"READY", "ready"}, {"SESSIONS", "sessions"}, {"STARTED", "startedAt"}},
                         {"version", "ready", "sessions", "startedAt", "pid", "time", "reasons", "draining", "logLevel",
                          "transports", "deliveries", "commits", "writes", "unreadableSecrets"}};
  return view;
}

const Noun& serverNoun() {
  static const Noun noun{"",
                         "The daemon",
                         {{"status", "Show whether the daemon is healthy and ready", status},
                          {"api", "Send any request of the REST interface", api},
                          {"version", "Show the versions of chatctl and of the daemon", version}}};
  return noun;
}

}  // namespace chatd::cli
