// WsEntrance: the door of /ws: judges the upgrade request and its token, and only then opens the WebSocket, so that a
// refusal is an HTTP answer. Owned by the composition root. Thread: any.
#pragma once

#include <functional>

#include "chat/verifier.h"
#include "net/http.h"

namespace chatd {

class Realtime;

class WsEntrance {
 public:
  /// Makes the HTTP answer of a refusal, in the form of every other error. Thread: any.
  using Refusal = std::function<net::HttpResponse(const Error&)>;
  WsEntrance(Realtime& realtime, Refusal refusal) : realtime_(realtime), refusal_(std::move(refusal)) {}

  /// Requests for /ws. Refused: OriginRefused, UpgradeRequired, BadRequest, Restarting, TooManySessions and what a Verifier
  /// says. Thread: the connection's loop.
  void handle(net::HttpRequest&& request, net::HttpResponder responder);

 private:
  struct Arrival;
  void verified(Arrival& arrival, Result<Identity> identity);

  Realtime& realtime_;
  const Refusal refusal_;
};

}  // namespace chatd
