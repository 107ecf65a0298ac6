// WebSocket, the server's side of RFC 6455: an incremental parser of what a client sends, encoders of what it is sent,
// and the checks of the opening handshake. Pure: no I/O, no clock. Thread: any, one at a time per FrameParser.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "protocol/utf8_stream.h"

namespace chatd::ws {

enum class Opcode : std::uint8_t { Continuation = 0x0, Text = 0x1, Binary = 0x2, Close = 0x8, Ping = 0x9, Pong = 0xA };

/// What a close frame says. A peer may also send 3000–4999, so any value of the underlying type may be met.
/// Source: RFC 6455 section 7.4, the IANA registry, and CONTRACT section 3.3 for 4000 and up.
enum class CloseCode : std::uint16_t {
  Normal = 1000,
  GoingAway = 1001,
  ProtocolError = 1002,
  Unsupported = 1003,
  NoStatus = 1005,  ///< never on the wire: the close frame was empty
  InvalidPayload = 1007,
  PolicyViolation = 1008,
  TooBig = 1009,
  InternalError = 1011,
  Restarting = 1012,
  TryAgainLater = 1013,
  TokenEnded = 4001,  ///< expired or revoked
  Forbidden = 4003,
  TooSlow = 4008,
  Flooding = 4029,
};

/// What FrameParser::next() found.
struct Step {
  enum class Kind : std::uint8_t {
    NeedMore,  ///< nothing whole yet
    Message,   ///< a whole text or binary message; text is valid UTF-8
    Control,   ///< a ping, pong or close
    Fault,     ///< the peer broke the protocol: close with `code` and `reason`
  };
  Kind kind = Kind::NeedMore;
  std::size_t consumed = 0;            ///< bytes of `data` that are done with; the rest must come again
  Opcode opcode = Opcode::Text;        ///< of a Message (Text or Binary) or Control
  std::string_view payload;            ///< of a Message or Control, unmasked. Valid until the next call or until `data` dies
  CloseCode code = CloseCode::Normal;  ///< of a Fault: what to close with; of a close: what the peer said, or NoStatus
  std::string_view reason;             ///< of a Fault: what is wrong; of a close: the peer's reason
};

/// Pulls messages out of the bytes of one connection.
///
/// A frame that lies wholly in `data` is unmasked there and handed out without a copy. A data frame that does not, and the
/// frames of a fragmented message, are taken into an assembly buffer as they arrive, so that no byte is looked at twice
/// and at most 131 bytes (a header, a control frame) are ever left with the caller. The buffer grows with what has arrived,
/// never with what a header promises, up to maxMessage, and is freed with the message.
class FrameParser {
 public:
  /// maxMessage: bytes of payload that a message may have over all of its frames, as they come and when inflated.
  /// deflate: permessage-deflate was negotiated.
  explicit FrameParser(std::size_t maxMessage, bool deflate = false) : maxMessage_(maxMessage), deflate_(deflate) {}

  /// The next thing in `data`, which is changed in place (unmasked). Call again, with what was not consumed, until
  /// NeedMore. After a close frame or a Fault everything is swallowed.
  /// Faults: 1002 broken framing, 1007 text or reason that is not UTF-8, or data that is not DEFLATE, 1009 a message over
  /// maxMessage.
  [[nodiscard]] Step next(std::span<char> data);

  /// Bytes held of a message that is not whole yet. For budgets.
  [[nodiscard]] std::size_t held() const { return assembly_.capacity() + inflated_.capacity(); }

 private:
  struct Header {
    std::size_t size = 0;  ///< of the header itself, mask included
    bool final = false;
    bool compressed = false;  ///< RSV1
    Opcode opcode = Opcode::Continuation;
    std::uint64_t length = 0;  ///< of the payload
    std::uint32_t mask = 0;    ///< the four bytes as they lie in memory
  };
  struct Refusal {
    CloseCode code = CloseCode::ProtocolError;
    std::string_view reason;  ///< empty: nothing is wrong
  };
  /// Reads and judges a header; size 0: not all of it is there.
  [[nodiscard]] Refusal readHeader(std::span<const char> data, Header& header) const;
  /// May this data frame come now, and is there room for it?
  [[nodiscard]] Refusal admit(const Header& header) const;
  [[nodiscard]] Step control(const Header& header, std::span<char> payload, std::size_t consumed);
  [[nodiscard]] Step closed(std::string_view payload, std::size_t consumed);
  /// A message that is one frame and lies wholly in the caller's data.
  [[nodiscard]] Step inPlace(const Header& header, std::span<char> payload, std::size_t consumed);
  void open(const Header& header);
  /// Moves what is there of the frame under way to the assembly buffer. False: the text is not UTF-8.
  [[nodiscard]] bool assemble(std::span<char> data);
  [[nodiscard]] Step assembled(std::size_t consumed);
  /// The message whose compressed payload this is.
  [[nodiscard]] Step inflated(Opcode opcode, std::string_view payload, std::size_t consumed);
  [[nodiscard]] Step fail(CloseCode code, std::string_view reason, std::size_t consumed);
  void release();

