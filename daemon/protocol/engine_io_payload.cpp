#include "protocol/engine_io_payload.h"

#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocol/websocket.h"

namespace chatd::eio {

namespace {

constexpr char kSeparator = '\x1e';
constexpr char kEndOfLength = '\xff';
constexpr std::size_t kLengthDigits = 10;

Error broken(std::string_view what) { return {Code::BadRequest, std::string(what)}; }

/// UTF-16 units of the character that begins with `lead`; 0 for a byte inside one.
std::size_t unitsOf(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  if ((byte & 0xC0U) == 0x80U) return 0;
  return byte >= 0xF0U ? 2 : 1;
}

}  // namespace

std::size_t utf16Length(std::string_view utf8) {
  std::size_t units = 0;
  for (const char c : utf8) units += unitsOf(c);
  return units;
}

Result<std::optional<Packet>> PayloadReader::next() {
  if (ended_ || (at_ == body_.size() && at_ > 0)) return std::optional<Packet>();
  Result<Packet> packet = broken("The payload is empty.");
  if (form_ == PayloadForm::Bytes) {
    if (!body_.empty()) packet = bytes();
  } else {
    Result<std::string_view> text = form_ == PayloadForm::Separated ? separated() : counted();
    packet = text.ok() ? this->text(*text) : Result<Packet>(std::move(text).error());
  }
  if (!packet.ok()) {
    ended_ = true;
    return std::move(packet).error();
  }
  return std::optional(*packet);
}

Result<std::string_view> PayloadReader::separated() {
  const std::size_t end = std::min(body_.find(kSeparator, at_), body_.size());
  const std::string_view packet = std::string_view(body_).substr(at_, end - at_);
  // A separator at the very end announces a packet that is not there.
  if (end + 1 == body_.size()) return broken("The last packet of the payload is empty.");
  at_ = end == body_.size() ? end : end + 1;
  return packet;
}

/// Reads digits from `at` up to `last`, which it passes; `zero` is the digit 0.
Result<std::size_t> PayloadReader::length(std::size_t& at, char last, char zero) const {
  std::size_t value = 0;
  std::size_t digits = 0;
  for (; at < body_.size() && body_[at] != last; ++at, ++digits) {
    const int digit = body_[at] - zero;
    if (digit < 0 || digit > 9 || digits == kLengthDigits) return broken("A length in the payload is broken.");
    value = value * 10 + static_cast<std::size_t>(digit);
  }
  if (digits == 0 || at == body_.size()) return broken("A length in the payload is missing.");
  ++at;
  return value;
}

Result<std::string_view> PayloadReader::counted() {
  std::size_t at = at_;
  CHATD_TRY(units, length(at, ':', '0'));
  const std::size_t start = at;
  std::size_t passed = 0;
  while (at < body_.size() && passed < units) passed += unitsOf(body_[at++]);
  while (at < body_.size() && unitsOf(body_[at]) == 0) ++at;  // the rest of the last character
  if (passed != units) return broken("A length in the payload is wrong.");
  at_ = at;
  return std::string_view(body_).substr(start, at - start);
}

Result<Packet> PayloadReader::bytes() {
  const char kind = body_[at_];
  if (kind != 0 && kind != 1) return broken("A packet of the payload is neither text nor binary.");
  std::size_t at = at_ + 1;
  CHATD_TRY(size, length(at, kEndOfLength, 0));
  if (size > body_.size() - at) return broken("A length in the payload is wrong.");
  const std::string_view packet = std::string_view(body_).substr(at, size);
  at_ = at + size;
  if (kind == 0) {
    if (!isUtf8(packet)) return broken("A text packet of the payload is not UTF-8.");
    return decode(packet);
  }
  return decodeBinary3(packet);
}

Result<Packet> PayloadReader::text(std::string_view packet) {
  if (!packet.starts_with('b')) return decode(packet);
  packet.remove_prefix(1);
  if (form_ == PayloadForm::Counted) {
    if (!packet.starts_with(static_cast<char>(PacketType::Message))) return broken("Only messages can be binary.");
    packet.remove_prefix(1);
  }
  auto bytes = fromBase64(packet);
  if (!bytes) return broken("A binary packet is not base64.");
  decoded_ = std::move(*bytes);
  return Packet{PacketType::Message, true, decoded_};
}

namespace {

struct Encoder {
  PayloadForm form;
  std::string out;

  void packet(ws::Opcode opcode, std::string_view payload) {
    const bool binary = opcode == ws::Opcode::Binary;
    switch (form) {
      case PayloadForm::Separated:
        if (!out.empty()) out.push_back(kSeparator);
        if (!binary) {
          out.append(payload);
        } else {
          out.push_back('b');
          appendBase64(out, payload);
        }
        return;
      case PayloadForm::Counted: {
        if (!binary) {
          out.append(fmt::format_int(utf16Length(payload)).str());
          out.push_back(':');
          out.append(payload);
          return;
        }
        const std::string base64 = toBase64(payload);
        out.append(fmt::format_int(base64.size() + 2).str());
        out.append(":b4");
        out.append(base64);
        return;
      }
      case PayloadForm::Bytes:
        out.push_back(binary ? '\1' : '\0');
        for (const char digit : fmt::format_int(payload.size() + (binary ? 1 : 0)).str()) {
          out.push_back(static_cast<char>(digit - '0'));
        }
        out.push_back(kEndOfLength);
        if (binary) out.push_back(kBinaryMessage3);
        out.append(payload);
        return;
    }
  }
};

}  // namespace

std::string encodePayload(std::span<const FramePtr> frames, bool bytesAllowed, PayloadForm& form) {
  std::size_t size = 0;
  bool anyBinary = false;
  for (const FramePtr& frame : frames) {
    size += frame->size();
    for (std::string_view rest = *frame; !rest.empty();) {
      anyBinary = ws::takeServerFrame(rest).opcode == ws::Opcode::Binary || anyBinary;
    }
  }
  if (form == PayloadForm::Counted && anyBinary && bytesAllowed) form = PayloadForm::Bytes;
  Encoder encoder{form, {}};
  encoder.out.reserve(anyBinary ? size + size / 2 : size + 8 * frames.size());
  for (const FramePtr& frame : frames) {
    for (std::string_view rest = *frame; !rest.empty();) {
      const ws::ServerFrame one = ws::takeServerFrame(rest);
      encoder.packet(one.opcode, one.payload);
    }
  }
  return std::move(encoder.out);
}

}  // namespace chatd::eio
