// EngineIoSession: one Engine.IO 4 session over a WebSocket: packets, heartbeat, and the close. Owned by its
// WebSocketStream; owns the Socket.IO session that speaks through it. Thread: its loop.
#pragma once

#include <memory>
#include <string>

#include "engine/transport.h"
#include "net/timer_wheel.h"
#include "realtime/socket_io_session.h"

namespace chatd {

class EngineIoSession final : public engine::TransportHandler {
 public:
  EngineIoSession(Realtime& realtime, Handshake handshake);
  ~EngineIoSession() override;

  void opened(engine::Transport& transport) override;
  void text(std::string_view message) override;
  void binary(std::string_view message) override { session_->binary(message); }
  [[nodiscard]] bool full() const override { return session_->full(); }
  void closed() override;

 private:
  void beat();

  Realtime& realtime_;
  engine::Transport* transport_ = nullptr;
  net::Timer heartbeat_;
  bool awaitingPong_ = false;
  std::chrono::milliseconds pingInterval_;
  std::chrono::milliseconds pingTimeout_;
  Handshake handshake_;  ///< until opened() hands it on
  std::unique_ptr<SocketIoSession> session_;
};

}  // namespace chatd
