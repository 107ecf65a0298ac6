// One HTTP/1.1 request and its answer over a Stream: strict, with every size bounded. Thread: the stream's.
#pragma once

#include "outbound/outbound_http.h"
#include "outbound/stream.h"
#include "outbound/url.h"

namespace chatd {

struct Exchange {
  Result<OutboundResponse> response;
  bool answered = false;  ///< a byte of an answer came: a failure is not that of a stale connection
  bool reusable = false;  ///< the connection may carry another request
};

/// Head bounded by 16 KiB and 100 fields, body by `request.maxResponse`. A redirect is an answer like any other.
/// Errors: VerifierUnavailable.
[[nodiscard]] Exchange exchange(Stream& stream, const Url& url, const OutboundRequest& request, const Until& until);

/// Method and header fields are what HTTP allows: nothing in them can begin another field or request.
/// Errors: VerifierUnavailable, its detail names the field and never its value.
[[nodiscard]] Result<void> checkRequest(const OutboundRequest& request);

}  // namespace chatd
