// FrameParser: however a stream is cut, the outcomes are the same, little is left over and memory stays within the limit.
// The first two bytes of the input choose the sizes of the pieces.
#include "protocol/websocket.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "check.h"

using namespace chatd;

namespace {

constexpr std::size_t kMaxMessage = 5000;
constexpr std::size_t kMostLeft = 131;

std::string describe(const ws::Step& step) {
  std::string out = std::to_string(static_cast<int>(step.kind)) + "/" + std::to_string(static_cast<int>(step.opcode)) + "/" +
                    std::to_string(static_cast<int>(step.code)) + "/";
  out.append(step.reason).append("/").append(step.payload);
  return out;
}

std::vector<std::string> outcomes(std::string_view bytes, std::size_t first, std::size_t then) {
  ws::FrameParser parser(kMaxMessage);
  std::vector<std::string> found;
  std::string left;
  for (std::size_t chunk = first; !bytes.empty(); chunk = then) {
    left.append(bytes.substr(0, chunk));
    bytes.remove_prefix(std::min(chunk, bytes.size()));
    for (;;) {
      const ws::Step step = parser.next(left);
      FUZZ_CHECK(step.consumed <= left.size());
      FUZZ_CHECK(parser.held() <= kMaxMessage);
      if (step.kind != ws::Step::Kind::NeedMore) found.push_back(describe(step));
      if (step.kind == ws::Step::Kind::Message) {
        FUZZ_CHECK(step.payload.size() <= kMaxMessage);
        FUZZ_CHECK(step.opcode == ws::Opcode::Binary || isUtf8(step.payload));
      }
      left.erase(0, step.consumed);
      if (step.kind == ws::Step::Kind::NeedMore) break;
    }
    FUZZ_CHECK(left.size() <= kMostLeft);
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
  (void)ws::acceptUpgrade({"GET", bytes, bytes, bytes.substr(0, 24), "13"});
  (void)ws::bearerSubprotocol(bytes);
  return 0;
}
