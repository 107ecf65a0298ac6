// Conformance: what chatd-conformance answers. The routes over chatd's own HTTP front, WebSocket and Engine.IO, with echoes
// where chatd has a chat. Owned by main; outlives the server's loops. Thread: the connections' loops, if not said otherwise.
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>

#include "conformance/options.h"
#include "engine/engine_server.h"
#include "engine/loops.h"
#include "net/http.h"

namespace chatd::conformance {

/// Of a request to `/`: bytes of its body, whatever --max-payload says.
inline constexpr std::size_t kBodyBytes = 16 << 20;

class Conformance final : public net::HttpHandler {
 public:
  /// Opens the Engine.IO paths on these loops, which outlive it. Once, before the first request. Thread: main.
  void serve(engine::Loops& loops, const Options& options);
  /// Ends the sessions that are left. After the loops have stopped, before they are destroyed. Thread: main.
  void end();

  void handle(net::HttpRequest&& request, net::HttpResponder responder) override;
  net::HttpResponse refused(int status, std::string_view reason) override;

 private:
  static void echoBody(net::HttpRequest&& request, net::HttpResponder responder);
  void openEcho(const net::HttpRequest& request, net::HttpResponder responder) const;

  bool deflate_ = false;
  std::unique_ptr<engine::EngineServer> engineIo_;
  std::unique_ptr<engine::EngineServer> socketIo_;
};

}  // namespace chatd::conformance
