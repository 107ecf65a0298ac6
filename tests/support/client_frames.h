// Client frames for tests: what a WebSocket client sends (masked), and what it makes of what it is sent.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "protocol/websocket.h"

namespace chatd::test {

/// A whole masked frame.
inline std::string clientFrame(ws::Opcode opcode, std::string_view payload) {
  std::string frame;
  ws::appendHeader(frame, opcode, payload.size());
  frame[1] = static_cast<char>(static_cast<unsigned char>(frame[1]) | 0x80);
  const std::string mask = "\x11\x22\x33\x44";
  frame += mask;
  for (std::size_t i = 0; i < payload.size(); ++i) frame.push_back(static_cast<char>(payload[i] ^ mask[i % 4]));
  return frame;
}

struct ServerFrame {
  ws::Opcode opcode = ws::Opcode::Text;
  std::string payload;
};

/// Splits unmasked, unfragmented frames; what is not whole is left out.
inline std::vector<ServerFrame> serverFrames(std::string_view bytes) {
  std::vector<ServerFrame> found;
  while (bytes.size() >= 2) {
    std::size_t size = static_cast<unsigned char>(bytes[1]);
    std::size_t header = 2;
    const std::size_t more = size == 126 ? 2 : size == 127 ? 8 : 0;
    if (bytes.size() < header + more) break;
    if (more > 0) {
      size = 0;
      for (std::size_t i = 0; i < more; ++i) size = size << 8 | static_cast<unsigned char>(bytes[2 + i]);
      header += more;
    }
    if (bytes.size() < header + size) break;
    found.push_back({static_cast<ws::Opcode>(bytes[0] & 0x0f), std::string(bytes.substr(header, size))});
    bytes.remove_prefix(header + size);
  }
  return found;
}

/// The code of a close frame's payload; 1005 if it has none.
inline int closeCode(std::string_view payload) {
  if (payload.size() < 2) return 1005;
  return static_cast<unsigned char>(payload[0]) << 8 | static_cast<unsigned char>(payload[1]);
}

}  // namespace chatd::test
