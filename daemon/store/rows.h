// Rows to values. The column lists and the readers of the same noun stand side by side, so that they are changed together;
// `First` is the column where the noun begins. Pure. Thread: any.
#pragma once

#include "chat/model.h"
#include "store/connection.h"
#include "store/retention.h"

namespace chatd::store {

// clang-format off
#define CHATD_USER_COLUMNS(u) \
  u ".id, " u ".app_id, " u ".app_user_id, " u ".is_integer, " u ".first_name, " u ".middle_name, " u ".last_name, " \
  u ".metadata, " u ".banned, " u ".ban_until, " u ".ban_reason, " u ".created_at, " u ".updated_at, " u ".deleted_at"
#define CHATD_USER_TYPES Int, Int, Text, Int, OptText, OptText, OptText, OptText, Int, OptInt, OptText, Int, Int, OptInt

#define CHATD_MEMBER_COLUMNS(u, m) CHATD_USER_COLUMNS(u) ", " m ".role, " m ".read_seq"
#define CHATD_MEMBER_TYPES CHATD_USER_TYPES, Int, Int

#define CHATD_ROOM_COLUMNS(r) \
  r ".id, " r ".app_id, " r ".name, " r ".type, " r ".title, " r ".metadata, " r ".created_at, " r ".updated_at, " \
  r ".retention"
#define CHATD_ROOM_TYPES Int, Int, Text, Int, OptText, OptText, Int, Int, OptText

#define CHATD_COUNTER_COLUMNS(c) \
  c ".last_seq, " c ".last_rev, " c ".access_rev, " c ".epoch, " c ".first_seq"
#define CHATD_COUNTER_TYPES Int, Int, Int, Text, Int

#define CHATD_MESSAGE_COLUMNS(m) \
  m ".id, " m ".room_id, " m ".seq, " m ".sender_id, " m ".text, " m ".client_msg_id, " m ".reply_to, " m ".metadata, " \
  m ".created_at, " m ".updated_at, " m ".deleted_at"
#define CHATD_MESSAGE_TYPES Int, Int, Int, Int, Text, OptText, OptInt, OptText, Int, Int, OptInt
// The same of a LEFT JOIN: every column may be NULL.
#define CHATD_MAYBE_MESSAGE_TYPES \
  OptInt, OptInt, OptInt, OptInt, OptText, OptText, OptInt, OptText, OptInt, OptInt, OptInt
// clang-format on

template <std::size_t First = 0, class... C>
[[nodiscard]] User userFrom(const Rows<C...>& rows, std::size_t i) {
  User u;
  u.id = UserId{rows.template at<First>(i)};
  u.app = AppId{rows.template at<First + 1>(i)};
  u.appUserId = rows.template at<First + 2>(i);
  u.appUserIdInteger = rows.template at<First + 3>(i) != 0;
  u.firstName = optional(rows.template at<First + 4>(i));
  u.middleName = optional(rows.template at<First + 5>(i));
  u.lastName = optional(rows.template at<First + 6>(i));
  u.metadata = optional(rows.template at<First + 7>(i));
  if (rows.template at<First + 8>(i) != 0) {
    u.ban = Ban{optionalTime(rows.template at<First + 9>(i)), optional(rows.template at<First + 10>(i))};
  }
  u.createdAt = fromMicros(rows.template at<First + 11>(i));
  u.updatedAt = fromMicros(rows.template at<First + 12>(i));
  u.deletedAt = optionalTime(rows.template at<First + 13>(i));
  return u;
}

template <std::size_t First = 0, class... C>
[[nodiscard]] Room roomFrom(const Rows<C...>& rows, std::size_t i) {
  Room r;
  r.id = RoomId{rows.template at<First>(i)};
  r.app = AppId{rows.template at<First + 1>(i)};
  r.name = rows.template at<First + 2>(i);
  r.type = rows.template at<First + 3>(i) == static_cast<Int>(RoomType::Direct) ? RoomType::Direct : RoomType::Group;
  r.title = optional(rows.template at<First + 4>(i));
  r.metadata = optional(rows.template at<First + 5>(i));
  r.createdAt = fromMicros(rows.template at<First + 6>(i));
  r.updatedAt = fromMicros(rows.template at<First + 7>(i));
  r.retention = retentionOf(rows.template at<First + 8>(i));
  return r;
}

template <std::size_t First = 0, class... C>
[[nodiscard]] RoomCounter counterFrom(const Rows<C...>& rows, std::size_t i) {
  RoomCounter c;
  c.lastSeq = Seq{rows.template at<First>(i)};
  c.lastRev = Rev{rows.template at<First + 1>(i)};
  c.accessRev = AccessRev{rows.template at<First + 2>(i)};
  c.epoch = rows.template at<First + 3>(i);
  c.firstSeq = Seq{rows.template at<First + 4>(i)};
  return c;
}

template <std::size_t First = 0, class... C>
[[nodiscard]] Member memberFrom(const Rows<C...>& rows, std::size_t i) {
  const bool moderator = rows.template at<First + 14>(i) == static_cast<Int>(Role::Moderator);
  return {userFrom<First>(rows, i), moderator ? Role::Moderator : Role::Member, Seq{rows.template at<First + 15>(i)}};
}

/// A column's value where a missing row was made an error by its type, or by the caller's look at the first column.
[[nodiscard]] inline Int present(Int v) { return v; }
[[nodiscard]] inline Int present(const OptInt& v) { return v.value(); }
[[nodiscard]] inline const Text& present(const Text& v) { return v; }
[[nodiscard]] inline const Text& present(const OptText& v) { return v.value(); }

/// Of CHATD_MESSAGE_TYPES or, if the first column is not NULL, CHATD_MAYBE_MESSAGE_TYPES.
template <std::size_t First = 0, class... C>
[[nodiscard]] Message messageFrom(const Rows<C...>& rows, std::size_t i) {
  Message m;
  m.id = MessageId{present(rows.template at<First>(i))};
  m.room = RoomId{present(rows.template at<First + 1>(i))};
  m.seq = Seq{present(rows.template at<First + 2>(i))};
  m.sender = UserId{present(rows.template at<First + 3>(i))};
  m.text = present(rows.template at<First + 4>(i));
  m.clientMsgId = optional(rows.template at<First + 5>(i));
  if (const auto& reply = rows.template at<First + 6>(i); !reply.isNull()) m.replyTo = MessageId{reply.value()};
  m.metadata = optional(rows.template at<First + 7>(i));
  m.createdAt = fromMicros(present(rows.template at<First + 8>(i)));
  m.updatedAt = fromMicros(present(rows.template at<First + 9>(i)));
  m.deletedAt = optionalTime(rows.template at<First + 10>(i));
  return m;
}

template <std::size_t First = 0, class... C>
[[nodiscard]] std::optional<Message> maybeMessageFrom(const Rows<C...>& rows, std::size_t i) {
  if (rows.template at<First>(i).isNull()) return std::nullopt;
  return messageFrom<First>(rows, i);
}

/// A page out of one row more than was asked for.
template <class Page, class F>
[[nodiscard]] Page pageOf(std::size_t found, std::size_t limit, F&& item) {
  Page page;
  for (std::size_t i = 0; i < found && i < limit; ++i) page.items.push_back(item(i));
  return page;
}

}  // namespace chatd::store
