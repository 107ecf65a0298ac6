// Engine.IO protocol 4, and what differs in 3: packets and the opening one. On WebSocket a packet is one text message, and a
// binary message is a Message packet without a type byte. Pure. Thread: any. Source: the Engine.IO protocol document,
// revision 4.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/result.h"

namespace chatd::eio {

/// The first character of a packet.
enum class PacketType : char { Open = '0', Close = '1', Ping = '2', Pong = '3', Message = '4', Upgrade = '5', Noop = '6' };

struct Packet {
  PacketType type = PacketType::Noop;
  bool binary = false;    ///< of a Message: `data` are bytes and not text
  std::string_view data;  ///< a view of what was decoded
};

/// The packet of a text message. Errors: BadRequest (empty, or no such type; base64 has no place on WebSocket).
[[nodiscard]] Result<Packet> decode(std::string_view text);

/// The packet of a binary WebSocket message.
[[nodiscard]] inline Packet decodeBinary(std::string_view bytes) { return {PacketType::Message, true, bytes}; }

/// Revision 3 puts the number of the type (not its digit) in front of a binary message.
inline constexpr char kBinaryMessage3 = 4;
/// The packet of a binary message of revision 3. Errors: BadRequest (only messages can be binary).
[[nodiscard]] Result<Packet> decodeBinary3(std::string_view bytes);

void append(std::string& out, PacketType type, std::string_view data = {});

/// What the server says first.
struct Handshake {
  std::string_view sid;
  std::span<const std::string_view> upgrades = {};
  std::chrono::milliseconds pingInterval{25'000};
  std::chrono::milliseconds pingTimeout{20'000};
  std::size_t maxPayload = 1'000'000;  ///< bytes
};

/// `0{"sid":…,"upgrades":[…],"pingInterval":…,"pingTimeout":…,"maxPayload":…}`
void appendOpen(std::string& out, const Handshake& handshake);

}  // namespace chatd::eio
