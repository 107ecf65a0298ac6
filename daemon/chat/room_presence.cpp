// Who is in a room, who types, who has read: the half of RoomShard that is not about messages.
#include <algorithm>

#include "chat/room_shard.h"

namespace chatd {

namespace {
constexpr std::chrono::milliseconds kCoalesce{250};  // CONTRACT 3.1: one roomData per room per 250 ms
}

void RoomShard::mayRead(Actor actor, RoomId id, UniqueFunction<void(Result<void>)> done) {
  whenLive(actor.app, id, [actor, done = std::move(done)](Result<LiveRoom*> room) mutable {
    if (!room.ok()) return done(std::move(room).error());
    done(actor.asApp ? Result<void>() : mayAct(**room, actor.user, actor.grants, Permission::Read));
  });
}

void RoomShard::join(Actor actor, RoomId id, RosterEntry entry, UniqueFunction<void(Result<Joined>)> done) {
  whenLive(actor.app, id, [this, actor, entry = std::move(entry), done = std::move(done)](Result<LiveRoom*> room) mutable {
    if (!room.ok()) return done(std::move(room).error());
    joinLive(**room, actor, entry, std::move(done));
  });
}

void RoomShard::joinLive(LiveRoom& room, const Actor& actor, const RosterEntry& entry,
                         UniqueFunction<void(Result<Joined>)> done) {
  if (auto may = mayAct(room, actor.user, actor.grants, Permission::Read); !may.ok()) return done(std::move(may).error());
  const LiveMember* member = room.member(actor.user);
  if (room.enter(entry)) {
    ++room.rosterVersion;
    // Told to the others before the joiner's own answer is on its way, so it is not told twice.
    rosterChanged(room);
    flushStaged();
  }
  Joined joined;
  joined.room = room.room;
  joined.counter = room.counter;
  joined.members = room.memberList();
  joined.lastMessage = room.last;
  joined.unread = unreadOf(room.counter, member->read);
  joined.roster = room.rosterHead(context_.currentLimits()->roomSessions);
  joined.rosterTotal = room.sessions();
  joined.rosterVersion = room.rosterVersion;
  touch(room);
  done(std::move(joined));
}

void RoomShard::leave(RoomId id, SessionAddress session) {
  LiveRoom* room = live(id);
  if (room == nullptr || !room->exit(session)) return;
  ++room->rosterVersion;
  rosterChanged(*room);
  touch(*room);
  flushStaged();
}

void RoomShard::loseUsers(LiveRoom& room, std::vector<UserId> users) {
  auto lost = std::make_shared<const std::vector<UserId>>(std::move(users));
  stage(room, LostEvent{lost, false, Code::Forbidden});
  flushStaged();  // while their sessions still count among the loops that are told
  const std::size_t before = room.sessions();
  for (const UserId user : *lost) room.exitUser(user);
  if (room.sessions() == before) return;
  ++room.rosterVersion;
  rosterChanged(room);
}

void RoomShard::rosterChanged(LiveRoom& room) {
  if (room.rosterTimer) {
    room.rosterDirty = true;
    return;
  }
  stageRoster(room);
}

void RoomShard::stageRoster(LiveRoom& room) {
  room.rosterDirty = false;
  room.rosterTimer = true;
  const std::size_t listed = context_.currentLimits()->roomSessions;
  RosterEvent event;
  event.entries = room.rosterHead(listed);
  event.total = room.sessions();
  event.version = room.rosterVersion;
  room.takeRosterChanges(event, listed);
  stage(room, std::move(event));
  context_.executor.after(loop_, kCoalesce, [this, id = room.room->id] {
    LiveRoom* later = live(id);
    if (later == nullptr) return;
    later->rosterTimer = false;
    if (later->rosterDirty) stageRoster(*later);
    flushStaged();
    touch(*later);
  });
}

void RoomShard::typing(Actor actor, RoomId id, SessionAddress session, bool typing) {
  LiveRoom* room = live(id);
  if (room == nullptr || room->room->app != actor.app || !room->inRoom(session)) return;
  const LiveMember* member = room->member(actor.user);
  if (member == nullptr || !granted(actor.grants, room->room->name, Permission::Write)) return;
  stage(*room, TypingEvent{member->user, session, typing});
  flushStaged();
}

void RoomShard::announce(Actor actor, RoomId id, SessionAddress session, UniqueFunction<void(Result<void>)> done) {
  whenLive(actor.app, id, [this, actor, session, done = std::move(done)](Result<LiveRoom*> found) mutable {
    if (!found.ok()) return done(std::move(found).error());
    LiveRoom& room = **found;
    if (auto may = mayAct(room, actor.user, actor.grants, Permission::Write); !may.ok()) return done(std::move(may).error());
    if (!room.last) return done(Error(Code::MessageNotFound, "The room has no message yet."));
    stage(room, RepeatEvent{room.last, session});
    flushStaged();
    done({});
  });
}

void RoomShard::seen(Actor actor, RoomId id, std::optional<Seq> upTo, UniqueFunction<void(Result<Seq>)> done) {
  whenLive(actor.app, id, [this, actor, upTo, done = std::move(done)](Result<LiveRoom*> found) mutable {
    if (!found.ok()) return done(std::move(found).error());
    LiveRoom& room = **found;
    if (auto may = mayAct(room, actor.user, actor.grants, Permission::Read); !may.ok()) return done(std::move(may).error());
    const LiveMember* member = room.member(actor.user);
    const Seq seq = std::min(upTo.value_or(room.counter.lastSeq), room.counter.lastSeq);
    if (seq <= member->read) {
      tellSeen(room, actor.user, member->read);
      return done(member->read);
    }
    auto& mark = room.readMarks[actor.user];
    mark.seq = std::max(mark.seq, seq);
    mark.waiting.push_back(std::move(done));
    if (!room.readWrite) writeReads(room);
    touch(room);
  });
}

void RoomShard::writeReads(LiveRoom& room) {
  // One write of a room at a time; what comes meanwhile waits for the next and coalesces per user.
  const RoomId id = room.room->id;
  auto marks = std::make_shared<std::map<UserId, LiveRoom::ReadMark>>(std::move(room.readMarks));
  room.readMarks.clear();
  room.readWrite = true;
  const Offer offer = context_.executor.work(room.room->app, [this, id, marks] {
    Result<void> outcome;
    for (const auto& [user, mark] : *marks) {
      outcome = context_.directory.markRead(id, user, mark.seq);
      // A member removed meanwhile is that member's affair; only the store being away fails the rest too.
      if (!outcome.ok() && outcome.error().status() >= 500) break;
      outcome = {};
    }
    (void)context_.executor.post(loop_, Mail::Completion, [this, id, marks, outcome = std::move(outcome)]() mutable {
      readsWritten(id, std::move(*marks), std::move(outcome));
    });
  });
  if (offer != Offer::Taken) readsWritten(id, std::move(*marks), Error(Code::Busy));
}

void RoomShard::readsWritten(RoomId id, std::map<UserId, LiveRoom::ReadMark> marks, Result<void> outcome) {
  LiveRoom* room = live(id);
  if (room != nullptr) room->readWrite = false;
  for (auto& [user, mark] : marks) {
    if (outcome.ok() && room != nullptr) {
      if (LiveMember* member = room->member(user)) member->read = std::max(member->read, mark.seq);
      tellSeen(*room, user, mark.seq);
      activity(*room, user);
    }
    for (auto& done : mark.waiting) done(outcome.ok() ? Result<Seq>(mark.seq) : Result<Seq>(outcome.error()));
  }
  if (room == nullptr) return;
  if (!room->readMarks.empty() && !room->readWrite) writeReads(*room);
  touch(*room);
  flushStaged();
}

void RoomShard::tellSeen(LiveRoom& room, UserId user, Seq seq) {
  const LiveMember* member = room.member(user);
  if (member == nullptr) return;
  SeenEvent event;
  event.user = member->user;
  event.seq = seq;
  if (room.last && room.last->seq == seq) event.message = room.last->id;
  event.at = context_.clock.wall();
  if (room.seenTimer) {
    room.seenDirty[user] = std::move(event);
    return;
  }
  stage(room, std::move(event));
  room.seenTimer = true;
  const RoomId id = room.room->id;
  context_.executor.after(loop_, kCoalesce, [this, id] {
    LiveRoom* later = live(id);
    if (later == nullptr) return;
    later->seenTimer = false;
    auto dirty = std::move(later->seenDirty);
    later->seenDirty.clear();
    for (auto& [who, newest] : dirty) stage(*later, std::move(newest));
    flushStaged();
    touch(*later);
  });
  flushStaged();
}

}  // namespace chatd
