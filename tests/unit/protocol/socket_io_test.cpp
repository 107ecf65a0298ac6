// Socket.IO packets, as in the protocol document, revision 5; what is refused is what the reference decoder refuses, and
// what no client sends.
#include <boost/test/unit_test.hpp>

#include "protocol/socket_io.h"

using namespace chatd;
using sio::PacketType;

namespace {

/// The packet of `text`, which must be one.
sio::Packet read(std::string_view text) {
  auto packet = sio::decode(text);
  BOOST_REQUIRE_MESSAGE(packet.ok(), text);
  return std::move(packet).value();
}

bool refused(std::string_view text, Code code = Code::BadRequest) {
  const auto packet = sio::decode(text);
  return !packet.ok() && packet.error().code() == code && !packet.error().detail().empty();
}

template <class Append, class... Args>
std::string written(Append append, Args... args) {
  std::string out;
  append(out, args...);
  return out;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(socket_io)

BOOST_AUTO_TEST_CASE(connect_has_an_object_or_nothing) {
  BOOST_TEST((read("0").type == PacketType::Connect));
  BOOST_TEST(read("0").data.IsNull());
  BOOST_TEST(read("0").nsp == "/");
  BOOST_TEST(toText(read(R"(0{"token":"123"})").data) == R"({"token":"123"})");
  for (const char* bad : {"0[]", "0null", "0\"x\"", "0true", "05", "01{}"}) BOOST_TEST(refused(bad), bad);
}

BOOST_AUTO_TEST_CASE(a_namespace_is_read_without_its_query) {
  BOOST_TEST(read("0/admin").nsp == "/admin");
  BOOST_TEST(read("0/admin,").nsp == "/admin");
  const auto packet = read(R"(0/admin?token=1&b=2,{"x":1})");
  BOOST_TEST(packet.nsp == "/admin");
  BOOST_TEST(toText(packet.data) == R"({"x":1})");
  BOOST_TEST(read("0/?a=b,{}").nsp == "/");
  BOOST_TEST(read(R"(2/admin,["bar"])").event() == "bar");
}

BOOST_AUTO_TEST_CASE(a_namespace_is_bounded) {
  BOOST_TEST(read("0/" + std::string(sio::kMaxNamespace - 1, 'n')).nsp.size() == sio::kMaxNamespace);
  BOOST_TEST(refused("0/" + std::string(sio::kMaxNamespace, 'n')));
}

BOOST_AUTO_TEST_CASE(disconnect_has_no_payload) {
  BOOST_TEST((read("1").type == PacketType::Disconnect));
  BOOST_TEST(read("1/admin,").nsp == "/admin");
  for (const char* bad : {"1{}", "1[]", "1null", "11"}) BOOST_TEST(refused(bad), bad);
}

BOOST_AUTO_TEST_CASE(an_event_has_a_name_arguments_and_perhaps_an_id) {
  const auto plain = read(R"(2["foo"])");
  BOOST_TEST(plain.event() == "foo");
  BOOST_TEST(plain.argument(0) == nullptr);
  BOOST_TEST(!plain.id.has_value());
  const auto acked = read(R"(212["foo",1,{"a":[]}])");
  BOOST_TEST(acked.id.value() == 12U);
  BOOST_TEST(acked.argument(0)->GetInt() == 1);
  BOOST_TEST(acked.argument(1)->IsObject());
  BOOST_TEST(acked.argument(2) == nullptr);
  BOOST_TEST(acked.argument(static_cast<std::size_t>(-1)) == nullptr);
  BOOST_TEST(read(R"(2/admin,456["bar"])").id.value() == 456U);
  BOOST_TEST(read("2[7]").event().empty());
}

BOOST_AUTO_TEST_CASE(an_event_that_is_no_array_with_a_name_is_refused) {
  for (const char* bad : {"2", "2{}", "2[]", "2[null]", "2[{}]", "2[[\"a\"]]", "2[true]", "2\"foo\"", "2null"}) {
    BOOST_TEST(refused(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(reserved_names_are_refused) {
  for (const char* name : {"connect", "connect_error", "disconnect", "disconnecting", "newListener", "removeListener"}) {
    BOOST_TEST(refused("2[\"" + std::string(name) + "\"]"), name);
    BOOST_TEST(refused("51-[\"" + std::string(name) + "\"]"), name);
  }
  BOOST_TEST(read(R"(2["error"])").event() == "error");
}

BOOST_AUTO_TEST_CASE(an_acknowledgement_has_an_id_and_an_array) {
  const auto ack = read("3/admin,13[]");
  BOOST_TEST((ack.type == PacketType::Ack));
  BOOST_TEST(ack.id.value() == 13U);
  BOOST_TEST(ack.event().empty());
  BOOST_TEST(read(R"(31["connect"])").event().empty());
  for (const char* bad : {"3[]", "313", "313{}", "313null", "313\"x\""}) BOOST_TEST(refused(bad), bad);
}

BOOST_AUTO_TEST_CASE(an_id_has_64_bits) {
  BOOST_TEST(read(R"(218446744073709551615["a"])").id.value() == UINT64_MAX);
  BOOST_TEST(read(R"(20["a"])").id.value() == 0U);
  BOOST_TEST(refused(R"(218446744073709551616["a"])"));
  BOOST_TEST(refused("2" + std::string(5000, '9') + R"(["a"])"));
}

BOOST_AUTO_TEST_CASE(a_connect_error_is_an_object_or_a_string) {
  BOOST_TEST(read(R"(4{"message":"Not authorized"})").data.IsObject());
  BOOST_TEST(read(R"(4"no")").data.IsString());
  for (const char* bad : {"4", "4[]", "4null", "4{}x"}) BOOST_TEST(!sio::decode(bad).ok(), bad);
}

BOOST_AUTO_TEST_CASE(what_is_no_packet_is_refused) {
  for (const char* bad : {"", "7", "a", "-1", " 2[\"a\"]", "2x[\"a\"]", "99[\"a\"]"})
    BOOST_TEST(!sio::decode(bad).ok(), bad);
}

BOOST_AUTO_TEST_CASE(broken_json_is_refused) {
  for (const char* bad : {"2[", "2[\"a\"", "2[\"a\",]", "2[\"a\"]x", "2[\"a\",NaN]", "2['a']", "0{\"a\":1,\"a\":2}"}) {
    BOOST_TEST(refused(bad, Code::NotJson), bad);
  }
  BOOST_TEST(refused("2[\"a\"," + std::string(100'000, '[') + std::string(100'000, ']') + "]", Code::NotJson));
  BOOST_TEST(refused(std::string("2[\"a\0b\"]", 9), Code::NotJson));
  BOOST_TEST(refused("2[\"\xFF\"]", Code::NotJson));
}

BOOST_AUTO_TEST_CASE(half_of_a_surrogate_pair_is_a_fault_of_that_event_and_leaves_its_id) {
  for (const char* text : {R"(27["send_message","\ud83d"])", R"(27["send_message","\ude00 tail"])"}) {
    const auto packet = sio::decode(text);
    BOOST_REQUIRE(packet.ok());
    BOOST_REQUIRE(packet->fault.has_value());
    BOOST_TEST((packet->fault->code() == Code::InvalidText));
    BOOST_TEST(packet->id.value() == 7U);
  }
  BOOST_TEST(!sio::decode(R"(0{"token":"\ud83d"})").ok());
}

BOOST_AUTO_TEST_CASE(a_binary_packet_says_how_many_attachments_it_has) {
  const auto packet = read(R"(51-["baz",{"_placeholder":true,"num":0}])");
  BOOST_TEST((packet.type == PacketType::BinaryEvent));
  BOOST_TEST(packet.attachments == 1U);
  BOOST_TEST(packet.event() == "baz");
  const auto ack = read(R"(61-/admin,456[{"_placeholder":true,"num":0}])");
  BOOST_TEST((ack.type == PacketType::BinaryAck));
  BOOST_TEST(ack.nsp == "/admin");
  BOOST_TEST(ack.id.value() == 456U);
  BOOST_TEST(read(R"(510-["a"])").attachments == 10U);
  for (const char* bad : {"5[\"a\"]", "5-[\"a\"]", "50-[\"a\"]", "51[\"a\"]", "5x-[\"a\"]", "5-1-[\"a\"]", "51.5-[\"a\"]",
                          "511-[\"a\"]", "599999999999999999999-[\"a\"]", "5", "51-"}) {
    BOOST_TEST(refused(bad), bad);
  }
}

BOOST_AUTO_TEST_CASE(attachments_complete_a_packet_in_order) {
  sio::Attachments attachments(100);
  BOOST_TEST(
      !attachments.begin(read(R"(52-["x",{"a":{"_placeholder":true,"num":1}},{"_placeholder":true,"num":0}])")).value());
  BOOST_TEST(attachments.waiting());
  BOOST_TEST(!attachments.add("first").value());
  BOOST_TEST(attachments.add("second").value());
  const auto packet = attachments.take();
  BOOST_TEST(!attachments.waiting());
  BOOST_TEST((packet.type == PacketType::Event));
  BOOST_TEST(packet.event() == "x");
  const auto n = sio::placeholder(*packet.argument(1));
  BOOST_TEST(packet.buffers.at(n.value()) == "first");
  BOOST_TEST(packet.buffers.at(sio::placeholder((*packet.argument(0))["a"]).value()) == "second");
}

BOOST_AUTO_TEST_CASE(a_packet_without_attachments_is_complete_at_once) {
  sio::Attachments attachments(100);
  BOOST_TEST(attachments.begin(read(R"(2["a"])")).value());
  BOOST_TEST(attachments.take().event() == "a");
  BOOST_TEST(attachments.begin(read("37[]")).value());
  BOOST_TEST((attachments.take().type == PacketType::Ack));
}

BOOST_AUTO_TEST_CASE(a_placeholder_of_nothing_is_refused) {
  sio::Attachments attachments(100);
  for (const char* bad : {R"(51-["x",{"_placeholder":true,"num":1}])", R"(51-["x",{"_placeholder":true,"num":-1}])",
                          R"(51-["x",{"_placeholder":true,"num":0.5}])", R"(51-["x",{"_placeholder":true,"num":"0"}])",
                          R"(51-["x",{"_placeholder":true}])", R"(51-["x",[[{"a":{"_placeholder":true,"num":9}}]]])"}) {
    BOOST_TEST((attachments.begin(read(bad)).error().code() == Code::BadRequest), bad);
    BOOST_TEST(!attachments.waiting());
  }
  BOOST_TEST(attachments.begin(read(R"(51-["x",{"_placeholder":false,"num":9}])")).ok());
}

BOOST_AUTO_TEST_CASE(attachments_out_of_turn_or_too_large_are_refused) {
  sio::Attachments attachments(10);
  BOOST_TEST((attachments.add("x").error().code() == Code::BadRequest));
  BOOST_TEST(attachments.begin(read(R"(52-["x"])")).ok());
  BOOST_TEST((attachments.begin(read(R"(2["a"])")).error().code() == Code::BadRequest));
  BOOST_TEST(!attachments.add("12345").value());
  BOOST_TEST((attachments.add("123456").error().code() == Code::TooLarge));
  BOOST_TEST(!attachments.waiting());
}

BOOST_AUTO_TEST_CASE(packets_are_written_as_in_the_document) {
  BOOST_TEST(written(sio::appendConnect, "CjdVH4TQvovi1VvgAC5Z", "/", "") == R"(0{"sid":"CjdVH4TQvovi1VvgAC5Z"})");
  BOOST_TEST(written(sio::appendConnect, "a", "/admin", "") == R"(0/admin,{"sid":"a"})");
  BOOST_TEST(written(sio::appendDisconnect, "/") == "1");
  BOOST_TEST(written(sio::appendDisconnect, "/admin") == "1/admin,");
  BOOST_TEST(written(sio::appendEvent, "foo", "", "/") == R"(2["foo"])");
  BOOST_TEST(written(sio::appendEvent, "fo\"o", "1,{}", "/admin") == R"(2/admin,["fo\"o",1,{}])");
  BOOST_TEST(written(sio::appendAck, 13U, "\"bar\"", "/admin") == R"(3/admin,13["bar"])");
  BOOST_TEST(written(sio::appendAck, UINT64_MAX, "", "/") == "318446744073709551615[]");
}

BOOST_AUTO_TEST_CASE(a_connect_error_says_its_code) {
  const Error error(Code::Unauthorized, "No \"token\".");
  BOOST_TEST(written(sio::appendConnectError, error, "/") ==
             R"(4{"message":"No \"token\".","data":{"code":"unauthorized"}})");
  BOOST_TEST(written(sio::appendConnectError, error, "/x") ==
             R"(4/x,{"message":"No \"token\".","data":{"code":"unauthorized"}})");
}

BOOST_AUTO_TEST_SUITE_END()
