// Loading and eviction of rooms, and the way of messages and changes. Presence is in room_presence.cpp.
#include "chat/room_shard.h"

#include <algorithm>

namespace chatd {

namespace {

constexpr std::size_t kWaitingForLoad = 4096;  // commands that may wait for one room to be read
constexpr int kMaxChecks = 5;                  // access that changes faster than that is somebody's loop

bool banned(const User& user, Timestamp now) { return user.ban && (!user.ban->until || *user.ban->until > now); }

}  // namespace

// ---- rooms come and go

LiveRoom* RoomShard::live(RoomId id) {
  const auto it = rooms_.find(id);
  return it == rooms_.end() ? nullptr : it->second.get();
}

void RoomShard::whenLive(AppId app, RoomId id, UniqueFunction<void(Result<LiveRoom*>)> then) {
  if (LiveRoom* room = live(id)) {
    if (room->room->app != app) return then(Code::RoomNotFound);
    if (!room->refreshing) return then(room);
    if (room->waiting.size() >= kWaitingForLoad) return then(Code::Busy);
    room->waiting.push_back(std::move(then));
    return;
  }
  const auto [it, isNew] = loading_.try_emplace(id);
  if (it->second.waiting.size() >= kWaitingForLoad) return then(Code::Busy);
  it->second.waiting.push_back([app, then = std::move(then)](Result<LiveRoom*> room) mutable {
    // Who asks for a room of another app learns nothing of it, not even that it exists.
    if (room.ok() && (*room)->room->app != app) return then(Code::RoomNotFound);
    then(std::move(room));
  });
  if (isNew) startLoad(app, id);
}

void RoomShard::startLoad(AppId app, RoomId id) {
  const Offer offer = context_.executor.work(app, [this, app, id] {
    auto state = context_.directory.roomState(id);
    // Completion: refused only when the loop has stopped, and then nobody waits any more.
    (void)context_.executor.post(loop_, Mail::Completion,
                                 [this, app, id, state = std::move(state)]() mutable { loaded(app, id, std::move(state)); });
  });
  if (offer != Offer::Taken) loaded(app, id, Error(Code::Busy));
}

void RoomShard::loaded(AppId app, RoomId id, Result<RoomState> state) {
  const auto it = loading_.find(id);
  if (it->second.again) {
    it->second.again = false;
    return startLoad(app, id);
  }
  auto waiting = std::move(it->second.waiting);
  loading_.erase(it);
  if (!state.ok()) {
    for (auto& then : waiting) then(state.error());
    return;
  }
  evictIdle();
  LiveRoom* room =
      rooms_.emplace(id, std::make_unique<LiveRoom>(std::move(*state), context_.executor.loops())).first->second.get();
  context_.names.live(*room->room);
  context_.history.open(id, room->counter);
  index(*room);
  for (auto& then : waiting) {
    // One of those before may have found the room deleted.
    if (live(id) == room) {
      then(room);
    } else {
      then(Code::RoomNotFound);
    }
  }
  if (live(id) == room) touch(*room);
  flushStaged();
}

void RoomShard::evictIdle() {
  const std::size_t limit = std::max<std::size_t>(1, context_.currentLimits()->liveRooms / context_.executor.loops());
  while (rooms_.size() >= limit && !idleOrder_.empty()) drop(idleOrder_.front());
}

void RoomShard::drop(RoomId id) {
  LiveRoom& room = *rooms_.at(id);
  if (room.idlePlace) idleOrder_.erase(*room.idlePlace);
  unindex(room);
  context_.names.gone(*room.room);
  context_.history.forget(id);
  rooms_.erase(id);
}

void RoomShard::index(LiveRoom& room) {
  for (const UserId user : room.memberIds()) roomsOf_[user].push_back(room.room->id);
}

void RoomShard::unindex(LiveRoom& room) {
  for (const UserId user : room.memberIds()) {
    const auto it = roomsOf_.find(user);
    std::erase(it->second, room.room->id);
    if (it->second.empty()) roomsOf_.erase(it);
  }
}

void RoomShard::touch(LiveRoom& room) {
  if (room.idlePlace) {
    idleOrder_.erase(*room.idlePlace);
    room.idlePlace.reset();
  }
  if (room.idle()) {
    idleOrder_.push_back(room.room->id);
    room.idlePlace = std::prev(idleOrder_.end());
  }
}

void RoomShard::refresh(RoomId id) {
  if (LiveRoom* room = live(id)) return startRefresh(*room);
  if (const auto it = loading_.find(id); it != loading_.end()) it->second.again = true;
}

void RoomShard::startRefresh(LiveRoom& room) {
  if (room.refreshing) {
    room.refreshAgain = true;
    return;
  }
  room.refreshing = true;
  const RoomId id = room.room->id;
  const Offer offer = context_.executor.work(room.room->app, [this, id] {
    auto state = context_.directory.roomState(id);
    (void)context_.executor.post(loop_, Mail::Completion,
                                 [this, id, state = std::move(state)]() mutable { refreshed(id, std::move(state)); });
  });
  if (offer == Offer::Taken) return;
  // The workers are full: the room must not go on with members that are no longer so. It asks again in a moment; until then
  // a send under the old access revision is refused by the log.
  context_.executor.after(loop_, std::chrono::milliseconds(50), [this, id] {
    if (LiveRoom* again = live(id)) {
      again->refreshing = false;
      startRefresh(*again);
    }
  });
}

void RoomShard::refreshed(RoomId id, Result<RoomState> state) {
  LiveRoom* room = live(id);
  if (room == nullptr) return;
  room->refreshing = false;
  if (room->refreshAgain) {
    room->refreshAgain = false;
    return startRefresh(*room);
  }
  if (!state.ok()) {
    if (state.error().code() == Code::RoomNotFound) return deleted(id);
    // The store is away: try again, as above.
    room->refreshing = true;
    context_.executor.after(loop_, std::chrono::milliseconds(250), [this, id] {
      if (LiveRoom* again = live(id)) {
        again->refreshing = false;
        startRefresh(*again);
      }
    });
    return;
  }
  context_.names.gone(*room->room);
  unindex(*room);
  const std::string formerName = room->room->name;
  std::vector<UserId> gone = room->refresh(std::move(*state));
  index(*room);
  context_.names.live(*room->room);
  context_.history.open(id, room->counter);
  if (!gone.empty()) loseUsers(*room, std::move(gone));
  // Its sessions hear who is there under the new name; those whose token does not name it lose the room by that letter.
  if (room->room->name != formerName && room->sessions() > 0) rosterChanged(*room);
  if (room->rechecking && room->inFlight == 0) resubmitHeld(id);
  auto waiting = std::move(room->waiting);
  room->waiting.clear();
  for (auto& then : waiting) then(room);
  touch(*room);
  flushStaged();
}

void RoomShard::deleted(RoomId id) {
  followers_.erase(id);
  if (const auto it = loading_.find(id); it != loading_.end()) it->second.again = true;
  LiveRoom* room = live(id);
  if (room == nullptr) return;
  stage(*room, LostEvent{nullptr, true, Code::RoomDeleted});
  flushStaged();
  auto held = std::move(room->held);
  auto marks = std::move(room->readMarks);
  auto waiting = std::move(room->waiting);
  // Commands with the log find their room gone when they come back; appended() answers them all the same.
  drop(id);
  for (auto& [slot, send] : held) finish(send, Code::RoomDeleted);
  for (auto& then : waiting) then(Code::RoomNotFound);
  for (auto& [user, mark] : marks) {
    for (auto& done : mark.waiting) done(Code::RoomDeleted);
  }
}

void RoomShard::userChanged(const User& user) {
  const auto it = roomsOf_.find(user.id);
  if (it == roomsOf_.end()) return;
  for (const RoomId id : it->second) rooms_.at(id)->replaceUser(user);
}

// ---- messages

Result<void> RoomShard::mayAct(LiveRoom& room, UserId user, const GrantsPtr& grants, Permission permission) {
  return chatd::mayAct(room.member(user) != nullptr, grants, room.room->name, permission);
}

void RoomShard::send(AppId app, PendingSend pending) {
  const RoomId id = pending.append.room;
  const std::uint64_t slot = ++nextSlot_;
  if (LiveRoom* room = live(id); room != nullptr && room->room->app == app) return sendTo(*room, slot, std::move(pending));
  whenLive(app, id, [this, slot, pending = std::move(pending)](Result<LiveRoom*> room) mutable {
    if (!room.ok()) return finish(pending, std::move(room).error());
    sendTo(**room, slot, std::move(pending));
  });
}

void RoomShard::sendTo(LiveRoom& room, std::uint64_t slot, PendingSend pending) {
  // While access is read again, nothing may pass what is held: a sender's messages would change places.
  if (room.rechecking || (room.refreshing && room.member(pending.append.sender) == nullptr)) {
    room.rechecking = true;
    room.held.emplace(slot, std::move(pending));
    return;
  }
  submit(room, slot, std::move(pending));
}

void RoomShard::submit(LiveRoom& room, std::uint64_t slot, PendingSend pending) {
  if (auto may = mayAct(room, pending.append.sender, pending.grants, Permission::Write); !may.ok()) {
    return finish(pending, std::move(may).error());
  }
  const LiveMember* member = room.member(pending.append.sender);
  if (banned(*member->user, context_.clock.wall())) return finish(pending, Code::Banned);
  if (++pending.checks > kMaxChecks) return finish(pending, Code::AccessChanged);

  Append append = std::move(pending.append);
  append.ticket = {static_cast<std::uint32_t>(loop_), slot};
  append.checkedUnder = room.counter.accessRev;
  const AppId app = append.app;
  pending.append.app = app;
  const auto place = inFlight_.emplace(slot, InFlight{room.room->id, std::move(pending), nullptr}).first;
  ++room.inFlight;
  const Offer offer = context_.log.stage(std::move(append));
  if (offer == Offer::Taken) return kickAtTurnEnd();
  --room.inFlight;
  PendingSend refused = std::move(place->second.send);
  inFlight_.erase(place);
  finish(refused, offer == Offer::Full ? Code::Busy : Code::Restarting);
}

void RoomShard::kickAtTurnEnd() {
  if (kickLater_) return;
  kickLater_ = true;
  // One commit for all that this turn reads: woken by the first of them, the commit thread would take that one alone.
  context_.executor.atTurnEnd(loop_, [this] {
    kickLater_ = false;
    context_.log.kick();
  });
}

void RoomShard::finish(PendingSend& pending, Result<Appended> result) {
  context_.budgets.releaseCommand(pending.append.app);
  pending.done(std::move(result));
}

void RoomShard::committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) {
  batching_ = true;
  for (AppendOutcome& outcome : appends) appended(std::move(outcome));
  for (ChangeOutcome& outcome : changes) changed(std::move(outcome));
  batching_ = false;
  flushStaged();
}

