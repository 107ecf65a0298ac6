#include "net/http_connection.h"

#include <string>
#include <utility>

#include "base/assert.h"
#include "net/event_loop.h"
#include "net/http_writer.h"
#include "net/trusted_proxies.h"

namespace chatd::net {

namespace {

constexpr std::chrono::milliseconds kLinger{2'000};  // for the peer to take the last answer and close
constexpr std::size_t kInOnePiece = 2 * 1024;        // bytes of a body that is cheaper to copy behind its head

}  // namespace

/// Where responders answer. It outlives the connection and, through the mailbox, the loop. At most one responder of a
/// connection is unused at a time, so one gate serves all its requests.
class HttpConnection::Gate final : public HttpResponder::Sink, public std::enable_shared_from_this<Gate> {
 public:
  Gate(std::shared_ptr<Mailbox> mailbox, HttpConnection* connection)
      : mailbox_(std::move(mailbox)), connection_(connection) {}

  void answer(HttpResponse&& response, std::unique_ptr<StreamHandler> upgradeTo) override {
    if (EventLoop::mailboxOfThisThread() == mailbox_.get()) return deliver(std::move(response), std::move(upgradeTo));
    // Refused only by a loop that has stopped, and then there is no connection any more.
    static_cast<void>(mailbox_->post(
        Mail::Completion, [self = shared_from_this(), r = std::move(response), u = std::move(upgradeTo)]() mutable {
          self->deliver(std::move(r), std::move(u));
        }));
  }
  void whenGone(Task task) override {
    if (connection_ == nullptr) return task();
    gone_ = std::move(task);
    connection_->connection_->endOnFin(true);
  }
  void shut() {
    connection_ = nullptr;
    if (Task gone = std::exchange(gone_, nullptr)) gone();
  }

