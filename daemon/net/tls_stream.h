// TlsStream: TLS on the descriptor of one connection, in the shape of recv(2) and sendmsg(2). Owned by its SocketConnection.
// Thread: its loop.
#pragma once

#include <openssl/types.h>
#include <sys/types.h>
#include <sys/uio.h>

#include <cstddef>
#include <memory>
#include <span>
#include <string>

#include "net/tls_context.h"

namespace chatd::net {

class TlsStream {
 public:
  enum class Step : unsigned char {
    Done,
    NeedsInput,   ///< again when the socket is readable
    NeedsOutput,  ///< again when the socket is writable
    Failed,       ///< over; the peer has been told why as far as TLS has words for it
  };

  /// `socket`: connected, non-blocking, open as long as this lives. Nothing if OpenSSL has no memory.
  [[nodiscard]] static std::unique_ptr<TlsStream> accept(std::shared_ptr<const TlsContext> context, int socket);
  ~TlsStream();
  TlsStream(const TlsStream&) = delete;
  TlsStream& operator=(const TlsStream&) = delete;

  /// The server's part of the handshake, as far as it goes.
  [[nodiscard]] Step handshake();
  /// Why the handshake failed, for the log.
  [[nodiscard]] const std::string& reason() const { return reason_; }

  /// As recv(2): bytes; 0 at the peer's end (close_notify or FIN); -1 with errno, EAGAIN if there is nothing now. Takes
  /// little more than `into` holds from the socket, so that records without content do not keep a turn.
  [[nodiscard]] ssize_t receive(std::span<char> into);
  /// receive() has something to say although the socket may have nothing to read.
  [[nodiscard]] bool unread() const { return unread_; }
  /// receive() must first send something: call it again when the socket is writable.
  [[nodiscard]] bool readNeedsOutput() const { return readNeedsOutput_; }

  /// As sendmsg(2), one record: from the front of `pieces`, -1 with EAGAIN if the socket is full. `scratch`: at least 16
  /// KiB, in which small pieces are put together.
  [[nodiscard]] ssize_t transmit(std::span<const iovec> pieces, std::span<char> scratch);
  /// Bytes at the front of what waits that are in a record already, though transmit() has not counted them as sent: the next
  /// transmit() must bring them again, so they cannot be dropped.
  [[nodiscard]] std::size_t committed() const { return committed_; }

  /// Sends close_notify. Step::NeedsInput does not occur: the peer's is not awaited here.
  [[nodiscard]] Step shutDown();

 private:
  TlsStream(std::shared_ptr<const TlsContext> context, int socket) : context_(std::move(context)), socket_(socket) {}
  struct Io;
  friend struct Io;

  const std::shared_ptr<const TlsContext> context_;
  ssl_st* ssl_ = nullptr;
  const int socket_;
  std::size_t mayRead_ = 0;    ///< bytes that OpenSSL may take from the socket in this call
  std::size_t committed_ = 0;  ///< see committed()
  bool socketEnded_ = false;   ///< recv(2) has answered 0
  bool unread_ = false;
  bool readNeedsOutput_ = false;
  std::string reason_;
};

}  // namespace chatd::net
