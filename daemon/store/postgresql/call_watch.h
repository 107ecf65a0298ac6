// CallWatch: ends calls on PostgreSQL connections that take too long, by shutting their sockets down: the blocked call then
// returns with an error of its own, on its own thread, and the connection is of no use any more.
// Why so: libpq's blocking calls have no timeout; a server that was stopped (SIGSTOP, a hung disk, a dead route) keeps its
// TCP connection alive in the kernel. Owned by PostgresqlDialect. Threads: one of its own; lines belong to their
// connections.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <thread>

#include "store/call_limit.h"

namespace chatd::store {

class CallWatch {
 public:
  /// Calls may take `limit`, and are ended at most an eighth of it later.
  explicit CallWatch(std::chrono::milliseconds limit);
  ~CallWatch();
  CallWatch(const CallWatch&) = delete;
  CallWatch& operator=(const CallWatch&) = delete;

  /// Watches a connection's socket until the answer is destroyed, or the watch. Thread: any.
  [[nodiscard]] std::unique_ptr<CallLimit> watch(int socket);

  /// While `on`, calls of one of watch()'s answers are not ended: migrations.
  static void unlimited(CallLimit& line, bool on);

 private:
  struct Shared;
  class Line;
  static void loop(Shared& shared, std::chrono::milliseconds limit);

  const std::shared_ptr<Shared> shared_;
  std::thread thread_;
};

}  // namespace chatd::store