void RoomShard::appended(AppendOutcome outcome) {
  const auto it = inFlight_.find(outcome.request.ticket.slot);
  CHATD_ASSERT(it != inFlight_.end());
  const RoomId id = it->second.room;
  const std::uint64_t slot = it->first;
  PendingSend pending = std::move(it->second.send);
  inFlight_.erase(it);
  LiveRoom* room = live(id);
  if (room != nullptr) --room->inFlight;

  if (room != nullptr && !outcome.result.ok() && outcome.result.error().code() == Code::AccessChanged) {
    // Checked under an older revision. Hold it with whatever comes behind, read the members again, then check again.
    pending.append = std::move(outcome.request);
    room->rechecking = true;
    room->held.emplace(slot, std::move(pending));
    startRefresh(*room);
    return;
  }
  if (room != nullptr && outcome.result.ok() && !outcome.result->duplicate) {
    stored(*room, outcome.result->message);
  }
  pending.append.app = outcome.request.app;
  if (room != nullptr && outcome.result.ok()) outcome.result->room = room->room;
  finish(pending, std::move(outcome.result));
  if (room == nullptr) return;
  if (room->rechecking && room->inFlight == 0 && !room->refreshing) resubmitHeld(id);
  touch(*room);
}

void RoomShard::resubmitHeld(RoomId id) {
  LiveRoom* room = live(id);
  room->rechecking = false;
  auto held = std::move(room->held);
  room->held.clear();
  for (auto& [slot, pending] : held) submit(*room, slot, std::move(pending));
}

