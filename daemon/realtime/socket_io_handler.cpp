#include "realtime/socket_io_handler.h"

#include "realtime/realtime.h"

namespace chatd {

SocketIoHandler::SocketIoHandler(Realtime& realtime, Handshake handshake)
    : realtime_(realtime), handshake_(std::move(handshake)) {}

SocketIoHandler::~SocketIoHandler() {
  if (session_) realtime_.transportClosed();
}

void SocketIoHandler::opened(engine::Transport& transport) {
  realtime_.transportOpened();
  session_ = std::make_unique<SocketIoSession>(realtime_, transport, std::move(handshake_));
  session_->begin();
}

void SocketIoHandler::closed() {
  if (session_) session_->transportClosing();
}

}  // namespace chatd
