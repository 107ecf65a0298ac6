// SqlMessageLog: the MessageLog port: writes to the committer of the room, reads on the pool. Owned by Store. Thread: any.
#pragma once

#include <utility>
#include <vector>

#include "chat/message_log.h"
#include "store/connection_pool.h"
#include "store/group_committer.h"

namespace chatd::store {

class SqlMessageLog final : public MessageLog {
 public:
  /// At least one committer; a room has the same one for ever, so that its order is that of one thread.
  SqlMessageLog(std::vector<GroupCommitter*> committers, Readers& readers)
      : committers_(std::move(committers)), readers_(readers) {}

  [[nodiscard]] Offer stage(Append&& append) override { return of(append.room).stage(std::move(append)); }
  void kick() override {
    for (GroupCommitter* each : committers_) each->kick();
  }
  [[nodiscard]] Offer change(Change&& change) override { return of(change.room).change(std::move(change)); }
  void setSink(LogSink* sink) override {
    for (GroupCommitter* each : committers_) each->setSink(sink);
  }

  Result<std::vector<Message>> history(RoomId room, const HistoryQuery& query) override;
  Result<std::vector<Message>> historyPage(RoomId room, std::size_t page, std::size_t limit) override;
  Result<std::vector<Message>> range(RoomId room, Seq after, Seq upTo, std::size_t limit) override;
  Result<bool> holdsAll(RoomId room, Seq after, Seq upTo) override;
  Result<std::vector<ChangedMessage>> changes(RoomId room, Rev after, Rev upTo, std::size_t limit) override;
  Result<Found> find(MessageId id) override;

 private:
  [[nodiscard]] GroupCommitter& of(RoomId room) const {
    return *committers_[static_cast<std::size_t>(raw(room)) % committers_.size()];
  }

  const std::vector<GroupCommitter*> committers_;
  Readers& readers_;
};

}  // namespace chatd::store
