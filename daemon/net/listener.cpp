#include "net/listener.h"

#include <fmt/format.h>
#include <netdb.h>
#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>
#include <utility>
#include <variant>

namespace chatd::net {

namespace {

constexpr int kBacklog = 4096;
constexpr int kAcceptsPerTurn = 64;
constexpr std::chrono::milliseconds kRest{50};  // without descriptors or memory: somebody has to close something first

[[nodiscard]] Error failed(std::string_view what, std::string_view where, int error) {
  return {Code::Internal, fmt::format("{} {}: {}", what, where, std::strerror(error))};
}

[[nodiscard]] int setOption(int socket, int level, int name, int value) {
  return ::setsockopt(socket, level, name, &value, sizeof value);
}

[[nodiscard]] bool unixAddress(const std::string& path, sockaddr_un& address) {
  address = {};
  address.sun_family = AF_UNIX;
  if (path.size() >= sizeof address.sun_path) return false;
  std::memcpy(address.sun_path, path.data(), path.size());
  return true;
}

/// Removes a socket file that nobody listens on. Errors: somebody does; or it is no socket.
[[nodiscard]] Result<void> removeStale(const std::string& path, const sockaddr_un& address) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0) {
    if (errno == ENOENT) return {};
    return failed("cannot look at", path, errno);
  }
  if (!S_ISSOCK(status.st_mode)) return Error(Code::Internal, fmt::format("{} exists and is not a socket", path));
  const Descriptor probe(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!probe.open()) return failed("cannot make a socket for", path, errno);
  // EAGAIN is a full backlog: somebody listens.
  if (::connect(probe.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 || errno == EAGAIN) {
    return Error(Code::Internal, fmt::format("{} is in use: another daemon listens there", path));
  }
  if (errno != ECONNREFUSED) return failed("cannot ask who listens on", path, errno);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return failed("cannot remove the stale socket", path, errno);
  return {};
}

[[nodiscard]] Result<ListeningSocket> bindUnix(const std::string& path, mode_t mode) {
  sockaddr_un address{};
  if (!unixAddress(path, address)) return Error(Code::Internal, fmt::format("{} is too long for a socket path", path));
  CHATD_CHECK(removeStale(path, address));
  Descriptor socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return failed("cannot make a socket for", path, errno);
  // The mode of the descriptor, less the umask, becomes the mode of the file: at no moment is it wider than that. What the
  // umask took is given back after. (umask(2) itself is the whole process's.)
  if (::fchmod(socket.get(), mode) != 0) return failed("cannot set the mode of", path, errno);
  if (::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0) {
    return failed("cannot bind", path, errno);
  }
  ListeningSocket listening(std::move(socket), path);
  if (::chmod(path.c_str(), mode) != 0) return failed("cannot set the mode of", path, errno);
  if (::listen(listening.get(), kBacklog) != 0) return failed("cannot listen on", path, errno);
  return listening;
}

/// What the system refused for an address: the call, and its errno.
struct Refusal {
  const char* what;
  int error;
};

[[nodiscard]] std::variant<ListeningSocket, Refusal> bindTcp(const addrinfo& info) {
  Descriptor socket(::socket(info.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket.open()) return Refusal{"cannot make a socket for", errno};
  if (setOption(socket.get(), SOL_SOCKET, SO_REUSEADDR, 1) != 0) return Refusal{"cannot set SO_REUSEADDR for", errno};
  // "::" takes IPv4 too, as people expect of it; any other IPv6 address is only itself.
  const bool any =
      info.ai_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&reinterpret_cast<const sockaddr_in6*>(info.ai_addr)->sin6_addr);
  if (info.ai_family == AF_INET6 && setOption(socket.get(), IPPROTO_IPV6, IPV6_V6ONLY, any ? 0 : 1) != 0) {
    return Refusal{"cannot set IPV6_V6ONLY for", errno};
  }
  if (::bind(socket.get(), info.ai_addr, info.ai_addrlen) != 0) return Refusal{"cannot bind", errno};
  if (::listen(socket.get(), kBacklog) != 0) return Refusal{"cannot listen on", errno};
  return ListeningSocket(std::move(socket), {});
}

[[nodiscard]] Result<std::vector<ListeningSocket>> bindName(const std::string& name, std::uint16_t port) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int error = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &hints, &found);
  if (error != 0) return Error(Code::Internal, fmt::format("cannot resolve {}: {}", name, ::gai_strerror(error)));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> infos(found, &::freeaddrinfo);
  std::vector<ListeningSocket> bound;
  Refusal refusal{"found no address for", EADDRNOTAVAIL};
  for (addrinfo* info = found; info != nullptr; info = info->ai_next) {
    // All addresses of a name listen on the same port, also if the first one chose it.
    if (info->ai_family == AF_INET) reinterpret_cast<sockaddr_in*>(info->ai_addr)->sin_port = htons(port);
    if (info->ai_family == AF_INET6) reinterpret_cast<sockaddr_in6*>(info->ai_addr)->sin6_port = htons(port);
    auto one = bindTcp(*info);
    if (auto* const socket = std::get_if<ListeningSocket>(&one)) {
      if (port == 0) port = socket->port();
      bound.push_back(std::move(*socket));
      continue;
    }
    refusal = std::get<Refusal>(one);
    // A name may have an IPv6 address on a host that has no IPv6; a port that is taken is another matter.
    if (refusal.error == EADDRNOTAVAIL || refusal.error == EAFNOSUPPORT) continue;
    return failed(refusal.what, fmt::format("{} port {}", name, port), refusal.error);
  }
  if (bound.empty()) return failed(refusal.what, fmt::format("{} port {}", name, port), refusal.error);
  return bound;
}

}  // namespace

