// From what a call names (an app, a room, a user) to the thing itself, if the caller may touch it. What belongs to another
// app does not exist: the tenant rule of the whole API lives here. Blocks; thread: worker.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/result.h"
#include "chat/model.h"
#include "rest/call.h"

namespace chatd::rest {

/// The app that the call is about: the credential's own, or `appId` of the body or the query. Errors: NotFound (another
/// app's, or none), Invalid (it is needed and not given).
[[nodiscard]] Result<AppId> tenant(const Context& context, const Call& call);

/// May the caller touch a thing of `app`? Errors: `missing`, also if the call gives another appId.
[[nodiscard]] Result<void> within(const Call& call, AppId app, Code missing);

/// By a segment that is an id or a name. Errors: NotFound.
[[nodiscard]] Result<App> appOf(const Context& context, const Call& call, const std::string& reference);

/// By id or name; a name is looked up in tenant(). Errors: RoomNotFound, those of tenant().
[[nodiscard]] Result<Room> roomOf(const Context& context, const Call& call, const std::string& reference);

/// A user that is not deleted, by the id in segment {id}. Errors: UserNotFound.
[[nodiscard]] Result<User> userOf(const Context& context, const Call& call);

/// Of a dry run: the user, or the app of segment {appId}, must be there. Errors: those of userOf() and appOf().
[[nodiscard]] Result<bool> checkUser(const Context& context, Call& call);
[[nodiscard]] Result<bool> checkApp(const Context& context, Call& call);

/// The user of a list of appUserIds in `body`, each once, in the order given. Errors: UserNotFound.
[[nodiscard]] Result<std::vector<User>> usersOf(const Context& context, AppId app, const JsonValue& appUserIds);

/// The member of the state whom the caller's user token stands for; nothing if it is not in.
[[nodiscard]] const Member* memberOf(const RoomState& state, UserId user);
/// False: the caller is a user who is not in the room, or whose token is for other rooms.
[[nodiscard]] bool mayRead(const Call& call, const RoomState& state);

// Pages. A cursor is opaque to clients: base64url of a letter for the kind of list and a number, maybe with the number where
// the list ends.
struct Cursor {
  char kind = 0;
  std::int64_t at = 0;
  std::optional<std::int64_t> end;
};
[[nodiscard]] std::string encodeCursor(char kind, std::int64_t at, std::optional<std::int64_t> end = std::nullopt);
/// Errors: Invalid on "cursor".
[[nodiscard]] Result<Cursor> decodeCursor(std::string_view cursor);
/// `limit` and `cursor` of the query. Errors: Invalid.
[[nodiscard]] Result<PageQuery> pageOf(const Call& call);
[[nodiscard]] std::size_t limitOf(const Call& call);

/// `{"items":[…],"nextCursor":…}`; `append` writes one item.
template <class T, class F>
[[nodiscard]] Reply listReply(const std::vector<T>& items, const std::optional<std::string>& nextCursor, F append) {
  std::string body = R"({"items":[)";
  bool first = true;
  for (const T& item : items) {
    if (!std::exchange(first, false)) body.push_back(',');
    append(body, item);
  }
  body += R"(],"nextCursor":)";
  if (nextCursor) {
    appendJsonString(body, *nextCursor);
  } else {
    body += "null";
  }
  body.push_back('}');
  return json(200, std::move(body));
}
template <class T, class F>
[[nodiscard]] Reply pageReply(const Page<T>& page, F append) {
  return listReply(page.items, page.next ? std::optional(encodeCursor('i', *page.next)) : std::nullopt, append);
}

}  // namespace chatd::rest
