// Front: gives each request to the half of the house that it is for. Owned by Daemon. Thread: the connection's loop.
#pragma once

#include "net/http.h"
#include "realtime/realtime.h"
#include "rest/rest_api.h"

namespace chatd {

class Front final : public net::HttpHandler {
 public:
  /// Both before the server is started; they outlive its loops.
  void serve(Realtime& realtime, RestApi& rest) {
    realtime_ = &realtime;
    rest_ = &rest;
  }
  void handle(net::HttpRequest&& request, net::HttpResponder responder) override {
    if (request.path == "/socket.io/" || request.path == "/socket.io") {
      realtime_->handle(std::move(request), std::move(responder));
    } else {
      rest_->handle(std::move(request), std::move(responder));
    }
  }
  net::HttpResponse refused(int status, std::string_view reason) override { return rest_->refused(status, reason); }

 private:
  Realtime* realtime_ = nullptr;
  RestApi* rest_ = nullptr;
};

}  // namespace chatd
