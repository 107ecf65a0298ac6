#include "store/housekeeping.h"

namespace chatd::store {

namespace {

using namespace std::chrono_literals;

constexpr auto kIdempotencyKept = 24h;

// What is gone for every reader can wait. What retention removes cannot: with this and its size of a step, 2,500 messages a
// second go under load, which costs the sends beside it a commit of a few milliseconds every 100.
constexpr std::chrono::milliseconds kPause = 1s;
constexpr std::chrono::milliseconds kRetentionPause = 100ms;

constexpr Sql<In<>, Out<Int>> kDeadRoom{"SELECT id FROM room WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1"};
constexpr Sql<In<Int>, Out<Int>> kPurgeMessages{
    "DELETE FROM message WHERE id IN (SELECT id FROM message WHERE room_id = $1 LIMIT 500) RETURNING id"};
constexpr Sql<In<Int>, Out<Int>> kPurgeKeys{
    "DELETE FROM message_key WHERE (room_id, sender_id, client_msg_id) IN "
    "(SELECT room_id, sender_id, client_msg_id FROM message_key WHERE room_id = $1 LIMIT 500) RETURNING message_id"};
constexpr Sql<In<Int>, Out<Int>> kPurgeChanges{
    "DELETE FROM room_change WHERE (room_id, rev) IN "
    "(SELECT room_id, rev FROM room_change WHERE room_id = $1 LIMIT 500) RETURNING rev"};
constexpr Sql<In<Int>, Out<Int>> kPurgeMembers{
    "DELETE FROM room_member WHERE (room_id, user_id) IN "
    "(SELECT room_id, user_id FROM room_member WHERE room_id = $1 LIMIT 500) RETURNING user_id"};
constexpr Sql<In<Int>> kPurgeCounter{"DELETE FROM room_counter WHERE room_id = $1"};
constexpr Sql<In<Int>> kPurgeRoom{"DELETE FROM room WHERE id = $1"};

constexpr Sql<In<>, Out<Int>> kDeadApp{"SELECT id FROM app WHERE deleted_at IS NOT NULL ORDER BY id LIMIT 1"};
constexpr Sql<In<Int, Int>, Out<Int>> kEndRooms{
    "UPDATE room SET deleted_at = $1 WHERE id IN "
    "(SELECT id FROM room WHERE app_id = $2 AND deleted_at IS NULL LIMIT 500) RETURNING id"};
constexpr Sql<In<Int>, Out<Int>> kPurgeUsers{
    "DELETE FROM app_user WHERE id IN (SELECT id FROM app_user WHERE app_id = $1 LIMIT 500) RETURNING id"};
constexpr Sql<In<Int>> kPurgeTokens{"DELETE FROM user_token WHERE user_id = $1"};
constexpr Sql<In<Int>> kPurgeAppKeys{"DELETE FROM app_key WHERE app_id = $1"};
constexpr Sql<In<Int>> kPurgeAccountApps{"DELETE FROM account_app WHERE app_id = $1"};
constexpr Sql<In<Int>> kPurgeApp{"DELETE FROM app WHERE id = $1"};

constexpr Sql<In<Int>, Out<Text>> kPurgeIdempotency{
    "DELETE FROM idempotency_key WHERE scope IN "
    "(SELECT scope FROM idempotency_key WHERE created_at < $1 ORDER BY created_at LIMIT 500) RETURNING scope"};
constexpr Sql<In<Int>, Out<Text>> kPurgeAccountTokens{
    "DELETE FROM account_token WHERE hash IN "
    "(SELECT hash FROM account_token WHERE expires_at <= $1 ORDER BY expires_at LIMIT 500) RETURNING hash"};

constexpr Sql<In<>> kProbe{
    "INSERT INTO id_block (name, next) VALUES ('probe', 1) ON CONFLICT (name) DO UPDATE SET next = id_block.next + 1"};

}  // namespace

void Housekeeping::step(Connection& connection, bool probe) {
  if (probe) connection.run(kProbe);
  if (!sweeps_) return;
  more_ = purgeRoom(connection) || purgeApp(connection) || purgeExpired(connection);
  if (!more_) retention_.step(connection);
}

std::chrono::milliseconds Housekeeping::pause() const { return more_ ? kPause : kRetentionPause; }

void Housekeeping::rolledBack() {
  more_ = true;
  retention_.rolledBack();
}

bool Housekeeping::purgeRoom(Connection& connection) {
  const auto& dead = connection.run(kDeadRoom);
  if (dead.empty()) return false;
  const Int room = dead.at<0>(0);
  if (!connection.run(kPurgeMessages, room).empty()) return true;
  if (!connection.run(kPurgeKeys, room).empty()) return true;
  if (!connection.run(kPurgeChanges, room).empty()) return true;
  if (!connection.run(kPurgeMembers, room).empty()) return true;
  connection.run(kPurgeCounter, room);
  // That may have waited for an append; nobody can begin another.
  if (!connection.run(kPurgeMessages, room).empty() || !connection.run(kPurgeKeys, room).empty()) return true;
  connection.run(kPurgeRoom, room);
  return true;
}

// The rooms of a dead app become dead rooms, and purgeRoom() comes first: when none is left, the rest of the app goes.
bool Housekeeping::purgeApp(Connection& connection) {
  const auto& dead = connection.run(kDeadApp);
  if (dead.empty()) return false;
  const Int app = dead.at<0>(0);
  if (!connection.run(kEndRooms, micros(clock_.wall()), app).empty()) return true;
  const auto& users = connection.run(kPurgeUsers, app);
  for (std::size_t i = 0; i < users.size(); ++i) connection.run(kPurgeTokens, users.at<0>(i));
  if (!users.empty()) return true;
  connection.run(kPurgeAppKeys, app);
  connection.run(kPurgeAccountApps, app);
  connection.run(kPurgeApp, app);
  return true;
}

bool Housekeeping::purgeExpired(Connection& connection) {
  const Timestamp now = clock_.wall();
  const bool keys = !connection.run(kPurgeIdempotency, micros(now - kIdempotencyKept)).empty();
  const bool tokens = !connection.run(kPurgeAccountTokens, micros(now)).empty();
  return keys || tokens;
}

}  // namespace chatd::store
