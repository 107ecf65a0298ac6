#include "engine/websocket_stream.h"

#include "net/event_loop.h"
#include "protocol/permessage_deflate.h"

namespace chatd::engine {

namespace {
constexpr std::chrono::milliseconds kCloseTime{5000};  // the frame under way and the close stay so long, then a reset
constexpr int kFramesATurn = 32;                       // then other connections have their turn
}  // namespace

WebSocketStream::WebSocketStream(std::unique_ptr<TransportHandler> handler, const WebSocketLimits& limits,
                                 net::EventLoop* home)
    : handler_(std::move(handler)),
      deflate_(limits.deflate),
      outboxBytes_(limits.outboxBytes),
      home_(home),
      parser_(limits.maxMessage, limits.deflate) {}

WebSocketStream::~WebSocketStream() = default;

void WebSocketStream::attached(net::Connection& connection) {
  connection_ = &connection;
  if (!deflate_) direct_ = &connection;
  connection.setOutboxLimit(outboxBytes_);
  handler_->opened(*this);
}

std::size_t WebSocketStream::received(std::span<char> data) {
  std::size_t consumed = 0;
  for (int frames = 0; consumed < data.size() && !closing_; ++frames) {
    if (frames == kFramesATurn || handler_->full()) {
      // A full handler has paused the reading, and gets the rest when it resumes.
      if (!handler_->full()) connection_->readAgain();
      return consumed;
    }
    const ws::Step step = parser_.next(data.subspan(consumed));
    consumed += step.consumed;
    switch (step.kind) {
      case ws::Step::Kind::NeedMore:
        return consumed;
      case ws::Step::Kind::Fault:
        close(step.code, step.reason);
        break;
      case ws::Step::Kind::Control:
        control(step);
        break;
      case ws::Step::Kind::Message:
        if (step.opcode == ws::Opcode::Text) {
          handler_->text(step.payload);
        } else {
          handler_->binary(step.payload);
        }
        break;
    }
  }
  return closing_ ? data.size() : consumed;
}

void WebSocketStream::control(const ws::Step& step) {
  if (step.opcode == ws::Opcode::Ping) {
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Pong, step.payload);
    send(std::move(frame));
  } else if (step.opcode == ws::Opcode::Pong) {
    handler_->pong();
  } else if (step.opcode == ws::Opcode::Close) {
    close(step.code == ws::CloseCode::NoStatus ? ws::CloseCode::Normal : step.code, {});
  }
}

void WebSocketStream::sent(Offer offer) {
  if (offer == Offer::Full) tooSlow();
}

FramePtr WebSocketStream::outgoing(FramePtr frames) const {
  if (!deflate_ || frames->size() < ws::kDeflateFrom) return frames;
  // Compressed once for all that are sent this buffer, on whatever loop they live.
  const FramePtr& shorter = frames->twin([&frames]() -> FramePtr {
    std::string compressed = ws::deflateFrames(*frames);
    return compressed.empty() ? nullptr : makeFrame(std::move(compressed));
  });
  return shorter != nullptr ? shorter : frames;
}

std::string WebSocketStream::outgoing(std::string frames) const {
  if (!deflate_ || frames.size() < ws::kDeflateFrom) return frames;
  std::string compressed = ws::deflateFrames(frames);
  return compressed.empty() ? frames : compressed;
}

void WebSocketStream::send(FramePtr frames) {
  if (!closing_) sent(connection_->send(outgoing(std::move(frames))));
}
void WebSocketStream::send(std::string frames) {
  if (!closing_) sent(connection_->send(outgoing(std::move(frames))));
}

void WebSocketStream::sendReply(std::string frames) {
  if (closing_) return;
  frames = outgoing(std::move(frames));
  // Who has read what it was sent gets its answer in whatever size; the limit grows by that one answer and comes back after
  // it. Who has not is held to the limit as always, so that asking again and again does not pile up memory.
  if (connection_->unsentBytes() <= outboxBytes_ / 2) {
    if (outboxRaised_ || frames.size() > outboxBytes_ / 2) connection_->setOutboxLimit(outboxBytes_ + frames.size());
    outboxRaised_ = frames.size() > outboxBytes_ / 2;
  }
  sent(connection_->send(std::move(frames)));
}

void WebSocketStream::drained() {
  if (closing_) return;
  if (outboxRaised_) {
    outboxRaised_ = false;
    connection_->setOutboxLimit(outboxBytes_);
  }
  handler_->drained();
}

void WebSocketStream::ending() {
  closing_ = true;
  direct_ = nullptr;
  handler_->closed();
}

void WebSocketStream::tooSlow() {
  ending();
  connection_->closeDropping(ws::closeFrame(ws::CloseCode::TooSlow, "too slow to read"), kCloseTime);
}

void WebSocketStream::close(ws::CloseCode code, std::string_view reason) {
  if (closing_) return;
  // Queued before the flag: a full outbox here ends in tooSlow(), which is a close as well.
  send(ws::closeFrame(code, reason));
  if (closing_) return;
  ending();
  connection_->close(kCloseTime);
}

void WebSocketStream::closed(net::Closed) {
  if (!closing_) ending();
}

void WebSocketStream::pauseReading() {
  if (!closing_) connection_->pauseReading();
}
void WebSocketStream::resumeReading() {
  if (!closing_) connection_->resumeReading();
}
void WebSocketStream::arm(net::Timer& timer, std::chrono::milliseconds delay) {
  if (!closing_) connection_->loop().arm(timer, delay);
}
std::size_t WebSocketStream::unsentBytes() const { return connection_->unsentBytes(); }
const net::Peer& WebSocketStream::peer() const { return connection_->peer(); }
std::size_t WebSocketStream::loop() const { return connection_->loop().index(); }

}  // namespace chatd::engine
