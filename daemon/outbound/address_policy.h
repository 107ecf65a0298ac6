// AddressPolicy: which addresses a call to the outside may reach. Judges binary addresses after resolution, so that no
// spelling of a name or a number gets around it. Pure. Thread: any.
// Sources: IANA special-purpose registries (RFC 6890), RFC 6598, 3056, 4380, 6052, 4291.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstdint>
#include <string>

namespace chatd {

enum class AddressClass : std::uint8_t {
  Public,
  Private,    ///< loopback, RFC 1918, shared (CGNAT), unique local: only where private networks are allowed
  Forbidden,  ///< link-local, cloud metadata, multicast, reserved: never the address of a verifier
};

[[nodiscard]] AddressClass classify(const in_addr& address);
/// An address that embeds an IPv4 address (mapped, compatible, 6to4, Teredo, NAT64) is judged by that one too.
[[nodiscard]] AddressClass classify(const in6_addr& address);

class AddressPolicy {
 public:
  explicit AddressPolicy(bool allowPrivateNetworks) : allowPrivate_(allowPrivateNetworks) {}
  [[nodiscard]] bool allows(const sockaddr& address) const;

 private:
  bool allowPrivate_;
};

/// Textual form, for messages to operators.
[[nodiscard]] std::string toText(const sockaddr& address);

}  // namespace chatd
