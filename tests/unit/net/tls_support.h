// For the tests of TLS: certificates made on the spot, and a client whose bytes a test can hold back.
#pragma once

#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <sys/stat.h>

#include <array>
#include <filesystem>
#include <fstream>
#include <functional>

#include "net/tls_context.h"
#include "unit/net/support.h"

namespace nettest {

struct TemporaryFolder {
  TemporaryFolder() {
    std::string name = (std::filesystem::temp_directory_path() / "chatd-net-XXXXXX").string();
    REQUIRE(::mkdtemp(name.data()) != nullptr);
    path = name;
  }
  ~TemporaryFolder() { std::filesystem::remove_all(path); }
  TemporaryFolder(const TemporaryFolder&) = delete;
  TemporaryFolder& operator=(const TemporaryFolder&) = delete;
  [[nodiscard]] std::string file(const std::string& name) const { return (path / name).string(); }
  std::filesystem::path path;
};

/// A self-signed certificate of a name with its key, written as certificate.pem and key.pem into a folder.
class Identity {
 public:
  explicit Identity(const std::string& name)
      : key_(::EVP_EC_gen("P-256"), &::EVP_PKEY_free), own_(::X509_new(), &::X509_free) {
    ::X509_set_version(own_.get(), 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(own_.get()), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(own_.get()), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(own_.get()), 3600);
    ::X509_set_pubkey(own_.get(), key_.get());
    X509_NAME* const subject = ::X509_get_subject_name(own_.get());
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1,
                                 0);
    ::X509_set_issuer_name(own_.get(), subject);
    REQUIRE(::X509_sign(own_.get(), key_.get(), ::EVP_sha256()) > 0);
  }
  void write(const TemporaryFolder& folder, const char* passphrase = nullptr) const {
    FILE* out = ::fopen(folder.file("certificate.pem").c_str(), "w");
    REQUIRE(out != nullptr);
    ::PEM_write_X509(out, own_.get());
    ::fclose(out);
    ::unlink(folder.file("key.pem").c_str());
    out = ::fopen(folder.file("key.pem").c_str(), "w");
    REQUIRE(out != nullptr);
    REQUIRE(::fchmod(::fileno(out), 0600) == 0);
    ::PEM_write_PrivateKey(out, key_.get(), passphrase != nullptr ? ::EVP_aes_128_cbc() : nullptr,
                           reinterpret_cast<const unsigned char*>(passphrase),
                           passphrase != nullptr ? static_cast<int>(std::strlen(passphrase)) : 0, nullptr, nullptr);
    ::fclose(out);
  }

 private:
  std::unique_ptr<EVP_PKEY, decltype(&::EVP_PKEY_free)> key_;
  std::unique_ptr<X509, decltype(&::X509_free)> own_;
};

inline std::shared_ptr<TlsIdentity> identityIn(const TemporaryFolder& folder) {
  auto loaded = TlsIdentity::load(folder.file("certificate.pem"), folder.file("key.pem"));
  REQUIRE(loaded.ok());
  return *loaded;
}

/// TLS over a Client. OpenSSL works on memory, so that a test decides how its bytes travel.
class TlsClient {
 public:
  struct Options {
    int version = 0;                 ///< 0: any
    std::string alpn;                ///< in the form of the wire; empty: not offered
    SSL_SESSION* session = nullptr;  ///< to resume
  };
  explicit TlsClient(Client client) : TlsClient(std::move(client), Options{}) {}
  TlsClient(Client client, const Options& options)
      : client_(std::move(client)),
        context_(::SSL_CTX_new(::TLS_client_method()), &::SSL_CTX_free),
        ssl_(nullptr, &::SSL_free) {
    if (options.version != 0) {
      ::SSL_CTX_set_min_proto_version(context_.get(), options.version);
      ::SSL_CTX_set_max_proto_version(context_.get(), options.version);
      ::SSL_CTX_set_security_level(context_.get(), 0);
    }
    ssl_.reset(::SSL_new(context_.get()));
    ::SSL_set_bio(ssl_.get(), ::BIO_new(::BIO_s_mem()), ::BIO_new(::BIO_s_mem()));
    ::BIO_set_mem_eof_return(::SSL_get_rbio(ssl_.get()), -1);
    if (!options.alpn.empty()) {
      ::SSL_set_alpn_protos(ssl_.get(), reinterpret_cast<const unsigned char*>(options.alpn.data()),
                            static_cast<unsigned>(options.alpn.size()));
    }
    if (options.session != nullptr) ::SSL_set_session(ssl_.get(), options.session);
    ::SSL_set_connect_state(ssl_.get());
  }

