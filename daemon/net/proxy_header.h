// ProxyHeaderParser: the PROXY protocol, version 1 (a line of text) and 2 (binary), as a proxy sends it before anything
// else. Pure; takes its input in any pieces. Source: the protocol's document, proxy-protocol.txt of HAProxy, sections 2.1
// and 2.2. Thread: any, one at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/ip_address.h"

namespace chatd::net {

/// The client as the proxy saw it.
struct ProxiedClient {
  IpAddress address;
  std::uint16_t port = 0;
  bool secure = false;  ///< it spoke TLS with the proxy (version 2, PP2_TYPE_SSL)
};

class ProxyHeaderParser {
 public:
  enum class Status : std::uint8_t { NeedMore, Done, Broken };

  /// Takes bytes of the header and none behind it; how many. Broken is told at the first byte that cannot belong to one.
  std::size_t feed(std::string_view bytes);
  [[nodiscard]] Status status() const { return status_; }
  /// When Done: the client; nothing if the proxy speaks for itself (a health check) or does not say.
  [[nodiscard]] const std::optional<ProxiedClient>& client() const { return client_; }

 private:
  [[nodiscard]] Status take(char byte);
  [[nodiscard]] Status line();
  [[nodiscard]] Status block();
  [[nodiscard]] Status blockHead();
  [[nodiscard]] bool readExtras(std::string_view extras);

  std::string header_;         ///< what has come of it; at most kMaxBlock
  std::size_t blockSize_ = 0;  ///< of version 2, once it is known
  Status status_ = Status::NeedMore;
  std::optional<ProxiedClient> client_;
};

}  // namespace chatd::net
