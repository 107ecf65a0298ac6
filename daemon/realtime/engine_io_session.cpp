#include "realtime/engine_io_session.h"

#include "base/text.h"
#include "protocol/engine_io.h"
#include "realtime/realtime.h"

namespace chatd {

namespace {
constexpr std::chrono::milliseconds kCloseTime{5000};  // CONTRACT 3.3: the frame under way and the close stay ≤ 5 s
constexpr int kFramesATurn = 32;                       // then other connections have their turn
constexpr std::chrono::milliseconds kJitterFrom{5000};
}  // namespace

EngineIoSession::EngineIoSession(Realtime& realtime, Handshake handshake)
    : realtime_(realtime),
      parser_(realtime.options()->maxPayload),
      heartbeat_([](void* self) { static_cast<EngineIoSession*>(self)->beat(); }, this),
      outboxBytes_(realtime.options()->outboxBytes),
      pingInterval_(realtime.options()->pingInterval),
      pingTimeout_(realtime.options()->pingTimeout),
      handshake_(std::move(handshake)) {}

EngineIoSession::~EngineIoSession() = default;

void EngineIoSession::attached(net::Connection& connection) {
  connection_ = &connection;
  const auto options = realtime_.options();
  connection.setOutboxLimit(outboxBytes_);
  realtime_.transportOpened();
  const std::string sid = toBase64Url(randomBytes(15));
  std::string open;
  eio::appendOpen(open, {sid, {}, pingInterval_, pingTimeout_, options->maxPayload});
  std::string frame;
  ws::appendFrame(frame, ws::Opcode::Text, open);
  send(std::move(frame));
  session_ = std::make_unique<SocketIoSession>(realtime_, *this, connection, std::move(handshake_));
  // Thousands that came at once should not be pinged at once. Short intervals are kept exact.
  auto first = pingInterval_;
  if (first >= kJitterFrom)
    first -= std::chrono::milliseconds(randomNumber() % static_cast<std::uint64_t>(first.count() / 5));
  connection.loop().arm(heartbeat_, first);
}

void EngineIoSession::beat() {
  if (closing_) return;
  if (awaitingPong_) return close(ws::CloseCode::GoingAway, "ping timeout");
  awaitingPong_ = true;
  static const FramePtr ping = [] {
    std::string packet;
    eio::append(packet, eio::PacketType::Ping);
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Text, packet);
    return makeFrame(std::move(frame));
  }();
  send(ping);
  if (!closing_) connection_->loop().arm(heartbeat_, pingTimeout_);
}

std::size_t EngineIoSession::received(std::span<char> data) {
  std::size_t consumed = 0;
  for (int frames = 0; consumed < data.size() && !closing_; ++frames) {
    if (frames == kFramesATurn || session_->full()) {
      // A full session has paused its reading, and gets the rest when it resumes.
      if (!session_->full()) connection_->readAgain();
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
        message(step);
        break;
    }
  }
  return closing_ ? data.size() : consumed;
}

void EngineIoSession::control(const ws::Step& step) {
  if (step.opcode == ws::Opcode::Ping) {
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Pong, step.payload);
    send(std::move(frame));
  } else if (step.opcode == ws::Opcode::Close) {
    close(step.code == ws::CloseCode::NoStatus ? ws::CloseCode::Normal : step.code, {});
  }
}

void EngineIoSession::message(const ws::Step& step) {
  if (step.opcode == ws::Opcode::Binary) return session_->binary(step.payload);
  const auto packet = eio::decode(step.payload);
  if (!packet.ok()) return close(ws::CloseCode::ProtocolError, "not an Engine.IO packet");
  switch (packet->type) {
    case eio::PacketType::Message:
      return session_->packet(packet->data);
    case eio::PacketType::Pong:
      if (!awaitingPong_) return;
      awaitingPong_ = false;
      connection_->loop().arm(heartbeat_, pingInterval_);
      return;
    case eio::PacketType::Close:
      return close(ws::CloseCode::Normal, {});
    case eio::PacketType::Ping: {
      // A client has no business to ping in this protocol version, except to probe an upgrade; the reference answers all the
      // same.
      std::string pong;
      eio::append(pong, eio::PacketType::Pong, packet->data);
      std::string frame;
      ws::appendFrame(frame, ws::Opcode::Text, pong);
      return send(std::move(frame));
    }
    case eio::PacketType::Open:
    case eio::PacketType::Upgrade:
    case eio::PacketType::Noop:
      return;
  }
}

void EngineIoSession::sent(Offer offer) {
  if (offer == Offer::Full) tooSlow();
}

void EngineIoSession::send(FramePtr frame) {
  if (!closing_) sent(connection_->send(std::move(frame)));
}
void EngineIoSession::send(std::string frame) {
  if (!closing_) sent(connection_->send(std::move(frame)));
}

void EngineIoSession::sendReply(std::string frames) {
  if (closing_) return;
  // Who has read what it was sent gets its answer in whatever size; the limit grows by that one answer and comes back after
  // it. Who has not is held to the limit as always, so that asking again and again does not pile up memory.
  if (connection_->unsentBytes() <= outboxBytes_ / 2) {
    if (outboxRaised_ || frames.size() > outboxBytes_ / 2) connection_->setOutboxLimit(outboxBytes_ + frames.size());
    outboxRaised_ = frames.size() > outboxBytes_ / 2;
  }
  sent(connection_->send(std::move(frames)));
}

void EngineIoSession::drained() {
  if (!outboxRaised_ || closing_) return;
  outboxRaised_ = false;
  connection_->setOutboxLimit(outboxBytes_);
}

void EngineIoSession::tooSlow() {
  closing_ = true;
  heartbeat_.cancel();
  if (session_) session_->transportClosing();
  connection_->closeDropping(ws::closeFrame(ws::CloseCode::TooSlow, "too slow to read"), kCloseTime);
}

void EngineIoSession::close(ws::CloseCode code, std::string_view reason) {
  if (closing_) return;
  // Queued before the flag: a full outbox here ends in tooSlow(), which is a close as well.
  send(ws::closeFrame(code, reason));
  if (closing_) return;
  closing_ = true;
  heartbeat_.cancel();
  if (session_) session_->transportClosing();
  connection_->close(kCloseTime);
}

void EngineIoSession::closed(net::Closed) {
  closing_ = true;
  heartbeat_.cancel();
  if (session_) session_->transportClosing();
  realtime_.transportClosed();
}

void EngineIoSession::pauseReading() {
  if (!closing_) connection_->pauseReading();
}
void EngineIoSession::resumeReading() {
  if (!closing_) connection_->resumeReading();
}
void EngineIoSession::arm(net::Timer& timer, std::chrono::milliseconds delay) {
  if (!closing_) connection_->loop().arm(timer, delay);
}

}  // namespace chatd
