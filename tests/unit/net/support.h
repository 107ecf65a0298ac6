// For the tests of net: a blocking client with deadlines, a loop on a thread, waits on conditions.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/test/unit_test.hpp>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "net/event_loop.h"
#include "net/fd.h"
#include "net/http.h"
#include "net/server.h"
#include "net/socket_connection.h"

namespace nettest {

/// Boost.Test is not thread-safe, and these tests check on loops too. The condition is evaluated before the lock is taken:
/// it may wait for another thread that checks something.
inline void report(bool holds, bool fatal, const char* what, const char* file, int line) {
  static std::mutex mutex;
  const std::lock_guard g(mutex);
  if (fatal) {
    BOOST_REQUIRE_MESSAGE(holds, file << ':' << line << ": " << what);
  } else {
    BOOST_CHECK_MESSAGE(holds, file << ':' << line << ": " << what);
  }
}

}  // namespace nettest

#define CHECK(...) nettest::report(static_cast<bool>(__VA_ARGS__), false, #__VA_ARGS__, __FILE__, __LINE__)
#define REQUIRE(...) nettest::report(static_cast<bool>(__VA_ARGS__), true, #__VA_ARGS__, __FILE__, __LINE__)

namespace nettest {

using namespace chatd;
using namespace chatd::net;
using namespace std::chrono_literals;

constexpr auto kPatience = 60s;  // for what must happen; long, because sanitizers and other builds take their time

/// Waits until `condition` holds, which other threads make true.
template <class Condition>
[[nodiscard]] bool eventually(Condition condition) {
  const auto until = std::chrono::steady_clock::now() + kPatience;
  while (!condition()) {
    if (std::chrono::steady_clock::now() > until) return false;
    std::this_thread::yield();
  }
  return true;
}

/// A signal between threads.
class Event {
 public:
  void set() {
    const std::lock_guard g(mutex_);
    set_ = true;
    changed_.notify_all();
  }
  [[nodiscard]] bool wait() {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience, [this] { return set_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool set_ = false;
};

/// A loop that runs on a thread of its own.
class LoopThread {
 public:
  explicit LoopThread(const LoopOptions& options = {}) : loop_(0, options), thread_([this] { loop_.run(); }) {}
  ~LoopThread() { stop(); }
  EventLoop& loop() { return loop_; }
  void stop() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
  }
  /// Runs `task` on the loop and waits for it.
  template <class F>
  void on(F task) {
    std::promise<void> done;
    REQUIRE(loop_.post(Mail::Completion, [&] {
      task();
      done.set_value();
    }));
    REQUIRE((done.get_future().wait_for(kPatience) == std::future_status::ready));
  }

 private:
  EventLoop loop_;
  std::thread thread_;
};

/// A blocking client socket; every read has a deadline.
class Client {
 public:
  explicit Client(Descriptor socket) : socket_(std::move(socket)) {}
  explicit Client(std::uint16_t port) : socket_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }
  explicit Client(const std::string& unixPath) : socket_(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, unixPath.data(), unixPath.size());
    REQUIRE(::connect(socket_.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
  }

  [[nodiscard]] int get() const { return socket_.get(); }
  void write(std::string_view bytes) {
    while (!bytes.empty()) {
      const ssize_t n = ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL);
      REQUIRE(n > 0);
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
  }
  /// False: the peer has closed or reset.
  [[nodiscard]] bool tryWrite(std::string_view bytes) {
    return ::send(socket_.get(), bytes.data(), bytes.size(), MSG_NOSIGNAL) == static_cast<ssize_t>(bytes.size());
  }
  void finish() { REQUIRE(::shutdown(socket_.get(), SHUT_WR) == 0); }
  void close() { socket_.close(); }

  /// Exactly `count` bytes.
  std::string read(std::size_t count) {
    while (buffer_.size() < count) REQUIRE(more());
    return cut(count);
  }
  /// Up to and with `end`.
  std::string readUntil(std::string_view end) {
    std::size_t at = 0;
    while ((at = buffer_.find(end)) == std::string::npos) REQUIRE(more());
    return cut(at + end.size());
  }
  /// Everything up to the peer's FIN. A reset sets wasReset().
  std::string readAll() {
    while (more()) {
    }
    return std::exchange(buffer_, {});
  }
  [[nodiscard]] bool wasReset() const { return reset_; }

  /// One HTTP response with Content-Length: head and body.
  std::string response() {
    const std::string head = readUntil("\r\n\r\n");
    const std::size_t at = head.find("Content-Length: ");
    const std::size_t length = at == std::string::npos ? 0 : std::stoul(head.substr(at + 16));
    return head + read(length);
  }

 private:
  bool more() {
    pollfd p{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&p, 1, static_cast<int>(std::chrono::milliseconds(kPatience).count()));
    REQUIRE(ready == 1);
    char bytes[16 * 1024];
    const ssize_t n = ::recv(socket_.get(), bytes, sizeof bytes, 0);
    if (n < 0) {
      reset_ = errno == ECONNRESET;
      REQUIRE(reset_);
      return false;
    }
    buffer_.append(bytes, static_cast<std::size_t>(n));
    return n > 0;
  }
  std::string cut(std::size_t count) {
    std::string out = buffer_.substr(0, count);
    buffer_.erase(0, count);
    return out;
  }

  Descriptor socket_;
  std::string buffer_;
  bool reset_ = false;
};

/// A handler made of lambdas; all run on the loop.
struct Script {
  std::function<void(Connection&)> attached = [](Connection&) {};
  std::function<std::size_t(Connection&, std::span<char>)> received = [](Connection&, std::span<char> d) {
    return d.size();
  };
  std::function<void(Connection&)> drained = [](Connection&) {};
  std::atomic<int> closed{0};
  std::atomic<Closed> why{Closed::ByUs};
  Connection* connection = nullptr;  ///< read on the loop only
};

class ScriptedHandler final : public StreamHandler {
 public:
  explicit ScriptedHandler(std::shared_ptr<Script> script) : script_(std::move(script)) {}
  void attached(Connection& connection) override {
    script_->connection = &connection;
    script_->attached(connection);
  }
  std::size_t received(std::span<char> data) override { return script_->received(*script_->connection, data); }
  void drained() override { script_->drained(*script_->connection); }
  void closed(Closed why) override {
    script_->connection = nullptr;
    script_->why = why;
    ++script_->closed;
  }

