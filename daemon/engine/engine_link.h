// EngineLink: what an Engine.IO WebSocket does: begins a session, or joins one that is on polling, or is one too many.
// Owned by its WebSocketStream. Thread: until it is opened none in particular, then its loop, which is the session's.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "engine/engine_session.h"
#include "engine/transport.h"

namespace chatd::engine {

class EngineServer;

class EngineLink final : public TransportHandler {
 public:
  /// A session of its own.
  EngineLink(EngineServer& server, std::unique_ptr<EngineSetup> setup) : server_(server), setup_(std::move(setup)) {}
  /// The upgrade of session `sid`, which lives on the loop where this will be opened. Empty: one WebSocket too many, to be
  /// closed once it is open.
  EngineLink(EngineServer& server, std::string sid) : server_(server), sid_(std::move(sid)) {}

  void opened(Transport& stream) override;
  void text(std::string_view message) override;
  void binary(std::string_view message) override;
  [[nodiscard]] bool full() const override { return state_ == State::Carrying && session_->full(); }
  void drained() override;
  void closed() override;

  /// While it is open.
  [[nodiscard]] Transport& stream() { return *stream_; }

 private:
  enum class State : std::uint8_t { Silent, Probing, Probed, Carrying };
  void probe(std::string_view message);

  EngineServer& server_;
  Transport* stream_ = nullptr;
  State state_ = State::Silent;
  std::unique_ptr<EngineSetup> setup_;
  std::string sid_;
  std::shared_ptr<EngineSession> session_;
};

}  // namespace chatd::engine
