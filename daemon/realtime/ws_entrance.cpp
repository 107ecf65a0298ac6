#include "realtime/ws_entrance.h"

#include <array>
#include <memory>

#include "base/text.h"
#include "engine/websocket_stream.h"
#include "engine/websocket_upgrade.h"
#include "net/origin.h"
#include "net/peer_fields.h"
#include "protocol/websocket.h"
#include "realtime/realtime.h"
#include "realtime/ws_session.h"

namespace chatd {

namespace {

constexpr std::array<std::string_view, 1> kSubprotocols = {"chatd.v1"};

/// From Authorization, the subprotocol or the query, whichever is there first; empty: from none. Errors: BadRequest,
/// Unauthorized.
Result<std::string> tokenOf(const net::HttpRequest& request, const std::string& offered) {
  std::string token(bearerOf(engine::headerOr(request, "Authorization")));
  if (token.empty()) {
    CHATD_TRY(inSubprotocol, ws::bearerSubprotocol(offered));
    token = inSubprotocol.empty() ? request.queryValue("token").value_or("") : std::move(inSubprotocol);
  }
  if (token.size() > kMaxToken) return Error(Code::Unauthorized, "The token is longer than 8 KiB.");
  return token;
}

}  // namespace

struct WsEntrance::Arrival {
  std::size_t loop = 0;
  bool deflate = false;  ///< permessage-deflate is in `upgrade`
  net::HttpResponse upgrade;
  net::HttpResponder responder;
  std::string clientIp;
  std::string origin;
};

void WsEntrance::handle(net::HttpRequest&& request, net::HttpResponder responder) {
  const auto options = realtime_.options();
  const auto refuse = [&](const Error& error) {
    net::HttpResponse response = refusal_(error);
    engine::addRefusalHeaders(response, error);
    responder.send(std::move(response));
  };
  if (request.method != "GET") return refuse(Code::MethodNotAllowed);
  const std::string* origin = request.header("Origin");
  if (origin != nullptr && !net::originAllowed(options->origins, *origin, request.host(), request.secure)) {
    return refuse(Code::OriginRefused);
  }
  auto upgrade = engine::acceptWebSocket(request);
  if (!upgrade.ok()) return refuse(upgrade.error());
  if (realtime_.draining()) return refuse(Code::Restarting);
  const bool deflate = options->deflate && engine::negotiateDeflate(request, *upgrade);
  const std::string offered = request.headerList("Sec-WebSocket-Protocol");
  auto token = tokenOf(request, offered);
  if (!token.ok()) return refuse(token.error());
  if (const auto chosen = ws::selectSubprotocol(offered, kSubprotocols); !chosen.empty()) {
    upgrade->headers.emplace_back("Sec-WebSocket-Protocol", chosen);
  }

  VerifyRequest verify;
  verify.token = std::move(*token);
  if (const std::string* app = request.header("X-Chat-App")) {
    verify.app = *app;
  } else {
    verify.app = request.queryValue("app");
  }
  verify.clientIp = request.peer.ip;
  verify.origin = engine::headerOr(request, "Origin");
  verify.fields = net::peerFields(request, options->origins, *realtime_.verifier().peerNames());
  verify.session = true;
  if (verify.token.empty() && !verify.app) {
    return refuse(Error(Code::Unauthorized,
                        "Give a token: ?token=, Authorization: Bearer, or the subprotocols chatd.v1, "
                        "bearer.<base64url(token)>."));
  }

  auto arrival = std::make_shared<Arrival>();
  arrival->loop = realtime_.executor().here();
  arrival->upgrade = std::move(*upgrade);
  arrival->deflate = deflate;
  arrival->responder = std::move(responder);
  arrival->clientIp = verify.clientIp;
  arrival->origin = verify.origin;
  realtime_.verifier().verify(std::move(verify), [this, arrival](Result<Identity> identity) {
    // Completion: refused only when the loop has stopped, and the connection with it.
    (void)realtime_.executor().post(
        arrival->loop, Mail::Completion,
        [this, arrival, identity = std::move(identity)]() mutable { verified(*arrival, std::move(identity)); });
  });
}

void WsEntrance::verified(Arrival& arrival, Result<Identity> identity) {
  if (identity.ok() && realtime_.draining()) identity = Code::Restarting;
  if (!identity.ok()) return arrival.responder.send(refusal_(identity.error()));
  auto session = std::make_unique<WsSession>(realtime_, arrival.loop);
  const auto admitted = session->admit(std::move(*identity), std::move(arrival.clientIp), std::move(arrival.origin));
  if (!admitted.ok()) return arrival.responder.send(refusal_(admitted.error()));
  const auto options = realtime_.options();
  arrival.responder.upgrade(std::move(arrival.upgrade),
                            std::make_unique<engine::WebSocketStream>(
                                std::move(session), engine::WebSocketLimits{.maxMessage = options->maxPayload,
                                                                            .outboxBytes = options->outboxBytes,
                                                                            .deflate = arrival.deflate}));
}

}  // namespace chatd
