#include "conformance/echo.h"

#include <utility>

#include "protocol/framing.h"

namespace chatd::conformance {

namespace {

constexpr std::size_t kControlRoom = 64 * 1024;  // pongs and the close, beside the messages

std::string frameOf(ws::Opcode opcode, std::string_view message) {
  std::string frame;
  frame.reserve(ws::headerSize(message.size()) + message.size());
  ws::appendFrame(frame, opcode, message);
  return frame;
}

}  // namespace

void Answering::answer(std::string frames) {
  if (transport_ == nullptr) return;
  transport_->sendReply(std::move(frames));
  if (transport_ == nullptr || full_ || transport_->unsentBytes() <= half_) return;
  full_ = true;
  transport_->pauseReading();
}

void Answering::drained() {
  if (!full_) return;
  full_ = false;
  if (transport_ != nullptr) transport_->resumeReading();
}

engine::WebSocketLimits WebSocketEcho::limits() {
  return {.maxMessage = kEchoMessage, .outboxBytes = 2 * (kEchoMessage + ws::kMaxServerHeader) + kControlRoom};
}

void WebSocketEcho::text(std::string_view message) { answer(frameOf(ws::Opcode::Text, message)); }
void WebSocketEcho::binary(std::string_view message) { answer(frameOf(ws::Opcode::Binary, message)); }

void EngineEcho::text(std::string_view message) {
  answer(framed(Framing::WebSocket, message.size(), [&](std::string& out) { out.append(message); }));
}
void EngineEcho::binary(std::string_view message) { answer(frameOf(ws::Opcode::Binary, message)); }

}  // namespace chatd::conformance
