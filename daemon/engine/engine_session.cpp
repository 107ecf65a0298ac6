#include "engine/engine_session.h"

#include <algorithm>
#include <array>

#include "base/assert.h"
#include "base/random.h"
#include "base/text.h"
#include "engine/engine_link.h"
#include "engine/engine_server.h"
#include "protocol/engine_io.h"

namespace chatd::engine {

namespace {

constexpr std::chrono::milliseconds kLastPoll{5000};  // a closed session waits so long for the poll that tells the client
constexpr std::chrono::milliseconds kJitterFrom{5000};
constexpr std::chrono::milliseconds kForgiven{10};  // a ping that was sent so late counts as sent in time
// Clients measure a timeout by timers of a millisecond, which may run one early, and over a way that takes time.
constexpr std::chrono::milliseconds kLastMoment{2};
constexpr std::chrono::milliseconds kLastMoment3{1};
constexpr int kPacketsATurn = 32;  // of one POST; then others have their turn

std::string framedPacket(eio::PacketType type, std::string_view data = {}) {
  std::string packet;
  eio::append(packet, type, data);
  std::string frame;
  ws::appendFrame(frame, ws::Opcode::Text, packet);
  return frame;
}

/// The same frames as a client of revision 3 wants its binary ones on a WebSocket: with the type as a byte in front, or as
/// text in base64. Null if there is no such frame.
FramePtr forRevision3(std::string_view frames, bool base64) {
  bool anyBinary = false;
  std::string out;
  for (std::string_view rest = frames; !rest.empty();) {
    const ws::ServerFrame one = ws::takeServerFrame(rest);
    const bool binary = one.opcode == ws::Opcode::Binary;
    anyBinary = anyBinary || binary;
    if (binary && base64) {
      ws::appendFrame(out, ws::Opcode::Text, "b4" + toBase64(one.payload));
      continue;
    }
    ws::appendHeader(out, one.opcode, one.payload.size() + (binary ? 1 : 0));
    if (binary) out.push_back(eio::kBinaryMessage3);
    out.append(one.payload);
  }
  return anyBinary ? makeFrame(std::move(out)) : nullptr;
}

}  // namespace

EngineSession::EngineSession(EngineServer& server, std::string sid, std::size_t loop, EngineSetup setup)
    : handler_(std::move(setup.handler)),
      loop_(static_cast<std::uint32_t>(loop)),
      revision_(static_cast<std::uint8_t>(setup.revision)),
      base64_(setup.base64),
      server_(server),
      sid_(std::move(sid)),
      peer_(std::move(setup.peer)),
      options_(std::move(setup.options)),
      heartbeat_([](void* self) { static_cast<EngineSession*>(self)->beat(); }, this),
      deadline_([](void* self) { static_cast<EngineSession*>(self)->deadline(); }, this) {
  server_.sessionMade();
}

EngineSession::~EngineSession() {
  endHandler();
  server_.sessionDestroyed();
}

// ---- its beginning

void EngineSession::begin(Exchange first) {
  polling_ = std::make_unique<Polling>(revision_, options_->outboxBytes);
  sendOpen();
  handler_->opened(*this);
  // What the handler had to say at once goes along, its farewell too.
  poll(std::move(first));
}

void EngineSession::begin(EngineLink& link) {
  carriedBy(link);
  sendOpen();
  handler_->opened(*this);
}

void EngineSession::carriedBy(EngineLink& link) {
  link_ = &link;
  if (revision_ != 3) direct_ = link.stream().direct();
}

void EngineSession::sendOpen() {
  static constexpr std::array<std::string_view, 1> kUpgrades = {"websocket"};
  eio::Handshake handshake;
  handshake.sid = sid_;
  if (link_ == nullptr) handshake.upgrades = kUpgrades;
  handshake.pingInterval = options_->pingInterval;
  handshake.pingTimeout = options_->pingTimeout;
  handshake.maxPayload = options_->maxPayload;
  std::string open;
  eio::appendOpen(open, handshake);
  std::string frame;
  ws::appendFrame(frame, ws::Opcode::Text, open);
  send(std::move(frame));
  if (revision_ == 3) return heartbeat(options_->pingInterval + options_->pingTimeout);
  // Thousands that came at once should not be pinged at once. Short intervals are kept exact.
  auto delay = options_->pingInterval;
  if (delay >= kJitterFrom)
    delay -= std::chrono::milliseconds(randomNumber() % static_cast<std::uint64_t>(delay.count() / 5));
  heartbeat(delay);
}

// ---- out

void EngineSession::send(FramePtr frames) {
  if (closing_) return;
  if (link_ == nullptr) return push(std::move(frames));
  if (revision_ == 3) {
    if (FramePtr changed = forRevision3(*frames, base64_)) frames = std::move(changed);
  }
  link_->stream().send(std::move(frames));
}

void EngineSession::send(std::string frames) {
  if (closing_) return;
  if (link_ == nullptr || revision_ == 3) return send(makeFrame(std::move(frames)));
  link_->stream().send(std::move(frames));
}

void EngineSession::sendReply(std::string frames) {
  if (closing_) return;
  if (link_ != nullptr) {
    if (revision_ == 3) {
      if (const FramePtr changed = forRevision3(frames, base64_)) frames = *changed;
    }
    return link_->stream().sendReply(std::move(frames));
  }
  polling_->raiseFor(frames.size());
  push(makeFrame(std::move(frames)));
}

void EngineSession::push(FramePtr frames) {
  if (polling_->push(std::move(frames)) != Offer::Taken) return tooSlow();
  // At the end of the turn, so that an answer and the broadcasts beside it are one payload.
  if (dirty_ || !polling_->parked()) return;
  dirty_ = true;
  server_.atTurnEnd(shared_from_this());
}

void EngineSession::turnEnd() {
  dirty_ = false;
  if (!gone_ && polling_ && polling_->parked() && (polling_->waiting() || closing_)) flush();
}

void EngineSession::flush() {
  if (closing_ && !polling_->waiting()) {
    polling_->answer(eio::PacketType::Close);
    return gone();
  }
  const bool overHalf = polling_->flush();
  // The close comes with the next poll: official clients hear a close at once, but what stands before it in the same payload
  // a tick later, when they are already disconnected.
  if (closing_) return server_.loops().arm(deadline_, kLastPoll);
  if (overHalf) handler_->drained();
}

void EngineSession::sendPacket(eio::PacketType type, std::string_view data) { send(framedPacket(type, data)); }

std::size_t EngineSession::unsentBytes() const {
  if (closing_) return 0;
  if (link_ != nullptr) return link_->stream().unsentBytes();
  return polling_ ? polling_->bytes() : 0;
}

void EngineSession::drained() {
  if (!closing_) handler_->drained();
}

// ---- in: polling

void EngineSession::poll(Exchange get) {
  // A client that polls a moment before its time is over could not answer the ping in time any more.
  if (overdue(revision_ == 3 ? kLastMoment3 : kLastMoment)) {
    get.refuse(Refusal::SessionUnknown);
    return fail();
  }
  if (polling_->parked()) {
    get.refuse(Refusal::BadRequest);
    return fail();
  }
  polling_->park(std::move(get));
  if (polling_->waiting() || closing_) return flush();
  // The client waits for this poll to end before it finishes the upgrade.
  if (probed_) polling_->answer(eio::PacketType::Noop);
}

void EngineSession::pollGone(std::uint64_t number) {
  if (polling_ && polling_->wasLast(number)) fail();
}

void EngineSession::post(std::string body, bool bytes, Exchange post) {
  if (revision_ == 3 && overdue(kLastMoment3)) {
    post.refuse(Refusal::SessionUnknown);
    return fail();
  }
  if (polling_->incoming) {
    post.refuse(Refusal::BadRequest);
    return fail();
  }
  if (body.size() > options_->maxPayload) return post.tooLarge();
  const bool wrong = bytes ? revision_ != 3 : !isUtf8(body);
  if (wrong) {
    post.refuse(Refusal::BadRequest);
    return fail();
  }
  const auto form = revision_ != 3 ? eio::PayloadForm::Separated
                    : bytes        ? eio::PayloadForm::Bytes
                                   : eio::PayloadForm::Counted;
  polling_->incoming =
      std::make_unique<Polling::Incoming>(Polling::Incoming{eio::PayloadReader(std::move(body), form), std::move(post)});
  continuePost();
}

void EngineSession::continuePost() {
  handingOut_ = true;
  for (int packets = 0; polling_ && polling_->incoming && !handler_->full(); ++packets) {
    if (packets == kPacketsATurn) {
      handingOut_ = false;
      return server_.nextTurn(loop_, [weak = weak_from_this()] {
        if (const auto self = weak.lock()) self->continuePost();
      });
    }
    const auto packet = polling_->incoming->reader.next();
    if (!packet.ok()) {
      handingOut_ = false;
      return fail();  // refuses the POST too
    }
    if (packet->has_value()) take(**packet);
    if (closing_ || !packet->has_value()) {
      postDone();
      break;
    }
  }
  handingOut_ = false;
}

void EngineSession::postDone() {
  if (polling_ && polling_->incoming) {
    polling_->incoming->post.ok();
    polling_->incoming.reset();
  }
  if (link_ == nullptr || closing_) return;
  // The upgrade waited for this.
  polling_.reset();
  link_->stream().resumeReading();
}

// ---- in: WebSocket

void EngineSession::text(std::string_view message) {
  if (revision_ == 3 && message.starts_with("b4")) {
    const auto bytes = fromBase64(message.substr(2));
    if (!bytes) return close(ws::CloseCode::ProtocolError, "not base64");
    return take(eio::decodeBinary(*bytes));
  }
  const auto packet = eio::decode(message);
  if (!packet.ok()) return close(ws::CloseCode::ProtocolError, "not an Engine.IO packet");
  take(*packet);
}

void EngineSession::binary(std::string_view message) {
  if (revision_ != 3) return take(eio::decodeBinary(message));
  const auto packet = eio::decodeBinary3(message);
  if (!packet.ok()) return close(ws::CloseCode::ProtocolError, "not an Engine.IO packet");
  take(*packet);
}

bool EngineSession::full() const { return handler_->full() || (polling_ && polling_->incoming); }

// ---- packets

void EngineSession::take(const eio::Packet& packet) {
  if (revision_ == 3) heartbeat(options_->pingInterval + options_->pingTimeout);
  switch (packet.type) {
    case eio::PacketType::Message:
      return packet.binary ? handler_->binary(packet.data) : handler_->text(packet.data);
    case eio::PacketType::Pong:
      if (!awaitingPong_) return;
      awaitingPong_ = false;
      return heartbeat(options_->pingInterval);
    case eio::PacketType::Ping:
      // Revision 3: the client's heartbeat. In revision 4 it has no business to ping, but an answer harms nobody.
      return sendPacket(eio::PacketType::Pong, packet.data);
    case eio::PacketType::Close:
      return peerClosed();
    case eio::PacketType::Open:
    case eio::PacketType::Upgrade:
    case eio::PacketType::Noop:
      return;
  }
}

void EngineSession::heartbeat(std::chrono::milliseconds delay) { heartbeatAt(server_.loops().now() + delay); }

void EngineSession::heartbeatAt(Steady due) {
  if (closing_) return;
  beatDue_ = due;
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(due - server_.loops().now());
  server_.loops().arm(heartbeat_, std::max(left, std::chrono::milliseconds(0)));
}

bool EngineSession::overdue(std::chrono::milliseconds margin) {
  return !closing_ && (awaitingPong_ || revision_ == 3) && server_.loops().now() + margin > beatDue_;
}

void EngineSession::beat() {
  const auto self = shared_from_this();
  if (revision_ == 3 || awaitingPong_) return fail();
  awaitingPong_ = true;
  static const FramePtr ping = makeFrame(framedPacket(eio::PacketType::Ping));
  send(ping);
  // From when it was due, so that what timers are late does not add up; but a loop that is really behind is not the client's
  // fault.
  const Steady now = server_.loops().now();
  heartbeatAt((now - beatDue_ < kForgiven ? beatDue_ : now) + options_->pingTimeout);
}

// ---- upgrade

bool EngineSession::expectUpgrade() {
  if (link_ != nullptr || upgrading_ || closing_) return false;
  upgrading_ = true;
  server_.loops().arm(deadline_, options_->upgradeTime);
  return true;
}

bool EngineSession::probing(EngineLink& link) {
  if (!upgrading_ || probe_ != nullptr || closing_) return false;
  probe_ = &link;
  return true;
}

void EngineSession::probed() {
  probed_ = true;
  if (!polling_->waiting()) polling_->answer(eio::PacketType::Noop);
}

void EngineSession::upgraded(EngineLink& link) {
  deadline_.cancel();
  upgrading_ = false;
  probed_ = false;
  probe_ = nullptr;
  polling_->answer(eio::PacketType::Noop);
  carriedBy(link);
  for (std::uint32_t i = 0; i < paused_; ++i) link.stream().pauseReading();
  // Its packets come before those of the WebSocket.
  if (polling_->incoming) link.stream().pauseReading();
  for (FramePtr& frames : polling_->take()) {
    if (closing_) return;
    send(std::move(frames));
  }
  if (closing_) return;
  if (!polling_->incoming) polling_.reset();
  handler_->upgraded();
}

void EngineSession::deadline() {
  const auto self = shared_from_this();
  if (closing_) return gone();
  upgrading_ = false;
  probed_ = false;
  if (EngineLink* const late = std::exchange(probe_, nullptr)) late->stream().close(ws::CloseCode::PolicyViolation, {});
}

void EngineSession::linkClosed(const EngineLink& link) {
  if (&link == probe_) {
    probe_ = nullptr;
    upgrading_ = false;
    probed_ = false;
    deadline_.cancel();
  }
  if (&link != link_) return;
  endHandler();
  gone();
}

// ---- backpressure

void EngineSession::pauseReading() {
  if (closing_) return;
  ++paused_;
  if (link_ != nullptr) link_->stream().pauseReading();
}

void EngineSession::resumeReading() {
  if (closing_) return;
  CHATD_ASSERT(paused_ > 0);
  --paused_;
  if (link_ != nullptr) link_->stream().resumeReading();
  if (paused_ > 0 || !polling_ || !polling_->incoming) return;
  // Not from here: the handler is in the middle of something.
  server_.nextTurn(loop_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->continuePost();
  });
}

