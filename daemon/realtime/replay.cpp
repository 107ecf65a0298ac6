#include "realtime/replay.h"

#include <algorithm>

#include "protocol/json_wire.h"
#include "realtime/realtime.h"
#include "realtime/session.h"

namespace chatd {

namespace {

constexpr std::size_t kMostAPage = 128;              // messages or changes read at once
constexpr std::chrono::milliseconds kLookAgain{20};  // at an outbox that is over half
constexpr std::chrono::milliseconds kTryAgain{100};  // a read that failed
constexpr int kFailures = 50;                        // in a row, then the client is asked to come back

}  // namespace

Replay::Replay(Session& session, std::vector<Item> items, Decided decided)
    : session_(session),
      decided_(std::move(decided)),
      undecided_(items.size()),
      step_(++session.replaySteps_),
      timer_([](void* self) { static_cast<Replay*>(self)->wake(); }, this) {
  places_.resize(items.size());
  for (std::size_t i = 0; i < items.size(); ++i) places_[i].item = std::move(items[i]);
}

Replay::~Replay() = default;

// Ends with what it is given to: it has to come before its first use.
template <class F>
auto Replay::later(F f) {
  return
      [realtime = &session_.realtime_, address = session_.address(), step = step_, f = std::move(f)](auto result) mutable {
        realtime->withSession(address, [step, f = std::move(f), result = std::move(result)](Session& session) mutable {
          if (session.replay_ && session.replay_->step_ == step) f(*session.replay_, std::move(result));
        });
      };
}

// ---- what can be given

void Replay::start() {
  // The last of them may be the end of this object.
  const std::size_t count = places_.size();
  for (std::size_t i = 0; i < count; ++i) {
    session_.join(places_[i].item.room, [i, step = step_](Session& session, Result<Joined> result) {
      if (session.replay_ && session.replay_->step_ == step) session.replay_->joined(i, std::move(result));
    });
  }
}

void Replay::joined(std::size_t index, Result<Joined> result) {
  Place& p = places_[index];
  p.decision.joined = std::move(result);
  const bool twice = p.decision.joined.ok() && !placeOf_.try_emplace(p.decision.joined->room->id, index).second;
  if (twice) p.decision.joined = Error(Code::Invalid, "The room is named twice.");
  if (!p.decision.joined.ok()) {
    p.gone = true;
    return decided(index, std::nullopt);
  }
  p.room = p.decision.joined->room;
  session_.listen(*p.decision.joined, p.item.form, p.item.have.since ? Hub::Told::HeldAnew : Hub::Told::Held);
  decide(index);
}

void Replay::decide(std::size_t index) {
  Place& p = places_[index];
  const RoomCounter& counter = p.decision.joined->counter;
  const json_wire::Resume& have = p.item.have;
  p.at = p.end = counter.lastSeq;
  p.revAt = p.revEnd = counter.lastRev;
  if (!have.since) return decided(index, std::nullopt);
  const auto most = static_cast<std::int64_t>(session_.realtime_.options()->replay);
  const Rev sinceRev = have.sinceRev.value_or(p.revEnd);
  const bool otherHistory = (have.epoch && *have.epoch != counter.epoch) || *have.since > p.end || sinceRev > p.revEnd;
  if (otherHistory || raw(p.end) - raw(*have.since) > most || raw(p.revEnd) - raw(sinceRev) > most) {
    return decided(index, false);
  }
  p.at = *have.since;
  p.revAt = sinceRev;
  if (p.at == p.end) return decided(index, true);
  const Offer offer = session_.realtime_.executor().work(
      session_.app(), [chat = &session_.realtime_.chat(), id = p.room->id, after = p.at, end = p.end,
                       then = later([index](Replay& replay, Result<bool> all) {
                         if (all.ok()) return replay.decided(index, *all);
                         replay.undecidable(index, all.error());
                       })]() mutable { then(chat->holdsAll(id, after, end)); });
  if (offer != Offer::Taken) undecidable(index, Code::Busy);
}

void Replay::undecidable(std::size_t index, const Error& error) {
  Place& p = places_[index];
  if (!p.gone) {
    // The client asks once more.
    p.gone = true;
    p.decision.joined = error;
    dropHeld(p);
    session_.leave(p.room->id, p.item.form);
  }
  decided(index, std::nullopt);
}

void Replay::decided(std::size_t index, std::optional<bool> recovered) {
  Place& p = places_[index];
  p.decision.recovered = recovered;
  if (recovered && !*recovered) {
    p.at = p.end;
    p.revAt = p.revEnd;
  }
  if (--undecided_ > 0) return;
  step_ = ++session_.replaySteps_;
  std::vector<Decision> decisions;
  decisions.reserve(places_.size());
  for (const Place& each : places_) decisions.push_back(each.decision);
  decided_(session_, decisions);
  // It may have left some of them.
  for (Place& each : places_) each.gone = each.gone || session_.joinedRoom(each.room->id) == nullptr;
  play();
}

// ---- giving it

bool Replay::outboxHasRoom() {
  if (session_.transport_->unsentBytes() <= session_.realtime_.options()->outboxBytes / 2) return true;
  session_.transport_->arm(timer_, kLookAgain);
  return false;
}

void Replay::play() {
  if (playing_ || undecided_ > 0) return;
  playing_ = true;
  while (playOn()) {
  }
  playing_ = false;
  if (current_ == places_.size() && session_.state_ == Session::State::Connected) finish();
}

bool Replay::playOn() {
  if (session_.state_ != Session::State::Connected || current_ == places_.size() || waiting_ || resting_) {
    return false;
  }
  Place& p = places_[current_];
  if (p.gone) {
    ++current_;
    return true;
  }
  if (!outboxHasRoom()) return false;
  Hub& hub = session_.realtime_.hub(session_.address().loop);
  if (!p.listed) {
    list(p);
  } else if (!page_.empty()) {
    const FramePtr frame = std::move(page_.front());
    page_.pop_front();
    // One that is more than the outbox holds is a reply like others: the client asked for it.
    if (frame->size() > session_.realtime_.options()->outboxBytes / 2) {
      session_.transport_->sendReply(*frame);
    } else {
      session_.transport_->send(frame);
    }
  } else if (p.at < p.end || p.revAt < p.revEnd) {
    fetch();
  } else if (p.behind) {
    chase();
  } else if (!p.held.empty()) {
    const auto letter = std::move(p.held.front());
    p.held.pop_front();
    heldBytes_ -= letter->bytes();
    hub.tellHeld(session_, p.room->id, p.item.form, *letter);
  } else {
    hub.endHold(session_, p.room->id, p.item.form);
    placeOf_.erase(p.room->id);
    ++current_;
  }
  return true;
}

void Replay::list(Place& p) {
  p.listed = true;
  if (p.item.form != Form::Ws) return;
  const Joined& j = *p.decision.joined;
  session_.transport_->sendReply(json_wire::presenceList(*j.room, *j.roster, j.rosterTotal));
}

void Replay::finish() {
  // The end of this object.
  const auto self = std::move(session_.replay_);
  self->session_.barrierDone();
}

// ---- the log

void Replay::fetch() {
  const Place& p = places_[current_];
  const auto options = session_.realtime_.options();
  const std::size_t limit =
      std::clamp<std::size_t>(options->outboxBytes / 2 / std::max<std::size_t>(options->messageBytes, 1), 1, kMostAPage);
  waiting_ = true;
  step_ = ++session_.replaySteps_;
  const Offer offer = session_.realtime_.executor().work(
      session_.app(), [chat = &session_.realtime_.chat(), room = p.room, epoch = p.decision.joined->counter.epoch,
                       form = p.item.form, at = p.at, end = p.end, revAt = p.revAt, revEnd = p.revEnd, limit,
                       then = later([](Replay& replay, Result<Page> page) { replay.fetched(std::move(page)); })]() mutable {
        // Encoded here: the loop has others to serve.
        const Encoding encoding{*room, form, epoch};
        then(at < end ? messagePage(*chat, encoding, at, end, revAt, limit)
                      : changePage(*chat, encoding, at, revAt, revEnd, limit));
      });
  if (offer != Offer::Taken) fetched(Error(Code::Busy));
}

Result<Replay::Page> Replay::messagePage(ChatService& chat, const Encoding& encoding, Seq at, Seq end, Rev revAt,
                                         std::size_t limit) {
  CHATD_TRY(messages, chat.messagesBetween(encoding.room.id, at, end, limit));
  Page page;
  page.at = at;
  for (Message& m : messages) {
    // Retention took some while they were being given: what is left would be a part.
    if (m.seq != next(page.at)) return Error(Code::TooSlow);
    page.at = m.seq;
    const MessageEvent event{std::make_shared<const Message>(std::move(m)), revAt};
    if (auto segment = encodeEvent(encoding.room, event, encoding.form, encoding.epoch))
      page.frames.push_back(std::move(segment->frame));
  }
  if (page.at == at) return Error(Code::TooSlow);
  return page;
}

Result<Replay::Page> Replay::changePage(ChatService& chat, const Encoding& encoding, Seq at, Rev revAt, Rev revEnd,
                                        std::size_t limit) {
  CHATD_TRY(changes, chat.changesBetween(encoding.room.id, revAt, revEnd, limit));
  Page page;
  page.at = at;
  for (ChangedMessage& change : changes) {
    auto message = std::make_shared<const Message>(std::move(change.message));
    const RoomEvent event = change.kind == Change::Kind::Edit ? RoomEvent(UpdatedEvent{std::move(message), change.rev, at})
                                                              : RoomEvent(DeletedEvent{std::move(message), change.rev, at});
    if (auto segment = encodeEvent(encoding.room, event, encoding.form, encoding.epoch))
      page.frames.push_back(std::move(segment->frame));
  }
  // Changes of messages that retention took are gone with them: fewer than asked for is the end.
  page.revAt = changes.size() < limit ? revEnd : changes.back().rev;
  return page;
}

void Replay::fetched(Result<Page> page) {
  waiting_ = false;
  if (!page.ok()) return retry(page.error());
  failures_ = 0;
  Place& p = places_[current_];
  if (p.at < p.end) {
    p.at = page->at;
  } else {
    p.revAt = page->revAt;
  }
  page_ = std::move(page->frames);
  play();
}

void Replay::retry(const Error& error) {
  if (error.code() == Code::TooSlow) {
    return session_.transport_->close(ws::CloseCode::TooSlow, "the history is no longer whole");
  }
  if (++failures_ > kFailures) return session_.transport_->close(ws::CloseCode::TryAgainLater, error.wire());
  resting_ = true;
  session_.transport_->arm(timer_, kTryAgain);
}

void Replay::wake() {
  resting_ = false;
  play();
}

// ---- what is said meanwhile

void Replay::hold(const std::shared_ptr<const EncodedLetter>& letter) {
  const auto found = placeOf_.find(letter->letter().room->id);
  if (found == placeOf_.end()) return;
  Place& p = places_[found->second];
  if (p.behind) return;
  p.held.push_back(letter);
  heldBytes_ += letter->bytes();
  if (heldBytes_ <= session_.realtime_.options()->outboxBytes / 2) return;
  p.behind = true;
  dropHeld(p);
}

void Replay::dropHeld(Place& p) {
  for (const auto& letter : p.held) heldBytes_ -= letter->bytes();
  p.held.clear();
}

void Replay::chase() {
  waiting_ = true;
  step_ = ++session_.replaySteps_;
  session_.join(places_[current_].room->id, [step = step_](Session& session, Result<Joined> result) {
    if (session.replay_ && session.replay_->step_ == step) session.replay_->chased(std::move(result));
  });
}

void Replay::chased(Result<Joined> result) {
  waiting_ = false;
  if (!result.ok()) {
    // Not a member any more, or the room is gone: its loss is on its way.
    if (result.error().status() < 500) {
      places_[current_].gone = true;
      return play();
    }
    return retry(result.error());
  }
  failures_ = 0;
  Place& p = places_[current_];
  p.decision.joined = std::move(result);
  const RoomCounter& counter = p.decision.joined->counter;
  // A client that falls further behind than can be replayed is too slow; it comes back and is told so.
  const auto most = static_cast<std::int64_t>(session_.realtime_.options()->replay);
  if (raw(counter.lastSeq) - raw(p.at) > most || raw(counter.lastRev) - raw(p.revAt) > most) {
    return session_.transport_->close(ws::CloseCode::TooSlow, "too slow to read");
  }
  session_.listen(*p.decision.joined, p.item.form, Hub::Told::HeldAnew);
  p.behind = false;
  p.listed = false;
  p.end = counter.lastSeq;
  p.revEnd = counter.lastRev;
  play();
}

void Replay::lost(RoomId room) {
  const auto found = placeOf_.find(room);
  if (found == placeOf_.end()) return;
  const std::size_t index = found->second;
  placeOf_.erase(found);
  places_[index].gone = true;
  dropHeld(places_[index]);
  if (undecided_ > 0 || index != current_) return;
  page_.clear();
  waiting_ = false;
  step_ = ++session_.replaySteps_;
  play();
}

}  // namespace chatd
