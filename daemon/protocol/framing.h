// Framing: a Socket.IO packet as the bytes that a session is sent, encoded once and shared by all that want the same form.
// Pure. Thread: any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>

#include "protocol/engine_io.h"
#include "protocol/websocket.h"

namespace chatd {

enum class Framing : std::uint8_t {
  WebSocket,  ///< a whole WebSocket text frame
  Packet,     ///< an Engine.IO packet as text, for a polling payload
};

/// Calls `write(std::string&)`, which appends the text of one Socket.IO packet, and frames what it wrote as an Engine.IO
/// message. expected: a guess of the bytes written (one that is far off costs a move or a second allocation).
template <class Write>
[[nodiscard]] std::string framed(Framing framing, std::size_t expected, Write&& write) {
  std::string out;
  out.reserve(expected + ws::kMaxServerHeader + 1);
  if (framing == Framing::Packet) {
    out.push_back(static_cast<char>(eio::PacketType::Message));
    std::forward<Write>(write)(out);
    return out;
  }
  ws::FrameBuilder frame(out, ws::Opcode::Text, expected + 1);
  out.push_back(static_cast<char>(eio::PacketType::Message));
  std::forward<Write>(write)(out);
  frame.finish();
  return out;
}

}  // namespace chatd
