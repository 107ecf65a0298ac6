// Vocabulary B: what clients say, and the exact bytes of what the server says.
#include "protocol/vocabulary_b.h"

#include <boost/test/unit_test.hpp>

#include "unit/protocol/samples.h"

using namespace chatd;
using namespace chatd::test;
namespace vb = chatd::vocabulary_b;

namespace {

Result<vb::ClientEvent> parse(std::string_view array) {
  auto packet = sio::decode("2" + std::string(array));
  BOOST_REQUIRE_MESSAGE(packet.ok(), array);
  return vb::parse(*packet);
}

template <class Event>
Event read(std::string_view array) {
  auto event = parse(array);
  BOOST_REQUIRE_MESSAGE(event.ok(), array);
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<Event>(*event), array);
  return std::get<Event>(std::move(*event));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(vocabulary_b)

BOOST_AUTO_TEST_CASE(a_chat_id_is_an_id_its_digits_or_a_name) {
  BOOST_TEST(raw(std::get<RoomId>(read<vb::JoinChat>(R"(["join-chat",12])").room)) == 12);
  BOOST_TEST(raw(std::get<RoomId>(read<vb::LeaveChat>(R"(["leave-chat","12"])").room)) == 12);
  BOOST_TEST(std::get<std::string>(read<vb::JoinChat>(R"(["join-chat","hall",{"more":1}])").room) == "hall");
  BOOST_TEST(std::get<std::string>(read<vb::Announce>(R"(["send-message","hall"])").room) == "hall");
  BOOST_TEST(raw(std::get<RoomId>(read<vb::Announce>(R"(["send-message",12])").room)) == 12);
  const auto send = read<vb::SendToChat>(R"(["send-message",{"chat_id":"hall","text":"hi","clientMsgId":"c","x":1}])");
  BOOST_TEST(std::get<std::string>(send.room) == "hall");
  BOOST_TEST(send.message.text == "hi");
  BOOST_TEST(send.message.clientMsgId.value() == "c");
}

BOOST_AUTO_TEST_CASE(anything_else_is_refused_with_the_field) {
  for (const char* array : {R"(["join-chat"])", R"(["join-chat",null])", R"(["join-chat",{}])", R"(["join-chat","a/b"])",
                            R"(["join-chat",0])", R"(["join-chat",1.5])", R"(["leave-chat",true])", R"(["send-message"])",
                            R"(["send-message",[]])", R"(["send-message",{"text":"x"}])"}) {
    const auto event = parse(array);
    BOOST_REQUIRE_MESSAGE(!event.ok(), array);
    BOOST_TEST(event.error().wire() == "invalid", array);
    BOOST_TEST(event.error().fields()[0].field == "chat_id", array);
  }
  BOOST_TEST(parse(R"(["send-message",{"chat_id":1}])").error().fields()[0].field == "text");
  BOOST_TEST(parse(R"(["join",1])").error().wire() == "unknown_event");
  BOOST_TEST(vb::speaks("send-message"));
  BOOST_TEST(!vb::speaks("send_message"));
}

BOOST_AUTO_TEST_CASE(new_message_is_the_message_of_rest_and_says_when_it_is_a_repeat) {
  const std::string plain = vb::newMessage(Framing::Packet, sampleMessage(), "usr-1-2");
  BOOST_TEST(plain.starts_with(R"(42["new-message",{"id":4,"roomId":1,"room":"usr-1-2","seq":3,"userId":2,"text":)"));
  BOOST_TEST(plain.ends_with(R"("deletedAt":null}])"));
  const std::string repeat = vb::newMessage(Framing::Packet, sampleMessage(), "usr-1-2", true);
  BOOST_TEST(repeat == plain.substr(0, plain.size() - 2) + R"(,"repeat":true}])");
  BOOST_TEST(vb::lost(Framing::Packet, Code::RoomDeleted, sampleRoom()) ==
             R"(42["error",{"code":"room_deleted","message":"The room has been deleted.","room":"usr-1-2","roomId":1}])");
}

BOOST_AUTO_TEST_SUITE_END()
