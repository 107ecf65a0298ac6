// Fakes of the store's ports for tests of the domain: rooms in memory, and a log that commits when the test says so.
#pragma once

#include <deque>
#include <functional>
#include <map>
#include <set>

#include "chat/directory.h"
#include "chat/message_log.h"

namespace chatd::test {

/// What the domain asks of a Directory: the state of rooms, their names, and read marks. The rest is the REST API's and says
/// so.
class RoomDirectory final : public Directory {
 public:
  RoomId addRoom(AppId app, const std::string& name, const std::vector<std::int64_t>& users) {
    RoomState state;
    state.room.id = RoomId{static_cast<std::int64_t>(byId.size()) + 1};
    state.room.app = app;
    state.room.name = name;
    state.counter.accessRev = AccessRev{1};
    state.counter.epoch = "e1";
    for (const std::int64_t id : users) state.members.push_back(member(app, id));
    byId[state.room.id] = state;
    return state.room.id;
  }
  static Member member(AppId app, std::int64_t id) {
    Member m;
    m.user.id = UserId{id};
    m.user.app = app;
    m.user.appUserId = std::to_string(id);
    return m;
  }
  void add(RoomId room, std::int64_t user) {
    byId[room].members.push_back(member(byId[room].room.app, user));
    bump(room);
  }
  void remove(RoomId room, std::int64_t user) {
    std::erase_if(byId[room].members, [&](const Member& m) { return m.user.id == UserId{user}; });
    bump(room);
  }
  void bump(RoomId room) { byId[room].counter.accessRev = AccessRev{raw(byId[room].counter.accessRev) + 1}; }

  Result<RoomState> roomState(RoomId room) override {
    ++reads;
    if (down) return Code::StoreUnavailable;
    const auto it = byId.find(room);
    if (it == byId.end()) return Code::RoomNotFound;
    return it->second;
  }
  Result<Room> roomByName(AppId app, const std::string& name) override {
    ++lookUps;
    for (const auto& [id, state] : byId) {
      if (state.room.app == app && state.room.name == name) return state.room;
    }
    return Code::RoomNotFound;
  }
  Result<void> markRead(RoomId room, UserId user, Seq seq) override {
    ++readWrites;
    if (down) return Code::StoreUnavailable;
    for (Member& m : byId[room].members) {
      if (m.user.id == user) m.readSeq = std::max(m.readSeq, seq);
    }
    return {};
  }

  /// Those of a user, all on one page.
  Result<Page<RoomSummary>> rooms(AppId app, std::optional<UserId> forUser, const PageQuery& page,
                                  std::size_t /*members*/) override {
    if (down) return Code::StoreUnavailable;
    Page<RoomSummary> found;
    for (const auto& [id, state] : byId) {
      if (state.room.app != app || raw(id) <= page.cursor.value_or(0)) continue;
      for (const Member& m : state.members) {
        if (m.user.id != forUser) continue;
        found.items.push_back({state.room, state.counter, state.lastMessage, unreadOf(state.counter, m.readSeq), {}});
      }
    }
    return found;
  }

  std::map<RoomId, RoomState> byId;
  int reads = 0;
  int lookUps = 0;
  int readWrites = 0;
  bool down = false;

  // Not asked by the domain.
  Result<App> createApp(const NewApp&) override { return Code::NotImplemented; }
  Result<App> app(AppId) override { return Code::NotImplemented; }
  Result<App> appByName(const std::string&) override { return Code::NotImplemented; }
  Result<Page<App>> apps(const PageQuery&, const std::optional<std::vector<AppId>>&) override {
    return Code::NotImplemented;
  }
  Result<App> updateApp(AppId, const AppPatch&) override { return Code::NotImplemented; }
  Result<void> deleteApp(AppId) override { return Code::NotImplemented; }
  Result<Upserted> upsertUser(AppId, const std::string&, bool, const UserPatch&, bool) override {
    return Code::NotImplemented;
  }
  Result<User> ensureUser(AppId, const std::string&, const UserPatch&) override { return Code::NotImplemented; }
  Result<User> user(UserId) override { return Code::NotImplemented; }
  Result<User> userByAppId(AppId, const std::string&) override { return Code::NotImplemented; }
  Result<std::vector<User>> usersByAppId(AppId, const std::vector<std::string>&) override { return Code::NotImplemented; }
  Result<Page<User>> users(AppId, const PageQuery&) override { return Code::NotImplemented; }
  Result<User> updateUser(UserId, const UserPatch&) override { return Code::NotImplemented; }
  Result<std::vector<RoomId>> deleteUser(UserId) override { return Code::NotImplemented; }
  Result<std::vector<RoomId>> setBan(UserId, const std::optional<Ban>&) override { return Code::NotImplemented; }
  Result<CreatedRoom> createRoom(const NewRoom&) override { return Code::NotImplemented; }
  Result<Room> room(RoomId) override { return Code::NotImplemented; }
  Result<Room> updateRoom(RoomId, const RoomPatch&) override { return Code::NotImplemented; }
  Result<void> deleteRoom(RoomId) override { return Code::NotImplemented; }
  Result<void> addMembers(RoomId, const std::vector<UserId>&) override { return Code::NotImplemented; }
  Result<void> removeMembers(RoomId, const std::vector<UserId>&) override { return Code::NotImplemented; }
  Result<void> setRole(RoomId, UserId, Role) override { return Code::NotImplemented; }
};

/// Appends wait until commit(); then they are stored by the rules of MessageLog.
class HeldLog final : public MessageLog {
 public:
  explicit HeldLog(RoomDirectory& directory) : directory_(directory) {}

