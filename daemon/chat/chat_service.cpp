#include "chat/chat_service.h"

#include "base/text.h"
#include "chat/room_shard.h"

namespace chatd {

struct ChatService::Impl {
  Impl(Executor& executor, MessageLog& log, Directory& directory, Fanout& fanout, const Clock& clock,
       const ChatLimits& limits)
      : context{executor,  log,
                directory, fanout,
                clock,     {},
                {},        RecentHistory(limits.historyBytes),
                {},        std::make_shared<const ChatLimits>(limits)} {
    for (std::size_t i = 0; i < executor.loops(); ++i) shards.push_back(std::make_unique<RoomShard>(context, i));
  }

  /// Rooms are numbered one after the other; the multiplication spreads neighbours over the loops.
  [[nodiscard]] std::size_t home(RoomId room) const {
    return (static_cast<std::uint64_t>(raw(room)) * 0x9E3779B97F4A7C15ULL >> 32) % shards.size();
  }

  /// Runs `f(shard)` on the home loop of the room: at once if this is it. False: refused.
  template <class F>
  [[nodiscard]] bool at(RoomId room, Mail mail, F f) {
    const std::size_t loop = home(room);
    RoomShard* shard = shards[loop].get();
    if (context.executor.here() == loop) {
      f(*shard);
      return true;
    }
    return context.executor.post(loop, mail, [shard, f = std::move(f)]() mutable { f(*shard); });
  }

  /// As at(), for calls with an answer: a refused one is answered `busy`.
  template <class Done, class F>
  void ask(RoomId room, Done done, F f) {
    // Shared because a refused letter is destroyed with what it holds, and the answer is still owed.
    auto shared = std::make_shared<Done>(std::move(done));
    if (!at(room, Mail::Request, [shared, f = std::move(f)](RoomShard& shard) mutable { f(shard, std::move(*shared)); })) {
      (*shared)(Code::Busy);
    }
  }

  [[nodiscard]] Result<void> checkText(const std::string& text) {
    const auto limits = context.currentLimits();
    if (text.empty()) return Code::EmptyText;
    if (text.size() > limits->messageBytes) {
      return Error(Code::TooLarge, "The text has " + std::to_string(text.size()) + " bytes; at most " +
                                       std::to_string(limits->messageBytes) + " are allowed.");
    }
    if (text.find('\0') != std::string::npos) return Error(Code::InvalidText, "The text has a NUL character.");
    if (!isUtf8(text)) return Code::InvalidText;
    return {};
  }

  [[nodiscard]] Result<void> admit(const Actor& actor) {
    const auto limits = context.currentLimits();
    const Steady now = context.clock.steady();
    std::chrono::milliseconds wait{0};
    if (!actor.asApp && !users.take(raw(actor.user), {limits->messagesPerSecond, limits->messagesBurst}, now, &wait)) {
      Error e(Code::RateLimited, "At most " + std::to_string(limits->messagesPerSecond) + " messages a second, and " +
                                     std::to_string(limits->messagesBurst) + " at once.");
      return e.after(std::chrono::ceil<std::chrono::seconds>(wait));
    }
    switch (context.budgets.admitCommand(actor.app, limits->commandsPerApp, now)) {
      case AppBudgets::Admission::Taken:
        return {};
      case AppBudgets::Admission::Busy:
        return Error(Code::Busy, "Too many messages of this app wait to be stored.");
      case AppBudgets::Admission::RateLimited:
        break;
    }
    Error e(Code::RateLimited, "The app is over its quota of messages a second.");
    return e.after(std::chrono::seconds(1));
  }

  void change(Actor actor, MessageId message, Change::Kind kind, std::string text, RoomShard::ChangeDone done);
  /// To each home loop what is its own.
  void handOut(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes,
               void (RoomShard::*take)(std::vector<AppendOutcome>, std::vector<ChangeOutcome>));

  [[nodiscard]] std::optional<std::vector<Message>> recent(RoomId room, const HistoryRequest& request) {
    if (request.page) return context.history.page(room, *request.page, request.query.limit);
    return context.history.history(room, request.query);
  }
  /// What is read is kept for the next reader. Blocks; thread: worker.
  [[nodiscard]] Result<std::vector<Message>> fromLog(RoomId room, const HistoryRequest& request) {
    const auto mark = context.history.mark(room);
    auto found = request.page ? context.log.historyPage(room, *request.page, request.query.limit)
                              : context.log.history(room, request.query);
    if (mark && found.ok()) context.history.extend(room, *mark, *found);
    return found;
  }

