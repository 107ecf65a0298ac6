// Socket.IO protocol 5 (that of Socket.IO 3 and 4): packets from text, packets to text, and the attachments of binary ones.
// Pure. Thread: any. Source: the Socket.IO protocol document, revision 5; what its reference decoder refuses is refused.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/json.h"
#include "base/result.h"

namespace chatd::sio {

enum class PacketType : std::uint8_t {
  Connect = 0,
  Disconnect = 1,
  Event = 2,
  Ack = 3,
  ConnectError = 4,
  BinaryEvent = 5,
  BinaryAck = 6,
};

inline constexpr std::size_t kMaxAttachments = 10;
inline constexpr std::size_t kMaxNamespace = 256;  ///< bytes, the query included

struct Packet {
  PacketType type = PacketType::Event;
  std::string nsp = "/";             ///< without a query
  std::optional<std::uint64_t> id;   ///< of an acknowledgement; wanted, if it is of an event
  std::size_t attachments = 0;       ///< that the packet announced
  JsonDocument data;                 ///< the payload; null if there is none
  std::optional<Error> fault;        ///< of an event: InvalidText, half of a surrogate pair in it; `data` is then null
  std::vector<std::string> buffers;  ///< attachments, once complete; `{"_placeholder":true,"num":n}` stands for the n-th

  /// Of an event: its name; empty if it is a number.
  [[nodiscard]] std::string_view event() const;
  /// Of an event: the i-th argument behind the name; nullptr if there are not so many.
  [[nodiscard]] const JsonValue* argument(std::size_t i) const;
};

/// A packet from its text. Connect: payload an object or absent. Disconnect: none. Event: an array, first its name (a
/// string that is not reserved, or a number). Ack: an array, with an id. ConnectError: an object or a string.
/// Errors: BadRequest with what is wrong; NotJson.
[[nodiscard]] Result<Packet> decode(std::string_view text);

/// Gathers the attachments of one binary packet. At most kMaxAttachments buffers and `maxBytes` bytes.
class Attachments {
 public:
  explicit Attachments(std::size_t maxBytes) : maxBytes_(maxBytes) {}

  /// A packet is waiting for its attachments: nothing but binary messages may come.
  [[nodiscard]] bool waiting() const { return packet_.has_value(); }
  /// Takes a packet that decode() gave. True: it is complete (it is not binary), take() it.
  /// Errors: BadRequest (another one is waiting, or a placeholder names a buffer that was not announced).
  [[nodiscard]] Result<bool> begin(Packet packet);
  /// Takes the next binary message. True: the packet is complete, take() it. Errors: BadRequest (none is waiting),
  /// TooLarge.
  [[nodiscard]] Result<bool> add(std::string_view bytes);
  /// The complete packet, as Event or Ack.
  [[nodiscard]] Packet take();

 private:
  std::size_t maxBytes_;
  std::size_t bytes_ = 0;
  std::optional<Packet> packet_;
};

/// The number of a placeholder object, or nothing if `value` is not one.
[[nodiscard]] std::optional<std::size_t> placeholder(const JsonValue& value);

// Encoders append compact text. `nsp` "/" is left out, as the reference encoder does.

/// `0{"sid":"…"}`, with `"pid"` if that is not empty (connection state recovery)
void appendConnect(std::string& out, std::string_view sid, std::string_view nsp = "/", std::string_view pid = {});
/// `4{"message":"…","data":{"code":"…"}}`
void appendConnectError(std::string& out, const Error& error, std::string_view nsp = "/");
// Socket.IO protocol 4 (that of Socket.IO 2): the server says CONNECT by itself, and an error is whatever JSON.

/// `0`
void appendConnect4(std::string& out);
/// `4{"message":"…","code":"…"}`; of another namespace `4/nsp,"…"`, as the reference words it.
void appendError4(std::string& out, const Error& error, std::string_view nsp = "/");

/// `1`
void appendDisconnect(std::string& out, std::string_view nsp = "/");
/// `2["event",args]`; args: JSON values joined by commas, may be empty.
void appendEvent(std::string& out, std::string_view event, std::string_view args, std::string_view nsp = "/");
/// `3id[args]`
void appendAck(std::string& out, std::uint64_t id, std::string_view args, std::string_view nsp = "/");

}  // namespace chatd::sio
