// Port: apps, users, rooms and who is in them. Implemented by store/. Every call blocks: worker threads only.
// Errors common to all: StoreUnavailable. A thing of a deleted app does not exist.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/result.h"
#include "chat/model.h"

namespace chatd {

/// One page of a list, by ascending id. `cursor` is the last id of the page before; nothing: the first page.
struct PageQuery {
  std::size_t limit = 20;
  std::optional<std::int64_t> cursor;
};
template <class T>
struct Page {
  std::vector<T> items;
  std::optional<std::int64_t> next;  ///< cursor of the next page; nothing: this was the last
};

/// A field of a patch: absent (nothing), cleared (holds nullopt) or set.
template <class T>
using Patch = std::optional<std::optional<T>>;

struct NewApp {
  std::string name;
  AppSettings settings;
  std::vector<VerifierSpec> verifiers;
};
struct AppPatch {
  std::optional<std::string> name;
  std::optional<AppSettings> settings;
  std::optional<std::vector<VerifierSpec>> verifiers;
};

struct UserPatch {
  Patch<std::string> firstName;
  Patch<std::string> middleName;
  Patch<std::string> lastName;
  Patch<std::string> metadata;  ///< JSON text
};
struct Upserted {
  User user;
  bool created = false;
};

struct NewRoom {
  AppId app{};
  std::string name;
  RoomType type = RoomType::Group;
  std::optional<std::string> title;
  std::optional<std::string> metadata;
  std::vector<UserId> members;
};
struct RoomPatch {
  std::optional<std::string> name;
  Patch<std::string> title;
  Patch<std::string> metadata;
  Patch<Retention> retention = {};
};
struct CreatedRoom {
  Room room;
  bool created = false;  ///< false: this direct pair had one already
};

/// A room as a list shows it.
struct RoomSummary {
  Room room;
  RoomCounter counter;
  std::optional<Message> lastMessage;
  std::optional<std::int64_t> unread;  ///< for a user only: unreadOf() what that user has read
  std::vector<Member> members;         ///< by user id, at most as many as were asked for
};

class Directory {
 public:
  virtual ~Directory() = default;

  // Apps. Errors: AlreadyExists (name taken), NotFound.
  virtual Result<App> createApp(const NewApp& app) = 0;
  virtual Result<App> app(AppId id) = 0;
  virtual Result<App> appByName(const std::string& name) = 0;
  /// `only`: nothing for all, else these.
  virtual Result<Page<App>> apps(const PageQuery& page, const std::optional<std::vector<AppId>>& only) = 0;
  virtual Result<App> updateApp(AppId id, const AppPatch& patch) = 0;
  /// Gone at once for every reader, with owners who have no other app; its rows are removed in small batches behind.
  virtual Result<void> deleteApp(AppId id) = 0;

  // Users. Errors: UserNotFound, AlreadyExists (createOnly).
  /// Creates or changes; a deleted user comes back to life (created = true).
  virtual Result<Upserted> upsertUser(AppId app, const std::string& appUserId, bool integer, const UserPatch& patch,
                                      bool createOnly) = 0;
  /// Finds or creates without changing (first connection of an unknown user). A deleted or banned user is returned as
  /// it is: the caller judges.
  virtual Result<User> ensureUser(AppId app, const std::string& appUserId, const UserPatch& ifNew) = 0;
  /// Deleted users are found too (`deletedAt` set).
  virtual Result<User> user(UserId id) = 0;
  virtual Result<User> userByAppId(AppId app, const std::string& appUserId) = 0;
  /// Ids of registered, not deleted users, in the order given. Errors: UserNotFound, its detail names the first unknown.
  virtual Result<std::vector<User>> usersByAppId(AppId app, const std::vector<std::string>& appUserIds) = 0;
  virtual Result<Page<User>> users(AppId app, const PageQuery& page) = 0;
  virtual Result<User> updateUser(UserId id, const UserPatch& patch) = 0;
  /// Marks deleted, leaves every room (access revisions rise), drops its tokens. Messages stay. The rooms left.
  virtual Result<std::vector<RoomId>> deleteUser(UserId id) = 0;
  /// nullopt lifts the ban. The rooms of the user, whose access revisions rose.
  virtual Result<std::vector<RoomId>> setBan(UserId id, const std::optional<Ban>& ban) = 0;

  // Rooms. Errors: RoomNotFound, AlreadyExists, UserNotFound.
  virtual Result<CreatedRoom> createRoom(const NewRoom& room) = 0;
  virtual Result<Room> room(RoomId id) = 0;
  virtual Result<Room> roomByName(AppId app, const std::string& name) = 0;
  /// With `forUser` only rooms of that user, with `unread`. `members`: how many of each room; 0: none are read. One
  /// statement for the page and one for the members, however many rooms there are.
  virtual Result<Page<RoomSummary>> rooms(AppId app, std::optional<UserId> forUser, const PageQuery& page,
                                          std::size_t members) = 0;
  Result<Page<RoomSummary>> rooms(AppId app, std::optional<UserId> forUser, const PageQuery& page) {
    return rooms(app, forUser, page, 0);
  }
  virtual Result<Room> updateRoom(RoomId id, const RoomPatch& patch) = 0;
  virtual Result<void> deleteRoom(RoomId id) = 0;
  /// Members already in are left as they are. Errors: Conflict for a direct room.
  virtual Result<void> addMembers(RoomId room, const std::vector<UserId>& users) = 0;
  /// Who is not in is no error. Errors: Conflict for a direct room.
  virtual Result<void> removeMembers(RoomId room, const std::vector<UserId>& users) = 0;
  /// Errors: UserNotFound (not a member).
  virtual Result<void> setRole(RoomId room, UserId user, Role role) = 0;
  /// Room, counter, members and last message in one snapshot.
  virtual Result<RoomState> roomState(RoomId room) = 0;
  /// Raises what the user has read to `seq`; never lowers it. Errors: UserNotFound (not a member).
  virtual Result<void> markRead(RoomId room, UserId user, Seq seq) = 0;
};

}  // namespace chatd
