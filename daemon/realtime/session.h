// Session: what every live session has, whatever wire it speaks: who it is, its commands in order, the rooms it is in, and
// the end of its token. Owned by its transport; found by its loop's Hub. Thread: its loop; what comes from elsewhere comes
// through Realtime::withSession.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/frame.h"
#include "base/task.h"
#include "chat/chat_service.h"
#include "chat/verifier.h"
#include "engine/transport.h"
#include "net/timer_wheel.h"
#include "protocol/client_fields.h"
#include "realtime/encoded_letter.h"
#include "realtime/hub.h"
#include "realtime/replay.h"

namespace chatd {

class Realtime;

class Session {
 public:
  /// Rooms that one session may have joined.
  static constexpr std::size_t kMaxRooms = 1000;

  virtual ~Session();
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;

  [[nodiscard]] SessionAddress address() const { return address_; }
  [[nodiscard]] UserId user() const { return user_; }
  [[nodiscard]] std::optional<Timestamp> expiresAt() const { return expiresAt_; }
  [[nodiscard]] AppId app() const { return app_; }
  /// So many commands are under way that no more is to be read.
  [[nodiscard]] bool full() const { return paused_; }

  // From the Hub.
  void push(const FramePtr& frame) { transport_->deliver(frame); }
  /// A letter for later, while what came before it is being replayed.
  void hold(const std::shared_ptr<const EncodedLetter>& letter);
  /// It is no longer in the room, by somebody else's will.
  void lostRoom(RoomId room, Form form, Code why);
  /// Its token lets it read in a room of this name.
  [[nodiscard]] bool mayRead(std::string_view roomName) const { return granted(grants_, roomName, Permission::Read); }
  /// Leaves the room, because its token does not let it read there (any more), and says so.
  void outOfBounds(RoomId room);

  /// From the transport: its name() is another now.
  void transportChanged();

  // From Realtime.
  /// Says why, then closes.
  virtual void end(Code why) = 0;
  /// Closes as soon as what is under way has been answered.
  void drain();
  /// The interval of its app's re-verification is another now.
  void reverifyEvery(std::chrono::milliseconds interval);
  /// From the transport: the outbox fell under half.
  void outboxDrained() {
    if (replay_) replay_->play();
  }

 protected:
  enum class State : std::uint8_t { Waiting, Verifying, Connected, Closed };

  Session(Realtime& realtime, std::size_t loop);

  // Who it is.
  /// Takes its place in the app's quota and in the registry. Errors: TooManySessions; TokenRevoked, after which it counts as
  /// connected and is to be ended.
  [[nodiscard]] Result<void> attach(Identity identity, std::string publicId, std::string_view transport,
                                    const std::string& clientIp);
  /// Gives everything back: rooms, registry, quota. May be called twice.
  void detach();
  /// Arms the timer for what comes first: the end of the token, or the time to ask about it again. Ends the session if the
  /// end has come.
  void watchToken();
  /// The timer before the session is connected.
  virtual void lateToConnect() {}
  [[nodiscard]] Actor actor() const { return {app_, user_, false, grants_}; }
  /// A newer token of the same user, or a newer word on the same: how long it holds, for which rooms, and when to ask again.
  /// Rooms that it may not read are left.
  void setToken(const Identity& identity);

  // Commands, one after the other. Sends may be under way together (the room keeps their order); everything else waits for
  // what came before it, and a Barrier holds up what comes after it until barrierDone().
  enum class Kind : std::uint8_t { Send, Step, Barrier };
  template <class F>
  void command(Kind kind, F start) {
    if (queue_.empty() && mayStart(kind)) {
      pumping_ = true;
      begin(kind);
      start();
      pumping_ = false;
      pump();
    } else {
      queue_.push_back({kind, Task(std::move(start))});
    }
    checkBackpressure();
  }
  void commandDone(Kind kind);
  [[nodiscard]] SendCommand sendCommand(RoomId room, wire::MessageFields message) const;
  void barrierDone() { commandDone(Kind::Barrier); }
  /// Everything but sends has a rate of its own; true: this one is over it.
  [[nodiscard]] bool overEventRate();
  /// A send that was refused costs as much as anything else: the error, or RateLimited over the rate of events. What may be
  /// repeated is free.
  [[nodiscard]] Error charged(Error error);
  /// Closes a session that goes on after a hundred `rate_limited`.
  void countRefusal(const Error& error);

