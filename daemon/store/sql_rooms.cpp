#include <algorithm>

#include "base/random.h"
#include "base/text.h"
#include "store/rows.h"
#include "store/sql_directory.h"

namespace chatd::store {

namespace {

#define CHATD_LIVE_ROOM " FROM room r JOIN app a ON a.id = r.app_id AND a.deleted_at IS NULL WHERE r.deleted_at IS NULL AND "

constexpr Sql<In<Int>, Out<CHATD_ROOM_TYPES>> kById{"SELECT " CHATD_ROOM_COLUMNS("r") CHATD_LIVE_ROOM "r.id = $1"};
constexpr Sql<In<Int, Text>, Out<CHATD_ROOM_TYPES>> kByName{"SELECT " CHATD_ROOM_COLUMNS("r") CHATD_LIVE_ROOM
                                                            "r.app_id = $1 AND r.name = $2"};
constexpr Sql<In<Int, Int, Int>, Out<CHATD_ROOM_TYPES>> kByPair{"SELECT " CHATD_ROOM_COLUMNS("r") CHATD_LIVE_ROOM
                                                                "r.app_id = $1 AND r.pair_low = $2 AND r.pair_high = $3"};
constexpr Sql<In<Int>, Out<Int>> kAppLives{"SELECT id FROM app WHERE id = $1 AND deleted_at IS NULL"};
constexpr Sql<In<Int, Int>, Out<Int>> kUserLives{
    "SELECT id FROM app_user WHERE id = $1 AND app_id = $2 AND deleted_at IS NULL"};
constexpr Sql<In<Int, Text, Int, OptText, OptText, OptInt, OptInt, Int, Int>, Out<Int>> kInsert{
    "INSERT INTO room (app_id, name, type, title, metadata, pair_low, pair_high, created_at, updated_at) "
    "VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9) RETURNING id"};
constexpr Sql<In<Int, Text>> kInsertCounter{
    "INSERT INTO room_counter (room_id, last_seq, last_rev, access_rev, epoch) VALUES ($1, 0, 0, 1, $2)"};
constexpr Sql<In<Text, OptText, OptText, Int, OptText, Int>> kUpdate{
    "UPDATE room SET name = $1, title = $2, metadata = $3, updated_at = $4, retention = $5 WHERE id = $6"};
constexpr Sql<In<Int, Int>> kDelete{"UPDATE room SET deleted_at = $1 WHERE id = $2"};

// Who is added has nothing unread: what was said before is not addressed to them.
constexpr Sql<In<Int, Int, Int, Int>, Out<Int>> kAddMember{
    "INSERT INTO room_member (room_id, user_id, role, read_seq) "
    "SELECT $1, $2, $3, last_seq FROM room_counter WHERE room_id = $4 ON CONFLICT DO NOTHING RETURNING user_id"};
constexpr Sql<In<Int, Int>, Out<Int>> kRemoveMember{
    "DELETE FROM room_member WHERE room_id = $1 AND user_id = $2 RETURNING user_id"};
constexpr Sql<In<Int, Int>, Out<Int, Int>> kMember{
    "SELECT role, read_seq FROM room_member WHERE room_id = $1 AND user_id = $2"};
constexpr Sql<In<Int, Int, Int>> kSetRole{"UPDATE room_member SET role = $1 WHERE room_id = $2 AND user_id = $3"};
constexpr Sql<In<Int, Int, Int>> kSetRead{"UPDATE room_member SET read_seq = $1 WHERE room_id = $2 AND user_id = $3"};
constexpr Sql<In<Int>> kRaiseAccess{"UPDATE room_counter SET access_rev = access_rev + 1 WHERE room_id = $1"};

constexpr Sql<In<Int>, Out<CHATD_COUNTER_TYPES>> kCounter{
    "SELECT " CHATD_COUNTER_COLUMNS("c") " FROM room_counter c WHERE c.room_id = $1"};
constexpr Sql<In<Int>, Out<CHATD_MEMBER_TYPES>> kMembers{"SELECT " CHATD_MEMBER_COLUMNS(
    "u", "m") " FROM room_member m JOIN app_user u ON u.id = m.user_id WHERE m.room_id = $1 ORDER BY m.user_id"};
constexpr Sql<In<Int, Int>, Out<CHATD_MESSAGE_TYPES>> kMessageAt{
    "SELECT " CHATD_MESSAGE_COLUMNS("m") " FROM message m WHERE m.room_id = $1 AND m.seq = $2"};

// A page of rooms, and the rooms of a page. `r.id IN page` and not a list of ids: one statement, whatever the page holds.
#define CHATD_PAGE_OF_APP                                                                                             \
  "SELECT r.id FROM room r JOIN app a ON a.id = r.app_id AND a.deleted_at IS NULL WHERE r.app_id = $1 AND r.id > $2 " \
  "AND r.deleted_at IS NULL ORDER BY r.id LIMIT $3"
#define CHATD_PAGE_OF_USER                                                                                     \
  "SELECT r.id FROM room_member rm JOIN room r ON r.id = rm.room_id JOIN app a ON a.id = r.app_id AND "        \
  "a.deleted_at IS NULL WHERE rm.user_id = $1 AND r.app_id = $2 AND rm.room_id > $3 AND r.deleted_at IS NULL " \
  "ORDER BY rm.room_id LIMIT $4"
// The first members of each room: up to the user id at that place, or all if there are fewer.
#define CHATD_FIRST_MEMBERS(most)                                                                                      \
  "m.user_id <= COALESCE((SELECT x.user_id FROM room_member x WHERE x.room_id = m.room_id ORDER BY x.user_id LIMIT 1 " \
  "OFFSET " most " - 1), 9223372036854775807) ORDER BY m.room_id, m.user_id"
#define CHATD_PAGE_MEMBERS \
  "SELECT " CHATD_MEMBER_COLUMNS("u", "m") ", m.room_id FROM room_member m JOIN app_user u ON u.id = m.user_id "

constexpr Sql<In<Int, Int, Int>, Out<CHATD_ROOM_TYPES, CHATD_COUNTER_TYPES, CHATD_MAYBE_MESSAGE_TYPES>>
    kPage{"SELECT " CHATD_ROOM_COLUMNS("r") ", " CHATD_COUNTER_COLUMNS("c") ", " CHATD_MESSAGE_COLUMNS(
        "m") " FROM room r JOIN room_counter c ON c.room_id = r.id "
             "LEFT JOIN message m ON m.room_id = r.id AND m.seq = c.last_seq "
             "WHERE r.id IN (" CHATD_PAGE_OF_APP ") ORDER BY r.id"};
constexpr Sql<In<Int, Int, Int, Int>, Out<CHATD_ROOM_TYPES, CHATD_COUNTER_TYPES, CHATD_MAYBE_MESSAGE_TYPES, Int>>
    kPageOfUser{"SELECT " CHATD_ROOM_COLUMNS("r") ", " CHATD_COUNTER_COLUMNS("c") ", " CHATD_MESSAGE_COLUMNS(
        "m") ", rm.read_seq FROM room_member rm JOIN room r ON r.id = rm.room_id JOIN app a ON a.id = r.app_id AND "
             "a.deleted_at IS NULL JOIN room_counter c ON c.room_id = r.id "
             "LEFT JOIN message m ON m.room_id = r.id AND m.seq = c.last_seq "
             "WHERE rm.user_id = $1 AND r.app_id = $2 AND rm.room_id > $3 AND r.deleted_at IS NULL ORDER BY rm.room_id "
             "LIMIT $4"};
constexpr Sql<In<Int, Int, Int, Int>, Out<CHATD_MEMBER_TYPES, Int>> kPageMembers{
    CHATD_PAGE_MEMBERS "WHERE m.room_id IN (" CHATD_PAGE_OF_APP ") AND " CHATD_FIRST_MEMBERS("$4")};
constexpr Sql<In<Int, Int, Int, Int, Int>, Out<CHATD_MEMBER_TYPES, Int>> kPageOfUserMembers{
    CHATD_PAGE_MEMBERS "WHERE m.room_id IN (" CHATD_PAGE_OF_USER ") AND " CHATD_FIRST_MEMBERS("$5")};

constexpr std::size_t kEpochBytes = 8;

template <class... C>
Result<Room> oneRoom(const Rows<C...>& rows) {
  if (rows.empty()) return Code::RoomNotFound;
  return roomFrom(rows, 0);
}

Result<Room> roomById(Connection& c, RoomId id) { return oneRoom(c.run(kById, raw(id))); }

Error unknownUser(UserId id) {
  return {Code::UserNotFound, "There is no user " + std::to_string(raw(id)) + " in this app."};
}

Result<void> usersLive(Connection& c, AppId app, const std::vector<UserId>& users) {
  for (const UserId user : users) {
    if (c.run(kUserLives, raw(user), raw(app)).empty()) return unknownUser(user);
  }
  return {};
}

// How many of them were not in yet.
std::size_t insertMembers(Connection& c, RoomId room, const std::vector<UserId>& users) {
  std::size_t added = 0;
  for (const UserId user : users) {
    added += c.run(kAddMember, raw(room), raw(user), static_cast<Int>(Role::Member), raw(room)).size();
  }
  return added;
}

struct Pair {
  UserId low{};
  UserId high{};
};

Result<std::optional<Pair>> pairOf(const NewRoom& wanted) {
  if (wanted.type != RoomType::Direct) return std::optional<Pair>();
  if (wanted.members.size() != 2 || wanted.members[0] == wanted.members[1]) {
    return Error::field("users", "a direct room has exactly two different members");
  }
  const auto [low, high] = std::minmax(wanted.members[0], wanted.members[1]);
  return std::optional<Pair>({low, high});
}

Result<CreatedRoom> existingPair(Connection& c, const NewRoom& wanted, Room room) {
  // A user who was deleted and came back has left it: in again.
  if (insertMembers(c, room.id, wanted.members) > 0) c.run(kRaiseAccess, raw(room.id));
  return CreatedRoom{std::move(room), false};
}

Result<CreatedRoom> storeRoom(Connection& c, const NewRoom& wanted, const std::optional<Pair>& pair, Int now) {
  if (c.run(kAppLives, raw(wanted.app)).empty()) return Code::NotFound;
  CHATD_CHECK(usersLive(c, wanted.app, wanted.members));
  if (pair) {
    auto had = oneRoom(c.run(kByPair, raw(wanted.app), raw(pair->low), raw(pair->high)));
    if (had.ok()) return existingPair(c, wanted, std::move(*had));
  }
  if (!c.run(kByName, raw(wanted.app), wanted.name).empty()) return Code::AlreadyExists;
  const auto low = pair ? OptInt(raw(pair->low)) : OptInt();
  const auto high = pair ? OptInt(raw(pair->high)) : OptInt();
  const RoomId id{c.run(kInsert, raw(wanted.app), wanted.name, static_cast<Int>(wanted.type), nullable(wanted.title),
                        nullable(wanted.metadata), low, high, now, now)
                      .at<0>(0)};
  c.run(kInsertCounter, raw(id), toHex(randomBytes(kEpochBytes)));
  insertMembers(c, id, wanted.members);
  CHATD_TRY(room, roomById(c, id));
  return CreatedRoom{std::move(room), true};
}

Result<Room> groupRoom(Connection& c, RoomId id) {
  CHATD_TRY(room, roomById(c, id));
  if (room.type == RoomType::Direct) return Error(Code::Conflict, "The members of a direct room do not change.");
  return std::move(room);
}

constexpr std::size_t kReadSeq = 25;  // of kPageOfUser: after 9 columns of the room, 5 of its counter, 11 of the message

template <class... C>
Page<RoomSummary> summaries(const Rows<C...>& rows, std::size_t limit) {
  auto out = pageOf<Page<RoomSummary>>(rows.size(), limit, [&](std::size_t i) {
    RoomSummary s;
    s.room = roomFrom(rows, i);
    s.counter = counterFrom<9>(rows, i);
    s.lastMessage = maybeMessageFrom<14>(rows, i);
    return s;
  });
  if (rows.size() > limit) out.next = raw(out.items.back().room.id);
  return out;
}

/// Both are in the order of room ids.
template <class... C>
void addMembersTo(std::vector<RoomSummary>& rooms, const Rows<C...>& members) {
  auto room = rooms.begin();
  for (std::size_t i = 0; i < members.size(); ++i) {
    const RoomId id{members.template at<16>(i)};
    while (room != rooms.end() && room->room.id != id) ++room;
    if (room == rooms.end()) return;
    room->members.push_back(memberFrom(members, i));
  }
}

}  // namespace

Result<CreatedRoom> SqlDirectory::createRoom(const NewRoom& wanted) {
  CHATD_TRY(pair, pairOf(wanted));
  return committer_.write<CreatedRoom>(
      wanted.app, [this, wanted, pair = pair](Connection& c) { return storeRoom(c, wanted, pair, now()); });
}

Result<Room> SqlDirectory::room(RoomId id) {
  return readers_.read([&](Connection& c) { return roomById(c, id); });
}

Result<Room> SqlDirectory::roomByName(AppId app, const std::string& name) {
  return readers_.read([&](Connection& c) { return oneRoom(c.run(kByName, raw(app), name)); });
}

Result<Page<RoomSummary>> SqlDirectory::rooms(AppId app, std::optional<UserId> forUser, const PageQuery& page,
                                              std::size_t members) {
  const Int after = page.cursor.value_or(0);
  const Int limit = static_cast<Int>(page.limit);
  const Int most = static_cast<Int>(members);
  return readers_.snapshot([&](Connection& c) -> Result<Page<RoomSummary>> {
    if (!forUser) {
      auto out = summaries(c.run(kPage, raw(app), after, limit + 1), page.limit);
      if (members > 0) addMembersTo(out.items, c.run(kPageMembers, raw(app), after, limit, most));
      return out;
    }
    const auto& rows = c.run(kPageOfUser, raw(*forUser), raw(app), after, limit + 1);
    auto out = summaries(rows, page.limit);
    for (std::size_t i = 0; i < out.items.size(); ++i) {
      out.items[i].unread = unreadOf(out.items[i].counter, Seq{rows.at<kReadSeq>(i)});
    }
    if (members > 0) addMembersTo(out.items, c.run(kPageOfUserMembers, raw(*forUser), raw(app), after, limit, most));
    return out;
  });
}

Result<Room> SqlDirectory::updateRoom(RoomId id, const RoomPatch& patch) {
  return committer_.write<Room>(AppId{}, [this, id, patch](Connection& c) -> Result<Room> {
    CHATD_TRY(room, roomById(c, id));
    if (patch.name && *patch.name != room.name) {
      if (!c.run(kByName, raw(room.app), *patch.name).empty()) return Code::AlreadyExists;
      room.name = *patch.name;
    }
    if (patch.title) room.title = *patch.title;
    if (patch.metadata) room.metadata = *patch.metadata;
    if (patch.retention && *patch.retention != room.retention) {
      room.retention = *patch.retention;
      housekeeping_.retentionChanged();
    }
    c.run(kUpdate, room.name, nullable(room.title), nullable(room.metadata), now(), retentionColumn(room.retention),
          raw(id));
    return roomById(c, id);
  });
}

Result<void> SqlDirectory::deleteRoom(RoomId id) {
  return committer_.write<void>(AppId{}, [this, id](Connection& c) -> Result<void> {
    CHATD_CHECK(roomById(c, id));
    // Waits for what is being appended, and what comes behind it was checked under older rules.
    c.run(kRaiseAccess, raw(id));
    c.run(kDelete, now(), raw(id));
    housekeeping_.wanted();
    return {};
  });
}

Result<void> SqlDirectory::addMembers(RoomId id, const std::vector<UserId>& users) {
  return committer_.write<void>(AppId{}, [id, users](Connection& c) -> Result<void> {
    CHATD_TRY(room, groupRoom(c, id));
    CHATD_CHECK(usersLive(c, room.app, users));
    if (insertMembers(c, id, users) > 0) c.run(kRaiseAccess, raw(id));
    return {};
  });
}

Result<void> SqlDirectory::removeMembers(RoomId id, const std::vector<UserId>& users) {
  return committer_.write<void>(AppId{}, [id, users](Connection& c) -> Result<void> {
    CHATD_CHECK(groupRoom(c, id));
    std::size_t removed = 0;
    for (const UserId user : users) removed += c.run(kRemoveMember, raw(id), raw(user)).size();
    if (removed > 0) c.run(kRaiseAccess, raw(id));
    return {};
  });
}

Result<void> SqlDirectory::setRole(RoomId id, UserId user, Role role) {
  return committer_.write<void>(AppId{}, [id, user, role](Connection& c) -> Result<void> {
    CHATD_CHECK(roomById(c, id));
    const auto& member = c.run(kMember, raw(id), raw(user));
    if (member.empty()) return Error(Code::UserNotFound, "The user is not a member of the room.");
    if (member.at<0>(0) == static_cast<Int>(role)) return {};
    c.run(kSetRole, static_cast<Int>(role), raw(id), raw(user));
    c.run(kRaiseAccess, raw(id));
    return {};
  });
}

Result<RoomState> SqlDirectory::roomState(RoomId id) {
  return readers_.snapshot([&](Connection& c) -> Result<RoomState> {
    CHATD_TRY(room, roomById(c, id));
    RoomState state;
    state.room = std::move(room);
    const auto& counter = c.run(kCounter, raw(id));
    if (counter.empty()) return Error(Code::Internal, "The room has no counter.");
    state.counter = counterFrom(counter, 0);
    const auto& members = c.run(kMembers, raw(id));
    state.members.reserve(members.size());
    for (std::size_t i = 0; i < members.size(); ++i) state.members.push_back(memberFrom(members, i));
    const auto& last = c.run(kMessageAt, raw(id), raw(state.counter.lastSeq));
    if (!last.empty()) state.lastMessage = messageFrom(last, 0);
    return state;
  });
}

Result<void> SqlDirectory::markRead(RoomId id, UserId user, Seq seq) {
  return committer_.write<void>(AppId{}, [id, user, seq](Connection& c) -> Result<void> {
    CHATD_CHECK(roomById(c, id));
    const auto& member = c.run(kMember, raw(id), raw(user));
    if (member.empty()) return Code::UserNotFound;
    const auto& counter = c.run(kCounter, raw(id));
    const Int newest = counter.empty() ? 0 : counter.at<0>(0);
    const Int read = std::min(raw(seq), newest);
    if (read > member.at<1>(0)) c.run(kSetRead, read, raw(id), raw(user));
    return {};
  });
}

}  // namespace chatd::store
