#include "engine/exchange.h"

#include "base/json.h"
#include "engine/websocket_upgrade.h"

namespace chatd::engine {

namespace {

constexpr std::string_view textOf(Refusal refusal) {
  switch (refusal) {
    case Refusal::TransportUnknown:
      return "Transport unknown";
    case Refusal::SessionUnknown:
      return "Session ID unknown";
    case Refusal::BadMethod:
      return "Bad handshake method";
    case Refusal::BadRequest:
      return "Bad request";
    case Refusal::Forbidden:
      return "Forbidden";
    case Refusal::UnsupportedVersion:
      return "Unsupported protocol version";
  }
  return {};
}

net::HttpResponse problem(int status, Refusal code, std::string_view message) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "application/json");
  JsonWriter(response.body).beginObject().field("code", static_cast<int>(code)).field("message", message).endObject();
  return response;
}

}  // namespace

void Exchange::send(net::HttpResponse response) {
  response.headers.insert(response.headers.end(), common_.begin(), common_.end());
  responder_.send(std::move(response));
}

void Exchange::upgrade(net::HttpResponse response, std::unique_ptr<net::StreamHandler> handler) {
  responder_.upgrade(std::move(response), std::move(handler));
}

void Exchange::payload(std::string body, eio::PayloadForm form) {
  net::HttpResponse response;
  const bool bytes = form == eio::PayloadForm::Bytes;
  response.headers.emplace_back("Content-Type", bytes ? "application/octet-stream" : "text/plain; charset=UTF-8");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = std::move(body);
  send(std::move(response));
}

void Exchange::ok() {
  net::HttpResponse response;
  // As the reference; "text/plain" would make old browsers offer a download.
  response.headers.emplace_back("Content-Type", "text/html");
  response.headers.emplace_back("Cache-Control", "no-store");
  response.body = "ok";
  send(std::move(response));
}

void Exchange::refuse(Refusal refusal) {
  send(problem(refusal == Refusal::Forbidden ? 403 : 400, refusal, textOf(refusal)));
}

void Exchange::refuse(const Error& error) {
  const bool ours = error.status() >= 500;
  net::HttpResponse response = problem(error.status(), ours ? Refusal::Forbidden : Refusal::BadRequest, error.detail());
  addRefusalHeaders(response, error);
  if (ours) response.headers.emplace_back("Retry-After", "1");
  send(std::move(response));
}

void Exchange::tooLarge() { refuse(Error(Code::TooLarge, "The payload is larger than maxPayload.")); }

}  // namespace chatd::engine
