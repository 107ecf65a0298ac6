// GroupCommitter: a thread that writes. It takes what waits and commits it as one transaction: the longer a commit takes,
// the more the next one holds. Where commits are slow it gives the senders of the last one a moment (paceAfter). There may
// be several, each with rooms of its own. Owned by Store.
//
// What a failure means for the batch is the dialect's judgement: a row to blame is found by halving; a database that is
// sure to have stored nothing answers StoreUnavailable; an unknown outcome is found out by running the same again,
// unchanged, until it is known: its senders are told OutcomeUnknown when their time is over, and nothing in its rooms passes
// it meanwhile. So is what another process' lock keeps out, and for a moment a database that is away. What did not get done
// in time is tried in smaller and smaller parts, so that some part of it will be.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <thread>

#include "base/clock.h"
#include "base/mutex.h"
#include "chat/message_log.h"
#include "store/commit_queue.h"
#include "store/connection_pool.h"
#include "store/dialect.h"
#include "store/held_rooms.h"
#include "store/housekeeping.h"
#include "store/write_job.h"

namespace chatd::store {

class GroupCommitter {
 public:
  GroupCommitter(const CommitQueue::Limits& limits, std::chrono::milliseconds timeout, Dialect& dialect,
                 ConnectionPool& writer, Housekeeping& housekeeping, FaultReport& report);
  ~GroupCommitter();

  void setSink(LogSink* sink) { sink_ = sink; }
  void start();
  /// The same when the database could not be reached yet: not healthy, and tried every second. `what`: for the
  /// administrator.
  void startDown(const std::string& what);
  /// Takes no more, and ends once what is queued is committed.
  void close() { queue_.close(); }
  /// The same, and waits for the end of the thread.
  void stop();

  /// Thread: any.
  /// The commit may wait for kick(), or for the one under way.
  [[nodiscard]] Offer stage(Append&& append);
  void kick() { queue_.kick(); }
  [[nodiscard]] Offer change(Change&& change);

  /// Runs `body(Connection&)`, which answers a Result<T>, in a transaction of the commit thread, under a savepoint: if it
  /// answers an error, nothing of it is stored. `body` may run more than once. `app`: whose turn it takes; 0: nobody's.
  /// Errors besides its own: Busy (queue full), Restarting, StoreUnavailable, OutcomeUnknown. Thread: any but the commit
  /// thread; blocks.
  template <class T, class F>
  Result<T> write(AppId app, F body) {
    auto state = std::make_shared<JobState<T>>();
    const auto until = std::chrono::steady_clock::now() + timeout_;
    switch (queue_.push(app, std::unique_ptr<WriteJob>(std::make_unique<TypedJob<T>>(std::move(body), state, until)))) {
      case Offer::Taken:
        return state->wait(until);
      case Offer::Full:
        return Error(Code::Busy, "Too many writes wait for the database.");
      case Offer::Closing:
        return Error(Code::Restarting);
    }
    return Error(Code::Internal);
  }

  /// A read failed: the commit thread looks whether the database is there, at most once a second. Thread: any.
  void doubt();

  [[nodiscard]] bool healthy() const { return healthy_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::string fault() const;
  [[nodiscard]] std::uint64_t batches() const { return batches_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t rows() const { return rows_.load(std::memory_order_relaxed); }

 private:
  using Time = std::chrono::steady_clock::time_point;
  using Jobs = std::span<std::unique_ptr<WriteJob>>;
  using Items = std::span<LogItem>;
  /// Jobs that wait for another try.
  struct Parked {
    std::vector<std::unique_ptr<WriteJob>> jobs;
    Time due{};
    std::string mark;      ///< of their transaction, if it is to be asked for (Dialect::mark)
    bool unknown = false;  ///< they may be stored
  };

  void loop();
  [[nodiscard]] Time wakeAt() const;
  void admit(Batch& batch, Time now);
  void paceAfter(Time begun, std::size_t rows);
  void commitStarved(Time now);
  void commitInParts(Jobs jobs, Items items);
  void commitRest(Items items);
  /// When the first of those who wait, these among them, must have their answer.
  [[nodiscard]] Time answerBy(Jobs jobs) const;
  void commit(Jobs jobs, Items items);
  /// One transaction. Nothing: it is committed and `jobs` and `items` hold their answers.
  std::optional<Fault> attempt(Jobs jobs, Items items);
  void runJob(Connection& connection, WriteJob& job);
  void undo(ConnectionPool::Lease& lease, Fault& fault);
  void blame(Jobs jobs, Items items, const Fault& fault);
  void commitApart(Jobs jobs, const Fault& fault);
  void postpone(Jobs jobs, Items items, const Fault& fault, const std::string& mark);
  void settle(Jobs jobs, Items items);
  void refuse(Jobs jobs, Items items, const Error& error);
  void deliver(Items items);

  void retryParked(Time now);
  [[nodiscard]] std::optional<bool> committed(const std::string& mark);
  void giveUp(Time now, bool closing);
  void tend(bool housekeeping);
  void tended(ConnectionPool::Lease& lease, const std::exception& e);
  void failed(const Fault& fault);
  void recovered();

  const std::chrono::milliseconds timeout_;
  Dialect& dialect_;
  ConnectionPool& writer_;
  Housekeeping& housekeeping_;
  FaultReport& report_;
  CommitQueue queue_;
  LogSink* sink_ = nullptr;
  std::thread thread_;

  // Commit thread only.
  const std::size_t batchRows_;
  std::size_t partRows_;  // of batchRows_, while the database is too slow for more at once
  HeldRooms held_;
  std::vector<Parked> parked_;
  std::uint64_t nextOrder_ = 0;
  Items underWay_;                         // the batch that is being written, whole
  std::chrono::milliseconds lockWait_{0};  // of the batch that is being written
  Time waitAgainAt_{};                     // the next room may wait for its lock
  Time parkedAgainAt_{};                   // parked jobs may be tried
  Time downSince_{};                       // of the outage, while there is one
  Time tendAt_{};
  bool wantsIdle_ = false;
  CommitQueue::Gather gather_;  // before the next batch

  std::atomic<bool> healthy_{true};
  std::atomic<std::int64_t> doubtAgainAt_{0};  // ticks of the steady clock
  std::atomic<std::uint64_t> batches_{0};
  std::atomic<std::uint64_t> rows_{0};
  mutable Mutex faultMutex_;
  std::string fault_ CHATD_GUARDED_BY(faultMutex_);
};

}  // namespace chatd::store
