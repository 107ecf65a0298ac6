// What the server says in vocabulary A, byte for byte as in CONTRACT section 3.1.
#include <boost/test/unit_test.hpp>

#include "base/json.h"
#include "base/text.h"
#include "protocol/vocabulary_a.h"
#include "samples.h"

using namespace chatd;
using namespace chatd::test;
namespace va = chatd::vocabulary_a;

namespace {

/// The packet text without Engine.IO's type; checks that it is a packet and that the WebSocket form holds the same.
template <class Encode, class... Args>
std::string packet(Encode encode, const Args&... args) {
  const std::string text = encode(Framing::Packet, args...);
  BOOST_TEST(text.front() == '4');
  BOOST_TEST(sio::decode(std::string_view(text).substr(1)).ok(), text);
  std::string frame;
  ws::appendFrame(frame, ws::Opcode::Text, text);
  BOOST_TEST((encode(Framing::WebSocket, args...) == frame));
  return text.substr(1);
}

constexpr std::string_view kUser =
    R"({"id":2,"appUserId":"u-2","firstName":"Ann","middleName":null,"lastName":"O\"Neil","token":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:31.000Z","deletedAt":null})";
constexpr std::string_view kEncoded =
    R"({"id":4,"roomId":1,"message":"aMOpbGxvICJ5b3Ui","userId":2,"updatedAt":"2026-03-01T10:20:30.123Z","createdAt":"2026-03-01T10:20:30.123Z","deletedAt":null,"seq":3,"clientMsgId":null})";
constexpr std::string_view kPlain =
    R"({"id":4,"roomId":1,"room":"usr-1-2","seq":3,"userId":2,"text":"hello","clientMsgId":null,"replyTo":null,"metadata":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:30.123Z","deletedAt":null})";
constexpr std::string_view kMembers =
    R"([{"id":1,"appUserId":1001,"firstName":null,"middleName":null,"lastName":null,"role":"moderator"},{"id":2,"appUserId":"u-2","firstName":"Ann","middleName":null,"lastName":"O\"Neil","role":"member"}])";

std::string quoted(std::string_view before, std::string_view value, std::string_view after) {
  return std::string(before) + std::string(value) + std::string(after);
}

