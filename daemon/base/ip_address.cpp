#include "base/ip_address.h"

#include <arpa/inet.h>
#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <cstring>

namespace chatd {

namespace {

constexpr IpAddress::Bytes kMapped = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr unsigned kMappedBits = 96;

/// The address with all bits behind the prefix cleared.
IpAddress masked(const IpAddress& address, unsigned bits) {
  IpAddress::Bytes bytes = address.bytes();
  for (unsigned i = 0; i < bytes.size(); ++i) {
    const auto kept = static_cast<unsigned>(std::clamp(static_cast<int>(bits) - static_cast<int>(8 * i), 0, 8));
    bytes[i] = static_cast<std::uint8_t>(bytes[i] & (0xFF00U >> kept));
  }
  return IpAddress(bytes);
}

}  // namespace

bool samePrefix(const IpAddress::Bytes& a, const IpAddress::Bytes& b, unsigned bits) {
  const std::size_t whole = bits / 8;
  if (std::memcmp(a.data(), b.data(), whole) != 0) return false;
  const unsigned rest = bits % 8;
  return rest == 0 || ((a[whole] ^ b[whole]) & (0xFF00U >> rest) & 0xFFU) == 0;
}

std::optional<IpAddress> IpAddress::parse(std::string_view text) {
  const std::string copy(text);
  if (copy.find('\0') != std::string::npos) return std::nullopt;
  Bytes bytes = kMapped;
  if (::inet_pton(AF_INET, copy.c_str(), &bytes[12]) == 1) return IpAddress(bytes);
  if (::inet_pton(AF_INET6, copy.c_str(), bytes.data()) == 1) return IpAddress(bytes);
  return std::nullopt;
}

bool IpAddress::v4() const { return samePrefix(bytes_, kMapped, kMappedBits); }

std::string IpAddress::text() const {
  std::array<char, INET6_ADDRSTRLEN> out{};
  const bool four = v4();
  // Fails only for a family or a size that it does not know.
  ::inet_ntop(four ? AF_INET : AF_INET6, four ? &bytes_[12] : bytes_.data(), out.data(), out.size());
  return out.data();
}

Result<IpRange> IpRange::parse(std::string_view text) {
  const std::size_t slash = text.find('/');
  const std::string_view host = text.substr(0, slash);
  const auto address = IpAddress::parse(host);
  if (!address) return Error(Code::Invalid, fmt::format("\"{}\" is not an IP address", host));
  // Written in the mapped form the length counts all 128 bits.
  const unsigned hidden = address->v4() && host.find(':') == std::string_view::npos ? kMappedBits : 0;
  const unsigned most = 128 - hidden;
  unsigned length = most;
  if (slash != std::string_view::npos) {
    const std::string_view digits = text.substr(slash + 1);
    const auto [end, error] = std::from_chars(digits.data(), digits.data() + digits.size(), length);
    const bool whole = error == std::errc() && end == digits.data() + digits.size();
    const bool padded = digits.size() > 1 && digits.front() == '0';
    if (!whole || padded || length > most) {
      return Error(Code::Invalid, fmt::format("the length behind '/' must be 0 to {}", most));
    }
  }
  IpRange range;
  range.bits_ = length + hidden;
  range.base_ = masked(*address, range.bits_);
  if (address->v4() && range.bits_ < kMappedBits) return Error(Code::Invalid, "write an IPv4 range as IPv4: 10.0.0.0/8");
  if (range.base_ != *address) {
    return Error(Code::Invalid, fmt::format("has bits set behind its prefix: write {}/{}", range.base_.text(),
                                            range.bits_ - (range.base_.v4() ? kMappedBits : 0)));
  }
  return range;
}

bool IpRange::contains(const IpAddress& address) const {
  return address.v4() == base_.v4() && samePrefix(address.bytes(), base_.bytes(), bits_);
}

}  // namespace chatd