ListeningSocket::ListeningSocket(Descriptor socket, std::string unixPath)
    : socket_(std::move(socket)), path_(std::move(unixPath)) {
  struct stat status {};
  if (!path_.empty() && ::lstat(path_.c_str(), &status) == 0) {
    device_ = status.st_dev;
    inode_ = status.st_ino;
  }
}

ListeningSocket::~ListeningSocket() {
  if (!socket_.open() || path_.empty()) return;
  struct stat status {};
  const bool ours = ::lstat(path_.c_str(), &status) == 0 && status.st_dev == device_ && status.st_ino == inode_;
  if (ours) ::unlink(path_.c_str());
}

std::uint16_t ListeningSocket::port() const {
  sockaddr_storage address{};
  socklen_t size = sizeof address;
  if (::getsockname(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size) != 0) return 0;
  if (address.ss_family == AF_INET) return ntohs(reinterpret_cast<const sockaddr_in&>(address).sin_port);
  if (address.ss_family == AF_INET6) return ntohs(reinterpret_cast<const sockaddr_in6&>(address).sin6_port);
  return 0;
}

Result<std::vector<ListeningSocket>> bindAll(const Endpoint& endpoint) {
  if (endpoint.unixPath.empty()) return bindName(endpoint.address, endpoint.port);
  CHATD_TRY(socket, bindUnix(endpoint.unixPath, endpoint.unixMode));
  std::vector<ListeningSocket> bound;
  bound.push_back(std::move(socket));
  return bound;
}

Listener::Listener(ListeningSocket socket, EventLoop& loop, Accepted accepted)
    : socket_(std::move(socket)),
      loop_(loop),
      accepted_(std::move(accepted)),
      again_([](void* self) { static_cast<Listener*>(self)->start(); }, this) {}

void Listener::start() {
  watched_ = loop_.watch(socket_.get(), EPOLLIN, *this);
  if (!watched_) loop_.arm(again_, kRest);
}

void Listener::ready(std::uint32_t) {
  for (int i = 0; i < kAcceptsPerTurn && watched_; ++i) {
    sockaddr_storage address{};
    socklen_t size = sizeof address;
    Descriptor socket(::accept4(socket_.get(), reinterpret_cast<sockaddr*>(&address), &size, SOCK_NONBLOCK | SOCK_CLOEXEC));
    if (socket.open()) {
      accepted_(std::move(socket), address);
      continue;
    }
    switch (errno) {
      case EAGAIN:
        return;
      case EMFILE:
      case ENFILE:
      case ENOBUFS:
      case ENOMEM:
        return rest();
      default:
        break;  // that one connection failed (ECONNABORTED and the network errors of accept(2)); the next may not
    }
  }
}

void Listener::rest() {
  // The waiting connection keeps the socket readable: without a pause the loop would spin. Clients wait in the backlog.
  loop_.unwatch(socket_.get());
  watched_ = false;
  loop_.arm(again_, kRest);
}

void Listener::stop() {
  again_.cancel();
  if (std::exchange(watched_, false)) loop_.unwatch(socket_.get());
  const ListeningSocket closing(std::move(socket_));
}

}  // namespace chatd::net
