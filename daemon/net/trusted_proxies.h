// TrustedProxies: which peers may say for whom they speak, and what their headers say. Immutable. Thread: any.
//
// The words of a proxy are believed link by link, from the right: each proxy appends the address that it got the request
// from. The first one that is no proxy of ours is the client; what stands left of it, the client may have written itself.
#pragma once

#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip_address.h"
#include "base/result.h"
#include "net/http.h"

namespace chatd::net {

/// Which headers the proxies set. One family alone is read: the other one a client may have sent through them.
enum class ProxyHeaders : unsigned char {
  XForwarded,  ///< X-Forwarded-For, -Proto, -Host
  Forwarded,   ///< Forwarded, RFC 7239
};

class TrustedProxies {
 public:
  /// Nobody is trusted.
  TrustedProxies() = default;
  /// Addresses, CIDR ranges, and "unix:" for peers on a Unix socket that we listen on for clients. Errors: Invalid.
  [[nodiscard]] static Result<TrustedProxies> parse(std::span<const std::string> items, ProxyHeaders headers);

  [[nodiscard]] bool trusts(const Peer& peer) const;
  /// If the request's peer is trusted: puts the client's address into request.peer, whether it speaks TLS into
  /// request.secure and peer.secure, and the host that it asked for into request.forwardedHost, as far as the headers tell.
  void apply(HttpRequest& request) const;

 private:
  [[nodiscard]] bool trusts(const IpAddress& address) const;
  void applyXForwarded(HttpRequest& request) const;
  void applyForwarded(HttpRequest& request) const;

  std::vector<IpRange> ranges_;
  bool unix_ = false;
  ProxyHeaders headers_ = ProxyHeaders::XForwarded;
};

/// One element of a Forwarded header; views of it, quotes removed where there was nothing escaped.
struct ForwardedElement {
  std::string client;  ///< for=
  std::string proto;
  std::string host;
};
/// RFC 7239 section 4. Nothing if the header is malformed.
[[nodiscard]] std::optional<std::vector<ForwardedElement>> parseForwarded(std::string_view value);

/// "192.0.2.1", "192.0.2.1:4711", "2001:db8::1", "[2001:db8::1]", "[2001:db8::1]:4711"; nothing for "unknown", "_hidden" and
/// whatever else.
[[nodiscard]] std::optional<IpAddress> parseNode(std::string_view node);

}  // namespace chatd::net
