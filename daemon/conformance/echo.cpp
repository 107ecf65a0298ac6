#include "conformance/echo.h"

#include <string>
#include <utility>

namespace chatd::conformance {

namespace {
constexpr std::size_t kControlRoom = 64 * 1024;  // pongs and the close, beside the messages
constexpr std::size_t kOutbox = 2 * (kEchoMessage + ws::kMaxServerHeader) + kControlRoom;
}  // namespace

engine::WebSocketLimits Echo::limits() { return {.maxMessage = kEchoMessage, .outboxBytes = kOutbox}; }

void Echo::echo(ws::Opcode opcode, std::string_view message) {
  if (transport_ == nullptr) return;
  std::string frame;
  frame.reserve(ws::headerSize(message.size()) + message.size());
  ws::appendFrame(frame, opcode, message);
  transport_->send(std::move(frame));
  // Up to half of the outbox may wait, so that a message of any size always fits into the other half; drained() comes when
  // it is under the half again.
  if (transport_ != nullptr && transport_->unsentBytes() > kOutbox / 2) {
    full_ = true;
    transport_->pauseReading();
  }
}

void Echo::drained() {
  if (!full_) return;
  full_ = false;
  if (transport_ != nullptr) transport_->resumeReading();
}

}  // namespace chatd::conformance
