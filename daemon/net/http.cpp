#include "net/http.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"

namespace chatd::net {

const std::string* HttpRequest::header(std::string_view name) const {
  const auto found =
      std::find_if(headers.begin(), headers.end(), [name](const auto& h) { return equalIgnoreCase(h.first, name); });
  return found == headers.end() ? nullptr : &found->second;
}

std::string HttpRequest::headerList(std::string_view name) const {
  std::string all;
  for (const auto& [key, value] : headers) {
    if (!equalIgnoreCase(key, name)) continue;
    if (!all.empty()) all += ',';
    all += value;
  }
  return all;
}

std::string_view HttpRequest::host() const {
  if (!forwardedHost.empty()) return forwardedHost;
  const std::string* const named = header("Host");
  return named == nullptr ? std::string_view() : std::string_view(*named);
}

std::optional<std::string> HttpRequest::queryValue(std::string_view name) const {
  std::string_view rest = query;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find('&'), rest.size());
    const std::string_view pair = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    if (percentDecode(pair.substr(0, equals), true) != name) continue;
    return percentDecode(pair.substr(std::min(equals + 1, pair.size())), true);
  }
  return std::nullopt;
}

HttpResponder::~HttpResponder() {
  // Nobody answered: our fault, and the client must not wait for ever. The connection fills in the form of the error.
  if (sink_ != nullptr) send(HttpResponse{.status = 500, .headers = {}, .body = {}, .close = false});
}

void HttpResponder::whenGone(Task task) {
  CHATD_ASSERT(sink_ != nullptr);
  sink_->whenGone(std::move(task));
}

void HttpResponder::send(HttpResponse response) {
  const auto sink = std::move(sink_);
  CHATD_ASSERT(sink != nullptr);
  sink->answer(std::move(response), nullptr);
}

void HttpResponder::upgrade(HttpResponse response, std::unique_ptr<StreamHandler> handler) {
  CHATD_ASSERT(handler != nullptr);
  const auto sink = std::move(sink_);
  CHATD_ASSERT(sink != nullptr);
  sink->answer(std::move(response), std::move(handler));
}

}  // namespace chatd::net
