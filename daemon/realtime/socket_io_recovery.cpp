// Connection state recovery of Socket.IO 4.6 and later: a client that comes back gets its session again and what it missed.
// Nothing is remembered for it: the pid is its former id under a MAC, the offset says in which room it was and what it has,
// and the rest is in the log. So it works after any time and over a restart, or it is a plain new session, and the client is
// told which (it compares the pid).
#include "base/random.h"
#include "base/text.h"
#include "realtime/realtime.h"
#include "realtime/socket_io_session.h"

namespace chatd {

namespace {
constexpr std::size_t kMacBytes = 16;
constexpr std::size_t kNonceBytes = 6;
}  // namespace

// ID.NONCE.MAC. The nonce makes another pid of the same id, which tells the client that it is not the same session.
std::string SocketIoSession::makePid(AppId app, UserId user, std::string_view id, std::string_view nonce) const {
  const std::string mac = realtime_.sign("socket.io pid\n" + std::to_string(raw(app)) + "\n" + std::to_string(raw(user)) +
                                         "\n" + std::string(id) + "\n" + std::string(nonce));
  if (mac.empty()) return {};
  return std::string(id) + '.' + std::string(nonce) + '.' + toBase64Url(mac.substr(0, kMacBytes));
}

std::optional<std::string> SocketIoSession::formerId(const Identity& identity) const {
  const std::string_view pid = former_->pid;
  const auto first = pid.find('.');
  const auto second = pid.find('.', first == std::string_view::npos ? first : first + 1);
  if (second == std::string_view::npos) return std::nullopt;
  const std::string_view id = pid.substr(0, first);
  const std::string_view nonce = pid.substr(first + 1, second - first - 1);
  const std::string expected = makePid(identity.app.id, identity.user.id, id, nonce);
  if (expected.empty() || !equalConstantTime(expected, pid)) return std::nullopt;
  std::string former(id);
  if (realtime_.unresumable().contains(former)) return std::nullopt;
  return former;
}

void SocketIoSession::endFormer(UserId user, std::string_view id) {
  const auto address = realtime_.registry().find(user, id);
  if (!address) return;
  realtime_.withSession<SocketIoSession>(
      *address, [](SocketIoSession& session) { session.transport_->close(ws::CloseCode::GoingAway, "resumed elsewhere"); });
}

void SocketIoSession::resume(const RecoveryOffset& offset) {
  Replay::Item item;
  item.room = offset.room;
  item.form = Form::A;
  item.have = {offset.seq, offset.rev, offset.epoch};
  command(Kind::Barrier, [this, item = std::move(item)]() mutable {
    std::vector<Replay::Item> items;
    items.push_back(std::move(item));
    replay(std::move(items), [](Session& session, const std::vector<Replay::Decision>& decisions) {
      static_cast<SocketIoSession&>(session).resumed(decisions.front());
    });
  });
}

void SocketIoSession::resumed(const Replay::Decision& decision) {
  if (decision.joined.ok() && decision.recovered.value_or(false)) {
    current_ = decision.joined->room->id;
    const auto former = std::move(former_);
    return welcome(former->pid);
  }
  if (!decision.joined.ok() && decision.joined.error().retryable()) {
    // Trouble of ours that passes: it comes back with what it has.
    return transport_->close(ws::CloseCode::TryAgainLater, decision.joined.error().wire());
  }
  // Too much, another history, no member any more: a plain new session, in no room.
  if (decision.joined.ok()) leave(decision.joined->room->id, Form::A);
  publicId_ = toBase64Url(randomBytes(15));
  realtime_.registry().rename(user(), address(), publicId_);
  welcomeAnew();
}

void SocketIoSession::welcomeAnew() {
  former_.reset();
  welcome(old_ ? std::string() : makePid(app(), user(), publicId_, toBase64Url(randomBytes(kNonceBytes))));
}

void SocketIoSession::welcome(std::string_view pid) {
  transport_->send(framed(Framing::WebSocket, 120, [&](std::string& out) {
    old_ ? sio::appendConnect4(out) : sio::appendConnect(out, publicId_, "/", pid);
  }));
}

}  // namespace chatd
