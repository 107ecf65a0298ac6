// TinyServer: a TCP server on 127.0.0.1 and a free port whose peer is a function of the test's. One thread a connection; all
// of them end with the server.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <chrono>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

namespace chatd::test {

class TinyServer {
 public:
  /// One accepted connection, for the script.
  class Peer {
   public:
    Peer(int fd, int stop) : fd_(fd), stop_(stop) {}
    [[nodiscard]] int fd() const { return fd_; }
    /// The next request up to its empty line; nothing at the end or when the server stops.
    std::optional<std::string> request() {
      for (;;) {
        if (const auto end = input_.find("\r\n\r\n"); end != std::string::npos) {
          std::string head = input_.substr(0, end + 4);
          input_.erase(0, end + 4);
          return head;
        }
        if (!wait(POLLIN)) return std::nullopt;
        std::array<char, 4096> buffer{};
        const ssize_t got = ::recv(fd_, buffer.data(), buffer.size(), 0);
        if (got <= 0) return std::nullopt;
        input_.append(buffer.data(), static_cast<std::size_t>(got));
      }
    }
    /// False: the client has gone.
    bool send(const std::string& bytes) {
      std::size_t sent = 0;
      while (sent < bytes.size()) {
        const ssize_t n = ::send(fd_, bytes.data() + sent, bytes.size() - sent, MSG_NOSIGNAL);
        if (n <= 0) return false;
        sent += static_cast<std::size_t>(n);
      }
      return true;
    }
    /// False: the server stops, or (with POLLIN) nothing more will come.
    bool wait(short events, int ms = 30'000) {
      std::array<pollfd, 2> fds = {pollfd{fd_, events, 0}, pollfd{stop_, POLLIN, 0}};
      return ::poll(fds.data(), 2, ms) > 0 && fds[1].revents == 0;
    }
    /// Until the client closes or the server stops.
    void hang() {
      while (request()) {
      }
    }
    /// True if the server goes on after this time.
    bool pause(int ms) {
      pollfd fd{stop_, POLLIN, 0};
      return ::poll(&fd, 1, ms) == 0;
    }

   private:
    int fd_;
    int stop_;
    std::string input_;
  };
  using Script = std::function<void(Peer&)>;

  explicit TinyServer(Script script) : script_(std::move(script)), stop_(::eventfd(0, EFD_CLOEXEC)) {
    listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ::bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof address);
    ::listen(listener_, 256);
    socklen_t size = sizeof address;
    ::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { accept(); });
  }
  ~TinyServer() {
    const std::uint64_t one = 1;
    if (::write(stop_, &one, sizeof one) != sizeof one) std::abort();
    acceptor_.join();
    for (std::thread& t : peers_) t.join();
    ::close(listener_);
    ::close(stop_);
  }
  TinyServer(const TinyServer&) = delete;
  TinyServer& operator=(const TinyServer&) = delete;

  [[nodiscard]] std::uint16_t port() const { return port_; }
  [[nodiscard]] std::string url(const std::string& path = "/", const std::string& host = "127.0.0.1") const {
    return "http://" + host + ":" + std::to_string(port_) + path;
  }
  [[nodiscard]] int connections() const { return connections_; }

 private:
  void accept() {
    for (;;) {
      std::array<pollfd, 2> fds = {pollfd{listener_, POLLIN, 0}, pollfd{stop_, POLLIN, 0}};
      if (::poll(fds.data(), 2, -1) <= 0) continue;
      if (fds[1].revents != 0) return;
      const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
      if (fd < 0) continue;
      ++connections_;
      peers_.emplace_back([this, fd] {
        Peer peer(fd, stop_);
        script_(peer);
        ::close(fd);
      });
    }
  }

  Script script_;
  int stop_;
  int listener_ = -1;
  std::uint16_t port_ = 0;
  std::atomic<int> connections_{0};
  std::vector<std::thread> peers_;  ///< touched by the acceptor, and after its end
  std::thread acceptor_;
};

/// An answer with a length.
inline std::string answer(int status, const std::string& body, const std::string& more = "") {
  return "HTTP/1.1 " + std::to_string(status) + " X\r\n" + more + "Content-Length: " + std::to_string(body.size()) +
         "\r\n\r\n" + body;
}

/// Answers every request of a connection with the same.
inline TinyServer::Script always(std::string bytes) {
  return [bytes = std::move(bytes)](TinyServer::Peer& peer) {
    while (peer.request()) {
      if (!peer.send(bytes)) return;
    }
  };
}

}  // namespace chatd::test
