// EngineServer: an Engine.IO server for one path: handshakes, the table of sessions, and the way of each request to the loop
// on which its session lives. Owned by the composition root; outlives the server's loops, and is destroyed before what its
// handlers use. Thread: any, unless said otherwise.
//
// A session lives on one loop, named in its sid. Requests that come on connections of other loops are posted there; their
// answers go back by themselves. The WebSocket of an upgrade moves to the session's loop, so that from then on nothing hops.
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "engine/engine_options.h"
#include "engine/engine_session.h"
#include "engine/exchange.h"
#include "engine/loops.h"
#include "net/http.h"

namespace chatd::engine {

class EngineServer {
 public:
  /// Makes who speaks through a new session; an error is the answer to the handshake. Thread: the connection's loop.
  using Open = std::function<Result<std::unique_ptr<TransportHandler>>(const net::HttpRequest& handshake)>;

  EngineServer(Loops& loops, const EngineOptions& options, Open open);
  ~EngineServer();
  EngineServer(const EngineServer&) = delete;
  EngineServer& operator=(const EngineServer&) = delete;

  /// Every request of the path. Thread: the connection's loop.
  void handle(net::HttpRequest&& request, net::HttpResponder responder);

  /// For sessions that begin from now on.
  void setOptions(const EngineOptions& options);
  /// Sessions that exist, closing ones included.
  [[nodiscard]] std::size_t sessions() const { return sessions_.load(std::memory_order_relaxed); }

  // For sessions and links. Thread: the session's loop.

  [[nodiscard]] Loops& loops() { return loops_; }
  /// A new session of this loop, in its table.
  [[nodiscard]] std::shared_ptr<EngineSession> make(EngineSetup setup);
  /// One of this loop; nullptr: unknown.
  [[nodiscard]] std::shared_ptr<EngineSession> find(std::string_view sid);
  /// Its turnEnd() is called at the end of this turn.
  void atTurnEnd(std::shared_ptr<EngineSession> session);
  void nextTurn(std::size_t loop, Task task);
  /// Takes it out of the table. It is destroyed later, when none of its calls is on the stack.
  void forget(EngineSession& session);
  void sessionMade() { sessions_.fetch_add(1, std::memory_order_relaxed); }
  void sessionDestroyed() { sessions_.fetch_sub(1, std::memory_order_relaxed); }

 private:
  struct Arrival;
  struct Table {
    std::unordered_map<std::string_view, std::shared_ptr<EngineSession>> sessions;  ///< by their own sid
    std::vector<std::shared_ptr<EngineSession>> atTurnEnd;
    std::vector<std::shared_ptr<EngineSession>> forgotten;
  };

  [[nodiscard]] std::shared_ptr<const EngineOptions> options();
  void handshake(const net::HttpRequest& request, const std::shared_ptr<const EngineOptions>& options, bool websocket,
                 Exchange exchange);
  void continueSession(net::HttpRequest&& request, std::string sid, bool websocket, Exchange exchange);
  void route(std::shared_ptr<Arrival> arrival);
  void arrive(const std::shared_ptr<Arrival>& arrival);
  void arriveOnPolling(EngineSession& session, Arrival& arrival);
  void upgrade(EngineSession& session, Arrival& arrival);
  [[nodiscard]] Table& table();
  [[nodiscard]] std::size_t loopOf(std::string_view sid) const;

  Loops& loops_;
  const Open open_;
  Mutex mutex_;
  std::shared_ptr<const EngineOptions> options_ CHATD_GUARDED_BY(mutex_);
  std::atomic<std::size_t> sessions_{0};
  std::atomic<std::uint64_t> polls_{0};
  std::vector<std::unique_ptr<Table>> tables_;  ///< by loop; each touched by that loop alone
};

}  // namespace chatd::engine
