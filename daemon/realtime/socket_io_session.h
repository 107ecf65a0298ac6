// SocketIoSession: one client in namespace "/", speaking vocabulary A. From CONNECT (who is it?) through its events, in
// order, to the end. Owned by its transport; found by its loop's Hub. Thread: its loop; what comes from elsewhere comes
// through Realtime::withSession.
#pragma once

#include <list>
#include <memory>
#include <optional>
#include <string>
#include <variant>

#include "base/frame.h"
#include "chat/chat_service.h"
#include "chat/verifier.h"
#include "engine/transport.h"
#include "net/timer_wheel.h"
#include "protocol/vocabulary_a.h"
#include "protocol/websocket.h"

namespace chatd {

class Realtime;

/// What a client showed when its transport was opened.
struct Handshake {
  std::string token;               ///< of query or Authorization; a CONNECT payload may bring another
  std::optional<std::string> app;  ///< of query or X-Chat-App
  std::string origin;
};

class SocketIoSession {
 public:
  SocketIoSession(Realtime& realtime, engine::Transport& transport, Handshake handshake);
  ~SocketIoSession();

  // From the transport.
  void packet(std::string_view text);
  void binary(std::string_view bytes);
  /// The transport takes nothing any more. Leaves the room and the registry; may be called twice.
  void transportClosing();
  /// So many commands are under way that no more is to be read.
  [[nodiscard]] bool full() const { return paused_; }

  // From the Hub.
  [[nodiscard]] SessionAddress address() const { return address_; }
  [[nodiscard]] UserId user() const { return user_; }
  [[nodiscard]] std::optional<RoomId> room() const { return room_ ? std::optional(room_->id) : std::nullopt; }
  void push(const FramePtr& frame) { transport_.send(frame); }
  /// It is no longer in the room, by somebody else's will.
  void lostRoom(RoomId room, Code why);

  // From Realtime.
  /// Event `error`, DISCONNECT, close.
  void end(Code why);
  /// Closes as soon as what is under way has been answered.
  void drain();

 private:
  enum class State : std::uint8_t { Waiting, Verifying, Connected, Closed };
  /// A client event, in the order of its arrival.
  struct Queued {
    std::variant<vocabulary_a::ClientEvent, Error> event;
    std::string name;
    std::optional<std::uint64_t> ack;
  };

  void complete(sio::Packet packet);

  // CONNECT.
  void connect(sio::Packet packet);
  void verified(Result<Identity> identity);
  void attach(Identity identity);
  void refuse(const Error& error);
  void timer();

  // Events.
  void event(sio::Packet packet);
  void pump();
  /// Starts one; sets `barrier_` if nothing may start before it is done.
  void start(Queued queued);
  void startSend(Queued& queued, vocabulary_a::SendMessage event);
  void startJoin(Queued& queued, const vocabulary_a::Join& event);
  void join(RoomId room, const Queued& queued);
  void joined(Result<Joined> result, const std::string& name, std::optional<std::uint64_t> ack);
  void startSeen(Queued& queued);
  void startLoadMore(Queued& queued, const vocabulary_a::LoadMore& event);
  void typing(Queued& queued, bool typing);
  void leaveRoom();
  void commandDone();
  void barrierDone();
  void checkBackpressure();
  [[nodiscard]] bool overEventRate();

  void answer(const std::string& name, std::optional<std::uint64_t> ack, const Result<void>& result);
  void countRefusal(const Error& error);
  [[nodiscard]] Actor actor() const { return {app_, user_, false}; }

  Realtime& realtime_;
  engine::Transport& transport_;
  const SessionAddress address_;
  std::string clientIp_;
  std::unique_ptr<Handshake> handshake_;           ///< until CONNECT
  std::unique_ptr<sio::Attachments> attachments_;  ///< while a binary packet is incomplete
  State state_ = State::Waiting;
  std::string publicId_;  ///< the Socket.IO sid
  AppId app_{};
  UserId user_{};
  std::optional<Timestamp> expiresAt_;
  net::Timer timer_;  ///< first for CONNECT, then for the token's expiry

  struct CurrentRoom {
    RoomId id{};
    std::shared_ptr<const Room> room;
  };
  std::optional<CurrentRoom> room_;

  std::list<Queued> queue_;   ///< a list, because an empty one costs an idle session nothing
  std::size_t inFlight_ = 0;  ///< sends not answered yet
  bool barrier_ = false;      ///< a join, seen or load_more is under way
  bool pumping_ = false;
  bool paused_ = false;
  bool draining_ = false;

  double eventTokens_;
  Steady eventTokensAt_;
  int refusals_ = 0;  ///< `rate_limited` since refusalsFrom_
  Steady refusalsFrom_{};
};

}  // namespace chatd
