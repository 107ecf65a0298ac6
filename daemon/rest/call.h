// Call: one request on its way through the API, from the loop over workers to its answer. Shared by the closures that carry
// it; one thread at a time touches it.
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/principal.h"
#include "base/json.h"
#include "base/result.h"
#include "net/http.h"
#include "rest/rest_api.h"
#include "rest/route.h"
#include "rest/router.h"

namespace chatd::rest {

/// What every handler is given.
struct Context {
  RestServices services;
  std::string openApi;
};

/// A good answer.
struct Reply {
  int status = 200;
  std::string body = {};
  std::string contentType = "application/json";
  std::vector<std::pair<std::string, std::string>> headers = {};
  /// The body has a secret: an idempotent repeat is told this id instead of the body.
  std::optional<std::int64_t> secretOf = {};
};

class Call {
 public:
  Call(const Context& context, std::shared_ptr<const RestOptions> options, net::HttpRequest&& request,
       net::HttpResponder responder);

  const Context& context;
  const std::shared_ptr<const RestOptions> options;
  const Route* route = nullptr;
  net::HttpRequest request;
  Segments segments;
  Principal principal;
  JsonDocument query;
  JsonDocument body;
  std::string requestId;
  std::optional<std::string> corsOrigin;   ///< an allowed foreign origin, to be named in the answer
  std::optional<std::string> idempotency;  ///< scope of an Idempotency-Key that we hold as running

  /// Decoded value of `{name}`.
  [[nodiscard]] const std::string& segment(std::string_view name) const;
  /// `Bearer` of Authorization. Errors: Unauthorized if there is another scheme.
  [[nodiscard]] Result<std::optional<std::string>> bearer() const;

  /// Answers, and settles the idempotency key. Blocks if there is one; thread: worker.
  void finish(Result<Reply> result);
  /// The same from a loop: what blocks goes to a worker first.
  static void finishFromLoop(std::shared_ptr<Call> call, Result<Reply> result);
  /// Answers; nothing else. Thread: any.
  void send(net::HttpResponse response);
  void refuse(const Error& error, std::optional<std::int64_t> id = std::nullopt);

 private:
  net::HttpResponder responder_;
  Steady began_;
};

/// Wraps a handler that answers before it returns: `blocking<listApps>` is the row's handler.
template <Result<Reply> (*F)(const Context&, Call&)>
void blocking(const Context& context, CallPtr call) {
  call->finish(F(context, *call));
}

/// A JSON answer.
[[nodiscard]] inline Reply json(int status, std::string body) { return {.status = status, .body = std::move(body)}; }
[[nodiscard]] inline Reply noContent() { return {.status = 204, .body = "", .contentType = ""}; }

}  // namespace chatd::rest