Message plainMessage() {
  Message m = sampleMessage();
  m.text = "hello";
  return m;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(vocabulary_a)

BOOST_AUTO_TEST_CASE(any_event_takes_ready_arguments) {
  BOOST_TEST(packet(va::event, "x", "1,[]") == R"(2["x",1,[]])");
  BOOST_TEST(packet(va::event, "x", "") == R"(2["x"])");
}

BOOST_AUTO_TEST_CASE(info_is_a_text) {
  BOOST_TEST(packet(va::info, "You have joined the room") == R"(2["info","You have joined the room"])");
}

BOOST_AUTO_TEST_CASE(room_info_has_members_unread_and_the_last_message_encoded) {
  const Message last = sampleMessage();
  const auto with = [&](const Message* m) {
    return packet([&](Framing f) { return va::roomInfo(f, sampleRoom(), sampleMembers(), 3, m); });
  };
  const std::string head =
      R"(2["room_info",{"room":"usr-1-2","roomId":1,"type":"direct","name":null,"members":)" + std::string(kMembers);
  BOOST_TEST(with(&last) == quoted(head + R"(,"unread":3,"lastMessage":)", kEncoded, "}]"));
  BOOST_TEST(with(nullptr) == head + R"(,"unread":3,"lastMessage":null}])");
}

BOOST_AUTO_TEST_CASE(room_data_has_an_entry_a_session_and_a_total_only_if_there_are_more) {
  const std::vector<RosterEntry> entries = {{{}, UserId{2}, "sock-1"}, {{}, UserId{3}, "sock-2"}};
  const auto with = [&](std::size_t total) {
    return packet([&](Framing f) { return va::roomData(f, sampleRoom(), entries, total); });
  };
  const std::string users =
      R"(2["roomData",{"room":"usr-1-2","users":[{"appId":7,"room":"usr-1-2","roomId":1,"sender":2,"id":"sock-1"},{"appId":7,"room":"usr-1-2","roomId":1,"sender":3,"id":"sock-2"}])";
  BOOST_TEST(with(2) == users + "}]");
  BOOST_TEST(with(1000) == users + R"(,"total":1000}])");
  BOOST_TEST(packet([](Framing f) { return va::roomData(f, sampleRoom(), {}, 0); }) ==
             R"(2["roomData",{"room":"usr-1-2","users":[]}])");
}

BOOST_AUTO_TEST_CASE(a_message_is_padded_base64_with_the_fields_in_order) {
  BOOST_TEST(packet(va::message, sampleMessage(), "") == quoted(R"(2["message",)", kEncoded, "]"));
  Message m = sampleMessage();
  for (const char* text : {"f", "fo", "foo", "\xF0\x9F\x98\x80"}) {
    m.text = text;
    const auto read = sio::decode(packet(va::message, m, ""));
    BOOST_TEST(fromBase64(asView((*read->argument(0))["message"])).value() == text);
  }
}

BOOST_AUTO_TEST_CASE(a_deleted_message_has_an_empty_text) {
  Message m = sampleMessage();
  m.text.clear();
  m.clientMsgId = "c1";
  m.deletedAt = kLater;
  BOOST_TEST(
      packet(va::message, m, "") ==
      R"(2["message",{"id":4,"roomId":1,"message":"","userId":2,"updatedAt":"2026-03-01T10:20:30.123Z","createdAt":"2026-03-01T10:20:30.123Z","deletedAt":"2026-03-01T10:20:31.000Z","seq":3,"clientMsgId":"c1"}])");
}

BOOST_AUTO_TEST_CASE(a_message_of_any_size_is_framed) {
  Message m = sampleMessage();
  for (const std::size_t size : {0U, 100U, 16'384U, 48'900U, 49'000U, 70'000U}) {
    m.text = std::string(size, 'x');
    BOOST_TEST(packet(va::message, m, "").size() > size);
  }
}

BOOST_AUTO_TEST_CASE(load_more_keeps_the_order) {
  Message second = sampleMessage();
  second.id = MessageId{3};
  const std::vector<Message> messages = {sampleMessage(), second};
  const std::string text = packet([&](Framing f) { return va::loadMore(f, messages); });
  const auto read = sio::decode(text);
  BOOST_REQUIRE(read->argument(0)->Size() == 2U);
  BOOST_TEST(toText((*read->argument(0))[0]) == kEncoded);
  BOOST_TEST((*read->argument(0))[1]["id"].GetInt() == 3);
  BOOST_TEST(packet([](Framing f) { return va::loadMore(f, {}); }) == R"(2["load_more",[]])");
}

BOOST_AUTO_TEST_CASE(typing_is_a_text_and_the_user_has_no_token) {
  BOOST_TEST(packet(va::isTyping, sampleUser(), true) ==
             quoted(R"(2["is_typing",{"data":)", kUser, R"(,"typing":"true"}])"));
  BOOST_TEST(packet(va::isTyping, sampleUser(), false) ==
             quoted(R"(2["is_typing",{"data":)", kUser, R"(,"typing":"false"}])"));
}

BOOST_AUTO_TEST_CASE(seen_by_says_who_what_and_when) {
  const SeenEvent seen{std::make_shared<const User>(sampleUser()), MessageId{4}, Seq{3}, kLater};
  BOOST_TEST(packet(va::seenBy, sampleRoom(), seen) ==
             quoted(R"(2["seen_by",{"room":"usr-1-2","roomId":1,"user":)", kUser,
                    R"(,"messageId":4,"seq":3,"seenAt":"2026-03-01T10:20:31.000Z"}])"));
}

BOOST_AUTO_TEST_CASE(changes_carry_the_plain_message_or_its_ids) {
  BOOST_TEST(packet(va::messageUpdated, plainMessage(), "usr-1-2", "") == quoted(R"(2["message-updated",)", kPlain, "]"));
  BOOST_TEST(packet(va::messageDeleted, plainMessage(), "usr-1-2", "") ==
             R"(2["message-deleted",{"id":4,"roomId":1,"room":"usr-1-2"}])");
}

BOOST_AUTO_TEST_CASE(an_error_names_its_event_if_that_is_short_enough) {
  const Error error(Code::NotJoined, "Join \"it\" first.");
  BOOST_TEST(packet(va::error, error, "") == R"(2["error",{"code":"not_joined","message":"Join \"it\" first."}])");
  BOOST_TEST(packet(va::error, error, "seen") ==
             R"(2["error",{"code":"not_joined","message":"Join \"it\" first.","event":"seen"}])");
  BOOST_TEST(packet(va::error, error, std::string(129, 'e')) == packet(va::error, error, ""));
}

BOOST_AUTO_TEST_CASE(acknowledgements_say_ok_and_what_came_of_it) {
  BOOST_TEST(packet(va::ackOk, 0U) == R"(30[{"ok":true}])");
  BOOST_TEST(packet(va::ackMessage, 17U, plainMessage(), "usr-1-2", false) ==
             quoted(R"(317[{"ok":true,"message":)", kPlain, "}]"));
  BOOST_TEST(packet(va::ackMessage, 17U, plainMessage(), "usr-1-2", true) ==
             quoted(R"(317[{"ok":true,"message":)", kPlain, R"(,"duplicate":true}])"));
  const Message last = plainMessage();
  BOOST_TEST(
      packet([&](Framing f) { return va::ackRoom(f, 1, sampleRoom(), sampleMembers(), 2, &last); }) ==
      quoted(
          quoted(
              R"(31[{"ok":true,"room":{"id":1,"appId":7,"room":"usr-1-2","type":"direct","name":null,"metadata":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:31.000Z","members":)",
              kMembers, R"(,"lastMessage":)"),
          kPlain, R"(,"unread":2}}])"));
}

BOOST_AUTO_TEST_CASE(a_refusal_is_acknowledged_with_its_code) {
  BOOST_TEST(packet(va::ackError, 5U, Error(Code::EmptyText)) ==
             R"(35[{"ok":false,"code":"empty_text","message":"The text is empty."}])");
}

BOOST_AUTO_TEST_SUITE_END()
