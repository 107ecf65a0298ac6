// Engine.IO payloads: the many packets of one polling request or answer, in the three forms that clients speak. Pure.
// Thread: any, one at a time per PayloadReader. Source: the Engine.IO protocol documents, revisions 4 and 3.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "base/frame.h"
#include "base/result.h"
#include "protocol/engine_io.h"

namespace chatd::eio {

enum class PayloadForm : std::uint8_t {
  Separated,  ///< revision 4: packets with 0x1e between them; binary ones as `b` and base64
  Counted,    ///< revision 3 as text: `length:packet`, counted in UTF-16 units; binary ones as `b4` and base64
  Bytes,      ///< revision 3 as bytes: 0 (text) or 1 (binary), the digits of the length as bytes 0–9, 255, the packet
};

/// Hands out the packets of one body, one at a time, so that a receiver which is full can go on later.
class PayloadReader {
 public:
  /// `body` as it came; of the text forms it must be valid UTF-8.
  PayloadReader(std::string body, PayloadForm form) : body_(std::move(body)), form_(form) {}

  /// The next packet, or nothing behind the last one. Its data live until the next call.
  /// Errors: BadRequest, with what is wrong; then the reader is at its end.
  [[nodiscard]] Result<std::optional<Packet>> next();

 private:
  [[nodiscard]] Result<std::string_view> separated();
  [[nodiscard]] Result<std::string_view> counted();
  [[nodiscard]] Result<Packet> bytes();
  [[nodiscard]] Result<Packet> text(std::string_view packet);
  [[nodiscard]] Result<std::size_t> length(std::size_t& at, char last, char zero) const;

  std::string body_;
  std::string decoded_;  ///< of the base64 packet that was handed out last
  std::size_t at_ = 0;
  bool ended_ = false;
  PayloadForm form_;
};

/// One payload of everything in `frames`, each of which holds whole unmasked WebSocket frames: a text frame is an Engine.IO
/// packet as it stands, a binary one a binary message. Counted becomes Bytes if there is a binary one and `bytesAllowed`;
/// returns the form that it used in `form`.
[[nodiscard]] std::string encodePayload(std::span<const FramePtr> frames, bool bytesAllowed, PayloadForm& form);

/// Length of valid UTF-8 as JavaScript counts it.
[[nodiscard]] std::size_t utf16Length(std::string_view utf8);

}  // namespace chatd::eio
