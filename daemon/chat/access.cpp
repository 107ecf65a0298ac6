#include "chat/access.h"

namespace chatd {

Result<void> mayAct(bool member, const GrantsPtr& grants, std::string_view room, Permission permission) {
  if (!member) return Error(Code::Forbidden, "The user is not a member of the room.");
  if (!granted(grants, room, permission)) return Error(Code::Forbidden, "The token does not allow this in the room.");
  return {};
}

Result<void> mayChange(const Actor& actor, std::optional<Role> role, std::string_view room, UserId sender,
                       Change::Kind kind) {
  const bool author = sender == actor.user;
  const bool moderator = role == Role::Moderator && granted(actor.grants, room, Permission::Moderate);
  if (!actor.asApp && (!role || !granted(actor.grants, room, Permission::Read))) return Code::MessageNotFound;
  if (author && !moderator && !granted(actor.grants, room, Permission::Write)) {
    return Error(Code::Forbidden, "The token does not allow this in the room.");
  }
  if (kind == Change::Kind::Edit && !author) return Error(Code::Forbidden, "Only its author may edit a message.");
  if (kind == Change::Kind::Delete && !author && !moderator && !actor.asApp) {
    return Error(Code::Forbidden, "Only its author or a moderator may delete a message.");
  }
  return {};
}

}  // namespace chatd
