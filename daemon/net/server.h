// Server: the loops, the listening sockets and the connections. One loop accepts and gives each socket to the loop with the
// fewest.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/event_loop.h"
#include "net/http.h"

namespace chatd::net {

struct Endpoint {
  std::string address;     ///< IPv4 or IPv6 literal, or a host name; empty with `unixPath`
  std::uint16_t port = 0;  ///< 0: any free one
  std::string unixPath;    ///< a Unix socket, mode 0660 (a stale one is replaced, a live one is an error)
};

struct ServerOptions {
  std::size_t loops = 0;                ///< 0: one per core
  std::size_t maxConnections = 18'000;  ///< more are accepted and closed at once with 503
  std::size_t outboxBytes = 1 << 20;
  HttpLimits http;
  LoopOptions loop;
};

class Server {
 public:
  /// `handler` outlives the server.
  Server(const ServerOptions& options, HttpHandler& handler);
  ~Server();

  /// Binds and listens; nothing is accepted before start(). Returns the bound port (0 for a Unix socket).
  /// Errors: Internal, with the address and the reason of the system. Thread: main.
  Result<std::uint16_t> listen(const Endpoint& endpoint);
  /// Starts the loop threads.
  void start();
  /// Closes the listening sockets: nobody new. Connections stay. Thread: any.
  void stopAccepting();
  /// Stops the loops and joins them.
  void stop();

  [[nodiscard]] std::size_t loopCount() const;
  [[nodiscard]] EventLoop& loop(std::size_t index);
  /// Limits of connections made from now on. Thread: any.
  void setLimits(const HttpLimits& limits, std::size_t outboxBytes);
};

}  // namespace chatd::net
