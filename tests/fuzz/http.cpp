// HttpParser: however a stream of requests is cut, the same requests come out or the same refusal, and what is taken keeps
// to the limits. The first two bytes of the input choose the sizes of the pieces.
#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "check.h"
#include "net/http_parser.h"
#include "net/http_text.h"

using namespace chatd;

namespace {

const net::HttpLimits& limits() {
  static const net::HttpLimits small = [] {
    net::HttpLimits made;
    made.headerBytes = 2000;
    made.headerCount = 20;
    made.bodyBytes = 1000;
    return made;
  }();
  return small;
}

void keepsToTheRules(const net::HttpRequest& request) {
  FUZZ_CHECK(net::isToken(request.method));
  FUZZ_CHECK(!request.path.empty());
  FUZZ_CHECK(request.body.size() <= limits().bodyBytes);
  FUZZ_CHECK(request.headers.size() <= limits().headerCount + 1);  // the Host of an absolute target may be one more
  std::size_t hosts = 0;
  for (const auto& [name, value] : request.headers) {
    FUZZ_CHECK(net::isToken(name));
    FUZZ_CHECK(net::isFieldValue(value));
    FUZZ_CHECK(net::trimmed(value) == value);
    hosts += equalIgnoreCase(name, "host") ? 1U : 0U;
  }
  FUZZ_CHECK(hosts <= 1);
  (void)request.queryValue("token");
}

std::string describe(const net::HttpRequest& request, bool keepAlive) {
  std::string out = request.method + " " + request.target + " " + request.path + "?" + request.query + "\n";
  for (const auto& [name, value] : request.headers) out.append(name).append(": ").append(value).append("\n");
  return out.append(request.body).append(keepAlive ? "+" : "-");
}

std::vector<std::string> outcomes(std::string_view bytes, std::size_t first, std::size_t then) {
  net::HttpParser parser(limits());
  std::vector<std::string> found;
  for (std::size_t chunk = first; !bytes.empty(); chunk = then) {
    std::string_view piece = bytes.substr(0, chunk);
    bytes.remove_prefix(piece.size());
    while (!piece.empty()) {
      const std::size_t used = parser.feed(piece);
      FUZZ_CHECK(used <= piece.size());
      piece.remove_prefix(used);
      if (parser.status() == net::HttpParser::Status::Refused) {
        FUZZ_CHECK(parser.refusal() >= 400 && !parser.reason().empty());
        found.push_back(std::to_string(parser.refusal()) + std::string(parser.reason()));
        return found;
      }
      if (parser.status() == net::HttpParser::Status::More) {
        FUZZ_CHECK(piece.empty());
        // Whether "100 Continue" is due depends on what has come, and so on the pieces; that it is due once does not.
        if (parser.takeContinue()) FUZZ_CHECK(!parser.takeContinue());
        continue;
      }
      const net::HttpRequest request = parser.take();
      keepsToTheRules(request);
      found.push_back(describe(request, parser.keepAlive()));
    }
  }
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  const auto whole = outcomes(bytes, bytes.size() + 1, 1);
  FUZZ_CHECK(outcomes(bytes, 1U + data[0], 1U + data[1]) == whole);
  FUZZ_CHECK(outcomes(bytes, 1, 1) == whole);
  return 0;
}