void EngineSession::arm(net::Timer& timer, std::chrono::milliseconds delay) {
  if (!closing_) server_.loops().arm(timer, delay);
}

// ---- the end

void EngineSession::close(ws::CloseCode code, std::string_view reason) {
  if (closing_) return;
  if (link_ != nullptr) return link_->stream().close(code, reason);  // ends in linkClosed()
  endHandler();
  if (!polling_->parked()) return server_.loops().arm(deadline_, kLastPoll);
  if (dirty_) return;
  dirty_ = true;
  server_.atTurnEnd(shared_from_this());
}

void EngineSession::tooSlow() {
  static_cast<void>(polling_->take());
  close(ws::CloseCode::TooSlow, {});
}

void EngineSession::peerClosed() {
  if (link_ != nullptr) return close(ws::CloseCode::Normal, {});
  endHandler();
  polling_->answer(eio::PacketType::Noop);
  gone();
}

void EngineSession::fail() {
  if (link_ != nullptr) return close(ws::CloseCode::GoingAway, "ping timeout");
  endHandler();
  polling_->answer(eio::PacketType::Close);
  gone();
}

void EngineSession::endHandler() {
  if (closing_) return;
  closing_ = true;
  direct_ = nullptr;
  heartbeat_.cancel();
  handler_->closed();
}

void EngineSession::gone() {
  if (gone_) return;
  gone_ = true;
  deadline_.cancel();
  if (polling_ && polling_->incoming && !handingOut_) {
    polling_->incoming->post.refuse(Refusal::BadRequest);
    polling_->incoming.reset();
  }
  if (EngineLink* const left = std::exchange(probe_, nullptr)) left->stream().close(ws::CloseCode::Normal, {});
  server_.forget(*this);
}

}  // namespace chatd::engine