  ChatContext context;
  TokenBuckets users;
  std::vector<std::unique_ptr<RoomShard>> shards;
};

ChatService::ChatService(Executor& executor, MessageLog& log, Directory& directory, Fanout& fanout, const Clock& clock,
                         const ChatLimits& limits)
    : impl_(std::make_unique<Impl>(executor, log, directory, fanout, clock, limits)) {
  log.setSink(this);
}

ChatService::~ChatService() = default;

Result<void> ChatService::checkText(const std::string& text) const { return impl_->checkText(text); }

void ChatService::send(SendCommand command, UniqueFunction<void(Result<Appended>)> done) {
  if (auto ok = impl_->checkText(command.text); !ok.ok()) return done(std::move(ok).error());
  if (command.clientMsgId && (command.clientMsgId->empty() || command.clientMsgId->size() > 128)) {
    return done(Error::field("clientMsgId", "give 1 to 128 bytes"));
  }
  if (auto ok = impl_->admit(command.actor); !ok.ok()) return done(std::move(ok).error());
  PendingSend pending;
  pending.append.app = command.actor.app;
  pending.append.room = command.room;
  pending.append.sender = command.actor.user;
  pending.append.sendId = randomSendId();
  pending.append.text = std::move(command.text);
  pending.append.clientMsgId = std::move(command.clientMsgId);
  pending.append.replyTo = command.replyTo;
  pending.append.metadata = std::move(command.metadata);
  pending.grants = std::move(command.actor.grants);
  pending.done = std::move(done);

  const std::size_t loop = impl_->home(command.room);
  RoomShard* shard = impl_->shards[loop].get();
  const AppId app = command.actor.app;
  if (impl_->context.executor.here() == loop) return shard->send(app, std::move(pending));
  auto shared = std::make_shared<PendingSend>(std::move(pending));
  if (!impl_->context.executor.post(loop, Mail::Request, [shard, app, shared] { shard->send(app, std::move(*shared)); })) {
    impl_->context.budgets.releaseCommand(app);
    shared->done(Code::Busy);
  }
}

void ChatService::Impl::change(Actor actor, MessageId message, Change::Kind kind, std::string text,
                               RoomShard::ChangeDone done) {
  auto shared = std::make_shared<RoomShard::ChangeDone>(std::move(done));
  // Which room it is in, only the store knows.
  const Offer offer =
      context.executor.work(actor.app, [this, actor, message, kind, text = std::move(text), shared]() mutable {
        auto found = context.log.find(message);
        if (!found.ok()) return (*shared)(std::move(found).error());
        if (found->app != actor.app) return (*shared)(Code::MessageNotFound);
        const RoomId room = found->message.room;
        ask(room, std::move(*shared),
            [actor, target = std::move(found->message), kind, text = std::move(text)](RoomShard& shard,
                                                                                      RoomShard::ChangeDone then) mutable {
              shard.change(actor, std::move(target), kind, std::move(text), std::move(then));
            });
      });
  if (offer != Offer::Taken) (*shared)(Code::Busy);
}

void ChatService::edit(Actor actor, MessageId message, std::string text, UniqueFunction<void(Result<Changed>)> done) {
  if (auto ok = impl_->checkText(text); !ok.ok()) return done(std::move(ok).error());
  if (auto ok = impl_->admit(actor); !ok.ok()) return done(std::move(ok).error());
  impl_->change(actor, message, Change::Kind::Edit, std::move(text),
                [this, app = actor.app, done = std::move(done)](Result<Changed> result) mutable {
                  impl_->context.budgets.releaseCommand(app);
                  done(std::move(result));
                });
}

void ChatService::remove(Actor actor, MessageId message, UniqueFunction<void(Result<Changed>)> done) {
  if (auto ok = impl_->admit(actor); !ok.ok()) return done(std::move(ok).error());
  impl_->change(actor, message, Change::Kind::Delete, {},
                [this, app = actor.app, done = std::move(done)](Result<Changed> result) mutable {
                  impl_->context.budgets.releaseCommand(app);
                  done(std::move(result));
                });
}

void ChatService::seen(Actor actor, RoomId room, std::optional<Seq> upTo, UniqueFunction<void(Result<Seq>)> done) {
  impl_->ask(room, std::move(done), [actor, room, upTo](RoomShard& shard, UniqueFunction<void(Result<Seq>)> then) {
    shard.seen(actor, room, upTo, std::move(then));
  });
}

void ChatService::join(Actor actor, RoomId room, RosterEntry entry, UniqueFunction<void(Result<Joined>)> done) {
  impl_->ask(room, std::move(done),
             [actor, room, entry = std::move(entry)](RoomShard& shard, UniqueFunction<void(Result<Joined>)> then) mutable {
               shard.join(actor, room, std::move(entry), std::move(then));
             });
}

void ChatService::leave(RoomId room, SessionAddress session) {
  // Completion: a session that left must not stay in a roster because a mailbox was full.
  (void)impl_->at(room, Mail::Completion, [room, session](RoomShard& shard) { shard.leave(room, session); });
}

void ChatService::typing(Actor actor, RoomId room, SessionAddress session, bool typing) {
  // May be dropped: the next one says it again.
  (void)impl_->at(room, Mail::Event, [=](RoomShard& shard) { shard.typing(actor, room, session, typing); });
}

void ChatService::announce(Actor actor, RoomId room, SessionAddress session, UniqueFunction<void(Result<void>)> done) {
  if (auto ok = impl_->admit(actor); !ok.ok()) return done(std::move(ok).error());
  impl_->context.budgets.releaseCommand(actor.app);  // nothing waits for a commit
  impl_->ask(room, std::move(done), [actor, room, session](RoomShard& shard, UniqueFunction<void(Result<void>)> then) {
    shard.announce(actor, room, session, std::move(then));
  });
}

void ChatService::resolve(AppId app, std::string name, UniqueFunction<void(Result<RoomId>)> done) {
  if (const auto id = impl_->context.names.find(app, name)) return done(*id);
  if (!impl_->context.names.ask(app, name, std::move(done))) return;
  Impl* impl = impl_.get();
  const Offer offer = impl->context.executor.work(app, [impl, app, name] {
    auto room = impl->context.directory.roomByName(app, name);
    impl->context.names.answered(app, name, room.ok() ? Result<RoomId>(room->id) : Result<RoomId>(room.error()));
  });
  if (offer != Offer::Taken) impl->context.names.answered(app, name, Code::Busy);
}

std::optional<RoomId> ChatService::liveRoom(AppId app, const std::string& name) {
  return impl_->context.names.find(app, name);
}

void ChatService::history(Actor actor, RoomId room, HistoryRequest request,
                          UniqueFunction<void(Result<std::vector<Message>>)> done) {
  using Done = UniqueFunction<void(Result<std::vector<Message>>)>;
  Impl* impl = impl_.get();
  impl->ask(room, std::move(done), [impl, actor, room, request](RoomShard& shard, Done then) {
    shard.mayRead(actor, room, [impl, actor, room, request, then = std::move(then)](Result<void> allowed) mutable {
      if (!allowed.ok()) return then(std::move(allowed).error());
      if (auto held = impl->recent(room, request)) return then(std::move(*held));
      auto shared = std::make_shared<Done>(std::move(then));
      const Offer offer =
          impl->context.executor.work(actor.app, [impl, room, request, shared] { (*shared)(impl->fromLog(room, request)); });
      if (offer != Offer::Taken) (*shared)(Code::Busy);
    });
  });
}

Result<std::vector<Message>> ChatService::messagesBetween(RoomId room, Seq after, Seq upTo, std::size_t limit) {
  if (auto held = impl_->context.history.range(room, after, upTo, limit)) return std::move(*held);
  return impl_->context.log.range(room, after, upTo, limit);
}

void ChatService::position(Actor actor, RoomId room, UniqueFunction<void(Result<RoomPosition>)> done) {
  impl_->ask(room, std::move(done), [actor, room](RoomShard& shard, UniqueFunction<void(Result<RoomPosition>)> then) {
    shard.position(actor, room, std::move(then));
  });
}

Result<Page<RoomSummary>> ChatService::roomsOf(const Actor& actor, RoomId after, std::size_t limit) {
  PageQuery page;
  page.limit = limit;
  page.cursor = raw(after);
  auto rooms = impl_->context.directory.rooms(actor.app, actor.user, page);
  if (rooms.ok() && actor.grants) {
    std::erase_if(rooms->items,
                  [&](const RoomSummary& each) { return !granted(actor.grants, each.room.name, Permission::Read); });
  }
  return rooms;
}

void ChatService::follow(UserId user, std::size_t loop, const std::vector<RoomId>& rooms, bool on) {
  std::vector<std::vector<RoomId>> perHome(impl_->shards.size());
  for (const RoomId room : rooms) perHome[impl_->home(room)].push_back(room);
  for (std::size_t i = 0; i < perHome.size(); ++i) {
    if (perHome[i].empty()) continue;
    RoomShard* shard = impl_->shards[i].get();
    // Completion: who stopped listening must not be written to for ever.
    (void)impl_->context.executor.post(i, Mail::Completion, [shard, user, loop, on, here = std::move(perHome[i])] {
      for (const RoomId room : here) shard->follow(room, user, static_cast<std::uint32_t>(loop), on);
    });
  }
}

void ChatService::countFollower(bool on) {
  if (on) {
    impl_->context.followers.fetch_add(1, std::memory_order_relaxed);
  } else {
    impl_->context.followers.fetch_sub(1, std::memory_order_relaxed);
  }
}

Result<bool> ChatService::holdsAll(RoomId room, Seq after, Seq upTo) {
  return impl_->context.log.holdsAll(room, after, upTo);
}

Result<std::vector<ChangedMessage>> ChatService::changesBetween(RoomId room, Rev after, Rev upTo, std::size_t limit) {
  return impl_->context.log.changes(room, after, upTo, limit);
}

bool ChatService::admitSession(AppId app) { return impl_->context.budgets.admitSession(app); }
void ChatService::releaseSession(AppId app) { impl_->context.budgets.releaseSession(app); }

void ChatService::accessChanged(RoomId room) {
  (void)impl_->at(room, Mail::Completion, [room](RoomShard& shard) { shard.refresh(room); });
}
void ChatService::membersChanged(AppId app, RoomId room, std::vector<MemberChange> changes) {
  (void)impl_->at(room, Mail::Completion, [app, room, changes = std::move(changes)](RoomShard& shard) mutable {
    shard.refresh(room);
    shard.membersChanged(app, room, std::move(changes));
  });
}
void ChatService::roomChanged(RoomId room) { accessChanged(room); }
void ChatService::roomDeleted(RoomId room) {
  (void)impl_->at(room, Mail::Completion, [room](RoomShard& shard) { shard.deleted(room); });
}
void ChatService::userChanged(const User& user) {
  auto shared = std::make_shared<const User>(user);
  for (std::size_t i = 0; i < impl_->shards.size(); ++i) {
    RoomShard* shard = impl_->shards[i].get();
    (void)impl_->context.executor.post(i, Mail::Completion, [shard, shared] { shard->userChanged(*shared); });
  }
}

void ChatService::setLimits(const ChatLimits& limits) {
  auto next = std::make_shared<const ChatLimits>(limits);
  LockGuard g(impl_->context.mutex);
  impl_->context.limits = std::move(next);
}
void ChatService::setQuotas(AppId app, const AppQuotas& quotas) { impl_->context.budgets.setQuotas(app, quotas); }

void ChatService::trimmed(const std::vector<Trimmed>& rooms) {
  for (const Trimmed& one : rooms) {
    (void)impl_->at(one.room, Mail::Completion, [one](RoomShard& shard) { shard.trimmed(one.room, one.firstSeq); });
  }
}

ChatService::HistoryCounts ChatService::historyCounts() const {
  const RecentHistory& history = impl_->context.history;
  return {history.hits(), history.misses(), history.bytes()};
}

void ChatService::Impl::handOut(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes,
                                void (RoomShard::*take)(std::vector<AppendOutcome>, std::vector<ChangeOutcome>)) {
  struct Batch {
    std::vector<AppendOutcome> appends;
    std::vector<ChangeOutcome> changes;
  };
  std::vector<Batch> perLoop(shards.size());
  for (auto& outcome : appends) perLoop[outcome.request.ticket.loop].appends.push_back(std::move(outcome));
  for (auto& outcome : changes) perLoop[outcome.request.ticket.loop].changes.push_back(std::move(outcome));
  for (std::size_t i = 0; i < perLoop.size(); ++i) {
    if (perLoop[i].appends.empty() && perLoop[i].changes.empty()) continue;
    RoomShard* shard = shards[i].get();
    (void)context.executor.post(i, Mail::Completion, [shard, take, batch = std::move(perLoop[i])]() mutable {
      (shard->*take)(std::move(batch.appends), std::move(batch.changes));
    });
  }
}

void ChatService::committed(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) {
  impl_->handOut(std::move(appends), std::move(changes), &RoomShard::committed);
}

void ChatService::late(std::vector<AppendOutcome> appends, std::vector<ChangeOutcome> changes) {
  impl_->handOut(std::move(appends), std::move(changes), &RoomShard::late);
}

}  // namespace chatd
