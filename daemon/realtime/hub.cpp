#include "realtime/hub.h"

#include <algorithm>

#include "realtime/session.h"

namespace chatd {

namespace {
constexpr std::size_t kBudget = 256;                 // listeners told in one turn of the loop
constexpr std::chrono::milliseconds kBudgetTime{1};  // or this, whichever comes first
constexpr std::size_t kClockEvery = 64;              // listeners between two looks at the clock
constexpr std::size_t kLettersAtOnce = 64;           // letters of one room joined for one walk
}  // namespace

void Hub::add(Session& session) { sessions_.emplace(session.address().id, &session); }

void Hub::remove(Session& session) { sessions_.erase(session.address().id); }

Session* Hub::find(SessionId id) const {
  const auto it = sessions_.find(id);
  return it == sessions_.end() ? nullptr : it->second;
}

// A Socket.IO session may listen twice, once a vocabulary.
std::uint64_t Hub::key(const Session& session, Form form) {
  return raw(session.address().id) << 1 | (form == Form::B || form == Form::BMessages ? 1 : 0);
}

Hub::Listener* Hub::find(Session& session, RoomId id, Form form) {
  const auto found = rooms_.find(id);
  if (found == rooms_.end()) return nullptr;
  const auto place = found->second.places.find(key(session, form));
  return place == found->second.places.end() ? nullptr : &found->second.listeners[place->second];
}

void Hub::listen(Session& session, RoomId id, Form form, std::uint64_t rosterVersion, Seq seq, Told told) {
  Room& room = rooms_[id];
  const std::uint64_t from = room.first + room.pending.size();
  // With listeners there already the cursor is theirs: a loop that lags is behind what the newcomer has heard, and the
  // refill must begin where they stand.
  if (room.places.empty()) room.cursor = std::max(room.cursor, seq);
  const auto [it, isNew] = room.places.try_emplace(key(session, form), room.listeners.size());
  if (isNew) {
    room.listeners.push_back({&session, form, told != Told::Live, from, rosterVersion, seq, from});
    return;
  }
  Listener& listener = room.listeners[it->second];
  listener.rosterVersion = rosterVersion;
  listener.joinedAt = from;
  if (told == Told::Live) return;
  listener.holding = true;
  if (told == Told::Held) return;
  listener.from = from;
  listener.heard = seq;
}

void Hub::unlisten(Session& session, RoomId id, Form form) {
  const auto found = rooms_.find(id);
  if (found == rooms_.end()) return;
  Room& room = found->second;
  const auto place = room.places.find(key(session, form));
  if (place == room.places.end()) return;
  room.listeners[place->second].session = nullptr;
  room.places.erase(place);
  room.holes = true;
  if (room.batch == 0) compact(room);
  if (room.places.empty() && !room.active) rooms_.erase(found);
}

void Hub::changeForm(Session& session, RoomId id, Form form) {
  if (Listener* listener = find(session, id, form)) listener->form = form;
}

void Hub::tellHeld(Session& session, RoomId id, Form form, const EncodedLetter& letter) {
  const Listener* const found = find(session, id, form);
  if (found == nullptr) return;
  const Listener listener = *found;  // a session that is too slow leaves in the middle
  deliveries_.fetch_add(1, std::memory_order_relaxed);
  const bool some = listener.heard >= letter.firstSeq();
  const auto filtered = some ? letter.segmentsAfter(listener.form, listener.heard) : std::vector<Segment>();
  for (const Segment& s : some ? filtered : letter.segments(listener.form)) {
    if (concerns(listener, s)) session.push(s.frame);
  }
}

void Hub::endHold(Session& session, RoomId id, Form form) {
  if (Listener* listener = find(session, id, form)) listener->holding = false;
}

bool Hub::concerns(const Listener& listener, const Segment& s) {
  return s.forAll() || !(s.exceptSession == listener.session->address().id ||
                         (raw(s.exceptUser) != 0 && s.exceptUser == listener.session->user()) ||
                         (s.rosterVersion != 0 && s.rosterVersion <= listener.rosterVersion));
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
      room.places[key(*room.listeners[i].session, room.listeners[i].form)] = i;
    }
  }
}

