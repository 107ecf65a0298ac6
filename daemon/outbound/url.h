// Url: an http or https address, read strictly, so that what is checked is what is asked. Pure. Thread: any (values).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace chatd {

struct Url {
  bool tls = false;
  std::string host;        ///< lower case, an IPv6 literal without its brackets
  std::uint16_t port = 0;  ///< with the scheme's default filled in
  std::string authority;   ///< for the Host header: host, brackets, and the port if it is not the default
  std::string target;      ///< path and query, begins with '/'
};

/// Takes RFC 3986 in ASCII: http or https, a host (IDN in its "xn--" form), an optional port, path and query; a fragment is
/// dropped. Refused: user information, control characters, blanks. Errors: Invalid, its detail says what.
[[nodiscard]] Result<Url> parseUrl(std::string_view text);

}  // namespace chatd
