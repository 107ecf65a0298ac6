// SocketIoSession: one client in namespace "/", speaking vocabulary A or B or both. From CONNECT (who is it?) through its
// events to the end. Owned by its transport's handler. Thread: its loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "protocol/recovery_offset.h"
#include "protocol/vocabulary_a.h"
#include "protocol/vocabulary_b.h"
#include "protocol/websocket.h"
#include "realtime/session.h"

namespace chatd {

/// What a client showed when its transport was opened.
struct Handshake {
  std::string token;               ///< of query or Authorization; a CONNECT payload may bring another
  std::optional<std::string> app;  ///< of query or X-Chat-App
  std::string origin;
  std::shared_ptr<const PeerFields> fields = {};
};

class SocketIoSession final : public Session {
 public:
  SocketIoSession(Realtime& realtime, engine::Transport& transport, Handshake handshake);

  // From the transport.
  void packet(std::string_view text);
  void binary(std::string_view bytes);
  /// The transport is ready. An old client counts as having said CONNECT: its query holds all that it has to say.
  void begin();
  /// The transport takes nothing any more. Leaves its rooms and the registry; may be called twice.
  void transportClosing() { detach(); }

  /// Event `error`, DISCONNECT, close.
  void end(Code why) override;

 private:
  /// What an answer belongs to.
  struct Asked {
    std::string name;
    std::optional<std::uint64_t> ack;
  };

  void complete(sio::Packet packet);

  // CONNECT.
  void connect(sio::Packet packet);
  /// payload: what the client gave with CONNECT, or null.
  void authenticate(const JsonValue& payload);
  void verified(Result<Identity> identity);

  // Connection state recovery (socket_io_recovery.cpp).
  /// What a client that comes back shows of its former session.
  struct Former {
    std::string pid;
    std::string offset;
  };
  void endFormer(UserId user, std::string_view id);
  void resume(const RecoveryOffset& offset);
  void resumed(const Replay::Decision& decision);
  /// The id of the former session, if the pid is one that we gave this user.
  [[nodiscard]] std::optional<std::string> formerId(const Identity& identity) const;
  [[nodiscard]] std::string makePid(AppId app, UserId user, std::string_view id, std::string_view nonce) const;
  /// CONNECT, as an answer.
  void welcome(std::string_view pid);
  void welcomeAnew();

  void refuse(const Error& error);
  void lateToConnect() override;

  // Events.
  void event(sio::Packet packet);
  void refused(Asked asked, Error error);
  void refusedSend(const Asked& asked, Error error);
  void started(vocabulary_a::ClientEvent event, Asked asked);
  void started(vocabulary_b::ClientEvent event, Asked asked);
  void run(vocabulary_a::Join& event, Asked asked);
  void run(const vocabulary_a::Typing& event, Asked asked);
  void run(const vocabulary_a::Seen& event, Asked asked);
  void run(vocabulary_a::SendMessage& event, Asked asked);
  void run(const vocabulary_a::LoadMore& event, Asked asked);
  void run(vocabulary_b::JoinChat& event, Asked asked);
  void run(vocabulary_b::LeaveChat& event, Asked asked);
  void run(vocabulary_b::SendToChat& event, Asked asked, Kind kind);
  void run(vocabulary_b::Announce& event, Asked asked);
  void joined(Result<Joined> result, const Asked& asked);
  void joinedChat(Result<Joined> result, const Asked& asked);
  void send(RoomId room, wire::MessageFields message, Asked asked, Kind kind);
  void tellLost(const Room& room, Form form, const Error& why) override;

  /// The last step of a Barrier.
  void finish(const Asked& asked, const Result<void>& result);
  /// The same from elsewhere.
  [[nodiscard]] UniqueFunction<void(Result<void>)> finishing(Asked asked);
  void answer(const Asked& asked, const Result<void>& result);

  const bool old_;                                 ///< speaks Socket.IO protocol 4, that of Socket.IO 2
  std::unique_ptr<Handshake> handshake_;           ///< until CONNECT
  std::unique_ptr<Former> former_;                 ///< until CONNECT is answered
  std::unique_ptr<sio::Attachments> attachments_;  ///< while a binary packet is incomplete
  std::optional<RoomId> current_;                  ///< the room of vocabulary A
};

}  // namespace chatd
