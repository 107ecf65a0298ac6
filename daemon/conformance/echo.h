// Echoes: sessions that send back what they are sent, at /echo and /engine.io/. Owned by their transport. Thread: the
// transport's loop.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "engine/transport.h"
#include "engine/websocket_stream.h"

namespace chatd::conformance {

/// Of /echo: bytes of one message, whatever --max-payload says.
inline constexpr std::size_t kEchoMessage = 16 << 20;

/// A session that answers, and that does not read a peer who does not read its answers: with more than half of the outbox
/// waiting it pauses, so that the answer to any message fits into the other half.
class Answering : public engine::TransportHandler {
 public:
  /// outboxBytes: of the transport.
  explicit Answering(std::size_t outboxBytes) : half_(outboxBytes / 2) {}

  void opened(engine::Transport& transport) override { transport_ = &transport; }
  [[nodiscard]] bool full() const override { return full_; }
  void drained() override;
  void closed() override { transport_ = nullptr; }

 protected:
  /// Whole WebSocket frames. After the close they go nowhere.
  void answer(std::string frames);
  /// nullptr: closed.
  [[nodiscard]] engine::Transport* transport() { return transport_; }

 private:
  const std::size_t half_;
  engine::Transport* transport_ = nullptr;
  bool full_ = false;
};

/// Every WebSocket message as it came.
class WebSocketEcho final : public Answering {
 public:
  /// What the stream under it needs.
  [[nodiscard]] static engine::WebSocketLimits limits();

  WebSocketEcho() : Answering(limits().outboxBytes) {}
  void text(std::string_view message) override;
  void binary(std::string_view message) override;
};

/// Every Engine.IO message as it came.
class EngineEcho final : public Answering {
 public:
  using Answering::Answering;
  void text(std::string_view message) override;
  void binary(std::string_view message) override;
};

}  // namespace chatd::conformance
