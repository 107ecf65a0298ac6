// The JSON of domain values, byte for byte as in CONTRACT section 2.
#include <boost/test/unit_test.hpp>

#include "base/json.h"
#include "protocol/wire_json.h"
#include "samples.h"

using namespace chatd;
using namespace chatd::test;

namespace {

template <class Append, class... Args>
std::string written(Append append, const Args&... args) {
  std::string out;
  append(out, args...);
  BOOST_TEST(parseJson(out).ok(), out);
  return out;
}

std::string message(const Message& m) { return written(wire::appendMessage, m, std::string_view("usr-1-2")); }
std::string room(const wire::RoomExtras& extras) { return written(wire::appendRoom, sampleRoom(), extras); }

constexpr std::string_view kRoomHead =
    R"({"id":1,"appId":7,"room":"usr-1-2","type":"direct","name":null,"metadata":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:31.000Z")";

}  // namespace

BOOST_AUTO_TEST_SUITE(wire_json)

BOOST_AUTO_TEST_CASE(a_message_is_that_of_the_contract) {
  BOOST_TEST(
      message(sampleMessage()) ==
      R"({"id":4,"roomId":1,"room":"usr-1-2","seq":3,"userId":2,"text":"h)"
      "\xC3\xA9"
      R"(llo \"you\"","clientMsgId":null,"replyTo":null,"metadata":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:30.123Z","deletedAt":null})");
}

BOOST_AUTO_TEST_CASE(a_message_shows_what_it_has) {
  Message m = sampleMessage();
  m.text.clear();
  m.clientMsgId = "c\n1";
  m.replyTo = MessageId{kMaxInteger};
  m.metadata = R"({"k":[1]})";
  m.updatedAt = kLater;
  m.deletedAt = kLater;
  BOOST_TEST(
      message(m) ==
      R"({"id":4,"roomId":1,"room":"usr-1-2","seq":3,"userId":2,"text":"","clientMsgId":"c\n1","replyTo":9007199254740991,"metadata":{"k":[1]},"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:31.000Z","deletedAt":"2026-03-01T10:20:31.000Z"})");
}

BOOST_AUTO_TEST_CASE(a_user_is_that_of_the_contract) {
  BOOST_TEST(
      written(wire::appendUser, sampleUser()) ==
      R"({"id":2,"appId":7,"appUserId":"u-2","firstName":"Ann","middleName":null,"lastName":"O\"Neil","metadata":null,"ban":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:31.000Z","deletedAt":null})");
}

BOOST_AUTO_TEST_CASE(a_user_keeps_the_json_type_of_its_own_id) {
  User user = sampleUser();
  user.appUserId = "1001";
  BOOST_TEST(written(wire::appendAppUserId, user) == "\"1001\"");
  user.appUserIdInteger = true;
  BOOST_TEST(written(wire::appendAppUserId, user) == "1001");
}

BOOST_AUTO_TEST_CASE(a_ban_shows_until_when_and_why) {
  User user = sampleUser();
  user.ban = Ban{kLater, "spam"};
  BOOST_TEST(written(wire::appendUser, user).find(R"("ban":{"until":"2026-03-01T10:20:31.000Z","reason":"spam"})") !=
             std::string::npos);
  user.ban = Ban{};
  BOOST_TEST(written(wire::appendUser, user).find(R"("ban":{"until":null,"reason":null})") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(another_user_sees_neither_metadata_nor_a_ban_nor_a_token) {
  User user = sampleUser();
  user.metadata = R"({"private":1})";
  user.ban = Ban{};
  BOOST_TEST(
      written(wire::appendPublicUser, user) ==
      R"({"id":2,"appUserId":"u-2","firstName":"Ann","middleName":null,"lastName":"O\"Neil","token":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:31.000Z","deletedAt":null})");
}

BOOST_AUTO_TEST_CASE(members_show_their_role) {
  const auto members = sampleMembers();
  const auto append = [](std::string& out, const std::vector<Member>& m) { wire::appendMembers(out, m); };
  BOOST_TEST(
      written(append, members) ==
      R"([{"id":1,"appUserId":1001,"firstName":null,"middleName":null,"lastName":null,"role":"moderator"},{"id":2,"appUserId":"u-2","firstName":"Ann","middleName":null,"lastName":"O\"Neil","role":"member"}])");
  BOOST_TEST(written(append, std::vector<Member>{}) == "[]");
}

BOOST_AUTO_TEST_CASE(a_room_shows_what_it_is_given_with) {
  BOOST_TEST(room({}) == std::string(kRoomHead) + "}");
  wire::RoomExtras extras;
  extras.members.emplace();
  extras.withLastMessage = true;
  extras.unread = 5;
  BOOST_TEST(room(extras) == std::string(kRoomHead) + R"(,"members":[],"lastMessage":null,"unread":5})");
  const Message last = sampleMessage();
  wire::RoomExtras only;
  only.withLastMessage = true;
  only.lastMessage = &last;
  BOOST_TEST(room(only) == std::string(kRoomHead) + R"(,"lastMessage":)" + message(last) + "}");
}

BOOST_AUTO_TEST_SUITE_END()
