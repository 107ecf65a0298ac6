#include "store/commit_queue.h"

#include <thread>

namespace chatd::store {

namespace {

// What a turn adds to an app's allowance: some 100 short messages, so that a batch of many apps holds a share of each.
constexpr std::size_t kQuantum = 32 * 1024;
// What a row costs besides its text: the columns and the index entries.
constexpr std::size_t kRowBytes = 192;

std::size_t bytesOf(const std::optional<std::string>& text) { return text ? text->size() : 0; }

std::size_t bytesOf(const Work& work) {
  if (const auto* append = std::get_if<Append>(&work)) {
    return kRowBytes + append->text.size() + bytesOf(append->clientMsgId) + bytesOf(append->metadata);
  }
  if (const auto* change = std::get_if<Change>(&work)) return kRowBytes + change->text.size();
  return kRowBytes;
}

}  // namespace

Offer CommitQueue::push(AppId app, Work&& work) {
  const Offer offer = stage(app, std::move(work));
  if (offer == Offer::Taken) kick();
  return offer;
}

Offer CommitQueue::stage(AppId app, Work&& work) {
  const std::size_t bytes = bytesOf(work);
  const auto now = std::chrono::steady_clock::now();
  {
    LockGuard g(mutex_);
    if (closed_) return Offer::Closing;
    if (queued_ >= limits_.items || queuedBytes_ + bytes > limits_.bytes) return Offer::Full;
    std::size_t& ofApp = queuedOf_[app];
    if (ofApp >= limits_.itemsPerApp) return Offer::Full;
    ++ofApp;
    ++queued_;
    queuedBytes_ += bytes;
    arriving_.push_back({app, bytes, now, std::move(work)});
  }
  staged_.store(true, std::memory_order_release);
  return Offer::Taken;
}

bool CommitQueue::take(Batch& batch, std::chrono::steady_clock::time_point until, const Gather& gather) {
  bool few = false;
  {
    UniqueLock lock(mutex_);
    while (queued_ == 0 && !closed_ && !woken_) {
      if (arrived_.waitUntil(lock, until) == std::cv_status::timeout) break;
    }
    woken_ = false;
    if (queued_ == 0) return !closed_;
    few = queued_ < gather.rows && !closed_;
  }
  // Not on the condition: it would be woken for each.
  if (few && gather.pause.count() > 0) std::this_thread::sleep_for(gather.pause);
  {
    LockGuard g(mutex_);
    sorting_.swap(arriving_);
  }
  sort();
  fill(batch);
  LockGuard g(mutex_);
  for (const auto& [app, count] : taken_) {
    const auto it = queuedOf_.find(app);
    it->second -= count;
    if (it->second == 0) queuedOf_.erase(it);
  }
  return true;
}

void CommitQueue::wake() {
  {
    LockGuard g(mutex_);
    woken_ = true;
  }
  arrived_.notifyAll();
}

void CommitQueue::close() {
  {
    LockGuard g(mutex_);
    closed_ = true;
  }
  arrived_.notifyAll();
}

void CommitQueue::sort() {
  for (Entry& entry : sorting_) {
    Lane& lane = lanes_[entry.app];
    if (!lane.listed) {
      lane.listed = true;
      turns_.push_back(entry.app);
    }
    lane.entries.push_back(std::move(entry));
  }
  sorting_.clear();
}

// Deficit round robin: each turn adds a quantum to an app's allowance, which its entries use up in order. An app that is
// drained leaves with its allowance. When the batch is full in the middle of a turn, the app keeps the rest of it.
void CommitQueue::fill(Batch& batch) {
  taken_.clear();
  std::size_t rows = 0;
  std::size_t bytes = 0;
  bool full = false;
  while (!turns_.empty() && !full) {
    const AppId app = turns_.front();
    Lane& lane = lanes_[app];
    if (lane.deficit < lane.entries.front().bytes) {
      lane.deficit += kQuantum;
      turns_.pop_front();
      turns_.push_back(app);
      if (lane.deficit < lane.entries.front().bytes) continue;
      turns_.pop_back();
      turns_.push_front(app);
    }
    while (!lane.entries.empty() && lane.deficit >= lane.entries.front().bytes) {
      Entry& entry = lane.entries.front();
      full = rows >= limits_.batchRows || (rows > 0 && bytes + entry.bytes > limits_.batchBytes);
      if (full) break;
      ++rows;
      bytes += entry.bytes;
      lane.deficit -= entry.bytes;
      ++taken_[app];
      if (auto* job = std::get_if<std::unique_ptr<WriteJob>>(&entry.work)) {
        batch.jobs.push_back(std::move(*job));
      } else if (auto* append = std::get_if<Append>(&entry.work)) {
        batch.items.emplace_back().request = std::move(*append);
        batch.items.back().queuedAt = entry.queuedAt;
      } else {
        batch.items.emplace_back().request = std::move(*std::get_if<Change>(&entry.work));
        batch.items.back().queuedAt = entry.queuedAt;
      }
      lane.entries.pop_front();
    }
    if (lane.entries.empty()) {
      turns_.pop_front();
      lanes_.erase(app);
    } else if (!full) {
      turns_.pop_front();
      turns_.push_back(app);
    }
  }
  LockGuard g(mutex_);
  queued_ -= rows;
  queuedBytes_ -= bytes;
}

}  // namespace chatd::store
