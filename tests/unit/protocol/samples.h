// Domain values for the tests here.
#pragma once

#include "chat/model.h"

namespace chatd::test {

inline constexpr Timestamp kTime = fromMicros(1'772'360'430'123'456);   // 2026-03-01T10:20:30.123Z
inline constexpr Timestamp kLater = fromMicros(1'772'360'431'000'999);  // 2026-03-01T10:20:31.000Z

inline Message sampleMessage() {
  Message m;
  m.id = MessageId{4};
  m.room = RoomId{1};
  m.seq = Seq{3};
  m.sender = UserId{2};
  m.text = "h\xC3\xA9llo \"you\"";
  m.createdAt = kTime;
  m.updatedAt = kTime;
  return m;
}

inline User sampleUser() {
  User u;
  u.id = UserId{2};
  u.app = AppId{7};
  u.appUserId = "u-2";
  u.firstName = "Ann";
  u.lastName = "O\"Neil";
  u.createdAt = kTime;
  u.updatedAt = kLater;
  return u;
}

inline Room sampleRoom() {
  Room r;
  r.id = RoomId{1};
  r.app = AppId{7};
  r.name = "usr-1-2";
  r.type = RoomType::Direct;
  r.createdAt = kTime;
  r.updatedAt = kLater;
  return r;
}

inline std::vector<Member> sampleMembers() {
  User other = sampleUser();
  other.id = UserId{1};
  other.appUserId = "1001";
  other.appUserIdInteger = true;
  other.firstName.reset();
  other.lastName.reset();
  return {Member{other, Role::Moderator, Seq{}}, Member{sampleUser(), Role::Member, Seq{}}};
}

}  // namespace chatd::test
