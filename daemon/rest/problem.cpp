#include "rest/problem.h"

#include <fmt/format.h>

#include "base/json.h"

namespace chatd::rest {

std::int64_t retryAfterSeconds(const Error& error) {
  if (error.retryAfter().count() > 0) return error.retryAfter().count();
  return error.status() == 503 || error.status() == 429 ? 1 : 0;
}

std::string problemBody(const Error& error, int status, std::string_view requestId, std::optional<std::int64_t> id) {
  std::string body;
  JsonWriter out(body);
  out.beginObject()
      .field("type", fmt::format("urn:chatd:error:{}", error.wire()))
      .field("title", row(error.code()).text)
      .field("status", status)
      .field("detail", error.detail())
      .field("code", error.wire())
      .field("requestId", requestId);
  if (id) out.field("id", *id);
  if (status == 422) {
    out.key("errors").beginArray();
    for (const FieldError& fault : error.fields()) {
      out.beginObject().field("field", fault.field).field("detail", fault.detail).endObject();
    }
    out.endArray();
  }
  out.endObject();
  return body;
}

net::HttpResponse problem(const Error& error, std::string_view requestId, std::optional<std::int64_t> id) {
  net::HttpResponse response;
  response.status = error.status();
  response.headers.emplace_back("Content-Type", "application/problem+json");
  if (const std::int64_t wait = retryAfterSeconds(error); wait > 0) {
    response.headers.emplace_back("Retry-After", std::to_string(wait));
  }
  if (response.status == 401) response.headers.emplace_back("WWW-Authenticate", "Bearer realm=\"chatd\"");
  response.body = problemBody(error, response.status, requestId, id);
  return response;
}

}  // namespace chatd::rest
