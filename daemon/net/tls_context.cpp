#include "net/tls_context.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <ctime>
#include <string_view>
#include <utility>

#include "net/fd.h"

namespace chatd::net {

namespace {

constexpr std::size_t kMaxFile = std::size_t{1} << 20;
constexpr int kMaxChain = 16;
// Forward secrecy and AEAD alone. The three suites of TLS 1.3 are OpenSSL's own choice.
constexpr const char* kCiphers = "ECDHE+AESGCM:ECDHE+CHACHA20";
constexpr std::string_view kHttp11 = "http/1.1";
constexpr long kTicketSeconds = 3600;

template <auto Free>
struct Freeing {
  void operator()(auto* p) const { Free(p); }
};
using BioPtr = std::unique_ptr<BIO, Freeing<&::BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freeing<&::X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freeing<&::EVP_PKEY_free>>;
using ContextPtr = std::unique_ptr<SSL_CTX, Freeing<&::SSL_CTX_free>>;

[[nodiscard]] Error wrong(const std::string& file, std::string_view what) {
  return {Code::Invalid, fmt::format("{}: {}", file, what)};
}

/// The newest reason in OpenSSL's queue, which is emptied.
[[nodiscard]] std::string takeReason() {
  const unsigned long code = ::ERR_peek_last_error();
  const char* reason = ::ERR_reason_error_string(code);
  ::ERR_clear_error();
  return reason != nullptr ? reason : "unknown reason";
}

/// A key that anybody can read is no secret, and one that a stranger owns can be exchanged under us.
[[nodiscard]] Result<void> judgeKeyFile(const std::string& file, const struct stat& status) {
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) {
    return wrong(file, "belongs to somebody who is neither root nor the user that the daemon runs as");
  }
  if ((status.st_mode & (S_IRWXO | S_IWGRP)) != 0) {
    return wrong(file,
                 fmt::format("has mode {:04o}: a key must not be open to others, nor writable by its group; chmod 0640",
                             status.st_mode & 07777U));
  }
  return {};
}

[[nodiscard]] Result<std::string> slurp(const std::string& file, bool isKey) {
  // Non-blocking: a FIFO in place of a file must not stop the daemon.
  const Descriptor in(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (!in.open()) return wrong(file, fmt::format("cannot be read: {}", std::strerror(errno)));
  struct stat status {};
  if (::fstat(in.get(), &status) != 0) return wrong(file, fmt::format("cannot be read: {}", std::strerror(errno)));
  if (!S_ISREG(status.st_mode)) return wrong(file, "is not a regular file");
  if (isKey) CHATD_CHECK(judgeKeyFile(file, status));
  std::string text(kMaxFile + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(in.get(), text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return wrong(file, fmt::format("cannot be read: {}", std::strerror(errno)));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > kMaxFile) return wrong(file, fmt::format("is larger than {} bytes", kMaxFile));
  text.resize(size);
  return text;
}

[[nodiscard]] BioPtr reading(const std::string& text) {
  return BioPtr(::BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// No passphrase: a daemon has nobody to ask.
int noPassphrase(char*, int, int, void*) { return -1; }

[[nodiscard]] Result<Timestamp> useChain(SSL_CTX* context, const std::string& file) {
  CHATD_TRY(text, slurp(file, false));
  const BioPtr in = reading(text);
  const X509Ptr own(::PEM_read_bio_X509_AUX(in.get(), nullptr, &noPassphrase, nullptr));
  if (own == nullptr) return wrong(file, fmt::format("holds no certificate in PEM: {}", takeReason()));
  if (::SSL_CTX_use_certificate(context, own.get()) != 1) {
    return wrong(file, fmt::format("its certificate cannot be used: {}", takeReason()));
  }
  for (int i = 0;; ++i) {
    X509Ptr next(::PEM_read_bio_X509(in.get(), nullptr, &noPassphrase, nullptr));
    if (next == nullptr) break;
    if (i == kMaxChain) return wrong(file, fmt::format("has more than {} certificates", kMaxChain));
    if (::SSL_CTX_add0_chain_cert(context, next.get()) != 1) {
      return wrong(file, fmt::format("certificate {} of its chain cannot be used: {}", i + 2, takeReason()));
    }
    static_cast<void>(next.release());  // the context's
  }
  // Nothing more to read is the good end; anything else is a block that is broken.
  if (ERR_GET_REASON(::ERR_peek_last_error()) != PEM_R_NO_START_LINE) {
    return wrong(file, fmt::format("its chain is broken: {}", takeReason()));
  }
  ::ERR_clear_error();
  std::tm end{};
  if (::ASN1_TIME_to_tm(::X509_get0_notAfter(own.get()), &end) != 1) return wrong(file, "its date of expiry is broken");
  return Timestamp(std::chrono::seconds(::timegm(&end)));
}

[[nodiscard]] Result<void> useKey(SSL_CTX* context, const std::string& file, const std::string& certificateFile) {
  CHATD_TRY(text, slurp(file, true));
  const KeyPtr key = [&text] {
    const BioPtr in = reading(text);
    return KeyPtr(::PEM_read_bio_PrivateKey(in.get(), nullptr, &noPassphrase, nullptr));
  }();
  ::OPENSSL_cleanse(text.data(), text.size());
  if (key == nullptr) {
    const bool locked = ERR_GET_REASON(::ERR_peek_last_error()) == PEM_R_BAD_PASSWORD_READ;
    const std::string reason = takeReason();
    if (locked) return wrong(file, "has a passphrase: a daemon cannot be asked for it");
    return wrong(file, fmt::format("holds no private key in PEM: {}", reason));
  }
  if (::SSL_CTX_use_PrivateKey(context, key.get()) != 1 || ::SSL_CTX_check_private_key(context) != 1) {
    ::ERR_clear_error();
    return wrong(file, fmt::format("is not the key of the certificate in {}", certificateFile));
  }
  return {};
}

/// We speak HTTP/1.1 alone. A client that asks for protocols, but not for this one, is told so (RFC 7301 section 3.2).
int selectProtocol(SSL*, const unsigned char** out, unsigned char* size, const unsigned char* offered,
                   unsigned int offeredSize, void*) {
  for (unsigned int at = 0; at < offeredSize; at += 1U + offered[at]) {
    const std::string_view name(reinterpret_cast<const char*>(offered) + at + 1, offered[at]);
    if (name != kHttp11) continue;
    *out = offered + at + 1;
    *size = offered[at];
    return SSL_TLSEXT_ERR_OK;
  }
  return SSL_TLSEXT_ERR_ALERT_FATAL;
}

[[nodiscard]] bool setRules(SSL_CTX* context) {
  // A FIN without close_notify is taken as the end: what comes in frames itself (HTTP, WebSocket), so that a cut cannot pass
  // for an end, and many clients leave without a word.
  ::SSL_CTX_set_options(context, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
                                     SSL_OP_PRIORITIZE_CHACHA | SSL_OP_IGNORE_UNEXPECTED_EOF);
  ::SSL_CTX_set_mode(context,
                     SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER | SSL_MODE_RELEASE_BUFFERS);
  // One recv for all the records that are there, instead of two for each.
  ::SSL_CTX_set_read_ahead(context, 1);
  // Sessions live in the client's ticket, so that they cost us no memory; one ticket is enough to come back with.
  ::SSL_CTX_set_session_cache_mode(context, SSL_SESS_CACHE_OFF);
  ::SSL_CTX_set_timeout(context, kTicketSeconds);
  ::SSL_CTX_set_alpn_select_cb(context, &selectProtocol, nullptr);
  constexpr std::array<unsigned char, 5> kSessions = {'c', 'h', 'a', 't', 'd'};
  return ::SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) == 1 &&
         ::SSL_CTX_set_cipher_list(context, kCiphers) == 1 && ::SSL_CTX_set_num_tickets(context, 1) == 1 &&
         ::SSL_CTX_set_session_id_context(context, kSessions.data(), kSessions.size()) == 1;
}

}  // namespace

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const std::string& certificateFile, const std::string& keyFile) {
  ::ERR_clear_error();
  ContextPtr context(::SSL_CTX_new(::TLS_server_method()));
  if (context == nullptr || !setRules(context.get())) {
    return Error(Code::Internal, fmt::format("TLS cannot be set up: {}", takeReason()));
  }
  CHATD_TRY(expires, useChain(context.get(), certificateFile));
  CHATD_CHECK(useKey(context.get(), keyFile, certificateFile));
  std::shared_ptr<TlsContext> out(new TlsContext(context.release()));
  out->expires_ = expires;
  return std::shared_ptr<const TlsContext>(std::move(out));
}

TlsContext::~TlsContext() { ::SSL_CTX_free(context_); }

Result<std::shared_ptr<TlsIdentity>> TlsIdentity::load(std::string certificateFile, std::string keyFile) {
  std::shared_ptr<TlsIdentity> identity(new TlsIdentity(std::move(certificateFile), std::move(keyFile)));
  CHATD_CHECK(identity->reload());
  return identity;
}

Result<void> TlsIdentity::reload() {
  CHATD_TRY(fresh, TlsContext::load(certificateFile_, keyFile_));
  LockGuard g(mutex_);
  current_ = std::move(fresh);
  return {};
}

std::shared_ptr<const TlsContext> TlsIdentity::current() const {
  LockGuard g(mutex_);
  return current_;
}

}  // namespace chatd::net
