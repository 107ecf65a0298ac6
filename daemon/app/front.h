// Front: gives each request to the part of the house that it is for. Owned by Daemon. Thread: the connection's loop.
#pragma once

#include "engine/engine_server.h"
#include "net/http.h"
#include "realtime/ws_entrance.h"
#include "rest/rest_api.h"

namespace chatd {

class Front final : public net::HttpHandler {
 public:
  /// All before the server is started; they outlive its loops.
  void serve(engine::EngineServer& engine, WsEntrance& webSocket, RestApi& rest) {
    engine_ = &engine;
    webSocket_ = &webSocket;
    rest_ = &rest;
  }
  void handle(net::HttpRequest&& request, net::HttpResponder responder) override {
    if (request.path == "/socket.io/" || request.path == "/socket.io") {
      engine_->handle(std::move(request), std::move(responder));
    } else if (request.path == "/ws") {
      webSocket_->handle(std::move(request), std::move(responder));
    } else {
      rest_->handle(std::move(request), std::move(responder));
    }
  }
  net::HttpResponse refused(int status, std::string_view reason) override { return rest_->refused(status, reason); }

 private:
  engine::EngineServer* engine_ = nullptr;
  WsEntrance* webSocket_ = nullptr;
  RestApi* rest_ = nullptr;
};

}  // namespace chatd
