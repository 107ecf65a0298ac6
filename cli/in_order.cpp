#include "cli/in_order.h"

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>
#include <vector>

namespace chatd::cli {

namespace {

constexpr std::size_t kPartsWaiting = 4;                 // of one piece
constexpr std::size_t kAhead = 2;                        // pieces for each thread, begun and not yet taken
constexpr std::chrono::milliseconds kLookForCtrlC{100};  // a signal does not wake a condition

class InOrder {
 public:
  explicit InOrder(const PiecesOfWork& work) : work_(work) {}
  Outcome<void> run();

 private:
  struct Piece {
    std::deque<Part> parts;
    std::optional<Outcome<void>> fetched;
  };

  void fetchAll(std::size_t thread);
  bool give(std::size_t i, Part part);
  Outcome<void> takePiece(std::size_t i);
  std::optional<Part> nextPart(std::size_t i);
  void stop();
  [[nodiscard]] bool interrupted() const { return work_.interrupted && work_.interrupted(); }

  const PiecesOfWork& work_;
  std::vector<std::thread> threads_;
  // Of all threads.
  std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::size_t, Piece> pieces_;  // those under way
  std::size_t next_ = 0;                 // that a thread begins
  std::size_t taking_ = 0;               // whose parts are taken
  bool stopped_ = false;
};

void InOrder::fetchAll(std::size_t thread) {
  for (;;) {
    std::size_t i = 0;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return stopped_ || next_ >= work_.count || next_ < taking_ + kAhead * work_.threads; });
      if (stopped_ || next_ >= work_.count) return;
      i = next_++;
      pieces_[i];
    }
    auto fetched = work_.fetch(i, thread, [this, i](Part part) { return give(i, std::move(part)); });
    std::lock_guard g(mutex_);
    pieces_[i].fetched = std::move(fetched);
    changed_.notify_all();
  }
}

bool InOrder::give(std::size_t i, Part part) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return stopped_ || pieces_[i].parts.size() < kPartsWaiting; });
  if (stopped_) return false;
  pieces_[i].parts.push_back(std::move(part));
  changed_.notify_all();
  return true;
}

/// The next part of the piece; nothing at its end, or on Ctrl-C.
std::optional<Part> InOrder::nextPart(std::size_t i) {
  std::unique_lock lock(mutex_);
  Piece& piece = pieces_[i];
  while (piece.parts.empty() && !piece.fetched && !interrupted()) changed_.wait_for(lock, kLookForCtrlC);
  if (piece.parts.empty()) return std::nullopt;
  Part part = std::move(piece.parts.front());
  piece.parts.pop_front();
  changed_.notify_all();
  return part;
}

Outcome<void> InOrder::takePiece(std::size_t i) {
  while (auto part = nextPart(i)) CHATD_CHECK(work_.take(i, *part));
  if (interrupted()) return Failure{Exit::Interrupted, "interrupted", "interrupted", {}, {}};
  Outcome<void> fetched;
  {
    std::lock_guard g(mutex_);
    fetched = *pieces_[i].fetched;
    pieces_.erase(i);
    taking_ = i + 1;
    changed_.notify_all();
  }
  return work_.end(i, fetched);
}

void InOrder::stop() {
  {
    std::lock_guard g(mutex_);
    stopped_ = true;
  }
  changed_.notify_all();
  for (std::thread& thread : threads_) thread.join();
}

Outcome<void> InOrder::run() {
  for (std::size_t t = 0; t < std::min(work_.threads, work_.count); ++t) threads_.emplace_back([this, t] { fetchAll(t); });
  Outcome<void> outcome;
  for (std::size_t i = 0; i < work_.count && outcome.ok(); ++i) outcome = takePiece(i);
  stop();
  return outcome;
}

}  // namespace

Outcome<void> doInOrder(const PiecesOfWork& work) { return InOrder(work).run(); }

}  // namespace chatd::cli
