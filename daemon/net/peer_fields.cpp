#include "net/peer_fields.h"

#include <algorithm>
#include <string_view>

#include "base/text.h"
#include "net/origin.h"

namespace chatd::net {

namespace {

constexpr std::size_t kMostFields = 64;
constexpr std::size_t kMostBytes = 16 * 1024;

bool cookiesAreMeant(const HttpRequest& request, const std::vector<std::string>& origins) {
  const std::string* origin = request.header("Origin");
  if (origin == nullptr) {
    const std::string* site = request.header("Sec-Fetch-Site");
    return site != nullptr && *site == "same-origin";
  }
  std::vector<std::string> named = origins;
  std::erase(named, "*");
  return originAllowed(named, *origin, request.host(), request.secure);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

/// RFC 6265, section 5.4: pairs between semicolons; a value may stand in quotes (section 4.1.1).
template <class Take>
void eachCookie(std::string_view header, Take take) {
  while (!header.empty()) {
    const auto end = header.find(';');
    const std::string_view pair = trimmed(header.substr(0, end));
    header.remove_prefix(end == std::string_view::npos ? header.size() : end + 1);
    const auto equals = pair.find('=');
    if (equals == std::string_view::npos || equals == 0) continue;
    std::string_view value = trimmed(pair.substr(equals + 1));
    if (value.size() >= 2 && value.front() == '"' && value.back() == '"') value = value.substr(1, value.size() - 2);
    take(trimmed(pair.substr(0, equals)), value);
  }
}

}  // namespace

std::shared_ptr<const PeerFields> peerFields(const HttpRequest& request, const std::vector<std::string>& origins,
                                             const PeerNames& wanted) {
  if (!wanted.all && wanted.names.empty()) return nullptr;
  auto fields = std::make_shared<PeerFields>();
  std::size_t bytes = 0;
  const auto take = [&](std::string name, std::string_view value) {
    if (!wanted.all && std::find(wanted.names.begin(), wanted.names.end(), name) == wanted.names.end()) return;
    const std::size_t size = name.size() + value.size();
    if (fields->size() >= kMostFields || bytes + size > kMostBytes) return;
    bytes += size;
    fields->emplace_back(std::move(name), value);
  };
  const bool cookies = cookiesAreMeant(request, origins);
  for (const auto& [given, value] : request.headers) {
    std::string name = toLower(given);
    if (name == "authorization") continue;
    if (name != "cookie") {
      take(std::move(name), value);
    } else if (cookies) {
      eachCookie(value, [&](std::string_view cookie, std::string_view its) { take("cookie:" + std::string(cookie), its); });
    }
  }
  if (fields->empty()) return nullptr;
  return fields;
}

}  // namespace chatd::net
