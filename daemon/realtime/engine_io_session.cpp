#include "realtime/engine_io_session.h"

#include "base/random.h"
#include "base/text.h"
#include "protocol/engine_io.h"
#include "realtime/realtime.h"

namespace chatd {

namespace {
constexpr std::chrono::milliseconds kJitterFrom{5000};
}  // namespace

EngineIoSession::EngineIoSession(Realtime& realtime, Handshake handshake)
    : realtime_(realtime),
      heartbeat_([](void* self) { static_cast<EngineIoSession*>(self)->beat(); }, this),
      pingInterval_(realtime.options()->pingInterval),
      pingTimeout_(realtime.options()->pingTimeout),
      handshake_(std::move(handshake)) {}

EngineIoSession::~EngineIoSession() {
  if (transport_ != nullptr) realtime_.transportClosed();
}

void EngineIoSession::opened(engine::Transport& transport) {
  transport_ = &transport;
  realtime_.transportOpened();
  const std::string sid = toBase64Url(randomBytes(15));
  std::string open;
  eio::appendOpen(open, {sid, {}, pingInterval_, pingTimeout_, realtime_.options()->maxPayload});
  std::string frame;
  ws::appendFrame(frame, ws::Opcode::Text, open);
  transport.send(std::move(frame));
  session_ = std::make_unique<SocketIoSession>(realtime_, transport, std::move(handshake_));
  // Thousands that came at once should not be pinged at once. Short intervals are kept exact.
  auto first = pingInterval_;
  if (first >= kJitterFrom)
    first -= std::chrono::milliseconds(randomNumber() % static_cast<std::uint64_t>(first.count() / 5));
  transport.arm(heartbeat_, first);
}

void EngineIoSession::beat() {
  if (awaitingPong_) return transport_->close(ws::CloseCode::GoingAway, "ping timeout");
  awaitingPong_ = true;
  static const FramePtr ping = [] {
    std::string packet;
    eio::append(packet, eio::PacketType::Ping);
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Text, packet);
    return makeFrame(std::move(frame));
  }();
  transport_->send(ping);
  transport_->arm(heartbeat_, pingTimeout_);
}

void EngineIoSession::text(std::string_view message) {
  const auto packet = eio::decode(message);
  if (!packet.ok()) return transport_->close(ws::CloseCode::ProtocolError, "not an Engine.IO packet");
  switch (packet->type) {
    case eio::PacketType::Message:
      return session_->packet(packet->data);
    case eio::PacketType::Pong:
      if (!awaitingPong_) return;
      awaitingPong_ = false;
      return transport_->arm(heartbeat_, pingInterval_);
    case eio::PacketType::Close:
      return transport_->close(ws::CloseCode::Normal, {});
    case eio::PacketType::Ping: {
      // A client has no business to ping in this protocol version, except to probe an upgrade; the reference answers all the
      // same.
      std::string pong;
      eio::append(pong, eio::PacketType::Pong, packet->data);
      std::string frame;
      ws::appendFrame(frame, ws::Opcode::Text, pong);
      return transport_->send(std::move(frame));
    }
    case eio::PacketType::Open:
    case eio::PacketType::Upgrade:
    case eio::PacketType::Noop:
      return;
  }
}

void EngineIoSession::closed() {
  heartbeat_.cancel();
  if (session_) session_->transportClosing();
}

}  // namespace chatd
