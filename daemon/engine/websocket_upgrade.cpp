#include "engine/websocket_upgrade.h"

#include "protocol/permessage_deflate.h"
#include "protocol/websocket.h"

namespace chatd::engine {

std::string_view headerOr(const net::HttpRequest& request, std::string_view name) {
  const std::string* value = request.header(name);
  return value == nullptr ? std::string_view() : std::string_view(*value);
}

Result<net::HttpResponse> acceptWebSocket(const net::HttpRequest& request) {
  CHATD_TRY(accept, ws::acceptUpgrade({.method = request.method,
                                       .upgrade = headerOr(request, "Upgrade"),
                                       .connection = headerOr(request, "Connection"),
                                       .key = headerOr(request, "Sec-WebSocket-Key"),
                                       .version = headerOr(request, "Sec-WebSocket-Version")}));
  net::HttpResponse response;
  response.status = 101;
  response.headers.emplace_back("Upgrade", "websocket");
  response.headers.emplace_back("Connection", "Upgrade");
  response.headers.emplace_back("Sec-WebSocket-Accept", std::move(accept));
  return response;
}

bool negotiateDeflate(const net::HttpRequest& request, net::HttpResponse& response) {
  auto answer = ws::negotiateDeflate(request.headerList("Sec-WebSocket-Extensions"));
  if (!answer) return false;
  response.headers.emplace_back("Sec-WebSocket-Extensions", std::move(*answer));
  return true;
}

void addRefusalHeaders(net::HttpResponse& response, const Error& error) {
  if (error.code() == Code::MethodNotAllowed) response.headers.emplace_back("Allow", "GET");
  if (error.code() != Code::UpgradeRequired) return;
  response.headers.emplace_back("Upgrade", "websocket");
  response.headers.emplace_back("Sec-WebSocket-Version", "13");
}

}  // namespace chatd::engine
