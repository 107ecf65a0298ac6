#include "app/listening.h"

#include <fmt/format.h>

#include "base/assert.h"
#include "base/clock.h"
#include "observe/log.h"

namespace chatd {

namespace {

void tellCertificate(const net::TlsIdentity& identity) {
  const Timestamp end = identity.current()->expires();
  const std::string text = toRfc3339(end);
  const bool over = end < SystemClock().wall();
  const LogFields fields = {{"file", identity.certificateFile()}, {"expires", text}};
  if (over) {
    log().warning("net", "the certificate has expired", fields);
  } else {
    log().info("net", "certificate loaded", fields);
  }
}

[[nodiscard]] std::string urlOf(const Listener& listener, std::uint16_t port) {
  if (!listener.unixPath.empty()) return "unix:" + listener.unixPath;
  const bool v6 = listener.address.find(':') != std::string::npos;
  return fmt::format("{}://{}:{}", listener.tls ? "https" : "http", v6 ? "[" + listener.address + "]" : listener.address,
                     port);
}

[[nodiscard]] net::Endpoint endpointOf(const Listener& listener, std::shared_ptr<net::TlsIdentity> identity) {
  net::Endpoint endpoint;
  endpoint.address = listener.address;
  endpoint.port = listener.port;
  endpoint.unixPath = listener.unixPath;
  endpoint.unixMode = listener.unixMode;
  endpoint.proxyHeader = listener.proxyProtocol;
  endpoint.tls = std::move(identity);
  return endpoint;
}

}  // namespace

std::vector<ConfigFault> certificateFaults(const LoadedOptions& loaded) {
  std::vector<ConfigFault> faults;
  if (!loaded.options) return faults;
  const auto place = loaded.places.find("listen");
  const std::string where = place == loaded.places.end() ? "options" : place->second;
  for (std::size_t i = 0; i < loaded.options->listen.size(); ++i) {
    const auto& tls = loaded.options->listen[i].tls;
    if (!tls) continue;
    const auto context = net::TlsContext::load(tls->certificate, tls->key);
    if (!context.ok())
      faults.push_back({where, "listen", fmt::format("entry {}: tls: {}", i + 1, context.error().detail())});
  }
  return faults;
}

std::shared_ptr<const net::TrustedProxies> trustedProxies(const Options& options) {
  const auto headers =
      options.proxyHeader == Options::ProxyHeader::Forwarded ? net::ProxyHeaders::Forwarded : net::ProxyHeaders::XForwarded;
  auto parsed = net::TrustedProxies::parse(options.trustedProxies, headers);
  CHATD_ASSERT(parsed.ok());
  return std::make_shared<const net::TrustedProxies>(std::move(parsed).value());
}

Result<void> Listening::open(const Options& options, net::Server& server) {
  std::string firstSocket;
  for (const Listener& listener : options.listen) {
    std::shared_ptr<net::TlsIdentity> identity;
    if (listener.tls) {
      CHATD_TRY(loaded, net::TlsIdentity::load(listener.tls->certificate, listener.tls->key));
      tellCertificate(*loaded);
      identity = loaded;
      identities_.push_back(loaded);
    }
    CHATD_TRY(port, server.listen(endpointOf(listener, std::move(identity))));
    const std::string url = urlOf(listener, port);
    std::string& first = listener.unixPath.empty() ? url_ : firstSocket;
    if (first.empty()) first = url;
    log().info("net", "listening", {{"url", url}, {"proxyProtocol", listener.proxyProtocol}});
  }
  if (url_.empty()) url_ = firstSocket;
  if (options.adminSocket.empty()) return {};
  net::Endpoint admin;
  admin.unixPath = options.adminSocket;
  admin.admin = true;
  CHATD_CHECK(server.listen(admin));
  log().info("net", "listening", {{"socket", options.adminSocket}});
  return {};
}

void Listening::reloadCertificates() {
  for (const auto& identity : identities_) {
    if (const auto done = identity->reload(); !done.ok()) {
      log().error("net", "the certificate was not reloaded, the old one stays", {{"reason", done.error()}});
    } else {
      tellCertificate(*identity);
    }
  }
}

}  // namespace chatd
