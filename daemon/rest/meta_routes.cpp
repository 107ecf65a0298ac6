// About the daemon itself: health, metrics, the API's document, and the pages that are built in.
#include "rest/call.h"
#include "rest/documents.h"

namespace chatd::rest {

namespace {

Result<Reply> health(const Context&, Call&) { return json(200, R"({"status":"ok"})"); }

Result<Reply> ready(const Context&, Call& call) {
  const std::vector<std::string> reasons = call.options->notReady();
  if (reasons.empty()) return json(200, R"({"status":"ready"})");
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("status", "unready").key("reasons").beginArray();
  for (const std::string& reason : reasons) out.string(reason);
  out.endArray().endObject();
  Reply reply = json(503, std::move(body));
  reply.headers.emplace_back("Retry-After", "1");
  return reply;
}

Result<Reply> metrics(const Context&, Call& call) {
  return Reply{.body = call.options->metrics(), .contentType = "text/plain; version=0.0.4; charset=utf-8"};
}

Result<Reply> openApi(const Context& context, Call&) {
  Reply reply = json(200, context.openApi);
  reply.headers.emplace_back("Cache-Control", "no-cache");
  return reply;
}

Result<Reply> page(const Context&, Call& call) {
  const std::string* match = call.request.header("If-None-Match");
  auto found = call.options->page(call.request.path, match != nullptr ? std::string_view(*match) : std::string_view());
  if (!found) return Error(Code::NotFound, "There is no such page.");
  return Reply{
      .status = found->status, .body = std::string(found->body), .contentType = "", .headers = std::move(found->headers)};
}

Result<Reply> demo(const Context& context, Call& call) {
  if (!call.options->demo) return Error(Code::NotFound, "The demo is off; it is on with --dev or demo: true.");
  return page(context, call);
}

Route pageRow(std::string_view path, std::string_view operation, std::string_view doc,
              void (*handler)(const Context&, CallPtr)) {
  return {.method = "GET",
          .path = path,
          .operation = operation,
          .tag = "meta",
          .access = who::Anyone,
          .where = Where::Loop,
          .answers = {{.status = 200, .media = "text/html"}},
          .errors = {Code::NotFound},
          .doc = doc,
          .handler = handler};
}

Route folderRow(std::string_view path, std::string_view operation, void (*handler)(const Context&, CallPtr)) {
  Route row = pageRow(path, operation, "Leads to the page.", handler);
  row.answers = {{.status = 308, .doc = "The page is at the path with a slash at its end."}};
  return row;
}

}  // namespace

const std::vector<Route>& metaRoutes() {
  static const std::vector<Route> rows = {
      {.method = "GET",
       .path = "/healthz",
       .operation = "health",
       .tag = "meta",
       .access = who::Anyone,
       .where = Where::Loop,
       .answers = {{.status = 200, .body = &kHealthDocument}},
       .doc = "The process answers.",
       .handler = blocking<health>},
      {.method = "GET",
       .path = "/readyz",
       .operation = "ready",
       .tag = "meta",
       .access = who::Anyone,
       .where = Where::Loop,
       .answers = {{.status = 200, .body = &kHealthDocument},
                   {.status = 503, .body = &kHealthDocument, .doc = "Not ready, with the reasons."}},
       .doc = "The daemon can do its work.",
       .handler = blocking<ready>},
      {.method = "GET",
       .path = "/metrics",
       .operation = "metrics",
       .tag = "meta",
       .access = who::Metrics,
       .where = Where::Loop,
       .answers = {{.status = 200, .doc = "Prometheus text format.", .media = "text/plain"}},
       .doc = "For the admin socket, or with metrics_token as Bearer.",
       .handler = blocking<metrics>},
      {.method = "GET",
       .path = "/openapi.json",
       .operation = "openApi",
       .tag = "meta",
       .access = who::Anyone,
       .where = Where::Loop,
       .answers = {{.status = 200, .doc = "This document."}},
       .doc = "The OpenAPI 3.1 document, made from the table that the server routes by.",
       .handler = blocking<openApi>},
      pageRow("/swagger/{file*}", "swagger", "The API to try out in a browser.", blocking<page>),
      folderRow("/swagger", "swaggerFolder", blocking<page>),
      pageRow("/demo/{file*}", "demo", "Two users side by side; only with --dev or demo: true.", blocking<demo>),
      folderRow("/demo", "demoFolder", blocking<demo>)};
  return rows;
}

}  // namespace chatd::rest
