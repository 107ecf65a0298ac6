// Rooms: /room….
#include <fmt/format.h>

#include <algorithm>

#include "base/text.h"
#include "protocol/wire_json.h"
#include "rest/app_document.h"
#include "rest/call.h"
#include "rest/documents.h"
#include "rest/lookup.h"
#include "rest/user_document.h"

namespace chatd::rest {

namespace {

constexpr std::size_t kMembersInList = 100;
constexpr std::int64_t kUsersACall = 1000;
constexpr std::string_view kTypes[] = {"direct", "group"};
constexpr std::string_view kRoles[] = {"member", "moderator"};

constexpr Field kTitle{
    .name = "name", .type = Type::Line, .nullable = true, .most = 256, .doc = "What people see; need not be unique."};
constexpr Field kUsers{.name = "users",
                       .type = Type::List,
                       .required = true,
                       .most = kUsersACall,
                       .items = Type::AppUserId,
                       .doc = "appUserIds of registered users."};
constexpr Field kCreateFields[] = {
    kAppIdField,
    {.name = "room",
     .type = Type::Name,
     .doc = "Unique in the app. A group needs it; a direct room without it is named usr-<lower user id>-<higher>."},
    {.name = "type", .type = Type::Choice, .choices = kTypes, .doc = "Default group."},
    kTitle,
    kUsers,
    kMetadataField};
constexpr Schema kCreateBody{"RoomRequest", kCreateFields};
constexpr Field kMembersFields[] = {
    kAppIdField, {.name = "room", .type = Type::RoomRef, .required = true, .doc = "Name or id."}, kUsers};
constexpr Schema kMembersBody{"RoomMembersRequest", kMembersFields};
constexpr Field kRoleFields[] = {{.name = "role", .type = Type::Choice, .required = true, .choices = kRoles}};
constexpr Schema kRoleBody{"RoleRequest", kRoleFields};
constexpr Field kPatchFields[] = {
    {.name = "room", .type = Type::Name, .doc = "Unique in the app."}, kTitle, kMetadataField, kRetentionField};
constexpr Schema kPatchBody{"RoomPatch", kPatchFields};

/// The whole room, as GET /room/{id} shows it.
Result<std::string> roomBody(const Context& context, const Call& call, RoomId id) {
  CHATD_TRY(state, context.services.directory.roomState(id));
  wire::RoomExtras extras;
  extras.members = state.members;
  extras.withLastMessage = true;
  if (state.lastMessage) extras.lastMessage = &*state.lastMessage;
  if (call.principal.identity) {
    // A user sees its own rooms; of others it does not learn that they exist.
    if (!mayRead(call, state)) return Code::RoomNotFound;
    const Member* me = memberOf(state, call.principal.identity->user.id);
    extras.unread = unreadOf(state.counter, me->readSeq);
  }
  extras.withRetention = !call.principal.identity;
  std::string body;
  wire::appendRoom(body, state.room, extras);
  return body;
}

Result<Reply> roomReply(const Context& context, const Call& call, RoomId id, int status) {
  CHATD_TRY(body, roomBody(context, call, id));
  return json(status, std::move(body));
}

std::string directName(const std::vector<User>& users) {
  const std::int64_t one = raw(users[0].id);
  const std::int64_t two = raw(users[1].id);
  return fmt::format("usr-{}-{}", std::min(one, two), std::max(one, two));
}

std::vector<MemberChange> changesOf(const std::vector<User>& users, MemberChange::Kind kind) {
  std::vector<MemberChange> changes;
  changes.reserve(users.size());
  for (const User& user : users) changes.push_back({std::make_shared<const User>(user), Role::Member, kind});
  return changes;
}

struct RoomPlan {
  NewRoom wanted;
  std::vector<User> users;
};

/// What createRoom() is to make. Errors: Invalid, UserNotFound.
Result<RoomPlan> planRoom(const Context& context, Call& call) {
  CHATD_TRY(app, tenant(context, call));
  NewRoom wanted;
  wanted.app = app;
  wanted.type = text(call.body, "type") == "direct" ? RoomType::Direct : RoomType::Group;
  const auto name = text(call.body, "room");
  if (wanted.type == RoomType::Group && !name) return Error::field("room", "is required for a group");
  CHATD_TRY(users, usersOf(context, app, *present(call.body, "users")));
  if (wanted.type == RoomType::Direct && users.size() != 2) {
    return Error::field("users", "must be exactly two different users for a direct room");
  }
  wanted.name = name ? *name : directName(users);
  wanted.title = text(call.body, "name");
  if (const auto metadata = jsonPatch(call.body, "metadata")) wanted.metadata = *metadata;
  for (const User& user : users) wanted.members.push_back(user.id);
  return RoomPlan{std::move(wanted), std::move(users)};
}

/// True if the two have a direct room, whatever its name is: createRoom() would answer with it.
Result<bool> haveDirectRoom(const Context& context, const RoomPlan& plan) {
  PageQuery page;
  page.limit = kMembersInList;
  do {
    CHATD_TRY(rooms, context.services.directory.rooms(plan.wanted.app, plan.users[0].id, page, 2));
    for (const RoomSummary& summary : rooms.items) {
      if (summary.room.type != RoomType::Direct) continue;
      if (std::any_of(summary.members.begin(), summary.members.end(),
                      [&](const Member& member) { return member.user.id == plan.users[1].id; })) {
        return true;
      }
    }
    page.cursor = rooms.next;
  } while (page.cursor);
  return false;
}

Result<bool> checkCreate(const Context& context, Call& call) {
  CHATD_TRY(plan, planRoom(context, call));
  if (plan.wanted.type == RoomType::Direct) {
    CHATD_TRY(have, haveDirectRoom(context, plan));
    if (have) return false;
  }
  const auto taken = context.services.directory.roomByName(plan.wanted.app, plan.wanted.name);
  if (!taken.ok() && taken.error().code() == Code::RoomNotFound) return true;
  if (!taken.ok()) return taken.error();
  return Error(Code::AlreadyExists);
}

Result<Reply> createRoom(const Context& context, Call& call) {
  CHATD_TRY(plan, planRoom(context, call));
  CHATD_TRY(made, context.services.directory.createRoom(plan.wanted));
  const auto added = changesOf(plan.users, MemberChange::Kind::Added);
  if (made.created) context.services.chat.membersChanged(plan.wanted.app, made.room.id, added);
  return roomReply(context, call, made.room.id, made.created ? 201 : 200);
}

Result<Reply> listRooms(const Context& context, Call& call) {
  CHATD_TRY(app, tenant(context, call));
  CHATD_TRY(page, pageOf(call));
  std::optional<UserId> forUser;
  if (call.principal.identity) forUser = call.principal.identity->user.id;
  CHATD_TRY(rooms, context.services.directory.rooms(app, forUser, page, kMembersInList));
  std::vector<std::string> items;
  for (const RoomSummary& summary : rooms.items) {
    if (forUser && !granted(call.principal.identity->grants(), summary.room.name, Permission::Read)) continue;
    wire::RoomExtras extras;
    extras.members = summary.members;
    extras.withRetention = !forUser;
    extras.withLastMessage = true;
    if (summary.lastMessage) extras.lastMessage = &*summary.lastMessage;
    extras.unread = summary.unread;
    wire::appendRoom(items.emplace_back(), summary.room, extras);
  }
  return listReply(items, rooms.next ? std::optional(encodeCursor('i', *rooms.next)) : std::nullopt,
                   [](std::string& body, const std::string& item) { body += item; });
}

Result<Reply> getRoom(const Context& context, Call& call) {
  CHATD_TRY(room, roomOf(context, call, call.segment("id")));
  return roomReply(context, call, room.id, 200);
}

Result<Room> namedRoom(const Context& context, const Call& call) {
  const JsonValue& reference = *present(call.body, "room");
  return roomOf(context, call, reference.IsInt64() ? std::to_string(reference.GetInt64()) : std::string(asView(reference)));
}

std::vector<UserId> idsOf(const std::vector<User>& users) {
  std::vector<UserId> ids;
  ids.reserve(users.size());
  for (const User& user : users) ids.push_back(user.id);
  return ids;
}

/// What a change of members would do: of whom it names it takes in those who are out, or takes out those who are in.
Result<bool> checkMembers(const Context& context, Call& call, bool in) {
  CHATD_TRY(room, namedRoom(context, call));
  CHATD_TRY(users, usersOf(context, room.app, *present(call.body, "users")));
  if (room.type == RoomType::Direct) return Error(Code::Conflict, "The members of a direct room do not change.");
  CHATD_TRY(state, context.services.directory.roomState(room.id));
  return std::any_of(users.begin(), users.end(),
                     [&](const User& user) { return (memberOf(state, user.id) == nullptr) == in; });
}
Result<bool> checkAdd(const Context& context, Call& call) { return checkMembers(context, call, true); }
Result<bool> checkRemove(const Context& context, Call& call) { return checkMembers(context, call, false); }

Result<Reply> addMembers(const Context& context, Call& call) {
  CHATD_TRY(room, namedRoom(context, call));
  CHATD_TRY(users, usersOf(context, room.app, *present(call.body, "users")));
  CHATD_CHECK(context.services.directory.addMembers(room.id, idsOf(users)));
  context.services.chat.membersChanged(room.app, room.id, changesOf(users, MemberChange::Kind::Added));
  return roomReply(context, call, room.id, 200);
}

Result<Reply> removeMembers(const Context& context, Call& call) {
  CHATD_TRY(room, namedRoom(context, call));
  CHATD_TRY(users, usersOf(context, room.app, *present(call.body, "users")));
  CHATD_CHECK(context.services.directory.removeMembers(room.id, idsOf(users)));
  context.services.chat.membersChanged(room.app, room.id, changesOf(users, MemberChange::Kind::Removed));
  return roomReply(context, call, room.id, 200);
}

struct RolePlan {
  Room room;
  User user;
  Role role{};
};

/// Errors: RoomNotFound, UserNotFound, those of tenant().
Result<RolePlan> planRole(const Context& context, const Call& call) {
  CHATD_TRY(room, roomOf(context, call, call.segment("id")));
  const auto id = parseId(call.segment("userId"));
  if (!id) return Code::UserNotFound;
  CHATD_TRY(user, context.services.directory.user(UserId{*id}));
  const Role role = text(call.body, "role") == "moderator" ? Role::Moderator : Role::Member;
  return RolePlan{std::move(room), std::move(user), role};
}

Result<bool> checkRole(const Context& context, Call& call) {
  CHATD_TRY(plan, planRole(context, call));
  CHATD_TRY(state, context.services.directory.roomState(plan.room.id));
  const Member* member = memberOf(state, plan.user.id);
  if (member == nullptr) return Error(Code::UserNotFound, "The user is not a member of the room.");
  return member->role != plan.role;
}

Result<Reply> setRole(const Context& context, Call& call) {
  CHATD_TRY(plan, planRole(context, call));
  const Room& room = plan.room;
  CHATD_CHECK(context.services.directory.setRole(room.id, plan.user.id, plan.role));
  context.services.chat.membersChanged(room.app, room.id, changesOf({plan.user}, MemberChange::Kind::Role));
  return roomReply(context, call, room.id, 200);
}

RoomPatch patchOf(const JsonValue& body) {
  RoomPatch patch;
  patch.name = text(body, "room");
  patch.title = textPatch(body, "name");
  patch.metadata = jsonPatch(body, "metadata");
  if (find(body, "retention") != nullptr) patch.retention = retentionOf(body);
  return patch;
}

Result<bool> checkPatch(const Context& context, Call& call) {
  CHATD_TRY(room, roomOf(context, call, call.segment("id")));
  const RoomPatch patch = patchOf(call.body);
  const bool renamed = patch.name && *patch.name != room.name;
  if (renamed) {
    const auto taken = context.services.directory.roomByName(room.app, *patch.name);
    if (taken.ok()) return Error(Code::AlreadyExists);
    if (taken.error().code() != Code::RoomNotFound) return taken.error();
  }
  return renamed || (patch.title && *patch.title != room.title) || (patch.metadata && *patch.metadata != room.metadata) ||
         (patch.retention && *patch.retention != room.retention);
}

Result<bool> checkRoom(const Context& context, Call& call) {
  CHATD_CHECK(roomOf(context, call, call.segment("id")));
  return true;
}

Result<Reply> patchRoom(const Context& context, Call& call) {
  CHATD_TRY(room, roomOf(context, call, call.segment("id")));
  CHATD_CHECK(context.services.directory.updateRoom(room.id, patchOf(call.body)));
  context.services.chat.roomChanged(room.id);
  return roomReply(context, call, room.id, 200);
}

Result<Reply> deleteRoom(const Context& context, Call& call) {
  CHATD_TRY(room, roomOf(context, call, call.segment("id")));
  CHATD_CHECK(context.services.directory.deleteRoom(room.id));
  context.services.chat.roomDeleted(room.id);
  return noContent();
}

std::vector<Route> roomRows() {
  return {{.method = "POST",
           .path = "/room",
           .operation = "createRoom",
           .tag = "rooms",
           .access = who::Admins,
           .body = &kCreateBody,
           .answers = {{.status = 201, .body = &kRoomDocument, .doc = "The room is new."},
                       {.status = 200, .body = &kRoomDocument, .doc = "This pair has a direct room already: that room."}},
           .errors = {Code::NotFound, Code::UserNotFound, Code::AlreadyExists},
           .doc = "Makes a room.",
           .check = checkCreate,
           .handler = blocking<createRoom>},
          {.method = "GET",
           .path = "/room",
           .operation = "listRooms",
           .tag = "rooms",
           .access = who::Bearers,
           .query = &kAppListQuery,
           .answers = {{.status = 200, .body = &kRoomDocument, .list = true}},
           .errors = {Code::NotFound},
           .doc = "The rooms of an app; for a user token the user's own, with unread.",
           .handler = blocking<listRooms>},
          {.method = "GET",
           .path = "/room/{id}",
           .operation = "getRoom",
           .tag = "rooms",
           .access = who::Bearers,
           .query = &kAppQuery,
           .answers = {{.status = 200, .body = &kRoomDocument}},
           .errors = {Code::NotFound, Code::RoomNotFound},
           .doc = "One room, by id or name. A user sees the rooms it is in.",
           .handler = blocking<getRoom>},
          {.method = "PATCH",
           .path = "/room/{id}",
           .operation = "updateRoom",
           .tag = "rooms",
           .access = who::Admins,
           .query = &kAppQuery,
           .body = &kPatchBody,
           .answers = {{.status = 200, .body = &kRoomDocument}},
           .errors = {Code::NotFound, Code::RoomNotFound, Code::AlreadyExists},
           .doc = "Changes the fields that are present; null clears.",
           .check = checkPatch,
           .handler = blocking<patchRoom>},
          {.method = "DELETE",
           .path = "/room/{id}",
           .operation = "deleteRoom",
           .tag = "rooms",
           .access = who::Admins,
           .query = &kAppQuery,
           .answers = {{.status = 204}},
           .errors = {Code::NotFound, Code::RoomNotFound},
           .doc = "The room and its messages are gone; every session in it loses it.",
           .check = checkRoom,
           .handler = blocking<deleteRoom>}};
}

std::vector<Route> memberRows() {
  return {{.method = "PUT",
           .path = "/room/add",
           .operation = "addMembers",
           .tag = "rooms",
           .access = who::Admins,
           .body = &kMembersBody,
           .answers = {{.status = 200, .body = &kRoomDocument}},
           .errors = {Code::NotFound, Code::RoomNotFound, Code::UserNotFound, Code::Conflict},
           .doc = "Adds members; who is in already stays as it is. A direct room does not change (409).",
           .check = checkAdd,
           .handler = blocking<addMembers>},
          {.method = "PUT",
           .path = "/room/remove",
           .operation = "removeMembers",
           .tag = "rooms",
           .access = who::Admins,
           .body = &kMembersBody,
           .answers = {{.status = 200, .body = &kRoomDocument}},
           .errors = {Code::NotFound, Code::RoomNotFound, Code::UserNotFound, Code::Conflict},
           .doc = "Removes members; their sessions lose the room at once.",
           .check = checkRemove,
           .handler = blocking<removeMembers>},
          {.method = "PUT",
           .path = "/room/{id}/members/{userId}",
           .operation = "setRole",
           .tag = "rooms",
           .access = who::Admins,
           .query = &kAppQuery,
           .body = &kRoleBody,
           .answers = {{.status = 200, .body = &kRoomDocument}},
           .errors = {Code::NotFound, Code::RoomNotFound, Code::UserNotFound},
           .doc = "Sets the role of a member; {userId} is the user's id.",
           .check = checkRole,
           .handler = blocking<setRole>}};
}

}  // namespace

const std::vector<Route>& roomRoutes() {
  static const std::vector<Route> rows = [] {
    std::vector<Route> all = roomRows();
    for (Route& row : memberRows()) all.push_back(std::move(row));
    return all;
  }();
  return rows;
}

}  // namespace chatd::rest
