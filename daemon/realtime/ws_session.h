// WsSession: one client on plain WebSocket, speaking the JSON wire (CONTRACT section 3.2). It was let in before the upgrade;
// here are its requests, in order, and its heartbeat. Owned by its WebSocketStream. Thread: its loop.
#pragma once

#include <string>

#include "engine/transport.h"
#include "net/timer_wheel.h"
#include "protocol/json_wire.h"
#include "realtime/session.h"

namespace chatd {

class WsSession final : public Session, public engine::TransportHandler {
 public:
  WsSession(Realtime& realtime, std::size_t loop) : Session(realtime, loop) {}
  ~WsSession() override;

  /// Takes its place, before the upgrade. Errors: TooManySessions, TokenRevoked.
  [[nodiscard]] Result<void> admit(Identity identity, std::string clientIp, std::string origin);

  // TransportHandler.
  void opened(engine::Transport& transport) override;
  void text(std::string_view message) override;
  void binary(std::string_view message) override;
  void pong() override;
  [[nodiscard]] bool full() const override { return Session::full(); }
  void drained() override { outboxDrained(); }
  void closed() override;

  /// An `error` without an id, then close 4001 or 4003.
  void end(Code why) override;

 private:
  using Id = std::int64_t;

  void beat();
  void refuse(std::optional<Id> id, Error error);
  void start(json_wire::Body body, Id id);
  void run(json_wire::Auth& request, Id id);
  void run(json_wire::Join& request, Id id);
  void run(json_wire::Sync& request, Id id);
  void run(json_wire::Leave& request, Id id);
  void run(json_wire::Typing& request, Id id, Kind kind);
  void run(json_wire::Seen& request, Id id);
  void run(json_wire::Send& request, Id id, Kind kind);
  void run(json_wire::Edit& request, Id id);
  void run(json_wire::Delete& request, Id id);
  void run(json_wire::History& request, Id id);
  void run(json_wire::Rooms& request, Id id);
  void joined(const Joined& joined, Id id);
  void send(RoomId room, wire::MessageFields message, Id id, Kind kind);
  void refreshed(Result<Identity> identity, Id id);
  void history(RoomId room, const json_wire::History& request, Id id);
  [[nodiscard]] UniqueFunction<void(Result<Changed>)> changing(Id id);
  void tellLost(const Room& room, Form form, const Error& why) override;

  /// The answer, and the end of the command.
  void answer(std::string frame, Kind kind);
  void answer(Id id, const Error& error, Kind kind);

  std::string clientIp_;
  std::string origin_;
  std::shared_ptr<const PeerFields> fields_;  ///< what verifiers see of its request
  User self_;
  net::Timer heartbeat_{[](void* self) { static_cast<WsSession*>(self)->beat(); }, this};
  bool alive_ = true;  ///< something came since the last ping
  bool pinged_ = false;
  std::optional<Code> endWith_;  ///< it was to be ended before it was open
};

}  // namespace chatd
