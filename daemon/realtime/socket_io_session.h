// SocketIoSession: one client in namespace "/", speaking vocabulary A or B or both. From CONNECT (who is it?) through its
// events to the end. Owned by its transport's handler. Thread: its loop.
#pragma once

#include <memory>
#include <optional>
#include <string>

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
};

class SocketIoSession final : public Session {
 public:
  SocketIoSession(Realtime& realtime, engine::Transport& transport, Handshake handshake);

  // From the transport.
  void packet(std::string_view text);
  void binary(std::string_view bytes);
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
  void verified(Result<Identity> identity);
  void refuse(const Error& error);
  void lateToConnect() override;

  // Events.
  void event(sio::Packet packet);
  void refused(Asked asked, Error error);
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

  std::unique_ptr<Handshake> handshake_;           ///< until CONNECT
  std::unique_ptr<sio::Attachments> attachments_;  ///< while a binary packet is incomplete
  std::optional<RoomId> current_;                  ///< the room of vocabulary A
};

}  // namespace chatd
