// One HTTP exchange with the daemon, over TCP, TLS or a Unix socket, on Poco's client. A new connection each time: the
// client lives for a few requests, and a kept connection that the daemon has just closed would fail a POST in doubt.
// Thread: the one of run().
#pragma once

#include <chrono>
#include <ctime>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/failure.h"
#include "cli/settings.h"

namespace chatd::cli {

struct HttpRequest {
  std::string method;
  std::string target;  ///< path and query, percent-encoded
  std::vector<std::pair<std::string, std::string>> headers;
  std::optional<std::string> body;
};

struct HttpAnswer {
  int status = 0;
  std::string body;
  std::string requestId;
  std::chrono::seconds retryAfter{0};  ///< 0: not said
  std::optional<std::time_t> date;     ///< of the server's clock, as its answer says
};

/// What a server shows of itself before anything is believed.
struct ServerCertificate {
  std::string subject;  ///< common name
  std::time_t notBefore = 0, notAfter = 0;
};

/// Sends and waits for the whole answer. `timeout` bounds connect, send and the wait for the first byte each, and the
/// body as a whole; the body may have at most 256 MiB. Errors: Exit::Unreachable.
[[nodiscard]] Outcome<HttpAnswer> exchange(const ServerAddress& server, const HttpRequest& request,
                                           std::chrono::milliseconds timeout);

/// The certificate of an https server, looked at without being verified. Errors: Exit::Unreachable.
[[nodiscard]] Outcome<ServerCertificate> certificateOf(const ServerAddress& server, std::chrono::milliseconds timeout);

/// RFC 3986: everything but unreserved characters as %XX, for a path segment or a query value.
[[nodiscard]] std::string percentEncode(std::string_view text);

}  // namespace chatd::cli
