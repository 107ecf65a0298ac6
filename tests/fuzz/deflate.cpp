// permessage-deflate: whatever a peer sends, inflating stays within its bound and a parser that inflates gives the same
// outcomes however the stream is cut; what we compress reads back. The first two bytes of the input choose the sizes of the
// pieces.
#include "protocol/permessage_deflate.h"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "base/text.h"
#include "check.h"
#include "protocol/websocket.h"

using namespace chatd;

namespace {

constexpr std::size_t kMaxMessage = 5000;

std::vector<std::string> outcomes(std::string_view bytes, std::size_t first, std::size_t then) {
  ws::FrameParser parser(kMaxMessage, true);
  std::vector<std::string> found;
  std::string left;
  for (std::size_t chunk = first; !bytes.empty(); chunk = then) {
    left.append(bytes.substr(0, chunk));
    bytes.remove_prefix(std::min(chunk, bytes.size()));
    for (;;) {
      const ws::Step step = parser.next(left);
      FUZZ_CHECK(parser.held() <= 2 * kMaxMessage);
      if (step.kind != ws::Step::Kind::NeedMore) {
        found.push_back(std::to_string(static_cast<int>(step.kind)) + "/" + std::to_string(static_cast<int>(step.code)) +
                        "/" + std::string(step.payload));
      }
      if (step.kind == ws::Step::Kind::Message) {
        FUZZ_CHECK(step.payload.size() <= kMaxMessage);
        FUZZ_CHECK(step.opcode == ws::Opcode::Binary || isUtf8(step.payload));
      }
      left.erase(0, step.consumed);
      if (step.kind == ws::Step::Kind::NeedMore) break;
    }
  }
  return found;
}

void roundTrip(std::string_view text) {
  const auto shorter = ws::deflateMessage(text);
  if (!shorter) return;
  FUZZ_CHECK(shorter->size() < text.size());
  std::vector<char> back;
  FUZZ_CHECK(ws::inflateMessage(*shorter, text.size(), back) == ws::Inflated::Done);
  FUZZ_CHECK(std::string_view(back.data(), back.size()) == text);
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 2) return 0;
  const std::string_view bytes(reinterpret_cast<const char*>(data) + 2, size - 2);
  std::vector<char> out;
  const ws::Inflated whole = ws::inflateMessage(bytes, kMaxMessage, out);
  FUZZ_CHECK(out.capacity() <= kMaxMessage);
  std::vector<char> wide;
  if (whole == ws::Inflated::Done) {
    FUZZ_CHECK(ws::inflateMessage(bytes, 2 * kMaxMessage, wide) == ws::Inflated::Done);
    FUZZ_CHECK(out == wide);
  }
  FUZZ_CHECK(outcomes(bytes, 1U + data[0], 1U + data[1]) == outcomes(bytes, bytes.size() + 1, 1));
  (void)ws::negotiateDeflate(bytes);
  roundTrip(bytes);
  return 0;
}