 private:
  std::shared_ptr<Script> script_;
};

/// Two ends of a TCP connection over loopback; the second is non-blocking.
inline std::pair<Descriptor, Descriptor> tcpPair() {
  const Descriptor listening(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  REQUIRE(::bind(listening.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  REQUIRE(::listen(listening.get(), 1) == 0);
  REQUIRE(::getsockname(listening.get(), reinterpret_cast<sockaddr*>(&address), &size) == 0);
  Descriptor client(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  REQUIRE(::connect(client.get(), reinterpret_cast<const sockaddr*>(&address), size) == 0);
  Descriptor server(::accept4(listening.get(), nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC));
  REQUIRE(server.open());
  return {std::move(client), std::move(server)};
}

/// A connection on `thread` that follows `script`; the answer is the peer's end.
inline Client connectTo(LoopThread& thread, std::shared_ptr<Script> script, const ConnectionLimits& limits = {}) {
  auto [client, server] = tcpPair();
  EventLoop& loop = thread.loop();
  loop.expectConnection();
  thread.on([&, socket = &server] {
    loop.add(std::make_unique<SocketConnection>(loop, std::move(*socket), Peer{}, limits,
                                                std::make_unique<ScriptedHandler>(std::move(script))));
  });
  return Client(std::move(client));
}

/// An HttpHandler made of a lambda.
class ScriptedHttp final : public HttpHandler {
 public:
  std::function<void(HttpRequest&&, HttpResponder)> script = [](HttpRequest&& r, HttpResponder out) {
    out.send({.status = 200, .headers = {}, .body = r.method + " " + r.path + " " + r.body, .close = false});
  };
  void handle(HttpRequest&& request, HttpResponder responder) override { script(std::move(request), std::move(responder)); }
  HttpResponse refused(int status, std::string_view reason) override {
    return {.status = status, .headers = {}, .body = "refused: " + std::string(reason), .close = true};
  }
};

}  // namespace nettest