// ---- edits and deletions

void RoomShard::change(Actor actor, Message target, Change::Kind kind, std::string text, ChangeDone done) {
  const RoomId id = target.room;
  whenLive(actor.app, id,
           [this, actor, target = std::move(target), kind, text = std::move(text),
            done = std::move(done)](Result<LiveRoom*> found) mutable {
             if (!found.ok()) return done(std::move(found).error());
             LiveRoom& room = **found;
             const LiveMember* member = room.member(actor.user);
             const auto role = member != nullptr ? std::optional(member->role) : std::nullopt;
             if (auto may = mayChange(actor, role, room.room->name, target.sender, kind); !may.ok()) {
               return done(std::move(may).error());
             }
             Change request;
             request.ticket = {static_cast<std::uint32_t>(loop_), ++nextSlot_};
             request.app = actor.app;
             request.room = room.room->id;
             request.message = target.id;
             request.kind = kind;
             request.text = std::move(text);
             const auto place = inFlight_.emplace(request.ticket.slot, InFlight{room.room->id, {}, std::move(done)}).first;
             ++room.inFlight;
             const Offer offer = context_.log.change(std::move(request));
             if (offer == Offer::Taken) return;
             --room.inFlight;
             ChangeDone refused = std::move(place->second.changeDone);
             inFlight_.erase(place);
             refused(offer == Offer::Full ? Code::Busy : Code::Restarting);
           });
}

