// Replay: brings a session that was away up to date in its rooms: joins them, decides for each whether all that was missed
// can be given, and then gives it, one room after the other, as fast as the client reads. A cursor and not a queue: a page
// is read from the log when the outbox has room for it; what is said meanwhile is held (shared letters, up to a bound) or,
// beyond it, read from the log too. Owned by its Session, while it lasts. Thread: the session's loop.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "base/task.h"
#include "chat/chat_service.h"
#include "net/timer_wheel.h"
#include "protocol/client_fields.h"
#include "protocol/json_wire.h"
#include "realtime/encoded_letter.h"

namespace chatd {

class Session;

class Replay {
 public:
  /// A room, and what the client has of it. Without `since` it is only joined.
  struct Item {
    wire::RoomRef room;
    Form form = Form::Ws;
    json_wire::Resume have;
  };
  struct Decision {
    Result<Joined> joined = Code::Busy;
    std::optional<bool> recovered;  ///< only if the client said `since`
  };
  /// Told once, when all rooms are decided and before anything of them is sent: the answer belongs here. Of a room that the
  /// session leaves in it, nothing is given.
  using Decided = UniqueFunction<void(Session&, const std::vector<Decision>&)>;

  /// The session is in a Barrier, which ends with the replay.
  Replay(Session& session, std::vector<Item> items, Decided decided);
  ~Replay();

  void start();
  /// A letter of a room that is not up to date yet.
  void hold(const std::shared_ptr<const EncodedLetter>& letter);
  /// The session has lost the room.
  void lost(RoomId room);
  /// Goes on: the outbox has room again.
  void play();

 private:
  struct Place {
    Item item;
    Decision decision;
    std::shared_ptr<const Room> room;  ///< null: not joined
    bool gone = false;                 ///< refused or lost
    bool listed = false;               ///< who is there has been told
    bool behind = false;               ///< more was said than is held: the rest is read from the log
    std::deque<std::shared_ptr<const EncodedLetter>> held;
    // What has been given, and where the log is read to.
    Seq at{};
    Seq end{};
    Rev revAt{};
    Rev revEnd{};
  };
  /// A page of the log, encoded.
  struct Page {
    std::deque<FramePtr> frames;
    Seq at{};
    Rev revAt{};
  };

  void joined(std::size_t index, Result<Joined> result);
  void decide(std::size_t index);
  void decided(std::size_t index, std::optional<bool> recovered);
  void undecidable(std::size_t index, const Error& error);
  /// One step; false: it has to wait, or it is over.
  [[nodiscard]] bool playOn();
  void list(Place& place);
  void fetch();
  void fetched(Result<Page> page);
  void retry(const Error& error);
  void wake();
  struct Encoding {
    const Room& room;
    Form form;
    const std::string& epoch;
  };
  static Result<Page> messagePage(ChatService& chat, const Encoding& encoding, Seq at, Seq end, Rev revAt,
                                  std::size_t limit);
  static Result<Page> changePage(ChatService& chat, const Encoding& encoding, Seq at, Rev revAt, Rev revEnd,
                                 std::size_t limit);
  void chase();
  void chased(Result<Joined> result);
  void dropHeld(Place& place);
  void finish();
  [[nodiscard]] bool outboxHasRoom();

  /// What takes a result on any thread and hands it to f(replay, result) on the session's loop, if this step is still
  /// awaited.
  template <class F>
  auto later(F f);

  Session& session_;
  std::vector<Place> places_;
  std::unordered_map<RoomId, std::size_t> placeOf_;
  Decided decided_;
  std::size_t undecided_;
  std::size_t current_ = 0;
  std::uint64_t step_;  ///< of what is awaited; answers to anything else are late
  std::deque<FramePtr> page_;
  bool waiting_ = false;  ///< for a page, or for a join
  bool resting_ = false;  ///< after a read that failed, until the timer
  bool playing_ = false;
  int failures_ = 0;  ///< reads that failed in a row
  std::size_t heldBytes_ = 0;
  net::Timer timer_;
};

}  // namespace chatd
