// Server: the loops, the listening sockets and the connections. One loop accepts and gives each socket to the loop with the
// fewest.
#pragma once

#include <sys/socket.h>
#include <sys/types.h>

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "net/event_loop.h"
#include "net/http.h"

namespace chatd::net {

class Listener;
class TlsIdentity;

struct Endpoint {
  std::string address;     ///< IPv4 or IPv6 literal, or a host name; empty with `unixPath`
  std::uint16_t port = 0;  ///< 0: any free one
  std::string unixPath;    ///< a Unix socket (a stale one is replaced, a live one is an error)
  mode_t unixMode = 0660;
  /// The admin socket: its peers are whom the kernel says, and the fields of Peer tell. Only for a Unix socket.
  bool admin = false;
  bool proxyHeader = false;  ///< peers are trusted proxies that send a PROXY header first; others are closed
  std::shared_ptr<TlsIdentity> tls = nullptr;  ///< nullptr: plain
};

struct ServerOptions {
  std::size_t loops = 0;                ///< 0: one per core
  std::size_t maxConnections = 18'000;  ///< more are accepted and closed at once with 503
  std::size_t outboxBytes = 1 << 20;
  std::size_t inputBytes = 4 << 20;  ///< that a handler may leave unconsumed on one connection; more resets it
  HttpLimits http;
  LoopOptions loop;
};

class Server {
 public:
  /// `handler` outlives the server.
  Server(const ServerOptions& options, HttpHandler& handler);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Binds and listens; nothing is accepted before start(). Returns the bound port (0 for a Unix socket).
  /// Errors: Internal, with the address and the reason of the system. Thread: main.
  Result<std::uint16_t> listen(const Endpoint& endpoint);
  /// Starts the loop threads. Called once.
  void start();
  /// Closes the listening sockets: nobody new once it returns. Connections stay. Thread: any, but not while
  /// stop() runs.
  void stopAccepting();
  /// Stops the loops and joins them. Not from a loop.
  void stop();

  [[nodiscard]] std::size_t loopCount() const { return loops_.size(); }
  [[nodiscard]] EventLoop& loop(std::size_t index) { return *loops_[index]; }
  /// Open connections over all loops. Thread: any.
  [[nodiscard]] std::size_t connections() const;
  /// Limits of connections made from now on. Thread: any.
  void setLimits(const HttpLimits& limits, std::size_t outboxBytes);

 private:
  void accepted(const Endpoint& endpoint, Descriptor socket, const sockaddr_storage& address);
  [[nodiscard]] EventLoop& leastLoaded();
  void closeListeners();

  const ServerOptions options_;
  HttpHandler& handler_;
  std::vector<std::unique_ptr<EventLoop>> loops_;
  std::vector<std::thread> threads_;
  std::vector<std::unique_ptr<Listener>> listeners_;  ///< before start(): main; then loop 0
  Mutex mutex_;
  std::shared_ptr<const HttpLimits> limits_ CHATD_GUARDED_BY(mutex_);
  std::size_t outboxBytes_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd::net
