// SqlMessageLog: the MessageLog port: writes to the committer, reads on the pool. Owned by Store. Thread: any.
#pragma once

#include "chat/message_log.h"
#include "store/connection_pool.h"
#include "store/group_committer.h"

namespace chatd::store {

class SqlMessageLog final : public MessageLog {
 public:
  SqlMessageLog(GroupCommitter& committer, Readers& readers) : committer_(committer), readers_(readers) {}

  [[nodiscard]] Offer stage(Append&& append) override { return committer_.stage(std::move(append)); }
  void kick() override { committer_.kick(); }
  [[nodiscard]] Offer change(Change&& change) override { return committer_.change(std::move(change)); }
  void setSink(LogSink* sink) override { committer_.setSink(sink); }

  Result<std::vector<Message>> history(RoomId room, const HistoryQuery& query) override;
  Result<std::vector<Message>> historyPage(RoomId room, std::size_t page, std::size_t limit) override;
  Result<std::vector<Message>> range(RoomId room, Seq after, Seq upTo, std::size_t limit) override;
  Result<bool> holdsAll(RoomId room, Seq after, Seq upTo) override;
  Result<std::vector<ChangedMessage>> changes(RoomId room, Rev after, Rev upTo, std::size_t limit) override;
  Result<Found> find(MessageId id) override;

 private:
  GroupCommitter& committer_;
  Readers& readers_;
};

}  // namespace chatd::store
