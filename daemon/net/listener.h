// Listening sockets: bound on the main thread, then accepting on one loop. Owned by the Server.
#pragma once

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "base/result.h"
#include "net/event_loop.h"
#include "net/fd.h"
#include "net/server.h"
#include "net/timer_wheel.h"

namespace chatd::net {

/// A bound and listening socket, non-blocking. For a Unix socket also its path, which is unlinked with it.
class ListeningSocket {
 public:
  ListeningSocket(Descriptor socket, std::string unixPath);
  ListeningSocket(ListeningSocket&&) = default;
  ListeningSocket& operator=(ListeningSocket&&) = delete;
  ~ListeningSocket();

  [[nodiscard]] int get() const { return socket_.get(); }
  /// 0 for a Unix socket.
  [[nodiscard]] std::uint16_t port() const;

 private:
  Descriptor socket_;
  std::string path_;
  dev_t device_ = 0;  ///< of the file at path_, so that a successor's is not unlinked
  ino_t inode_ = 0;
};

/// Binds and listens: every address of a host name, or one Unix socket. Blocks in name resolution. Errors: Internal, with
/// the address and the reason of the system.
[[nodiscard]] Result<std::vector<ListeningSocket>> bindAll(const Endpoint& endpoint);

/// Accepts from one listening socket. Thread: its loop; made on any before.
class Listener final : public Watched {
 public:
  using Accepted = std::function<void(Descriptor socket, const sockaddr_storage& address)>;
  Listener(ListeningSocket socket, EventLoop& loop, Accepted accepted);
  virtual ~Listener() = default;

  /// Begins to accept; if the system refuses the watch, tries again a little later.
  void start();
  void ready(std::uint32_t events) override;
  /// Closes the socket; nothing is accepted any more. The object must live to the end of the turn.
  void stop();

 private:
  void rest();

  ListeningSocket socket_;
  EventLoop& loop_;
  Accepted accepted_;
  Timer again_;
  bool watched_ = false;
};

}  // namespace chatd::net
