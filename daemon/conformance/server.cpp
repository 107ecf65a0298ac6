#include "conformance/server.h"

#include <memory>
#include <string>
#include <utility>

#include "conformance/echo.h"
#include "engine/websocket_upgrade.h"

namespace chatd::conformance {

namespace {

net::HttpResponse plain(int status, std::string_view text) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  response.body.append(text).append("\n");
  return response;
}

}  // namespace

net::HttpResponse Conformance::refused(int status, std::string_view reason) { return plain(status, reason); }

void Conformance::handle(net::HttpRequest&& request, net::HttpResponder responder) {
  // OPTIONS * asks about the server as a whole (RFC 9110 9.3.7): answered like any other method.
  if (request.path == "/" || request.path == "*") return echoBody(std::move(request), std::move(responder));
  if (request.path == "/echo") return openEcho(request, std::move(responder));
  responder.send(plain(404, row(Code::NotFound).text));
}

void Conformance::echoBody(net::HttpRequest&& request, net::HttpResponder responder) {
  net::HttpResponse response;
  // Never the sender's type: what was sent here must not run in a browser as this server's page.
  response.headers.emplace_back("Content-Type", "application/octet-stream");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("X-Method", std::move(request.method));
  response.headers.emplace_back("X-Target", std::move(request.target));
  response.body = std::move(request.body);
  responder.send(std::move(response));
}

void Conformance::openEcho(const net::HttpRequest& request, net::HttpResponder responder) {
  auto accepted = engine::acceptWebSocket(request);
  if (accepted.ok())
    return responder.upgrade(*std::move(accepted),
                             std::make_unique<engine::WebSocketStream>(std::make_unique<Echo>(), Echo::limits()));
  net::HttpResponse response = plain(accepted.error().status(), accepted.error().detail());
  engine::addRefusalHeaders(response, accepted.error());
  responder.send(std::move(response));
}

}  // namespace chatd::conformance
