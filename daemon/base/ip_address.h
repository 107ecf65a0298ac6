// IpAddress and IpRange: addresses of IPv4 and IPv6 as values, and CIDR ranges of them. Pure. Thread: any.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/result.h"

namespace chatd {

/// Sixteen bytes in network order; IPv4 as IPv4 in IPv6 (::ffff:a.b.c.d), so an address has one form whatever socket it
/// came from.
class IpAddress {
 public:
  using Bytes = std::array<std::uint8_t, 16>;

  IpAddress() = default;
  explicit IpAddress(const Bytes& bytes) : bytes_(bytes) {}

  /// "192.0.2.1", "2001:db8::1", "::ffff:192.0.2.1" (which is the IPv4 address); no brackets, no zone, no port.
  [[nodiscard]] static std::optional<IpAddress> parse(std::string_view text);
  [[nodiscard]] const Bytes& bytes() const { return bytes_; }
  [[nodiscard]] bool v4() const;
  [[nodiscard]] std::string text() const;
  bool operator==(const IpAddress&) const = default;

 private:
  Bytes bytes_{};
};

/// Are the first `bits` (0 to 128) of both the same?
[[nodiscard]] bool samePrefix(const IpAddress::Bytes& a, const IpAddress::Bytes& b, unsigned bits);

class IpRange {
 public:
  /// "10.0.0.0/8", "2001:db8::/32", or one address. Errors: Invalid, with what is wrong: no address, a length that is none,
  /// bits set behind the prefix.
  [[nodiscard]] static Result<IpRange> parse(std::string_view text);
  /// Only an address of the same family: ::/0 holds no IPv4 address.
  [[nodiscard]] bool contains(const IpAddress& address) const;

 private:
  IpAddress base_;
  unsigned bits_ = 0;  ///< of the sixteen bytes: an IPv4 range has 96 more than it is written with
};

}  // namespace chatd
