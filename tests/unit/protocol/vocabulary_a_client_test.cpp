// What clients of vocabulary A say, and what of it is refused.
#include <boost/test/unit_test.hpp>

#include "protocol/vocabulary_a.h"

using namespace chatd;
namespace va = chatd::vocabulary_a;

namespace {

Result<va::ClientEvent> parse(std::string_view array) {
  auto packet = sio::decode("2" + std::string(array));
  BOOST_REQUIRE_MESSAGE(packet.ok(), array);
  return va::parse(*packet);
}

template <class Event>
Event read(std::string_view array) {
  auto event = parse(array);
  BOOST_REQUIRE_MESSAGE(event.ok(), array);
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<Event>(*event), array);
  return std::get<Event>(std::move(*event));
}

/// Refused as Invalid, because of `field`, with words about what is expected.
bool invalid(std::string_view array, std::string_view field) {
  const auto event = parse(array);
  return !event.ok() && event.error().code() == Code::Invalid && event.error().fields().size() == 1 &&
         event.error().fields()[0].field == field && !event.error().fields()[0].detail.empty();
}

std::string send(std::string_view fields) { return R"(["send_message",{"text":"x",)" + std::string(fields) + "}]"; }

}  // namespace

BOOST_AUTO_TEST_SUITE(vocabulary_a_client)

BOOST_AUTO_TEST_CASE(join_takes_a_name_or_an_id) {
  BOOST_TEST((read<va::Join>(R"(["join","usr-1-2"])").room == va::RoomRef{std::string("usr-1-2")}));
  BOOST_TEST((read<va::Join>(R"(["join","17"])").room == va::RoomRef{RoomId{17}}));
  BOOST_TEST((read<va::Join>(R"(["join",17])").room == va::RoomRef{RoomId{17}}));
  BOOST_TEST((read<va::Join>(R"(["join","a",{"more":1}])").room == va::RoomRef{std::string("a")}));
}

BOOST_AUTO_TEST_CASE(join_refuses_what_is_no_room) {
  for (const char* bad :
       {R"(["join"])", R"(["join",null])", R"(["join",{}])", R"(["join",[]])", R"(["join",true])", R"(["join",0])",
        R"(["join",-1])", R"(["join",1.5])", R"(["join",9007199254740992])", R"(["join",""])", R"(["join","0"])",
        R"(["join","99999999999999999999"])", R"(["join","a/b"])", R"(["join","a\u0000b"])"}) {
    BOOST_TEST(invalid(bad, "room"), bad);
  }
  BOOST_TEST(invalid("[\"join\",\"" + std::string(129, 'r') + "\"]", "room"));
}

BOOST_AUTO_TEST_CASE(typing_takes_a_boolean_or_its_text) {
  BOOST_TEST(read<va::Typing>(R"(["typing",true])").typing);
  BOOST_TEST(!read<va::Typing>(R"(["typing",false])").typing);
  BOOST_TEST(read<va::Typing>(R"(["typing","true"])").typing);
  BOOST_TEST(!read<va::Typing>(R"(["typing","false"])").typing);
  for (const char* bad :
       {R"(["typing"])", R"(["typing",null])", R"(["typing",1])", R"(["typing","yes"])", R"(["typing",{}])"}) {
    BOOST_TEST(invalid(bad, "typing"), bad);
  }
}

BOOST_AUTO_TEST_CASE(seen_needs_nothing) {
  read<va::Seen>(R"(["seen"])");
  read<va::Seen>(R"(["seen",{"x":1}])");
}

BOOST_AUTO_TEST_CASE(a_message_is_a_text_alone_or_with_more) {
  BOOST_TEST(read<va::SendMessage>(R"(["send_message","hi"])").text == "hi");
  const auto bare = read<va::SendMessage>(R"(["send_message",{"text":"hi","unknown":1}])");
  BOOST_TEST(bare.text == "hi");
  BOOST_TEST(!bare.clientMsgId.has_value());
  BOOST_TEST(!bare.replyTo.has_value());
  BOOST_TEST(!bare.metadata.has_value());
  const auto full = read<va::SendMessage>(
      R"(["send_message", {"text": "h\u00e9", "clientMsgId": "c1", "replyTo": 9, "metadata": {"a": [1, null]}}])");
  BOOST_TEST(full.text == "h\xC3\xA9");
  BOOST_TEST(full.clientMsgId.value() == "c1");
  BOOST_TEST((full.replyTo.value() == MessageId{9}));
  BOOST_TEST(full.metadata.value() == R"({"a":[1,null]})");
  const auto nulls = read<va::SendMessage>(send(R"("clientMsgId":null,"replyTo":null,"metadata":null)"));
  BOOST_TEST((!nulls.clientMsgId && !nulls.replyTo && !nulls.metadata));
}

