// RoomNames: names of live rooms to their ids, so that joining a live room costs no SQL, and one look-up at a time for
// each other name. Thread: any; one short lock a call.
#pragma once

#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "base/task.h"
#include "chat/model.h"

namespace chatd {

class RoomNames {
 public:
  using Done = UniqueFunction<void(Result<RoomId>)>;

  void live(const Room& room) {
    LockGuard g(mutex_);
    ids_[key(room.app, room.name)] = room.id;
  }
  /// No longer live, renamed or deleted.
  void gone(const Room& room) {
    LockGuard g(mutex_);
    const auto it = ids_.find(key(room.app, room.name));
    if (it != ids_.end() && it->second == room.id) ids_.erase(it);
  }
  [[nodiscard]] std::optional<RoomId> find(AppId app, const std::string& name) {
    LockGuard g(mutex_);
    const auto it = ids_.find(key(app, name));
    return it == ids_.end() ? std::nullopt : std::optional(it->second);
  }

  /// True: the caller is the first to ask and must look it up, then call answered(). False: it waits for the first one.
  [[nodiscard]] bool ask(AppId app, const std::string& name, Done done) {
    LockGuard g(mutex_);
    auto& waiting = asked_[key(app, name)];
    waiting.push_back(std::move(done));
    return waiting.size() == 1;
  }
  void answered(AppId app, const std::string& name, const Result<RoomId>& result) {
    std::vector<Done> waiting;
    {
      LockGuard g(mutex_);
      const auto it = asked_.find(key(app, name));
      if (it == asked_.end()) return;
      waiting = std::move(it->second);
      asked_.erase(it);
    }
    for (Done& done : waiting) done(result);
  }

 private:
  static std::string key(AppId app, const std::string& name) { return std::to_string(raw(app)) + '/' + name; }

  Mutex mutex_;
  std::unordered_map<std::string, RoomId> ids_ CHATD_GUARDED_BY(mutex_);
  std::unordered_map<std::string, std::vector<Done>> asked_ CHATD_GUARDED_BY(mutex_);
};

}  // namespace chatd
