// The opening handshake of a WebSocket: one place that judges the request and makes the answer. Pure. Thread: any.
#pragma once

#include "base/result.h"
#include "net/http.h"

namespace chatd::engine {

/// The 101 for `request`, for HttpResponder::upgrade(); the caller may add headers (a subprotocol, an extension).
/// Errors: UpgradeRequired (426), BadRequest (400); give their answer addRefusalHeaders().
[[nodiscard]] Result<net::HttpResponse> acceptWebSocket(const net::HttpRequest& request);

/// If the request offers a permessage-deflate that we can take: adds our answer to the 101. True: it holds from now on, and
/// WebSocketLimits::deflate must say so.
[[nodiscard]] bool negotiateDeflate(const net::HttpRequest& request, net::HttpResponse& response);

/// Adds the headers that RFC 6455 and RFC 9110 want beside such a refusal; nothing for other errors.
void addRefusalHeaders(net::HttpResponse& response, const Error& error);

/// The value of a header, empty if absent.
[[nodiscard]] std::string_view headerOr(const net::HttpRequest& request, std::string_view name);

}  // namespace chatd::engine
