#include "store/group_committer.h"

#include <pthread.h>

#include <algorithm>
#include <type_traits>

namespace chatd::store {

namespace {

using std::chrono::steady_clock;

constexpr Sql<In<>> kSavepoint{"SAVEPOINT job"};
constexpr Sql<In<>> kRelease{"RELEASE SAVEPOINT job"};
constexpr Sql<In<>> kRollbackTo{"ROLLBACK TO SAVEPOINT job"};

// Between attempts to find out what became of a batch.
constexpr std::chrono::milliseconds kRetryPause{50};
// Housekeeping runs when nothing waits; under steady load as often as it says itself, so that it cannot starve.
constexpr std::chrono::milliseconds kIdleTendEvery{30'000};
// Nothing came for so long: a checkpoint now delays nobody.
constexpr std::chrono::milliseconds kIdleAfter{5};
// While unhealthy: how often a write is tried even if nobody asks for one, so that readiness comes back by itself.
constexpr std::chrono::milliseconds kProbeEvery{1000};

}  // namespace

GroupCommitter::GroupCommitter(const CommitQueue::Limits& limits, std::chrono::milliseconds timeout, Dialect& dialect,
                               ConnectionPool& writer, Housekeeping& housekeeping, FaultReport& report)
    : timeout_(timeout), dialect_(dialect), writer_(writer), housekeeping_(housekeeping), report_(report), queue_(limits) {}

GroupCommitter::~GroupCommitter() { stop(); }

void GroupCommitter::start() {
  thread_ = std::thread([this] { loop(); });
  pthread_setname_np(thread_.native_handle(), "commit");
}

void GroupCommitter::stop() {
  queue_.close();
  if (thread_.joinable()) thread_.join();
}

Offer GroupCommitter::stage(Append&& append) {
  const AppId app = append.app;
  return queue_.stage(app, Work(std::move(append)));
}

Offer GroupCommitter::change(Change&& change) {
  const AppId app = change.app;
  return queue_.push(app, Work(std::move(change)));
}

std::string GroupCommitter::fault() const {
  LockGuard g(faultMutex_);
  return fault_;
}

void GroupCommitter::loop() {
  Batch batch;
  for (;;) {
    const auto now = steady_clock::now();
    auto until = now + kIdleTendEvery;
    if (!healthy()) {
      until = now + kProbeEvery;
    } else if (housekeeping_.more()) {
      until = now;
    } else if (wantsIdle_) {
      until = now + kIdleAfter;
    }
    batch.clear();
    if (!queue_.take(batch, until)) return;
    if (batch.empty()) {
      tend(true);
      continue;
    }
    commit(batch.jobs, batch.items);
    if (housekeeping_.more() && steady_clock::now() >= tendAt_) {
      tend(true);
    } else {
      tend(false);
    }
  }
}

void GroupCommitter::commit(Jobs jobs, Items items) {
  const auto deadline = steady_clock::now() + timeout_;
  bool unknown = false;
  for (;;) {
    std::optional<Fault> fault = attempt(jobs, items);
    if (!fault) {
      recovered();
      settle(jobs, items);
      return;
    }
    if (fault->kind == FaultKind::Constraint) {
      // Order within a room holds: the first half is done before the second begins. Jobs are not to blame, each has its
      // savepoint; they go first as they did.
      if (!jobs.empty() && !items.empty()) {
        commit(jobs, {});
        return commit({}, items);
      }
      if (items.size() > 1) {
        const std::size_t half = items.size() / 2;
        commit({}, items.first(half));
        return commit({}, items.subspan(half));
      }
      report_.say("a row was refused: " + fault->text);
      return refuse(jobs, items, Error(Code::Invalid, "The database refuses it."));
    }
    failed(*fault);
    // Once an outcome was unknown, only an answer from the database ends it, or the deadline.
    unknown = unknown || fault->kind == FaultKind::Unknown;
    const bool again = unknown || fault->kind == FaultKind::Stale;
    if (!again) return refuse(jobs, items, Code::StoreUnavailable);
    if (steady_clock::now() + kRetryPause >= deadline) {
      return refuse(jobs, items, unknown ? Code::OutcomeUnknown : Code::StoreUnavailable);
    }
    std::this_thread::sleep_for(kRetryPause);
  }
}

std::optional<Fault> GroupCommitter::attempt(Jobs jobs, Items items) {
  auto lease = writer_.acquire(steady_clock::now() + timeout_);
  if (!lease) return Fault{FaultKind::NothingStored, "the connection is in use"};
  bool committing = false;
  try {
    Connection& connection = lease->connection();
    dialect_.begin(connection);
    for (auto& job : jobs) runJob(connection, *job);
    if (!items.empty()) connection.batchWriter().write(items);
    committing = true;
    dialect_.commit(connection);
    connection.batchWriter().committed();
  } catch (const std::exception& e) {
    if (!lease->connected()) return Fault{FaultKind::NothingStored, e.what()};
    Fault fault = dialect_.judge(lease->connection(), e, committing);
    undo(*lease, fault);
    return fault;
  }
  batches_.fetch_add(1, std::memory_order_relaxed);
  rows_.fetch_add(jobs.size() + items.size(), std::memory_order_relaxed);
  return std::nullopt;
}

void GroupCommitter::runJob(Connection& connection, WriteJob& job) {
  if (!job.begin()) return job.fail(Error(Code::StoreUnavailable));
  connection.run(kSavepoint);
  bool keep = false;
  try {
    keep = job.run(connection);
  } catch (const std::exception& e) {
    const Fault fault = dialect_.judge(connection, e, false);
    if (fault.kind != FaultKind::Constraint) throw;
    job.fail(Code::AlreadyExists);
  }
  if (!keep) connection.run(kRollbackTo);
  connection.run(kRelease);
}

void GroupCommitter::undo(ConnectionPool::Lease& lease, Fault& fault) {
  try {
    lease.connection().batchWriter().rolledBack();
    dialect_.rollback(lease.connection());
    if (fault.kind == FaultKind::Stale) lease.discard();
  } catch (const std::exception& e) {
    // The connection goes, and the database undoes what was open on it.
    fault.text += std::string("; rolling back: ") + e.what();
    lease.discard();
  }
}

void GroupCommitter::settle(Jobs jobs, Items items) {
  for (auto& job : jobs) job->settle();
  if (items.empty()) return;
  std::vector<AppendOutcome> appends;
  std::vector<ChangeOutcome> changes;
  appends.reserve(items.size());
  for (LogItem& item : items) {
    if (auto* append = std::get_if<Append>(&item.request)) {
      if (item.isNew) {
        Message& message = (*item.appended)->message;
        message.text = std::move(append->text);
        message.clientMsgId = std::move(append->clientMsgId);
        message.metadata = std::move(append->metadata);
      }
      appends.push_back({std::move(*append), std::move(*item.appended)});
    } else {
      changes.push_back({std::move(*std::get_if<Change>(&item.request)), std::move(*item.changed)});
    }
  }
  if (sink_ != nullptr) sink_->committed(std::move(appends), std::move(changes));
}

void GroupCommitter::refuse(Jobs jobs, Items items, const Error& error) {
  for (auto& job : jobs) job->fail(error);
  for (LogItem& item : items) {
    item.isNew = false;
    if (std::holds_alternative<Append>(item.request)) {
      item.appended.emplace(error);
    } else {
      item.changed.emplace(error);
    }
  }
  settle(jobs, items);
}

// What the dialect has to do between transactions, and with time to spare one small step of housekeeping.
void GroupCommitter::tend(bool housekeeping) {
  auto lease = writer_.acquire(steady_clock::now() + timeout_);
  if (!lease) return;
  try {
    Connection& connection = lease->connection();
    if (housekeeping) {
      dialect_.begin(connection);
      housekeeping_.step(connection, !healthy());
      dialect_.commit(connection);
      recovered();
      tendAt_ = steady_clock::now() + housekeeping_.pause();
      if (const auto trimmed = housekeeping_.takeTrimmed(); !trimmed.empty() && sink_ != nullptr) sink_->trimmed(trimmed);
    }
    wantsIdle_ = dialect_.tend(connection, housekeeping);
  } catch (const std::exception& e) {
    tended(*lease, e);
  }
}

void GroupCommitter::tended(ConnectionPool::Lease& lease, const std::exception& e) {
  housekeeping_.rolledBack();
  // Not at once again: the database is not well, and the sends that wait come first.
  tendAt_ = steady_clock::now() + housekeeping_.pause();
  if (!lease.connected()) return failed({FaultKind::NothingStored, e.what()});
  Fault fault = dialect_.judge(lease.connection(), e, false);
  undo(lease, fault);
  failed(fault);
}

void GroupCommitter::failed(const Fault& fault) {
  report_.say("a write failed: " + fault.text);
  LockGuard g(faultMutex_);
  fault_ = fault.text;
  healthy_.store(false, std::memory_order_relaxed);
}

void GroupCommitter::recovered() {
  if (healthy_.load(std::memory_order_relaxed)) return;
  LockGuard g(faultMutex_);
  fault_.clear();
  healthy_.store(true, std::memory_order_relaxed);
}

}  // namespace chatd::store
