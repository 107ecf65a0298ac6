// Who is at the other end of an accepted socket. Thread: any.
#pragma once

#include <sys/socket.h>

#include "net/connection.h"

namespace chatd::net {

/// TCP: address and port as accept4(2) gave them; IPv4 in IPv6 is shown as IPv4, a zone is left out. Unix: nothing.
[[nodiscard]] Peer peerOf(const sockaddr_storage& address);
/// Admin socket: user, group and supplementary groups as the kernel recorded them when the peer connected.
[[nodiscard]] Peer adminPeerOf(int socket);

}  // namespace chatd::net
