#include "base/masked_url.h"

#include <algorithm>

namespace chatd {

namespace {

/// The length of "SCHEME://" (RFC 3986, section 3.1); 0: the text does not begin with one.
std::size_t schemeLength(std::string_view text) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); };
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || !letter(text.front())) return 0;
  const bool scheme = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [&](char c) {
    return letter(c) || (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
  });
  return scheme ? colon + 3 : 0;
}

void appendQuery(std::string& out, std::string_view query) {
  for (;;) {
    const auto end = query.find('&');
    const std::string_view part = query.substr(0, end);
    if (const auto equals = part.find('='); equals != std::string_view::npos) out += part.substr(0, equals + 1);
    if (!part.empty()) out += kMask;
    if (end == std::string_view::npos) return;
    out += '&';
    query.remove_prefix(end + 1);
  }
}

}  // namespace

std::optional<std::string> maskedUrl(std::string_view text) {
  // Whitespace around a URL would otherwise hide that it is one.
  const auto first = text.find_first_not_of(" \t\r\n");
  const std::size_t scheme = first == std::string_view::npos ? 0 : schemeLength(text.substr(first));
  if (scheme == 0) return std::nullopt;
  const std::size_t authority = first + scheme;
  const auto at = [text](std::size_t found) { return std::min(found, text.size()); };
  const std::size_t path = at(text.find_first_of("/?#", authority));
  const std::size_t fragment = at(text.find('#', path));
  const std::size_t query = std::min(at(text.find('?', path)), fragment);
  // The last one: a password that was not encoded may have others.
  const auto user = text.substr(authority, path - authority).rfind('@');
  if (user == std::string_view::npos && query + 1 >= fragment && fragment + 1 >= text.size()) return std::nullopt;

  std::string out(text.substr(0, authority));
  if (user != std::string_view::npos) out += kMask;
  const std::size_t host = user == std::string_view::npos ? authority : authority + user;
  out += text.substr(host, query - host);
  if (query < fragment) {
    out += '?';
    appendQuery(out, text.substr(query + 1, fragment - query - 1));
  }
  if (fragment < text.size()) {
    out += '#';
    if (fragment + 1 < text.size()) out += kMask;
  }
  return out;
}

}  // namespace chatd
