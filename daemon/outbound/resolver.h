// Resolution of a host to addresses that the policy allows. Blocks in getaddrinfo(3), which nothing can interrupt: whoever
// calls it must be able to be given up. Thread: any.
#pragma once

#include <sys/socket.h>

#include <vector>

#include "base/result.h"
#include "outbound/url.h"

namespace chatd {

struct Endpoint {
  sockaddr_storage address{};
  socklen_t size = 0;
  [[nodiscard]] const sockaddr& get() const { return reinterpret_cast<const sockaddr&>(address); }
};

/// At most 8 addresses of `url.host`, in the order of the resolver; those that the policy refuses are left out.
/// Errors: Forbidden (all were refused), VerifierUnavailable (no such name, no answer).
[[nodiscard]] Result<std::vector<Endpoint>> resolve(const Url& url, bool allowPrivateNetworks);

}  // namespace chatd
