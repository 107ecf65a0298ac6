#include "conformance/server.h"

#include <memory>
#include <string>
#include <utility>

#include "conformance/echo.h"
#include "conformance/socket_io_echo.h"
#include "engine/websocket_upgrade.h"

namespace chatd::conformance {

namespace {

constexpr std::size_t kSmallAnswers = 64 * 1024;  // beside messages of the largest size

net::HttpResponse plain(int status, std::string_view text) {
  net::HttpResponse response;
  response.status = status;
  response.headers.emplace_back("Content-Type", "text/plain; charset=utf-8");
  response.body.append(text).append("\n");
  return response;
}

}  // namespace

void Conformance::serve(engine::Loops& loops, const Options& options) {
  engine::EngineOptions engine;
  engine.pingInterval = options.pingInterval;
  engine.pingTimeout = options.pingTimeout;
  engine.maxPayload = options.maxPayload;
  engine.outboxBytes = 2 * options.maxPayload + kSmallAnswers;
  engine.deflate = options.deflate;
  engine.origins = {"*"};
  deflate_ = options.deflate;
  engineIo_ = std::make_unique<engine::EngineServer>(
      loops, engine,
      [outbox = engine.outboxBytes](const net::HttpRequest&) -> Result<std::unique_ptr<engine::TransportHandler>> {
        return std::unique_ptr<engine::TransportHandler>(std::make_unique<EngineEcho>(outbox));
      });
  socketIo_ = std::make_unique<engine::EngineServer>(
      loops, engine,
      [outbox = engine.outboxBytes,
       payload = options.maxPayload](const net::HttpRequest&) -> Result<std::unique_ptr<engine::TransportHandler>> {
        return std::unique_ptr<engine::TransportHandler>(std::make_unique<SocketIoEcho>(payload, outbox));
      });
}

void Conformance::end() {
  engineIo_.reset();
  socketIo_.reset();
}

net::HttpResponse Conformance::refused(int status, std::string_view reason) { return plain(status, reason); }

void Conformance::handle(net::HttpRequest&& request, net::HttpResponder responder) {
  // OPTIONS * asks about the server as a whole (RFC 9110 9.3.7): answered like any other method.
  if (request.path == "/" || request.path == "*") return echoBody(std::move(request), std::move(responder));
  if (request.path == "/echo") return openEcho(request, std::move(responder));
  if (request.path.starts_with("/engine.io/")) return engineIo_->handle(std::move(request), std::move(responder));
  if (request.path.starts_with("/socket.io/")) return socketIo_->handle(std::move(request), std::move(responder));
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

void Conformance::openEcho(const net::HttpRequest& request, net::HttpResponder responder) const {
  auto accepted = engine::acceptWebSocket(request);
  if (accepted.ok()) {
    engine::WebSocketLimits limits = WebSocketEcho::limits();
    limits.deflate = deflate_ && engine::negotiateDeflate(request, *accepted);
    return responder.upgrade(*std::move(accepted),
                             std::make_unique<engine::WebSocketStream>(std::make_unique<WebSocketEcho>(), limits));
  }
  net::HttpResponse response = plain(accepted.error().status(), accepted.error().detail());
  engine::addRefusalHeaders(response, accepted.error());
  responder.send(std::move(response));
}

}  // namespace chatd::conformance
