#include "realtime/hub.h"

#include <algorithm>

#include "realtime/socket_io_session.h"

namespace chatd {

namespace {
constexpr std::size_t kBudget = 256;                 // listeners told in one turn of the loop
constexpr std::chrono::milliseconds kBudgetTime{1};  // or this, whichever comes first
constexpr std::size_t kClockEvery = 64;              // listeners between two looks at the clock
constexpr std::size_t kLettersAtOnce = 64;           // letters of one room joined for one walk
}  // namespace

void Hub::add(SocketIoSession& session) { sessions_.emplace(session.address().id, &session); }

void Hub::remove(SocketIoSession& session) {
  if (const auto room = session.room()) unlisten(session, *room);
  sessions_.erase(session.address().id);
}

SocketIoSession* Hub::find(SessionId id) const {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second;
}

void Hub::listen(SocketIoSession& session, RoomId id, std::uint64_t rosterVersion, Seq seq) {
  Room& room = rooms_[id];
  const std::uint64_t from = room.first + room.pending.size();
  room.cursor = std::max(room.cursor, seq);
  const auto [it, isNew] = room.places.try_emplace(session.address().id, room.listeners.size());
  if (isNew) {
    room.listeners.push_back({&session, from, rosterVersion, from});
  } else {
    room.listeners[it->second].rosterVersion = rosterVersion;
    room.listeners[it->second].joinedAt = from;
  }
}

void Hub::unlisten(SocketIoSession& session, RoomId id) {
  const auto found = rooms_.find(id);
  if (found == rooms_.end()) return;
  Room& room = found->second;
  const auto place = room.places.find(session.address().id);
  if (place == room.places.end()) return;
  room.listeners[place->second].session = nullptr;
  room.places.erase(place);
  room.holes = true;
  if (room.batch == 0) compact(room);
  if (room.places.empty() && !room.active) rooms_.erase(found);
}

void Hub::compact(Room& room) {
  if (!room.holes) return;
  room.holes = false;
  // A hole at the end costs nothing; else the last one moves into it. Order among listeners means nothing.
  for (std::size_t i = 0; i < room.listeners.size();) {
    if (room.listeners[i].session != nullptr) {
      ++i;
      continue;
    }
    room.listeners[i] = room.listeners.back();
    room.listeners.pop_back();
    if (i < room.listeners.size() && room.listeners[i].session != nullptr) {
      room.places[room.listeners[i].session->address().id] = i;
    }
  }
}

std::optional<Seq> Hub::cursor(RoomId id) const {
  const auto it = rooms_.find(id);
  if (it == rooms_.end() || it->second.places.empty()) return std::nullopt;
  return it->second.cursor;
}

void Hub::deliver(std::shared_ptr<const EncodedLetter> letter) {
  const RoomId id = letter->letter().room->id;
  const auto found = rooms_.find(id);
  if (found == rooms_.end() || found->second.places.empty()) return;
  Room& room = found->second;
  room.app = letter->letter().app;
  for (const RoomEvent& event : letter->letter().events) {
    if (const auto* m = std::get_if<MessageEvent>(&event)) room.cursor = std::max(room.cursor, m->message->seq);
  }
  room.pending.push_back(std::move(letter));
  if (!room.active) {
    room.active = true;
    auto& ring = active_[room.app];
    if (ring.empty()) apps_.push_back(room.app);
    ring.push_back(id);
  }
  schedule();
}

void Hub::schedule() {
  if (scheduled_) return;
  scheduled_ = true;
  // The next turn of this loop, so that what else arrives in this one is walked together.
  if (!executor_.post(loop_, Mail::Completion, [this] { turn(); })) scheduled_ = false;
}

void Hub::turn() {
  scheduled_ = false;
  const Steady until = clock_.steady() + kBudgetTime;
  std::size_t budget = kBudget;
  while (budget > 0 && !apps_.empty()) {
    const AppId app = apps_.front();
    apps_.pop_front();
    auto& ring = active_[app];
    const RoomId id = ring.front();
    ring.pop_front();
    Room& room = rooms_.at(id);
    const std::size_t told = slice(id, room, std::min(budget, kClockEvery));
    budget -= std::min(budget, std::max<std::size_t>(told, 1));
    if (room.pending.empty()) {
      room.active = false;
      if (room.places.empty()) rooms_.erase(id);
    } else {
      ring.push_back(id);
    }
    if (ring.empty()) {
      active_.erase(app);
    } else {
      apps_.push_back(app);
    }
    if (clock_.steady() >= until) break;
  }
  if (!apps_.empty()) schedule();
}

std::size_t Hub::slice(RoomId id, Room& room, std::size_t budget) {
  std::size_t told = 0;
  while (told < budget && !room.pending.empty()) {
    if (room.batch == 0) startBatch(room);
    while (room.next < room.listeners.size() && told < budget) {
      Listener& listener = room.listeners[room.next++];
      if (listener.session == nullptr) continue;
      tell(room, listener);
      ++told;
    }
    if (room.next < room.listeners.size()) break;
    // The members whom a letter removes have heard all that came before it.
    std::vector<std::pair<std::uint64_t, LostEvent>> lost;
    for (std::size_t i = 0; i < room.batch; ++i) {
      for (const RoomEvent& event : room.pending[i]->letter().events) {
        if (const auto* l = std::get_if<LostEvent>(&event)) lost.emplace_back(room.first + i, *l);
      }
    }
    endBatch(room);
    for (const auto& [number, l] : lost) tellLost(id, number, l);
  }
  return told;
}

void Hub::startBatch(Room& room) {
  room.batch = std::min(room.pending.size(), kLettersAtOnce);
  // Nothing that comes after a loss may reach those who lose the room: the batch ends with the loss.
  for (std::size_t i = 0; i < room.batch; ++i) {
    const auto& events = room.pending[i]->letter().events;
    if (std::any_of(events.begin(), events.end(), [](const RoomEvent& e) { return std::holds_alternative<LostEvent>(e); })) {
      room.batch = i + 1;
    }
  }
  room.next = 0;
  if (room.batch == 1) {
    room.segments = room.pending.front()->vocabularyA();
    return;
  }
  std::vector<Segment> all;
  for (std::size_t i = 0; i < room.batch; ++i) {
    const auto& some = room.pending[i]->vocabularyA();
    all.insert(all.end(), some.begin(), some.end());
  }
  room.segments = joinSegments(std::move(all));
}

void Hub::endBatch(Room& room) {
  room.pending.erase(room.pending.begin(), room.pending.begin() + static_cast<std::ptrdiff_t>(room.batch));
  room.first += room.batch;
  room.batch = 0;
  room.next = 0;
  room.segments.clear();
  compact(room);
}

void Hub::tell(Room& room, Listener& listener) {
  if (listener.from >= room.first + room.batch) return;  // came after all of them
  const auto push = [&](const std::vector<Segment>& segments) {
    for (const Segment& s : segments) {
      if (!s.forAll() && (s.exceptSession == listener.session->address().id ||
                          (raw(s.exceptUser) != 0 && s.exceptUser == listener.session->user()) ||
                          (s.rosterVersion != 0 && s.rosterVersion <= listener.rosterVersion))) {
        continue;
      }
      listener.session->push(s.frame);
      if (listener.session == nullptr) return;  // it was too slow, and left
    }
  };
  deliveries_.fetch_add(room.batch, std::memory_order_relaxed);
  if (listener.from <= room.first) return push(room.segments);
  // Joined in the middle of this batch: only the letters since then.
  for (std::uint64_t n = listener.from; n < room.first + room.batch && listener.session != nullptr; ++n) {
    push(room.pending[n - room.first]->vocabularyA());
  }
}

void Hub::tellLost(RoomId id, std::uint64_t number, const LostEvent& lost) {
  const auto found = rooms_.find(id);
  if (found == rooms_.end()) return;
  std::vector<SocketIoSession*> losers;
  for (const Listener& listener : found->second.listeners) {
    if (listener.session == nullptr || number < listener.joinedAt) continue;
    const UserId user = listener.session->user();
    if (lost.everybody || std::find(lost.users->begin(), lost.users->end(), user) != lost.users->end()) {
      losers.push_back(listener.session);
    }
  }
  for (SocketIoSession* session : losers) session->lostRoom(id, lost.why);
}

}  // namespace chatd
