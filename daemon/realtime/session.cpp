#include "realtime/session.h"

#include <algorithm>

#include "base/random.h"
#include "realtime/realtime.h"

namespace chatd {

namespace {

constexpr std::size_t kUnderWay = 64;    // commands of a session, then its socket is not read
constexpr double kEventsPerSecond = 50;  // everything but sends, which have limits.messages_per_second
constexpr double kEventsBurst = 200;
constexpr int kFloodRefusals = 100;  // CONTRACT 3.3: 100 `rate_limited` in 10 s
constexpr std::chrono::seconds kFloodWindow{10};
constexpr std::chrono::milliseconds kAskAgain{5'000};          // about a token that nobody could judge
constexpr std::chrono::milliseconds kLongestTimer{3'600'000};  // then it looks again

}  // namespace

Session::Session(Realtime& realtime, std::size_t loop)
    : realtime_(realtime),
      timer_([](void* self) { static_cast<Session*>(self)->timer(); }, this),
      address_{static_cast<std::uint32_t>(loop), realtime.nextSessionId()} {
  realtime_.hub(address_.loop).add(*this);
}

Session::~Session() { detach(); }

// ---- who it is

Result<void> Session::attach(Identity identity, std::string publicId, std::string_view transport,
                             const std::string& clientIp) {
  if (!realtime_.chat().admitSession(identity.app.id)) {
    return Error(Code::TooManySessions, "The app is over its quota of connections.");
  }
  SessionSummary summary;
  summary.id = publicId;
  summary.app = identity.app.id;
  summary.user = identity.user.id;
  summary.transport = transport;
  summary.clientIp = clientIp;
  summary.connectedAt = realtime_.clock().wall();
  summary.expiresAt = identity.expiresAt;
  if (!realtime_.registry().add(address_, std::move(summary), realtime_.options()->sessionsPerUser)) {
    realtime_.chat().releaseSession(identity.app.id);
    return Code::TooManySessions;
  }
  publicId_ = std::move(publicId);
  app_ = identity.app.id;
  user_ = identity.user.id;
  setToken(identity);
  state_ = State::Connected;
  // After it is in the registry: a revocation either finds it there, or raised the generation before.
  if (!realtime_.verifier().current(identity)) return Code::TokenRevoked;
  return {};
}

void Session::transportChanged() {
  if (state_ == State::Connected) realtime_.registry().setTransport(user_, address_, transport_->name());
}

void Session::detach() {
  if (state_ == State::Closed) return;
  const bool connected = state_ == State::Connected;
  state_ = State::Closed;
  timer_.cancel();
  for (const JoinedRoom& joined : rooms_) {
    const RoomId id = joined.room->id;
    for (const Form form : {Form::A, Form::B}) realtime_.hub(address_.loop).unlisten(*this, id, form);
    realtime_.chat().leave(id, address_);
  }
  rooms_.clear();
  queue_.clear();
  realtime_.hub(address_.loop).remove(*this);
  if (!connected) return;
  realtime_.registry().remove(user_, address_);
  realtime_.chat().releaseSession(app_);
}

void Session::timer() {
  if (state_ == State::Waiting || state_ == State::Verifying) return lateToConnect();
  if (state_ == State::Connected) watchToken();
}

void Session::watchToken() {
  using std::chrono::ceil;
  using std::chrono::milliseconds;
  milliseconds wait = kLongestTimer;
  if (expiresAt_) {
    const auto left = ceil<milliseconds>(*expiresAt_ - realtime_.clock().wall());
    if (left.count() <= 0) return end(Code::TokenExpired);
    wait = std::min(wait, left);
  }
  if (asksAgain() && !asking_) {
    const auto left = ceil<milliseconds>(askAgainAt_ - realtime_.clock().steady());
    if (left.count() <= 0) return verifyAgain();
    wait = std::min(wait, left);
  }
  if (!expiresAt_ && !asksAgain()) return timer_.cancel();
  transport_->arm(timer_, wait);
}

void Session::setToken(const Identity& identity) {
  expiresAt_ = identity.expiresAt;
  again_ = identity.again();
  askEvery_ = realtime_.reverifyOf(identity.app);
  if (asksAgain()) askAgainWithin(askEvery_);
  grants_ = identity.grants();
  if (!grants_) return;
  std::vector<RoomId> closed;
  for (const JoinedRoom& joined : rooms_) {
    if (!mayRead(joined.room->name)) closed.push_back(joined.room->id);
  }
  for (const RoomId id : closed) outOfBounds(id);
}

// Thousands that came together are not to be asked about together, so up to a fifth earlier.
void Session::askAgainWithin(std::chrono::milliseconds time) {
  const auto early = static_cast<std::int64_t>(randomNumber() % 1000) * time.count() / 5000;
  askAgainAt_ = realtime_.clock().steady() + time - std::chrono::milliseconds(early);
}

// All of the app's sessions hear of it together, and some have been waiting for long: anywhere in the new interval.
void Session::reverifyEvery(std::chrono::milliseconds interval) {
  if (state_ != State::Connected || interval == askEvery_) return;
  const bool wereAsked = asksAgain();
  askEvery_ = interval;
  if (asksAgain()) {
    const auto part = static_cast<std::int64_t>(randomNumber() % static_cast<std::uint64_t>(interval.count()));
    const Steady at = realtime_.clock().steady() + std::chrono::milliseconds(part);
    askAgainAt_ = wereAsked ? std::min(askAgainAt_, at) : at;
  }
  // Else its transport is on its way, and looks then.
  if (transport_ != nullptr) watchToken();
}

void Session::verifyAgain() {
  asking_ = true;
  // Meanwhile the token may expire.
  watchToken();
  if (state_ != State::Connected) return;
  Realtime* realtime = &realtime_;
  realtime_.verifier().verify(*again_, [realtime, address = address_, asked = again_](Result<Identity> identity) {
    realtime->withSession(address, [identity = std::move(identity), asked](Session& session) mutable {
      session.asking_ = false;
      if (session.state_ != State::Connected) return;
      // The client brought another token meanwhile: this was about the old one.
      if (session.again_ != asked) return session.watchToken();
      session.verifiedAgain(std::move(identity));
    });
  });
}

void Session::verifiedAgain(Result<Identity> identity) {
  if (!identity.ok()) {
    switch (identity.error().code()) {
      case Code::TokenExpired:
      case Code::Banned:
      case Code::UserDeleted:
      case Code::AppDisabled:
        return end(identity.error().code());
      case Code::Unauthorized:
      case Code::TokenRevoked:
      case Code::UnknownUser:
        return end(Code::TokenRevoked);
      default:
        // Nobody can say now: who is in stays in.
        askAgainWithin(std::min(kAskAgain, askEvery_));
        return watchToken();
    }
  }
  if (identity->app.id != app_ || identity->user.id != user_ || !realtime_.verifier().current(*identity)) {
    return end(Code::TokenRevoked);
  }
  setToken(*identity);
  if (state_ == State::Connected) watchToken();
}

// ---- commands

void Session::begin(Kind kind) {
  // Before the call: one that is answered at once clears it before it returns.
  if (kind == Kind::Send) ++inFlight_;
  if (kind == Kind::Barrier) barrier_ = true;
}

void Session::pump() {
  if (pumping_) return;  // an answer that came at once; the loop below goes on
  pumping_ = true;
  // While draining nothing new is started: what was not acknowledged, the client sends again to the next process.
  while (!queue_.empty() && !barrier_ && !draining_ && state_ == State::Connected) {
    if (queue_.front().kind != Kind::Send && inFlight_ > 0) break;
    Queued queued = std::move(queue_.front());
    queue_.pop_front();
    begin(queued.kind);
    queued.start();
  }
  pumping_ = false;
  if (draining_ && inFlight_ == 0 && !barrier_) drain();
}

void Session::commandDone(Kind kind) {
  if (kind == Kind::Send) --inFlight_;
  if (kind == Kind::Barrier) barrier_ = false;
  pump();
  checkBackpressure();
}

void Session::checkBackpressure() {
  if (state_ != State::Connected) return;
  const std::size_t underWay = queue_.size() + inFlight_ + (barrier_ ? 1 : 0);
  if (!paused_ && underWay >= kUnderWay) {
    paused_ = true;
    transport_->pauseReading();
  } else if (paused_ && underWay < kUnderWay / 2) {
    paused_ = false;
    transport_->resumeReading();
  }
}

SendCommand Session::sendCommand(RoomId room, wire::MessageFields message) const {
  SendCommand command;
  command.actor = actor();
  command.room = room;
  command.text = std::move(message.text);
  command.clientMsgId = std::move(message.clientMsgId);
  command.replyTo = message.replyTo;
  command.metadata = std::move(message.metadata);
  return command;
}

bool Session::overEventRate() {
  const Steady now = realtime_.clock().steady();
  const double passed = std::chrono::duration<double>(now - eventTokensAt_).count();
  eventTokens_ = std::min(kEventsBurst, eventTokens_ + passed * kEventsPerSecond);
  eventTokensAt_ = now;
  if (eventTokens_ < 1) return true;
  eventTokens_ -= 1;
  return false;
}

Error Session::charged(Error error) {
  if (error.retryable() || error.code() == Code::RateLimited || !overEventRate()) return error;
  return Error(Code::RateLimited, "Too many refused messages in too short a time.");
}

void Session::countRefusal(const Error& error) {
  if (error.code() != Code::RateLimited) return;
  const Steady now = realtime_.clock().steady();
  if (now - refusalsFrom_ > kFloodWindow) {
    refusalsFrom_ = now;
    refusals_ = 0;
  }
  if (++refusals_ >= kFloodRefusals) transport_->close(ws::CloseCode::Flooding, row(Code::Flooding).wire);
}

void Session::drain() {
  if (state_ == State::Closed) return;
  draining_ = true;
  // A replay is not waited for: it goes on where the client stands when it is back.
  if (transport_ != nullptr && inFlight_ == 0 && (!barrier_ || replay_))
    transport_->close(ws::CloseCode::Restarting, "restarting");
}

// ---- rooms

std::optional<RoomId> Session::knownRoom(const wire::RoomRef& ref) const {
  if (const auto* id = std::get_if<RoomId>(&ref)) return *id;
  return realtime_.chat().liveRoom(app_, std::get<std::string>(ref));
}

void Session::withRoom(const wire::RoomRef& ref, OnRoom then) {
  if (const auto* id = std::get_if<RoomId>(&ref)) return then(*this, *id);
  Realtime* realtime = &realtime_;
  realtime_.chat().resolve(
      app_, std::get<std::string>(ref), [realtime, address = address_, then = std::move(then)](Result<RoomId> id) mutable {
        realtime->withSession(address, [id = std::move(id), then = std::move(then)](Session& session) mutable {
          then(session, std::move(id));
        });
      });
}

void Session::join(const wire::RoomRef& ref, OnJoined then) {
  withRoom(ref, [then = std::move(then)](Session& session, Result<RoomId> id) mutable {
    if (!id.ok()) return then(session, std::move(id).error());
    session.join(*id, std::move(then));
  });
}

void Session::join(RoomId room, OnJoined then) {
  if (rooms_.size() + joining_ >= kMaxRooms && joinedRoom(room) == nullptr) {
    return then(*this, Error(Code::TooManyRooms, "The session is in " + std::to_string(kMaxRooms) +
                                                     " rooms already; leave some, or open another session."));
  }
  ++joining_;
  Realtime* realtime = &realtime_;
  realtime_.chat().join(actor(), room, RosterEntry{address_, user_, publicId_},
                        [realtime, address = address_, room, then = std::move(then)](Result<Joined> result) mutable {
                          realtime->withSession(
                              address,
                              [result = std::move(result), then = std::move(then)](Session& session) mutable {
                                --session.joining_;
                                // The grants may have changed while it was joining.
                                if (result.ok() && !session.mayRead(result->room->name)) {
                                  session.realtime_.chat().leave(result->room->id, session.address_);
                                  result = Error(Code::Forbidden, "The token does not allow this in the room.");
                                }
                                then(session, std::move(result));
                              },
                              // It went while it was joining: the room must not keep a ghost.
                              [realtime, room, address] { realtime->chat().leave(room, address); });
                        });
}

bool& Session::flagOf(JoinedRoom& room, Form form) { return form == Form::A ? room.a : form == Form::Ws ? room.ws : room.b; }

void Session::listen(const Joined& joined, Form form, Hub::Told told) {
  const RoomId id = joined.room->id;
  JoinedRoom* found = findRoom(id);
  JoinedRoom& room = found != nullptr ? *found : rooms_.emplace_back();
  room.room = joined.room;
  flagOf(room, form) = true;
  Hub& hub = realtime_.hub(address_.loop);
  // Edits and deletions have one form in both vocabularies, and are told once.
  const bool both = room.a && room.b;
  if (form == Form::B && both) form = Form::BMessages;
  hub.listen(*this, id, form, joined.rosterVersion, joined.counter.lastSeq, told);
  if (form == Form::A && both) hub.changeForm(*this, id, Form::BMessages);
}

void Session::forget(RoomId id, Form form) {
  JoinedRoom* joined = findRoom(id);
  if (joined == nullptr) return;
  Hub& hub = realtime_.hub(address_.loop);
  flagOf(*joined, form) = false;
  hub.unlisten(*this, id, form);
  if (form == Form::A && joined->b) hub.changeForm(*this, id, Form::B);
  if (joined->a || joined->b || joined->ws) return;
  if (joined != &rooms_.back()) *joined = std::move(rooms_.back());
  rooms_.pop_back();
}

void Session::leave(RoomId id, Form form) {
  forget(id, form);
  if (joinedRoom(id) == nullptr) realtime_.chat().leave(id, address_);
}

void Session::hold(const std::shared_ptr<const EncodedLetter>& letter) {
  if (replay_) replay_->hold(letter);
}

void Session::replay(std::vector<Replay::Item> items, Replay::Decided decided) {
  replay_ = std::make_unique<Replay>(*this, std::move(items), std::move(decided));
  replay_->start();
}

void Session::lostRoom(RoomId id, Form form, Code why) {
  // The room has let go of it already. To say `leave` now could undo a join that is on its way, if the user was added again.
  lose(id, form, why == Code::Forbidden ? Error(why, "You are no longer a member of the room.") : Error(why));
}

void Session::lose(RoomId id, Form form, const Error& why) {
  const JoinedRoom* joined = joinedRoom(id);
  if (joined == nullptr) return;
  if (replay_) replay_->lost(id);
  const std::shared_ptr<const Room> room = joined->room;
  forget(id, form);
  tellLost(*room, form, why);
}

void Session::outOfBounds(RoomId id) {
  const JoinedRoom* joined = joinedRoom(id);
  if (joined == nullptr) return;
  const JoinedRoom was = *joined;
  realtime_.chat().leave(id, address_);
  const Error why(Code::Forbidden, "The token does not allow the room any more.");
  if (was.a) lose(id, Form::A, why);
  if (was.b) lose(id, Form::B, why);
  if (was.ws) lose(id, Form::Ws, why);
}

Session::JoinedRoom* Session::findRoom(RoomId room) {
  const auto it =
      std::find_if(rooms_.begin(), rooms_.end(), [&](const JoinedRoom& joined) { return joined.room->id == room; });
  return it == rooms_.end() ? nullptr : &*it;
}

const Session::JoinedRoom* Session::joinedRoom(RoomId room) const {
  const auto it =
      std::find_if(rooms_.begin(), rooms_.end(), [&](const JoinedRoom& joined) { return joined.room->id == room; });
  return it == rooms_.end() ? nullptr : &*it;
}

}  // namespace chatd
