// SocketIoHandler: joins the Socket.IO session of one client to the Engine.IO session that carries it. Owned by the latter.
// Thread: its loop.
#pragma once

#include <memory>
#include <string_view>

#include "engine/transport.h"
#include "realtime/socket_io_session.h"

namespace chatd {

class SocketIoHandler final : public engine::TransportHandler {
 public:
  SocketIoHandler(Realtime& realtime, Handshake handshake);
  ~SocketIoHandler() override;

  void opened(engine::Transport& transport) override;
  void text(std::string_view message) override { session_->packet(message); }
  void binary(std::string_view message) override { session_->binary(message); }
  [[nodiscard]] bool full() const override { return session_->full(); }
  void upgraded() override { session_->transportChanged(); }
  void drained() override { session_->outboxDrained(); }
  void closed() override;

 private:
  Realtime& realtime_;
  Handshake handshake_;  ///< until opened() hands it on
  std::unique_ptr<SocketIoSession> session_;
};

}  // namespace chatd
