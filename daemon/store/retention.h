// RetentionSweep: removes the messages that a room's or its app's retention no longer keeps, oldest first. It walks over the
// rooms that have a rule, a bounded piece a step, and begins anew a minute after it was through. Where a room's history
// begins is kept in its counter, so a restart goes on where the last run stopped, and no search passes over what is gone
// already. What it leaves: the keys of repeats (message_key), and so a retry of a removed message is still a duplicate.
// Owned by Housekeeping. Thread: commit thread.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "chat/message_log.h"
#include "store/connection.h"

namespace chatd::store {

/// A retention as it is stored, and back. Errors: Internal (what is stored is not what toJson wrote).
[[nodiscard]] std::string toJson(const Retention& retention);
[[nodiscard]] Result<Retention> retentionFrom(std::string_view json);

/// As columns: NULL is none.
[[nodiscard]] OptText retentionColumn(const std::optional<Retention>& retention);
/// One that cannot be read keeps everything.
[[nodiscard]] std::optional<Retention> retentionOf(const OptText& column);

class RetentionSweep {
 public:
  explicit RetentionSweep(const Clock& clock) : clock_(clock) {}

  /// A bounded piece of the work, inside an open transaction. True: there is more. Throws.
  bool step(Connection& connection);
  /// A sweep is under way, or it is time for one.
  [[nodiscard]] bool due() const { return phase_ != Phase::Resting || clock_.steady() >= nextAt_; }
  /// A rule has changed.
  void hurry() { nextAt_ = {}; }

  /// What was removed since the last call: to be told once the transaction of step() is committed.
  [[nodiscard]] std::vector<Trimmed> takeTrimmed() { return std::exchange(trimmed_, {}); }
  /// The commit failed, or nobody knows. Rooms that were trimmed are looked at again, so that nobody goes untold.
  void rolledBack();

 private:
  enum class Phase { Resting, Rooms, Apps };
  struct Room {
    Int id = 0;
    Int first = 0;
    Int last = 0;
    std::optional<Int> oldest;  ///< created_at of the first message
  };

  void tellAgain(Connection& connection);
  bool stepRooms(Connection& connection);
  bool stepApps(Connection& connection);
  template <class R>
  bool trimAll(Connection& connection, const R& rows);
  /// False: the step has done its share and the room is not through.
  bool trim(Connection& connection, const Room& room, const Retention& rule);
  Int keptFrom(Connection& connection, const Room& room, const Retention& rule, Int end);
  [[nodiscard]] Int cutoff(Int days) const;

  const Clock& clock_;
  Phase phase_ = Phase::Resting;
  Steady nextAt_{};
  Int room_ = 0;  // the last room that is through; of app_ in Phase::Apps
  Int app_ = 0;
  std::optional<Retention> appRule_;  // of app_; nothing: look for the next app
  Int budget_ = 0;                    // messages that this step may still remove
  std::vector<Trimmed> trimmed_;
  std::vector<RoomId> untold_;
};

}  // namespace chatd::store
