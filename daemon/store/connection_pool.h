// ConnectionPool: a few connections that take turns, each made when first needed. A pool of one is how the writing
// connection is kept, and how a database in memory shares it with its readers. Owned by Store. Thread: any.
#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "store/connection.h"
#include "store/dialect.h"
#include "store/fault_report.h"

namespace chatd::store {

inline constexpr Sql<In<>> kBeginRead{"BEGIN"};
inline constexpr Sql<In<>> kEndRead{"COMMIT"};

class ConnectionPool {
 public:
  using Time = std::chrono::steady_clock::time_point;
  /// `until`: as Dialect::connectWriter.
  using Connect = std::function<std::unique_ptr<Connection>(Time until)>;

  ConnectionPool(std::size_t size, Connect connect) : connect_(std::move(connect)), free_(size) {}

  /// A connection until it is destroyed.
  class Lease {
   public:
    Lease(ConnectionPool& pool, std::unique_ptr<Connection> connection, Time until)
        : pool_(&pool), connection_(std::move(connection)), until_(until) {}
    Lease(Lease&& other) noexcept
        : pool_(std::exchange(other.pool_, nullptr)), connection_(std::move(other.connection_)), until_(other.until_) {}
    Lease& operator=(Lease&&) = delete;
    Lease(const Lease&) = delete;
    Lease& operator=(const Lease&) = delete;
    ~Lease() {
      if (pool_ != nullptr) pool_->giveBack(std::move(connection_));
    }
    [[nodiscard]] bool connected() const { return connection_ != nullptr; }
    /// Connects if it is not. Throws what the driver throws.
    Connection& connection() {
      if (!connection_) connection_ = pool_->connect_(until_);
      return *connection_;
    }
    /// The next to have this place connects anew.
    void discard() { connection_.reset(); }

   private:
    ConnectionPool* pool_;
    std::unique_ptr<Connection> connection_;
    Time until_;
  };

  /// Waits for a place. Nothing: none came free until then. What is left of the time is for connecting, if it has to be.
  [[nodiscard]] std::optional<Lease> acquire(Time until);

  /// Fills a place with a connection that is there already.
  void seed(std::unique_ptr<Connection> connection);

  /// Closes the connections that are free; at stop, when all are.
  void close();

 private:
  void giveBack(std::unique_ptr<Connection> connection);

  Connect connect_;
  Mutex mutex_;
  Condition freed_;
  std::vector<std::unique_ptr<Connection>> free_ CHATD_GUARDED_BY(mutex_);  // null: a place that is not connected
};

/// Runs reads on a pool: waits for a connection at most `timeout`, makes an exception an Error, and runs the read once
/// more on a new connection if the first had gone stale. Thread: any; blocks.
class Readers {
 public:
  /// `failed`: told of each read that the database did not answer; any thread.
  Readers(ConnectionPool& pool, const Dialect& dialect, FaultReport& report, std::chrono::milliseconds timeout,
          std::function<void()> failed)
      : pool_(pool), dialect_(dialect), report_(report), timeout_(timeout), failed_(std::move(failed)) {}

  /// `read(Connection&)` answers a Result<T>.
  template <class F>
  auto read(F&& read) -> std::invoke_result_t<F&, Connection&> {
    const auto until = std::chrono::steady_clock::now() + timeout_;
    auto lease = pool_.acquire(until);
    if (!lease) return Error(Code::Busy, "No database connection came free in time.");
    for (;;) {
      const bool wasOpen = lease->connected();
      try {
        Connection& connection = lease->connection();
        auto result = read(connection);
        statements_.fetch_add(connection.takeRuns(), std::memory_order_relaxed);
        return result;
      } catch (const std::exception& e) {
        const Fault fault = judge(*lease, e);
        lease->discard();
        // On a new one: others of the pool have gone stale with it.
        if (fault.kind == FaultKind::Stale && wasOpen && std::chrono::steady_clock::now() < until) continue;
        report_.say("a read failed: " + fault.text);
        failed_();
        return Code::StoreUnavailable;
      }
    }
  }

  /// The same inside one read transaction: every statement sees one snapshot.
  template <class F>
  auto snapshot(F&& read) -> std::invoke_result_t<F&, Connection&> {
    return this->read([&](Connection& c) {
      c.run(kBeginRead);
      auto result = read(c);
      c.run(kEndRead);  // an exception above discards the connection, and the transaction with it
      return result;
    });
  }

  /// Statements that were run for readers, since start. Thread: any.
  [[nodiscard]] std::uint64_t statements() const { return statements_.load(std::memory_order_relaxed); }

 private:
  [[nodiscard]] Fault judge(ConnectionPool::Lease& lease, const std::exception& e) const;

  ConnectionPool& pool_;
  const Dialect& dialect_;
  FaultReport& report_;
  const std::chrono::milliseconds timeout_;
  const std::function<void()> failed_;
  std::atomic<std::uint64_t> statements_{0};
};

}  // namespace chatd::store
