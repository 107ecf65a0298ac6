// The opening handshake of WebSocket. Source: RFC 6455 section 4.2.
#include <openssl/sha.h>

#include <algorithm>

#include "base/text.h"
#include "protocol/websocket.h"

namespace chatd::ws {

namespace {

constexpr std::string_view kGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";
constexpr std::string_view kVersion = "13";
constexpr std::string_view kBearer = "bearer.";
constexpr std::string_view kBase64 = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

bool lists(std::string_view header, std::string_view token) {
  const auto elements = listElements(header);
  return std::any_of(elements.begin(), elements.end(), [&](std::string_view e) { return equalIgnoreCase(e, token); });
}

/// base64 of 16 bytes. What the bytes are does not matter, so neither do the four bits that no byte takes.
bool isKey(std::string_view key) {
  return key.size() == 24 && key.ends_with("==") && key.substr(0, 22).find_first_not_of(kBase64) == std::string_view::npos;
}

}  // namespace

std::string acceptKey(std::string_view key) {
  std::string input(key);
  input += kGuid;
  unsigned char digest[SHA_DIGEST_LENGTH];
  SHA1(reinterpret_cast<const unsigned char*>(input.data()), input.size(), digest);
  return toBase64({reinterpret_cast<const char*>(digest), sizeof digest});
}

Result<std::string> acceptUpgrade(const UpgradeRequest& request) {
  if (!lists(request.upgrade, "websocket") || !lists(request.connection, "upgrade")) {
    return Error(Code::UpgradeRequired, "Send Connection: Upgrade and Upgrade: websocket.");
  }
  if (request.method != "GET") return Error(Code::BadRequest, "A WebSocket is opened by GET.");
  if (request.version != kVersion) return Error(Code::UpgradeRequired, "Send Sec-WebSocket-Version: 13.");
  if (!isKey(request.key)) return Error(Code::BadRequest, "Sec-WebSocket-Key must be the base64 of 16 bytes.");
  return acceptKey(request.key);
}

std::vector<std::string_view> listElements(std::string_view value) {
  std::vector<std::string_view> elements;
  while (!value.empty()) {
    const std::size_t comma = std::min(value.find(','), value.size());
    std::string_view element = value.substr(0, comma);
    value.remove_prefix(std::min(comma + 1, value.size()));
    const std::size_t first = element.find_first_not_of(" \t");
    if (first == std::string_view::npos) continue;
    element = element.substr(first, element.find_last_not_of(" \t") - first + 1);
    elements.push_back(element);
  }
  return elements;
}

std::string_view selectSubprotocol(std::string_view offered, std::span<const std::string_view> known) {
  for (const std::string_view element : listElements(offered)) {
    const auto match = std::find(known.begin(), known.end(), element);
    if (match != known.end()) return *match;
  }
  return {};
}

Result<std::string> bearerSubprotocol(std::string_view offered) {
  for (const std::string_view element : listElements(offered)) {
    if (!element.starts_with(kBearer)) continue;
    auto token = fromBase64Url(element.substr(kBearer.size()));
    if (!token || token->empty()) return Error(Code::BadRequest, "The subprotocol bearer. is not followed by base64url.");
    return std::move(*token);
  }
  return std::string();
}

}  // namespace chatd::ws
