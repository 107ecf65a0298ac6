#include "protocol/websocket.h"

#include <algorithm>
#include <bit>
#include <cstring>
#include <utility>

#include "base/text.h"
#include "protocol/permessage_deflate.h"

namespace chatd::ws {

namespace {

constexpr std::size_t kMaxControlPayload = 125;
constexpr unsigned kFinal = 0x80;
constexpr unsigned kReserved = 0x70;
constexpr unsigned kCompressed = 0x40;  // RSV1: RFC 7692 section 6
constexpr unsigned kMasked = 0x80;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;
constexpr std::string_view kNotUtf8 = "The text is not UTF-8.";

unsigned byteAt(std::span<const char> data, std::size_t i) { return static_cast<unsigned char>(data[i]); }

bool isControl(Opcode opcode) { return (static_cast<unsigned>(opcode) & 0x8U) != 0; }

bool known(Opcode opcode) {
  switch (opcode) {
    case Opcode::Continuation:
    case Opcode::Text:
    case Opcode::Binary:
    case Opcode::Close:
    case Opcode::Ping:
    case Opcode::Pong:
      return true;
  }
  return false;
}

/// May a peer send this code? Source: RFC 6455 section 7.4; 1012 to 1014 are registered since.
bool sendable(unsigned code) {
  if (code >= 3000 && code <= 4999) return true;
  return code >= 1000 && code <= 1014 && code != 1004 && code != 1005 && code != 1006;
}

std::string_view viewOf(std::span<const char> bytes) { return {bytes.data(), bytes.size()}; }

}  // namespace

std::uint32_t unmask(std::span<char> data, std::uint32_t mask) {
  std::uint64_t wide = 0;
  std::memcpy(&wide, &mask, 4);
  std::memcpy(reinterpret_cast<char*>(&wide) + 4, &mask, 4);
  std::size_t i = 0;
  for (; i + 8 <= data.size(); i += 8) {
    std::uint64_t word = 0;
    std::memcpy(&word, data.data() + i, 8);
    word ^= wide;
    std::memcpy(data.data() + i, &word, 8);
  }
  char bytes[4];
  std::memcpy(bytes, &mask, 4);
  for (std::size_t k = 0; i < data.size(); ++i, ++k) data[i] = static_cast<char>(data[i] ^ bytes[k & 3]);
  const int turned = static_cast<int>(data.size() & 3) * 8;
  return std::endian::native == std::endian::little ? std::rotr(mask, turned) : std::rotl(mask, turned);
}

Step FrameParser::next(std::span<char> data) {
  if (handedOut_) release();
  Step more;
  more.consumed = data.size();
  if (ended_) return more;
  std::size_t at = 0;
  for (;;) {
    if (!inFrame_) {
      Header header;
      if (const Refusal r = readHeader(data.subspan(at), header); !r.reason.empty()) {
        return fail(r.code, r.reason, data.size());
      }
      const std::size_t there = data.size() - at - header.size;
      if (header.size == 0 || (isControl(header.opcode) && there < header.length)) {
        more.consumed = at;
        return more;
      }
      at += header.size;
      if (isControl(header.opcode)) {
        const auto size = static_cast<std::size_t>(header.length);
        return control(header, data.subspan(at, size), at + size);
      }
      if (const Refusal r = admit(header); !r.reason.empty()) return fail(r.code, r.reason, data.size());
      const auto size = static_cast<std::size_t>(header.length);
      if (header.final && message_ == Opcode::Continuation && there >= size) {
        return inPlace(header, data.subspan(at, size), at + size);
      }
      open(header);
    }
    const std::size_t take = std::min(frameLeft_, data.size() - at);
    if (!assemble(data.subspan(at, take))) return fail(CloseCode::InvalidPayload, kNotUtf8, data.size());
    at += take;
    if (frameLeft_ > 0) return more;
    inFrame_ = false;
    if (frameFinal_) return assembled(at);
  }
}

FrameParser::Refusal FrameParser::readHeader(std::span<const char> data, Header& header) const {
  constexpr auto broken = CloseCode::ProtocolError;
  if (data.size() < 2) return {};
  const unsigned first = byteAt(data, 0);
  const unsigned second = byteAt(data, 1);
  header.final = (first & kFinal) != 0;
  header.opcode = static_cast<Opcode>(first & 0x0FU);
  if ((first & kReserved & ~(deflate_ ? kCompressed : 0U)) != 0) return {broken, "A reserved bit is set."};
  if (!known(header.opcode)) return {broken, "The opcode is reserved."};
  header.compressed = (first & kCompressed) != 0;
  if (header.compressed && header.opcode != Opcode::Text && header.opcode != Opcode::Binary) {
    return {broken, "Only the first frame of a message may be marked as compressed."};
  }
  if ((second & kMasked) == 0) return {broken, "The frame is not masked."};
  std::uint64_t length = second & ~kMasked;
  if (isControl(header.opcode)) {
    if (!header.final) return {broken, "A control frame is fragmented."};
    if (length > kMaxControlPayload) return {broken, "A control frame is longer than 125 bytes."};
  }
  const std::size_t extra = length == kLength16 ? 2 : length == kLength64 ? 8 : 0;
  const std::size_t size = 2 + extra + 4;
  if (data.size() < size) return {};
  if (extra > 0) {
    length = 0;
    for (std::size_t i = 0; i < extra; ++i) length = (length << 8) | byteAt(data, 2 + i);
    if ((length >> 63) != 0) return {broken, "The highest bit of the length is set."};
    if (length < kLength16 || (extra == 8 && length <= 0xFFFF)) return {broken, "The length is not encoded minimally."};
  }
  header.length = length;
  std::memcpy(&header.mask, data.data() + 2 + extra, 4);
  header.size = size;
  return {};
}

FrameParser::Refusal FrameParser::admit(const Header& header) const {
  const bool continues = header.opcode == Opcode::Continuation;
  if (continues && message_ == Opcode::Continuation) return {CloseCode::ProtocolError, "There is nothing to continue."};
  if (!continues && message_ != Opcode::Continuation) {
    return {CloseCode::ProtocolError, "A message begins inside another one."};
  }
  if (header.length > maxMessage_ - assembly_.size()) return {CloseCode::TooBig, "The message is too large."};
  return {};
}

Step FrameParser::inPlace(const Header& header, std::span<char> payload, std::size_t consumed) {
  unmask(payload, header.mask);
  if (header.compressed) return inflated(header.opcode, viewOf(payload), consumed);
  if (header.opcode == Opcode::Text && !isUtf8(viewOf(payload))) {
    return fail(CloseCode::InvalidPayload, kNotUtf8, consumed);
  }
  Step step;
  step.kind = Step::Kind::Message;
  step.consumed = consumed;
  step.opcode = header.opcode;
  step.payload = viewOf(payload);
  return step;
}

void FrameParser::open(const Header& header) {
  if (header.opcode != Opcode::Continuation) {
    message_ = header.opcode;
    compressed_ = header.compressed;
    utf8_.reset();
  }
  inFrame_ = true;
  frameFinal_ = header.final;
  frameLeft_ = static_cast<std::size_t>(header.length);
  mask_ = header.mask;
}

bool FrameParser::assemble(std::span<char> data) {
  mask_ = unmask(data, mask_);
  frameLeft_ -= data.size();
  if (message_ == Opcode::Text && !compressed_ && !utf8_.feed(viewOf(data))) return false;
  const std::size_t size = assembly_.size() + data.size();
  // Doubling keeps the copying linear; a length in a header is only a promise, so it does not size the buffer.
  if (size > assembly_.capacity()) assembly_.reserve(std::min(maxMessage_, std::max(size, 2 * assembly_.capacity())));
  assembly_.insert(assembly_.end(), data.begin(), data.end());
  return true;
}

Step FrameParser::assembled(std::size_t consumed) {
  if (compressed_) return inflated(std::exchange(message_, Opcode::Continuation), viewOf(assembly_), consumed);
  if (message_ == Opcode::Text && !utf8_.whole()) {
    return fail(CloseCode::InvalidPayload, kNotUtf8, consumed);
  }
  Step step;
  step.kind = Step::Kind::Message;
  step.consumed = consumed;
  step.opcode = message_;
  step.payload = viewOf(assembly_);
  message_ = Opcode::Continuation;
  handedOut_ = true;
  return step;
}

Step FrameParser::inflated(Opcode opcode, std::string_view payload, std::size_t consumed) {
  switch (inflateMessage(payload, maxMessage_, inflated_)) {
    case Inflated::TooBig:
      return fail(CloseCode::TooBig, "The message is too large.", consumed);
    case Inflated::Broken:
      return fail(CloseCode::InvalidPayload, "The compressed data is broken.", consumed);
    case Inflated::Done:
      break;
  }
  if (opcode == Opcode::Text && !isUtf8(viewOf(inflated_))) {
    return fail(CloseCode::InvalidPayload, kNotUtf8, consumed);
  }
  assembly_ = std::vector<char>();
  handedOut_ = true;
  Step step;
  step.kind = Step::Kind::Message;
  step.consumed = consumed;
  step.opcode = opcode;
  step.payload = viewOf(inflated_);
  return step;
}

Step FrameParser::control(const Header& header, std::span<char> payload, std::size_t consumed) {
  unmask(payload, header.mask);
  if (header.opcode == Opcode::Close) return closed(viewOf(payload), consumed);
  Step step;
  step.kind = Step::Kind::Control;
  step.consumed = consumed;
  step.opcode = header.opcode;
  step.payload = viewOf(payload);
  return step;
}

Step FrameParser::closed(std::string_view payload, std::size_t consumed) {
  Step step;
  step.kind = Step::Kind::Control;
  step.consumed = consumed;
  step.opcode = Opcode::Close;
  step.payload = payload;
  step.code = CloseCode::NoStatus;
  if (!payload.empty()) {
    if (payload.size() < 2) return fail(CloseCode::ProtocolError, "The close code is cut off.", consumed);
    const unsigned code = (byteAt(payload, 0) << 8) | byteAt(payload, 1);
    if (!sendable(code)) return fail(CloseCode::ProtocolError, "The close code must not be sent.", consumed);
    step.code = static_cast<CloseCode>(code);
    step.reason = payload.substr(2);
    if (!isUtf8(step.reason)) return fail(CloseCode::InvalidPayload, "The close reason is not UTF-8.", consumed);
  }
  release();
  ended_ = true;
  return step;
}

Step FrameParser::fail(CloseCode code, std::string_view reason, std::size_t consumed) {
  release();
  ended_ = true;
  Step step;
  step.kind = Step::Kind::Fault;
  step.consumed = consumed;
  step.code = code;
  step.reason = reason;
  return step;
}

void FrameParser::release() {
  assembly_ = std::vector<char>();
  inflated_ = std::vector<char>();
  handedOut_ = false;
}

std::size_t headerSize(std::size_t payload) { return payload < kLength16 ? 2 : payload <= 0xFFFF ? 4 : 10; }

namespace {

/// Writes the headerSize(payload) bytes of a header to `at`.
void writeHeader(char* at, Opcode opcode, std::size_t payload) {
  const std::size_t size = headerSize(payload);
  at[0] = static_cast<char>(kFinal | static_cast<unsigned>(opcode));
  if (size == 2) {
    at[1] = static_cast<char>(payload);
    return;
  }
  at[1] = static_cast<char>(size == 4 ? kLength16 : kLength64);
  std::uint64_t rest = payload;
  for (std::size_t i = size; i > 2; --i, rest >>= 8) at[i - 1] = static_cast<char>(rest & 0xFF);
}

}  // namespace

void appendHeader(std::string& out, Opcode opcode, std::size_t payload) {
  char header[kMaxServerHeader];
  writeHeader(header, opcode, payload);
  out.append(header, headerSize(payload));
}

void appendFrame(std::string& out, Opcode opcode, std::string_view payload) {
  appendHeader(out, opcode, payload.size());
  out.append(payload);
}

std::string closeFrame(CloseCode code, std::string_view reason) {
  std::string out;
  if (code == CloseCode::NoStatus) {
    appendHeader(out, Opcode::Close, 0);
    return out;
  }
  if (reason.size() > kMaxControlPayload - 2) {
    std::size_t cut = kMaxControlPayload - 2;
    while (cut > 0 && (byteAt(reason, cut) & 0xC0U) == 0x80) --cut;
    reason = reason.substr(0, cut);
  }
  appendHeader(out, Opcode::Close, reason.size() + 2);
  const auto number = static_cast<unsigned>(code);
  out.push_back(static_cast<char>(number >> 8));
  out.push_back(static_cast<char>(number & 0xFF));
  out.append(reason);
  return out;
}

ServerFrame takeServerFrame(std::string_view& frames) {
  CHATD_ASSERT(frames.size() >= 2);
  std::size_t header = 2;
  std::size_t size = byteAt(frames, 1);
  if (size >= kLength16) {
    header = size == kLength16 ? 4 : kMaxServerHeader;
    CHATD_ASSERT(frames.size() >= header);
    size = 0;
    for (std::size_t i = 2; i < header; ++i) size = size << 8U | byteAt(frames, i);
  }
  CHATD_ASSERT(size <= frames.size() - header);
  const ServerFrame frame{static_cast<Opcode>(byteAt(frames, 0) & 0x0FU), frames.substr(header, size)};
  frames.remove_prefix(header + size);
  return frame;
}

FrameBuilder::FrameBuilder(std::string& out, Opcode opcode, std::size_t expected)
    : out_(out), start_(out.size()), reserved_(headerSize(expected)), opcode_(opcode) {
  out_.append(reserved_, '\0');
}

void FrameBuilder::finish() {
  const std::size_t payload = out_.size() - start_ - reserved_;
  const std::size_t needed = headerSize(payload);
  if (needed > reserved_) out_.insert(start_, needed - reserved_, '\0');
  if (needed < reserved_) out_.erase(start_, reserved_ - needed);
  writeHeader(out_.data() + start_, opcode_, payload);
}

}  // namespace chatd::ws
