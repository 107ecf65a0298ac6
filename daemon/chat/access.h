// Who may do what in a room, by membership, role and what the token was granted. The rules alone, so that who only wants to
// know (a dry run) is told what who acts would be. Pure. Thread: any.
#pragma once

#include <optional>
#include <string_view>

#include "base/ids.h"
#include "base/result.h"
#include "chat/grants.h"
#include "chat/message_log.h"
#include "chat/model.h"

namespace chatd {

/// Who acts. A user acts under its membership and what its token was granted. An app (its key) sends in the name of a
/// member, and reads and deletes in any room of its own.
struct Actor {
  AppId app{};
  UserId user{};
  bool asApp = false;     ///< not bound by the user's rate; may delete any message
  GrantsPtr grants = {};  ///< of a user's token
};

/// Errors: Forbidden: no member, or the token does not grant it.
[[nodiscard]] Result<void> mayAct(bool member, const GrantsPtr& grants, std::string_view room, Permission permission);

/// An edit or a deletion of a message of `sender`. `role`: the actor's in the room; nothing: it is no member. Errors:
/// MessageNotFound (who cannot read the room does not learn that there is such a message), Forbidden.
[[nodiscard]] Result<void> mayChange(const Actor& actor, std::optional<Role> role, std::string_view room, UserId sender,
                                     Change::Kind kind);

}  // namespace chatd
