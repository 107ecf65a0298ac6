// What members are told of their rooms without being in them: the third part of RoomShard. The home loop knows who follows a
// room, and on which loop. A message only marks the room; once a second at most its followers are told the newest state, in
// one letter a loop.
#include <algorithm>

#include "chat/room_shard.h"

namespace chatd {

namespace {
constexpr std::chrono::milliseconds kActivity{1000};  // CONTRACT 3.2: at most one `room` a second and room
}

void RoomShard::position(Actor actor, RoomId id, UniqueFunction<void(Result<RoomPosition>)> done) {
  whenLive(actor.app, id, [actor, done = std::move(done)](Result<LiveRoom*> room) mutable {
    if (!room.ok()) return done(std::move(room).error());
    if (!actor.asApp) {
      if (auto may = mayAct(**room, actor.user, actor.grants, Permission::Read); !may.ok()) {
        return done(std::move(may).error());
      }
    }
    done(RoomPosition{(*room)->room, (*room)->counter});
  });
}

void RoomShard::follow(RoomId id, UserId user, std::uint32_t loop, bool on) {
  const Follower follower{user, loop};
  if (on) {
    auto& of = followers_[id];
    if (std::find(of.begin(), of.end(), follower) == of.end()) of.push_back(follower);
    return;
  }
  const auto it = followers_.find(id);
  if (it == followers_.end()) return;
  std::erase(it->second, follower);
  if (it->second.empty()) followers_.erase(it);
}

void RoomShard::activity(LiveRoom& room, std::optional<UserId> only) {
  if (!followers_.contains(room.room->id)) return;
  if (!only) {
    room.activityForAll = true;
  } else if (std::find(room.activityFor.begin(), room.activityFor.end(), *only) == room.activityFor.end()) {
    room.activityFor.push_back(*only);  // bounded by the members
  }
  if (room.activityTimer) return;
  room.activityTimer = true;
  // In the next turn, so that all that this one brings is told as one.
  context_.executor.after(loop_, std::chrono::milliseconds(0), [this, id = room.room->id] { activityDue(id); });
}

void RoomShard::activityDue(RoomId id) {
  LiveRoom* room = live(id);
  if (room == nullptr) return;
  room->activityTimer = room->activityForAll || !room->activityFor.empty();
  if (room->activityTimer) {
    if (tellActivity(*room)) {
      room->activityForAll = false;
      room->activityFor.clear();
    }
    context_.executor.after(loop_, kActivity, [this, id] { activityDue(id); });
  }
  touch(*room);
}

bool RoomShard::tellActivity(LiveRoom& room) {
  const auto found = followers_.find(room.room->id);
  if (found == followers_.end()) return true;
  std::vector<RoomActivity> perLoop(context_.executor.loops());
  std::erase_if(found->second, [&](const Follower& follower) {
    const LiveMember* member = room.member(follower.user);
    if (member == nullptr) return true;
    if (room.activityForAll ||
        std::find(room.activityFor.begin(), room.activityFor.end(), follower.user) != room.activityFor.end()) {
      const std::int64_t unread = unreadOf(room.counter, member->read);
      perLoop[follower.loop].unread.emplace_back(follower.user, unread);
    }
    return false;
  });
  if (found->second.empty()) followers_.erase(found);
  bool all = true;
  for (std::size_t loop = 0; loop < perLoop.size(); ++loop) {
    if (perLoop[loop].unread.empty()) continue;
    perLoop[loop].seq = room.counter.lastSeq;
    perLoop[loop].last = room.last;
    auto letter = std::make_shared<const UserLetter>(UserLetter{room.room, std::move(perLoop[loop])});
    all = context_.fanout.tellUsers(loop, std::move(letter)) && all;
  }
  return all;
}

void RoomShard::membersChanged(AppId app, RoomId id, std::vector<MemberChange> changes) {
  if (changes.empty() || context_.followers.load(std::memory_order_relaxed) == 0) return;
  whenLive(app, id, [this, changes = std::move(changes)](Result<LiveRoom*> room) mutable {
    // A room that cannot be read now: followers see the new members when they ask for their rooms.
    if (room.ok()) tellMembers(**room, std::move(changes));
  });
}

void RoomShard::tellMembers(LiveRoom& room, std::vector<MemberChange> changes) {
  // Only what is so now: it may have been changed back meanwhile.
  std::erase_if(changes, [&](MemberChange& change) {
    const LiveMember* member = room.member(change.user->id);
    if (member != nullptr) change.role = member->role;
    return (member == nullptr) != (change.kind == MemberChange::Kind::Removed);
  });
  if (changes.empty()) return;
  std::vector<MembersChanged> perLoop(context_.executor.loops());
  if (const auto found = followers_.find(room.room->id); found != followers_.end()) {
    for (const Follower& follower : found->second) perLoop[follower.loop].told.push_back(follower.user);
    std::erase_if(found->second, [&](const Follower& follower) { return room.member(follower.user) == nullptr; });
    if (found->second.empty()) followers_.erase(found);
  }
  // Every loop: who was added follows it from now on, and may be anywhere.
  for (std::size_t loop = 0; loop < perLoop.size(); ++loop) {
    perLoop[loop].changes = changes;
    // Taken always, as changes of members are.
    (void)context_.fanout.tellUsers(loop,
                                    std::make_shared<const UserLetter>(UserLetter{room.room, std::move(perLoop[loop])}));
  }
}

}  // namespace chatd
