#include "engine/engine_server.h"

#include "base/assert.h"
#include "base/random.h"
#include "base/text.h"
#include "engine/engine_link.h"
#include "engine/websocket_stream.h"
#include "engine/websocket_upgrade.h"
#include "net/origin.h"

namespace chatd::engine {

namespace {

constexpr std::size_t kRandom = 15;  // bytes of a sid, and behind them the number of its loop

/// Headers that let a page of another origin read the answers. A page that only "*" allows must do without credentials.
HttpHeaders corsHeaders(const net::HttpRequest& request, const EngineOptions& options) {
  const std::string* origin = request.header("Origin");
  if (origin == nullptr) return {};
  HttpHeaders headers{{"Access-Control-Allow-Origin", *origin}, {"Vary", "Origin"}};
  std::vector<std::string> named = options.origins;
  std::erase(named, "*");
  if (net::originAllowed(named, *origin, request.host(), request.secure)) {
    headers.emplace_back("Access-Control-Allow-Credentials", "true");
  }
  return headers;
}

net::HttpResponse preflight(const net::HttpRequest& request) {
  net::HttpResponse response;
  response.status = 204;
  constexpr std::string_view kMethods = "GET, POST, OPTIONS";
  response.headers.emplace_back("Allow", kMethods);
  if (request.header("Access-Control-Request-Method") != nullptr) {
    response.headers.emplace_back("Access-Control-Allow-Methods", kMethods);
    response.headers.emplace_back("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Chat-App");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  return response;
}

}  // namespace

/// A request of a session that exists (or so its sid says), on its way to the session's loop.
struct EngineServer::Arrival {
  std::string sid;
  std::string method;
  std::string body;
  bool bytes = false;
  bool waited = false;                         ///< for what a WebSocket of the session had brought before
  std::optional<net::HttpResponse> switching;  ///< the 101 of an upgrade
  bool deflate = false;                        ///< permessage-deflate is in it
  Exchange exchange;
};

EngineServer::EngineServer(Loops& loops, const EngineOptions& options, Open open)
    : loops_(loops), open_(std::move(open)), options_(std::make_shared<const EngineOptions>(options)) {
  for (std::size_t i = 0; i < loops.count(); ++i) tables_.push_back(std::make_unique<Table>());
}

EngineServer::~EngineServer() = default;

std::shared_ptr<const EngineOptions> EngineServer::options() {
  LockGuard g(mutex_);
  return options_;
}

void EngineServer::setOptions(const EngineOptions& options) {
  auto next = std::make_shared<const EngineOptions>(options);
  LockGuard g(mutex_);
  options_ = std::move(next);
}

// ---- requests, on the connection's loop

void EngineServer::handle(net::HttpRequest&& request, net::HttpResponder responder) {
  const auto options = this->options();
  if (const std::string* origin = request.header("Origin");
      origin != nullptr && !net::originAllowed(options->origins, *origin, request.host(), request.secure)) {
    return Exchange(std::move(responder), {}).refuse(Refusal::Forbidden);
  }
  Exchange exchange(std::move(responder), corsHeaders(request, *options));
  if (request.method == "OPTIONS") return exchange.send(preflight(request));
  const auto transport = request.queryValue("transport");
  if (transport != "polling" && transport != "websocket") return exchange.refuse(Refusal::TransportUnknown);
  const bool websocket = transport == "websocket";
  if (auto sid = request.queryValue("sid")) {
    return continueSession(std::move(request), std::move(*sid), websocket, std::move(exchange));
  }
  handshake(request, options, websocket, std::move(exchange));
}

void EngineServer::handshake(const net::HttpRequest& request, const std::shared_ptr<const EngineOptions>& options,
                             bool websocket, Exchange exchange) {
  if (request.method != "GET") return exchange.refuse(Refusal::BadMethod);
  const auto version = request.queryValue("EIO");
  if (version != "4" && !(version == "3" && options->revision3)) return exchange.refuse(Refusal::UnsupportedVersion);
  // JSONP would execute what we answer in the page; every browser of this century can do without.
  if (request.queryValue("j")) return exchange.refuse(Error(Code::BadRequest, "JSONP is not supported."));
  std::optional<net::HttpResponse> switching;
  bool deflate = false;
  if (websocket) {
    auto accepted = acceptWebSocket(request);
    if (!accepted.ok()) return exchange.refuse(accepted.error());
    switching = std::move(*accepted);
    deflate = options->deflate && negotiateDeflate(request, *switching);
  }
  if (sessions() >= options->maxSessions) return exchange.refuse(Code::Busy);
  auto handler = open_(request);
  if (!handler.ok()) return exchange.refuse(handler.error());
  const bool base64 = version == "3" && request.queryValue("b64");
  EngineSetup setup{version == "4" ? 4 : 3, base64, request.peer, options, std::move(*handler)};
  if (switching) {
    auto link = std::make_unique<EngineLink>(*this, std::make_unique<EngineSetup>(std::move(setup)));
    const WebSocketLimits limits{.maxMessage = options->maxPayload, .outboxBytes = options->outboxBytes, .deflate = deflate};
    return exchange.upgrade(std::move(*switching), std::make_unique<WebSocketStream>(std::move(link), limits));
  }
  exchange.bytesAllowed = !request.queryValue("b64");
  make(std::move(setup))->begin(std::move(exchange));
}

void EngineServer::continueSession(net::HttpRequest&& request, std::string sid, bool websocket, Exchange exchange) {
  auto arrival = std::make_shared<Arrival>(Arrival{std::move(sid), {}, {}, false, false, {}, false, std::move(exchange)});
  if (loopOf(arrival->sid) == Loops::kNoLoop) return arrival->exchange.refuse(Refusal::SessionUnknown);
  if (websocket) {
    auto accepted = acceptWebSocket(request);
    if (!accepted.ok()) return arrival->exchange.refuse(accepted.error());
    arrival->switching = std::move(*accepted);
    arrival->deflate = options()->deflate && negotiateDeflate(request, *arrival->switching);
  }
  arrival->exchange.bytesAllowed = !request.queryValue("b64");
  arrival->bytes = headerOr(request, "Content-Type").starts_with("application/octet-stream");
  arrival->method = std::move(request.method);
  arrival->body = std::move(request.body);
  if (!websocket && arrival->method == "GET") {
    arrival->exchange.number = polls_.fetch_add(1, std::memory_order_relaxed) + 1;
    arrival->exchange.whenGone([this, gone = arrival->sid, number = arrival->exchange.number] {
      // Refused only by a loop that has stopped, and its sessions with it.
      static_cast<void>(loops_.post(loopOf(gone), Mail::Completion, [this, gone, number] {
        if (const auto session = find(gone)) session->pollGone(number);
      }));
    });
  }
  route(std::move(arrival));
}

void EngineServer::route(std::shared_ptr<Arrival> arrival) {
  const std::size_t loop = loopOf(arrival->sid);
  if (loops_.here() == loop) return arrive(arrival);
  if (!loops_.post(loop, Mail::Request, [this, arrival] { arrive(arrival); })) arrival->exchange.refuse(Code::Busy);
}

// ---- requests, on the session's loop

void EngineServer::arrive(const std::shared_ptr<Arrival>& arrival) {
  const auto session = find(arrival->sid);
  if (session == nullptr) return arrival->exchange.refuse(Refusal::SessionUnknown);
  if (arrival->switching) return upgrade(*session, *arrival);
  if (session->upgrading() && !arrival->waited) {
    // What the WebSocket had received before this request came must be heard before it: the sockets of the next turn.
    arrival->waited = true;
    return nextTurn(session->loop(), [this, arrival] { loops_.atTurnEnd([this, arrival] { arrive(arrival); }); });
  }
  arriveOnPolling(*session, *arrival);
}

void EngineServer::arriveOnPolling(EngineSession& session, Arrival& arrival) {
  if (!session.onPolling()) return arrival.exchange.refuse(Refusal::BadRequest);
  // A session that closes is known to nothing but the poll that fetches its farewell.
  if (arrival.method == "GET") return session.poll(std::move(arrival.exchange));
  if (session.closing()) return arrival.exchange.refuse(Refusal::SessionUnknown);
  if (arrival.method == "POST") return session.post(std::move(arrival.body), arrival.bytes, std::move(arrival.exchange));
  arrival.exchange.refuse(Refusal::BadRequest);
}

void EngineServer::upgrade(EngineSession& session, Arrival& arrival) {
  const auto options = this->options();
  const bool wanted = session.expectUpgrade();
  auto link = std::make_unique<EngineLink>(*this, wanted ? arrival.sid : std::string());
  const WebSocketLimits limits{
      .maxMessage = options->maxPayload, .outboxBytes = options->outboxBytes, .deflate = arrival.deflate};
  auto stream = std::make_unique<WebSocketStream>(std::move(link), limits, loops_.loop(session.loop()));
  arrival.exchange.upgrade(std::move(*arrival.switching), std::move(stream));
}

// ---- the table

std::size_t EngineServer::loopOf(std::string_view sid) const {
  const auto bytes = fromBase64Url(sid);
  if (!bytes || bytes->size() != kRandom + 1) return Loops::kNoLoop;
  const std::size_t loop = static_cast<unsigned char>(bytes->back());
  return loop < tables_.size() ? loop : Loops::kNoLoop;
}

EngineServer::Table& EngineServer::table() {
  const std::size_t here = loops_.here();
  CHATD_ASSERT(here < tables_.size());
  return *tables_[here];
}

std::shared_ptr<EngineSession> EngineServer::make(EngineSetup setup) {
  const std::size_t loop = loops_.here();
  std::string bytes = randomBytes(kRandom);
  bytes.push_back(static_cast<char>(loop));
  auto session = std::make_shared<EngineSession>(*this, toBase64Url(bytes), loop, std::move(setup));
  table().sessions.emplace(session->id(), session);
  return session;
}

std::shared_ptr<EngineSession> EngineServer::find(std::string_view sid) {
  Table& t = table();
  const auto found = t.sessions.find(sid);
  return found == t.sessions.end() ? nullptr : found->second;
}

void EngineServer::atTurnEnd(std::shared_ptr<EngineSession> session) {
  Table& t = table();
  t.atTurnEnd.push_back(std::move(session));
  if (t.atTurnEnd.size() > 1) return;
  loops_.atTurnEnd([&t] {
    const auto all = std::exchange(t.atTurnEnd, {});
    for (const auto& one : all) one->turnEnd();
  });
}

void EngineServer::nextTurn(std::size_t loop, Task task) {
  // Refused only by a loop that has stopped: nothing is left to do there.
  static_cast<void>(loops_.post(loop, Mail::Completion, std::move(task)));
}

void EngineServer::forget(EngineSession& session) {
  Table& t = table();
  const auto found = t.sessions.find(session.id());
  CHATD_ASSERT(found != t.sessions.end());
  t.forgotten.push_back(std::move(found->second));
  t.sessions.erase(found);
  if (t.forgotten.size() > 1) return;
  nextTurn(session.loop(), [&t] { std::exchange(t.forgotten, {}).clear(); });
}

}  // namespace chatd::engine
