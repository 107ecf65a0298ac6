#include "outbound/stream.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>
#include <system_error>

#include "outbound/address_policy.h"

namespace chatd {

namespace {

Error failed(std::string detail) { return {Code::VerifierUnavailable, std::move(detail)}; }
Error failed(const char* doing, int number) {
  return failed(fmt::format("{}: {}", doing, std::generic_category().message(number)));
}

std::string sslReason() {
  const unsigned long code = ::ERR_get_error();
  ::ERR_clear_error();
  if (code == 0) return "the peer ended it";
  const char* reason = ::ERR_reason_error_string(code);
  return reason != nullptr ? reason : "unknown reason";
}

}  // namespace

Stream::~Stream() {
  if (ssl_ != nullptr) ::SSL_free(ssl_);
  ::close(fd_);
}

Result<void> Stream::wait(short events, const Until& until) const {
  for (;;) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until.deadline - std::chrono::steady_clock::now());
    if (left.count() <= 0) return failed("the deadline passed");
    std::array<pollfd, 2> fds = {pollfd{fd_, events, 0}, pollfd{until.stopFd, POLLIN, 0}};
    const int timeout = static_cast<int>(std::min<std::int64_t>(left.count(), INT_MAX));
    const int ready = ::poll(fds.data(), fds.size(), timeout);
    if (ready < 0 && errno != EINTR) return failed("poll", errno);
    if (ready <= 0) continue;
    if (fds[1].revents != 0) return failed("the client is stopping");
    return {};
  }
}

Result<std::unique_ptr<Stream>> Stream::connect(const Endpoint& to, const Until& until) {
  const int fd = ::socket(to.get().sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return failed("socket", errno);
  std::unique_ptr<Stream> stream(new Stream(fd));
  const int on = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  if (::connect(fd, &to.get(), to.size) != 0) {
    if (errno != EINPROGRESS) return failed("connecting", errno);
    CHATD_CHECK(stream->wait(POLLOUT, until));
    int error = 0;
    socklen_t size = sizeof error;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size);
    if (error != 0) return failed("connecting", error);
  }
  return stream;
}

Result<void> Stream::settle(int returned, const char* doing, const Until& until) {
  switch (::SSL_get_error(ssl_, returned)) {
    case SSL_ERROR_WANT_READ:
      return wait(POLLIN, until);
    case SSL_ERROR_WANT_WRITE:
      return wait(POLLOUT, until);
    default:
      break;
  }
  const long verdict = ::SSL_get_verify_result(ssl_);
  if (verdict != X509_V_OK) {
    ::ERR_clear_error();
    return failed(fmt::format("{}: the certificate is refused: {}", doing, ::X509_verify_cert_error_string(verdict)));
  }
  return failed(fmt::format("{}: {}", doing, sslReason()));
}

Result<void> Stream::startTls(SSL_CTX* context, const std::string& host, const Until& until) {
  ::ERR_clear_error();
  ssl_ = ::SSL_new(context);
  if (ssl_ == nullptr) return failed("TLS: " + sslReason());
  // The name is checked by OpenSSL itself in the handshake, against the host of the URL and never against the address.
  ::SSL_set_verify(ssl_, SSL_VERIFY_PEER, nullptr);
  ::SSL_set_hostflags(ssl_, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  std::array<unsigned char, sizeof(in6_addr)> bytes{};
  const bool literal =
      ::inet_pton(AF_INET, host.c_str(), bytes.data()) == 1 || ::inet_pton(AF_INET6, host.c_str(), bytes.data()) == 1;
  const bool named = literal
                         ? ::X509_VERIFY_PARAM_set1_ip_asc(::SSL_get0_param(ssl_), host.c_str()) == 1
                         : ::SSL_set1_host(ssl_, host.c_str()) == 1 && ::SSL_set_tlsext_host_name(ssl_, host.c_str()) == 1;
  if (!named || ::SSL_set_fd(ssl_, fd_) != 1) return failed("TLS: " + sslReason());
  for (;;) {
    ::ERR_clear_error();
    const int done = ::SSL_connect(ssl_);
    if (done == 1) return {};
    CHATD_CHECK(settle(done, "TLS handshake", until));
  }
}

Result<void> Stream::write(std::string_view bytes, const Until& until) {
  while (!bytes.empty()) {
    if (ssl_ != nullptr) {
      ::ERR_clear_error();
      std::size_t written = 0;
      const int done = ::SSL_write_ex(ssl_, bytes.data(), bytes.size(), &written);
      if (done == 1) {
        bytes.remove_prefix(written);
      } else {
        CHATD_CHECK(settle(done, "sending", until));
      }
      continue;
    }
    const ssize_t written = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      CHATD_CHECK(wait(POLLOUT, until));
    } else if (errno != EINTR) {
      return failed("sending", errno);
    }
  }
  return {};
}

Result<std::size_t> Stream::read(char* to, std::size_t capacity, const Until& until) {
  for (;;) {
    // Looked at before each read: a peer that always has one more byte ready never makes us wait, and yet must end.
    if (std::chrono::steady_clock::now() >= until.deadline) return failed("the deadline passed");
    if (ssl_ != nullptr) {
      ::ERR_clear_error();
      std::size_t got = 0;
      const int done = ::SSL_read_ex(ssl_, to, capacity, &got);
      if (done == 1) return got;
      if (::SSL_get_error(ssl_, done) == SSL_ERROR_ZERO_RETURN) return std::size_t{0};
      CHATD_CHECK(settle(done, "receiving", until));
      continue;
    }
    const ssize_t got = ::recv(fd_, to, capacity, 0);
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno == EAGAIN) {
      CHATD_CHECK(wait(POLLIN, until));
    } else if (errno != EINTR) {
      return failed("receiving", errno);
    }
  }
}

bool Stream::reusable() const {
  pollfd fd{fd_, POLLIN | POLLRDHUP, 0};
  // TLS 1.3 session tickets make a TLS socket readable right after the handshake; they were read with the first answer.
  return ::poll(&fd, 1, 0) == 0 && (ssl_ == nullptr || ::SSL_pending(ssl_) == 0);
}

}  // namespace chatd
