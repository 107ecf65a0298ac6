#include "store/postgresql/call_watch.h"

#include <fcntl.h>
#include <pthread.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <vector>

#include "base/mutex.h"

namespace chatd::store {

namespace {

using std::chrono::steady_clock;

constexpr std::chrono::milliseconds kFinestTick{5};

}  // namespace

struct CallWatch::Shared {
  Mutex mutex;
  Condition changed;
  std::vector<Line*> lines CHATD_GUARDED_BY(mutex);
  bool stopping CHATD_GUARDED_BY(mutex) = false;
};

// The socket is held by a descriptor of our own: libpq may close its one at any moment, and the number may then be another
// file's.
class CallWatch::Line final : public CallLimit {
 public:
  Line(std::shared_ptr<Shared> shared, int socket) : shared_(std::move(shared)), fd_(::fcntl(socket, F_DUPFD_CLOEXEC, 0)) {
    LockGuard g(shared_->mutex);
    shared_->lines.push_back(this);
  }
  ~Line() override {
    {
      LockGuard g(shared_->mutex);
      std::erase(shared_->lines, this);
    }
    if (fd_ >= 0) ::close(fd_);
  }
  Line(const Line&) = delete;
  Line& operator=(const Line&) = delete;

  void begin() override { begun_.store(steady_clock::now().time_since_epoch().count(), std::memory_order_relaxed); }
  void end() override { begun_.store(kIdle, std::memory_order_relaxed); }

  /// A call that ends between the look and the shutdown loses its connection: the next call is told so.
  void check(steady_clock::time_point earliest) {
    const auto begun = begun_.load(std::memory_order_relaxed);
    if (begun == kIdle || unlimited.load(std::memory_order_relaxed)) return;
    if (begun < earliest.time_since_epoch().count()) ::shutdown(fd_, SHUT_RDWR);
  }

  std::atomic<bool> unlimited{false};

 private:
  static constexpr steady_clock::rep kIdle = 0;
  const std::shared_ptr<Shared> shared_;
  const int fd_;
  std::atomic<steady_clock::rep> begun_{kIdle};
};

CallWatch::CallWatch(std::chrono::milliseconds limit) : shared_(std::make_shared<Shared>()) {
  thread_ = std::thread([shared = shared_, limit] { loop(*shared, limit); });
  pthread_setname_np(thread_.native_handle(), "store-watch");
}

CallWatch::~CallWatch() {
  {
    LockGuard g(shared_->mutex);
    shared_->stopping = true;
  }
  shared_->changed.notifyAll();
  thread_.join();
}

std::unique_ptr<CallLimit> CallWatch::watch(int socket) { return std::make_unique<Line>(shared_, socket); }

void CallWatch::unlimited(CallLimit& line, bool on) {
  static_cast<Line&>(line).unlimited.store(on, std::memory_order_relaxed);
}

void CallWatch::loop(Shared& shared, std::chrono::milliseconds limit) {
  const auto tick = std::max(kFinestTick, limit / 8);
  UniqueLock lock(shared.mutex);
  while (!shared.stopping) {
    const auto now = steady_clock::now();
    for (Line* line : shared.lines) line->check(now - limit);
    shared.changed.waitUntil(lock, now + tick);
  }
}

}  // namespace chatd::store
