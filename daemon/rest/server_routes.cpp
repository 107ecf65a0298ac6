// The daemon itself, for operators: /server, its reload, log level and drain.
#include "base/text.h"
#include "rest/call.h"
#include "rest/documents.h"

namespace chatd::rest {

namespace {

constexpr std::string_view kLevels[] = {"debug", "info", "warning", "error"};
constexpr Field kLogLevelFields[] = {{.name = "level",
                                      .type = Type::Choice,
                                      .required = true,
                                      .choices = kLevels,
                                      .doc = "Until the next reload or restart."}};
constexpr Schema kLogLevelBody{"LogLevelRequest", kLogLevelFields};

Reply serverReply(Call& call) {
  const ServerReport report = call.options->control.report();
  const std::vector<std::string> reasons = call.options->notReady();
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("version", call.options->version).field("pid", report.pid);
  out.field("startedAt", toRfc3339(report.startedAt)).field("time", toRfc3339(call.context.services.clock.wall()));
  out.field("ready", reasons.empty()).key("reasons").beginArray();
  for (const std::string& reason : reasons) out.string(reason);
  out.endArray().field("draining", report.draining).field("logLevel", report.logLevel);
  out.field("sessions", report.sessions).field("transports", report.transports).field("deliveries", report.deliveries);
  out.field("commits", report.commits).field("writes", report.writes).key("unreadableSecrets").beginArray();
  for (const SecretFault& fault : report.secretFaults) {
    out.beginObject().field("secret", fault.scope + "/" + fault.name);
    out.field(fault.inFile ? "file" : "variable", fault.from).field("reason", fault.reason).endObject();
  }
  out.endArray().endObject();
  return json(200, std::move(body));
}

Result<Reply> getServer(const Context&, Call& call) { return serverReply(call); }

void appendList(JsonWriter& out, std::string_view key, const std::vector<std::string>& items) {
  out.key(key).beginArray();
  for (const std::string& item : items) out.string(item);
  out.endArray();
}

Result<Reply> reload(const Context&, Call& call) {
  CHATD_TRY(report, call.options->control.reload());
  std::string body;
  JsonWriter out(body);
  out.beginObject();
  appendList(out, "applied", report.applied);
  appendList(out, "needRestart", report.needRestart);
  appendList(out, "warnings", report.warnings);
  out.endObject();
  return json(200, std::move(body));
}

Result<Reply> setLogLevel(const Context&, Call& call) {
  call.options->control.setLogLevel(*text(call.body, "level"));
  return serverReply(call);
}

Result<Reply> drain(const Context&, Call& call) {
  call.options->control.drain(true);
  return serverReply(call);
}

Result<Reply> undrain(const Context&, Call& call) {
  call.options->control.drain(false);
  return serverReply(call);
}

}  // namespace

const std::vector<Route>& serverRoutes() {
  static const std::vector<Route> rows = {
      {.method = "GET",
       .path = "/server",
       .operation = "getServer",
       .tag = "server",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kServerDocument}},
       .doc = "How the daemon is.",
       .handler = blocking<getServer>},
      {.method = "POST",
       .path = "/server/reload",
       .operation = "reloadServer",
       .tag = "server",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kReloadDocument}},
       .errors = {Code::Invalid},
       .doc = "Reads the configuration again, as SIGHUP does. A file with a fault changes nothing: 422, a field a fault.",
       .keepsAnswers = false,
       .handler = blocking<reload>},
      {.method = "PUT",
       .path = "/server/log-level",
       .operation = "setLogLevel",
       .tag = "server",
       .access = who::Operators,
       .body = &kLogLevelBody,
       .answers = {{.status = 200, .body = &kServerDocument}},
       .doc = "Sets the level of the log, until the next reload or restart.",
       .handler = blocking<setLogLevel>},
      {.method = "PUT",
       .path = "/server/drain",
       .operation = "drainServer",
       .tag = "server",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kServerDocument}},
       .doc = "Not ready any more, no new sessions, the live ones are asked to come back elsewhere. REST goes on.",
       .handler = blocking<drain>},
      {.method = "DELETE",
       .path = "/server/drain",
       .operation = "undrainServer",
       .tag = "server",
       .access = who::Operators,
       .answers = {{.status = 200, .body = &kServerDocument}},
       .doc = "Ends the drain: sessions are let in again.",
       .handler = blocking<undrain>}};
  return rows;
}

}  // namespace chatd::rest