 private:
  void deliver(HttpResponse&& response, std::unique_ptr<StreamHandler> upgradeTo) {
    if (connection_ == nullptr) return;
    if (std::exchange(gone_, nullptr)) connection_->connection_->endOnFin(false);
    connection_->answer(std::move(response), std::move(upgradeTo));
  }
  const std::shared_ptr<Mailbox> mailbox_;
  HttpConnection* connection_;  ///< read on the loop only
  Task gone_;                   ///< of the request that waits for its answer; touched on the loop only
};

HttpConnection::HttpConnection(HttpHandler& handler, std::shared_ptr<const HttpLimits> limits, std::size_t outboxBytes)
    : handler_(handler),
      limits_(std::move(limits)),
      outboxBytes_(outboxBytes),
      timer_([](void* self) { static_cast<HttpConnection*>(self)->timeOver(); }, this),
      parser_(*limits_) {}

HttpConnection::~HttpConnection() {
  if (gate_ != nullptr) gate_->shut();
}

std::unique_ptr<HttpConnection> HttpConnection::refusing(HttpHandler& handler, std::shared_ptr<const HttpLimits> limits,
                                                         std::size_t outboxBytes) {
  auto connection = std::make_unique<HttpConnection>(handler, std::move(limits), outboxBytes);
  connection->full_ = true;
  return connection;
}

void HttpConnection::attached(Connection& connection) {
  connection_ = &connection;
  if (full_) return refuse(503, "There are too many connections.");
  phase_ = Phase::Head;  // counts from here, so that a silent peer goes as soon as a slow one
  connection.loop().arm(timer_, limits_->headerTime);
}

std::size_t HttpConnection::received(std::span<char> data) {
  const std::string_view bytes(data.data(), data.size());
  std::size_t used = 0;
  while (used < bytes.size() && listening()) {
    used += parser_.feed(bytes.substr(used));
    if (parser_.status() == HttpParser::Status::Complete) {
      dispatch();
    } else if (parser_.status() == HttpParser::Status::Refused) {
      refuse(parser_.refusal(), parser_.reason());
    } else if (parser_.takeContinue()) {
      // Full means that the peer does not read, so it does not wait for this either.
      static_cast<void>(connection_->send(std::string("HTTP/1.1 100 Continue\r\n\r\n")));
    }
  }
  watchTime();
  return used;
}

void HttpConnection::dispatch() {
  HttpRequest request = parser_.take();
  request.peer = connection_->peer();
  request.secure = request.peer.secure;
  if (limits_->trustedProxies != nullptr) limits_->trustedProxies->apply(request);
  headOnly_ = request.method == "HEAD";
  if (gate_ == nullptr) gate_ = std::make_shared<Gate>(connection_->loop().mailbox(), this);
  phase_ = Phase::None;
  busy_ = true;
  handling_ = true;
  handler_.handle(std::move(request), HttpResponder(gate_));
  handling_ = false;
  if (busy_) {
    timer_.cancel();  // the time is the handler's now
    hold();
  }
}

void HttpConnection::answer(HttpResponse&& response, std::unique_ptr<StreamHandler> upgradeTo) {
  CHATD_ASSERT(busy_);
  busy_ = false;
  if (upgradeTo != nullptr) return upgrade(std::move(response), std::move(upgradeTo));
  if (response.status == 500 && response.body.empty()) response = handler_.refused(500, "An internal error; see the log.");
  const bool keep = parser_.keepAlive() && !response.close;
  write(std::move(response),
        !keep ? AfterResponse::Close : (parser_.http10() ? AfterResponse::KeepAliveHttp10 : AfterResponse::KeepAlive));
  if (!keep) return finish();
  throttle();
  if (handling_) return;  // received() goes on
  if (!throttled_) release();
  watchTime();
}

void HttpConnection::write(HttpResponse&& response, AfterResponse after) {
  std::string head;
  const bool body = !headOnly_ && response.status >= 200 && response.status != 204 && response.status != 304;
  const bool together = body && response.body.size() <= kInOnePiece;
  head.reserve(320 + (together ? response.body.size() : 0));
  appendHead(head, response, after);
  if (together) head += response.body;
  // An answer that exists takes no less memory for being refused: the limit bounds how many are queued, not how large one
  // is.
  const std::size_t needed = connection_->unsentBytes() + head.size() + (body && !together ? response.body.size() : 0);
  if (needed > outboxBytes_) connection_->setOutboxLimit(needed);
  if (connection_->send(std::move(head)) != Offer::Taken) return;  // closing: nobody waits for it
  if (body && !together) static_cast<void>(connection_->send(std::move(response.body)));
}

void HttpConnection::upgrade(HttpResponse&& response, std::unique_ptr<StreamHandler> handler) {
  response.status = 101;
  write(std::move(response), AfterResponse::Upgrade);
  connection_->setOutboxLimit(outboxBytes_);
  timer_.cancel();
  release();
  finished_ = true;
  gate_->shut();
  Connection& connection = *std::exchange(connection_, nullptr);
  connection.setHandler(std::move(handler));  // retires this, at the end of the turn
}

void HttpConnection::refuse(int status, std::string_view reason) {
  headOnly_ = false;
  write(handler_.refused(status, reason), AfterResponse::Close);
  finish();
}

void HttpConnection::finish() {
  finished_ = true;
  timer_.cancel();
  connection_->close(kLinger);
}

void HttpConnection::throttle() {
  if (throttled_ || connection_->unsentBytes() <= outboxBytes_ / 2) return;
  throttled_ = true;
  hold();
}

void HttpConnection::drained() {
  if (connection_ == nullptr) return;
  connection_->setOutboxLimit(outboxBytes_);
  if (!std::exchange(throttled_, false) || busy_ || finished_) return;
  release();
  watchTime();
}

void HttpConnection::hold() {
  if (!std::exchange(held_, true)) connection_->pauseReading();
}

void HttpConnection::release() {
  if (std::exchange(held_, false)) connection_->resumeReading();
}

void HttpConnection::watchTime() {
  if (busy_ || finished_) return;
  const Phase now = parser_.inBody() ? Phase::Body : (parser_.started() ? Phase::Head : Phase::Idle);
  if (now == phase_) return;  // a deadline counts from the start of its phase: a byte now and then does not move it
  phase_ = now;
  connection_->loop().arm(timer_, now == Phase::Body   ? limits_->bodyTime
                                  : now == Phase::Head ? limits_->headerTime
                                                       : limits_->idleTime);
}

void HttpConnection::timeOver() {
  if (parser_.started()) return refuse(408, "The request was not complete in time.");
  // Nothing was asked. If answers are still unsent, the peer does not read them.
  if (connection_->unsentBytes() > 0) return connection_->reset();
  finish();
}

void HttpConnection::closed(Closed) {
  if (gate_ != nullptr) gate_->shut();
  timer_.cancel();
  connection_ = nullptr;
}

}  // namespace chatd::net
