#include "outbound/outbound_http.h"

#include <Poco/Exception.h>
#include <Poco/Net/Context.h>
#include <fmt/format.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <csignal>
#include <deque>
#include <map>
#include <optional>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "outbound/breaker.h"
#include "outbound/connection_pool.h"
#include "outbound/http_exchange.h"
#include "outbound/resolver.h"
#include "outbound/stream.h"
#include "outbound/url.h"

namespace chatd {

namespace {

constexpr std::size_t kFailingHosts = 4096;
constexpr std::chrono::seconds kIdleConnection{30};
constexpr std::chrono::seconds kIdleThread{10};
// getaddrinfo and a TLS handshake need under 100 KiB; 512 threads are then 256 MiB of address space, not of memory.
constexpr std::size_t kStack = 512 * 1024;

Error failed(std::string detail) { return {Code::VerifierUnavailable, std::move(detail)}; }

enum class Phase : std::uint8_t { Queue, Dns, Connect, Tls, Answer };
std::string_view toText(Phase phase) {
  constexpr std::array<std::string_view, 5> names = {"waiting for a thread", "resolving the name", "connecting",
                                                     "the TLS handshake", "the answer"};
  return names[static_cast<std::size_t>(phase)];
}

enum class Outcome : std::uint8_t { Answered, HostFailed, Unknown };

struct Call {
  OutboundRequest request;
  Url url;
  std::string hostKey;
  OutboundHttp::Done done;
  std::atomic<Phase> phase{Phase::Queue};
  std::atomic<bool> finished{false};  ///< whoever sets it owns `done`
  std::multimap<Steady, std::shared_ptr<Call>>::iterator place;
  bool listed = false;  ///< `place` is valid; under the core's mutex
};
using CallPtr = std::shared_ptr<Call>;

}  // namespace

// Shared by its threads, so that one that is stuck in the resolver may outlive the client.
class OutboundHttp::Core : public std::enable_shared_from_this<OutboundHttp::Core> {
 public:
  explicit Core(const OutboundOptions& options)
      : options_(options),
        stopFd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
        breaker_(options.breakerFailures, options.breakerOpen, kFailingHosts),
        pool_(options.idlePerHost, options.idle, kIdleConnection) {
    CHATD_ASSERT(stopFd_ >= 0);
  }
  ~Core() { ::close(stopFd_); }
  Core(const Core&) = delete;
  Core& operator=(const Core&) = delete;

  Result<void> prepareTls();
  void startWatch() {
    watch_ = std::thread([this] { watchDeadlines(); });
  }
  void fetch(OutboundRequest request, Done done);
  void stop();

 private:
  enum class Place { Thread, NewThread, None };
  Result<Place> admit(const CallPtr& call);
  bool spawn();
  void serve();
  CallPtr nextCall();
  void run(const CallPtr& call);
  Result<std::unique_ptr<Stream>> open(Call& call, const Until& until, Outcome& outcome);
  Result<std::vector<Endpoint>> resolveOutside(Call& call);
  void release(const CallPtr& call);
  void finish(const CallPtr& call, Result<OutboundResponse> result, Outcome outcome);
  void watchDeadlines();

  const OutboundOptions options_;
  const int stopFd_;
  Breaker breaker_;
  ConnectionPool pool_;
  std::optional<Poco::Net::Context::Ptr> tls_;  ///< until stop()
  bool tlsReady_ = false;
  std::string tlsFault_;
  std::thread watch_;

