#include "outbound/url.h"

#include <arpa/inet.h>

#include <charconv>

#include "base/text.h"

namespace chatd {

namespace {

Error refused(const char* why) { return {Code::Invalid, why}; }

bool hostCharacter(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_'; }

/// Splits "host:port" or "[v6]:port" into the Url.
Result<void> readAuthority(std::string_view authority, Url& url) {
  std::string_view port;
  bool six = false;
  if (authority.starts_with('[')) {
    const auto end = authority.find(']');
    if (end == std::string_view::npos) return refused("the IPv6 address has no ']'");
    url.host = toLower(authority.substr(1, end - 1));
    in6_addr address{};
    if (::inet_pton(AF_INET6, url.host.c_str(), &address) != 1) return refused("between '[' and ']' is no IPv6 address");
    authority.remove_prefix(end + 1);
    if (!authority.empty() && authority.front() != ':') return refused("only a port may follow ']'");
    port = authority;
    six = true;
  } else {
    const auto colon = authority.find(':');
    url.host = toLower(authority.substr(0, colon));
    if (url.host.empty() || url.host.size() > 253) return refused("the host has no name, or one longer than 253 bytes");
    for (const char c : url.host) {
      if (!hostCharacter(c)) return refused("the host may have letters, digits, '-', '_' and '.' only (IDN as xn--...)");
    }
    if (colon != std::string_view::npos) port = authority.substr(colon);
  }
  const std::uint16_t usual = url.tls ? 443 : 80;
  url.port = usual;
  if (port.size() > 1) {
    port.remove_prefix(1);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(port.data(), port.data() + port.size(), value);
    if (error != std::errc{} || end != port.data() + port.size() || value < 1 || value > 65535) {
      return refused("the port is not 1 to 65535");
    }
    url.port = static_cast<std::uint16_t>(value);
  }
  url.authority = six ? "[" + url.host + "]" : url.host;
  if (url.port != usual) url.authority += ":" + std::to_string(url.port);
  return {};
}

}  // namespace

Result<Url> parseUrl(std::string_view text) {
  if (text.size() > 4096) return refused("the URL is longer than 4096 bytes");
  for (const char c : text) {
    if (c <= 0x20 || c >= 0x7F) return refused("the URL may have printable ASCII only; percent-encode the rest");
  }
  Url url;
  const auto colon = text.find("://");
  if (colon == std::string_view::npos) return refused("the URL must begin with http:// or https://");
  const std::string_view scheme = text.substr(0, colon);
  if (equalIgnoreCase(scheme, "https")) {
    url.tls = true;
  } else if (!equalIgnoreCase(scheme, "http")) {
    return refused("the URL must begin with http:// or https://");
  }
  text.remove_prefix(colon + 3);
  text = text.substr(0, text.find('#'));
  const auto end = text.find_first_of("/?\\");
  const std::string_view authority = text.substr(0, end);
  // "https://good.example@evil.example/" is read differently by different readers.
  if (authority.find('@') != std::string_view::npos) return refused("the URL may not have user information");
  CHATD_CHECK(readAuthority(authority, url));
  const std::string_view rest = end == std::string_view::npos ? std::string_view{} : text.substr(end);
  if (rest.find('\\') != std::string_view::npos) return refused("the URL may not have a backslash");
  url.target = rest.starts_with('/') ? std::string(rest) : "/" + std::string(rest);
  return url;
}

}  // namespace chatd
