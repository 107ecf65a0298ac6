// HttpConnection: the StreamHandler that speaks HTTP/1.1 on a new connection, until it ends or is upgraded.
// Owned by its Connection. Thread: the connection's loop; answers may come from any.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string_view>

#include "net/http.h"
#include "net/http_parser.h"
#include "net/http_writer.h"
#include "net/timer_wheel.h"

namespace chatd::net {

class HttpConnection final : public StreamHandler {
 public:
  /// `handler` outlives it. outboxBytes: the limit that the connection was made with.
  HttpConnection(HttpHandler& handler, std::shared_ptr<const HttpLimits> limits, std::size_t outboxBytes);
  ~HttpConnection() override;

  /// One that answers 503 at once and closes: there are too many connections.
  [[nodiscard]] static std::unique_ptr<HttpConnection> refusing(HttpHandler& handler,
                                                                std::shared_ptr<const HttpLimits> limits,
                                                                std::size_t outboxBytes);

  void attached(Connection& connection) override;
  std::size_t received(std::span<char> data) override;
  void drained() override;
  void closed(Closed why) override;

 private:
  class Gate;
  enum class Phase : std::uint8_t { None, Head, Body, Idle };

  [[nodiscard]] bool listening() const { return !busy_ && !finished_ && !throttled_; }
  void dispatch();
  void answer(HttpResponse&& response, std::unique_ptr<StreamHandler> upgradeTo);
  void write(HttpResponse&& response, AfterResponse after);
  void upgrade(HttpResponse&& response, std::unique_ptr<StreamHandler> handler);
  void refuse(int status, std::string_view reason);
  void finish();
  void throttle();
  void hold();
  void release();
  void watchTime();
  void timeOver();

  HttpHandler& handler_;
  const std::shared_ptr<const HttpLimits> limits_;
  const std::size_t outboxBytes_;
  Connection* connection_ = nullptr;  ///< nullptr: gone, or handed to another handler
  std::shared_ptr<Gate> gate_;        ///< what responders hold; made with the first request
  Timer timer_;
  HttpParser parser_;
  Phase phase_ = Phase::None;  ///< what timer_ is armed for
  bool busy_ = false;          ///< a request is with the handler
  bool handling_ = false;      ///< inside HttpHandler::handle
  bool headOnly_ = false;      ///< the request is a HEAD
  bool held_ = false;          ///< we have paused the connection
  bool throttled_ = false;     ///< no further request until the peer has taken answers
  bool finished_ = false;      ///< closing, or upgraded
  bool full_ = false;          ///< refuse with 503 as soon as attached
};

}  // namespace chatd::net
