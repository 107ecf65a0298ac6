// Conformance: what chatd-conformance answers. The routes over chatd's own HTTP front, WebSocket, Engine.IO and Socket.IO,
// with echoes where chatd has a chat. Owned by main. Thread: the connections' loops.
#pragma once

#include <cstddef>
#include <string_view>

#include "base/error.h"
#include "conformance/options.h"
#include "net/http.h"

namespace chatd::conformance {

/// Of a request to `/`: bytes of its body, whatever --max-payload says.
inline constexpr std::size_t kBodyBytes = 16 << 20;

class Conformance final : public net::HttpHandler {
 public:
  void handle(net::HttpRequest&& request, net::HttpResponder responder) override;
  net::HttpResponse refused(int status, std::string_view reason) override;

 private:
  static void echoBody(net::HttpRequest&& request, net::HttpResponder responder);
  static void openEcho(const net::HttpRequest& request, net::HttpResponder responder);
};

}  // namespace chatd::conformance
