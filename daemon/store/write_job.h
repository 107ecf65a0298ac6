// WriteJob: a write of the Directory or of Credentials, run on the commit thread inside the batch's transaction under a
// savepoint of its own, while the caller waits with a deadline.
// Owned by the CommitQueue, then by the batch. The state is shared with the waiting caller.
#pragma once

#include <chrono>
#include <memory>
#include <optional>

#include "base/mutex.h"
#include "base/result.h"
#include "base/task.h"

namespace chatd::store {

class Connection;

class WriteJob {
 public:
  virtual ~WriteJob() = default;
  explicit WriteJob(std::chrono::steady_clock::time_point u) : until_(u) {}
  /// When the caller stops waiting.
  [[nodiscard]] std::chrono::steady_clock::time_point until() const { return until_; }
  /// False: the caller has given up before it began; nothing may be written.
  [[nodiscard]] virtual bool begin() = 0;
  /// Nothing of it is stored, and it will run again: who gives up now is told so.
  virtual void postponed() = 0;
  /// Runs the body. False: it answered an error, undo what it wrote. May run again after a rollback. Throws.
  [[nodiscard]] virtual bool run(Connection& connection) = 0;
  /// Sets the answer to an error.
  virtual void fail(const Error& error) = 0;
  /// Hands the answer to the caller: after the commit, or when nothing was stored.
  virtual void settle() = 0;

 private:
  const std::chrono::steady_clock::time_point until_;
};

/// Where the caller waits.
template <class T>
class JobState {
 public:
  [[nodiscard]] bool begin() {
    LockGuard g(mutex_);
    if (phase_ == Phase::GivenUp) return false;
    phase_ = Phase::Running;
    return true;
  }

  void postponed() {
    LockGuard g(mutex_);
    if (phase_ == Phase::Running) phase_ = Phase::Queued;
  }

  void settle(Result<T> result) {
    {
      LockGuard g(mutex_);
      result_.emplace(std::move(result));
    }
    settled_.notifyAll();
  }

  /// Errors besides the job's own: StoreUnavailable (it never began), OutcomeUnknown (it began and did not end in time).
  Result<T> wait(std::chrono::steady_clock::time_point until) {
    UniqueLock lock(mutex_);
    while (!result_) {
      if (settled_.waitUntil(lock, until) == std::cv_status::timeout && !result_) {
        if (phase_ == Phase::Running) return Error(Code::OutcomeUnknown);
        phase_ = Phase::GivenUp;
        return Error(Code::StoreUnavailable, "The database did not get to it in time; nothing was stored.");
      }
    }
    return std::move(*result_);
  }

 private:
  enum class Phase { Queued, Running, GivenUp };
  Mutex mutex_;
  Condition settled_;
  Phase phase_ CHATD_GUARDED_BY(mutex_) = Phase::Queued;
  std::optional<Result<T>> result_ CHATD_GUARDED_BY(mutex_);
};

template <class T>
class TypedJob final : public WriteJob {
 public:
  using Body = UniqueFunction<Result<T>(Connection&)>;
  TypedJob(Body body, std::shared_ptr<JobState<T>> state, std::chrono::steady_clock::time_point until)
      : WriteJob(until), body_(std::move(body)), state_(std::move(state)) {}

  [[nodiscard]] bool begin() override { return state_->begin(); }
  void postponed() override { state_->postponed(); }
  [[nodiscard]] bool run(Connection& connection) override {
    answer_.emplace(body_(connection));
    return answer_->ok();
  }
  void fail(const Error& error) override { answer_.emplace(error); }
  void settle() override {
    CHATD_ASSERT(answer_.has_value());
    state_->settle(std::move(*answer_));
  }

 private:
  Body body_;
  std::shared_ptr<JobState<T>> state_;
  std::optional<Result<T>> answer_;
};

}  // namespace chatd::store