std::optional<Seq> Hub::cursor(RoomId id) const {
  const auto it = rooms_.find(id);
  if (it == rooms_.end() || it->second.places.empty()) return std::nullopt;
  return it->second.cursor;
}

void Hub::renamed(RoomId id, const std::string& name) {
  Room& room = rooms_.at(id);
  room.name = name;
  std::vector<Session*> out;
  for (const Listener& listener : room.listeners) {
    if (listener.session != nullptr && !listener.session->mayRead(name)) out.push_back(listener.session);
  }
  // A Socket.IO session may be there twice; it leaves with both.
  for (Session* session : out) session->outOfBounds(id);
}

void Hub::deliver(std::shared_ptr<const EncodedLetter> letter) {
  const RoomId id = letter->letter().room->id;
  auto found = rooms_.find(id);
  if (found != rooms_.end() && found->second.name != letter->letter().room->name) {
    renamed(id, letter->letter().room->name);
    found = rooms_.find(id);  // the last one may have left
  }
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
  room.batchFirstSeq = room.pending.front()->firstSeq();
  for (std::size_t i = 1; i < room.batch; ++i) {
    room.batchFirstSeq = std::min(room.batchFirstSeq, room.pending[i]->firstSeq());
  }
}

const std::vector<Segment>& Hub::batchSegments(Room& room, Form form) {
  if (room.batch == 1) return room.pending.front()->segments(form);
  auto& segments = room.segments[static_cast<std::size_t>(form)];
  if (!segments) {
    std::vector<Segment> all;
    for (std::size_t i = 0; i < room.batch; ++i) {
      const auto& some = room.pending[i]->segments(form);
      all.insert(all.end(), some.begin(), some.end());
    }
    segments = joinSegments(std::move(all));
  }
  return *segments;
}

void Hub::endBatch(Room& room) {
  room.pending.erase(room.pending.begin(), room.pending.begin() + static_cast<std::ptrdiff_t>(room.batch));
  room.first += room.batch;
  room.batch = 0;
  room.next = 0;
  for (auto& segments : room.segments) segments.reset();
  compact(room);
}

void Hub::push(Listener& listener, const std::vector<Segment>& segments) {
  for (const Segment& s : segments) {
    if (!concerns(listener, s)) continue;
    listener.session->push(s.frame);
    if (listener.session == nullptr) return;  // it was too slow, and left
  }
}

void Hub::tell(Room& room, Listener& listener) {
  if (listener.from >= room.first + room.batch) return;  // came after all of them
  if (listener.holding) return hold(room, listener);
  deliveries_.fetch_add(room.batch, std::memory_order_relaxed);
  if (listener.from <= room.first && listener.heard < room.batchFirstSeq) {
    return push(listener, batchSegments(room, listener.form));
  }
  // Joined in the middle of this batch, or heard some of it another way: letter by letter.
  for (std::uint64_t n = std::max(listener.from, room.first); n < room.first + room.batch && listener.session != nullptr;
       ++n) {
    const EncodedLetter& letter = *room.pending[n - room.first];
    if (listener.heard < letter.firstSeq()) {
      push(listener, letter.segments(listener.form));
    } else {
      push(listener, letter.segmentsAfter(listener.form, listener.heard));
    }
  }
}

void Hub::hold(Room& room, Listener& listener) {
  for (std::uint64_t n = std::max(listener.from, room.first); n < room.first + room.batch; ++n) {
    listener.session->hold(room.pending[n - room.first]);
  }
}

void Hub::tellLost(RoomId id, std::uint64_t number, const LostEvent& lost) {
  const auto found = rooms_.find(id);
  if (found == rooms_.end()) return;
  std::vector<std::pair<Session*, Form>> losers;
  for (const Listener& listener : found->second.listeners) {
    if (listener.session == nullptr || number < listener.joinedAt) continue;
    const UserId user = listener.session->user();
    if (lost.everybody || std::find(lost.users->begin(), lost.users->end(), user) != lost.users->end()) {
      losers.emplace_back(listener.session, listener.form);
    }
  }
  for (const auto& [session, form] : losers) session->lostRoom(id, form, lost.why);
}

}  // namespace chatd
