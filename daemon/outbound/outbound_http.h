// OutboundHttp: the one HTTP client for calls to the outside. Pool, total deadline, breaker per host, address policy.
// Thread: any; never blocks the caller.
#pragma once

#include <chrono>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "base/task.h"

namespace chatd {

struct OutboundRequest {
  std::string method = "GET";
  std::string url;  ///< http:// or https://
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
  Steady deadline{};                    ///< for everything: queue, DNS, connect, TLS, answer
  std::size_t maxResponse = 64 * 1024;  ///< bytes of the body; more is a failure
  bool allowPrivateNetworks =
      false;                 ///< else an address that is not public is refused, after resolution and on every redirect
  std::uint64_t tenant = 0;  ///< bulkhead: one tenant holds at most `perTenant` calls
};
struct OutboundResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string body;
};

struct OutboundOptions {
  std::size_t maxCalls = 512;  ///< under way at once
  std::size_t perTenant = 64;
};

class OutboundHttp {
 public:
  explicit OutboundHttp(const OutboundOptions& options);
  ~OutboundHttp();
  using Done = UniqueFunction<void(Result<OutboundResponse>)>;
  /// `done` is called exactly once, on a thread of this client or before this returns. Redirects are not followed.
  /// Errors: VerifierUnavailable (the detail says what: refused address, DNS, connect, TLS, deadline, too large, breaker),
  /// Busy.
  void fetch(OutboundRequest request, Done done);
  /// Fails what is under way, joins. Called once.
  void stop();
};

}  // namespace chatd
