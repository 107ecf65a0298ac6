// WebSocketStream: one WebSocket, once it is open: frames, control frames, the close handshake, the bound on what is unsent,
// fairness between connections. Owned by its connection; owns the handler. Thread: its loop.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "engine/transport.h"
#include "net/connection.h"
#include "protocol/websocket.h"

namespace chatd::engine {

struct WebSocketLimits {
  std::size_t maxMessage = 1'000'000;  ///< bytes of one message from the peer, over all of its frames
  std::size_t outboxBytes = 1 << 20;   ///< bytes that may be unsent
  bool deflate = false;                ///< permessage-deflate was negotiated: see negotiateDeflate()
};

class WebSocketStream final : public net::StreamHandler, public Transport {
 public:
  /// home: the loop on which it must live; nullptr: that of the connection which becomes it.
  WebSocketStream(std::unique_ptr<TransportHandler> handler, const WebSocketLimits& limits, net::EventLoop* home = nullptr);
  ~WebSocketStream() override;

  // StreamHandler.
  void attached(net::Connection& connection) override;
  std::size_t received(std::span<char> data) override;
  void drained() override;
  void closed(net::Closed why) override;
  [[nodiscard]] net::EventLoop* home() const override { return home_; }

  // Transport.
  void send(FramePtr frames) override;
  void send(std::string frames) override;
  void sendReply(std::string frames) override;
  void close(ws::CloseCode code, std::string_view reason) override;
  void pauseReading() override;
  void resumeReading() override;
  void arm(net::Timer& timer, std::chrono::milliseconds delay) override;
  [[nodiscard]] std::size_t unsentBytes() const override;
  [[nodiscard]] const net::Peer& peer() const override;
  [[nodiscard]] std::size_t loop() const override;
  [[nodiscard]] std::string_view name() const override { return "websocket"; }

 private:
  void control(const ws::Step& step);
  void sent(Offer offer);
  /// The same frames as they go out: compressed, if that was negotiated and is worth it.
  [[nodiscard]] FramePtr outgoing(FramePtr frames) const;
  [[nodiscard]] std::string outgoing(std::string frames) const;
  void tooSlow();
  void ending();

  net::Connection* connection_ = nullptr;
  const std::unique_ptr<TransportHandler> handler_;
  const bool deflate_;
  bool closing_ = false;
  bool outboxRaised_ = false;  ///< for a reply that was larger than the outbox
  const std::size_t outboxBytes_;
  net::EventLoop* const home_;
  ws::FrameParser parser_;
};

}  // namespace chatd::engine
