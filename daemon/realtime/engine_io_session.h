// EngineIoSession: one Engine.IO 4 session over a WebSocket: frames, heartbeat, and the close. Owned by its connection; owns
// the Socket.IO session that speaks through it. Thread: its loop.
#pragma once

#include <memory>
#include <string>

#include "net/connection.h"
#include "net/event_loop.h"
#include "protocol/websocket.h"
#include "realtime/socket_io_session.h"

namespace chatd {

class EngineIoSession final : public net::StreamHandler, public SocketIoTransport {
 public:
  EngineIoSession(Realtime& realtime, Handshake handshake);
  ~EngineIoSession() override;

  // StreamHandler.
  void attached(net::Connection& connection) override;
  std::size_t received(std::span<char> data) override;
  void drained() override;
  void closed(net::Closed why) override;

  // SocketIoTransport.
  void send(FramePtr frame) override;
  void send(std::string frame) override;
  void sendReply(std::string frames) override;
  void close(ws::CloseCode code, std::string_view reason) override;
  void pauseReading() override;
  void resumeReading() override;
  void arm(net::Timer& timer, std::chrono::milliseconds delay) override;

 private:
  void control(const ws::Step& step);
  void message(const ws::Step& step);
  void beat();
  void tooSlow();
  void sent(Offer offer);

  Realtime& realtime_;
  net::Connection* connection_ = nullptr;
  ws::FrameParser parser_;
  net::Timer heartbeat_;
  bool awaitingPong_ = false;
  bool closing_ = false;
  bool outboxRaised_ = false;  ///< for a reply that was larger than the outbox
  std::size_t outboxBytes_;
  std::chrono::milliseconds pingInterval_;
  std::chrono::milliseconds pingTimeout_;
  Handshake handshake_;  ///< until attached() hands it on
  std::unique_ptr<SocketIoSession> session_;
};

}  // namespace chatd
