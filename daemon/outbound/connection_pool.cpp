#include "outbound/connection_pool.h"

namespace chatd {

std::unique_ptr<Stream> ConnectionPool::take(const std::string& key, Steady now) {
  std::list<Idle> dead;  // destroyed after the lock is released: closing a socket is I/O
  LockGuard g(mutex_);
  while (!idles_.empty() && now - idles_.back().since > idle_) dead.splice(dead.end(), idles_, std::prev(idles_.end()));
  for (auto it = idles_.begin(); it != idles_.end();) {
    const auto here = it++;
    if (here->key != key) continue;
    if (here->stream->reusable()) {
      std::unique_ptr<Stream> found = std::move(here->stream);
      idles_.erase(here);
      return found;
    }
    dead.splice(dead.end(), idles_, here);
  }
  return nullptr;
}

void ConnectionPool::put(const std::string& key, std::unique_ptr<Stream> stream, Steady now) {
  std::list<Idle> dead;
  LockGuard g(mutex_);
  std::size_t same = 0;
  for (auto it = idles_.begin(); it != idles_.end();) {
    const auto here = it++;
    if (here->key == key && ++same >= perKey_) dead.splice(dead.end(), idles_, here);
  }
  if (idles_.size() >= total_) dead.splice(dead.end(), idles_, std::prev(idles_.end()));
  idles_.push_front({key, now, std::move(stream)});
}

void ConnectionPool::clear() {
  std::list<Idle> dead;
  LockGuard g(mutex_);
  dead.swap(idles_);
}

}  // namespace chatd
