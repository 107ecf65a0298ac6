#include "observe/log.h"

#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <charconv>
#include <cstdlib>
#include <system_error>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "observe/log_line.h"

namespace chatd {

namespace {

/// Standard error, one write(2) a call.
class StderrOutput final : public LogOutput {
 public:
  void write(std::string_view lines) noexcept override {
    while (!lines.empty()) {
      const ssize_t n = ::write(STDERR_FILENO, lines.data(), lines.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) return;  // closed or broken: there is nobody left to tell
      lines.remove_prefix(static_cast<std::size_t>(n));
    }
  }
};

constexpr std::size_t kWaitingBytes = std::size_t{1} << 20;
constexpr std::size_t kBudgets = 4096;

}  // namespace

std::string_view toText(LogLevel level) {
  switch (level) {
    case LogLevel::Debug:
      return "debug";
    case LogLevel::Info:
      return "info";
    case LogLevel::Warning:
      return "warning";
    case LogLevel::Error:
      return "error";
  }
  return "error";
}

class Log::Impl {
 public:
  Impl(LogOutput& output, const Clock& clock) : output_(output), clock_(clock) {
    // Reserved now, so that logging never allocates and so never throws.
    waiting_.reserve(kWaitingBytes);
    writing_.reserve(kWaitingBytes);
    budgets_.reserve(kBudgets);
  }

  void configure(const LogOptions& options) noexcept {
    format_.store(options.format, std::memory_order_relaxed);
    journal_.store(options.journal, std::memory_order_relaxed);
    appLines_.store(options.appLinesPerSecond, std::memory_order_relaxed);
  }

  /// Lines of this app that were held back and are told with this one, or nothing: this one is held back too.
  std::optional<std::uint32_t> admit(AppId app) noexcept {
    const std::uint32_t limit = appLines_.load(std::memory_order_relaxed);
    if (limit == 0) return 0;
    const auto second = std::chrono::duration_cast<std::chrono::seconds>(clock_.steady().time_since_epoch()).count();
    LockGuard g(budgetMutex_);
    Budget& budget = budgetOf(app, second);
    if (budget.second != second) {
      budget.second = second;
      budget.lines = 0;
    }
    if (budget.lines >= limit) {
      ++budget.heldBack;
      suppressed_.fetch_add(1, std::memory_order_relaxed);
      return std::nullopt;
    }
    ++budget.lines;
    return std::exchange(budget.heldBack, 0);
  }

  void emit(LogLevel level, const AppId* app, std::uint32_t heldBack, std::string_view area, std::string_view message,
            LogFields fields) noexcept {
    LogLine line(format_.load(std::memory_order_relaxed));
    const bool journal = journal_.load(std::memory_order_relaxed);
    if (journal) line.priority(level);
    line.begin();
    if (!journal) line.time(clock_.wall());
    line.word("level", toText(level));
    line.word("area", area);
    line.word("msg", message);
    if (app != nullptr) line.pair("app", *app);
    for (const LogField& field : fields) line.pair(field.key, field.value);
    if (heldBack > 0) line.pair("suppressed", heldBack);
    put(line.finish());
  }

  void start() {
    LockGuard g(mutex_);
    if (threaded_) return;
    writer_ = std::thread([this] { run(); });
    threaded_ = true;
  }

  void stop() {
    {
      LockGuard g(mutex_);
      if (!threaded_) return;
      stopping_ = true;
    }
    wake_.notifyOne();
    writer_.join();
    LockGuard g(mutex_);
    stopping_ = false;
  }