  Mutex mutex_;
  Condition work_;   // a call waits for a thread, or stopping
  Condition timer_;  // the earliest deadline changed, or stopping
  Condition ended_;  // a thread ended or went into the resolver
  std::deque<CallPtr> waiting_ CHATD_GUARDED_BY(mutex_);
  std::multimap<Steady, CallPtr> deadlines_ CHATD_GUARDED_BY(mutex_);
  std::unordered_map<std::uint64_t, std::size_t> tenants_ CHATD_GUARDED_BY(mutex_);
  std::size_t calls_ CHATD_GUARDED_BY(mutex_) = 0;
  std::size_t threads_ CHATD_GUARDED_BY(mutex_) = 0;
  std::size_t idle_ CHATD_GUARDED_BY(mutex_) = 0;
  std::size_t resolving_ CHATD_GUARDED_BY(mutex_) = 0;
  bool stopping_ CHATD_GUARDED_BY(mutex_) = false;
};

Result<void> OutboundHttp::Core::prepareTls() {
  try {
    using Poco::Net::Context;
    Context::Params params;
    params.caLocation = options_.caFile;
    params.verificationMode = Context::VERIFY_STRICT;
    params.loadDefaultCAs = true;
    Context::Ptr context(new Context(Context::TLS_CLIENT_USE, params));
    context->requireMinimumProtocol(Context::PROTO_TLSV1_2);
    tls_ = context;
    tlsReady_ = true;
    return {};
  } catch (const Poco::Exception& e) {
    tlsFault_ = e.displayText();
    return failed(tlsFault_);
  }
}

void OutboundHttp::Core::fetch(OutboundRequest request, Done done) {
  auto url = parseUrl(request.url);
  if (!url.ok()) return done(failed(fmt::format("the URL is refused: {}", url.error().detail())));
  if (auto good = checkRequest(request); !good.ok()) return done(std::move(good).error());
  if (url->tls && !tlsReady_) return done(failed("TLS is not set up: " + tlsFault_));

  auto call = std::make_shared<Call>();
  call->hostKey = fmt::format("{} {} {} {}:{}", request.tenant, request.allowPrivateNetworks ? 1 : 0,
                              url->tls ? "tls" : "tcp", url->host, url->port);
  call->request = std::move(request);
  call->url = std::move(*url);
  call->done = std::move(done);
  if (!breaker_.admit(call->hostKey, std::chrono::steady_clock::now())) {
    call->finished = true;
    return call->done(failed(fmt::format("{} failed too often; it is tried again shortly", call->url.authority)));
  }
  const auto place = admit(call);
  if (!place.ok()) {
    breaker_.abandoned(call->hostKey);
    call->finished = true;
    return call->done(place.error());
  }
  if (*place == Place::NewThread && !spawn()) {
    // No thread to be had from the system. An existing one may still take the call; without any nobody would.
    bool none = false;
    {
      LockGuard g(mutex_);
      --threads_;
      none = threads_ == 0;
      ended_.notifyAll();
    }
    if (none) finish(call, Error(Code::Busy), Outcome::Unknown);
  }
}

Result<OutboundHttp::Core::Place> OutboundHttp::Core::admit(const CallPtr& call) {
  LockGuard g(mutex_);
  if (stopping_) return failed("the client is stopping");
  if (calls_ >= options_.maxCalls) return Error(Code::Busy);
  std::size_t& mine = tenants_[call->request.tenant];
  if (mine >= options_.perTenant) return Error(Code::Busy);
  ++mine;
  ++calls_;
  const bool first = deadlines_.empty() || call->request.deadline < deadlines_.begin()->first;
  call->place = deadlines_.emplace(call->request.deadline, call);
  call->listed = true;
  waiting_.push_back(call);
  if (first) timer_.notifyOne();
  if (waiting_.size() > idle_ && threads_ < options_.maxCalls) {
    ++threads_;
    return Place::NewThread;
  }
  work_.notifyOne();
  return Place::Thread;
}

bool OutboundHttp::Core::spawn() {
  auto* owner = new std::shared_ptr<Core>(shared_from_this());
  pthread_attr_t attributes;
  ::pthread_attr_init(&attributes);
  ::pthread_attr_setstacksize(&attributes, kStack);
  ::pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
  pthread_t id{};
  const auto body = [](void* p) -> void* {
    const std::unique_ptr<std::shared_ptr<Core>> self(static_cast<std::shared_ptr<Core>*>(p));
    // Signals are the daemon's business; SIGPIPE would come from a TLS write to a peer that has gone.
    sigset_t all;
    ::sigfillset(&all);
    ::pthread_sigmask(SIG_BLOCK, &all, nullptr);
    (*self)->serve();
    return nullptr;
  };
  const bool started = ::pthread_create(&id, &attributes, body, owner) == 0;
  ::pthread_attr_destroy(&attributes);
  if (!started) delete owner;
  return started;
}

CallPtr OutboundHttp::Core::nextCall() {
  UniqueLock lock(mutex_);
  const Steady until = std::chrono::steady_clock::now() + kIdleThread;
  ++idle_;
  bool late = false;
  while (waiting_.empty() && !stopping_ && !late) late = work_.waitUntil(lock, until) == std::cv_status::timeout;
  --idle_;
  if (waiting_.empty()) {
    --threads_;
    ended_.notifyAll();
    return nullptr;
  }
  CallPtr call = std::move(waiting_.front());
  waiting_.pop_front();
  return call;
}

void OutboundHttp::Core::serve() {
  while (const CallPtr call = nextCall()) run(call);
}

Result<std::vector<Endpoint>> OutboundHttp::Core::resolveOutside(Call& call) {
  call.phase = Phase::Dns;
  {
    LockGuard g(mutex_);
    ++resolving_;
    ended_.notifyAll();
  }
  auto endpoints = resolve(call.url, call.request.allowPrivateNetworks);
  LockGuard g(mutex_);
  --resolving_;
  // stop() does not wait for the resolver: what it has taken away meanwhile must not be touched any more.
  if (stopping_) return failed("the client is stopping");
  return endpoints;
}

Result<std::unique_ptr<Stream>> OutboundHttp::Core::open(Call& call, const Until& until, Outcome& outcome) {
  outcome = Outcome::HostFailed;
  auto endpoints = resolveOutside(call);
  if (!endpoints.ok()) {
    const bool refused = endpoints.error().code() == Code::Forbidden;
    if (refused) outcome = Outcome::Unknown;
    return failed(endpoints.error().detail());
  }
  call.phase = Phase::Connect;
  Error last = failed("no address");
  for (std::size_t i = 0; i < endpoints->size(); ++i) {
    // What is left is shared by the addresses that are left: a dead first one must not eat the others' time.
    const Steady now = std::chrono::steady_clock::now();
    const auto share = (until.deadline - now) / static_cast<std::int64_t>(endpoints->size() - i);
    auto stream = Stream::connect((*endpoints)[i], Until{now + share, until.stopFd});
    if (!stream.ok()) {
      last = std::move(stream).error();
      continue;
    }
    if (call.url.tls) {
      call.phase = Phase::Tls;
      CHATD_CHECK((*stream)->startTls((*tls_)->sslContext(), call.url.host, until));
    }
    return std::move(*stream);
  }
  return last;
}

void OutboundHttp::Core::run(const CallPtr& call) {
  if (call->finished) return release(call);
  const Until until{call->request.deadline, stopFd_};
  const std::string& key = call->hostKey;
  // Only what may be repeated travels on a kept connection: the peer may be closing it at this moment.
  const bool repeatable = call->request.method == "GET" || call->request.method == "HEAD";
  auto stream = repeatable ? pool_.take(key, std::chrono::steady_clock::now()) : nullptr;
  Exchange done{failed("not sent")};
  bool fresh = stream == nullptr;
  if (!fresh) {
    call->phase = Phase::Answer;
    done = exchange(*stream, call->url, call->request, until);
    fresh = !done.response.ok() && !done.answered && std::chrono::steady_clock::now() < until.deadline;
  }
  Outcome outcome = Outcome::HostFailed;
  if (fresh) {
    auto opened = open(*call, until, outcome);
    if (opened.ok()) {
      stream = std::move(*opened);
      call->phase = Phase::Answer;
      done = exchange(*stream, call->url, call->request, until);
    } else {
      done = Exchange{std::move(opened).error()};
    }
  }
  if (done.response.ok()) {
    outcome = Outcome::Answered;
    if (done.reusable) pool_.put(key, std::move(stream), std::chrono::steady_clock::now());
  }
  // The place is free before the answer is told: whoever is told may ask for the next call at once.
  release(call);
  finish(call, std::move(done.response), outcome);
}

void OutboundHttp::Core::release(const CallPtr& call) {
  LockGuard g(mutex_);
  if (call->listed) {
    deadlines_.erase(call->place);
    call->listed = false;
  }
  --calls_;
  const auto it = tenants_.find(call->request.tenant);
  if (--it->second == 0) tenants_.erase(it);
}

void OutboundHttp::Core::finish(const CallPtr& call, Result<OutboundResponse> result, Outcome outcome) {
  if (call->finished.exchange(true)) return;
  switch (outcome) {
    case Outcome::Answered:
      breaker_.succeeded(call->hostKey);
      break;
    case Outcome::HostFailed:
      breaker_.failed(call->hostKey, std::chrono::steady_clock::now());
      break;
    case Outcome::Unknown:
      breaker_.abandoned(call->hostKey);
      break;
  }
  call->done(std::move(result));
  call->done = nullptr;
}

// Ends calls at their deadline whatever their thread is doing: the resolver cannot be interrupted. The place of such a call
// stays taken until its thread is back, so a resolver that hangs for one tenant holds that tenant's places only.
void OutboundHttp::Core::watchDeadlines() {
  UniqueLock lock(mutex_);
  while (!stopping_) {
    if (deadlines_.empty()) {
      timer_.wait(lock);
      continue;
    }
    const Steady first = deadlines_.begin()->first;
    if (std::chrono::steady_clock::now() < first) {
      timer_.waitUntil(lock, first);
      continue;
    }
    const CallPtr call = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    call->listed = false;
    lock.unlock();
    finish(call, failed(fmt::format("{}: the deadline passed during {}", call->url.authority, toText(call->phase))),
           Outcome::HostFailed);
    lock.lock();
  }
}

void OutboundHttp::Core::stop() {
  std::multimap<Steady, CallPtr> underWay;
  {
    LockGuard g(mutex_);
    if (stopping_) return;
    stopping_ = true;
    underWay = deadlines_;
    work_.notifyAll();
    timer_.notifyAll();
  }
  const std::uint64_t one = 1;
  const bool told = ::write(stopFd_, &one, sizeof one) == sizeof one;
  CHATD_ASSERT(told);
  watch_.join();
  for (const auto& [deadline, call] : underWay) finish(call, failed("the client is stopping"), Outcome::Unknown);
  {
    UniqueLock lock(mutex_);
    while (threads_ > resolving_) ended_.wait(lock);
  }
  pool_.clear();
  // Freed here and not with the core: a thread that lets go of that last may do it while the process ends, after OpenSSL has
  // put its own house in order.
  tls_.reset();
}

OutboundHttp::OutboundHttp(const OutboundOptions& options) : core_(std::make_shared<Core>(options)) {
  // Without TLS the plain calls still work; an https call then fails and says why.
  (void)core_->prepareTls().ok();
  core_->startWatch();
}

OutboundHttp::~OutboundHttp() { stop(); }

void OutboundHttp::fetch(OutboundRequest request, Done done) { core_->fetch(std::move(request), std::move(done)); }

void OutboundHttp::stop() { core_->stop(); }

}  // namespace chatd
