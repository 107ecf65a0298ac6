// Engine.IO packets, as in the protocol document, revision 4.
#include <boost/test/unit_test.hpp>

#include <array>

#include "protocol/engine_io.h"

using namespace chatd;

BOOST_AUTO_TEST_SUITE(engine_io)

BOOST_AUTO_TEST_CASE(every_type_is_read_with_its_data) {
  const std::array<eio::PacketType, 7> types = {eio::PacketType::Open, eio::PacketType::Close,   eio::PacketType::Ping,
                                                eio::PacketType::Pong, eio::PacketType::Message, eio::PacketType::Upgrade,
                                                eio::PacketType::Noop};
  for (const auto type : types) {
    std::string text;
    eio::append(text, type, "data");
    const auto packet = eio::decode(text);
    BOOST_REQUIRE(packet.ok());
    BOOST_TEST((packet->type == type));
    BOOST_TEST(packet->data == "data");
    BOOST_TEST(!packet->binary);
  }
}

BOOST_AUTO_TEST_CASE(the_texts_are_those_of_the_document) {
  BOOST_TEST((eio::decode("2")->type == eio::PacketType::Ping));
  BOOST_TEST(eio::decode("2probe")->data == "probe");
  BOOST_TEST(eio::decode("4hello")->data == "hello");
  std::string ping;
  eio::append(ping, eio::PacketType::Ping);
  BOOST_TEST(ping == "2");
}

BOOST_AUTO_TEST_CASE(what_is_no_packet_is_refused) {
  for (const char* bad : {"", "7", "9x", "a", "b4aGk=", " 4", "/"}) {
    BOOST_REQUIRE(!eio::decode(bad).ok());
    BOOST_TEST((eio::decode(bad).error().code() == Code::BadRequest));
  }
}

BOOST_AUTO_TEST_CASE(a_binary_message_has_no_type_byte) {
  const eio::Packet packet = eio::decodeBinary("4\x01");
  BOOST_TEST((packet.type == eio::PacketType::Message));
  BOOST_TEST(packet.binary);
  BOOST_TEST(packet.data == "4\x01");
}

BOOST_AUTO_TEST_CASE(the_opening_packet_is_that_of_the_document) {
  constexpr std::array<std::string_view, 1> upgrades = {"websocket"};
  std::string polling;
  eio::appendOpen(polling, {.sid = "lv_VI97HAXpY6yYWAAAC", .upgrades = upgrades});
  BOOST_TEST(
      polling ==
      R"(0{"sid":"lv_VI97HAXpY6yYWAAAC","upgrades":["websocket"],"pingInterval":25000,"pingTimeout":20000,"maxPayload":1000000})");
  std::string websocket;
  eio::appendOpen(websocket, {.sid = "x",
                              .pingInterval = std::chrono::milliseconds(300),
                              .pingTimeout = std::chrono::milliseconds(200),
                              .maxPayload = 5});
  BOOST_TEST(websocket == R"(0{"sid":"x","upgrades":[],"pingInterval":300,"pingTimeout":200,"maxPayload":5})");
}

BOOST_AUTO_TEST_SUITE_END()
