#include "net/peer.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include <array>
#include <cerrno>
#include <cstring>

namespace chatd::net {

Peer adminPeerOf(int socket) {
  Peer peer;
  peer.unixSocket = true;
  ucred who{};
  socklen_t size = sizeof who;
  // Without credentials uid and gid stay -1, which is nobody.
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERCRED, &who, &size) != 0) return peer;
  peer.uid = who.uid;
  peer.gid = who.gid;
  socklen_t bytes = 0;
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, nullptr, &bytes) != 0 && errno != ERANGE) return peer;
  peer.groups.resize(bytes / sizeof(gid_t));
  if (::getsockopt(socket, SOL_SOCKET, SO_PEERGROUPS, peer.groups.data(), &bytes) != 0) peer.groups.clear();
  return peer;
}

Peer peerOf(const sockaddr_storage& address) {
  Peer peer;
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (address.ss_family == AF_INET) {
    const auto& v4 = reinterpret_cast<const sockaddr_in&>(address);
    peer.ip = ::inet_ntop(AF_INET, &v4.sin_addr, text.data(), text.size());
    peer.port = ntohs(v4.sin_port);
  } else if (address.ss_family == AF_INET6) {
    const auto& v6 = reinterpret_cast<const sockaddr_in6&>(address);
    if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {
      peer.ip = ::inet_ntop(AF_INET, &v6.sin6_addr.s6_addr[12], text.data(), text.size());
    } else {
      peer.ip = ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
    }
    peer.port = ntohs(v6.sin6_port);
  }
  return peer;
}

}  // namespace chatd::net
