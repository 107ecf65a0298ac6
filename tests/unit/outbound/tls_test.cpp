// outbound: TLS only with a certificate that is trusted and is for the name that was asked.
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>

#include <boost/test/unit_test.hpp>
#include <csignal>
#include <filesystem>
#include <memory>

#include "fetch.h"
#include "tiny_server.h"

using namespace chatd;
using namespace chatd::test;

namespace {

/// A self-signed certificate for one DNS name, also as a file to trust.
class Certificate {
 public:
  explicit Certificate(const std::string& name) {
    key_ = ::EVP_EC_gen("P-256");
    certificate_ = ::X509_new();
    ::X509_set_version(certificate_, 2);
    ::ASN1_INTEGER_set(::X509_get_serialNumber(certificate_), 1);
    ::X509_gmtime_adj(::X509_getm_notBefore(certificate_), -3600);
    ::X509_gmtime_adj(::X509_getm_notAfter(certificate_), 3600);
    ::X509_set_pubkey(certificate_, key_);
    X509_NAME* subject = ::X509_get_subject_name(certificate_);
    ::X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC, reinterpret_cast<const unsigned char*>("chatd test"), -1, -1,
                                 0);
    ::X509_set_issuer_name(certificate_, subject);
    X509_EXTENSION* names = ::X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, ("DNS:" + name).c_str());
    ::X509_add_ext(certificate_, names, -1);
    ::X509_EXTENSION_free(names);
    ::X509_sign(certificate_, key_, ::EVP_sha256());
    std::string pattern = (std::filesystem::temp_directory_path() / "chatd-tls-XXXXXX").string();
    BOOST_REQUIRE(::mkdtemp(pattern.data()) != nullptr);
    folder_ = pattern;
    FILE* out = ::fopen(file().c_str(), "w");
    BOOST_REQUIRE(out != nullptr);
    ::PEM_write_X509(out, certificate_);
    ::fclose(out);
  }
  ~Certificate() {
    std::filesystem::remove_all(folder_);
    ::X509_free(certificate_);
    ::EVP_PKEY_free(key_);
  }
  Certificate(const Certificate&) = delete;
  Certificate& operator=(const Certificate&) = delete;

  [[nodiscard]] std::string file() const { return (folder_ / "ca.pem").string(); }

  /// Speaks TLS on a connection, notes the SNI, answers each request with "hello".
  void serve(TinyServer::Peer& peer, std::string& sni) const {
    const std::unique_ptr<SSL_CTX, decltype(&::SSL_CTX_free)> context(::SSL_CTX_new(::TLS_server_method()), &::SSL_CTX_free);
    ::SSL_CTX_use_certificate(context.get(), certificate_);
    ::SSL_CTX_use_PrivateKey(context.get(), key_);
    const std::unique_ptr<SSL, decltype(&::SSL_free)> ssl(::SSL_new(context.get()), &::SSL_free);
    ::SSL_set_fd(ssl.get(), peer.fd());
    if (::SSL_accept(ssl.get()) == 1) {
      if (const char* name = ::SSL_get_servername(ssl.get(), TLSEXT_NAMETYPE_host_name)) sni = name;
      std::string head;
      std::array<char, 2048> buffer{};
      int got = 0;
      while (head.find("\r\n\r\n") == std::string::npos && (got = ::SSL_read(ssl.get(), buffer.data(), 2048)) > 0) {
        head.append(buffer.data(), static_cast<std::size_t>(got));
      }
      const std::string reply = answer(200, "hello", "Connection: close\r\n");
      if (got > 0) ::SSL_write(ssl.get(), reply.data(), static_cast<int>(reply.size()));
      ::SSL_shutdown(ssl.get());
    }
    ::ERR_clear_error();
  }

 private:
  EVP_PKEY* key_ = nullptr;
  X509* certificate_ = nullptr;
  std::filesystem::path folder_;
};

std::string secure(const TinyServer& server, const std::string& host) {
  return "https://" + host + ":" + std::to_string(server.port()) + "/";
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outbound_tls)

BOOST_AUTO_TEST_CASE(a_trusted_certificate_for_the_name_is_taken_and_the_name_is_sent) {
  ::signal(SIGPIPE, SIG_IGN);  // the test's own TLS server writes to clients that hang up
  const Certificate certificate("localhost");
  std::string sni;
  {
    TinyServer server([&](TinyServer::Peer& peer) { certificate.serve(peer, sni); });
    OutboundOptions options;
    options.caFile = certificate.file();
    OutboundHttp http(options);
    const auto result = fetch(http, get(secure(server, "localhost")));
    BOOST_REQUIRE_MESSAGE(result.ok(), why(result));
    BOOST_TEST(result->body == "hello");
  }
  BOOST_TEST(sni == "localhost");
}

BOOST_AUTO_TEST_CASE(a_certificate_that_is_not_trusted_or_is_for_another_name_is_refused) {
  ::signal(SIGPIPE, SIG_IGN);
  const Certificate local("localhost");
  const Certificate other("other.example");
  std::string sni;
  TinyServer localServer([&](TinyServer::Peer& peer) { local.serve(peer, sni); });
  TinyServer otherServer([&](TinyServer::Peer& peer) { other.serve(peer, sni); });
  OutboundHttp systemOnly({});
  BOOST_TEST(
      (why(fetch(systemOnly, get(secure(localServer, "localhost")))).find("certificate is refused") != std::string::npos));
  OutboundOptions options;
  options.caFile = local.file();
  OutboundHttp trustsLocal(options);
  BOOST_TEST(
      (why(fetch(trustsLocal, get(secure(localServer, "127.0.0.1")))).find("certificate is refused") != std::string::npos));
  options.caFile = other.file();
  OutboundHttp trustsOther(options);
  BOOST_TEST(
      (why(fetch(trustsOther, get(secure(otherServer, "localhost")))).find("certificate is refused") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_handshake_that_never_ends_ends_at_the_deadline) {
  TinyServer server([](TinyServer::Peer& peer) { peer.hang(); });
  OutboundHttp http({});
  const auto result = fetch(http, get(secure(server, "localhost"), milliseconds(200)));
  BOOST_TEST((why(result).find("deadline") != std::string::npos));
}

BOOST_AUTO_TEST_CASE(a_server_that_speaks_no_tls_is_a_failure) {
  TinyServer server([](TinyServer::Peer& peer) {
    peer.send("HTTP/1.1 400 Bad Request\r\n\r\n");
    peer.hang();
  });
  OutboundHttp http({});
  BOOST_TEST((why(fetch(http, get(secure(server, "localhost")))).find("TLS handshake") != std::string::npos));
}

BOOST_AUTO_TEST_SUITE_END()
