#include "rest/rest_api.h"

#include <fmt/format.h>

#include "base/mutex.h"
#include "base/text.h"
#include "net/origin.h"
#include "net/peer_fields.h"
#include "rest/call.h"
#include "rest/idempotency.h"
#include "rest/openapi.h"
#include "rest/problem.h"
#include "rest/request_checks.h"
#include "rest/router.h"

namespace chatd {

using namespace rest;

class RestApi::Impl {
 public:
  Impl(const RestServices& services, RestOptions options)
      : context{services, openApiDocument(routeTable(), options.version)},
        router_(routeTable()),
        options_(std::make_shared<const RestOptions>(std::move(options))) {}

  void handle(net::HttpRequest&& request, net::HttpResponder responder);
  void setOptions(RestOptions options) {
    auto fresh = std::make_shared<const RestOptions>(std::move(options));
    LockGuard g(mutex_);
    options_.swap(fresh);
  }

  const Context context;

 private:
  std::shared_ptr<const RestOptions> options() {
    LockGuard g(mutex_);
    return options_;
  }
  Result<void> checkOrigin(Call& call) const;
  void preflight(Call& call, const std::string& allow) const;
  Result<void> checkMetrics(const Call& call) const;
  void toWorker(const CallPtr& call, AppId app, void (Impl::*step)(const CallPtr&));
  void authenticate(const CallPtr& call);
  void authorized(const CallPtr& call);
  Result<Reply> tryOut(Call& call) const;
  void run(const CallPtr& call);

