// A mutex that clang's -Wthread-safety can check. Never hold one over I/O, SQL, a callback or foreign code.
// Lock order: no code path takes a second lock of ours while it holds one.
#pragma once

#include <condition_variable>
#include <mutex>

#if defined(__clang__)
#define CHATD_TSA(x) __attribute__((x))
#else
#define CHATD_TSA(x)
#endif
#define CHATD_GUARDED_BY(m) CHATD_TSA(guarded_by(m))
#define CHATD_REQUIRES(m) CHATD_TSA(requires_capability(m))

namespace chatd {

class CHATD_TSA(capability("mutex")) Mutex {
 public:
  void lock() CHATD_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() CHATD_TSA(release_capability()) { mutex_.unlock(); }

 private:
  friend class UniqueLock;
  std::mutex mutex_;
};

class CHATD_TSA(scoped_lockable) LockGuard {
 public:
  explicit LockGuard(Mutex& m) CHATD_TSA(acquire_capability(m)) : mutex_(m) { mutex_.lock(); }
  ~LockGuard() CHATD_TSA(release_capability()) { mutex_.unlock(); }
  LockGuard(const LockGuard&) = delete;
  LockGuard& operator=(const LockGuard&) = delete;

 private:
  Mutex& mutex_;
};

/// For waiting on a Condition.
class CHATD_TSA(scoped_lockable) UniqueLock {
 public:
  explicit UniqueLock(Mutex& m) CHATD_TSA(acquire_capability(m)) : lock_(m.mutex_) {}
  ~UniqueLock() CHATD_TSA(release_capability()) {}
  UniqueLock(const UniqueLock&) = delete;
  UniqueLock& operator=(const UniqueLock&) = delete;
  void unlock() CHATD_TSA(release_capability()) { lock_.unlock(); }
  void lock() CHATD_TSA(acquire_capability()) { lock_.lock(); }

 private:
  friend class Condition;
  std::unique_lock<std::mutex> lock_;
};

class Condition {
 public:
  void notifyOne() { condition_.notify_one(); }
  void notifyAll() { condition_.notify_all(); }
  void wait(UniqueLock& lock) { condition_.wait(lock.lock_); }
  template <class Clock, class Duration>
  std::cv_status waitUntil(UniqueLock& lock, const std::chrono::time_point<Clock, Duration>& until) {
    return condition_.wait_until(lock.lock_, until);
  }

 private:
  std::condition_variable condition_;
};

}  // namespace chatd