BOOST_AUTO_TEST_CASE(the_domain_and_not_the_parser_judges_the_text) {
  BOOST_TEST(read<va::SendMessage>(R"(["send_message",""])").text.empty());
  BOOST_TEST(read<va::SendMessage>(R"(["send_message","a\u0000b"])").text.size() == 3U);
}

BOOST_AUTO_TEST_CASE(a_message_without_a_text_is_refused) {
  for (const char* bad : {R"(["send_message"])", R"(["send_message",null])", R"(["send_message",5])",
                          R"(["send_message",[]])", R"(["send_message",{}])", R"(["send_message",{"text":null}])",
                          R"(["send_message",{"text":5}])", R"(["send_message",{"message":"hi"}])"}) {
    BOOST_TEST(invalid(bad, "text"), bad);
  }
}

BOOST_AUTO_TEST_CASE(a_client_msg_id_has_1_to_128_bytes) {
  const std::string longest(128, 'i');
  BOOST_TEST(read<va::SendMessage>(send("\"clientMsgId\":\"" + longest + "\"")).clientMsgId.value() == longest);
  BOOST_TEST(invalid(send("\"clientMsgId\":\"" + longest + "i\""), "clientMsgId"));
  for (const char* bad : {R"("")", "5", "{}", R"("a\u0000b")"}) {
    BOOST_TEST(invalid(send("\"clientMsgId\":" + std::string(bad)), "clientMsgId"), bad);
  }
}

BOOST_AUTO_TEST_CASE(reply_to_is_an_id_and_metadata_an_object) {
  for (const char* bad : {"0", "-1", "\"1\"", "1.5", "9007199254740992", "{}"}) {
    BOOST_TEST(invalid(send("\"replyTo\":" + std::string(bad)), "replyTo"), bad);
  }
  for (const char* bad : {"[]", "\"{}\"", "1", "true"}) {
    BOOST_TEST(invalid(send("\"metadata\":" + std::string(bad)), "metadata"), bad);
  }
}

BOOST_AUTO_TEST_CASE(load_more_has_defaults_and_bounds) {
  for (const char* none : {R"(["load_more"])", R"(["load_more",null])", R"(["load_more",{}])"}) {
    BOOST_TEST(read<va::LoadMore>(none).page == 1);
    BOOST_TEST(read<va::LoadMore>(none).limit == 20);
  }
  BOOST_TEST(read<va::LoadMore>(R"(["load_more",{"page":3}])").page == 3);
  BOOST_TEST(read<va::LoadMore>(R"(["load_more",{"limit":100}])").limit == 100);
  for (const char* bad : {"0", "-1", "1.5", "\"1\"", "9007199254740992", "18446744073709551615"}) {
    BOOST_TEST(invalid(R"(["load_more",{"page":)" + std::string(bad) + "}]", "page"), bad);
  }
  for (const char* bad : {"0", "101", "[]"}) {
    BOOST_TEST(invalid(R"(["load_more",{"limit":)" + std::string(bad) + "}]", "limit"), bad);
  }
  BOOST_TEST(invalid(R"(["load_more",5])", "load_more"));
}

BOOST_AUTO_TEST_CASE(an_event_of_no_name_of_ours_is_unknown) {
  for (const char* bad : {R"(["dance"])", R"([5])", R"([""])", R"(["Join","a"])", R"(["message","a"])"}) {
    BOOST_TEST((parse(bad).error().code() == Code::UnknownEvent), bad);
  }
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_is_no_event) {
  const auto packet = sio::decode(R"(31["join","a"])");
  BOOST_TEST((va::parse(*packet).error().code() == Code::UnknownEvent));
}

BOOST_AUTO_TEST_SUITE_END()
