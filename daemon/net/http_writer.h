// The head of a response as bytes. Pure but for the time of day. Thread: any.
#pragma once

#include <cstdint>
#include <string>

#include "net/http.h"

namespace chatd::net {

/// What comes behind the response on its connection.
enum class AfterResponse : std::uint8_t { KeepAlive, KeepAliveHttp10, Close, Upgrade };

/// Appends status line, headers and the empty line. Content-Length is that of the body unless the status has none (1xx, 204,
/// 304); Date and Connection are ours, what the response says of them is left out. Control bytes in values become spaces, so
/// that no value can end its line.
void appendHead(std::string& out, const HttpResponse& response, AfterResponse after);

}  // namespace chatd::net
