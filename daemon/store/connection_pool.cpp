#include "store/connection_pool.h"

namespace chatd::store {

std::optional<ConnectionPool::Lease> ConnectionPool::acquire(Time until) {
  UniqueLock lock(mutex_);
  while (free_.empty()) {
    if (freed_.waitUntil(lock, until) == std::cv_status::timeout && free_.empty()) return std::nullopt;
  }
  // The last one given back is the warmest.
  auto connection = std::move(free_.back());
  free_.pop_back();
  return Lease(*this, std::move(connection), until);
}

void ConnectionPool::giveBack(std::unique_ptr<Connection> connection) {
  {
    LockGuard g(mutex_);
    if (connection) {
      free_.push_back(std::move(connection));
    } else {
      free_.insert(free_.begin(), nullptr);
    }
  }
  freed_.notifyOne();
}

void ConnectionPool::seed(std::unique_ptr<Connection> connection) {
  LockGuard g(mutex_);
  CHATD_ASSERT(!free_.empty() && !free_.back());
  free_.back() = std::move(connection);
}

void ConnectionPool::close() {
  std::vector<std::unique_ptr<Connection>> closing;
  LockGuard g(mutex_);
  for (auto& connection : free_) closing.push_back(std::move(connection));
}

Fault Readers::judge(ConnectionPool::Lease& lease, const std::exception& e) const {
  if (!lease.connected()) return {FaultKind::Stale, e.what()};
  return dialect_.judge(lease.connection(), e, false);
}

}  // namespace chatd::store
