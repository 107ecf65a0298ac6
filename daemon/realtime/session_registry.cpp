#include "realtime/session_registry.h"

#include <algorithm>

namespace chatd {

bool SessionRegistry::add(SessionAddress address, SessionSummary summary, std::size_t limit) {
  Shard& s = shard(summary.user);
  LockGuard g(s.mutex);
  auto& entries = s.users[summary.user];
  if (limit > 0 && entries.size() >= limit) return false;
  entries.push_back({address, std::move(summary)});
  size_.fetch_add(1, std::memory_order_relaxed);
  return true;
}

void SessionRegistry::remove(UserId user, SessionAddress address) {
  Shard& s = shard(user);
  LockGuard g(s.mutex);
  const auto it = s.users.find(user);
  if (it == s.users.end()) return;
  size_.fetch_sub(std::erase_if(it->second, [&](const Entry& e) { return e.address == address; }),
                  std::memory_order_relaxed);
  if (it->second.empty()) s.users.erase(it);
}

std::optional<SessionAddress> SessionRegistry::find(UserId user, std::string_view id) {
  Shard& s = shard(user);
  LockGuard g(s.mutex);
  const auto it = s.users.find(user);
  if (it == s.users.end()) return std::nullopt;
  for (const Entry& entry : it->second) {
    if (entry.summary.id == id) return entry.address;
  }
  return std::nullopt;
}

void SessionRegistry::rename(UserId user, SessionAddress address, const std::string& id) {
  change(user, address, [&](SessionSummary& summary) { summary.id = id; });
}

void SessionRegistry::setTransport(UserId user, SessionAddress address, std::string_view transport) {
  change(user, address, [&](SessionSummary& summary) { summary.transport = transport; });
}

std::vector<SessionSummary> SessionRegistry::ofUser(UserId user) {
  Shard& s = shard(user);
  LockGuard g(s.mutex);
  std::vector<SessionSummary> found;
  if (const auto it = s.users.find(user); it != s.users.end()) {
    for (const Entry& e : it->second) found.push_back(e.summary);
  }
  return found;
}

std::vector<SessionAddress> SessionRegistry::addresses(UserId user) {
  Shard& s = shard(user);
  LockGuard g(s.mutex);
  std::vector<SessionAddress> found;
  if (const auto it = s.users.find(user); it != s.users.end()) {
    for (const Entry& e : it->second) found.push_back(e.address);
  }
  return found;
}

std::vector<SessionAddress> SessionRegistry::addressesOfApp(AppId app) {
  std::vector<SessionAddress> found;
  for (Shard& s : shards_) {
    LockGuard g(s.mutex);
    for (const auto& [user, entries] : s.users) {
      for (const Entry& e : entries) {
        if (e.summary.app == app) found.push_back(e.address);
      }
    }
  }
  return found;
}

}  // namespace chatd
