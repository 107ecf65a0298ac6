#include "net/server.h"

#include <netinet/in.h>
#include <netinet/tcp.h>

#include <algorithm>
#include <future>
#include <utility>

#include "base/assert.h"
#include "net/http_connection.h"
#include "net/listener.h"
#include "net/peer.h"
#include "net/socket_connection.h"
#include "net/tls_context.h"
#include "net/trusted_proxies.h"
#include "observe/log.h"

namespace chatd::net {

namespace {

// Above maxConnections so many more are told 503; what comes beyond those is only closed.
constexpr std::size_t kRefusedAtOnce = 256;

}  // namespace

Server::Server(const ServerOptions& options, HttpHandler& handler)
    : options_(options),
      handler_(handler),
      limits_(std::make_shared<const HttpLimits>(options.http)),
      outboxBytes_(options.outboxBytes) {
  const std::size_t count = options.loops != 0 ? options.loops : std::max(1U, std::thread::hardware_concurrency());
  for (std::size_t i = 0; i < count; ++i) loops_.push_back(std::make_unique<EventLoop>(i, options.loop));
}

Server::~Server() { stop(); }

Result<std::uint16_t> Server::listen(const Endpoint& endpoint) {
  CHATD_ASSERT(threads_.empty());
  CHATD_TRY(sockets, bindAll(endpoint));
  const std::uint16_t port = sockets.front().port();
  const auto shared = std::make_shared<const Endpoint>(endpoint);
  for (ListeningSocket& socket : sockets) {
    listeners_.push_back(std::make_unique<Listener>(std::move(socket), *loops_.front(),
                                                    [this, shared](Descriptor accepted, const sockaddr_storage& address) {
                                                      this->accepted(*shared, std::move(accepted), address);
                                                    }));
  }
  return port;
}

void Server::start() {
  CHATD_ASSERT(threads_.empty());
  const bool posted = loops_.front()->post(Mail::Completion, [this] {
    for (const auto& listener : listeners_) listener->start();
  });
  CHATD_ASSERT(posted);
  for (const auto& loop : loops_) threads_.emplace_back([&loop = *loop] { loop.run(); });
}

void Server::closeListeners() {
  for (const auto& listener : listeners_) listener->stop();
}

void Server::stopAccepting() {
  EventLoop& acceptor = *loops_.front();
  if (threads_.empty() || acceptor.onThread()) return closeListeners();
  std::promise<void> done;
  const bool posted = acceptor.post(Mail::Completion, [this, &done] {
    closeListeners();
    done.set_value();
  });
  if (posted) done.get_future().wait();  // a loop that stops runs its completions too
}

void Server::stop() {
  for (const auto& loop : loops_) loop->stop();
  for (std::thread& thread : threads_) thread.join();
  threads_.clear();
  listeners_.clear();
}

std::size_t Server::connections() const {
  std::size_t sum = 0;
  for (const auto& loop : loops_) sum += loop->connections();
  return sum;
}

EventLoop& Server::leastLoaded() {
  const auto fewer = [](const auto& a, const auto& b) { return a->connections() < b->connections(); };
  return **std::min_element(loops_.begin(), loops_.end(), fewer);
}

void Server::accepted(const Endpoint& endpoint, Descriptor socket, const sockaddr_storage& address) {
  const std::size_t open = connections();
  if (open >= options_.maxConnections + kRefusedAtOnce) return;  // closes it
  if (address.ss_family != AF_UNIX) {
    const int on = 1;
    // Answers are whole when they are written; waiting for more would only delay them. Failing leaves them late, not wrong.
    static_cast<void>(::setsockopt(socket.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
  }
  std::shared_ptr<const HttpLimits> limits;
  ConnectionLimits sizes{.outboxBytes = 0, .inputBytes = options_.inputBytes};
  {
    LockGuard g(mutex_);
    limits = limits_;
    sizes.outboxBytes = outboxBytes_;
  }
  Peer peer = endpoint.admin ? adminPeerOf(socket.get()) : peerOf(address);
  // Who is no proxy of ours could make himself anybody.
  const bool proxy = limits->trustedProxies != nullptr && limits->trustedProxies->trusts(peer);
  if (endpoint.proxyHeader && !proxy) {
    log().debug("net", "not a trusted proxy", {{"ip", peer.ip}});
    return;
  }
  Entrance entrance{endpoint.proxyHeader, endpoint.tls != nullptr ? endpoint.tls->current() : nullptr, limits->headerTime};
  auto http = open < options_.maxConnections
                  ? std::make_unique<HttpConnection>(handler_, std::move(limits), sizes.outboxBytes)
                  : HttpConnection::refusing(handler_, std::move(limits), sizes.outboxBytes);
  EventLoop& target = leastLoaded();
  auto connection = std::make_unique<SocketConnection>(target, std::move(socket), std::move(peer), sizes, std::move(http),
                                                       std::move(entrance));
  target.expectConnection();
  if (&target == loops_.front().get()) return target.add(std::move(connection));
  const bool posted =
      target.post(Mail::Completion, [&target, made = std::move(connection)]() mutable { target.add(std::move(made)); });
  if (!posted) target.forgetConnection();  // it has stopped: so do we all
}

void Server::setLimits(const HttpLimits& limits, std::size_t outboxBytes) {
  auto fresh = std::make_shared<const HttpLimits>(limits);
  LockGuard g(mutex_);
  limits_ = std::move(fresh);
  outboxBytes_ = outboxBytes;
}

}  // namespace chatd::net
