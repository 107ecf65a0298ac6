#include "base/masked_url.h"

#include <algorithm>

#include "base/text.h"

namespace chatd {

namespace {

constexpr std::string_view kDigits = "0123456789";

bool isLetter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
bool isDigit(char c) { return c >= '0' && c <= '9'; }

/// The length of "SCHEME://" (RFC 3986, section 3.1), or of several before one another as in jdbc:postgresql://; 0: the text
/// does not begin with one.
std::size_t schemeLength(std::string_view text) {
  const auto colon = text.find("://");
  if (colon == std::string_view::npos || colon == 0 || !isLetter(text.front())) return 0;
  const bool scheme = std::all_of(text.begin(), text.begin() + static_cast<std::ptrdiff_t>(colon), [](char c) {
    return isLetter(c) || isDigit(c) || c == '+' || c == '-' || c == '.' || c == ':';
  });
  return scheme ? colon + 3 : 0;
}

/// Where the host begins in what stands between "://" and the query: behind the last '@', because a password that was not
/// encoded may have others and '/', and a list of URLs has one for each. Only behind a plain host of a web address is an '@'
/// a part of the path: without a ':' before the '/' there is no password.
std::size_t hostBegin(std::string_view scheme, std::string_view rest) {
  const auto last = rest.rfind('@');
  if (last == std::string_view::npos) return 0;
  const std::string_view host = rest.substr(0, rest.find('/'));
  const bool plain =
      std::all_of(host.begin(), host.end(), [](char c) { return isLetter(c) || isDigit(c) || c == '-' || c == '.'; });
  const std::string name = toLower(scheme);
  const bool web = name == "https://" || name == "http://";
  return web && plain && !host.empty() && rest.find("://") == std::string_view::npos ? 0 : last;
}

/// A ':' with something behind it that is no port: rather a password than a host.
bool hasPassword(std::string_view authority) {
  const auto colon = authority.starts_with('[') ? std::string_view::npos : authority.find(':');
  return colon != std::string_view::npos && authority.find_first_not_of(kDigits, colon + 1) != std::string_view::npos;
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
  const std::size_t fragment = at(text.find('#', authority));
  const std::size_t query = std::min(at(text.find('?', authority)), fragment);
  const std::string_view rest = text.substr(authority, query - authority);
  std::string out(text.substr(0, authority));
  const auto last = rest.rfind('@');
  // What JDBC has behind a ';' is user and password, too.
  const bool jdbc = text.substr(first, scheme).find(':') + 3 < scheme;
  const auto properties = jdbc ? rest.find(';') : std::string_view::npos;
  // A password with '?' or '#' in it, or an '@' in a property: where the secret ends cannot be told.
  const bool torn = last == std::string_view::npos && text.find('@', query) != std::string_view::npos &&
                    hasPassword(rest.substr(0, rest.find('/')));
  const bool mixed = properties != std::string_view::npos && last != std::string_view::npos && properties < last;
  if (torn || mixed) return out.append(kMask).append("@");
  const std::size_t host = hostBegin(text.substr(first, scheme), rest);
  if (host == 0 && properties == std::string_view::npos && query + 1 >= fragment && fragment + 1 >= text.size())
    return std::nullopt;

  if (host > 0) out += kMask;
  if (properties != std::string_view::npos) {
    return out.append(rest.substr(host, properties - host)).append(";").append(kMask);
  }
  out += rest.substr(host);
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

bool holdsMask(const JsonValue& value) {
  if (value.IsString()) return asView(value) == kMask;
  if (value.IsArray()) return std::any_of(value.Begin(), value.End(), holdsMask);
  if (!value.IsObject()) return false;
  return std::any_of(value.MemberBegin(), value.MemberEnd(), [](const auto& member) { return holdsMask(member.value); });
}

}  // namespace chatd
