// SqlDirectory: the Directory port. Writes are jobs of the committer, reads run on the pool; the SQL is shared by the
// dialects. Split by noun: sql_apps.cpp, sql_users.cpp, sql_rooms.cpp. Owned by Store. Thread: any; blocks.
#pragma once

#include <utility>
#include <vector>

#include "chat/directory.h"
#include "store/connection_pool.h"
#include "store/group_committer.h"
#include "store/housekeeping.h"

namespace chatd::store {

class SqlDirectory final : public Directory {
 public:
  /// `others`: that append messages besides `committer`.
  SqlDirectory(GroupCommitter& committer, std::vector<GroupCommitter*> others, Readers& readers, Housekeeping& housekeeping,
               const Clock& clock)
      : committer_(committer), others_(std::move(others)), readers_(readers), housekeeping_(housekeeping), clock_(clock) {}

  Result<App> createApp(const NewApp& app) override;
  Result<App> app(AppId id) override;
  Result<App> appByName(const std::string& name) override;
  Result<Page<App>> apps(const PageQuery& page, const std::optional<std::vector<AppId>>& only) override;
  Result<App> updateApp(AppId id, const AppPatch& patch) override;
  Result<void> deleteApp(AppId id) override;

  Result<Upserted> upsertUser(AppId app, const std::string& appUserId, bool integer, const UserPatch& patch,
                              bool createOnly) override;
  Result<User> ensureUser(AppId app, const std::string& appUserId, const UserPatch& ifNew) override;
  Result<User> user(UserId id) override;
  Result<User> userByAppId(AppId app, const std::string& appUserId) override;
  Result<std::vector<User>> usersByAppId(AppId app, const std::vector<std::string>& appUserIds) override;
  Result<Page<User>> users(AppId app, const PageQuery& page) override;
  Result<User> updateUser(UserId id, const UserPatch& patch) override;
  Result<std::vector<RoomId>> deleteUser(UserId id) override;
  Result<std::vector<RoomId>> setBan(UserId id, const std::optional<Ban>& ban) override;

  Result<CreatedRoom> createRoom(const NewRoom& room) override;
  Result<Room> room(RoomId id) override;
  Result<Room> roomByName(AppId app, const std::string& name) override;
  Result<Page<RoomSummary>> rooms(AppId app, std::optional<UserId> forUser, const PageQuery& page,
                                  std::size_t members) override;
  Result<Room> updateRoom(RoomId id, const RoomPatch& patch) override;
  Result<void> deleteRoom(RoomId id) override;
  Result<void> addMembers(RoomId room, const std::vector<UserId>& users) override;
  Result<void> removeMembers(RoomId room, const std::vector<UserId>& users) override;
  Result<void> setRole(RoomId room, UserId user, Role role) override;
  Result<RoomState> roomState(RoomId room) override;
  Result<void> markRead(RoomId room, UserId user, Seq seq) override;

 private:
  [[nodiscard]] Int now() const { return micros(clock_.wall()); }

  GroupCommitter& committer_;
  const std::vector<GroupCommitter*> others_;
  Readers& readers_;
  Housekeeping& housekeeping_;
  const Clock& clock_;
};

}  // namespace chatd::store
