// OutboundHttp: the one HTTP client for calls to the outside. Pool, total deadline, breaker per host, address policy.
// A call connects to the very address that the policy judged (no second resolution), and Host, SNI and certificate are of
// the name. Thread: any; never blocks the caller.
#pragma once

#include <chrono>
#include <cstdint>
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
  bool allowPrivateNetworks = false;    ///< else an address that is not public is refused, after resolution
  std::uint64_t tenant = 0;             ///< bulkhead: one tenant holds at most `perTenant` calls
};
struct OutboundResponse {
  int status = 0;
  std::vector<std::pair<std::string, std::string>> headers;  ///< names in lower case
  std::string body;
};

struct OutboundOptions {
  std::size_t maxCalls = 512;  ///< under way at once; each has a thread while it is
  std::size_t perTenant = 64;
  int breakerFailures = 5;                       ///< in a row, per tenant and (scheme, host, port)
  std::chrono::milliseconds breakerOpen{1'000};  ///< then no call for so long, then one at a time
  std::size_t idlePerHost = 8;                   ///< keep-alive connections
  std::size_t idle = 256;
  std::string caFile;  ///< PEM with certificate authorities to trust besides the system's; empty: none
};

class OutboundHttp {
 public:
  explicit OutboundHttp(const OutboundOptions& options);
  ~OutboundHttp();
  OutboundHttp(const OutboundHttp&) = delete;
  OutboundHttp& operator=(const OutboundHttp&) = delete;

  using Done = UniqueFunction<void(Result<OutboundResponse>)>;
  /// `done` is called exactly once, on a thread of this client or before this returns, at the deadline at the latest; it
  /// must not block. Redirects are not followed: 3xx is an answer. Errors: VerifierUnavailable (the detail says what:
  /// refused address, DNS, connect, TLS, deadline, too large, breaker; it is for operators), Busy.
  void fetch(OutboundRequest request, Done done);
  /// Fails what is under way, joins (a thread that waits for DNS is left to end on its own). Called once; also by the
  /// destructor if it was not.
  void stop();

 private:
  class Core;
  std::shared_ptr<Core> core_;
};

}  // namespace chatd
