// Messages: /chats/{id}/messages, /message/{id}. Sends, edits and deletions go through the room's home loop and are answered
// from there after their commit; no worker waits for them.
#include "protocol/wire_json.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"
#include "rest/user_document.h"

namespace chatd::rest {

namespace {

constexpr std::int64_t kDeepestPage = 10'000;  // messages before a classic page (MessageLog::historyPage)

constexpr Field kSendFields[] = {
    kAppIdField,
    {.name = "appUserId",
     .type = Type::AppUserId,
     .doc = "In whose name. Required for an app key, an owner or an operator; not for a user token, which names its user."},
    {.name = "text", .type = Type::Free, .required = true, .doc = "At most limits.message_bytes bytes of UTF-8, no NUL."},
    {.name = "clientMsgId",
     .type = Type::Line,
     .nullable = true,
     .least = 1,
     .most = 128,
     .doc = "Makes a repeat safe: one message per room, sender and clientMsgId."},
    {.name = "replyTo", .type = Type::Id, .nullable = true, .doc = "Id of a message of this room."},
    kMetadataField};
constexpr Schema kSendBody{"MessageRequest", kSendFields};
constexpr Field kEditFields[] = {{.name = "text", .type = Type::Free, .required = true}};
constexpr Schema kEditBody{"MessagePatch", kEditFields};
constexpr Field kHistoryFields[] = {
    kAppIdField,
    {.name = "before", .type = Type::Integer, .least = 1, .doc = "Only messages with a lower seq."},
    {.name = "after",
     .type = Type::Integer,
     .least = 0,
     .doc = "Only messages with a higher seq, the next ones after it. With before: between the two."},
    kLimitField,
    kCursorField,
    {.name = "page",
     .type = Type::Integer,
     .least = 1,
     .most = kDeepestPage,
     .doc = "The classic page, from 1; (page - 1) * limit is at most 10000. Not with before, after, cursor."}};
constexpr Schema kHistoryQuery{"HistoryQuery", kHistoryFields};
constexpr Field kDeleteFields[] = {{.name = "id", .type = Type::Id, .required = true, .doc = "Id of the message."}};
constexpr Schema kDeleteQuery{"MessageQuery", kDeleteFields};

/// Who acts when it is not in the name of a user: the user token's user, or the app.
Actor actorOf(const Call& call, AppId app) {
  if (call.principal.identity) {
    return {
        .app = app, .user = call.principal.identity->user.id, .asApp = false, .grants = call.principal.identity->grants()};
  }
  return {.app = app, .user = UserId{0}, .asApp = true, .grants = {}};
}

/// The sender of a new message. Errors: Invalid (appUserId missing or out of place), UserNotFound, Banned.
Result<Actor> senderOf(const Context& context, const Call& call, AppId app) {
  const JsonValue* name = present(call.body, "appUserId");
  if (call.principal.identity) {
    if (name != nullptr) return Error::field("appUserId", "a user token names its user already");
    return actorOf(call, app);
  }
  if (name == nullptr) return Error::field("appUserId", "is required: in whose name is it said?");
  CHATD_TRY(user, context.services.directory.userByAppId(app, appUserIdText(*name)));
  if (user.deletedAt) return Code::UserNotFound;
  if (user.ban && (!user.ban->until || *user.ban->until > context.services.clock.wall())) return Code::Banned;
  return Actor{.app = app, .user = user.id, .asApp = true, .grants = {}};
}

Reply messageReply(int status, const Message& message, const std::string& room) {
  std::string body;
  wire::appendMessage(body, message, room);
  return json(status, std::move(body));
}

/// Of what a send may be refused for, all but the rates and what only the room's log knows (clientMsgId, replyTo).
Result<bool> checkSend(const Context& context, Call& call) {
  CHATD_TRY(room, roomOf(context, call, call.segment("id")));
  CHATD_TRY(sender, senderOf(context, call, room.app));
  CHATD_CHECK(context.services.chat.checkText(*text(call.body, "text")));
  CHATD_TRY(state, context.services.directory.roomState(room.id));
  CHATD_CHECK(mayAct(memberOf(state, sender.user) != nullptr, sender.grants, room.name, Permission::Write));
  return true;
}

void sendMessage(const Context& context, CallPtr call) {
  auto room = roomOf(context, *call, call->segment("id"));
  if (!room.ok()) return call->finish(std::move(room).error());
  auto sender = senderOf(context, *call, room->app);
  if (!sender.ok()) return call->finish(std::move(sender).error());
  SendCommand command;
  command.actor = *sender;
  command.room = room->id;
  command.text = *text(call->body, "text");
  command.clientMsgId = text(call->body, "clientMsgId");
  if (const auto to = integer(call->body, "replyTo")) command.replyTo = MessageId{*to};
  if (const auto metadata = jsonPatch(call->body, "metadata")) command.metadata = *metadata;
  context.services.chat.send(std::move(command), [call, name = room->name](Result<Appended> done) {
    if (!done.ok()) return Call::finishFromLoop(call, std::move(done).error());
    Reply reply = messageReply(done->duplicate ? 200 : 201, done->message, name);
    if (done->duplicate) {
      reply.body.pop_back();
      reply.body += R"(,"duplicate":true})";
    }
    Call::finishFromLoop(call, std::move(reply));
  });
}

struct HistoryPlan {
  HistoryRequest request;
  std::size_t limit = 0;
  bool upward = false;  ///< the next page has higher seqs
};

Error oneOf(std::string_view field) {
  return Error::field(std::string(field), "give before, after or both, or one of cursor and page");
}

/// One message more than the page holds is asked for, so that nextCursor is there only if there is a next page.
Result<HistoryPlan> planOf(const Call& call) {
  HistoryPlan plan;
  plan.limit = limitOf(call);
  auto before = integer(call.query, "before");
  auto after = integer(call.query, "after");
  const auto page = integer(call.query, "page");
  const auto cursor = text(call.query, "cursor");
  if (cursor && (before || after)) return oneOf("cursor");
  if (page && (before || after || cursor)) return oneOf("page");
  if (page) {
    if ((*page - 1) * static_cast<std::int64_t>(plan.limit) > kDeepestPage) {
      return Error::field("page", "is too deep: (page - 1) * limit is at most 10000; use before");
    }
    plan.request.page = static_cast<std::size_t>(*page);
    plan.request.query.limit = plan.limit;
    return plan;
  }
  if (cursor) {
    CHATD_TRY(at, decodeCursor(*cursor));
    if (at.kind == 'b' && !at.end) before = at.at;
    if (at.kind == 'a') {
      after = at.at;
      before = at.end;
    }
    if (!before && !after) return Error::field("cursor", "is of another list");
  }
  plan.upward = after.has_value();
  if (before) plan.request.query.before = Seq{*before};
  if (after) plan.request.query.after = Seq{*after};
  plan.request.query.limit = plan.limit + 1;
  return plan;
}

/// The answer is newest first, also when it was read upward; the message too many is at the far end of the direction.
Reply historyReply(const HistoryPlan& plan, std::vector<Message> messages, const std::string& room) {
  std::optional<std::string> next;
  if (plan.request.page) {
    if (messages.size() == plan.limit && raw(messages.back().seq) > 1) next = encodeCursor('b', raw(messages.back().seq));
  } else if (messages.size() > plan.limit) {
    if (plan.upward) {
      messages.erase(messages.begin());
      const auto& end = plan.request.query.before;
      next = encodeCursor('a', raw(messages.front().seq), end ? std::optional(raw(*end)) : std::nullopt);
    } else {
      messages.pop_back();
      next = encodeCursor('b', raw(messages.back().seq));
    }
  }
  return listReply(messages, next, [&](std::string& body, const Message& one) { wire::appendMessage(body, one, room); });
}

void listMessages(const Context& context, CallPtr call) {
  auto room = roomOf(context, *call, call->segment("id"));
  if (!room.ok()) return call->finish(std::move(room).error());
  auto plan = planOf(*call);
  if (!plan.ok()) return call->finish(std::move(plan).error());
  context.services.chat.history(actorOf(*call, room->app), room->id, plan->request,
                                [call, plan = *plan, name = room->name](Result<std::vector<Message>> messages) {
                                  if (!messages.ok()) return Call::finishFromLoop(call, std::move(messages).error());
                                  Call::finishFromLoop(call, historyReply(plan, std::move(*messages), name));
                                });
}

struct Place {
  Message message;
  Room room;
};

/// A message of the caller's app, with its room. Errors: MessageNotFound.
Result<Place> placeOf(const Context& context, const Call& call, std::optional<std::int64_t> id) {
  if (!id) return Code::MessageNotFound;
  CHATD_TRY(found, context.services.log.find(MessageId{*id}));
  CHATD_CHECK(within(call, found.app, Code::MessageNotFound));
  auto room = context.services.directory.room(found.message.room);
  if (!room.ok()) return room.error().code() == Code::RoomNotFound ? Error(Code::MessageNotFound) : room.error();
  return Place{std::move(found.message), std::move(*room)};
}

Result<Reply> getMessage(const Context& context, Call& call) {
  CHATD_TRY(place, placeOf(context, call, parseId(call.segment("id"))));
  if (call.principal.identity) {
    CHATD_TRY(state, context.services.directory.roomState(place.room.id));
    // As for a change: who is not in the room does not learn what was said, nor that something was.
    if (!mayRead(call, state)) return Code::MessageNotFound;
  }
  return messageReply(200, place.message, place.room.name);
}

/// Whether a change would change anything. Errors: MessageNotFound, Forbidden.
Result<bool> checkChange(const Context& context, const Call& call, const Place& place, Change::Kind kind) {
  const Actor actor = actorOf(call, place.room.app);
  std::optional<Role> role;
  if (!actor.asApp) {
    CHATD_TRY(state, context.services.directory.roomState(place.room.id));
    if (const Member* member = memberOf(state, actor.user)) role = member->role;
  }
  CHATD_CHECK(mayChange(actor, role, place.room.name, place.message.sender, kind));
  if (kind == Change::Kind::Edit && place.message.deletedAt) return Code::MessageNotFound;
  return kind == Change::Kind::Edit ? place.message.text != *text(call.body, "text") : !place.message.deletedAt;
}

Result<bool> checkEdit(const Context& context, Call& call) {
  CHATD_TRY(place, placeOf(context, call, parseId(call.segment("id"))));
  CHATD_CHECK(context.services.chat.checkText(*text(call.body, "text")));
  return checkChange(context, call, place, Change::Kind::Edit);
}

Result<bool> checkDelete(const Context& context, Call& call) {
  CHATD_TRY(place, placeOf(context, call, parseId(call.segment("id"))));
  return checkChange(context, call, place, Change::Kind::Delete);
}

Result<bool> checkDeleteByQuery(const Context& context, Call& call) {
  CHATD_TRY(place, placeOf(context, call, integer(call.query, "id")));
  return checkChange(context, call, place, Change::Kind::Delete);
}

/// Answers with the message as the change left it.
UniqueFunction<void(Result<Changed>)> answerChanged(const CallPtr& call, std::string room) {
  return [call, name = std::move(room)](Result<Changed> done) {
    if (!done.ok()) return Call::finishFromLoop(call, std::move(done).error());
    Call::finishFromLoop(call, messageReply(200, done->message, name));
  };
}

void editMessage(const Context& context, CallPtr call) {
  auto place = placeOf(context, *call, parseId(call->segment("id")));
  if (!place.ok()) return call->finish(std::move(place).error());
  context.services.chat.edit(actorOf(*call, place->room.app), place->message.id, *text(call->body, "text"),
                             answerChanged(call, place->room.name));
}

void removeMessage(const Context& context, const CallPtr& call, std::optional<std::int64_t> id) {
  auto place = placeOf(context, *call, id);
  if (!place.ok()) return call->finish(std::move(place).error());
  context.services.chat.remove(actorOf(*call, place->room.app), place->message.id, answerChanged(call, place->room.name));
}

void deleteMessage(const Context& context, CallPtr call) { removeMessage(context, call, parseId(call->segment("id"))); }

void deleteMessageByQuery(const Context& context, CallPtr call) { removeMessage(context, call, integer(call->query, "id")); }

std::vector<Route> chatRows() {
  return {{.method = "GET",
           .path = "/chats/{id}/messages",
           .operation = "listMessages",
           .tag = "messages",
           .access = who::Bearers,
           .query = &kHistoryQuery,
           .answers = {{.status = 200, .body = &kMessageDocument, .list = true}},
           .errors = {Code::NotFound, Code::RoomNotFound, Code::Forbidden},
           .doc = "Messages of a room, newest first. {id} is an id or a name. A user must be a member.",
           .handler = listMessages},
          {.method = "POST",
           .path = "/chats/{id}/messages",
           .operation = "sendMessage",
           .tag = "messages",
           .access = who::Bearers,
           .body = &kSendBody,
           .answers = {{.status = 201, .body = &kMessageDocument, .doc = "The message is on disk."},
                       {.status = 200,
                        .body = &kMessageDocument,
                        .doc = "It was sent before with this clientMsgId: the first message, with duplicate true."}},
           .errors = {Code::NotFound, Code::RoomNotFound, Code::UserNotFound, Code::Forbidden, Code::Banned, Code::EmptyText,
                      Code::InvalidText, Code::TooLarge, Code::ClientMsgIdReused, Code::RateLimited, Code::Busy,
                      Code::AccessChanged, Code::StoreUnavailable, Code::OutcomeUnknown},
           .doc = "Says something in a room; answered once it is durable.",
           .check = checkSend,
           .handler = sendMessage}};
}

std::vector<Route> messageRows() {
  const std::vector<Code> changeErrors = {Code::MessageNotFound, Code::Forbidden, Code::Busy, Code::OutcomeUnknown};
  std::vector<Code> editErrors = changeErrors;
  editErrors.insert(editErrors.end(), {Code::EmptyText, Code::InvalidText, Code::TooLarge, Code::RateLimited});
  const std::string_view deleteDoc =
      "For the author, a moderator, or the app. The message keeps its seq, loses its text, and members are told.";
  return {{.method = "GET",
           .path = "/message/{id}",
           .operation = "getMessage",
           .tag = "messages",
           .access = who::Bearers,
           .answers = {{.status = 200, .body = &kMessageDocument}},
           .errors = {Code::MessageNotFound},
           .doc = "One message. A user must be a member of its room.",
           .handler = blocking<getMessage>},
          {.method = "PATCH",
           .path = "/message/{id}",
           .operation = "editMessage",
           .tag = "messages",
           .access = who::User,
           .body = &kEditBody,
           .answers = {{.status = 200, .body = &kMessageDocument}},
           .errors = editErrors,
           .doc = "Changes the text; the author only.",
           .check = checkEdit,
           .handler = editMessage},
          {.method = "DELETE",
           .path = "/message/{id}",
           .operation = "deleteMessage",
           .tag = "messages",
           .access = who::Bearers,
           .answers = {{.status = 200, .body = &kMessageDocument, .doc = "The message as it is now."}},
           .errors = changeErrors,
           .doc = deleteDoc,
           .check = checkDelete,
           .handler = deleteMessage},
          {.method = "DELETE",
           .path = "/message/",
           .operation = "deleteMessageByQuery",
           .tag = "messages",
           .access = who::Bearers,
           .query = &kDeleteQuery,
           .answers = {{.status = 200, .body = &kMessageDocument, .doc = "The message as it is now."}},
           .errors = changeErrors,
           .doc = deleteDoc,
           .check = checkDeleteByQuery,
           .handler = deleteMessageByQuery}};
}

}  // namespace

const std::vector<Route>& messageRoutes() {
  static const std::vector<Route> rows = [] {
    std::vector<Route> all = chatRows();
    for (Route& row : messageRows()) all.push_back(std::move(row));
    return all;
  }();
  return rows;
}

}  // namespace chatd::rest
