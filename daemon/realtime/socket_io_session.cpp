// From CONNECT to the end. What a connected client says is in socket_io_events.cpp.
#include "realtime/socket_io_session.h"

#include "base/random.h"
#include "base/text.h"
#include "realtime/realtime.h"

namespace chatd {

namespace {

constexpr std::size_t kMaxToken = 16 * 1024;
constexpr std::chrono::milliseconds kLongestTimer{3'600'000};  // then it looks again

/// Trouble of ours that passes: the transport is closed without CONNECT_ERROR, so that the official client comes back by
/// itself.
bool comeBack(Code code) {
  switch (code) {
    case Code::VerifierUnavailable:
    case Code::StoreUnavailable:
    case Code::Busy:
    case Code::Restarting:
    case Code::Internal:
      return true;
    default:
      return false;
  }
}

}  // namespace

SocketIoSession::SocketIoSession(Realtime& realtime, engine::Transport& transport, Handshake handshake)
    : realtime_(realtime),
      transport_(transport),
      address_{static_cast<std::uint32_t>(transport.loop()), realtime.nextSessionId()},
      clientIp_(transport.peer().ip),
      handshake_(std::make_unique<Handshake>(std::move(handshake))),
      timer_([](void* self) { static_cast<SocketIoSession*>(self)->timer(); }, this),
      eventTokens_(0),
      eventTokensAt_() {
  realtime_.hub(address_.loop).add(*this);
  transport_.arm(timer_, realtime_.options()->connectTime);
}

SocketIoSession::~SocketIoSession() { transportClosing(); }

void SocketIoSession::packet(std::string_view text) {
  if (state_ == State::Closed) return;
  auto packet = sio::decode(text);
  // The reference server closes the transport of who does not speak the protocol.
  if (!packet.ok()) return transport_.close(ws::CloseCode::ProtocolError, "not a Socket.IO packet");
  const bool binary = packet->type == sio::PacketType::BinaryEvent || packet->type == sio::PacketType::BinaryAck;
  if (!binary && !attachments_) return complete(std::move(*packet));
  if (!attachments_) attachments_ = std::make_unique<sio::Attachments>(realtime_.options()->maxPayload);
  const auto whole = attachments_->begin(std::move(*packet));
  if (!whole.ok()) return transport_.close(ws::CloseCode::ProtocolError, "attachments missing");
  if (*whole) {
    sio::Packet done = attachments_->take();
    attachments_.reset();
    complete(std::move(done));
  }
}

void SocketIoSession::binary(std::string_view bytes) {
  if (state_ == State::Closed) return;
  if (!attachments_) return transport_.close(ws::CloseCode::Unsupported, "no attachment is expected");
  const auto whole = attachments_->add(bytes);
  if (!whole.ok()) return transport_.close(ws::CloseCode::ProtocolError, "attachments broken");
  if (*whole) {
    sio::Packet done = attachments_->take();
    attachments_.reset();
    complete(std::move(done));
  }
}

void SocketIoSession::complete(sio::Packet packet) {
  if (packet.type == sio::PacketType::Connect) return connect(std::move(packet));
  if (packet.nsp != "/" || state_ != State::Connected) {
    return transport_.close(ws::CloseCode::PolicyViolation, "not connected to this namespace");
  }
  switch (packet.type) {
    case sio::PacketType::Event:
      return event(std::move(packet));
    case sio::PacketType::Disconnect:
      return transport_.close(ws::CloseCode::Normal, {});
    default:
      return;  // acknowledgements: the server asks for none
  }
}

// ---- CONNECT

void SocketIoSession::connect(sio::Packet packet) {
  if (packet.nsp != "/") {
    std::string frame = framed(Framing::WebSocket, 96, [&](std::string& out) {
      sio::appendConnectError(out, Error(Code::InvalidNamespace), packet.nsp);
    });
    return transport_.send(std::move(frame));
  }
  if (state_ != State::Waiting) return transport_.close(ws::CloseCode::ProtocolError, "connected already");
  VerifyRequest request;
  request.token = std::move(handshake_->token);
  request.app = std::move(handshake_->app);
  request.origin = std::move(handshake_->origin);
  request.clientIp = clientIp_;
  if (packet.data.IsObject()) {
    if (const JsonValue* token = find(packet.data, "token"); token != nullptr && token->IsString()) {
      request.token = asView(*token);
    }
    if (const JsonValue* app = find(packet.data, "app")) {
      if (app->IsString()) request.app = asView(*app);
      if (app->IsInt64()) request.app = std::to_string(app->GetInt64());
    }
  }
  handshake_.reset();
  state_ = State::Verifying;
  if (request.token.empty()) return refuse(Error(Code::Unauthorized, "Give a token: auth {token}, or ?token=."));
  if (request.token.size() > kMaxToken) return refuse(Error(Code::Unauthorized, "The token is longer than 16 KiB."));
  Realtime* realtime = &realtime_;
  realtime_.verifier().verify(std::move(request), [realtime, address = address_](Result<Identity> identity) {
    realtime->withSession(address, [identity = std::move(identity)](SocketIoSession& session) mutable {
      session.verified(std::move(identity));
    });
  });
}

void SocketIoSession::verified(Result<Identity> identity) {
  if (state_ != State::Verifying) return;
  if (!identity.ok()) return refuse(identity.error());
  if (realtime_.draining()) return refuse(Code::Restarting);
  attach(std::move(*identity));
}

void SocketIoSession::attach(Identity identity) {
  if (!realtime_.chat().admitSession(identity.app.id)) {
    return refuse(Error(Code::TooManySessions, "The app is over its quota of connections."));
  }
  publicId_ = toBase64Url(randomBytes(15));
  SessionSummary summary;
  summary.id = publicId_;
  summary.app = identity.app.id;
  summary.user = identity.user.id;
  summary.transport = transport_.name();
  summary.clientIp = clientIp_;
  summary.connectedAt = realtime_.clock().wall();
  summary.expiresAt = identity.expiresAt;
  if (!realtime_.registry().add(address_, std::move(summary), realtime_.options()->sessionsPerUser)) {
    realtime_.chat().releaseSession(identity.app.id);
    return refuse(Code::TooManySessions);
  }
  app_ = identity.app.id;
  user_ = identity.user.id;
  expiresAt_ = identity.expiresAt;
  state_ = State::Connected;
  // After it is in the registry: a revocation either finds it there, or raised the generation before.
  if (!realtime_.verifier().current(identity)) return end(Code::TokenRevoked);
  transport_.send(framed(Framing::WebSocket, 48, [&](std::string& out) { sio::appendConnect(out, publicId_); }));
  if (state_ == State::Connected) timer();
}

void SocketIoSession::refuse(const Error& error) {
  if (comeBack(error.code())) return transport_.close(ws::CloseCode::TryAgainLater, error.wire());
  transport_.send(framed(Framing::WebSocket, 160, [&](std::string& out) { sio::appendConnectError(out, error); }));
  // The official client keeps a refused transport open for its other namespaces; there are none here.
  transport_.close(ws::CloseCode::Normal, {});
}

void SocketIoSession::timer() {
  if (state_ == State::Waiting || state_ == State::Verifying) {
    return transport_.close(ws::CloseCode::PolicyViolation, "no CONNECT in time");
  }
  if (state_ != State::Connected) return;
  if (!expiresAt_) return timer_.cancel();
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(*expiresAt_ - realtime_.clock().wall());
  if (left.count() <= 0) return end(Code::TokenExpired);
  transport_.arm(timer_, std::min(left, kLongestTimer));
}

// ---- the end

void SocketIoSession::end(Code why) {
  if (state_ != State::Connected) {
    if (state_ != State::Closed) refuse(why);
    return;
  }
  transport_.send(vocabulary_a::error(Framing::WebSocket, Error(why)));
  if (state_ != State::Connected) return;
  transport_.send(framed(Framing::WebSocket, 8, [](std::string& out) { sio::appendDisconnect(out); }));
  const bool token = why == Code::TokenExpired || why == Code::TokenRevoked;
  transport_.close(token ? ws::CloseCode::TokenEnded : ws::CloseCode::Forbidden, row(why).wire);
}

void SocketIoSession::drain() {
  if (state_ == State::Closed) return;
  draining_ = true;
  if (inFlight_ == 0 && !barrier_) transport_.close(ws::CloseCode::Restarting, "restarting");
}

void SocketIoSession::transportClosing() {
  if (state_ == State::Closed) return;
  const bool connected = state_ == State::Connected;
  state_ = State::Closed;
  timer_.cancel();
  leaveRoom();
  queue_.clear();
  realtime_.hub(address_.loop).remove(*this);
  if (!connected) return;
  realtime_.registry().remove(user_, address_);
  realtime_.chat().releaseSession(app_);
}

}  // namespace chatd
