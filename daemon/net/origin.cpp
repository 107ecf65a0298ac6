#include "net/origin.h"

#include "base/text.h"

namespace chatd::net {

bool originAllowed(const std::vector<std::string>& allowed, std::string_view origin, std::string_view host, bool secure) {
  for (const std::string& one : allowed) {
    if (one == "*" || equalIgnoreCase(one, origin)) return true;
  }
  // The same origin: the page came from this host. Without TLS here a proxy may have ended it, so both schemes pass; what a
  // page of the other scheme could do with that it could do without: nothing counts here but the credential it holds.
  constexpr std::string_view kSecure = "https://";
  constexpr std::string_view kPlain = "http://";
  if (host.empty()) return false;
  if (origin.starts_with(kSecure)) return equalIgnoreCase(origin.substr(kSecure.size()), host);
  return !secure && origin.starts_with(kPlain) && equalIgnoreCase(origin.substr(kPlain.size()), host);
}

}  // namespace chatd::net
