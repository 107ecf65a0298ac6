#include "rest/lookup.h"

#include <fmt/format.h>

#include <algorithm>
#include <unordered_set>

#include "base/text.h"

namespace chatd::rest {

namespace {

constexpr std::size_t kDefaultLimit = 20;

bool mayTouch(const Principal& caller, AppId app) {
  return caller.kind == Principal::Kind::User ? caller.ownApp() == app : caller.mayAdminister(app);
}

/// `appId` of the body, else of the query.
std::optional<AppId> givenApp(const Call& call) {
  for (const JsonDocument* from : {&call.body, &call.query}) {
    if (const auto id = integer(*from, "appId")) return AppId{*id};
  }
  return std::nullopt;
}

}  // namespace

Result<AppId> tenant(const Context& context, const Call& call) {
  const std::optional<AppId> given = givenApp(call);
  if (const auto own = call.principal.ownApp()) {
    if (given && *given != *own) return Code::NotFound;
    return *own;
  }
  if (!given) return Error::field("appId", "is required: the credential does not name an app");
  if (!mayTouch(call.principal, *given)) return Code::NotFound;
  CHATD_TRY(app, context.services.directory.app(*given));
  return app.id;
}

Result<void> within(const Call& call, AppId app, Code missing) {
  const std::optional<AppId> given = givenApp(call);
  if (!mayTouch(call.principal, app) || (given && *given != app)) return missing;
  return {};
}

Result<App> appOf(const Context& context, const Call& call, const std::string& reference) {
  const bool digits = reference.find_first_not_of("0123456789") == std::string::npos;
  const std::optional<std::int64_t> id = parseId(reference);
  if (digits && !id) return Code::NotFound;
  CHATD_TRY(app, id ? context.services.directory.app(AppId{*id}) : context.services.directory.appByName(reference));
  CHATD_CHECK(within(call, app.id, Code::NotFound));
  return std::move(app);
}

Result<Room> roomOf(const Context& context, const Call& call, const std::string& reference) {
  if (reference.find_first_not_of("0123456789") == std::string::npos) {
    const std::optional<std::int64_t> id = parseId(reference);
    if (!id) return Code::RoomNotFound;
    CHATD_TRY(room, context.services.directory.room(RoomId{*id}));
    CHATD_CHECK(within(call, room.app, Code::RoomNotFound));
    return std::move(room);
  }
  CHATD_TRY(app, tenant(context, call));
  return context.services.directory.roomByName(app, reference);
}

Result<User> userOf(const Context& context, const Call& call) {
  const std::optional<std::int64_t> id = parseId(call.segment("id"));
  if (!id) return Code::UserNotFound;
  CHATD_TRY(user, context.services.directory.user(UserId{*id}));
  CHATD_CHECK(within(call, user.app, Code::UserNotFound));
  if (user.deletedAt) return Code::UserNotFound;
  return std::move(user);
}

Result<bool> checkUser(const Context& context, Call& call) {
  CHATD_CHECK(userOf(context, call));
  return true;
}

Result<bool> checkApp(const Context& context, Call& call) {
  CHATD_CHECK(appOf(context, call, call.segment("appId")));
  return true;
}

Result<std::vector<User>> usersOf(const Context& context, AppId app, const JsonValue& appUserIds) {
  std::vector<std::string> names;
  std::unordered_set<std::string> seen;
  for (const auto& value : appUserIds.GetArray()) {
    std::string name = appUserIdText(value);
    if (seen.insert(name).second) names.push_back(std::move(name));
  }
  if (names.empty()) return std::vector<User>();
  return context.services.directory.usersByAppId(app, names);
}

const Member* memberOf(const RoomState& state, UserId user) {
  const auto it =
      std::find_if(state.members.begin(), state.members.end(), [&](const Member& m) { return m.user.id == user; });
  return it == state.members.end() ? nullptr : &*it;
}

bool mayRead(const Call& call, const RoomState& state) {
  const auto& identity = call.principal.identity;
  if (!identity) return true;
  return memberOf(state, identity->user.id) != nullptr && granted(identity->grants(), state.room.name, Permission::Read);
}

std::string encodeCursor(char kind, std::int64_t at, std::optional<std::int64_t> end) {
  return toBase64Url(end ? fmt::format("{}{}-{}", kind, at, *end) : fmt::format("{}{}", kind, at));
}

Result<Cursor> decodeCursor(std::string_view cursor) {
  const auto broken = [] { return Error::field("cursor", "is not one of this API's"); };
  const std::optional<std::string> bytes = fromBase64Url(cursor);
  if (!bytes || bytes->empty()) return broken();
  const std::string_view numbers = std::string_view(*bytes).substr(1);
  const std::size_t dash = numbers.find('-');
  const auto at = parseId(numbers.substr(0, dash));
  const auto end = dash == std::string_view::npos ? std::nullopt : parseId(numbers.substr(dash + 1));
  if (!at || (dash != std::string_view::npos && !end)) return broken();
  return Cursor{bytes->front(), *at, end};
}

Result<PageQuery> pageOf(const Call& call) {
  PageQuery page;
  page.limit = limitOf(call);
  if (const auto cursor = text(call.query, "cursor")) {
    CHATD_TRY(at, decodeCursor(*cursor));
    if (at.kind != 'i' || at.end) return Error::field("cursor", "is of another list");
    page.cursor = at.at;
  }
  return page;
}

std::size_t limitOf(const Call& call) {
  const auto limit = integer(call.query, "limit");
  return limit ? static_cast<std::size_t>(*limit) : kDefaultLimit;
}

}  // namespace chatd::rest
