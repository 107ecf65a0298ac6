#include "net/trusted_proxies.h"

#include <algorithm>
#include <utility>

#include "base/text.h"

namespace chatd::net {

namespace {

constexpr std::string_view kUnix = "unix:";
constexpr std::string_view kSpace = " \t";

std::string_view trim(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kSpace);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kSpace) - first + 1);
}

/// Cuts the last element off a comma-separated list.
std::string_view cutLast(std::string_view& list) {
  const std::size_t comma = list.rfind(',');
  const std::string_view last = trim(comma == std::string_view::npos ? list : list.substr(comma + 1));
  list = comma == std::string_view::npos ? std::string_view() : list.substr(0, comma);
  return last;
}

bool isHost(std::string_view host) {
  constexpr std::string_view kAllowed = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_:[]";
  return !host.empty() && host.size() <= 260 && host.find_first_not_of(kAllowed) == std::string_view::npos;
}

void setScheme(HttpRequest& request, std::string_view proto) {
  const bool https = equalIgnoreCase(proto, "https") || equalIgnoreCase(proto, "wss");
  if (!https && !equalIgnoreCase(proto, "http") && !equalIgnoreCase(proto, "ws")) return;
  request.secure = https;
  request.peer.secure = https;
}

void setHost(HttpRequest& request, std::string_view host) {
  if (isHost(host)) request.forwardedHost = host;
}

void setClient(HttpRequest& request, const IpAddress& address) {
  request.peer.ip = address.text();
  request.peer.port = 0;  // of the proxy's connection; the client's is not told
}

constexpr bool isToken(char c) {
  constexpr std::string_view kOthers = "!#$%&'*+-.^_`|~";
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
         kOthers.find(c) != std::string_view::npos;
}

/// token or quoted-string at the front of `text`, which is cut off. Nothing: neither.
std::optional<std::string> cutValue(std::string_view& text) {
  std::string out;
  if (text.empty() || text.front() != '"') {
    // ':' and brackets are no part of a token, but proxies that forget the quotes are common and there is one reading.
    std::size_t size = 0;
    while (size < text.size() &&
           (isToken(text[size]) || std::string_view(":[]").find(text[size]) != std::string_view::npos)) {
      ++size;
    }
    if (size == 0) return std::nullopt;
    out = text.substr(0, size);
    text.remove_prefix(size);
    return out;
  }
  for (std::size_t i = 1; i < text.size(); ++i) {
    if (text[i] == '"') {
      text.remove_prefix(i + 1);
      return out;
    }
    if (text[i] == '\\' && ++i == text.size()) break;
    out.push_back(text[i]);
  }
  return std::nullopt;
}

void skipSpace(std::string_view& text) { text.remove_prefix(std::min(text.find_first_not_of(kSpace), text.size())); }

/// One pair `name=value` at the front of `text`, cut off and kept if it is one of ours. False: it is none.
bool cutPair(std::string_view& text, ForwardedElement& element) {
  std::size_t size = 0;
  while (size < text.size() && isToken(text[size])) ++size;
  const std::string_view name = text.substr(0, size);
  text.remove_prefix(size);
  if (name.empty() || text.empty() || text.front() != '=') return false;
  text.remove_prefix(1);
  auto value = cutValue(text);
  if (!value) return false;
  if (equalIgnoreCase(name, "for")) element.client = *std::move(value);
  if (equalIgnoreCase(name, "proto")) element.proto = *std::move(value);
  if (equalIgnoreCase(name, "host")) element.host = *std::move(value);
  return true;
}

}  // namespace

std::optional<IpAddress> parseNode(std::string_view node) {
  if (!node.empty() && node.front() == '[') {
    const std::size_t end = node.find(']');
    if (end == std::string_view::npos) return std::nullopt;
    const std::string_view behind = node.substr(end + 1);
    if (!behind.empty() && behind.front() != ':') return std::nullopt;
    return IpAddress::parse(node.substr(1, end - 1));
  }
  // One colon parts a port from an IPv4 address; more belong to IPv6.
  if (std::count(node.begin(), node.end(), ':') == 1) node = node.substr(0, node.find(':'));
  return IpAddress::parse(node);
}

std::optional<std::vector<ForwardedElement>> parseForwarded(std::string_view value) {
  std::vector<ForwardedElement> elements;
  for (;;) {
    ForwardedElement element;
    for (;;) {
      skipSpace(value);
      // Empty elements and empty pairs are allowed, as in every list.
      if (!value.empty() && value.front() != ',' && value.front() != ';' && !cutPair(value, element)) return std::nullopt;
      skipSpace(value);
      if (value.empty() || value.front() != ';') break;
      value.remove_prefix(1);
    }
    elements.push_back(std::move(element));
    if (value.empty()) return elements;
    if (value.front() != ',') return std::nullopt;
    value.remove_prefix(1);
  }
}

Result<TrustedProxies> TrustedProxies::parse(std::span<const std::string> items, ProxyHeaders headers) {
  TrustedProxies out;
  out.headers_ = headers;
  for (const std::string& item : items) {
    if (item == kUnix) {
      out.unix_ = true;
      continue;
    }
    CHATD_TRY(range, IpRange::parse(item));
    out.ranges_.push_back(range);
  }
  return out;
}

bool TrustedProxies::trusts(const IpAddress& address) const {
  return std::any_of(ranges_.begin(), ranges_.end(), [&](const IpRange& range) { return range.contains(address); });
}

bool TrustedProxies::trusts(const Peer& peer) const {
  if (peer.unixSocket) return false;  // the admin socket: the kernel says who that is
  if (peer.ip.empty()) return unix_;
  const auto address = IpAddress::parse(peer.ip);
  return address && trusts(*address);
}

void TrustedProxies::apply(HttpRequest& request) const {
  if (!trusts(request.peer)) return;
  if (headers_ == ProxyHeaders::XForwarded) {
    applyXForwarded(request);
  } else {
    applyForwarded(request);
  }
}

void TrustedProxies::applyXForwarded(HttpRequest& request) const {
  const std::string protos = request.headerList("X-Forwarded-Proto");
  const std::string hosts = request.headerList("X-Forwarded-Host");
  std::string_view list = protos;
  setScheme(request, cutLast(list));
  list = hosts;
  setHost(request, cutLast(list));
  const std::string clients = request.headerList("X-Forwarded-For");
  list = clients;
  while (!list.empty()) {
    const auto address = parseNode(cutLast(list));
    if (!address) return;  // nobody knows who is behind that proxy: the proxy stands for it
    setClient(request, *address);
    if (!trusts(*address)) return;
  }
}

void TrustedProxies::applyForwarded(HttpRequest& request) const {
  const auto elements = parseForwarded(request.headerList("Forwarded"));
  if (!elements) return;
  for (auto element = elements->rbegin(); element != elements->rend(); ++element) {
    setScheme(request, element->proto);
    setHost(request, element->host);
    const auto address = parseNode(element->client);
    if (!address) return;
    setClient(request, *address);
    if (!trusts(*address)) return;
  }
}

}  // namespace chatd::net