void RoomShard::changed(ChangeOutcome outcome) {
  const auto it = inFlight_.find(outcome.request.ticket.slot);
  CHATD_ASSERT(it != inFlight_.end());
  const RoomId id = it->second.room;
  ChangeDone done = std::move(it->second.changeDone);
  inFlight_.erase(it);
  LiveRoom* room = live(id);
  if (room != nullptr) {
    --room->inFlight;
    if (outcome.result.ok()) outcome.result->room = room->room;
    if (outcome.result.ok() && outcome.result->changed) stored(*room, outcome.request.kind, *outcome.result);
  }
  done(std::move(outcome.result));
  if (room == nullptr) return;
  if (room->rechecking && room->inFlight == 0 && !room->refreshing) resubmitHeld(id);
  touch(*room);
}

void RoomShard::trimmed(RoomId id, Seq firstSeq) {
  if (const auto it = loading_.find(id); it != loading_.end()) it->second.again = true;
  LiveRoom* room = live(id);
  if (room == nullptr) return;
  room->trim(firstSeq);
  context_.history.trim(id, firstSeq);
}

void RoomShard::late(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) {
  for (const AppendOutcome& outcome : appends) {
    if (LiveRoom* room = live(outcome.request.room)) stored(*room, outcome.result->message);
  }
  for (const ChangeOutcome& outcome : changes) {
    if (LiveRoom* room = live(outcome.request.room)) stored(*room, outcome.request.kind, *outcome.result);
  }
  flushStaged();
}

// ---- telling

// The counter may be ahead of it: the room was read again after the commit, before its outcome came here.
void RoomShard::stored(LiveRoom& room, const Message& stored) {
  auto message = std::make_shared<const Message>(stored);
  room.counter.lastSeq = std::max(room.counter.lastSeq, message->seq);
  // Retention may have taken it already, if its outcome was long in coming.
  if (message->seq >= room.counter.firstSeq && (!room.last || room.last->seq < message->seq)) room.last = message;
  context_.history.append(room.counter, message);
  // Who sends has read what came before; the log stored the same.
  if (LiveMember* sender = room.member(message->sender)) sender->read = std::max(sender->read, message->seq);
  room.toldSeq = std::max(room.toldSeq, message->seq);
  stage(room, MessageEvent{std::move(message), room.toldRev});
  activity(room);
}

void RoomShard::stored(LiveRoom& room, Change::Kind kind, const Changed& change) {
  auto message = std::make_shared<const Message>(change.message);
  room.counter.lastRev = std::max(room.counter.lastRev, change.rev);
  room.toldRev = std::max(room.toldRev, change.rev);
  context_.history.change(message);
  if (room.last && room.last->id == message->id) {
    room.last = message;
    activity(room);
  }
  if (kind == Change::Kind::Edit) {
    stage(room, UpdatedEvent{std::move(message), change.rev, room.toldSeq});
  } else {
    stage(room, DeletedEvent{std::move(message), change.rev, room.toldSeq});
  }
}

void RoomShard::stage(LiveRoom& room, RoomEvent event) {
  if (room.staged.empty()) stagedRooms_.push_back(room.room->id);
  room.staged.push_back(std::move(event));
}

void RoomShard::flushStaged() {
  if (batching_) return;
  std::vector<RoomId> ids;
  ids.swap(stagedRooms_);
  for (const RoomId id : ids) {
    LiveRoom* room = live(id);
    if (room == nullptr || room->staged.empty()) continue;
    auto letter = std::make_shared<RoomLetter>();
    letter->room = room->room;
    letter->app = room->room->app;
    letter->epoch = room->counter.epoch;
    letter->events.swap(room->staged);
    if (room->loops() != 0) context_.fanout.tell(room->loops(), std::move(letter));
    touch(*room);
  }
}

}  // namespace chatd
