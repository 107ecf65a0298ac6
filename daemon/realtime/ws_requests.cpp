// What a client on plain WebSocket asks: one function a request. Each is answered exactly once.
#include "realtime/realtime.h"
#include "realtime/ws_session.h"

namespace chatd {

namespace {

constexpr std::size_t kRoomsPage = 50;            // rooms read at once
constexpr std::size_t kRoomsAnswer = 1000;        // rooms of one answer
constexpr std::size_t kRoomsBytes = 1024 * 1024;  // and about so many bytes

template <class... F>
struct Overloaded : F... {
  using F::operator()...;
};
template <class... F>
Overloaded(F...) -> Overloaded<F...>;

std::string_view nameOf(const std::shared_ptr<const Room>& room) {
  return room ? std::string_view(room->name) : std::string_view();  // deleted meanwhile
}

json_wire::Standing standingOf(const Joined& joined, const std::optional<bool>& recovered = std::nullopt) {
  return {joined.room.get(), joined.counter, joined.unread, joined.lastMessage.get(), recovered};
}

}  // namespace

void WsSession::answer(std::string frame, Kind kind) {
  transport_->sendReply(std::move(frame));
  commandDone(kind);
}

void WsSession::answer(Id id, const Error& error, Kind kind) {
  transport_->send(json_wire::error(id, error));
  countRefusal(error);
  commandDone(kind);
}

void WsSession::start(json_wire::Body body, Id id) {
  Kind kind = std::holds_alternative<json_wire::Typing>(body) ? Kind::Step : Kind::Barrier;
  if (auto* send = std::get_if<json_wire::Send>(&body)) {
    // Into a room that is known a send goes its way at once; else it waits for the look-up, and what comes behind it waits
    // too.
    if (const auto room = knownRoom(send->room)) {
      send->room = *room;
      kind = Kind::Send;
    }
  } else if (const auto* typing = std::get_if<json_wire::Typing>(&body)) {
    if (!knownRoom(typing->room)) kind = Kind::Barrier;
  }
  command(kind, [this, kind, id, body = std::move(body)]() mutable {
    std::visit(
        Overloaded{[&](json_wire::Send& request) { run(request, id, kind); },
                   [&](json_wire::Typing& request) { run(request, id, kind); }, [&](auto& request) { run(request, id); }},
        body);
  });
}

// ---- auth

void WsSession::run(json_wire::Auth& request, Id id) {
  VerifyRequest verify;
  verify.token = std::move(request.token);
  verify.app = std::to_string(raw(app()));
  verify.clientIp = clientIp_;
  verify.origin = origin_;
  verify.fields = fields_;
  verify.session = true;
  Realtime* realtime = &realtime_;
  realtime_.verifier().verify(std::move(verify), [realtime, address = address(), id](Result<Identity> identity) {
    realtime->withSession<WsSession>(address, [identity = std::move(identity), id](WsSession& session) mutable {
      session.refreshed(std::move(identity), id);
    });
  });
}

void WsSession::refreshed(Result<Identity> identity, Id id) {
  if (!identity.ok()) return answer(id, identity.error(), Kind::Barrier);
  if (identity->app.id != app() || identity->user.id != user()) {
    return answer(id, Error(Code::Forbidden, "The token is another user's; open another session for it."), Kind::Barrier);
  }
  if (!realtime_.verifier().current(*identity)) return answer(id, Error(Code::TokenRevoked), Kind::Barrier);
  setToken(*identity);
  answer(json_wire::okAuth(id, expiresAt()), Kind::Barrier);
  if (state_ == State::Connected) watchToken();
}

// ---- rooms

void WsSession::run(json_wire::Join& request, Id id) {
  if (request.resume.since) {
    std::vector<Replay::Item> items;
    items.push_back({std::move(request.room), Form::Ws, std::move(request.resume)});
    return replay(std::move(items), [this, id](Session&, const std::vector<Replay::Decision>& decisions) {
      const Replay::Decision& decision = decisions.front();
      if (!decision.joined.ok()) {
        transport_->send(json_wire::error(id, decision.joined.error()));
        return countRefusal(decision.joined.error());
      }
      const Joined& j = *decision.joined;
      transport_->sendReply(json_wire::okJoin(id, standingOf(j, decision.recovered), *j.members));
    });
  }
  join(request.room, [this, id](Session&, Result<Joined> result) {
    if (!result.ok()) return answer(id, result.error(), Kind::Barrier);
    joined(*result, id);
  });
}

void WsSession::joined(const Joined& j, Id id) {
  listen(j, Form::Ws);
  std::string reply = json_wire::okJoin(id, standingOf(j), *j.members);
  reply += json_wire::presenceList(*j.room, *j.roster, j.rosterTotal);
  answer(std::move(reply), Kind::Barrier);
}

void WsSession::run(json_wire::Sync& request, Id id) {
  std::vector<Replay::Item> items;
  std::vector<std::string> keys;
  for (auto& entry : request.rooms) {
    items.push_back({std::move(entry.room), Form::Ws, std::move(entry.resume)});
    keys.push_back(std::move(entry.key));
  }
  replay(std::move(items), [this, id, keys = std::move(keys)](Session&, const std::vector<Replay::Decision>& decisions) {
    json_wire::SyncAnswer reply(id);
    for (std::size_t i = 0; i < decisions.size(); ++i) {
      if (decisions[i].joined.ok()) {
        reply.room(keys[i], standingOf(*decisions[i].joined, decisions[i].recovered));
      } else {
        reply.refused(keys[i], decisions[i].joined.error());
      }
    }
    transport_->sendReply(reply.finish());
  });
}

void WsSession::run(json_wire::Leave& request, Id id) {
  withRoom(request.room, [this, id](Session&, Result<RoomId> room) {
    if (!room.ok()) return answer(id, room.error(), Kind::Barrier);
    if (joinedRoom(*room) == nullptr) return answer(id, Error(Code::NotJoined), Kind::Barrier);
    leave(*room, Form::Ws);
    answer(json_wire::ok(id), Kind::Barrier);
  });
}

void WsSession::run(json_wire::Typing& request, Id id, Kind kind) {
  withRoom(request.room, [this, id, kind, typing = request.typing](Session&, Result<RoomId> room) {
    if (!room.ok()) return answer(id, room.error(), kind);
    if (joinedRoom(*room) == nullptr) return answer(id, Error(Code::NotJoined), kind);
    realtime_.chat().typing(actor(), *room, address(), typing);
    answer(json_wire::ok(id), kind);
  });
}

void WsSession::run(json_wire::Seen& request, Id id) {
  withRoom(request.room, [this, id, upTo = request.seq](Session&, Result<RoomId> room) {
    if (!room.ok()) return answer(id, room.error(), Kind::Barrier);
    Realtime* realtime = &realtime_;
    realtime_.chat().seen(actor(), *room, upTo, [realtime, address = address(), id](Result<Seq> seq) {
      realtime->withSession<WsSession>(address, [seq = std::move(seq), id](WsSession& session) {
        if (!seq.ok()) return session.answer(id, seq.error(), Kind::Barrier);
        session.answer(json_wire::okSeen(id, *seq), Kind::Barrier);
      });
    });
  });
}

// ---- messages

void WsSession::run(json_wire::Send& request, Id id, Kind kind) {
  withRoom(request.room, [this, id, kind, message = std::move(request.message)](Session&, Result<RoomId> room) mutable {
    if (!room.ok()) return answer(id, charged(std::move(room).error()), kind);
    send(*room, std::move(message), id, kind);
  });
}

void WsSession::send(RoomId room, wire::MessageFields message, Id id, Kind kind) {
  Realtime* realtime = &realtime_;
  realtime_.chat().send(
      sendCommand(room, std::move(message)), [realtime, address = address(), id, kind](Result<Appended> result) {
        // Encoded here, on the room's loop, so that the letter to the session's loop is only bytes.
        std::string frame;
        std::optional<Error> refused;
        if (result.ok()) {
          frame = json_wire::okSend(id, result->message, nameOf(result->room), result->duplicate);
        } else {
          refused = std::move(result).error();
        }
        realtime->withSession<WsSession>(
            address, [frame = std::move(frame), refused = std::move(refused), id, kind](WsSession& session) mutable {
              if (refused) return session.answer(id, session.charged(*std::move(refused)), kind);
              session.answer(std::move(frame), kind);
            });
      });
}

UniqueFunction<void(Result<Changed>)> WsSession::changing(Id id) {
  Realtime* realtime = &realtime_;
  return [realtime, address = address(), id](Result<Changed> result) {
    realtime->withSession<WsSession>(address, [result = std::move(result), id](WsSession& session) {
      if (!result.ok()) return session.answer(id, result.error(), Kind::Barrier);
      session.answer(json_wire::okChange(id, result->message, nameOf(result->room), result->rev), Kind::Barrier);
    });
  };
}

void WsSession::run(json_wire::Edit& request, Id id) {
  realtime_.chat().edit(actor(), request.message, std::move(request.text), changing(id));
}

void WsSession::run(json_wire::Delete& request, Id id) { realtime_.chat().remove(actor(), request.message, changing(id)); }

// ---- reading

void WsSession::run(json_wire::History& request, Id id) {
  withRoom(request.room, [this, id, request](Session&, Result<RoomId> room) {
    if (!room.ok()) return answer(id, room.error(), Kind::Barrier);
    history(*room, request, id);
  });
}

void WsSession::history(RoomId room, const json_wire::History& asked, Id id) {
  HistoryRequest request;
  request.query.before = asked.before;
  request.query.after = asked.after;
  request.query.limit = asked.limit + 1;  // one more says whether there is more
  Realtime* realtime = &realtime_;
  const Actor who = actor();
  realtime_.chat().position(
      who, room, [=, address = address(), limit = asked.limit, upward = asked.after.has_value()](Result<RoomPosition> at) {
        if (!at.ok()) {
          return realtime->withSession<WsSession>(
              address, [error = at.error(), id](WsSession& session) { session.answer(id, error, Kind::Barrier); });
        }
        realtime->chat().history(who, room, request, [=, at = *at](Result<std::vector<Message>> messages) {
          std::string frame;
          if (messages.ok()) {
            const bool more = messages->size() > limit;
            // Newest first; the one too many is at the far end of the direction.
            if (more) messages->erase(upward ? messages->begin() : messages->end() - 1);
            frame = json_wire::okHistory(id, *messages, at.room->name, more, at.counter.firstSeq);
          } else {
            frame = json_wire::error(id, messages.error());
          }
          realtime->withSession<WsSession>(address, [frame = std::move(frame)](WsSession& session) mutable {
            session.answer(std::move(frame), Kind::Barrier);
          });
        });
      });
}

void WsSession::run(json_wire::Rooms& request, Id id) {
  Realtime* realtime = &realtime_;
  const Offer offer = realtime_.executor().work(
      app(), [realtime, address = address(), who = actor(), id, after = request.after.value_or(RoomId{0})]() mutable {
        json_wire::RoomsAnswer reply(id);
        std::optional<RoomId> next = after;
        std::string frame;
        for (std::size_t listed = 0; next && listed < kRoomsAnswer && reply.bytes() < kRoomsBytes; listed += kRoomsPage) {
          auto page = realtime->chat().roomsOf(who, *next, kRoomsPage);
          if (!page.ok()) {
            frame = json_wire::error(id, page.error());
            break;
          }
          for (const RoomSummary& each : page->items) {
            const Message* last = each.lastMessage ? &*each.lastMessage : nullptr;
            reply.room({&each.room, each.counter, each.unread.value_or(0), last, std::nullopt});
          }
          next = page->next ? std::optional(RoomId{*page->next}) : std::nullopt;
        }
        if (frame.empty()) frame = reply.finish(next);
        realtime->withSession<WsSession>(address, [frame = std::move(frame)](WsSession& session) mutable {
          session.answer(std::move(frame), Kind::Barrier);
        });
      });
  if (offer != Offer::Taken) answer(id, Error(Code::Busy), Kind::Barrier);
}

}  // namespace chatd
