// RestApi: every path that is not a realtime endpoint. Finds the route, checks origin, access and fields, and lets the
// route's handler answer. Owned by app/, which gives it every request that realtime does not take.
// Threads: handle() on the connection's loop, handlers that block on workers, answers from any.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "auth/authenticator.h"
#include "auth/verifier_chain.h"
#include "base/clock.h"
#include "chat/backups.h"
#include "chat/chat_service.h"
#include "chat/credentials.h"
#include "chat/directory.h"
#include "chat/executor.h"
#include "chat/message_log.h"
#include "chat/sessions.h"
#include "net/http.h"
#include "rest/server_control.h"

namespace chatd {

/// What the API works on. All outlive it.
struct RestServices {
  Executor& executor;
  Authenticator& authenticator;
  VerifierChain& verifier;
  Directory& directory;
  Credentials& credentials;
  MessageLog& log;
  ChatService& chat;
  Sessions& sessions;
  Backups& backups;
  const Clock& clock;
};

/// What a built-in page answers: content with its headers (type, policy, ETag), 304, or 308 to the folder.
struct StaticAnswer {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;
  std::string_view body;  ///< lives as long as the API
};

/// One answered request, for metrics and the access log. Holds nothing that a client chose except its length of stay.
struct RestObservation {
  std::string_view method;  ///< of the route; empty if none matched
  std::string_view route;   ///< pattern, "/room/{id}"; empty if none matched
  int status = 0;
  std::chrono::microseconds took{0};
  std::string_view requestId;
};

struct RestOptions {
  std::size_t bodyBytes = 1'000'000;
  std::vector<std::string> corsOrigins;  ///< "https://example.com"; "*" for any; empty: the same origin only
  std::string metricsToken;              ///< empty: metrics are for the admin socket only
  bool demo = false;                     ///< serve /demo/
  std::string version;
  /// A built-in page by its path as sent, and the If-None-Match header (empty: none); nothing: there is none. Thread: loops.
  std::function<std::optional<StaticAnswer>(std::string_view path, std::string_view ifNoneMatch)> page;
  /// Prometheus text. Thread: loops; must not block.
  std::function<std::string()> metrics;
  /// Why the daemon is not ready; empty: it is. Thread: loops; must not block.
  std::function<std::vector<std::string>()> notReady;
  ServerControl control;
  /// Called after each answer, on the thread that answered; must not block. May be empty.
  std::function<void(const RestObservation&)> observe;
};

class RestApi {
 public:
  RestApi(const RestServices& services, RestOptions options);
  /// No request may be under way: loops and workers have stopped.
  ~RestApi();
  RestApi(const RestApi&) = delete;
  RestApi& operator=(const RestApi&) = delete;

  /// Takes a request and answers it, now or later. Thread: the connection's loop; never blocks.
  void handle(net::HttpRequest&& request, net::HttpResponder responder);

  /// The answer to what the HTTP parser refused, in the form of every other error. Thread: any.
  [[nodiscard]] net::HttpResponse refused(int status, std::string_view reason) const;

  /// The answer of who refuses a request beside this API, in the same form. Thread: any.
  [[nodiscard]] net::HttpResponse refusal(const Error& error) const;

  /// Replaces the options (reload); requests under way keep the old ones. Thread: any.
  void setOptions(RestOptions options);

  /// The OpenAPI 3.1 document. Thread: any.
  [[nodiscard]] const std::string& openApi() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace chatd
