#include "store/group_committer.h"

#include <fmt/format.h>
#include <pthread.h>

#include <algorithm>
#include <type_traits>

namespace chatd::store {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr Sql<In<>> kSavepoint{"SAVEPOINT job"};
constexpr Sql<In<>> kRelease{"RELEASE SAVEPOINT job"};
constexpr Sql<In<>> kRollbackTo{"ROLLBACK TO SAVEPOINT job"};

// Between tries to reach the database or to find out what became of a batch.
constexpr milliseconds kRetryPause{50};
// Housekeeping runs when nothing waits; under steady load as often as it says itself, so that it cannot starve.
constexpr milliseconds kIdleTendEvery{30'000};
// Nothing came for so long: a checkpoint now delays nobody.
constexpr milliseconds kIdleAfter{5};
// While unhealthy: how often a write is tried even if nobody asks for one, so that readiness comes back by itself.
constexpr milliseconds kProbeEvery{1000};
// A room that others keep locked waits for its lock so long, and all such rooms together a tenth of the time: whoever holds
// the lock may be stopped, and other rooms must go on.
constexpr milliseconds kLockWait{50};
constexpr int kLockWaitShare = 10;
constexpr milliseconds kLongestPause{500};
// Jobs that meet such a lock are tried apart for so long at a time.
constexpr milliseconds kLockBudget{200};
// What a batch waits for more, of the time that the last one took.
constexpr int kGatherShare = 16;
constexpr std::chrono::microseconds kLeastGather{60};
constexpr std::chrono::microseconds kMostGather{500};
// What a connection may take however little time is left: they come in a few milliseconds.
constexpr milliseconds kLeastConnect{500};
// A part that was done lets the next be larger by so much of it.
constexpr std::size_t kPartGrowth = 8;
// What is held of what waits.
constexpr std::size_t kHeldShare = 4;

// When what began at `begun` and waited for locks may do so again.
steady_clock::time_point pauseAfter(steady_clock::time_point begun) {
  const auto now = steady_clock::now();
  return now + std::min<steady_clock::duration>(kLockWaitShare * (now - begun), kLongestPause);
}

void fail(LogItem& item, const Error& error) {
  item.isNew = false;
  if (std::holds_alternative<Append>(item.request)) {
    item.appended.emplace(error);
  } else {
    item.changed.emplace(error);
  }
}

// What the sink is told of an item, which must not be used any more.
void moveOutcome(LogItem& item, std::vector<AppendOutcome>& appends, std::vector<ChangeOutcome>& changes) {
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

// Stored, and not by an earlier send that had told the room already.
bool isNews(const LogItem& item) {
  if (item.appended) return item.appended->ok() && !(*item.appended)->duplicate;
  return item.changed->ok() && (*item.changed)->changed;
}

}  // namespace

GroupCommitter::GroupCommitter(const CommitQueue::Limits& limits, std::chrono::milliseconds timeout, Dialect& dialect,
                               ConnectionPool& writer, Housekeeping& housekeeping, FaultReport& report)
    : timeout_(timeout),
      dialect_(dialect),
      writer_(writer),
      housekeeping_(housekeeping),
      report_(report),
      queue_(limits),
      batchRows_(limits.batchRows),
      partRows_(limits.batchRows),
      held_(std::max(limits.batchRows, limits.items / kHeldShare)) {}

GroupCommitter::~GroupCommitter() { stop(); }

void GroupCommitter::start() {
  thread_ = std::thread([this] { loop(); });
  pthread_setname_np(thread_.native_handle(), "commit");
}

void GroupCommitter::startDown(const std::string& what) {
  report_.say("the database cannot be reached; serving without it until it can, trying every second: " + what);
  {
    LockGuard g(faultMutex_);
    fault_ = what;
  }
  downSince_ = steady_clock::now();
  healthy_.store(false, std::memory_order_relaxed);
  start();
}

void GroupCommitter::stop() {
  close();
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

void GroupCommitter::doubt() {
  if (!healthy()) return;
  const auto now = steady_clock::now();
  std::int64_t again = doubtAgainAt_.load(std::memory_order_relaxed);
  if (now.time_since_epoch().count() < again) return;
  // One of those that come together is enough.
  if (doubtAgainAt_.compare_exchange_strong(again, (now + kProbeEvery).time_since_epoch().count())) queue_.wake();
}

std::string GroupCommitter::fault() const {
  LockGuard g(faultMutex_);
  return fault_;
}

GroupCommitter::Time GroupCommitter::wakeAt() const {
  const auto now = steady_clock::now();
  auto at = now + kIdleTendEvery;
  if (!healthy()) {
    at = now + kProbeEvery;
  } else if (held_.empty() && parked_.empty()) {
    if (housekeeping_.more()) return now;
    if (wantsIdle_) return now + kIdleAfter;
  }
  if (!held_.empty()) at = std::min(at, held_.due(waitAgainAt_));
  for (const Parked& parked : parked_) at = std::min(at, std::max(parked.due, parkedAgainAt_));
  return at;
}

void GroupCommitter::loop() {
  Batch batch;
  for (;;) {
    batch.clear();
    const auto until = wakeAt();
    const bool open = queue_.take(batch, until, gather_);
    if (!open) {
      // What is held has until its senders' time is over; what nobody waits for any more ends here.
      giveUp(steady_clock::now(), true);
      if (held_.empty() && parked_.empty()) return;
      std::this_thread::sleep_until(std::min(until, steady_clock::now() + kRetryPause));
    }
    const auto now = steady_clock::now();
    giveUp(now, false);
    commitStarved(now);
    retryParked(now);
    admit(batch, now);
    if (batch.empty()) {
      if (open && held_.empty() && parked_.empty()) tend(true);
      continue;
    }
    const std::size_t rows = batch.items.size();
    const auto begun = steady_clock::now();
    commitInParts(batch.jobs, batch.items);
    paceAfter(begun, rows);
    tend(housekeeping_.more() && steady_clock::now() >= tendAt_);
  }
}

// Senders that wait for each other's turn fall into two halves, each of which waits for the commit of the other: twice the
// commits for the same messages. A sixteenth of a commit's time brings them together; where commits are fast it is not worth
// a sleep, and a single sender is never kept waiting.
void GroupCommitter::paceAfter(Time begun, std::size_t rows) {
  const auto pause = std::chrono::duration_cast<std::chrono::microseconds>((steady_clock::now() - begun) / kGatherShare);
  gather_ = {rows, pause < kLeastGather ? std::chrono::microseconds(0) : std::min(pause, kMostGather)};
}

// Puts what is due before what is new, and what is new of a held room behind what is held of it.
void GroupCommitter::admit(Batch& batch, Time now) {
  for (LogItem& item : batch.items) item.order = ++nextOrder_;
  if (held_.empty()) return;
  std::vector<LogItem> items;
  held_.take(now, batchRows_, items);
  for (LogItem& item : batch.items) {
    if (!held_.blocks(item)) {
      items.push_back(std::move(item));
    } else if (!held_.full()) {
      held_.hold(std::move(item), now);
    } else {
      fail(item, Error(Code::StoreUnavailable, "Too many messages wait for the room in the database."));
      deliver({&item, 1});
    }
  }
  batch.items = std::move(items);
}

// One that was locked too often goes alone and waits for its lock, or others could keep it out for ever.
void GroupCommitter::commitStarved(Time now) {
  if (held_.empty() || now < waitAgainAt_) return;
  std::vector<LogItem> items;
  held_.takeStarved(now, batchRows_, items);
  if (items.empty()) return;
  const RoomId room = roomOf(items.front());
  lockWait_ = kLockWait;
  commitInParts({}, items);
  lockWait_ = milliseconds(0);
  // Only what was waited for in vain has to be made good: the lock may be gone, and others wait behind this one.
  if (held_.starved(room)) waitAgainAt_ = pauseAfter(now);
}

// A batch that the database cannot write within the limit of a call would be given up and tried again without end.
void GroupCommitter::commitInParts(Jobs jobs, Items items) {
  underWay_ = items;
  if (items.size() <= partRows_) {
    commit(jobs, items);
    items = {};
  } else if (!jobs.empty()) {
    commit(jobs, {});
  }
  while (!items.empty()) {
    const std::size_t rows = std::min(items.size(), partRows_);
    commitRest(items.first(rows));
    items = items.subspan(rows);
  }
  underWay_ = {};
}

// What is behind others that may have failed: what they could not do now, nothing may pass.
void GroupCommitter::commitRest(Items items) {
  std::vector<LogItem> rest;
  for (LogItem& item : items) {
    if (held_.blocks(item)) {
      held_.hold(std::move(item), steady_clock::now());
    } else {
      rest.push_back(std::move(item));
    }
  }
  if (!rest.empty()) commit({}, rest);
}

void GroupCommitter::commit(Jobs jobs, Items items) {
  if (!jobs.empty() && !items.empty() && dialect_.batchesCommitThemselves()) {
    commit(jobs, {});
    return commit({}, items);
  }
  const std::optional<Fault> fault = attempt(jobs, items);
  if (!fault) {
    if (items.size() >= partRows_) partRows_ = std::min(batchRows_, partRows_ + partRows_ / kPartGrowth + 1);
    recovered();
    return settle(jobs, items);
  }
  switch (fault->kind) {
    case FaultKind::Constraint:
      return blame(jobs, items, *fault);
    case FaultKind::Contended:
      if (jobs.size() <= 1) return postpone(jobs, items, *fault, {});
      commitApart(jobs, *fault);
      return items.empty() ? void() : commit({}, items);
    case FaultKind::NothingStored:
    case FaultKind::Stale:
      failed(*fault);
      return postpone(jobs, items, *fault, {});
    case FaultKind::Unknown:
      failed(*fault);
      if (!items.empty()) partRows_ = std::max<std::size_t>(1, std::min(items.size(), partRows_) / 2);
      for (LogItem& item : items) item.again = true;
      return postpone(jobs, items, *fault, jobs.empty() ? std::string() : dialect_.mark());
  }
}

// One of them meets a lock of somebody else: the others go on, as long as that does not take too long.
void GroupCommitter::commitApart(Jobs jobs, const Fault& fault) {
  const auto until = steady_clock::now() + kLockBudget;
  std::size_t done = 0;
  while (done < jobs.size() && steady_clock::now() < until) commit(jobs.subspan(done++, 1), {});
  if (done < jobs.size()) postpone(jobs.subspan(done), {}, fault, {});
}

// Halves the batch until the guilty one is alone. Order within a room holds: the first half is done before the second
// begins. Jobs are not to blame, each has its savepoint; they go first as they did.
void GroupCommitter::blame(Jobs jobs, Items items, const Fault& fault) {
  if (!jobs.empty() && !items.empty()) {
    commit(jobs, {});
    return commit({}, items);
  }
  if (items.size() > 1) {
    const std::size_t half = items.size() / 2;
    commit({}, items.first(half));
    return commitRest(items.subspan(half));
  }
  report_.say("a row was refused: " + fault.text);
  refuse(jobs, items, Error(Code::Invalid, "The database refuses it."));
}

// Nothing is called "not stored" that may have been: it is tried again until that is known. Of the rest, what the database
// refused is refused; what could not reach it waits for it, at the beginning of an outage; after that, it is refused at
// once.
void GroupCommitter::postpone(Jobs jobs, Items items, const Fault& fault, const std::string& mark) {
  const auto now = steady_clock::now();
  const bool longAway = downSince_ != Time{} && now - downSince_ > timeout_;
  const bool wait = fault.kind == FaultKind::Contended || (fault.kind != FaultKind::NothingStored && !longAway);
  const bool unknown = fault.kind == FaultKind::Unknown;
  const Time due = now + kRetryPause;
  std::vector<RoomId> rooms;
  for (LogItem& item : items) {
    if (!item.again && (!wait || held_.full())) {
      fail(item, Code::StoreUnavailable);
      deliver({&item, 1});
      continue;
    }
    if (rooms.empty() || rooms.back() != roomOf(item)) rooms.push_back(roomOf(item));
    held_.hold(std::move(item), due);
  }
  if (fault.kind == FaultKind::Contended) {
    for (const RoomId room : rooms) held_.locked(room, now);
  }
  if (jobs.empty()) return;
  if (!unknown && !wait) return refuse(jobs, {}, Code::StoreUnavailable);
  Parked parked{{}, due, mark, unknown};
  for (auto& job : jobs) {
    if (!unknown) job->postponed();
    parked.jobs.push_back(std::move(job));
  }
  parked_.push_back(std::move(parked));
}

void GroupCommitter::retryParked(Time now) {
  if (parked_.empty() || now < parkedAgainAt_) return;
  std::vector<Parked> due;
  std::erase_if(parked_, [&](Parked& parked) {
    if (parked.due > now) return false;
    due.push_back(std::move(parked));
    return true;
  });
  for (Parked& parked : due) {
    if (steady_clock::now() > now + kLockBudget) {
      parked_.push_back(std::move(parked));
    } else if (parked.mark.empty()) {
      commit(parked.jobs, {});
    } else if (const auto known = committed(parked.mark); !known) {
      parked.due = steady_clock::now() + kRetryPause;
      parked_.push_back(std::move(parked));
    } else if (*known) {
      settle(parked.jobs, {});
    } else {
      commit(parked.jobs, {});
    }
  }
  parkedAgainAt_ = pauseAfter(now);
}

std::optional<bool> GroupCommitter::committed(const std::string& mark) {
  auto lease = writer_.acquire(answerBy({}));
  if (!lease) return std::nullopt;
  try {
    return dialect_.committed(lease->connection(), mark);
  } catch (const std::exception& e) {
    tended(*lease, e);
    return std::nullopt;
  }
}

// Those whose time is over are told so. What may have been stored stays, until that is known; `closing`: it ends too.
void GroupCommitter::giveUp(Time now, bool closing) {
  if (!held_.empty()) {
    held_.removeIf([&](LogItem& item) {
      if (item.told) return closing;
      if (item.queuedAt + timeout_ > now) return false;
      if (!item.again) {
        fail(item, Code::StoreUnavailable);
        deliver({&item, 1});
        return true;
      }
      LogItem answer = item;
      fail(answer, Code::OutcomeUnknown);
      deliver({&answer, 1});
      item.told = true;
      return closing;
    });
  }
  std::erase_if(parked_, [&](Parked& parked) {
    // All of them have waited as long, to within the time of a batch.
    if (parked.jobs.front()->until() > now) return false;
    refuse(parked.jobs, {}, parked.unknown ? Code::OutcomeUnknown : Code::StoreUnavailable);
    return true;
  });
}

// During an outage somebody's time may be over before that of a call: who waits is then told, and the connection, if it is
// as slow as that, comes another time.
GroupCommitter::Time GroupCommitter::answerBy(Jobs jobs) const {
  const auto now = steady_clock::now();
  Time by = now + timeout_;
  if (healthy()) return by;
  if (const auto since = sinceOf(underWay_)) by = std::min(by, *since + timeout_);
  if (const auto since = held_.since()) by = std::min(by, *since + timeout_);
  for (const Parked& parked : parked_) by = std::min(by, parked.jobs.front()->until());
  for (const auto& job : jobs) by = std::min(by, job->until());
  return std::max(by, now + std::min(kLeastConnect, timeout_ / 4));
}

std::optional<Fault> GroupCommitter::attempt(Jobs jobs, Items items) {
  auto lease = writer_.acquire(answerBy(jobs));
  if (!lease) return Fault{FaultKind::NothingStored, "the connection is in use"};
  const bool alone = jobs.empty() && dialect_.batchesCommitThemselves();
  bool committing = alone;
  try {
    Connection& connection = lease->connection();
    if (!alone) dialect_.begin(connection);
    for (auto& job : jobs) runJob(connection, *job);
    if (!items.empty()) connection.batchWriter().write(items, lockWait_);
    committing = true;
    if (!alone) dialect_.commit(connection);
    connection.batchWriter().committed();
  } catch (const std::exception& e) {
    if (!lease->connected()) return Fault{FaultKind::Stale, dialect_.wordsOf(e)};
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
  for (const bool last : {false, true}) {
    try {
      if (!job.run(connection)) connection.run(kRollbackTo);
      break;
    } catch (const std::exception& e) {
      const Fault fault = dialect_.judge(connection, e, false);
      if (fault.kind != FaultKind::Constraint) throw;
      connection.run(kRollbackTo);
      // Another daemon was quicker: now the job finds what is there, and gives the answer that belongs to it.
      if (last) job.fail(Code::AlreadyExists);
    }
  }
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
  const bool skipped = std::any_of(items.begin(), items.end(), [](const LogItem& item) { return item.skipped; });
  if (!skipped && held_.quiet()) return deliver(items);
  const auto now = steady_clock::now();
  std::vector<LogItem> done;
  std::vector<RoomId> locked;
  for (LogItem& item : items) {
    const RoomId room = roomOf(item);
    if (!item.skipped) {
      held_.free(room);
      done.push_back(std::move(item));
      continue;
    }
    locked.push_back(room);
    held_.hold(std::move(item), now);
  }
  std::sort(locked.begin(), locked.end());
  locked.erase(std::unique(locked.begin(), locked.end()), locked.end());
  for (const RoomId room : locked) held_.locked(room, now);
  deliver(done);
}

// Hands the answers over. The items must not be used any more.
void GroupCommitter::deliver(Items items) {
  std::vector<AppendOutcome> appends;
  std::vector<ChangeOutcome> changes;
  std::vector<AppendOutcome> lateAppends;
  std::vector<ChangeOutcome> lateChanges;
  appends.reserve(items.size());
  for (LogItem& item : items) {
    if (!item.told) {
      moveOutcome(item, appends, changes);
    } else if (isNews(item)) {
      moveOutcome(item, lateAppends, lateChanges);
    }
  }
  if (sink_ == nullptr) return;
  if (!lateAppends.empty() || !lateChanges.empty()) sink_->late(std::move(lateAppends), std::move(lateChanges));
  if (!appends.empty() || !changes.empty()) sink_->committed(std::move(appends), std::move(changes));
}

void GroupCommitter::refuse(Jobs jobs, Items items, const Error& error) {
  for (auto& job : jobs) job->fail(error);
  for (LogItem& item : items) fail(item, error);
  for (auto& job : jobs) job->settle();
  deliver(items);
}

// What the dialect has to do between transactions, and with time to spare one small step of housekeeping.
void GroupCommitter::tend(bool housekeeping) {
  auto lease = writer_.acquire(answerBy({}));
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
  if (!lease.connected()) return failed({FaultKind::Stale, dialect_.wordsOf(e)});
  Fault fault = dialect_.judge(lease.connection(), e, false);
  undo(lease, fault);
  if (fault.kind != FaultKind::Contended) failed(fault);
}

void GroupCommitter::failed(const Fault& fault) {
  report_.say("a write failed: " + fault.text);
  if (downSince_ == Time{}) downSince_ = steady_clock::now();
  LockGuard g(faultMutex_);
  fault_ = fault.text;
  healthy_.store(false, std::memory_order_relaxed);
}

void GroupCommitter::recovered() {
  if (healthy_.load(std::memory_order_relaxed)) return;
  const auto outage = std::chrono::duration_cast<milliseconds>(steady_clock::now() - downSince_);
  downSince_ = {};
  {
    LockGuard g(faultMutex_);
    fault_.clear();
    healthy_.store(true, std::memory_order_relaxed);
  }
  report_.over(fmt::format("the database takes writes again, after {} ms", outage.count()));
}

}  // namespace chatd::store
