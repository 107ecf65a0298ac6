#include "rest/openapi.h"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "rest/documents.h"

namespace chatd::rest {

namespace {

constexpr std::string_view kDescription =
    "Chat for apps: apps, users, rooms and messages over REST; the same rooms live over Socket.IO (/socket.io/) and plain "
    "WebSocket (/ws). Errors are application/problem+json (RFC 9457) with a stable code. Lists take limit and cursor. What "
    "belongs to another app is 404. Unknown fields are refused with 422. Every answer has X-Request-Id.";

/// "/swagger/{file*}" is written "/swagger/{file}".
std::string pathOf(const Route& route) {
  std::string path(route.path);
  if (const auto star = path.find("*}"); star != std::string::npos) path.erase(star, 1);
  return path;
}

std::vector<std::string> variablesOf(const std::string& path) {
  std::vector<std::string> names;
  for (std::size_t open = path.find('{'); open != std::string::npos; open = path.find('{', open + 1)) {
    names.push_back(path.substr(open + 1, path.find('}', open) - open - 1));
  }
  return names;
}

std::string lowerMethod(std::string_view method) {
  std::string lower(method);
  std::transform(lower.begin(), lower.end(), lower.begin(), [](char c) { return static_cast<char>(c - 'A' + 'a'); });
  return lower;
}

void appendHeaderParameter(JsonWriter& out, std::string_view name, std::string_view doc) {
  out.beginObject().field("name", name).field("in", "header").field("required", false).field("description", doc);
  out.key("schema").beginObject().field("type", "string").endObject().endObject();
}

void appendParameters(JsonWriter& out, const Route& route) {
  out.key("parameters").beginArray();
  for (const std::string& name : variablesOf(pathOf(route))) {
    out.beginObject().field("name", name).field("in", "path").field("required", true);
    out.key("schema").beginObject().field("type", "string").endObject().endObject();
  }
  if (route.query != nullptr) {
    for (const Field& field : route.query->fields) {
      out.beginObject().field("name", field.name).field("in", "query").field("required", field.required);
      out.key("schema");
      appendJsonSchema(out, field);
      out.endObject();
    }
  }
  if ((route.access & who::User) != 0) {
    appendHeaderParameter(out, "X-Chat-App",
                          "Id or name of the app of a user token, unless the token is registered with one app.");
    out.beginObject().field("name", "app").field("in", "query").field("required", false);
    out.field("description", "The same as X-Chat-App.");
    out.key("schema").beginObject().field("type", "string").endObject().endObject();
  }
  if (takesDryRun(route)) {
    out.beginObject().field("name", "dryRun").field("in", "query").field("required", false);
    out.field("description",
              "true: the call is only checked (access, schema, and what the operation checks before it writes) and answered "
              "with 202 {dryRun, operation, changes}; nothing is written.");
    out.key("schema").beginObject().field("type", "boolean").endObject().endObject();
  }
  if (route.method == "POST" && route.keepsAnswers) {
    appendHeaderParameter(
        out, "Idempotency-Key",
        "At most 255 visible ASCII characters, kept 24 h: a repeat with the same body gets the first answer.");
  }
  if (route.operation == "putUser")
    appendHeaderParameter(out, "If-None-Match", "With *: create only, 409 if the user exists.");
  out.endArray();
}

void appendBody(JsonWriter& out, const Route& route) {
  if (route.body == nullptr) return;
  const bool required =
      std::any_of(route.body->fields.begin(), route.body->fields.end(), [](const Field& f) { return f.required; });
  out.key("requestBody").beginObject().field("required", required);
  out.key("content").beginObject().key("application/json").beginObject().key("schema").beginObject();
  out.field("$ref", fmt::format("#/components/schemas/{}", route.body->name));
  out.endObject().endObject().endObject().endObject();
}

void appendAnswerSchema(JsonWriter& out, const Answer& answer) {
  const std::string reference = answer.body != nullptr ? fmt::format("#/components/schemas/{}", answer.body->name) : "";
  out.key("schema").beginObject();
  if (answer.body == nullptr) {
    out.field("type", answer.media == "application/json" ? "object" : "string");
  } else if (!answer.list) {
    out.field("$ref", reference);
  } else {
    out.field("type", "object").key("properties").beginObject();
    out.key("items").beginObject().field("type", "array").key("items").beginObject().field("$ref", reference);
    out.endObject().endObject();
    out.key("nextCursor").beginObject().key("type").beginArray().string("string").string("null").endArray().endObject();
    out.endObject().key("required").beginArray().string("items").string("nextCursor").endArray();
  }
  out.endObject();
}

bool hasContent(const Answer& answer) { return answer.status != 204 && answer.status < 300; }

void appendAnswer(JsonWriter& out, const Answer& answer) {
  out.key(std::to_string(answer.status)).beginObject();
  out.field("description", answer.doc.empty() ? std::string_view(answer.status == 204 ? "Done." : "As asked.") : answer.doc);
  out.key("headers").beginObject().key("X-Request-Id").beginObject();
  out.field("$ref", "#/components/headers/X-Request-Id").endObject().endObject();
  if (hasContent(answer) || answer.body != nullptr) {
    out.key("content").beginObject().key(answer.media).beginObject();
    appendAnswerSchema(out, answer);
    out.endObject().endObject();
  }
  out.endObject();
}

/// One response a status, its description the codes that it stands for.
void appendErrors(JsonWriter& out, const Route& route) {
  std::map<int, std::string> byStatus;
  for (const Code code : errorsOf(route)) {
    std::string& text = byStatus[row(code).status];
    if (!text.empty()) text += " ";
    text += fmt::format("`{}`: {}", row(code).wire, row(code).text);
  }
  for (const auto& [status, text] : byStatus) {
    // A status that is also a good answer (503 of /readyz) is described there.
    const int number = status;
    if (std::any_of(route.answers.begin(), route.answers.end(), [&](const Answer& a) { return a.status == number; }))
      continue;
    out.key(std::to_string(status)).beginObject().field("description", text);
    out.key("headers").beginObject().key("X-Request-Id").beginObject();
    out.field("$ref", "#/components/headers/X-Request-Id").endObject();
    if (status == 429 || status == 503) {
      out.key("Retry-After").beginObject().field("$ref", "#/components/headers/Retry-After").endObject();
    }
    out.endObject().key("content").beginObject().key("application/problem+json").beginObject().key("schema").beginObject();
    out.field("$ref", "#/components/schemas/Problem").endObject().endObject().endObject().endObject();
  }
}

void appendSecurity(JsonWriter& out, const Route& route) {
  out.key("security").beginArray();
  const auto scheme = [&](Access bits, std::string_view name) {
    if ((route.access & bits) != 0) out.beginObject().key(name).beginArray().endArray().endObject();
  };
  scheme(who::Operator | who::Owner, "accountToken");
  scheme(who::AppKey, "appKey");
  scheme(who::User, "userToken");
  scheme(who::Metrics, "metricsToken");
  // An empty one: no credential is needed (anybody, or a process on the admin socket).
  if ((route.access & (who::Anyone | who::Peer | who::Metrics)) != 0) out.beginObject().endObject();
  out.endArray();
}

void appendOperation(JsonWriter& out, const Route& route) {
  out.key(lowerMethod(route.method)).beginObject().field("operationId", route.operation);
  out.key("tags").beginArray().string(route.tag).endArray();
  out.field("description", fmt::format("{} For: {}.", route.doc, whoText(route.access)));
  appendSecurity(out, route);
  appendParameters(out, route);
  appendBody(out, route);
  out.key("responses").beginObject();
  for (const Answer& answer : route.answers) appendAnswer(out, answer);
  appendErrors(out, route);
  out.endObject().endObject();
}

void appendPaths(JsonWriter& out, const std::vector<Route>& table) {
  std::vector<std::string> order;
  std::map<std::string, std::vector<const Route*>> byPath;
  for (const Route& route : table) {
    auto& rows = byPath[pathOf(route)];
    if (rows.empty()) order.push_back(pathOf(route));
    rows.push_back(&route);
  }
  out.key("paths").beginObject();
  for (const std::string& path : order) {
    out.key(path).beginObject();
    for (const Route* route : byPath[path]) appendOperation(out, *route);
    out.endObject();
  }
  out.endObject();
}

void appendScheme(JsonWriter& out, std::string_view name, std::string_view doc) {
  out.key(name).beginObject().field("type", "http").field("scheme", "bearer").field("description", doc).endObject();
}

void appendComponents(JsonWriter& out, const std::vector<Route>& table) {
  std::map<std::string_view, const Schema*> schemas;
  for (const Schema* schema : documents()) schemas.emplace(schema->name, schema);
  for (const Route& route : table) {
    if (route.body != nullptr) schemas.emplace(route.body->name, route.body);
  }
  out.key("components").beginObject().key("schemas").beginObject();
  for (const auto& [name, schema] : schemas) {
    out.key(name);
    appendJsonSchema(out, *schema);
  }
  out.endObject().key("securitySchemes").beginObject();
  appendScheme(out, "accountToken", "ca_… of POST /auth/login: an operator or an owner.");
  appendScheme(out, "appKey", "ck_…: the app itself, server to server.");
  appendScheme(out, "userToken", "The app's own token of one of its users.");
  appendScheme(out, "metricsToken", "metrics_token of the configuration.");
  out.endObject().key("headers").beginObject();
  out.key("X-Request-Id").beginObject().field("description", "Names the request in logs; the client's own if it sent one.");
  out.key("schema").beginObject().field("type", "string").endObject().endObject();
  out.key("Retry-After").beginObject().field("description", "Seconds to wait before trying again.");
  out.key("schema").beginObject().field("type", "integer").endObject().endObject();
  out.endObject().endObject();
}

void appendErrorCodes(JsonWriter& out) {
  out.key("x-error-codes").beginArray();
  for (const ErrorRow& one : errorTable()) {
    out.beginObject().field("code", one.wire).field("status", one.status).field("retryable", one.retry == Retry::Yes);
    out.field("description", one.text).endObject();
  }
  out.endArray();
}

}  // namespace

std::vector<Code> errorsOf(const Route& route) {
  std::vector<Code> codes = route.errors;
  if (route.where == Where::Worker) codes.insert(codes.end(), {Code::Busy, Code::Restarting, Code::StoreUnavailable});
  if ((route.access & who::Anyone) == 0) codes.push_back(Code::Unauthorized);
  if ((route.access & who::Bearers) != 0) {
    // Whatever the credential is, it is judged first: a user's token is refused for its own reasons on every route.
    codes.insert(codes.end(),
                 {Code::Forbidden, Code::RateLimited, Code::AppRequired, Code::TokenExpired, Code::TokenRevoked,
                  Code::UnknownUser, Code::AppDisabled, Code::Banned, Code::UserDeleted, Code::VerifierUnavailable});
  }
  if (route.body != nullptr) {
    codes.insert(codes.end(), {Code::BadRequest, Code::NotJson, Code::UnsupportedMedia, Code::TooLarge, Code::Invalid});
  }
  if (route.query != nullptr) codes.insert(codes.end(), {Code::BadRequest, Code::Invalid});
  if (route.method == "POST" && route.keepsAnswers) {
    codes.insert(codes.end(), {Code::IdempotencyMismatch, Code::IdempotencyRunning, Code::AlreadyDone, Code::Invalid});
  }
  codes.push_back(Code::OriginRefused);
  std::sort(codes.begin(), codes.end());
  codes.erase(std::unique(codes.begin(), codes.end()), codes.end());
  return codes;
}

std::string openApiDocument(const std::vector<Route>& table, const std::string& version) {
  std::string document;
  JsonWriter out(document);
  out.beginObject().field("openapi", "3.1.0").key("info").beginObject();
  out.field("title", "chatd").field("version", version).field("description", kDescription);
  out.key("license").beginObject().field("name", "Apache-2.0").field("identifier", "Apache-2.0").endObject().endObject();
  appendPaths(out, table);
  appendComponents(out, table);
  appendErrorCodes(out);
  out.endObject();
  return document;
}

}  // namespace chatd::rest
