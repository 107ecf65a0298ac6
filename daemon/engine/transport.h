// Transport: what carries one session's messages, whatever is under it (a WebSocket; an Engine.IO session over polling or
// WebSocket), and TransportHandler, who speaks through it. Thread: the session's loop, both ways.
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "base/frame.h"
#include "net/connection.h"
#include "net/timer_wheel.h"
#include "protocol/websocket.h"

namespace chatd::engine {

/// Outlives its handler's last call; after closing nothing that is called on it has an effect.
class Transport {
 public:
  virtual ~Transport() = default;

  // What is sent are whole, unmasked WebSocket frames (one or several), ready for the wire, so that one buffer serves any
  // number of sessions; a transport that needs another form walks them. More unsent than the outbox holds ends the session
  // with 4008.
  virtual void send(FramePtr frames) = 0;
  virtual void send(std::string frames) = 0;
  /// As send(), for the one buffer of a fan-out: straight to the connection where nothing on the way would hold or change
  /// it.
  void deliver(const FramePtr& frames) {
    // What the connection refuses goes the long way, which ends the session.
    if (direct_ == nullptr || direct_->send(frames) != Offer::Taken) send(frames);
  }
  [[nodiscard]] net::Connection* direct() const { return direct_; }
  /// Bytes that the peer asked for and that may be more than its outbox holds (a page of long messages, a room of
  /// thousands): who has read what it was sent gets them in whatever size, one such reply at a time.
  virtual void sendReply(std::string frames) = 0;

  /// Flushes, says why in the transport's own words (a close frame, a close packet), ends. The reason is cut to 123 bytes.
  virtual void close(ws::CloseCode code, std::string_view reason) = 0;

  /// The peer is not read any more, so it is slowed down. As many resumes as pauses.
  virtual void pauseReading() = 0;
  virtual void resumeReading() = 0;
  /// The timer must be a member of the handler or die before the loop.
  virtual void arm(net::Timer& timer, std::chrono::milliseconds delay) = 0;
  /// Bytes that wait to be sent; a recovery that sends a page at a time asks before each.
  [[nodiscard]] virtual std::size_t unsentBytes() const = 0;

  [[nodiscard]] virtual const net::Peer& peer() const = 0;
  /// The index of the loop on which all of this runs.
  [[nodiscard]] virtual std::size_t loop() const = 0;
  /// "websocket" or "polling", as it is now.
  [[nodiscard]] virtual std::string_view name() const = 0;
  /// The Engine.IO session id; empty on a plain WebSocket.
  [[nodiscard]] virtual std::string_view id() const { return {}; }
  /// The revision of Engine.IO that the peer speaks: 4 or 3; 0 on a plain WebSocket.
  [[nodiscard]] virtual int revision() const { return 0; }

 protected:
  /// The connection that takes frames as they are; nullptr: there is none, or not any more.
  net::Connection* direct_ = nullptr;
};

/// Who speaks through a Transport; owned by it. May close it in any of these calls, and is destroyed in none of them.
class TransportHandler {
 public:
  virtual ~TransportHandler() = default;
  /// Once, before anything else. `transport` may be kept.
  virtual void opened(Transport& transport) = 0;
  /// A whole message; valid UTF-8. The view dies with the call.
  virtual void text(std::string_view message) = 0;
  virtual void binary(std::string_view message) = 0;
  /// A WebSocket pong (only of a plain WebSocket; Engine.IO has its own).
  virtual void pong() {}
  /// No more messages are to be handed out now. Who says so has called pauseReading(), and gets the rest after
  /// resumeReading().
  [[nodiscard]] virtual bool full() const { return false; }
  /// name() is another now: an Engine.IO session was upgraded.
  virtual void upgraded() {}
  /// What waited went out: unsentBytes() fell under half of the outbox after it had been over it.
  virtual void drained() {}
  /// Once, the last call, as soon as the transport begins to close for whatever reason: nothing can be sent any more.
  /// The handler is destroyed some time later, on the same loop, when the socket is gone.
  virtual void closed() = 0;
};

}  // namespace chatd::engine
