#include "chat/live_room.h"

#include <algorithm>

namespace chatd {

namespace {
constexpr std::size_t kRosterChanges = 1024;  // between two roster events; more are told as a new list
}

LiveRoom::LiveRoom(RoomState state, std::size_t loops) : perLoop_(loops, 0) {
  refresh(std::move(state));
  toldSeq = counter.lastSeq;
  toldRev = counter.lastRev;
}

std::vector<UserId> LiveRoom::refresh(RoomState state) {
  room = std::make_shared<const Room>(std::move(state.room));
  // The snapshot may be older than a commit that has come back meanwhile: order never goes backwards.
  counter.lastSeq = std::max(counter.lastSeq, state.counter.lastSeq);
  counter.lastRev = std::max(counter.lastRev, state.counter.lastRev);
  counter.accessRev = std::max(counter.accessRev, state.counter.accessRev);
  counter.epoch = std::move(state.counter.epoch);
  trim(state.counter.firstSeq);
  if (state.lastMessage && state.lastMessage->seq >= counter.firstSeq && (!last || state.lastMessage->seq >= last->seq)) {
    last = std::make_shared<const Message>(std::move(*state.lastMessage));
  }

  std::unordered_map<UserId, LiveMember> now;
  now.reserve(state.members.size());
  for (Member& m : state.members) {
    const UserId id = m.user.id;
    LiveMember live{std::make_shared<const User>(std::move(m.user)), m.role, m.readSeq};
    if (const auto before = members_.find(id); before != members_.end())
      live.read = std::max(live.read, before->second.read);
    now.emplace(id, std::move(live));
  }
  std::vector<UserId> gone;
  for (const auto& [id, member] : members_) {
    if (!now.contains(id)) gone.push_back(id);
  }
  members_ = std::move(now);
  memberList_.reset();
  return gone;
}

void LiveRoom::trim(Seq firstSeq) {
  counter.firstSeq = std::max(counter.firstSeq, firstSeq);
  if (last && last->seq < counter.firstSeq) last.reset();
}

LiveMember* LiveRoom::member(UserId user) {
  const auto it = members_.find(user);
  return it == members_.end() ? nullptr : &it->second;
}

MembersPtr LiveRoom::memberList() {
  if (!memberList_) {
    auto list = std::make_shared<std::vector<Member>>();
    list->reserve(members_.size());
    for (const auto& [id, m] : members_) list->push_back({*m.user, m.role, m.read});
    std::sort(list->begin(), list->end(), [](const Member& a, const Member& b) { return a.user.id < b.user.id; });
    memberList_ = std::move(list);
  }
  return memberList_;
}

std::vector<UserId> LiveRoom::memberIds() const {
  std::vector<UserId> ids;
  ids.reserve(members_.size());
  for (const auto& [id, member] : members_) ids.push_back(id);
  return ids;
}

void LiveRoom::replaceUser(const User& user) {
  LiveMember* m = member(user.id);
  if (m == nullptr) return;
  m->user = std::make_shared<const User>(user);
  memberList_.reset();
}

bool LiveRoom::enter(const RosterEntry& entry) {
  const auto [it, isNew] = roster_.try_emplace(entry.session.id, Place{nextPlace_, entry.session.loop, entry.user});
  if (!isNew) return false;
  rosterOrder_.emplace(nextPlace_++, entry);
  noteRoster(entry, true);
  rosterHead_.reset();
  ++perLoop_[entry.session.loop];
  loopMask_ |= std::uint64_t{1} << entry.session.loop;
  return true;
}

void LiveRoom::noteRoster(const RosterEntry& entry, bool present) {
  if (rosterChanges_.size() >= kRosterChanges) return;
  rosterChanges_.insert_or_assign(entry.session.id, RosterChange{entry, present});
}

void LiveRoom::takeRosterChanges(RosterEvent& event, std::size_t limit) {
  auto joined = std::make_shared<std::vector<RosterEntry>>();
  auto left = std::make_shared<std::vector<RosterEntry>>();
  event.tooMany = rosterChanges_.size() >= std::min(limit, kRosterChanges);
  if (!event.tooMany) {
    for (auto& [id, change] : rosterChanges_) (change.present ? joined : left)->push_back(std::move(change.entry));
  }
  rosterChanges_.clear();
  event.joined = std::move(joined);
  event.left = std::move(left);
}

void LiveRoom::forget(const Place& place) {
  const auto entry = rosterOrder_.find(place.number);
  noteRoster(entry->second, false);
  rosterOrder_.erase(entry);
  rosterHead_.reset();
  if (--perLoop_[place.loop] == 0) loopMask_ &= ~(std::uint64_t{1} << place.loop);
}

bool LiveRoom::exit(SessionAddress session) {
  const auto it = roster_.find(session.id);
  if (it == roster_.end()) return false;
  forget(it->second);
  roster_.erase(it);
  return true;
}

void LiveRoom::exitUser(UserId user) {
  std::erase_if(roster_, [&](const auto& entry) {
    if (entry.second.user != user) return false;
    forget(entry.second);
    return true;
  });
}

std::shared_ptr<const std::vector<RosterEntry>> LiveRoom::rosterHead(std::size_t limit) {
  if (!rosterHead_) {
    auto head = std::make_shared<std::vector<RosterEntry>>();
    head->reserve(std::min(limit, rosterOrder_.size()));
    for (const auto& [number, entry] : rosterOrder_) {
      if (head->size() == limit) break;
      head->push_back(entry);
    }
    rosterHead_ = std::move(head);
  }
  return rosterHead_;
}

}  // namespace chatd
