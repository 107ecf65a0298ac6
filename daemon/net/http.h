// HTTP/1.1 as handlers see it: a request that has been read whole and checked, and a responder for its answer.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/task.h"
#include "net/connection.h"

namespace chatd::net {

struct HttpRequest {
  std::string method;  ///< as sent, "GET"
  std::string target;  ///< as sent
  std::string path;    ///< before '?', as sent (not decoded: routes split at '/' first and decode each segment)
  std::string query;   ///< behind '?', as sent
  std::vector<std::pair<std::string, std::string>> headers;  ///< in order, values trimmed, nothing decoded
  std::string body;
  Peer peer;                       ///< the client; behind a trusted proxy the one that the proxy speaks for
  bool secure = false;             ///< the client speaks TLS, with us or with a trusted proxy
  std::string forwardedHost = {};  ///< the host that a trusted proxy was asked for; empty: not told

  /// First value of a header, by name without regard to case; nothing if absent.
  [[nodiscard]] const std::string* header(std::string_view name) const;
  /// All values of a header whose value is a list, joined by commas in order (RFC 9110 section 5.3); empty if absent.
  [[nodiscard]] std::string headerList(std::string_view name) const;
  /// The host (and port) that the client asked for: forwardedHost or the Host header; empty if there is neither.
  [[nodiscard]] std::string_view host() const;
  /// First value of a query parameter, decoded; nothing if absent or badly escaped.
  [[nodiscard]] std::optional<std::string> queryValue(std::string_view name) const;
};

struct HttpResponse {
  int status = 200;
  std::vector<std::pair<std::string, std::string>> headers;  ///< Content-Length, Date and Connection are added
  std::string body;
  bool close = false;  ///< end the connection after it
};

/// The answer to one request. Movable; used once, on any thread. If it is destroyed unused, the client gets a 500.
class HttpResponder {
 public:
  class Sink {
   public:
    virtual ~Sink() = default;
    /// Called once on any thread.
    virtual void answer(HttpResponse&& response, std::unique_ptr<StreamHandler> upgradeTo) = 0;
    /// As HttpResponder::whenGone().
    virtual void whenGone(Task) {}
  };
  HttpResponder() = default;
  explicit HttpResponder(std::shared_ptr<Sink> sink) : sink_(std::move(sink)) {}
  HttpResponder(HttpResponder&&) = default;
  HttpResponder& operator=(HttpResponder&&) = default;
  HttpResponder(const HttpResponder&) = delete;
  HttpResponder& operator=(const HttpResponder&) = delete;
  ~HttpResponder();

  void send(HttpResponse response);
  /// Runs `task` on the connection's loop if the connection ends before the answer has come to it; a FIN of the client
  /// counts as its end from now on. For answers that may be far off. Thread: the connection's loop, inside
  /// HttpHandler::handle.
  void whenGone(Task task);
  /// 101 with these headers, then the connection belongs to `handler` (attached() is called on the connection's loop).
  /// If the connection is gone by then, `handler` is destroyed without attached().
  void upgrade(HttpResponse response, std::unique_ptr<StreamHandler> handler);

 private:
  std::shared_ptr<Sink> sink_;
};

class TrustedProxies;

/// Takes every request of a server. Thread: the connection's loop; must not block. Until the responder is used the
/// connection reads no further request, so pipelined ones are answered in order.
class HttpHandler {
 public:
  virtual ~HttpHandler() = default;
  virtual void handle(HttpRequest&& request, HttpResponder responder) = 0;
  /// The answer to what never became a request (400, 408, 413, 414, 417, 431, 501, 505; 503 above the limit of connections)
  /// or was not answered (500), so that it looks like every other error. Also called for a 500 without a body.
  virtual HttpResponse refused(int status, std::string_view reason) = 0;
};

struct HttpLimits {
  std::size_t headerBytes = 16 * 1024;  ///< request line and headers
  std::size_t headerCount = 100;
  std::size_t bodyBytes = 1'000'000;
  std::chrono::milliseconds headerTime{10'000};  ///< for the whole head, from its first byte (or from accept); before it for
                                                 ///< a PROXY header and a TLS handshake together
  std::chrono::milliseconds bodyTime{30'000};
  std::chrono::milliseconds idleTime{75'000};  ///< keep-alive between requests
  std::shared_ptr<const TrustedProxies> trustedProxies =
      nullptr;  ///< whose word about their clients counts; nullptr: nobody's
};

}  // namespace chatd::net
