#include "net/tls_stream.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "base/assert.h"

namespace chatd::net {

namespace {

constexpr std::size_t kRecord = 16 * 1024;          // the most that a record of TLS holds
constexpr std::size_t kWorthNoCopy = 4 * 1024;      // a first piece of this size is a record of its own
constexpr std::size_t kHandshakeTurn = 64 * 1024;   // bytes from the socket in one step of the handshake
constexpr std::size_t kBeyondTheBuffer = 8 * 1024;  // ciphertext is longer than its content

[[nodiscard]] bool wouldBlock(int error) { return error == EAGAIN || error == EWOULDBLOCK || error == EINTR; }

}  // namespace

/// The socket as OpenSSL sees it. Its own socket BIO would raise SIGPIPE, and would let a peer that sends records without
/// content keep SSL_read for as long as it sends.
struct TlsStream::Io {
  static TlsStream& of(BIO* bio) { return *static_cast<TlsStream*>(::BIO_get_data(bio)); }

  static int read(BIO* bio, char* into, int size) {
    TlsStream& self = of(bio);
    ::BIO_clear_retry_flags(bio);
    const std::size_t most = std::min(static_cast<std::size_t>(size), self.mayRead_);
    if (most == 0) {
      ::BIO_set_retry_read(bio);
      return -1;
    }
    const ssize_t got = ::recv(self.socket_, into, most, MSG_DONTWAIT);
    if (got > 0) self.mayRead_ -= static_cast<std::size_t>(got);
    if (got == 0) self.socketEnded_ = true;
    if (got < 0 && wouldBlock(errno)) ::BIO_set_retry_read(bio);
    return static_cast<int>(got);
  }

  static int write(BIO* bio, const char* bytes, int size) {
    ::BIO_clear_retry_flags(bio);
    const ssize_t sent = ::send(of(bio).socket_, bytes, static_cast<std::size_t>(size), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (sent < 0 && wouldBlock(errno)) ::BIO_set_retry_write(bio);
    return static_cast<int>(sent);
  }

  static long control(BIO* bio, int command, long, void*) {
    if (command == BIO_CTRL_EOF) return of(bio).socketEnded_ ? 1 : 0;
    return command == BIO_CTRL_FLUSH ? 1 : 0;
  }

  static BIO_METHOD* method() {
    static BIO_METHOD* const made = [] {
      BIO_METHOD* m = ::BIO_meth_new(::BIO_get_new_index() | BIO_TYPE_SOURCE_SINK, "connection");
      CHATD_ASSERT(m != nullptr);
      ::BIO_meth_set_read(m, &Io::read);
      ::BIO_meth_set_write(m, &Io::write);
      ::BIO_meth_set_ctrl(m, &Io::control);
      return m;
    }();
    return made;
  }
};

std::unique_ptr<TlsStream> TlsStream::accept(std::shared_ptr<const TlsContext> context, int socket) {
  ::ERR_clear_error();
  std::unique_ptr<TlsStream> stream(new TlsStream(std::move(context), socket));
  stream->ssl_ = ::SSL_new(stream->context_->get());
  BIO* const bio = stream->ssl_ != nullptr ? ::BIO_new(Io::method()) : nullptr;
  if (bio == nullptr) {
    ::ERR_clear_error();
    return nullptr;
  }
  ::BIO_set_data(bio, stream.get());
  ::BIO_set_init(bio, 1);
  ::SSL_set_bio(stream->ssl_, bio, bio);
  ::SSL_set_accept_state(stream->ssl_);
  return stream;
}

TlsStream::~TlsStream() {
  if (ssl_ != nullptr) ::SSL_free(ssl_);
}

TlsStream::Step TlsStream::handshake() {
  ::ERR_clear_error();
  mayRead_ = kHandshakeTurn;
  const int done = ::SSL_do_handshake(ssl_);
  if (done == 1) {
    unread_ = true;  // the first request may have come with the last message of the handshake
    return Step::Done;
  }
  switch (::SSL_get_error(ssl_, done)) {
    case SSL_ERROR_WANT_READ:
      return Step::NeedsInput;
    case SSL_ERROR_WANT_WRITE:
      return Step::NeedsOutput;
    default:
      break;
  }
  const char* reason = ::ERR_reason_error_string(::ERR_peek_error());
  reason_ = reason != nullptr ? reason : "the peer ended it";
  ::ERR_clear_error();
  return Step::Failed;
}

ssize_t TlsStream::receive(std::span<char> into) {
  mayRead_ = into.size() + kBeyondTheBuffer;
  readNeedsOutput_ = false;
  unread_ = false;
  bool ended = false;
  bool failed = false;
  bool dry = false;
  std::size_t got = 0;
  while (got < into.size() && !ended && !failed && !dry) {
    std::size_t now = 0;
    ::ERR_clear_error();
    if (::SSL_read_ex(ssl_, into.data() + got, into.size() - got, &now) == 1) {
      got += now;
      continue;
    }
    switch (::SSL_get_error(ssl_, 0)) {
      case SSL_ERROR_WANT_READ:
        dry = true;
        break;
      case SSL_ERROR_WANT_WRITE:
        dry = readNeedsOutput_ = true;
        break;
      case SSL_ERROR_ZERO_RETURN:
        ended = true;
        break;
      default:
        failed = true;
        break;
    }
  }
  ::ERR_clear_error();
  if (got > 0) {
    unread_ = ended || failed || (!dry && ::SSL_has_pending(ssl_) == 1);
    return static_cast<ssize_t>(got);
  }
  if (ended) return 0;
  errno = failed ? ECONNRESET : EAGAIN;
  return -1;
}

ssize_t TlsStream::transmit(std::span<const iovec> pieces, std::span<char> scratch) {
  CHATD_ASSERT(!pieces.empty() && scratch.size() >= kRecord);
  // What is in a record already must come again, exactly that much of it.
  const std::size_t most = committed_ != 0 ? committed_ : kRecord;
  const char* bytes = static_cast<const char*>(pieces[0].iov_base);
  std::size_t size = std::min(pieces[0].iov_len, most);
  if (pieces.size() > 1 && size < std::min(most, kWorthNoCopy)) {
    size = 0;
    for (const iovec& piece : pieces) {
      const std::size_t take = std::min(piece.iov_len, most - size);
      std::memcpy(scratch.data() + size, piece.iov_base, take);
      size += take;
      if (size == most) break;
    }
    bytes = scratch.data();
  }
  CHATD_ASSERT(committed_ == 0 || size == committed_);
  std::size_t written = 0;
  ::ERR_clear_error();
  if (::SSL_write_ex(ssl_, bytes, size, &written) == 1) {
    committed_ = 0;
    return static_cast<ssize_t>(written);
  }
  const int error = ::SSL_get_error(ssl_, 0);
  ::ERR_clear_error();
  // WANT_READ needs a renegotiation, which is refused.
  if (error == SSL_ERROR_WANT_WRITE) {
    committed_ = size;
    errno = EAGAIN;
  } else {
    errno = ECONNRESET;
  }
  return -1;
}

TlsStream::Step TlsStream::shutDown() {
  ::ERR_clear_error();
  const int done = ::SSL_shutdown(ssl_);
  if (done >= 0) return Step::Done;
  const int error = ::SSL_get_error(ssl_, done);
  ::ERR_clear_error();
  return error == SSL_ERROR_WANT_WRITE ? Step::NeedsOutput : Step::Failed;
}

}  // namespace chatd::net
