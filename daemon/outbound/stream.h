// Stream: one connection to the outside, plain or TLS, on a non-blocking socket. Every wait ends at a deadline or when the
// client stops; the peer's pace never matters. Owned by whoever holds the pointer. Thread: one at a time.
#pragma once

#include <openssl/ssl.h>

#include <memory>
#include <string_view>

#include "base/clock.h"
#include "base/result.h"
#include "outbound/resolver.h"

namespace chatd {

/// What ends a wait.
struct Until {
  Steady deadline{};
  int stopFd = -1;  ///< readable once the client stops
};

class Stream {
 public:
  ~Stream();
  Stream(const Stream&) = delete;
  Stream& operator=(const Stream&) = delete;

  /// Connects to exactly this address. Errors: VerifierUnavailable.
  static Result<std::unique_ptr<Stream>> connect(const Endpoint& to, const Until& until);
  /// TLS with SNI; the certificate must be trusted by `context` and be for `host`. Errors: VerifierUnavailable.
  Result<void> startTls(SSL_CTX* context, const std::string& host, const Until& until);
  /// All of `bytes`. Errors: VerifierUnavailable.
  Result<void> write(std::string_view bytes, const Until& until);
  /// At least one byte, 0 at the orderly end. Errors: VerifierUnavailable.
  Result<std::size_t> read(char* to, std::size_t capacity, const Until& until);
  /// An idle connection that is neither closed nor has unasked bytes waiting.
  [[nodiscard]] bool reusable() const;

 private:
  explicit Stream(int fd) : fd_(fd) {}
  Result<void> wait(short events, const Until& until) const;
  /// After an SSL call: waits for what it wants, or says why it failed.
  Result<void> settle(int returned, const char* doing, const Until& until);

  int fd_;
  SSL* ssl_ = nullptr;
};

}  // namespace chatd
