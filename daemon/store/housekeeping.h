// Housekeeping: removes behind what is gone already for every reader: rows of deleted apps and rooms, expired tokens and
// idempotency keys; and what retention no longer keeps. Small steps, each a transaction of its own; what is left is found in
// the tables, so a restart goes on where the last run stopped. Owned by Store. Thread: commit thread.
#pragma once

#include <chrono>
#include <vector>

#include "base/clock.h"
#include "store/connection.h"
#include "store/retention.h"

namespace chatd::store {

class Housekeeping {
 public:
  /// `sweeps`: false for all writers of a database but one: nothing to remove, there is only the probe.
  Housekeeping(const Clock& clock, bool sweeps) : clock_(clock), sweeps_(sweeps), retention_(clock) {}

  /// One step: a few hundred rows. Runs inside an open transaction. `probe`: write something in any case, to see whether
  /// the database takes it. Throws.
  void step(Connection& connection, bool probe);
  /// There is something to remove: called by what deletes an app or a room, inside its transaction.
  void wanted() { more_ = true; }
  /// A retention was set: the same.
  void retentionChanged() { retention_.hurry(); }
  /// True if a step is worth its time.
  [[nodiscard]] bool more() const { return sweeps_ && (more_ || retention_.due()); }
  /// Under load, from one step to the next.
  [[nodiscard]] std::chrono::milliseconds pause() const;

  /// After the commit of a step: the rooms that lost messages in it.
  [[nodiscard]] std::vector<Trimmed> takeTrimmed() { return retention_.takeTrimmed(); }
  /// The step was not committed, or nobody knows.
  void rolledBack();

 private:
  bool purgeRoom(Connection& connection);
  bool purgeApp(Connection& connection);
  bool purgeExpired(Connection& connection);

  const Clock& clock_;
  const bool sweeps_;
  RetentionSweep retention_;
  bool more_ = true;
};

}  // namespace chatd::store
