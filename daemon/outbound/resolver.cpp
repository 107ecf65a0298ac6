#include "outbound/resolver.h"

#include <fmt/format.h>
#include <netdb.h>

#include <cstring>
#include <memory>

#include "outbound/address_policy.h"

namespace chatd {

Result<std::vector<Endpoint>> resolve(const Url& url, bool allowPrivateNetworks) {
  constexpr std::size_t kMost = 8;
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(url.host.c_str(), std::to_string(url.port).c_str(), &hints, &found);
  if (error != 0) return Error(Code::VerifierUnavailable, fmt::format("resolving {}: {}", url.host, ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);

  const AddressPolicy policy(allowPrivateNetworks);
  std::vector<Endpoint> allowed;
  std::string refused;
  for (const addrinfo* a = found; a != nullptr && allowed.size() < kMost; a = a->ai_next) {
    if (!policy.allows(*a->ai_addr)) {
      refused = toText(*a->ai_addr);
      continue;
    }
    Endpoint endpoint;
    std::memcpy(&endpoint.address, a->ai_addr, a->ai_addrlen);
    endpoint.size = a->ai_addrlen;
    allowed.push_back(endpoint);
  }
  if (allowed.empty()) {
    return Error(Code::Forbidden, fmt::format("{} has the address {}, which may not be called", url.host, refused));
  }
  return allowed;
}

}  // namespace chatd
