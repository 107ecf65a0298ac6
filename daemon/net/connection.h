// Connection: one socket of one loop, its input and its outbox. Moves at most once, with a new handler (setHandler()).
// Owned by its loop; whoever speaks on it (a StreamHandler) is owned by it. Thread: its loop.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/frame.h"
#include "base/queue.h"

namespace chatd::net {

class EventLoop;
class Connection;

/// Who is at the other end.
struct Peer {
  std::string ip;  ///< textual, without a zone; empty on a Unix socket
  std::uint16_t port = 0;
  bool secure = false;      ///< speaks TLS, with us or with a proxy that we trust
  bool unixSocket = false;  ///< on the admin socket; a Unix socket that clients use tells nothing of whom it carries
  uid_t uid = static_cast<uid_t>(-1);  ///< on the admin socket: SO_PEERCRED
  gid_t gid = static_cast<gid_t>(-1);
  std::vector<gid_t> groups;  ///< SO_PEERGROUPS
};

enum class Closed {
  ByPeer,    ///< orderly, or the peer reset it
  ByUs,      ///< close() or reset()
  TooSlow,   ///< the peer did not take the close in time
  Shutdown,  ///< the loop stops
};

/// What speaks on a connection. Thread: the connection's loop. Must not destroy the connection; call close() or reset().
class StreamHandler {
 public:
  virtual ~StreamHandler() = default;
  /// Called once, before anything else.
  virtual void attached(Connection& connection) = 0;
  /// New input, with what was left over before it. Returns how much was consumed; the rest comes again, with more (or in the
  /// next turn after readAgain(), or after resumeReading()). `data` may be changed in place.
  virtual std::size_t received(std::span<char> data) = 0;
  /// The outbox fell under half of its limit after it had been over it.
  virtual void drained() {}
  /// The last call, once, at the end of a turn and never inside another call. The socket is gone. A peer that half-closes
  /// (FIN) gets what was queued for it first; while reading is paused its FIN is not seen (but see endOnFin()).
  virtual void closed(Closed why) = 0;
  /// The loop on which it must live; nullptr: wherever the connection is. Asked by setHandler(), on the connection's loop.
  [[nodiscard]] virtual EventLoop* home() const { return nullptr; }
};

class Connection {
 public:
  virtual ~Connection() = default;

  [[nodiscard]] virtual EventLoop& loop() = 0;
  [[nodiscard]] virtual const Peer& peer() const = 0;

  /// Queues bytes for the one writev at the end of this turn. Full: the outbox would pass its limit; nothing was queued.
  [[nodiscard]] virtual Offer send(FramePtr frame) = 0;
  [[nodiscard]] virtual Offer send(std::string bytes) = 0;
  [[nodiscard]] virtual std::size_t unsentBytes() const = 0;
  /// bytes; the default comes from the server's options
  virtual void setOutboxLimit(std::size_t bytes) = 0;

  /// The peer is not read any more, so TCP slows it down. Nestable: as many resumes as pauses.
  virtual void pauseReading() = 0;
  virtual void resumeReading() = 0;
  /// While reading is paused: the peer's FIN ends the connection at once, instead of waiting unseen. For one whose answer is
  /// far off and worth nothing once the peer has gone.
  virtual void endOnFin(bool) {}
  /// received() is called again in the next turn with what was left over (fair share between connections).
  virtual void readAgain() = 0;

  // While closing, and after: send() answers Closing, received() is not called any more, further closes change nothing
  // (closeDropping() still drops). At the end of both closes the peer's FIN is awaited; without it the end is a reset.

  /// Drops whole frames that have not been started (what was sent in this turn has not), queues `last` (may be empty),
  /// flushes what is under way, shuts down; a reset after `within` if the peer does not take it.
  virtual void closeDropping(std::string last, std::chrono::milliseconds within) = 0;
  /// Flushes everything, then shuts down; a reset after `within`.
  virtual void close(std::chrono::milliseconds within) = 0;
  /// RST now.
  virtual void reset() = 0;
  [[nodiscard]] virtual bool closing() const = 0;

  /// Hands the stream to another protocol (after an upgrade). The old handler is destroyed after its current call returns;
  /// its closed() is not called. Bytes that the old one did not consume go to the new one. If the new handler's home is
  /// another loop, the connection goes there at the end of this turn, as a new Connection with the same socket; attached()
  /// is called there.
  virtual void setHandler(std::unique_ptr<StreamHandler> handler) = 0;
};

}  // namespace chatd::net
