// The HTTP side of the fake: sockets, framing, faults. The model is in fake_model.cpp.
#include "unit/cli/fake_daemon.h"

#include <arpa/inet.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <sstream>
#include <stdexcept>

#include <fmt/format.h>

#include "base/text.h"

namespace chatd::test {

namespace {

void require(bool good, const char* what) {
  if (!good) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

/// False once the peer is gone: some orders end before all is written.
bool sendAll(int socket, const std::string& text) {
  std::size_t done = 0;
  while (done < text.size()) {
    const ssize_t n = ::send(socket, text.data() + done, text.size() - done, MSG_NOSIGNAL);
    if (n <= 0) return false;
    done += static_cast<std::size_t>(n);
  }
  return true;
}

std::string onTheWire(const Reply& reply) {
  std::string text = fmt::format("HTTP/1.1 {} X\r\nContent-Length: {}\r\nX-Request-Id: req-1\r\nConnection: close\r\n",
                                 reply.status, reply.body.size());
  for (const auto& [name, value] : reply.headers) text += fmt::format("{}: {}\r\n", name, value);
  return text + "\r\n" + reply.body;
}

/// Reads one request; nothing if the peer hangs up before it is whole.
std::optional<SeenRequest> readRequest(int socket) {
  std::string bytes;
  std::array<char, 4096> block{};
  std::size_t headEnd = std::string::npos;
  std::size_t bodySize = 0;
  SeenRequest request;
  while (headEnd == std::string::npos || bytes.size() < headEnd + 4 + bodySize) {
    const ssize_t n = ::recv(socket, block.data(), block.size(), 0);
    if (n <= 0) return std::nullopt;
    bytes.append(block.data(), static_cast<std::size_t>(n));
    if (headEnd != std::string::npos || (headEnd = bytes.find("\r\n\r\n")) == std::string::npos) continue;
    std::istringstream head(bytes.substr(0, headEnd));
    head >> request.method >> request.target;
    std::string line;
    std::getline(head, line);
    while (std::getline(head, line)) {
      const std::size_t colon = line.find(": ");
      if (line.ends_with('\r')) line.pop_back();
      request.headers[toLower(line.substr(0, colon))] = line.substr(colon + 2);
    }
    if (!request.header("content-length").empty()) bodySize = std::stoul(request.header("content-length"));
  }
  request.body = bytes.substr(headEnd + 4);
  return request;
}

}  // namespace

FakeDaemon::FakeDaemon() {
  std::string name = (std::filesystem::temp_directory_path() / "chatctl-test-XXXXXX").string();
  require(::mkdtemp(name.data()) != nullptr, "mkdtemp");
  folder_ = name;
  tcpSocket_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  require(::bind(tcpSocket_, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0, "bind");
  socklen_t size = sizeof address;
  require(::getsockname(tcpSocket_, reinterpret_cast<sockaddr*>(&address), &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
  unixSocket_ = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_un path{};
  path.sun_family = AF_UNIX;
  std::strncpy(path.sun_path, (folder_ + "/admin.sock").c_str(), sizeof path.sun_path - 1);
  require(::bind(unixSocket_, reinterpret_cast<sockaddr*>(&path), sizeof path) == 0, "bind");
  require(::listen(tcpSocket_, 16) == 0 && ::listen(unixSocket_, 16) == 0, "listen");
  wakeUp_ = ::eventfd(0, EFD_CLOEXEC);
  thread_ = std::thread([this] { serve(); });
}

FakeDaemon::~FakeDaemon() {
  stopping_ = true;
  const std::uint64_t one = 1;
  if (::write(wakeUp_, &one, sizeof one) == static_cast<ssize_t>(sizeof one)) thread_.join();
  for (const int socket : {tcpSocket_, unixSocket_, wakeUp_}) ::close(socket);
  std::filesystem::remove_all(folder_);
}

std::string FakeDaemon::tcp() const { return fmt::format("http://127.0.0.1:{}", port_); }

void FakeDaemon::serve() {
  while (!stopping_) {
    std::array<pollfd, 3> watched = {{{tcpSocket_, POLLIN, 0}, {unixSocket_, POLLIN, 0}, {wakeUp_, POLLIN, 0}}};
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    for (std::size_t i = 0; i < 2; ++i) {
      if ((watched[i].revents & POLLIN) == 0) continue;
      const int socket = ::accept4(watched[i].fd, nullptr, nullptr, SOCK_CLOEXEC);
      if (socket < 0) continue;
      serveOne(socket);
      ::close(socket);
    }
  }
}

void FakeDaemon::serveOne(int socket) {
  const auto request = readRequest(socket);
  if (!request) return;
  const auto reply = answer(*request, socket);
  if (reply) sendAll(socket, onTheWire(*reply));
}

std::optional<Reply> FakeDaemon::answer(const SeenRequest& request, int socket) {
  Order order;
  {
    const std::lock_guard<std::mutex> guard(mutex_);
    seen_.push_back(request);
    arrived_.notify_all();
    if (!orders_.empty()) {
      order = std::move(orders_.front());
      orders_.pop_front();
    }
  }
  if (order) return order(request, socket);
  const std::lock_guard<std::mutex> guard(mutex_);
  return model(request);
}

void FakeDaemon::answerNext(Reply reply) {
  const std::lock_guard<std::mutex> guard(mutex_);
  orders_.emplace_back([reply = std::move(reply)](const SeenRequest&, int) { return reply; });
}

void FakeDaemon::loseNextAnswer() {
  const std::lock_guard<std::mutex> guard(mutex_);
  orders_.emplace_back([this](const SeenRequest& request, int) -> std::optional<Reply> {
    const std::lock_guard<std::mutex> inner(mutex_);
    model(request);
    return std::nullopt;
  });
}

void FakeDaemon::failNext(Fault fault) {
  const std::lock_guard<std::mutex> guard(mutex_);
  orders_.emplace_back([this, fault](const SeenRequest&, int socket) -> std::optional<Reply> {
    pollfd peer{socket, POLLIN, 0};
    switch (fault) {
      case Fault::HangUp:
        break;
      case Fault::NoHttp:
        sendAll(socket, "SSH-2.0-OpenSSH_9.2\r\n\r\n");
        break;
      case Fault::CutShort:
        sendAll(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n{\"items\":[");
        break;
      case Fault::Silence:
        ::poll(&peer, 1, 10000);  // until the client gives up
        break;
      case Fault::Drip:
        sendAll(socket, "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\nConnection: close\r\n\r\n");
        while (!stopping_ && sendAll(socket, " ") && ::poll(&peer, 1, 20) == 0) continue;
        break;
    }
    return std::nullopt;
  });
}

std::vector<SeenRequest> FakeDaemon::seen() {
  const std::lock_guard<std::mutex> guard(mutex_);
  return std::exchange(seen_, {});
}

bool FakeDaemon::waitForRequest(std::chrono::seconds patience) {
  std::unique_lock<std::mutex> lock(mutex_);
  return arrived_.wait_for(lock, patience, [this] { return !seen_.empty(); });
}

}  // namespace chatd::test
