// Hub: the sessions of one loop, and who of them listens to which room. Walks the listeners of a room in slices, so that one
// room of thousands does not hold up the others. Owned by Realtime. Thread: its loop.
#pragma once

#include <array>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <vector>

#include "chat/executor.h"
#include "chat/fanout.h"
#include "realtime/encoded_letter.h"

namespace chatd {

class Session;

class Hub {
 public:
  Hub(Executor& executor, const Clock& clock, std::size_t loop) : executor_(executor), clock_(clock), loop_(loop) {}

  void add(Session& session);
  /// It must have left its rooms.
  void remove(Session& session);
  [[nodiscard]] Session* find(SessionId id) const;
  [[nodiscard]] std::size_t size() const { return sessions_.size(); }
  template <class F>
  void forEach(F f) {
    // By id, because f may end sessions.
    std::vector<SessionId> ids;
    ids.reserve(sessions_.size());
    for (const auto& [id, session] : sessions_) ids.push_back(id);
    for (const SessionId id : ids) {
      if (Session* session = find(id)) f(*session);
    }
  }

  /// How a listener is told.
  enum class Told : std::uint8_t {
    Live,
    Held,      ///< it is handed the letters themselves (Session::hold) until endHold()
    HeldAnew,  ///< the same; what was said before, it hears another way
  };
  /// From now on the session is told what the room says, in this form. It has heard of rosters up to `rosterVersion` and
  /// messages up to `seq`. Again for the same form (B and BMessages are one): it is told on where it stands.
  void listen(Session& session, RoomId room, Form form, std::uint64_t rosterVersion, Seq seq, Told told = Told::Live);
  void unlisten(Session& session, RoomId room, Form form);
  /// B becomes BMessages or the other way round.
  void changeForm(Session& session, RoomId room, Form form);
  /// Tells the session a letter that it has held.
  void tellHeld(Session& session, RoomId room, Form form, const EncodedLetter& letter);
  /// From now on it is told at once again.
  void endHold(Session& session, RoomId room, Form form);

  void deliver(std::shared_ptr<const EncodedLetter> letter);

  /// The highest message of the room that has been handed to this loop; where a refill goes on. Nothing: nobody listens.
  [[nodiscard]] std::optional<Seq> cursor(RoomId room) const;

  /// Messages × listeners, since start. For metrics; read from any thread through Realtime.
  [[nodiscard]] std::uint64_t deliveries() const { return deliveries_.load(std::memory_order_relaxed); }

 private:
  struct Listener {
    Session* session = nullptr;  ///< null: left while the room was being walked
    Form form = Form::A;
    bool holding = false;
    std::uint64_t from = 0;  ///< number of the first letter that concerns it
    std::uint64_t rosterVersion = 0;
    Seq heard{};                 ///< messages up to here reached it another way
    std::uint64_t joinedAt = 0;  ///< number of the next letter when it joined last: losses before that are history
  };
  struct Room {
    AppId app{};
    std::string name;  ///< as of the newest letter; empty: none has come
    std::vector<Listener> listeners;
    std::unordered_map<std::uint64_t, std::size_t> places;  ///< by key(session, form)
    std::deque<std::shared_ptr<const EncodedLetter>> pending;
    std::uint64_t first = 1;  ///< number of pending.front()
    Seq cursor{};
    // The walk under way: letters [first, first + batch) to listeners from `next` on.
    std::size_t batch = 0;
    std::size_t next = 0;
    Seq batchFirstSeq{};                                               ///< of the first new message in the batch
    std::array<std::optional<std::vector<Segment>>, kForms> segments;  ///< of a batch of several letters, once needed
    bool active = false;                                               ///< in the ring
    bool holes = false;                                                ///< some listeners are null
  };

  void turn();
  void schedule();
  /// Tells up to `budget` listeners; how many it told. The room is done when it has no pending letters.
  std::size_t slice(RoomId id, Room& room, std::size_t budget);
  void startBatch(Room& room);
  void endBatch(Room& room);
  void tell(Room& room, Listener& listener);
  void hold(Room& room, Listener& listener);
  void push(Listener& listener, const std::vector<Segment>& segments);
  [[nodiscard]] static bool concerns(const Listener& listener, const Segment& segment);
  [[nodiscard]] const std::vector<Segment>& batchSegments(Room& room, Form form);
  [[nodiscard]] static std::uint64_t key(const Session& session, Form form);
  [[nodiscard]] Listener* find(Session& session, RoomId room, Form form);
  void tellLost(RoomId id, std::uint64_t number, const LostEvent& lost);
  /// Those who listen may not all be allowed the room under this name.
  void renamed(RoomId id, const std::string& name);
  void compact(Room& room);

  Executor& executor_;
  const Clock& clock_;
  const std::size_t loop_;
  std::unordered_map<SessionId, Session*> sessions_;
  std::unordered_map<RoomId, Room> rooms_;
  // Round robin over apps, and within an app over its rooms.
  std::deque<AppId> apps_;
  std::unordered_map<AppId, std::deque<RoomId>> active_;
  bool scheduled_ = false;
  std::atomic<std::uint64_t> deliveries_{0};
};

}  // namespace chatd
