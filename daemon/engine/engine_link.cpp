#include "engine/engine_link.h"

#include "engine/engine_server.h"
#include "protocol/engine_io.h"

namespace chatd::engine {

void EngineLink::opened(Transport& stream) {
  stream_ = &stream;
  if (setup_) {
    session_ = server_.make(std::move(*setup_));
    setup_.reset();
    state_ = State::Carrying;
    return session_->begin(*this);
  }
  session_ = server_.find(sid_);
  if (session_ == nullptr || !session_->probing(*this)) {
    session_.reset();
    return stream.close(ws::CloseCode::Normal, {});
  }
  state_ = State::Probing;
}

void EngineLink::text(std::string_view message) {
  if (state_ == State::Carrying) return session_->text(message);
  probe(message);
}

void EngineLink::probe(std::string_view message) {
  const auto packet = eio::decode(message);
  if (packet.ok() && packet->type == eio::PacketType::Ping && packet->data == "probe") {
    std::string pong;
    eio::append(pong, eio::PacketType::Pong, "probe");
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Text, pong);
    stream_->send(std::move(frame));
    state_ = State::Probed;
    return session_->probed();
  }
  if (packet.ok() && packet->type == eio::PacketType::Upgrade && state_ == State::Probed) {
    state_ = State::Carrying;
    return session_->upgraded(*this);
  }
  // The session stays on polling.
  stream_->close(ws::CloseCode::ProtocolError, "not a probe");
}

void EngineLink::binary(std::string_view message) {
  if (state_ == State::Carrying) return session_->binary(message);
  stream_->close(ws::CloseCode::ProtocolError, "not a probe");
}

void EngineLink::drained() {
  if (state_ == State::Carrying) session_->drained();
}

void EngineLink::closed() {
  if (session_) session_->linkClosed(*this);
}

}  // namespace chatd::engine
