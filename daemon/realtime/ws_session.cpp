// The life of a session on plain WebSocket. Its requests are in ws_requests.cpp.
#include "realtime/ws_session.h"

#include "base/random.h"
#include "base/text.h"
#include "realtime/realtime.h"

namespace chatd {

WsSession::~WsSession() {
  if (transport_ != nullptr) realtime_.transportClosed();
}

Result<void> WsSession::admit(Identity identity, std::string clientIp, std::string origin) {
  clientIp_ = std::move(clientIp);
  origin_ = std::move(origin);
  fields_ = identity.fields();
  self_ = identity.user;
  return attach(std::move(identity), toBase64Url(randomBytes(15)), "ws", clientIp_);
}

void WsSession::opened(engine::Transport& transport) {
  transport_ = &transport;
  realtime_.transportOpened();
  if (endWith_) return end(*endWith_);
  if (realtime_.draining()) return transport.close(ws::CloseCode::Restarting, "restarting");
  const auto options = realtime_.options();
  json_wire::Limits limits;
  limits.messageBytes = options->messageBytes;
  limits.messagesPerSecond = options->messagesPerSecond;
  limits.messagesBurst = options->messagesBurst;
  limits.replay = options->replay;
  limits.outboxBytes = options->outboxBytes;
  limits.maxPayload = options->maxPayload;
  limits.rooms = kMaxRooms;
  limits.pingInterval = options->pingInterval;
  limits.pingTimeout = options->pingTimeout;
  // A user's names and metadata may be more than a small outbox holds.
  transport.sendReply(json_wire::hello(publicId_, self_, realtime_.clock().wall(), limits));
  if (state_ != State::Connected) return;
  realtime_.followers(address().loop).add(*this);
  watchToken();
  // Thousands that came at once should not be pinged at once. Short intervals are kept exact.
  constexpr std::chrono::milliseconds kJitterFrom{5000};
  auto first = options->pingInterval;
  if (first >= kJitterFrom) {
    first -= std::chrono::milliseconds(randomNumber() % static_cast<std::uint64_t>(first.count() / 5));
  }
  transport.arm(heartbeat_, first);
}

void WsSession::pong() {
  alive_ = true;
  if (std::exchange(pinged_, false)) transport_->arm(heartbeat_, realtime_.options()->pingInterval);
}

void WsSession::beat() {
  if (state_ != State::Connected) return;
  // A client that says something is there, also if its pong is late.
  if (std::exchange(pinged_, false) && !alive_) return transport_->close(ws::CloseCode::GoingAway, "ping timeout");
  static const FramePtr ping = [] {
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Ping, {});
    return makeFrame(std::move(frame));
  }();
  pinged_ = true;
  alive_ = false;
  transport_->send(ping);
  transport_->arm(heartbeat_, realtime_.options()->pingTimeout);
}

void WsSession::text(std::string_view message) {
  if (state_ != State::Connected) return;
  alive_ = true;
  json_wire::Request request = json_wire::parse(message);
  if (!request.body.ok()) return refuse(request.id, std::move(request.body).error());
  if (!std::holds_alternative<json_wire::Send>(*request.body) && overEventRate()) {
    return refuse(request.id, Error(Code::RateLimited, "Too many requests in too short a time."));
  }
  start(std::move(*request.body), *request.id);
}

void WsSession::binary(std::string_view /*message*/) { transport_->close(ws::CloseCode::Unsupported, "send text frames"); }

void WsSession::refuse(std::optional<Id> id, Error error) {
  // What is not a request at all costs as much as one.
  if (error.code() != Code::RateLimited && overEventRate()) {
    error = Error(Code::RateLimited, "Too many requests in too short a time.");
  }
  command(Kind::Step, [this, id, error = std::move(error)] {
    transport_->send(json_wire::error(id, error));
    countRefusal(error);
  });
}

void WsSession::tellLost(const Room& room, Form /*form*/, const Error& why) { transport_->send(json_wire::left(room, why)); }

void WsSession::end(Code why) {
  if (transport_ == nullptr) {
    endWith_ = why;
    return;
  }
  if (state_ == State::Closed) return;
  transport_->send(json_wire::error(std::nullopt, Error(why)));
  const bool token = why == Code::TokenExpired || why == Code::TokenRevoked;
  transport_->close(token ? ws::CloseCode::TokenEnded : ws::CloseCode::Forbidden, row(why).wire);
}

void WsSession::closed() {
  heartbeat_.cancel();
  if (state_ == State::Connected) realtime_.followers(address().loop).remove(*this);
  detach();
}

}  // namespace chatd
