// Echo: sends every WebSocket message back as it came. Owned by its transport. Thread: the transport's loop.
#pragma once

#include <cstddef>
#include <string_view>

#include "engine/transport.h"
#include "engine/websocket_stream.h"

namespace chatd::conformance {

/// Of /echo: bytes of one message, whatever --max-payload says.
inline constexpr std::size_t kEchoMessage = 16 << 20;

class Echo final : public engine::TransportHandler {
 public:
  /// What the stream under it needs: one message may be on its way back while the next one is taken.
  [[nodiscard]] static engine::WebSocketLimits limits();

  void opened(engine::Transport& transport) override { transport_ = &transport; }
  void text(std::string_view message) override { echo(ws::Opcode::Text, message); }
  void binary(std::string_view message) override { echo(ws::Opcode::Binary, message); }
  [[nodiscard]] bool full() const override { return full_; }
  void drained() override;
  void closed() override { transport_ = nullptr; }

 private:
  void echo(ws::Opcode opcode, std::string_view message);

  engine::Transport* transport_ = nullptr;  ///< nullptr: closed
  bool full_ = false;                       ///< the peer reads slower than it writes, so it is not read meanwhile
};

}  // namespace chatd::conformance