  std::size_t maxMessage_;
  bool deflate_;
  std::vector<char> assembly_;             ///< payload so far of the message under way
  std::vector<char> inflated_;             ///< of the message that was handed out last
  Utf8Stream utf8_;                        ///< of the message under way, if it is text
  std::size_t frameLeft_ = 0;              ///< payload bytes of the frame under way that have not arrived
  std::uint32_t mask_ = 0;                 ///< of the frame under way, turned to its next byte
  Opcode message_ = Opcode::Continuation;  ///< of the message under way; Continuation: none is
  bool inFrame_ = false;
  bool frameFinal_ = false;  ///< the frame under way ends the message
  bool compressed_ = false;  ///< the message under way is
  bool handedOut_ = false;   ///< a buffer of ours was the last Message
  bool ended_ = false;       ///< after a close or a Fault
};

/// XORs `data` with `mask` (the four bytes as they lie in memory), eight bytes at a time; returns the mask turned so that
/// it fits the byte behind `data`.
std::uint32_t unmask(std::span<char> data, std::uint32_t mask);

// Encoding. Server frames are never masked and never fragmented.

inline constexpr std::size_t kMaxServerHeader = 10;

/// Bytes of the header of a frame with such a payload: 2, 4 or 10.
[[nodiscard]] std::size_t headerSize(std::size_t payload);
void appendHeader(std::string& out, Opcode opcode, std::size_t payload);
void appendFrame(std::string& out, Opcode opcode, std::string_view payload);
/// A whole close frame. NoStatus: an empty one. The reason is cut to 123 bytes, at the border of a character.
[[nodiscard]] std::string closeFrame(CloseCode code, std::string_view reason = {});

/// A frame as the encoders above write it: unmasked, final.
struct ServerFrame {
  Opcode opcode = Opcode::Text;
  std::string_view payload;
};
/// Takes the first frame off `frames`, which holds whole ones that we encoded ourselves.
[[nodiscard]] ServerFrame takeServerFrame(std::string_view& frames);

/// Frames a payload that is written straight behind its header: leaves room at the end of `out`, and finish() fills it in.
/// Only when the size is of another class (0–125, –65535, more) than `expected` said are the bytes moved.
class FrameBuilder {
 public:
  FrameBuilder(std::string& out, Opcode opcode, std::size_t expected);
  void finish();

 private:
  std::string& out_;
  std::size_t start_;
  std::size_t reserved_;
  Opcode opcode_;
};

// The opening handshake (RFC 6455 section 4.2). Header values as plain text; an absent header is empty.

struct UpgradeRequest {
  std::string_view method;
  std::string_view upgrade;
  std::string_view connection;
  std::string_view key;      ///< Sec-WebSocket-Key
  std::string_view version;  ///< Sec-WebSocket-Version
};

/// The value of Sec-WebSocket-Accept. Errors: UpgradeRequired (no upgrade asked for, or not version 13: answer with
/// `Sec-WebSocket-Version: 13`), BadRequest (method or key).
[[nodiscard]] Result<std::string> acceptUpgrade(const UpgradeRequest& request);
/// base64(SHA-1(key + the GUID of RFC 6455)).
[[nodiscard]] std::string acceptKey(std::string_view key);

/// The elements of a comma-separated header, without the space around them; empty ones are left out. Views of `value`.
[[nodiscard]] std::vector<std::string_view> listElements(std::string_view value);
/// The first of `offered` (a Sec-WebSocket-Protocol header) that is in `known`, or empty. Compared exactly.
[[nodiscard]] std::string_view selectSubprotocol(std::string_view offered, std::span<const std::string_view> known);
/// The token of an offered `bearer.<base64url(token)>`; empty if none is offered. Never to be echoed. Errors: BadRequest
/// (not base64url).
[[nodiscard]] Result<std::string> bearerSubprotocol(std::string_view offered);

}  // namespace chatd::ws
