// What of a request a verifier may ask to see beside the token: header fields, and cookies where they can be trusted to be
// meant. Pure. Thread: any.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/peer_fields.h"
#include "net/http.h"

namespace chatd::net {

/// Header fields by lower-case name, without Authorization. A browser sends cookies whoever's page makes the request, so
/// each of them (as "cookie:NAME") is there only if the request's Origin is this host's own or is named in `origins` ("*"
/// names none); without an Origin, if the browser vouches that the page is of this origin (Sec-Fetch-Site). Only those that
/// are `wanted`, at most 64 of 16 KiB together. Null: none.
[[nodiscard]] std::shared_ptr<const PeerFields> peerFields(const HttpRequest& request,
                                                           const std::vector<std::string>& origins, const PeerNames& wanted);

}  // namespace chatd::net
