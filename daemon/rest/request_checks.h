// What is checked of a request before its handler sees it: origin, media type, query, body. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>

#include "base/json.h"
#include "base/result.h"
#include "net/http.h"
#include "rest/route.h"

namespace chatd::rest {

/// The client's X-Request-Id if it is sane (1 to 64 of A-Z a-z 0-9 . _ -), else a new one.
[[nodiscard]] std::string requestIdOf(const net::HttpRequest& request);

/// Errors: UnsupportedMedia (a body that is not application/json), TooLarge.
[[nodiscard]] Result<void> checkMedia(const net::HttpRequest& request, std::size_t bodyBytes);

/// The query as an object of strings and, where the schema says so, integers. `app`, which names the app of a user token,
/// is taken on every route that users may call, `dryRun` on every one that changes something. Errors: BadRequest (broken
/// escape, not UTF-8), Invalid.
[[nodiscard]] Result<JsonDocument> readQuery(const net::HttpRequest& request, const Route& route);

/// An absent body is an empty object if the route needs no field. Errors: NotJson, Invalid.
[[nodiscard]] Result<JsonDocument> readBody(const net::HttpRequest& request, const Route& route);

}  // namespace chatd::rest
