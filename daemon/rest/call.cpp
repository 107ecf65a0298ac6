#include "rest/call.h"

#include <algorithm>

#include "base/assert.h"
#include "base/text.h"
#include "rest/idempotency.h"
#include "rest/problem.h"

namespace chatd::rest {

namespace {

constexpr std::chrono::milliseconds kSettleAgain{20};
constexpr int kSettleTries = 250;  // 5 s

/// Settles the idempotency key on a worker and answers. While the pool is full it comes back by a timer: the outcome must be
/// kept before the client hears of it, else a quick repeat would be told that the first is still running.
void settle(const CallPtr& call, const std::shared_ptr<Result<Reply>>& result, int tries) {
  Executor& executor = call->context.services.executor;
  const AppId app = call->principal.ownApp().value_or(AppId{0});
  if (executor.work(app, [call, result] { call->finish(std::move(*result)); }) == Offer::Taken) return;
  const auto again = [call, result, tries] {
    call->context.services.executor.after(0, kSettleAgain, [call, result, tries] { settle(call, result, tries - 1); });
  };
  if (tries > 0 && executor.post(0, Mail::Completion, again)) return;
  // Given up: the answer itself is true and must not be lost; the key stays "running" until the store forgets it.
  call->idempotency.reset();
  call->finish(std::move(*result));
}

}  // namespace

Call::Call(const Context& ctx, std::shared_ptr<const RestOptions> opts, net::HttpRequest&& req, net::HttpResponder responder)
    : context(ctx),
      options(std::move(opts)),
      request(std::move(req)),
      responder_(std::move(responder)),
      began_(ctx.services.clock.steady()) {
  query.SetObject();
  body.SetObject();
}

const std::string& Call::segment(std::string_view name) const {
  for (const auto& [key, value] : segments) {
    if (key == name) return value;
  }
  assertionFailed("the route has this segment", __FILE__, __LINE__);
}

Result<std::optional<std::string>> Call::bearer() const {
  const std::string* header = request.header("Authorization");
  if (header == nullptr) return std::optional<std::string>();
  const std::size_t space = header->find(' ');
  if (!equalIgnoreCase(std::string_view(*header).substr(0, space), "Bearer") || space == std::string::npos) {
    return Error(Code::Unauthorized, "The Authorization header must be: Bearer, a space, and the credential.");
  }
  const std::size_t start = header->find_first_not_of(' ', space);
  if (start == std::string::npos) return Error(Code::Unauthorized, "The Bearer credential is empty.");
  return std::optional<std::string>(header->substr(start));
}

void Call::finish(Result<Reply> result) {
  if (idempotency)
    settleIdempotency(context.services.credentials, *std::exchange(idempotency, std::nullopt), result, requestId);
  if (!result.ok()) return refuse(result.error());
  net::HttpResponse response;
  response.status = result->status;
  response.body = std::move(result->body);
  response.headers = std::move(result->headers);
  if (!result->contentType.empty()) response.headers.emplace_back("Content-Type", result->contentType);
  send(std::move(response));
}

void Call::finishFromLoop(CallPtr call, Result<Reply> result) {
  if (!call->idempotency) return call->finish(std::move(result));
  settle(call, std::make_shared<Result<Reply>>(std::move(result)), kSettleTries);
}

void Call::refuse(const Error& error, std::optional<std::int64_t> id) { send(problem(error, requestId, id)); }

void Call::send(net::HttpResponse response) {
  auto& headers = response.headers;
  headers.emplace_back("X-Request-Id", requestId);
  const auto has = [&](std::string_view wanted) {
    return std::any_of(headers.begin(), headers.end(), [&](const auto& header) { return header.first == wanted; });
  };
  if (!has("X-Content-Type-Options")) headers.emplace_back("X-Content-Type-Options", "nosniff");
  // What the API says is about now and about one caller; secrets shown once must not lie in a cache.
  if (!has("Cache-Control")) headers.emplace_back("Cache-Control", "no-store");
  if (!options->corsOrigins.empty()) headers.emplace_back("Vary", "Origin");
  if (corsOrigin) {
    headers.emplace_back("Access-Control-Allow-Origin", *corsOrigin);
    // Only origins that the configuration names come here; their pages may use a cookie (net/peer_fields.h).
    headers.emplace_back("Access-Control-Allow-Credentials", "true");
    headers.emplace_back("Access-Control-Expose-Headers", "X-Request-Id, Retry-After, Idempotency-Replayed");
  }
  const int status = response.status;
  responder_.send(std::move(response));
  if (!options->observe) return;
  const auto took = std::chrono::duration_cast<std::chrono::microseconds>(context.services.clock.steady() - began_);
  options->observe({.method = route != nullptr ? route->method : std::string_view(),
                    .route = route != nullptr ? route->path : std::string_view(),
                    .status = status,
                    .took = took,
                    .requestId = requestId});
}

}  // namespace chatd::rest
