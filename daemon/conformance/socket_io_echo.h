// SocketIoEcho: one Socket.IO connection of /socket.io/, as the protocols' public suites want it. To who joins `/` or
// `/custom` it emits `auth` with the payload of the CONNECT; `message` comes back as `message-back`, `message-with-ack` as
// the acknowledgement, attachments included; any other namespace is refused. Owned by its transport. Thread: the transport's
// loop.
#pragma once

#include <cstddef>
#include <set>
#include <string>
#include <string_view>

#include "conformance/echo.h"
#include "net/timer_wheel.h"
#include "protocol/socket_io.h"

namespace chatd::conformance {

class SocketIoEcho final : public Answering {
 public:
  /// maxPayload: bytes that the attachments of one packet may have. outboxBytes: of the transport.
  SocketIoEcho(std::size_t maxPayload, std::size_t outboxBytes);

  void opened(engine::Transport& transport) override;
  void text(std::string_view message) override;
  void binary(std::string_view message) override;
  void closed() override;

 private:
  void packet(sio::Packet packet);
  void connect(const sio::Packet& packet);
  void join(const std::string& nsp, std::string_view payload);
  void event(sio::Packet packet);
  void say(std::string_view packet);
  void broken(std::string_view why);

  sio::Attachments attachments_;
  std::set<std::string, std::less<>> joined_;
  net::Timer joinTime_;  ///< a connection that joins nothing is ended
};

}  // namespace chatd::conformance