  const Router router_;
  Mutex mutex_;
  std::shared_ptr<const RestOptions> options_ CHATD_GUARDED_BY(mutex_);
};

void RestApi::Impl::handle(net::HttpRequest&& request, net::HttpResponder responder) {
  auto call = std::make_shared<Call>(context, options(), std::move(request), std::move(responder));
  call->requestId = requestIdOf(call->request);
  if (auto allowed = checkOrigin(*call); !allowed.ok()) return call->refuse(allowed.error());
  auto match = router_.match(call->request.method, call->request.path);
  if (!match.ok()) return call->refuse(match.error());
  if (match->allow.empty()) return call->refuse(Error(Code::NotFound, "There is no such path."));
  if (call->request.method == "OPTIONS") return preflight(*call, match->allow);
  if (match->route == nullptr) {
    net::HttpResponse response = problem(Error(Code::MethodNotAllowed), call->requestId);
    response.headers.emplace_back("Allow", match->allow);
    return call->send(std::move(response));
  }
  call->route = match->route;
  call->segments = std::move(match->segments);
  if (auto media = checkMedia(call->request, call->options->bodyBytes); !media.ok()) return call->refuse(media.error());

  if ((call->route->access & who::Metrics) != 0) {
    if (auto allowed = checkMetrics(*call); !allowed.ok()) return call->refuse(allowed.error());
    return run(call);
  }
  if ((call->route->access & who::Anyone) != 0) {
    if (call->route->where == Where::Loop) return run(call);
    return toWorker(call, AppId{0}, &Impl::run);
  }
  auto bearer = call->bearer();
  if (!bearer.ok()) return call->refuse(bearer.error());
  // No worker is spent on a stranger who shows nothing. Who names an app may have its token in a cookie or another header.
  const bool namesApp = (call->route->access & who::User) != 0 &&
                        (call->request.header("X-Chat-App") != nullptr || call->request.queryValue("app").has_value());
  if (!*bearer && !namesApp && !call->request.peer.unixSocket) return call->refuse(Code::Unauthorized);
  toWorker(call, AppId{0}, &Impl::authenticate);
}

Result<void> RestApi::Impl::checkOrigin(Call& call) const {
  const std::string* origin = call.request.header("Origin");
  if (origin == nullptr) return {};
  const std::string_view host = call.request.host();
  const bool secure = call.request.secure;
  if (!net::originAllowed(call.options->corsOrigins, *origin, host, secure)) return Code::OriginRefused;
  if (!net::originAllowed({}, *origin, host, secure)) call.corsOrigin = *origin;
  return {};
}

void RestApi::Impl::preflight(Call& call, const std::string& allow) const {
  net::HttpResponse response;
  response.status = 204;
  response.headers.emplace_back("Allow", allow);
  if (call.corsOrigin && call.request.header("Access-Control-Request-Method") != nullptr) {
    response.headers.emplace_back("Access-Control-Allow-Methods", allow);
    response.headers.emplace_back("Access-Control-Allow-Headers",
                                  "Authorization, Content-Type, Idempotency-Key, If-None-Match, X-Chat-App, X-Request-Id");
    response.headers.emplace_back("Access-Control-Max-Age", "600");
  }
  call.send(std::move(response));
}

Result<void> RestApi::Impl::checkMetrics(const Call& call) const {
  CHATD_TRY(bearer, call.bearer());
  if (!bearer) {
    if (call.request.peer.unixSocket && Authenticator::admitted(call.request.peer)) return {};
    return Code::Unauthorized;
  }
  const std::string& token = call.options->metricsToken;
  if (!token.empty() && equalConstantTime(*bearer, token)) return {};
  return Code::Unauthorized;
}

void RestApi::Impl::toWorker(const CallPtr& call, AppId app, void (Impl::*step)(const CallPtr&)) {
  switch (context.services.executor.work(app, [this, call, step] { (this->*step)(call); })) {
    case Offer::Taken:
      return;
    case Offer::Full:
      return call->refuse(Code::Busy);
    case Offer::Closing:
      return call->refuse(Code::Restarting);
  }
}

void RestApi::Impl::authenticate(const CallPtr& call) {
  Presented presented;
  auto bearer = call->bearer();
  if (!bearer.ok()) return call->refuse(bearer.error());
  presented.bearer = std::move(*bearer);
  if (const std::string* app = call->request.header("X-Chat-App")) {
    presented.app = *app;
  } else {
    presented.app = call->request.queryValue("app");
  }
  if (const std::string* origin = call->request.header("Origin")) presented.origin = *origin;
  presented.peer = call->request.peer;
  presented.fields = net::peerFields(call->request, call->options->corsOrigins, *context.services.verifier.peerNames());
  context.services.authenticator.authenticate(presented, [this, call](Result<Principal> principal) {
    if (!principal.ok()) return call->refuse(principal.error());
    call->principal = std::move(*principal);
    // A user token is judged on a thread that must not block, and from here on the work counts against the app's share.
    if (const auto app = call->principal.ownApp()) return toWorker(call, *app, &Impl::authorized);
    authorized(call);
  });
}

void RestApi::Impl::authorized(const CallPtr& call) {
  const Principal& caller = call->principal;
  Access kind = who::Peer;
  if (caller.kind == Principal::Kind::Account) kind = caller.isOperator() ? who::Operator : who::Owner;
  if (caller.kind == Principal::Kind::AppKey) kind = who::AppKey;
  if (caller.kind == Principal::Kind::User) {
    kind = who::User;
    // Revoked, banned or deleted while the token was being judged.
    if (!context.services.verifier.current(*caller.identity)) return call->refuse(Code::TokenRevoked);
  }
  if ((call->route->access & kind) == 0) {
    return call->refuse(Error(Code::Forbidden, fmt::format("This call is for: {}.", whoText(call->route->access))));
  }
  run(call);
}

/// The call was judged by access and schema; the route's own check is all that is left. Nothing is written.
Result<Reply> RestApi::Impl::tryOut(Call& call) const {
  bool changes = true;
  if (call.route->check != nullptr) {
    CHATD_TRY(judged, call.route->check(context, call));
    changes = judged;
  }
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("dryRun", true).field("operation", call.route->operation).field("changes", changes).endObject();
  return json(202, std::move(body));
}

void RestApi::Impl::run(const CallPtr& call) {
  auto query = readQuery(call->request, *call->route);
  if (!query.ok()) return call->refuse(query.error());
  call->query = std::move(*query);
  auto body = readBody(call->request, *call->route);
  if (!body.ok()) return call->refuse(body.error());
  call->body = std::move(*body);
  if (takesDryRun(*call->route) && call->request.queryValue("dryRun") == "true") return call->finish(tryOut(*call));
  if (!beginIdempotency(context.services.credentials, *call)) return;
  call->route->handler(context, call);
}

RestApi::RestApi(const RestServices& services, RestOptions options)
    : impl_(std::make_unique<Impl>(services, std::move(options))) {}
RestApi::~RestApi() = default;

void RestApi::handle(net::HttpRequest&& request, net::HttpResponder responder) {
  impl_->handle(std::move(request), std::move(responder));
}

net::HttpResponse RestApi::refusal(const Error& error) const {
  const std::string requestId = requestIdOf({});
  net::HttpResponse response = problem(error, requestId);
  response.headers.emplace_back("X-Request-Id", requestId);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  return response;
}

net::HttpResponse RestApi::refused(int status, std::string_view reason) const {
  // The table decides the code; a status that it does not have (505) keeps its number under the nearest one.
  Code code = status >= 500 ? Code::NotImplemented : Code::BadRequest;
  for (const Code candidate : {Code::RequestTimeout, Code::TooLarge, Code::HeadersTooLarge, Code::Busy, Code::Internal}) {
    if (row(candidate).status == status) code = candidate;
  }
  const Error error = reason.empty() || !isUtf8(reason) ? Error(code) : Error(code, std::string(reason));
  const std::string requestId = requestIdOf({});
  net::HttpResponse response = problem(error, requestId);
  response.status = status;
  response.body = problemBody(error, status, requestId);
  response.headers.emplace_back("X-Request-Id", requestId);
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.close = true;
  return response;
}

void RestApi::setOptions(RestOptions options) { impl_->setOptions(std::move(options)); }

const std::string& RestApi::openApi() const { return impl_->context.openApi; }

}  // namespace chatd
