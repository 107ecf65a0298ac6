#include "outbound/address_policy.h"

#include <arpa/inet.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <string_view>

#include "base/ip_address.h"

namespace chatd {

namespace {

struct Range4 {
  std::uint32_t base;
  int bits;
  AddressClass is;
};

constexpr std::uint32_t v4(unsigned a, unsigned b, unsigned c, unsigned d) { return (a << 24) | (b << 16) | (c << 8) | d; }

// The first row that fits decides.
constexpr auto kForbidden = AddressClass::Forbidden;
constexpr auto kPrivate = AddressClass::Private;
constexpr std::array kRanges4 = {
    Range4{v4(100, 100, 100, 200), 32, kForbidden},  // metadata service inside the shared range
    Range4{v4(168, 63, 129, 16), 32, kForbidden},    // platform service of a cloud, on a public address
    Range4{v4(0, 0, 0, 0), 8, kForbidden},           // "this network"; Linux would connect to itself
    Range4{v4(10, 0, 0, 0), 8, kPrivate},           Range4{v4(100, 64, 0, 0), 10, kPrivate},
    Range4{v4(127, 0, 0, 0), 8, kPrivate},          Range4{v4(169, 254, 0, 0), 16, kForbidden},
    Range4{v4(172, 16, 0, 0), 12, kPrivate},        Range4{v4(192, 0, 0, 0), 24, kForbidden},
    Range4{v4(192, 0, 2, 0), 24, kForbidden},       Range4{v4(192, 88, 99, 0), 24, kForbidden},
    Range4{v4(192, 168, 0, 0), 16, kPrivate},       Range4{v4(198, 18, 0, 0), 15, kPrivate},
    Range4{v4(198, 51, 100, 0), 24, kForbidden},    Range4{v4(203, 0, 113, 0), 24, kForbidden},
    Range4{v4(224, 0, 0, 0), 3, kForbidden},  // multicast, reserved, broadcast
};

using Bytes16 = IpAddress::Bytes;

struct Range6 {
  Bytes16 base;
  unsigned bits;
  AddressClass is;
};

constexpr std::array kRanges6 = {
    Range6{{0xfd, 0x00, 0x0e, 0xc2, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02, 0x54}, 128, kForbidden},  // metadata service
    Range6{{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1}, 128, kPrivate},                      // ::1
    Range6{{0}, 128, kForbidden},                                                                 // ::
    Range6{{0xfc}, 7, kPrivate},                                                                  // unique local
    Range6{{0x20, 0x01, 0x0d, 0xb8}, 32, kForbidden},                                             // documentation
    Range6{{0x3f, 0xff}, 20, kForbidden},                                                         // documentation
    Range6{{0x20, 0x01, 0x00, 0x00}, 23, kForbidden},  // protocol assignments: Teredo, ORCHID, benchmarking
};

bool inRange(const Bytes16& address, const Range6& range) { return samePrefix(address, range.base, range.bits); }

AddressClass classify4(std::uint32_t address) {
  for (const Range4& r : kRanges4) {
    const std::uint32_t mask = r.bits == 0 ? 0 : ~std::uint32_t{0} << (32 - r.bits);
    if ((address & mask) == r.base) return r.is;
  }
  return AddressClass::Public;
}

std::uint32_t embedded(const Bytes16& a, std::size_t at) { return v4(a[at], a[at + 1], a[at + 2], a[at + 3]); }

}  // namespace

AddressClass classify(const in_addr& address) { return classify4(ntohl(address.s_addr)); }

AddressClass classify(const in6_addr& address) {
  Bytes16 a{};
  std::memcpy(a.data(), &address, a.size());
  for (const Range6& r : kRanges6) {
    if (inRange(a, r)) return r.is;
  }
  const auto zero = [&](std::size_t from, std::size_t to) {
    return std::all_of(a.data() + from, a.data() + to, [](std::uint8_t b) { return b == 0; });
  };
  // Mapped (::ffff:a.b.c.d), translated (::ffff:0:a.b.c.d) and compatible (::a.b.c.d): the IPv4 address in other clothes.
  const bool mapped = zero(0, 10) && a[10] == 0xFF && a[11] == 0xFF;
  const bool translated = zero(0, 8) && a[8] == 0xFF && a[9] == 0xFF && a[10] == 0 && a[11] == 0;
  if (mapped || translated || zero(0, 12)) return classify4(embedded(a, 12));
  constexpr Range6 kNat64{{0x00, 0x64, 0xff, 0x9b}, 96, AddressClass::Public};
  if (inRange(a, kNat64)) return classify4(embedded(a, 12));
  if (a[0] == 0x20 && a[1] == 0x02) return classify4(embedded(a, 2));  // 6to4
  // Only 2000::/3 is handed out as global unicast; all else is link-local, site-local, multicast, local NAT64, or
  // unassigned.
  return (a[0] & 0xE0) == 0x20 ? AddressClass::Public : AddressClass::Forbidden;
}

bool AddressPolicy::allows(const sockaddr& address) const {
  AddressClass is = AddressClass::Forbidden;
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    is = classify(in.sin_addr);
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    is = classify(in.sin6_addr);
  }
  return is == AddressClass::Public || (is == AddressClass::Private && allowPrivate_);
}

std::string toText(const sockaddr& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.sa_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address, sizeof in);
    ::inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  } else if (address.sa_family == AF_INET6) {
    sockaddr_in6 in{};
    std::memcpy(&in, &address, sizeof in);
    ::inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
  }
  return text.data();
}

}  // namespace chatd
