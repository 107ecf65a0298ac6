// Which browser pages may call: one rule for REST, polling and WebSocket. Pure. Thread: any.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace chatd::net {

/// True if a page of `origin` may call a server that it reached as `host` (the Host header): the same origin, or one of
/// `allowed`
/// ("https://example.com", or "*" for any). A request without an Origin header is no page's: do not ask.
[[nodiscard]] bool originAllowed(const std::vector<std::string>& allowed, std::string_view origin, std::string_view host,
                                 bool secure);

}  // namespace chatd::net
