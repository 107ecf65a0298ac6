// From CONNECT to the end. What a connected client says is in socket_io_events.cpp.
#include "realtime/socket_io_session.h"

#include "base/random.h"
#include "base/text.h"
#include "realtime/realtime.h"

namespace chatd {

namespace {

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
    : Session(realtime, transport.loop()),
      old_(transport.revision() == 3),
      handshake_(std::make_unique<Handshake>(std::move(handshake))) {
  transport_ = &transport;
  transport.arm(timer_, realtime.options()->connectTime);
}

void SocketIoSession::begin() {
  if (old_) authenticate(JsonValue());
}

void SocketIoSession::packet(std::string_view text) {
  if (state_ == State::Closed) return;
  auto packet = sio::decode(text);
  // The reference server closes the transport of who does not speak the protocol.
  if (!packet.ok()) return transport_->close(ws::CloseCode::ProtocolError, "not a Socket.IO packet");
  const bool binary = packet->type == sio::PacketType::BinaryEvent || packet->type == sio::PacketType::BinaryAck;
  if (!binary && !attachments_) return complete(std::move(*packet));
  if (!attachments_) attachments_ = std::make_unique<sio::Attachments>(realtime_.options()->maxPayload);
  const auto whole = attachments_->begin(std::move(*packet));
  if (!whole.ok()) return transport_->close(ws::CloseCode::ProtocolError, "attachments missing");
  if (*whole) {
    sio::Packet done = attachments_->take();
    attachments_.reset();
    complete(std::move(done));
  }
}

void SocketIoSession::binary(std::string_view bytes) {
  if (state_ == State::Closed) return;
  if (!attachments_) return transport_->close(ws::CloseCode::Unsupported, "no attachment is expected");
  const auto whole = attachments_->add(bytes);
  if (!whole.ok()) return transport_->close(ws::CloseCode::ProtocolError, "attachments broken");
  if (*whole) {
    sio::Packet done = attachments_->take();
    attachments_.reset();
    complete(std::move(done));
  }
}

void SocketIoSession::complete(sio::Packet packet) {
  if (packet.type == sio::PacketType::Connect) return connect(std::move(packet));
  if (packet.nsp != "/" || state_ != State::Connected) {
    return transport_->close(ws::CloseCode::PolicyViolation, "not connected to this namespace");
  }
  switch (packet.type) {
    case sio::PacketType::Event:
      return event(std::move(packet));
    case sio::PacketType::Disconnect:
      return transport_->close(ws::CloseCode::Normal, {});
    default:
      return;  // acknowledgements: the server asks for none
  }
}

// ---- CONNECT

void SocketIoSession::connect(sio::Packet packet) {
  if (packet.nsp != "/") {
    std::string frame = framed(Framing::WebSocket, 96, [&](std::string& out) {
      const Error error(Code::InvalidNamespace);
      old_ ? sio::appendError4(out, error, packet.nsp) : sio::appendConnectError(out, error, packet.nsp);
    });
    return transport_->send(std::move(frame));
  }
  if (old_) return;  // it was connected without being asked
  if (state_ != State::Waiting) return transport_->close(ws::CloseCode::ProtocolError, "connected already");
  authenticate(packet.data);
}

void SocketIoSession::authenticate(const JsonValue& payload) {
  VerifyRequest request;
  request.token = std::move(handshake_->token);
  request.app = std::move(handshake_->app);
  request.origin = std::move(handshake_->origin);
  request.fields = std::move(handshake_->fields);
  request.clientIp = transport_->peer().ip;
  request.session = true;
  if (payload.IsObject()) {
    if (const JsonValue* token = find(payload, "token"); token != nullptr && token->IsString()) {
      request.token = asView(*token);
    }
    if (const JsonValue* app = find(payload, "app")) {
      if (app->IsString()) request.app = asView(*app);
      if (app->IsInt64()) request.app = std::to_string(app->GetInt64());
    }
    const JsonValue* pid = find(payload, "pid");
    const JsonValue* offset = find(payload, "offset");
    if (pid != nullptr && pid->IsString() && offset != nullptr && offset->IsString()) {
      former_ = std::make_unique<Former>(Former{std::string(asView(*pid)), std::string(asView(*offset))});
    }
  }
  handshake_.reset();
  state_ = State::Verifying;
  if (request.token.empty() && !request.app)
    return refuse(Error(Code::Unauthorized, "Give a token: auth {token}, or ?token=."));
  if (request.token.size() > kMaxToken) return refuse(Error(Code::Unauthorized, "The token is longer than 8 KiB."));
  Realtime* realtime = &realtime_;
  realtime_.verifier().verify(std::move(request), [realtime, address = address()](Result<Identity> identity) {
    realtime->withSession<SocketIoSession>(address, [identity = std::move(identity)](SocketIoSession& session) mutable {
      session.verified(std::move(identity));
    });
  });
}

void SocketIoSession::verified(Result<Identity> identity) {
  if (state_ != State::Verifying) return;
  if (!identity.ok()) return refuse(identity.error());
  if (realtime_.draining()) return refuse(Code::Restarting);
  const auto offset = former_ ? parseRecoveryOffset(former_->offset) : std::nullopt;
  const auto former = offset ? formerId(*identity) : std::nullopt;
  // The network may have lost the former session without telling us: the client has the word.
  if (former) endFormer(identity->user.id, *former);
  std::string id = former ? *former : old_ ? std::string(transport_->id()) : toBase64Url(randomBytes(15));
  const auto attached = attach(std::move(*identity), std::move(id), transport_->name(), transport_->peer().ip);
  if (!attached.ok())
    return attached.error().code() == Code::TokenRevoked ? end(Code::TokenRevoked) : refuse(attached.error());
  former ? resume(*offset) : welcomeAnew();
  if (state_ == State::Connected) watchToken();
}

void SocketIoSession::refuse(const Error& error) {
  if (comeBack(error.code())) return transport_->close(ws::CloseCode::TryAgainLater, error.wire());
  transport_->send(framed(Framing::WebSocket, 160, [&](std::string& out) {
    old_ ? sio::appendError4(out, error) : sio::appendConnectError(out, error);
  }));
  // An old client comes back at once, for ever, if its transport is closed. It may stay until the time for CONNECT is over.
  if (old_) return;
  // The official client keeps a refused transport open for its other namespaces; there are none here.
  transport_->close(ws::CloseCode::Normal, {});
}

void SocketIoSession::lateToConnect() { transport_->close(ws::CloseCode::PolicyViolation, "no CONNECT in time"); }

// ---- the end

void SocketIoSession::end(Code why) {
  if (state_ != State::Connected) {
    if (state_ != State::Closed) refuse(why);
    return;
  }
  transport_->send(vocabulary_a::error(Framing::WebSocket, Error(why)));
  if (state_ != State::Connected) return;
  transport_->send(framed(Framing::WebSocket, 8, [](std::string& out) { sio::appendDisconnect(out); }));
  const bool token = why == Code::TokenExpired || why == Code::TokenRevoked;
  transport_->close(token ? ws::CloseCode::TokenEnded : ws::CloseCode::Forbidden, row(why).wire);
}

}  // namespace chatd
