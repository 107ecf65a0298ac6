#include "net/proxy_header.h"

#include <array>
#include <charconv>
#include <cstring>

namespace chatd::net {

namespace {

constexpr std::string_view kLine = "PROXY ";
constexpr std::size_t kMaxLine = 107;  // with CRLF
constexpr std::string_view kSignature("\r\n\r\n\0\r\nQUIT\n", 12);
constexpr std::size_t kBlockHead = 16;
// The length field would allow 64 KiB; what proxies add (names, a certificate's subject) is some hundred bytes.
constexpr std::size_t kMaxBlock = kBlockHead + 4096;
constexpr std::uint8_t kTypeSsl = 0x20;
constexpr std::uint8_t kClientSsl = 0x01;

enum Family : std::uint8_t { kUnspecified = 0x00, kTcp4 = 0x11, kTcp6 = 0x21, kUnixStream = 0x31 };

std::uint8_t byteAt(std::string_view bytes, std::size_t i) { return static_cast<std::uint8_t>(bytes[i]); }
std::uint16_t shortAt(std::string_view bytes, std::size_t i) {
  return static_cast<std::uint16_t>(byteAt(bytes, i) << 8 | byteAt(bytes, i + 1));
}

std::optional<std::uint16_t> portOf(std::string_view digits) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), port);
  if (error != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
  if (digits.size() > 1 && digits.front() == '0') return std::nullopt;
  return port;
}

/// Cuts the word before the next space off `text`; the last one ends the text.
std::string_view nextWord(std::string_view& text) {
  const std::size_t space = text.find(' ');
  const std::string_view word = text.substr(0, space);
  text.remove_prefix(space == std::string_view::npos ? text.size() : space + 1);
  return word;
}

std::optional<IpAddress> addressOf(std::string_view word, bool four) {
  const bool written = word.find(':') == std::string_view::npos;
  return written == four ? IpAddress::parse(word) : std::nullopt;
}

}  // namespace

std::size_t ProxyHeaderParser::feed(std::string_view bytes) {
  std::size_t taken = 0;
  while (taken < bytes.size() && status_ == Status::NeedMore) status_ = take(bytes[taken++]);
  return taken;
}

ProxyHeaderParser::Status ProxyHeaderParser::take(char byte) {
  header_.push_back(byte);
  const std::size_t at = header_.size() - 1;
  if (header_.front() == kSignature.front()) {
    if (at < kSignature.size()) return byte == kSignature[at] ? Status::NeedMore : Status::Broken;
    if (header_.size() < kBlockHead) return Status::NeedMore;
    if (header_.size() == kBlockHead) return blockHead();
    return header_.size() == blockSize_ ? block() : Status::NeedMore;
  }
  if (at < kLine.size()) return byte == kLine[at] ? Status::NeedMore : Status::Broken;
  if (byte == '\n') return line();
  return header_.size() < kMaxLine ? Status::NeedMore : Status::Broken;
}

ProxyHeaderParser::Status ProxyHeaderParser::line() {
  if (!header_.ends_with("\r\n")) return Status::Broken;
  std::string_view rest(header_);
  rest.remove_prefix(kLine.size());
  rest.remove_suffix(2);
  const std::string_view family = nextWord(rest);
  if (family == "UNKNOWN") return Status::Done;  // whatever follows it says nothing
  if (family != "TCP4" && family != "TCP6") return Status::Broken;
  const bool four = family == "TCP4";
  const auto from = addressOf(nextWord(rest), four);
  const auto to = addressOf(nextWord(rest), four);
  const auto fromPort = portOf(nextWord(rest));
  const auto toPort = portOf(rest);  // the rest, so that anything behind it is a fault
  if (!from || !to || !fromPort || !toPort) return Status::Broken;
  client_ = ProxiedClient{*from, *fromPort, false};
  return Status::Done;
}

ProxyHeaderParser::Status ProxyHeaderParser::blockHead() {
  const std::uint8_t version = byteAt(header_, 12) >> 4;
  const std::uint8_t command = byteAt(header_, 12) & 0x0F;
  if (version != 2 || command > 1) return Status::Broken;
  blockSize_ = kBlockHead + shortAt(header_, 14);
  if (blockSize_ > kMaxBlock) return Status::Broken;
  return blockSize_ == kBlockHead ? block() : Status::NeedMore;
}

ProxyHeaderParser::Status ProxyHeaderParser::block() {
  constexpr std::size_t kTcp4Size = 12;
  constexpr std::size_t kTcp6Size = 36;
  constexpr std::size_t kUnixSize = 216;
  const bool local = (byteAt(header_, 12) & 0x0F) == 0;
  if (local) return Status::Done;  // the proxy's own connection; the addresses are to be ignored
  const std::string_view body = std::string_view(header_).substr(kBlockHead);
  switch (byteAt(header_, 13)) {
    case kUnspecified:
      return Status::Done;
    case kTcp4: {
      if (body.size() < kTcp4Size) return Status::Broken;
      IpAddress::Bytes bytes{};
      bytes[10] = bytes[11] = 0xFF;
      std::memcpy(&bytes[12], body.data(), 4);
      client_ = ProxiedClient{IpAddress(bytes), shortAt(body, 8), false};
      return readExtras(body.substr(kTcp4Size)) ? Status::Done : Status::Broken;
    }
    case kTcp6: {
      if (body.size() < kTcp6Size) return Status::Broken;
      IpAddress::Bytes bytes{};
      std::memcpy(bytes.data(), body.data(), bytes.size());
      client_ = ProxiedClient{IpAddress(bytes), shortAt(body, 32), false};
      return readExtras(body.substr(kTcp6Size)) ? Status::Done : Status::Broken;
    }
    case kUnixStream:
      return body.size() < kUnixSize ? Status::Broken : Status::Done;
    default:
      return Status::Broken;  // datagrams, and what the protocol does not know
  }
}

bool ProxyHeaderParser::readExtras(std::string_view extras) {
  while (!extras.empty()) {
    if (extras.size() < 3) return false;
    const std::uint8_t type = byteAt(extras, 0);
    const std::size_t size = shortAt(extras, 1);
    extras.remove_prefix(3);
    if (extras.size() < size) return false;
    if (type == kTypeSsl && size >= 1) client_->secure = (byteAt(extras, 0) & kClientSsl) != 0;
    extras.remove_prefix(size);
  }
  return true;
}

}  // namespace chatd::net