  Offer stage(Append&& append) override {
    if (full) return Offer::Full;
    waiting.push_back(std::move(append));
    return Offer::Taken;
  }
  void kick() override { ++kicks; }
  Offer change(Change&& change) override {
    if (full) return Offer::Full;
    pendingChanges.push_back(std::move(change));
    return Offer::Taken;
  }
  void setSink(LogSink* sink) override { sink_ = sink; }

  /// Commits the first `count` appends and every change as one batch.
  void commit(std::size_t count = static_cast<std::size_t>(-1)) {
    std::vector<AppendOutcome> appends;
    for (; count > 0 && !waiting.empty(); --count) {
      Append a = std::move(waiting.front());
      waiting.pop_front();
      Result<Appended> result = store(a);
      appends.push_back({std::move(a), std::move(result)});
    }
    std::vector<ChangeOutcome> changed;
    while (!pendingChanges.empty()) {
      Change c = std::move(pendingChanges.front());
      pendingChanges.pop_front();
      Result<Changed> result = apply(c);
      changed.push_back({std::move(c), std::move(result)});
    }
    sink_->committed(std::move(appends), std::move(changed));
  }

  Result<std::vector<Message>> history(RoomId room, const HistoryQuery& query) override {
    std::vector<Message> found;
    for (auto it = messages.rbegin(); it != messages.rend() && found.size() < query.limit; ++it) {
      if (it->room == room) found.push_back(*it);
    }
    return found;
  }
  Result<std::vector<Message>> historyPage(RoomId room, std::size_t, std::size_t limit) override {
    return history(room, {std::nullopt, std::nullopt, limit});
  }
  Result<std::vector<Message>> range(RoomId room, Seq after, Seq upTo, std::size_t limit) override {
    if (readsFail) return Code::StoreUnavailable;
    std::vector<Message> found;
    for (const Message& m : messages) {
      if (m.room == room && m.seq > after && m.seq <= upTo && found.size() < limit) found.push_back(m);
    }
    return found;
  }
  Result<bool> holdsAll(RoomId room, Seq after, Seq upTo) override {
    const auto found = range(room, after, upTo, messages.size());
    if (!found.ok()) return found.error();
    return static_cast<std::int64_t>(found->size()) == raw(upTo) - raw(after);
  }
  Result<std::vector<ChangedMessage>> changes(RoomId room, Rev after, Rev upTo, std::size_t limit) override {
    std::vector<ChangedMessage> found;
    for (const auto& [rev, change] : changed_) {
      if (change.room != room || rev <= after || rev > upTo || found.size() == limit) continue;
      found.push_back({rev, change.kind, this->find(change.message)->message});
    }
    return found;
  }
  Result<Found> find(MessageId id) override {
    for (const Message& m : messages) {
      if (m.id == id) return Found{m, directory_.byId[m.room].room.app};
    }
    return Code::MessageNotFound;
  }

  std::deque<Append> waiting;
  std::deque<Change> pendingChanges;
  std::vector<Message> messages;
  int kicks = 0;
  bool full = false;
  bool failing = false;
  bool readsFail = false;

 private:
  Result<Appended> store(const Append& a) {
    if (failing) return Code::StoreUnavailable;
    RoomState& room = directory_.byId[a.room];
    if (a.checkedUnder < room.counter.accessRev) return Code::AccessChanged;
    Message m;
    m.id = MessageId{static_cast<std::int64_t>(messages.size()) + 1};
    m.room = a.room;
    m.seq = next(room.counter.lastSeq);
    m.sender = a.sender;
    m.text = a.text;
    room.counter.lastSeq = m.seq;
    room.lastMessage = m;
    messages.push_back(m);
    return Appended{m, false};
  }
  Result<Changed> apply(const Change& c) {
    for (Message& m : messages) {
      if (m.id != c.message) continue;
      if (c.kind == Change::Kind::Edit) {
        m.text = c.text;
      } else {
        m.text.clear();
        m.deletedAt = Timestamp{};
      }
      Rev& rev = directory_.byId[m.room].counter.lastRev;
      rev = Rev{raw(rev) + 1};
      changed_.emplace_back(rev, c);
      return Changed{m, rev, true};
    }
    return Code::MessageNotFound;
  }

  RoomDirectory& directory_;
  LogSink* sink_ = nullptr;
  std::vector<std::pair<Rev, Change>> changed_;
};

}  // namespace chatd::test
