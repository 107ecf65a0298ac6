// RFC 9457 problem documents: how every error of the API looks. Pure. Thread: any.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "base/error.h"
#include "net/http.h"

namespace chatd::rest {

/// The whole answer with Retry-After, Allow and WWW-Authenticate where they belong (Allow is added by the caller).
/// `id`: what an AlreadyDone is about.
[[nodiscard]] net::HttpResponse problem(const Error& error, std::string_view requestId,
                                        std::optional<std::int64_t> id = std::nullopt);
/// The body alone, with another HTTP status than the error's own (what the parser refuses).
[[nodiscard]] std::string problemBody(const Error& error, int status, std::string_view requestId,
                                      std::optional<std::int64_t> id = std::nullopt);
/// How long a refused client should wait; 0: it should not come back for this.
[[nodiscard]] std::int64_t retryAfterSeconds(const Error& error);

}  // namespace chatd::rest