  [[nodiscard]] std::uint64_t dropped() const noexcept { return dropped_.load(std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t suppressed() const noexcept { return suppressed_.load(std::memory_order_relaxed); }

 private:
  struct Budget {
    std::int64_t second = -1;
    std::uint32_t lines = 0;
    std::uint32_t heldBack = 0;
  };

  // The table is bounded: apps beyond it share one budget, the one of app 0.
  Budget& budgetOf(AppId app, std::int64_t second) noexcept CHATD_REQUIRES(budgetMutex_) {
    const auto found = budgets_.find(raw(app));
    if (found != budgets_.end()) return found->second;
    if (budgets_.size() >= kBudgets && second != swept_) {
      swept_ = second;
      std::erase_if(budgets_, [second](const auto& entry) { return entry.second.second < second; });
    }
    if (budgets_.size() >= kBudgets) return shared_;
    try {
      return budgets_[raw(app)];
    } catch (const std::bad_alloc&) {
      return shared_;
    }
  }

  void put(std::string_view line) noexcept {
    UniqueLock lock(mutex_);
    if (!threaded_) {
      // The lock keeps lines whole and in order; without a writer thread there is nothing better to wait for.
      output_.write(line);
      return;
    }
    if (waiting_.size() + line.size() > kWaitingBytes) {
      dropped_.fetch_add(1, std::memory_order_relaxed);
      return;
    }
    const bool wasEmpty = waiting_.empty();
    waiting_.append(line);  // within what was reserved
    lock.unlock();
    if (wasEmpty) wake_.notifyOne();
  }

  void run() noexcept {
    std::uint64_t told = dropped();
    for (;;) {
      {
        UniqueLock lock(mutex_);
        while (waiting_.empty() && !stopping_) wake_.wait(lock);
        if (waiting_.empty()) {
          // In the same breath as the last look, so that from here on the callers write and nothing is left behind.
          threaded_ = false;
          return;
        }
        writing_.swap(waiting_);
      }
      output_.write(writing_);
      writing_.clear();
      if (const std::uint64_t now = dropped(); now != told) {
        tellDropped(now - told);
        told = now;
      }
    }
  }

  void tellDropped(std::uint64_t count) noexcept {
    LogLine line(format_.load(std::memory_order_relaxed));
    const bool journal = journal_.load(std::memory_order_relaxed);
    if (journal) line.priority(LogLevel::Warning);
    line.begin();
    if (!journal) line.time(clock_.wall());
    line.word("level", "warning");
    line.word("area", "log");
    line.word("msg", "lines were dropped: the output did not keep up");
    line.pair("lines", count);
    output_.write(line.finish());
  }

  LogOutput& output_;
  const Clock& clock_;
  std::atomic<LogFormat> format_{LogFormat::Text};
  std::atomic<bool> journal_{false};
  std::atomic<std::uint32_t> appLines_{LogOptions{}.appLinesPerSecond};
  std::atomic<std::uint64_t> dropped_{0};
  std::atomic<std::uint64_t> suppressed_{0};

  Mutex budgetMutex_;
  std::unordered_map<std::int64_t, Budget> budgets_ CHATD_GUARDED_BY(budgetMutex_);
  Budget shared_ CHATD_GUARDED_BY(budgetMutex_);
  std::int64_t swept_ CHATD_GUARDED_BY(budgetMutex_) = -1;

  Mutex mutex_;
  Condition wake_;
  std::string waiting_ CHATD_GUARDED_BY(mutex_);
  bool threaded_ CHATD_GUARDED_BY(mutex_) = false;
  bool stopping_ CHATD_GUARDED_BY(mutex_) = false;
  std::string writing_;  // the writer's alone, except that it is swapped under the lock
  std::thread writer_;
};

Log::Log(LogOutput& output, const Clock& clock) : impl_(std::make_unique<Impl>(output, clock)) {}
Log::~Log() { impl_->stop(); }

void Log::configure(const LogOptions& options) noexcept {
  impl_->configure(options);
  setLevel(options.level);
}

void Log::startWriter() { impl_->start(); }
void Log::stopWriter() { impl_->stop(); }
std::uint64_t Log::dropped() const noexcept { return impl_->dropped(); }
std::uint64_t Log::suppressed() const noexcept { return impl_->suppressed(); }

void Log::write(LogLevel level, std::string_view area, std::string_view message, LogFields fields) noexcept {
  impl_->emit(level, nullptr, 0, area, message, fields);
}

void Log::writeFor(AppId app, LogLevel level, std::string_view area, std::string_view message, LogFields fields) noexcept {
  if (const auto heldBack = impl_->admit(app)) impl_->emit(level, &app, *heldBack, area, message, fields);
}

Log& log() {
  // Never destroyed: destructors of other statics may still log.
  static StderrOutput& output = *new StderrOutput;
  static const SystemClock& clock = *new SystemClock;
  static Log& instance = *new Log(output, clock);
  return instance;
}

bool stderrIsJournal() {
  // systemd.exec(5): "device:inode" in decimal. Compared, because a child may have its standard error elsewhere.
  const char* stream = std::getenv("JOURNAL_STREAM");
  struct stat st = {};
  if (stream == nullptr || ::fstat(STDERR_FILENO, &st) != 0) return false;
  return std::to_string(st.st_dev) + ":" + std::to_string(st.st_ino) == stream;
}

}  // namespace chatd
