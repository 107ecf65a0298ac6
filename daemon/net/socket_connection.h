// SocketConnection: the Connection over a stream socket (TCP or Unix), plain or TLS. Owned by its loop. Thread: its loop.
//
// Life: [entering (a PROXY header, then a TLS handshake, under one deadline; the handler knows nothing yet) ->] open ->
// closing (no more input for the handler; output is flushed, then SHUT_WR, then the peer's FIN is awaited) -> dead (socket
// gone; the handler is told at the end of the turn, then everything is destroyed). Or open -> moving (nothing is read; at
// the end of the turn the socket, its bytes and the handler go to another loop, and the shell is destroyed).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "net/connection.h"
#include "net/event_loop.h"
#include "net/fd.h"
#include "net/outbox.h"
#include "net/proxy_header.h"
#include "net/timer_wheel.h"
#include "net/tls_stream.h"

namespace chatd::net {

struct ConnectionLimits {
  std::size_t outboxBytes = 1 << 20;  ///< may wait to be sent
  std::size_t inputBytes = 4 << 20;   ///< may be left over by the handler; more resets the connection
};

/// What comes before the first byte for the handler.
struct Entrance {
  bool proxyHeader = false;                         ///< the peer sends a PROXY header first; without one it is not let in
  std::shared_ptr<const TlsContext> tls = nullptr;  ///< nullptr: plain
  std::chrono::milliseconds time{10'000};
};

class SocketConnection final : public Connection, public Watched {
 public:
  /// `socket`: connected, non-blocking.
  SocketConnection(EventLoop& loop, Descriptor socket, Peer peer, const ConnectionLimits& limits,
                   std::unique_ptr<StreamHandler> handler, Entrance entrance = {});
  ~SocketConnection() override;

  [[nodiscard]] EventLoop& loop() override { return loop_; }
  [[nodiscard]] const Peer& peer() const override { return peer_; }
  [[nodiscard]] Offer send(FramePtr frame) override;
  [[nodiscard]] Offer send(std::string bytes) override;
  [[nodiscard]] std::size_t unsentBytes() const override { return outbox_.bytes(); }
  void setOutboxLimit(std::size_t bytes) override { limits_.outboxBytes = bytes; }
  void pauseReading() override { ++paused_; }
  void endOnFin(bool on) override;
  void resumeReading() override;
  void readAgain() override;
  void closeDropping(std::string last, std::chrono::milliseconds within) override;
  void close(std::chrono::milliseconds within) override;
  void reset() override;
  [[nodiscard]] bool closing() const override { return state_ != State::Open; }
  void setHandler(std::unique_ptr<StreamHandler> handler) override;

  // For the loop.
  void start();
  void ready(std::uint32_t events) override;
  void deliverAgain();
  void flush();
  /// The loop stops.
  void abandon() {
    if (state_ != State::Moving) die(Closed::Shutdown);
  }
  /// The end of the turn in which it died or began to move.
  void bury();
  [[nodiscard]] bool dead() const { return state_ == State::Dead; }
  void linkInto(SocketConnection*& first);
  void unlinkFrom(SocketConnection*& first);
  [[nodiscard]] SocketConnection* nextInLoop() const { return next_; }

 private:
  enum class State : std::uint8_t { Entering, Open, Closing, Moving, Dead };
  struct Closer;
  struct Entering;

  // Entering.
  void enter();
  /// False: not yet, or never.
  [[nodiscard]] bool passProxyHeader();
  [[nodiscard]] bool passHandshake();
  void refuseHandshake();
  void open();

  // The only two that touch the bytes of the socket once it is open. Both answer as recv(2) and send(2).
  [[nodiscard]] ssize_t receive(std::span<char> into);
  [[nodiscard]] ssize_t transmit();

  [[nodiscard]] bool receiving() const { return state_ == State::Open || state_ == State::Moving; }
  [[nodiscard]] bool wantsInput() const { return !ended_ && (state_ == State::Closing || paused_ == 0); }
  void readSome();
  void readLater();
  void endOfInput();
  [[nodiscard]] std::size_t deliver(std::span<char> data);
  void deliverLeftOver();
  void keep(std::span<const char> rest);
  [[nodiscard]] Offer admit(std::size_t bytes);
  void touch();
  void interest(std::uint32_t events);
  void beginClose(Closed why, std::chrono::milliseconds within);
  void shutDownOutput();
  void moveOut();
  void die(Closed why);
  [[nodiscard]] bool exceedsHalf() const { return outbox_.bytes() > limits_.outboxBytes / 2; }

  EventLoop& loop_;
  Descriptor socket_;
  std::uint32_t events_ = 0;  ///< what epoll is asked for
  std::uint32_t paused_ = 0;  ///< pauses not yet resumed
  State state_ = State::Open;
  bool attached_ = false;  ///< the handler has been told
  Closed why_ = Closed::ByUs;
  bool watched_ = false;     ///< known to epoll
  bool ended_ = false;       ///< the peer's FIN has been read
  bool shutDown_ = false;    ///< our FIN is sent
  bool dirty_ = false;       ///< in the loop's list of those with output
  bool again_ = false;       ///< in the loop's list of those with input left over
  bool delivering_ = false;  ///< inside received()
  bool endOnFin_ = false;    ///< a FIN ends it even while reading is paused
  bool wasOverHalf_ = false;
  ConnectionLimits limits_;
  Outbox outbox_;
  std::vector<char> leftOver_;  ///< input that the handler has not consumed; no memory while it is empty
  std::unique_ptr<StreamHandler> handler_;
  std::unique_ptr<Entering> entering_;  ///< only while entering
  std::unique_ptr<TlsStream> tls_;      ///< nullptr: plain
  std::unique_ptr<Closer> closer_;      ///< only while closing
  Peer peer_;
  SocketConnection* next_ = nullptr;
  SocketConnection* prev_ = nullptr;
};

}  // namespace chatd::net
