// What a connected client says: vocabulary A, one event after the other. Sends may be under way together (the room keeps
// their order); everything else waits for what came before it and holds up what comes after it.
#include <algorithm>

#include "realtime/realtime.h"
#include "realtime/socket_io_session.h"

namespace chatd {

namespace {

constexpr std::size_t kUnderWay = 64;    // commands of a session, then its socket is not read
constexpr double kEventsPerSecond = 50;  // everything but sends, which have limits.messages_per_second
constexpr double kEventsBurst = 200;
constexpr int kFloodRefusals = 100;  // CONTRACT 3.3: 100 `rate_limited` in 10 s
constexpr std::chrono::seconds kFloodWindow{10};

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

}  // namespace

void SocketIoSession::event(sio::Packet packet) {
  Queued queued{Error(Code::UnknownEvent), std::string(packet.event()), packet.id};
  auto parsed = packet.fault ? Result<vocabulary_a::ClientEvent>(*packet.fault) : vocabulary_a::parse(packet);
  if (parsed.ok()) {
    const bool send = std::holds_alternative<vocabulary_a::SendMessage>(*parsed);
    if (!send && overEventRate()) {
      queued.event = Error(Code::RateLimited, "Too many events in too short a time.");
    } else {
      queued.event = std::move(*parsed);
    }
  } else {
    queued.event = std::move(parsed).error();
  }
  queue_.push_back(std::move(queued));
  pump();
  checkBackpressure();
}

bool SocketIoSession::overEventRate() {
  const Steady now = realtime_.clock().steady();
  const double passed = std::chrono::duration<double>(now - eventTokensAt_).count();
  eventTokens_ = std::min(kEventsBurst, eventTokens_ + passed * kEventsPerSecond);
  eventTokensAt_ = now;
  if (eventTokens_ < 1) return true;
  eventTokens_ -= 1;
  return false;
}

void SocketIoSession::checkBackpressure() {
  const std::size_t underWay = queue_.size() + inFlight_ + (barrier_ ? 1 : 0);
  if (!paused_ && underWay >= kUnderWay) {
    paused_ = true;
    transport_.pauseReading();
  } else if (paused_ && underWay < kUnderWay / 2 && state_ == State::Connected) {
    paused_ = false;
    transport_.resumeReading();
  }
}

void SocketIoSession::pump() {
  if (pumping_) return;  // an answer that came at once; the loop below goes on
  pumping_ = true;
  // While draining nothing new is started: what was not acknowledged, the client sends again to the next process.
  while (!queue_.empty() && !barrier_ && !draining_ && state_ == State::Connected) {
    const auto* event = std::get_if<vocabulary_a::ClientEvent>(&queue_.front().event);
    const bool send = event != nullptr && std::holds_alternative<vocabulary_a::SendMessage>(*event);
    if (!send && inFlight_ > 0) break;
    Queued queued = std::move(queue_.front());
    queue_.pop_front();
    start(std::move(queued));
  }
  pumping_ = false;
  if (draining_ && inFlight_ == 0 && !barrier_) drain();
}

void SocketIoSession::start(Queued queued) {
  if (const auto* error = std::get_if<Error>(&queued.event)) {
    countRefusal(*error);
    return answer(queued.name, queued.ack, *error);
  }
  auto event = std::move(std::get<vocabulary_a::ClientEvent>(queued.event));
  if (!room_ && !std::holds_alternative<vocabulary_a::Join>(event)) {
    return answer(queued.name, queued.ack, Error(Code::NotJoined));
  }
  // A call that is answered at once clears `barrier_` before it returns, so it is set before the call.
  std::visit(Overloaded{[&](vocabulary_a::SendMessage& e) { startSend(queued, std::move(e)); },
                        [&](const vocabulary_a::Typing& e) { typing(queued, e.typing); },
                        [&](const vocabulary_a::Join& e) {
                          barrier_ = true;
                          startJoin(queued, e);
                        },
                        [&](const vocabulary_a::Seen&) {
                          barrier_ = true;
                          startSeen(queued);
                        },
                        [&](const vocabulary_a::LoadMore& e) {
                          barrier_ = true;
                          startLoadMore(queued, e);
                        }},
             event);
}

void SocketIoSession::commandDone() {
  --inFlight_;
  pump();
  checkBackpressure();
}

void SocketIoSession::barrierDone() {
  barrier_ = false;
  pump();
  checkBackpressure();
}

void SocketIoSession::answer(const std::string& name, std::optional<std::uint64_t> ack, const Result<void>& result) {
  if (result.ok()) {
    if (ack) transport_.send(vocabulary_a::ackOk(Framing::WebSocket, *ack));
  } else if (ack) {
    transport_.send(vocabulary_a::ackError(Framing::WebSocket, *ack, result.error()));
  } else {
    transport_.send(vocabulary_a::error(Framing::WebSocket, result.error(), name));
  }
}

void SocketIoSession::countRefusal(const Error& error) {
  if (error.code() != Code::RateLimited) return;
  const Steady now = realtime_.clock().steady();
  if (now - refusalsFrom_ > kFloodWindow) {
    refusalsFrom_ = now;
    refusals_ = 0;
  }
  if (++refusals_ >= kFloodRefusals) transport_.close(ws::CloseCode::Flooding, row(Code::Flooding).wire);
}

// ---- send_message

void SocketIoSession::startSend(Queued& queued, vocabulary_a::SendMessage event) {
  SendCommand command;
  command.actor = actor();
  command.room = room_->id;
  command.text = std::move(event.text);
  command.clientMsgId = std::move(event.clientMsgId);
  command.replyTo = event.replyTo;
  command.metadata = std::move(event.metadata);
  ++inFlight_;
  Realtime* realtime = &realtime_;
  realtime_.chat().send(std::move(command), [realtime, address = address_, room = room_->room, ack = queued.ack,
                                             name = std::move(queued.name)](Result<Appended> result) mutable {
    // Encoded here, on the room's loop, so that the letter to the session's loop is only bytes.
    std::string frame;
    std::optional<Error> refused;
    if (!result.ok()) {
      refused = std::move(result).error();
    } else if (ack) {
      frame = vocabulary_a::ackMessage(Framing::WebSocket, *ack, result->message, room->name, result->duplicate);
    }
    realtime->withSession(address, [frame = std::move(frame), refused = std::move(refused), ack,
                                    name = std::move(name)](SocketIoSession& session) mutable {
      if (refused) {
        session.countRefusal(*refused);
        session.answer(name, ack, *refused);
      } else if (!frame.empty()) {
        session.transport_.send(std::move(frame));
      }
      session.commandDone();
    });
  });
}

// ---- join

void SocketIoSession::startJoin(Queued& queued, const vocabulary_a::Join& event) {
  if (const auto* id = std::get_if<RoomId>(&event.room)) return join(*id, queued);
  const std::string& name = std::get<std::string>(event.room);
  Realtime* realtime = &realtime_;
  realtime_.chat().resolve(
      app_, name, [realtime, address = address_, event = queued.name, ack = queued.ack](Result<RoomId> id) mutable {
        realtime->withSession(address, [id = std::move(id), event = std::move(event), ack](SocketIoSession& session) {
          if (id.ok()) return session.join(*id, Queued{Error(Code::UnknownEvent), event, ack});
          session.answer(event, ack, id.error());
          session.barrierDone();
        });
      });
}

void SocketIoSession::join(RoomId room, const Queued& queued) {
  Realtime* realtime = &realtime_;
  realtime_.chat().join(
      actor(), room, RosterEntry{address_, user_, publicId_},
      [realtime, address = address_, room, name = queued.name, ack = queued.ack](Result<Joined> result) mutable {
        realtime->withSession(
            address,
            [result = std::move(result), name = std::move(name), ack](SocketIoSession& session) mutable {
              session.joined(std::move(result), name, ack);
            },
            // It went while it was joining: the room must not keep a ghost.
            [realtime, room, address] { realtime->chat().leave(room, address); });
      });
}

void SocketIoSession::joined(Result<Joined> result, const std::string& name, std::optional<std::uint64_t> ack) {
  if (!result.ok()) {
    answer(name, ack, result.error());
    return barrierDone();
  }
  const Joined& j = *result;
  if (room_ && room_->id != j.room->id) leaveRoom();
  room_ = CurrentRoom{j.room->id, j.room};
  realtime_.hub(address_.loop).listen(*this, j.room->id, j.rosterVersion, j.counter.lastSeq);
  constexpr Framing framing = Framing::WebSocket;
  std::string reply;
  if (ack) reply = vocabulary_a::ackRoom(framing, *ack, *j.room, *j.members, j.unread, j.lastMessage.get());
  reply += vocabulary_a::info(framing, "You have joined the room");
  reply += vocabulary_a::roomInfo(framing, *j.room, *j.members, j.unread, j.lastMessage.get());
  reply += vocabulary_a::roomData(framing, *j.room, *j.roster, j.rosterTotal);
  transport_.sendReply(std::move(reply));
  barrierDone();
}

void SocketIoSession::leaveRoom() {
  if (!room_) return;
  const RoomId id = room_->id;
  realtime_.hub(address_.loop).unlisten(*this, id);
  room_.reset();
  realtime_.chat().leave(id, address_);
}

void SocketIoSession::lostRoom(RoomId room, Code why) {
  if (!room_ || room_->id != room) return;
  // The room has let go of it already. To say `leave` now could undo a join that is on its way, if the user was added again.
  realtime_.hub(address_.loop).unlisten(*this, room);
  room_.reset();
  const Error error = why == Code::Forbidden ? Error(why, "You are no longer a member of the room.") : Error(why);
  transport_.send(vocabulary_a::error(Framing::WebSocket, error));
}

// ---- typing, seen, load_more

void SocketIoSession::typing(Queued& queued, bool typing) {
  realtime_.chat().typing(actor(), room_->id, address_, typing);
  answer(queued.name, queued.ack, {});
}

void SocketIoSession::startSeen(Queued& queued) {
  Realtime* realtime = &realtime_;
  realtime_.chat().seen(actor(), room_->id, std::nullopt,
                        [realtime, address = address_, name = queued.name, ack = queued.ack](Result<Seq> result) mutable {
                          realtime->withSession(
                              address, [result = std::move(result), name = std::move(name), ack](SocketIoSession& session) {
                                session.answer(name, ack, result.ok() ? Result<void>() : Result<void>(result.error()));
                                session.barrierDone();
                              });
                        });
}

void SocketIoSession::startLoadMore(Queued& queued, const vocabulary_a::LoadMore& event) {
  HistoryRequest request;
  request.page = static_cast<std::size_t>(event.page);
  request.query.limit = static_cast<std::size_t>(event.limit);
  Realtime* realtime = &realtime_;
  realtime_.chat().history(
      actor(), room_->id, request,
      [realtime, address = address_, name = queued.name, ack = queued.ack](Result<std::vector<Message>> result) mutable {
        std::string frame;
        if (result.ok()) frame = vocabulary_a::loadMore(Framing::WebSocket, *result);
        realtime->withSession(address,
                              [frame = std::move(frame), error = result.ok() ? std::nullopt : std::optional(result.error()),
                               name = std::move(name), ack](SocketIoSession& session) mutable {
                                if (!error) session.transport_.sendReply(std::move(frame));
                                session.answer(name, ack, error ? Result<void>(*error) : Result<void>());
                                session.barrierDone();
                              });
      });
}

}  // namespace chatd
