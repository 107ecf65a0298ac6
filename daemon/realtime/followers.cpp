#include "realtime/followers.h"

#include <algorithm>

#include "protocol/json_wire.h"
#include "realtime/realtime.h"

namespace chatd {

namespace {
constexpr std::size_t kPage = 200;  // rooms read at once
constexpr std::chrono::milliseconds kTryAgain{1000};
}  // namespace

void Followers::add(Session& session) {
  Follower& follower = users_[session.user()];
  follower.sessions.push_back(&session);
  if (follower.sessions.size() > 1) return;
  realtime_.chat().countFollower(true);
  follower.number = ++numbers_;
  load(follower, session);
}

void Followers::load(Follower& follower, const Session& session) {
  const Actor actor{session.app(), session.user(), false};
  const auto again = [this, user = session.user(), number = follower.number] {
    realtime_.executor().after(loop_, kTryAgain, [this, user, number] {
      const auto it = users_.find(user);
      if (it != users_.end() && it->second.number == number) load(it->second, *it->second.sessions.front());
    });
  };
  const Offer offer = realtime_.executor().work(actor.app, [this, actor, number = follower.number, again] {
    std::vector<RoomId> rooms;
    RoomId after{};
    bool whole = false;
    while (!whole && rooms.size() < kMaxRooms) {
      auto page = realtime_.chat().roomsOf(actor, after, kPage);
      if (!page.ok()) {
        // The store is away or busy: asked again, as long as somebody listens.
        (void)realtime_.executor().post(loop_, Mail::Completion, again);
        return;
      }
      for (const RoomSummary& each : page->items) rooms.push_back(each.room.id);
      whole = !page->next.has_value();
      if (!rooms.empty()) after = rooms.back();
    }
    (void)realtime_.executor().post(
        loop_, Mail::Completion,
        [this, user = actor.user, number, rooms = std::move(rooms)]() mutable { loaded(user, number, std::move(rooms)); });
  });
  if (offer != Offer::Taken) again();
}

void Followers::loaded(UserId user, std::uint64_t number, std::vector<RoomId> rooms) {
  const auto it = users_.find(user);
  if (it == users_.end() || it->second.number != number) return;
  realtime_.chat().follow(user, loop_, rooms, true);
  // Those that came meanwhile are followed already.
  for (const RoomId room : it->second.rooms) {
    if (std::find(rooms.begin(), rooms.end(), room) == rooms.end()) rooms.push_back(room);
  }
  it->second.rooms = std::move(rooms);
}

void Followers::remove(Session& session) {
  const auto it = users_.find(session.user());
  if (it == users_.end()) return;
  std::erase(it->second.sessions, &session);
  if (!it->second.sessions.empty()) return;
  realtime_.chat().follow(session.user(), loop_, it->second.rooms, false);
  realtime_.chat().countFollower(false);
  users_.erase(it);
}

void Followers::deliver(const UserLetter& letter) {
  std::visit([&](const auto& what) { deliver(*letter.room, what); }, letter.what);
}

void Followers::deliver(const Room& room, const RoomActivity& activity) {
  for (const auto& [user, unread] : activity.unread) {
    if (!users_.contains(user)) continue;
    tell(user, room, makeFrame(json_wire::activity(room, activity.seq, unread, activity.last.get())));
  }
}

void Followers::deliver(const Room& room, const MembersChanged& changed) {
  std::vector<UserId> told = changed.told;
  for (const MemberChange& change : changed.changes) {
    told.push_back(change.user->id);
    if (change.kind == MemberChange::Kind::Added) followAlso(change.user->id, room.id);
    if (change.kind == MemberChange::Kind::Removed) forget(change.user->id, room.id);
  }
  std::sort(told.begin(), told.end());
  told.erase(std::unique(told.begin(), told.end()), told.end());
  for (const MemberChange& change : changed.changes) {
    const FramePtr frame = makeFrame(json_wire::member(room, change));
    for (const UserId user : told) tell(user, room, frame);
  }
}

void Followers::followAlso(UserId user, RoomId room) {
  const auto it = users_.find(user);
  if (it == users_.end() || it->second.rooms.size() >= kMaxRooms) return;
  if (std::find(it->second.rooms.begin(), it->second.rooms.end(), room) != it->second.rooms.end()) return;
  it->second.rooms.push_back(room);
  realtime_.chat().follow(user, loop_, {room}, true);
}

void Followers::forget(UserId user, RoomId room) {
  const auto it = users_.find(user);
  if (it != users_.end()) std::erase(it->second.rooms, room);
}

void Followers::tell(UserId user, const Room& room, const FramePtr& frame) {
  const auto it = users_.find(user);
  if (it == users_.end()) return;
  // A session that is too slow leaves in the middle.
  const std::vector<Session*> sessions = it->second.sessions;
  for (Session* session : sessions) {
    const auto still = users_.find(user);
    if (still == users_.end()) return;
    const auto& now = still->second.sessions;
    if (std::find(now.begin(), now.end(), session) == now.end()) continue;
    // Sessions of one user may have come with tokens for different rooms.
    if (session->mayRead(room.name)) session->push(frame);
  }
}

}  // namespace chatd
