#include <tuple>

#include "store/rows.h"
#include "store/sql_directory.h"

namespace chatd::store {

namespace {

#define CHATD_OF_LIVE_APP " FROM app_user u JOIN app a ON a.id = u.app_id AND a.deleted_at IS NULL "

constexpr Sql<In<Int>, Out<Int>> kAppLives{"SELECT id FROM app WHERE id = $1 AND deleted_at IS NULL"};
constexpr Sql<In<Int>, Out<CHATD_USER_TYPES>> kById{"SELECT " CHATD_USER_COLUMNS("u") CHATD_OF_LIVE_APP "WHERE u.id = $1"};
constexpr Sql<In<Int, Text>, Out<CHATD_USER_TYPES>> kByAppId{"SELECT " CHATD_USER_COLUMNS("u") CHATD_OF_LIVE_APP
                                                             "WHERE u.app_id = $1 AND u.app_user_id = $2"};
constexpr Sql<In<Int, Int, Int>, Out<CHATD_USER_TYPES>> kPage{"SELECT " CHATD_USER_COLUMNS(
    "u") CHATD_OF_LIVE_APP "WHERE u.app_id = $1 AND u.deleted_at IS NULL AND u.id > $2 ORDER BY u.id LIMIT $3"};
constexpr Sql<In<Int, Text, Int, OptText, OptText, OptText, OptText, Int, Int>, Out<Int>> kInsert{
    "INSERT INTO app_user (app_id, app_user_id, is_integer, first_name, middle_name, last_name, metadata, banned, "
    "created_at, updated_at) VALUES ($1, $2, $3, $4, $5, $6, $7, 0, $8, $9) RETURNING id"};
constexpr Sql<In<OptText, OptText, OptText, OptText, Int, Int>> kUpdate{
    "UPDATE app_user SET first_name = $1, middle_name = $2, last_name = $3, metadata = $4, updated_at = $5 WHERE id = $6"};
constexpr Sql<In<Int, Int>> kRevive{"UPDATE app_user SET deleted_at = NULL, created_at = $1 WHERE id = $2"};
constexpr Sql<In<Int, Int, Int>> kMarkDeleted{"UPDATE app_user SET deleted_at = $1, updated_at = $2 WHERE id = $3"};
constexpr Sql<In<Int, OptInt, OptText, Int, Int>> kBan{
    "UPDATE app_user SET banned = $1, ban_until = $2, ban_reason = $3, updated_at = $4 WHERE id = $5"};
constexpr Sql<In<Int>> kDropTokens{"DELETE FROM user_token WHERE user_id = $1"};
constexpr Sql<In<Int>, Out<Int>> kRoomsOf{
    "SELECT m.room_id FROM room_member m JOIN room r ON r.id = m.room_id AND r.deleted_at IS NULL "
    "WHERE m.user_id = $1 ORDER BY m.room_id"};
constexpr Sql<In<Int>> kLeaveAll{"DELETE FROM room_member WHERE user_id = $1"};
constexpr Sql<In<Int>> kRaiseAccess{
    "UPDATE room_counter SET access_rev = access_rev + 1 WHERE room_id IN "
    "(SELECT room_id FROM room_member WHERE user_id = $1)"};

void apply(std::optional<std::string>& field, const Patch<std::string>& patch) {
  if (patch) field = *patch;
}

void apply(User& user, const UserPatch& patch) {
  apply(user.firstName, patch.firstName);
  apply(user.middleName, patch.middleName);
  apply(user.lastName, patch.lastName);
  apply(user.metadata, patch.metadata);
}

template <class... C>
Result<User> oneUser(const Rows<C...>& rows) {
  if (rows.empty()) return Code::UserNotFound;
  return userFrom(rows, 0);
}

Result<User> insertUser(Connection& c, AppId app, const std::string& appUserId, bool integer, const UserPatch& patch,
                        Int now) {
  if (c.run(kAppLives, raw(app)).empty()) return Code::NotFound;
  User user;
  apply(user, patch);
  const auto& made = c.run(kInsert, raw(app), appUserId, Int{integer}, nullable(user.firstName), nullable(user.middleName),
                           nullable(user.lastName), nullable(user.metadata), now, now);
  return oneUser(c.run(kById, made.at<0>(0)));
}

Result<User> storePatch(Connection& c, User user, const UserPatch& patch, Int now) {
  apply(user, patch);
  c.run(kUpdate, nullable(user.firstName), nullable(user.middleName), nullable(user.lastName), nullable(user.metadata), now,
        raw(user.id));
  return oneUser(c.run(kById, raw(user.id)));
}

/// What is so already is not written: `updatedAt` tells when something changed.
Result<User> changeUser(Connection& c, const User& user, const UserPatch& patch, Int now) {
  User changed = user;
  apply(changed, patch);
  const auto fields = [](const User& of) { return std::tie(of.firstName, of.middleName, of.lastName, of.metadata); };
  if (fields(changed) == fields(user)) return user;
  return storePatch(c, user, patch, now);
}

// The rooms of a user, their access revisions raised.
std::vector<RoomId> raiseAccess(Connection& c, UserId id) {
  std::vector<RoomId> rooms;
  const auto& rows = c.run(kRoomsOf, raw(id));
  for (std::size_t i = 0; i < rows.size(); ++i) rooms.push_back(RoomId{rows.at<0>(i)});
  c.run(kRaiseAccess, raw(id));
  return rooms;
}

}  // namespace

Result<Upserted> SqlDirectory::upsertUser(AppId app, const std::string& appUserId, bool integer, const UserPatch& patch,
                                          bool createOnly) {
  return committer_.write<Upserted>(
      app, [this, app, appUserId, integer, patch, createOnly](Connection& c) -> Result<Upserted> {
        const auto& rows = c.run(kByAppId, raw(app), appUserId);
        if (rows.empty()) {
          CHATD_TRY(made, insertUser(c, app, appUserId, integer, patch, now()));
          return Upserted{std::move(made), true};
        }
        User user = userFrom(rows, 0);
        if (user.deletedAt) {  // comes back with nothing of what it was but its id, its messages and its ban
          user.firstName = user.middleName = user.lastName = user.metadata = std::nullopt;
          c.run(kRevive, now(), raw(user.id));
          CHATD_TRY(revived, storePatch(c, std::move(user), patch, now()));
          return Upserted{std::move(revived), true};
        }
        if (createOnly) return Code::AlreadyExists;
        CHATD_TRY(changed, changeUser(c, user, patch, now()));
        return Upserted{std::move(changed), false};
      });
}

Result<User> SqlDirectory::ensureUser(AppId app, const std::string& appUserId, const UserPatch& ifNew) {
  auto known = userByAppId(app, appUserId);
  if (known.ok() || known.error().code() != Code::UserNotFound) return known;
  return committer_.write<User>(app, [this, app, appUserId, ifNew](Connection& c) -> Result<User> {
    const auto& rows = c.run(kByAppId, raw(app), appUserId);
    if (!rows.empty()) return userFrom(rows, 0);
    return insertUser(c, app, appUserId, false, ifNew, now());
  });
}

Result<User> SqlDirectory::user(UserId id) {
  return readers_.read([&](Connection& c) { return oneUser(c.run(kById, raw(id))); });
}

Result<User> SqlDirectory::userByAppId(AppId app, const std::string& appUserId) {
  return readers_.read([&](Connection& c) { return oneUser(c.run(kByAppId, raw(app), appUserId)); });
}

Result<std::vector<User>> SqlDirectory::usersByAppId(AppId app, const std::vector<std::string>& appUserIds) {
  return readers_.snapshot([&](Connection& c) -> Result<std::vector<User>> {
    std::vector<User> users;
    users.reserve(appUserIds.size());
    for (const std::string& id : appUserIds) {
      auto user = oneUser(c.run(kByAppId, raw(app), id));
      if (!user.ok() || user->deletedAt) return Error(Code::UserNotFound, "There is no user " + id + ".");
      users.push_back(std::move(*user));
    }
    return users;
  });
}

Result<Page<User>> SqlDirectory::users(AppId app, const PageQuery& page) {
  return readers_.read([&](Connection& c) -> Result<Page<User>> {
    const auto& rows = c.run(kPage, raw(app), page.cursor.value_or(0), static_cast<Int>(page.limit) + 1);
    auto out = pageOf<Page<User>>(rows.size(), page.limit, [&](std::size_t i) { return userFrom(rows, i); });
    if (rows.size() > page.limit) out.next = raw(out.items.back().id);
    return out;
  });
}

Result<User> SqlDirectory::updateUser(UserId id, const UserPatch& patch) {
  return committer_.write<User>(AppId{}, [this, id, patch](Connection& c) -> Result<User> {
    CHATD_TRY(user, oneUser(c.run(kById, raw(id))));
    if (user.deletedAt) return Code::UserNotFound;
    return changeUser(c, user, patch, now());
  });
}

Result<std::vector<RoomId>> SqlDirectory::deleteUser(UserId id) {
  return committer_.write<std::vector<RoomId>>(AppId{}, [this, id](Connection& c) -> Result<std::vector<RoomId>> {
    CHATD_TRY(user, oneUser(c.run(kById, raw(id))));
    if (user.deletedAt) return Code::UserNotFound;
    c.run(kMarkDeleted, now(), now(), raw(id));
    c.run(kDropTokens, raw(id));
    auto rooms = raiseAccess(c, id);
    c.run(kLeaveAll, raw(id));
    return rooms;
  });
}

Result<std::vector<RoomId>> SqlDirectory::setBan(UserId id, const std::optional<Ban>& ban) {
  return committer_.write<std::vector<RoomId>>(AppId{}, [this, id, ban](Connection& c) -> Result<std::vector<RoomId>> {
    CHATD_TRY(user, oneUser(c.run(kById, raw(id))));
    if (user.deletedAt) return Code::UserNotFound;
    const auto until = ban ? nullable(ban->until) : OptInt();
    const auto reason = ban ? nullable(ban->reason) : OptText();
    c.run(kBan, Int{ban.has_value()}, until, reason, now(), raw(id));
    return raiseAccess(c, id);
  });
}

}  // namespace chatd::store
