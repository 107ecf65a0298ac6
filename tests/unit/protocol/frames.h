// What a WebSocket client would send, and what a parser makes of it however the bytes are cut. For the tests here.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "protocol/websocket.h"

namespace chatd::test {

enum class Length { Minimal, As16, As64 };

/// A masked frame. `opcode` is any four bits.
inline std::string clientFrame(unsigned opcode, std::string_view payload, bool final = true, unsigned reserved = 0,
                               Length length = Length::Minimal, std::string_view mask = "\x37\xFA\x21\x3D") {
  std::string out;
  out.push_back(static_cast<char>((final ? 0x80U : 0U) | (reserved << 4) | opcode));
  const std::size_t size = payload.size();
  const int bytes = length == Length::As64 || (length == Length::Minimal && size > 0xFFFF) ? 8
                    : length == Length::As16 || size > 125                                 ? 2
                                                                                           : 0;
  out.push_back(static_cast<char>(0x80U | (bytes == 8 ? 127U : bytes == 2 ? 126U : static_cast<unsigned>(size))));
  for (int i = bytes - 1; i >= 0; --i) out.push_back(static_cast<char>((size >> (8 * i)) & 0xFF));
  out.append(mask);
  for (std::size_t i = 0; i < size; ++i) out.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
  return out;
}

/// A close frame of a client.
inline std::string clientClose(unsigned code, std::string_view reason = {}) {
  std::string payload{static_cast<char>(code >> 8), static_cast<char>(code & 0xFF)};
  payload.append(reason);
  return clientFrame(0x8, payload);
}

struct Outcome {
  ws::Step::Kind kind;
  ws::Opcode opcode;
  std::string payload;
  unsigned code;
  std::string reason;
  bool operator==(const Outcome&) const = default;
};

/// Feeds `bytes` in pieces of `chunk`, as a connection would: what was not consumed comes again with more.
struct Reader {
  explicit Reader(std::size_t maxMessage = 1'000'000, bool deflate = false) : parser(maxMessage, deflate) {}

  std::vector<Outcome> feed(std::string_view bytes, std::size_t chunk = std::string_view::npos) {
    std::vector<Outcome> outcomes;
    while (!bytes.empty()) {
      left.append(bytes.substr(0, chunk));
      bytes.remove_prefix(std::min(chunk, bytes.size()));
      for (;;) {
        const ws::Step step = parser.next(left);
        if (step.kind != ws::Step::Kind::NeedMore) {
          outcomes.push_back({step.kind, step.opcode, std::string(step.payload), static_cast<unsigned>(step.code),
                              std::string(step.reason)});
        }
        left.erase(0, step.consumed);
        if (step.kind == ws::Step::Kind::NeedMore) break;
      }
      mostLeft = std::max(mostLeft, left.size());
    }
    return outcomes;
  }

  ws::FrameParser parser;
  std::string left;
  std::size_t mostLeft = 0;
};

}  // namespace chatd::test
