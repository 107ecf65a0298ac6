#include "net/socket_connection.h"

#include <sys/epoll.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <utility>

#include "base/assert.h"
#include "observe/log.h"

namespace chatd::net {

namespace {

// Level-triggered: what 64 KiB a turn leave in the socket is reported again by the next turn, after everybody else had his.
constexpr std::uint32_t kInput = EPOLLIN | EPOLLRDHUP;
constexpr std::uint32_t kOutput = EPOLLOUT;

constexpr std::size_t kPiecesPerWrite = 128;
constexpr std::size_t kKeptInput = 4 * 1024;                // bytes of capacity that left-overs may keep
constexpr std::chrono::milliseconds kFlushAfterFin{5'000};  // to a peer that has said all and still reads
constexpr std::chrono::milliseconds kAlertTime{2'000};      // for the peer to take why its handshake was refused
constexpr auto kFlags = MSG_NOSIGNAL | MSG_DONTWAIT;

[[nodiscard]] bool wouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

struct SocketConnection::Closer {
  explicit Closer(SocketConnection& c) : timer(&Closer::due, &c) {}
  static void due(void* self) { static_cast<SocketConnection*>(self)->die(Closed::TooSlow); }
  Timer timer;
};

/// What is known only until the handler takes over.
struct SocketConnection::Entering {
  Entering(SocketConnection& c, Entrance&& from)
      : proxyHeader(from.proxyHeader), tls(std::move(from.tls)), time(from.time), timer(&Entering::due, &c) {}
  static void due(void* self) {
    auto& c = *static_cast<SocketConnection*>(self);
    if (c.entering_->tls != nullptr) c.loop_.counters().tlsHandshakesFailed.add(1);
    c.die(Closed::TooSlow);
  }
  bool proxyHeader;  ///< still awaited
  ProxyHeaderParser parser;
  std::shared_ptr<const TlsContext> tls;
  std::chrono::milliseconds time;
  Timer timer;
};

SocketConnection::SocketConnection(EventLoop& loop, Descriptor socket, Peer peer, const ConnectionLimits& limits,
                                   std::unique_ptr<StreamHandler> handler, Entrance entrance)
    : loop_(loop), socket_(std::move(socket)), limits_(limits), handler_(std::move(handler)), peer_(std::move(peer)) {
  if (!entrance.proxyHeader && entrance.tls == nullptr) return;
  state_ = State::Entering;
  entering_ = std::make_unique<Entering>(*this, std::move(entrance));
}

SocketConnection::~SocketConnection() = default;

void SocketConnection::linkInto(SocketConnection*& first) {
  next_ = first;
  if (first != nullptr) first->prev_ = this;
  first = this;
}

void SocketConnection::unlinkFrom(SocketConnection*& first) {
  (prev_ != nullptr ? prev_->next_ : first) = next_;
  if (next_ != nullptr) next_->prev_ = prev_;
}

void SocketConnection::start() {
  events_ = kInput;
  watched_ = loop_.watch(socket_.get(), events_, *this);
  if (!watched_) return die(Closed::ByUs);
  if (state_ == State::Entering) return loop_.arm(entering_->timer, entering_->time);
  attached_ = true;
  handler_->attached(*this);
  // What came along from another loop.
  if (!outbox_.empty() || (tls_ != nullptr && tls_->readNeedsOutput())) touch();
  if (!leftOver_.empty() || (tls_ != nullptr && tls_->unread())) readAgain();
}

// --- entering

void SocketConnection::enter() {
  if (entering_->proxyHeader && !passProxyHeader()) return;
  if (entering_->tls != nullptr && !passHandshake()) return;
  open();
}

bool SocketConnection::passProxyHeader() {
  // Looked at first and then taken: what stands behind the header is TLS, which reads the socket itself.
  const std::span<char> buffer = loop_.readBuffer();
  const ssize_t there = ::recv(socket_.get(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_PEEK);
  if (there < 0 && wouldBlock(errno)) return false;
  if (there <= 0) {
    die(Closed::ByPeer);
    return false;
  }
  ProxyHeaderParser& parser = entering_->parser;
  const std::size_t header = parser.feed({buffer.data(), static_cast<std::size_t>(there)});
  static_cast<void>(::recv(socket_.get(), buffer.data(), header, MSG_DONTWAIT));  // what has been looked at is there
  if (parser.status() == ProxyHeaderParser::Status::NeedMore) return false;
  if (parser.status() == ProxyHeaderParser::Status::Broken) {
    log().debug("net", "a proxy sent no PROXY header, or a broken one", {{"ip", peer_.ip}});
    die(Closed::ByUs);
    return false;
  }
  entering_->proxyHeader = false;
  if (const auto& client = parser.client()) {
    peer_.ip = client->address.text();
    peer_.port = client->port;
    peer_.secure = client->secure;
  }
  return true;
}

bool SocketConnection::passHandshake() {
  if (!loop_.mayHandshake()) return false;
  // Made with the first byte and not with the connection: who says nothing costs nothing.
  if (tls_ == nullptr) tls_ = TlsStream::accept(entering_->tls, socket_.get());
  if (tls_ == nullptr) {
    die(Closed::ByUs);
    return false;
  }
  switch (tls_->handshake()) {
    case TlsStream::Step::Done:
      loop_.counters().tlsHandshakes.add(1);
      peer_.secure = true;
      return true;
    case TlsStream::Step::NeedsInput:
      interest(kInput);
      return false;
    case TlsStream::Step::NeedsOutput:
      interest(kOutput);
      return false;
    case TlsStream::Step::Failed:
      refuseHandshake();
      return false;
  }
  return false;
}

void SocketConnection::refuseHandshake() {
  loop_.counters().tlsHandshakesFailed.add(1);
  log().debug("net", "a TLS handshake failed", {{"ip", peer_.ip}, {"reason", tls_->reason()}});
  // The alert is on its way in the clear; a reset would overtake it.
  tls_.reset();
  entering_.reset();
  interest(kInput);
  beginClose(Closed::ByPeer, kAlertTime);
}

void SocketConnection::open() {
  entering_.reset();
  state_ = State::Open;
  interest(kInput);
  attached_ = true;
  handler_->attached(*this);
  // Its first request may have come with the handshake, and then the socket has nothing more to report.
  if (tls_ != nullptr && tls_->unread() && state_ == State::Open) readLater();
}

// --- input

ssize_t SocketConnection::receive(std::span<char> into) {
  if (tls_ != nullptr) return tls_->receive(into);
  return ::recv(socket_.get(), into.data(), into.size(), MSG_DONTWAIT);
}

void SocketConnection::ready(std::uint32_t events) {
  if (dead() || state_ == State::Moving) return;
  if ((events & EPOLLERR) != 0) return die(Closed::ByPeer);
  if (state_ == State::Entering) return enter();
  if ((events & kInput) != 0) {
    if (!wantsInput()) {
      if (endOnFin_ && (events & EPOLLRDHUP) != 0) return die(Closed::ByPeer);
      // Only now, and not in pauseReading(): most pauses are over before the peer sends again.
      interest(events_ & ~(endOnFin_ ? EPOLLIN : kInput));
    } else if (!again_ || state_ != State::Open) {
      // With left-overs still to be delivered, more input (or its end) waits in the socket.
      readSome();
    }
  }
  if (dead()) return;
  // Both directions are gone. Input that was still there has been read above, unless the handler did not want it.
  if ((events & EPOLLHUP) != 0 && (events & kInput) == 0) return die(Closed::ByPeer);
  if ((events & EPOLLHUP) != 0 && !wantsInput()) return die(Closed::ByPeer);
  if ((events & EPOLLOUT) == 0) return;
  if (tls_ != nullptr && tls_->readNeedsOutput() && wantsInput()) readSome();
  if (!dead()) touch();
}

void SocketConnection::readSome() {
  const std::span<char> buffer = loop_.readBuffer();
  const ssize_t got = receive(buffer);
  if (tls_ != nullptr && tls_->unread()) readLater();
  if (tls_ != nullptr && tls_->readNeedsOutput()) interest(events_ | kOutput);
  if (got < 0) {
    if (!wouldBlock(errno)) die(Closed::ByPeer);
    return;
  }
  if (got == 0) return endOfInput();
  loop_.counters().reads.add(1);
  loop_.counters().bytesIn.add(static_cast<std::uint64_t>(got));
  if (state_ == State::Closing) return;  // nobody listens any more; reading on keeps our last bytes from being reset away
  const std::span<char> data = buffer.first(static_cast<std::size_t>(got));
  if (leftOver_.empty()) {
    const std::size_t consumed = deliver(data);
    if (receiving()) keep(data.subspan(consumed));
    return;
  }
  leftOver_.insert(leftOver_.end(), data.begin(), data.end());
  deliverLeftOver();
}

void SocketConnection::endOfInput() {
  ended_ = true;
  interest(events_ & ~kInput);
  if (state_ == State::Open) {
    // It may still read: what we owe it is flushed first.
    beginClose(Closed::ByPeer, kFlushAfterFin);
  } else if (shutDown_) {
    die(why_);
  }
}

std::size_t SocketConnection::deliver(std::span<char> data) {
  std::size_t consumed = 0;
  delivering_ = true;
  while (state_ == State::Open) {
    const StreamHandler* const before = handler_.get();
    const std::size_t took = handler_->received(data.subspan(consumed));
    CHATD_ASSERT(took <= data.size() - consumed);
    consumed += took;
    // After an upgrade the rest is the new handler's.
    if (handler_.get() == before || consumed == data.size() || paused_ != 0) break;
  }
  delivering_ = false;
  return consumed;
}

void SocketConnection::deliverLeftOver() {
  const std::size_t consumed = deliver(leftOver_);
  if (!receiving()) return;
  leftOver_.erase(leftOver_.begin(), leftOver_.begin() + static_cast<std::ptrdiff_t>(consumed));
  if (leftOver_.empty() || (leftOver_.capacity() > kKeptInput && leftOver_.size() < leftOver_.capacity() / 4)) {
    std::vector<char>(leftOver_.begin(), leftOver_.end()).swap(leftOver_);
  }
  if (leftOver_.size() > limits_.inputBytes) die(Closed::ByUs);
}

void SocketConnection::keep(std::span<const char> rest) {
  if (rest.empty()) return;
  leftOver_.assign(rest.begin(), rest.end());
  if (leftOver_.size() > limits_.inputBytes) die(Closed::ByUs);
}

void SocketConnection::deliverAgain() {
  again_ = false;
  if (state_ == State::Open && paused_ == 0 && !leftOver_.empty()) deliverLeftOver();
  // Unless the handler wants its left-overs first.
  if (!dead() && state_ != State::Moving && !again_ && tls_ != nullptr && tls_->unread() && wantsInput()) readSome();
}

void SocketConnection::readAgain() {
  if (state_ == State::Open) readLater();
}

void SocketConnection::readLater() {
  if (again_) return;
  again_ = true;
  loop_.markAgain(*this);
}

void SocketConnection::resumeReading() {
  CHATD_ASSERT(paused_ > 0);
  if (--paused_ != 0 || state_ != State::Open) return;
  if (!ended_) interest(events_ | kInput);
  if (delivering_ || !leftOver_.empty() || (tls_ != nullptr && tls_->unread())) readAgain();
}

void SocketConnection::setHandler(std::unique_ptr<StreamHandler> handler) {
  if (state_ != State::Open) return;  // gone meanwhile: the new handler never hears of it
  if (EventLoop* const home = handler->home(); home != nullptr && home != &loop_) {
    loop_.retire(std::exchange(handler_, std::move(handler)));
    state_ = State::Moving;
    return loop_.markDying(*this);
  }
  loop_.retire(std::exchange(handler_, std::move(handler)));
  handler_->attached(*this);
  if (!delivering_ && !leftOver_.empty()) readAgain();
}

void SocketConnection::endOnFin(bool on) {
  endOnFin_ = on;
  if (on && state_ == State::Open && !ended_) interest(events_ | EPOLLRDHUP);
}

// --- output

Offer SocketConnection::admit(std::size_t bytes) {
  if (state_ != State::Open) return Offer::Closing;
  const std::size_t unsent = outbox_.bytes();
  if (bytes > limits_.outboxBytes || unsent > limits_.outboxBytes - bytes) {
    // Told `drained` later, if something is there that can drain.
    wasOverHalf_ = wasOverHalf_ || unsent > 0;
    return Offer::Full;
  }
  return Offer::Taken;
}

Offer SocketConnection::send(FramePtr frame) {
  const Offer answer = admit(frame->size());
  if (answer != Offer::Taken) return answer;
  outbox_.push(std::move(frame));
  touch();
  return answer;
}

Offer SocketConnection::send(std::string bytes) {
  const Offer answer = admit(bytes.size());
  if (answer != Offer::Taken) return answer;
  outbox_.push(std::move(bytes));
  touch();
  return answer;
}

void SocketConnection::touch() {
  wasOverHalf_ = wasOverHalf_ || exceedsHalf();
  if (dirty_) return;
  dirty_ = true;
  loop_.markDirty(*this);
}

ssize_t SocketConnection::transmit() {
  std::array<iovec, kPiecesPerWrite> pieces;
  const std::size_t count = outbox_.gather(pieces);
  // The read buffer is free now: nothing is read while a turn flushes.
  if (tls_ != nullptr) return tls_->transmit(std::span(pieces).first(count), loop_.readBuffer());
  if (count == 1) return ::send(socket_.get(), pieces[0].iov_base, pieces[0].iov_len, kFlags);
  msghdr message{};
  message.msg_iov = pieces.data();
  message.msg_iovlen = count;
  return ::sendmsg(socket_.get(), &message, kFlags);
}

void SocketConnection::flush() {
  dirty_ = false;
  // What waits on a connection that moves leaves from its new loop, when the handler is there: the peer may answer at once,
  // and what it does elsewhere after that must not arrive before its answer can be heard.
  if (dead() || state_ == State::Moving) return;
  while (!outbox_.empty()) {
    const ssize_t sent = transmit();
    if (sent < 0) {
      if (!wouldBlock(errno)) return die(Closed::ByPeer);
      break;
    }
    loop_.counters().writes.add(1);
    loop_.counters().bytesOut.add(static_cast<std::uint64_t>(sent));
    outbox_.sent(static_cast<std::size_t>(sent));
  }
  const bool waits = !outbox_.empty() || (tls_ != nullptr && tls_->readNeedsOutput());
  interest(waits ? events_ | kOutput : events_ & ~kOutput);
  if (outbox_.empty() && state_ == State::Closing) return shutDownOutput();
  if (wasOverHalf_ && !exceedsHalf()) {
    wasOverHalf_ = false;
    if (state_ == State::Open) handler_->drained();
  }
}

void SocketConnection::interest(std::uint32_t events) {
  if (events == events_ || dead()) return;
  events_ = events;
  loop_.rewatch(socket_.get(), events_, *this);
}

// --- the end

void SocketConnection::close(std::chrono::milliseconds within) {
  if (state_ == State::Open) beginClose(Closed::ByUs, within);
}

void SocketConnection::closeDropping(std::string last, std::chrono::milliseconds within) {
  if (dead() || shutDown_) return;
  outbox_.dropUnstarted(tls_ != nullptr ? tls_->committed() : 0);
  outbox_.push(std::move(last));
  if (state_ == State::Open) {
    beginClose(Closed::ByUs, within);
  } else {
    loop_.arm(closer_->timer, within);
    touch();
  }
}

void SocketConnection::beginClose(Closed why, std::chrono::milliseconds within) {
  state_ = State::Closing;
  why_ = why;
  closer_ = std::make_unique<Closer>(*this);
  loop_.arm(closer_->timer, within);
  if (!ended_) interest(events_ | kInput);
  touch();  // flush() shuts down when all is sent, also if there is nothing
}

void SocketConnection::shutDownOutput() {
  if (shutDown_) return;
  if (tls_ != nullptr) {
    const TlsStream::Step step = tls_->shutDown();
    if (step == TlsStream::Step::NeedsOutput) return interest(events_ | kOutput);
    if (step == TlsStream::Step::Failed) return die(why_);
  }
  shutDown_ = true;
  if (::shutdown(socket_.get(), SHUT_WR) != 0 || ended_) die(why_);
}

void SocketConnection::reset() { die(Closed::ByUs); }

void SocketConnection::die(Closed why) {
  if (dead()) return;
  // Without both FINs the end is a reset: the peer must not take what it has for all there was.
  if (!(shutDown_ && ended_)) {
    const linger now{.l_onoff = 1, .l_linger = 0};
    // Fails on nothing but a descriptor that is no socket; a Unix socket ignores it.
    CHATD_ASSERT(::setsockopt(socket_.get(), SOL_SOCKET, SO_LINGER, &now, sizeof now) == 0);
  }
  state_ = State::Dead;
  why_ = why;
  closer_.reset();
  entering_.reset();
  outbox_.clear();
  // Not left to close(2): a child between fork and exec still holds the socket, and epoll would go on reporting it.
  if (watched_) loop_.unwatch(socket_.get());
  socket_.close();
  loop_.markDying(*this);
}

void SocketConnection::bury() {
  if (state_ == State::Moving) return moveOut();
  if (attached_) handler_->closed(why_);
}

void SocketConnection::moveOut() {
  EventLoop& home = *handler_->home();
  loop_.unwatch(socket_.get());
  auto moved = std::make_unique<SocketConnection>(home, std::move(socket_), std::move(peer_), limits_, std::move(handler_));
  moved->outbox_ = std::move(outbox_);
  moved->leftOver_ = std::move(leftOver_);
  moved->tls_ = std::move(tls_);
  state_ = State::Dead;
  home.expectConnection();
  const bool posted = home.post(Mail::Completion, [&home, made = std::move(moved)]() mutable { home.add(std::move(made)); });
  if (!posted) home.forgetConnection();  // it has stopped: so do we all
}

}  // namespace chatd::net