  /// How bytes go out; the default sends them at once.
  std::function<void(Client&, std::string_view)> carry = [](Client& to, std::string_view bytes) {
    static_cast<void>(to.tryWrite(bytes));  // a server that refuses us may be gone already
  };

  [[nodiscard]] bool handshake() {
    return drive([this] { return ::SSL_do_handshake(ssl_.get()); });
  }
  void write(std::string_view bytes) {
    REQUIRE(drive([&] { return ::SSL_write(ssl_.get(), bytes.data(), static_cast<int>(bytes.size())); }));
    flush();
  }
  /// Up to and with `end`; what there was if the peer ends before.
  std::string readUntil(std::string_view end) {
    std::size_t at = 0;
    while ((at = plain_.find(end)) == std::string::npos && more()) {
    }
    return cut(at == std::string::npos ? plain_.size() : at + end.size());
  }
  std::string read(std::size_t count) {
    while (plain_.size() < count && more()) {
    }
    return cut(std::min(count, plain_.size()));
  }
  std::string readAll() {
    while (more()) {
    }
    return std::exchange(plain_, {});
  }
  std::string response() {
    const std::string head = readUntil("\r\n\r\n");
    const std::size_t at = head.find("Content-Length: ");
    return head + read(at == std::string::npos ? 0 : std::stoul(head.substr(at + 16)));
  }
  /// close_notify; with `finish` also the FIN.
  void shutDown(bool finish) {
    ::SSL_shutdown(ssl_.get());
    flush();
    if (finish) client_.finish();
  }
  /// The peer has said close_notify.
  [[nodiscard]] bool wasToldTheEnd() const { return (::SSL_get_shutdown(ssl_.get()) & SSL_RECEIVED_SHUTDOWN) != 0; }
  /// Why it failed last: "tlsv1 alert …".
  [[nodiscard]] const std::string& fault() const { return fault_; }
  [[nodiscard]] ssl_st* get() const { return ssl_.get(); }
  [[nodiscard]] Client& socket() { return client_; }
  [[nodiscard]] std::string subject() const {
    const std::unique_ptr<X509, decltype(&::X509_free)> peer(::SSL_get1_peer_certificate(ssl_.get()), &::X509_free);
    REQUIRE(peer != nullptr);
    char name[128] = {};
    ::X509_NAME_get_text_by_NID(::X509_get_subject_name(peer.get()), NID_commonName, name, sizeof name);
    return name;
  }
  void flush() {
    char* bytes = nullptr;
    const long size = ::BIO_get_mem_data(::SSL_get_wbio(ssl_.get()), &bytes);
    if (size <= 0) return;
    const std::string out(bytes, static_cast<std::size_t>(size));
    static_cast<void>(BIO_reset(::SSL_get_wbio(ssl_.get())));
    carry(client_, out);
  }

 private:
  template <class Call>
  bool drive(Call call) {
    for (;;) {
      ::ERR_clear_error();
      const int done = call();
      const int error = ::SSL_get_error(ssl_.get(), done);
      const unsigned long why = ::ERR_peek_error();
      flush();
      if (done > 0) return true;
      if (error != SSL_ERROR_WANT_READ) {
        const char* reason = ::ERR_reason_error_string(why);
        fault_ = reason != nullptr ? reason : "no reason";
        return false;
      }
      if (!feed()) return false;
    }
  }
  /// More ciphertext from the socket; false at its end.
  bool feed() {
    pollfd p{.fd = client_.get(), .events = POLLIN, .revents = 0};
    REQUIRE(::poll(&p, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count())) == 1);
    std::array<char, 16384> bytes;
    const ssize_t n = ::recv(client_.get(), bytes.data(), bytes.size(), 0);
    if (n < 0 && errno == ECONNRESET) fault_ = "reset";
    if (n == 0) fault_ = "end";
    if (n <= 0) return false;
    ::BIO_write(::SSL_get_rbio(ssl_.get()), bytes.data(), static_cast<int>(n));
    return true;
  }
  bool more() {
    std::array<char, 16384> bytes;
    int got = 0;
    const bool ok = drive([&] { return got = ::SSL_read(ssl_.get(), bytes.data(), bytes.size()); });
    if (ok) plain_.append(bytes.data(), static_cast<std::size_t>(got));
    return ok;
  }
  std::string cut(std::size_t count) {
    std::string out = plain_.substr(0, count);
    plain_.erase(0, count);
    return out;
  }

  Client client_;
  std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context_;
  std::unique_ptr<SSL, decltype(&::SSL_free)> ssl_;
  std::string plain_;
  std::string fault_;
};

}  // namespace nettest