  // Rooms. A session is in a room once, and may listen to it in two vocabularies.
  struct JoinedRoom {
    std::shared_ptr<const Room> room;
    bool a = false;   ///< the current room of vocabulary A
    bool b = false;   ///< by vocabulary B
    bool ws = false;  ///< on the JSON wire
  };
  using OnRoom = UniqueFunction<void(Session&, Result<RoomId>)>;
  using OnJoined = UniqueFunction<void(Session&, Result<Joined>)>;
  /// The id, if no look-up is needed.
  [[nodiscard]] std::optional<RoomId> knownRoom(const wire::RoomRef& ref) const;
  /// The id behind what the client wrote. `then` is dropped if the session is gone by then.
  void withRoom(const wire::RoomRef& ref, OnRoom then);
  /// Joins in the domain. The caller listens, or says leave.
  void join(RoomId room, OnJoined then);
  void join(const wire::RoomRef& ref, OnJoined then);
  void listen(const Joined& joined, Form form, Hub::Told told = Hub::Told::Live);
  void leave(RoomId room, Form form);
  /// Joins these rooms and gives what the client missed of them. Inside a Barrier, which it ends.
  void replay(std::vector<Replay::Item> items, Replay::Decided decided);
  [[nodiscard]] const JoinedRoom* joinedRoom(RoomId room) const;
  /// Says that it has lost a room.
  virtual void tellLost(const Room& room, Form form, const Error& why) = 0;

  Realtime& realtime_;
  engine::Transport* transport_ = nullptr;
  State state_ = State::Waiting;
  std::string publicId_;  ///< as the client knows it
  net::Timer timer_;      ///< first for connecting, then for the token's expiry

 private:
  friend class Replay;
  struct Queued {
    Kind kind;
    Task start;
  };
  [[nodiscard]] bool mayStart(Kind kind) const {
    return !pumping_ && !barrier_ && !draining_ && state_ == State::Connected && (kind == Kind::Send || inFlight_ == 0);
  }
  void begin(Kind kind);
  void pump();
  void checkBackpressure();
  [[nodiscard]] JoinedRoom* findRoom(RoomId room);
  [[nodiscard]] static bool& flagOf(JoinedRoom& room, Form form);
  void forget(RoomId room, Form form);
  void lose(RoomId room, Form form, const Error& why);
  void verifyAgain();
  void verifiedAgain(Result<Identity> identity);
  void askAgainWithin(std::chrono::milliseconds time);
  [[nodiscard]] bool asksAgain() const { return again_ && askEvery_.count() > 0; }
  void timer();

  const SessionAddress address_;
  AppId app_{};
  UserId user_{};
  // The token.
  std::optional<Timestamp> expiresAt_;
  GrantsPtr grants_;
  std::shared_ptr<const VerifyRequest> again_;  ///< null: it is not asked about again, whatever the interval
  std::chrono::milliseconds askEvery_{0};       ///< 0: not now
  Steady askAgainAt_{};
  bool asking_ = false;
  std::vector<JoinedRoom> rooms_;  ///< one is the common case, and an idle session should cost little
  std::size_t joining_ = 0;        ///< joins under way
  std::unique_ptr<Replay> replay_;
  std::uint64_t replaySteps_ = 0;

  std::list<Queued> queue_;   ///< a list, because an empty one costs an idle session nothing
  std::size_t inFlight_ = 0;  ///< sends not answered yet
  bool barrier_ = false;      ///< one that nothing may pass is under way
  bool pumping_ = false;
  bool paused_ = false;
  bool draining_ = false;

  double eventTokens_ = 0;
  Steady eventTokensAt_{};
  int refusals_ = 0;  ///< `rate_limited` since refusalsFrom_
  Steady refusalsFrom_{};
};

}  // namespace chatd
