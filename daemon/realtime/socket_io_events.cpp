// What a connected client says, in vocabulary A and B: one function an event.
#include "realtime/realtime.h"
#include "realtime/socket_io_session.h"

namespace chatd {

namespace {

constexpr Framing kFraming = Framing::WebSocket;

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

/// Empty if the room was deleted meanwhile.
std::string_view roomName(const Appended& appended) {
  return appended.room ? std::string_view(appended.room->name) : std::string_view();
}

}  // namespace

void SocketIoSession::event(sio::Packet packet) {
  Asked asked{std::string(packet.event()), packet.id};
  if (packet.fault) return refused(std::move(asked), std::move(*packet.fault));
  const auto take = [&](auto parsed, auto isSend) {
    if (!parsed.ok()) return refused(std::move(asked), std::move(parsed).error());
    const bool send = isSend(*parsed);
    if (!send && overEventRate()) {
      return refused(std::move(asked), Error(Code::RateLimited, "Too many events in too short a time."));
    }
    started(std::move(*parsed), std::move(asked));
  };
  if (vocabulary_b::speaks(asked.name)) {
    return take(vocabulary_b::parse(packet), [](const vocabulary_b::ClientEvent& e) {
      return std::holds_alternative<vocabulary_b::SendToChat>(e) || std::holds_alternative<vocabulary_b::Announce>(e);
    });
  }
  take(vocabulary_a::parse(packet),
       [](const vocabulary_a::ClientEvent& e) { return std::holds_alternative<vocabulary_a::SendMessage>(e); });
}

void SocketIoSession::refused(Asked asked, Error error) {
  // What is refused costs as much as what is done.
  if (error.code() != Code::RateLimited && overEventRate()) {
    error = Error(Code::RateLimited, "Too many events in too short a time.");
  }
  command(Kind::Step, [this, asked = std::move(asked), error = std::move(error)] {
    countRefusal(error);
    answer(asked, error);
  });
}

void SocketIoSession::started(vocabulary_a::ClientEvent event, Asked asked) {
  const bool send = std::holds_alternative<vocabulary_a::SendMessage>(event);
  const bool step = std::holds_alternative<vocabulary_a::Typing>(event);
  command(send   ? Kind::Send
          : step ? Kind::Step
                 : Kind::Barrier,
          [this, event = std::move(event), asked = std::move(asked)]() mutable {
            std::visit([&](auto& e) { run(e, std::move(asked)); }, event);
          });
}

void SocketIoSession::started(vocabulary_b::ClientEvent event, Asked asked) {
  Kind kind = Kind::Barrier;
  if (auto* send = std::get_if<vocabulary_b::SendToChat>(&event)) {
    // Into a room that is known a send goes its way at once; else it waits for the look-up, and what comes behind it waits
    // too.
    if (const auto id = knownRoom(send->room)) {
      send->room = *id;
      kind = Kind::Send;
    }
  }
  command(kind, [this, kind, event = std::move(event), asked = std::move(asked)]() mutable {
    std::visit(Overloaded{[&](vocabulary_b::SendToChat& e) { run(e, std::move(asked), kind); },
                          [&](auto& e) { run(e, std::move(asked)); }},
               event);
  });
}

void SocketIoSession::finish(const Asked& asked, const Result<void>& result) {
  if (!result.ok()) countRefusal(result.error());
  answer(asked, result);
  barrierDone();
}

void SocketIoSession::answer(const Asked& asked, const Result<void>& result) {
  if (result.ok()) {
    if (asked.ack) transport_->send(vocabulary_a::ackOk(kFraming, *asked.ack));
  } else if (asked.ack) {
    transport_->send(vocabulary_a::ackError(kFraming, *asked.ack, result.error()));
  } else {
    transport_->send(vocabulary_a::error(kFraming, result.error(), asked.name));
  }
}

void SocketIoSession::tellLost(const Room& room, Form form, const Error& why) {
  if (form == Form::A) {
    current_.reset();
    return transport_->send(vocabulary_a::error(kFraming, why));
  }
  transport_->send(vocabulary_b::lost(kFraming, why, room));
}

// ---- sends

void SocketIoSession::run(vocabulary_a::SendMessage& event, Asked asked) {
  if (!current_) {
    refusedSend(asked, Code::NotJoined);
    return commandDone(Kind::Send);
  }
  send(*current_, std::move(event), std::move(asked), Kind::Send);
}

void SocketIoSession::run(vocabulary_b::SendToChat& event, Asked asked, Kind kind) {
  withRoom(event.room,
           [message = std::move(event.message), asked = std::move(asked), kind](Session& base, Result<RoomId> room) mutable {
             auto& session = static_cast<SocketIoSession&>(base);
             if (room.ok()) return session.send(*room, std::move(message), std::move(asked), kind);
             session.refusedSend(asked, std::move(room).error());
             session.commandDone(kind);
           });
}

void SocketIoSession::refusedSend(const Asked& asked, Error error) {
  error = charged(std::move(error));
  countRefusal(error);
  answer(asked, error);
}

void SocketIoSession::send(RoomId room, wire::MessageFields message, Asked asked, Kind kind) {
  Realtime* realtime = &realtime_;
  realtime_.chat().send(sendCommand(room, std::move(message)), [realtime, address = address(), asked = std::move(asked),
                                                                kind](Result<Appended> result) mutable {
    // Encoded here, on the room's loop, so that the letter to the session's loop is only bytes.
    std::string frame;
    std::optional<Error> refused;
    if (!result.ok()) {
      refused = std::move(result).error();
    } else if (asked.ack) {
      frame = vocabulary_a::ackMessage(kFraming, *asked.ack, result->message, roomName(*result), result->duplicate);
    }
    realtime->withSession<SocketIoSession>(address, [frame = std::move(frame), refused = std::move(refused), kind,
                                                     asked = std::move(asked)](SocketIoSession& session) mutable {
      if (refused) {
        session.refusedSend(asked, *std::move(refused));
      } else if (!frame.empty()) {
        session.transport_->send(std::move(frame));
      }
      session.commandDone(kind);
    });
  });
}

void SocketIoSession::run(vocabulary_b::Announce& event, Asked asked) {
  withRoom(event.room, [asked = std::move(asked)](Session& base, Result<RoomId> room) mutable {
    auto& session = static_cast<SocketIoSession&>(base);
    if (!room.ok()) return session.finish(asked, std::move(room).error());
    session.realtime_.chat().announce(session.actor(), *room, session.address(), session.finishing(std::move(asked)));
  });
}

UniqueFunction<void(Result<void>)> SocketIoSession::finishing(Asked asked) {
  Realtime* realtime = &realtime_;
  return [realtime, address = address(), asked = std::move(asked)](Result<void> result) mutable {
    realtime->withSession<SocketIoSession>(address, [result = std::move(result), asked = std::move(asked)](
                                                        SocketIoSession& session) { session.finish(asked, result); });
  };
}

// ---- join, join-chat, leave-chat

void SocketIoSession::run(vocabulary_a::Join& event, Asked asked) {
  join(event.room, [asked = std::move(asked)](Session& session, Result<Joined> result) {
    static_cast<SocketIoSession&>(session).joined(std::move(result), asked);
  });
}

void SocketIoSession::joined(Result<Joined> result, const Asked& asked) {
  if (!result.ok()) return finish(asked, result.error());
  const Joined& j = *result;
  if (current_ && *current_ != j.room->id) leave(*current_, Form::A);
  current_ = j.room->id;
  listen(j, Form::A);
  std::string reply;
  if (asked.ack) {
    reply = vocabulary_a::ackRoom(kFraming, *asked.ack, *j.room, *j.members, j.unread, j.lastMessage.get());
  }
  reply += vocabulary_a::info(kFraming, "You have joined the room");
  const RecoveryOffset offset{j.room->id, j.counter.epoch, j.counter.lastSeq, j.counter.lastRev};
  reply += vocabulary_a::roomInfo(kFraming, *j.room, *j.members, j.unread, j.lastMessage.get(), toText(offset));
  reply += vocabulary_a::roomData(kFraming, *j.room, *j.roster, j.rosterTotal);
  transport_->sendReply(std::move(reply));
  barrierDone();
}

void SocketIoSession::run(vocabulary_b::JoinChat& event, Asked asked) {
  join(event.room, [asked = std::move(asked)](Session& session, Result<Joined> result) {
    static_cast<SocketIoSession&>(session).joinedChat(std::move(result), asked);
  });
}

void SocketIoSession::joinedChat(Result<Joined> result, const Asked& asked) {
  if (!result.ok()) return finish(asked, result.error());
  const Joined& j = *result;
  realtime_.unresumable().add(publicId_);
  listen(j, Form::B);
  if (asked.ack) {
    transport_->sendReply(vocabulary_a::ackRoom(kFraming, *asked.ack, *j.room, *j.members, j.unread, j.lastMessage.get()));
  }
  barrierDone();
}

void SocketIoSession::run(vocabulary_b::LeaveChat& event, Asked asked) {
  withRoom(event.room, [asked = std::move(asked)](Session& base, Result<RoomId> room) {
    auto& session = static_cast<SocketIoSession&>(base);
    if (!room.ok()) return session.finish(asked, std::move(room).error());
    const JoinedRoom* joined = session.joinedRoom(*room);
    if (joined == nullptr || !joined->b) return session.finish(asked, Error(Code::NotJoined));
    session.leave(*room, Form::B);
    session.finish(asked, {});
  });
}

// ---- typing, seen, load_more

void SocketIoSession::run(const vocabulary_a::Typing& event, Asked asked) {
  if (!current_) return answer(asked, Error(Code::NotJoined));
  realtime_.chat().typing(actor(), *current_, address(), event.typing);
  answer(asked, {});
}

void SocketIoSession::run(const vocabulary_a::Seen& /*event*/, Asked asked) {
  if (!current_) return finish(asked, Error(Code::NotJoined));
  realtime_.chat().seen(actor(), *current_, std::nullopt, [done = finishing(std::move(asked))](Result<Seq> result) mutable {
    done(result.ok() ? Result<void>() : Result<void>(std::move(result).error()));
  });
}

void SocketIoSession::run(const vocabulary_a::LoadMore& event, Asked asked) {
  if (!current_) return finish(asked, Error(Code::NotJoined));
  HistoryRequest request;
  request.page = static_cast<std::size_t>(event.page);
  request.query.limit = static_cast<std::size_t>(event.limit);
  Realtime* realtime = &realtime_;
  realtime_.chat().history(
      actor(), *current_, request,
      [realtime, address = address(), asked = std::move(asked)](Result<std::vector<Message>> result) mutable {
        std::string frame;
        if (result.ok()) frame = vocabulary_a::loadMore(kFraming, *result);
        Result<void> outcome = result.ok() ? Result<void>() : Result<void>(std::move(result).error());
        realtime->withSession<SocketIoSession>(address, [frame = std::move(frame), outcome = std::move(outcome),
                                                         asked = std::move(asked)](SocketIoSession& session) mutable {
          if (outcome.ok()) session.transport_->sendReply(std::move(frame));
          session.finish(asked, outcome);
        });
      });
}

}  // namespace chatd
