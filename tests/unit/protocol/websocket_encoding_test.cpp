// What the server sends, byte for byte as in RFC 6455 section 5.7, and the opening handshake of sections 1.3 and 4.2.
#include <boost/test/unit_test.hpp>

#include <array>

#include "base/text.h"
#include "protocol/framing.h"
#include "protocol/websocket.h"

using namespace chatd;

namespace {
std::string frameOf(ws::Opcode opcode, std::string_view payload) {
  std::string out;
  ws::appendFrame(out, opcode, payload);
  return out;
}

constexpr ws::UpgradeRequest kGood = {"GET", "websocket", "keep-alive, Upgrade", "dGhlIHNhbXBsZSBub25jZQ==", "13"};
}  // namespace

BOOST_AUTO_TEST_SUITE(websocket_encoding)

BOOST_AUTO_TEST_CASE(frames_are_those_of_the_rfc) {
  BOOST_TEST(toHex(frameOf(ws::Opcode::Text, "Hello")) == "810548656c6c6f");
  BOOST_TEST(toHex(frameOf(ws::Opcode::Pong, "Hello")) == "8a0548656c6c6f");
  BOOST_TEST(toHex(frameOf(ws::Opcode::Binary, std::string(256, 'x'))).substr(0, 8) == "827e0100");
  BOOST_TEST(toHex(frameOf(ws::Opcode::Binary, std::string(65'536, 'x'))).substr(0, 20) == "827f0000000000010000");
}

BOOST_AUTO_TEST_CASE(the_length_is_encoded_minimally_at_every_border) {
  for (const auto& [size, header] : {std::pair{0U, 2U}, {125U, 2U}, {126U, 4U}, {65'535U, 4U}, {65'536U, 10U}}) {
    BOOST_TEST(ws::headerSize(size) == header);
    BOOST_TEST(frameOf(ws::Opcode::Binary, std::string(size, 'x')).size() == size + header);
  }
}

BOOST_AUTO_TEST_CASE(a_built_frame_is_the_same_whatever_was_expected) {
  for (const std::size_t size : {0U, 5U, 125U, 126U, 65'535U, 65'536U}) {
    const std::string payload(size, 'x');
    for (const std::size_t expected : {0U, 126U, 65'536U}) {
      std::string out = "before";
      ws::FrameBuilder frame(out, ws::Opcode::Text, expected);
      out.append(payload);
      frame.finish();
      BOOST_TEST((out == "before" + frameOf(ws::Opcode::Text, payload)));
    }
  }
}

BOOST_AUTO_TEST_CASE(a_packet_is_framed_as_an_engine_io_message) {
  const auto write = [](std::string& out) { out.append("2[\"hi\"]"); };
  BOOST_TEST(framed(Framing::Packet, 7, write) == "42[\"hi\"]");
  BOOST_TEST(framed(Framing::WebSocket, 7, write) ==
             "\x81\x08"
             "42[\"hi\"]");
}

BOOST_AUTO_TEST_CASE(a_close_frame_has_its_code_and_a_reason_that_fits) {
  BOOST_TEST(toHex(ws::closeFrame(ws::CloseCode::Normal)) == "880203e8");
  BOOST_TEST(toHex(ws::closeFrame(ws::CloseCode::TooSlow, "slow")) == "88060fa8" + toHex("slow"));
  BOOST_TEST(toHex(ws::closeFrame(ws::CloseCode::NoStatus)) == "8800");
  BOOST_TEST(ws::closeFrame(ws::CloseCode::Normal, std::string(500, 'r')).size() == 127U);
  std::string euros;
  for (int i = 0; i < 42; ++i) euros += "\xE2\x82\xAC";  // 126 bytes; 123 is the border of a character, 122 is not
  const std::string cut = ws::closeFrame(ws::CloseCode::Normal, "ab" + euros);
  BOOST_TEST(cut.size() == 2U + 2U + 122U);
  BOOST_TEST(isUtf8(std::string_view(cut).substr(4)));
}

BOOST_AUTO_TEST_CASE(the_accept_key_is_that_of_the_rfc) {
  BOOST_TEST(ws::acceptKey("dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
  BOOST_TEST(ws::acceptUpgrade(kGood).value() == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
}

BOOST_AUTO_TEST_CASE(an_upgrade_is_recognized_in_any_case_and_among_others) {
  auto request = kGood;
  request.upgrade = "h2c, WebSocket";
  request.connection = "UPGRADE";
  BOOST_TEST(ws::acceptUpgrade(request).ok());
}

BOOST_AUTO_TEST_CASE(an_upgrade_that_is_none_is_refused) {
  const auto refused = [](auto change) {
    ws::UpgradeRequest request = kGood;
    change(request);
    return ws::acceptUpgrade(request).error().code();
  };
  BOOST_TEST((refused([](auto& r) { r.upgrade = ""; }) == Code::UpgradeRequired));
  BOOST_TEST((refused([](auto& r) { r.upgrade = "websockets"; }) == Code::UpgradeRequired));
  BOOST_TEST((refused([](auto& r) { r.connection = "keep-alive"; }) == Code::UpgradeRequired));
  BOOST_TEST((refused([](auto& r) { r.version = "8"; }) == Code::UpgradeRequired));
  BOOST_TEST((refused([](auto& r) { r.version = ""; }) == Code::UpgradeRequired));
  BOOST_TEST((refused([](auto& r) { r.method = "POST"; }) == Code::BadRequest));
  for (const char* key : {"", "short", "dGhlIHNhbXBsZSBub25jZQ=", "dGhlIHNhbXBsZSBub25jZQ===", "dGhl IHNhbXBsZSBub25jZ==",
                          "dGhlIHNhbXBsZSBub25jZSE="}) {
    BOOST_TEST((refused([&](auto& r) { r.key = key; }) == Code::BadRequest));
  }
}

BOOST_AUTO_TEST_CASE(list_elements_lose_their_space_and_empty_ones_are_left_out) {
  const auto elements = ws::listElements(" a ,\tb c,, ,d");
  const std::vector<std::string_view> expected = {"a", "b c", "d"};
  BOOST_TEST((elements == expected));
  BOOST_TEST(ws::listElements("").empty());
}

BOOST_AUTO_TEST_CASE(the_first_known_subprotocol_is_selected) {
  constexpr std::array<std::string_view, 2> known = {"chatd.v1", "chatd.v2"};
  BOOST_TEST(ws::selectSubprotocol("bearer.abc, chatd.v2, chatd.v1", known) == "chatd.v2");
  BOOST_TEST(ws::selectSubprotocol("Chatd.v1", known).empty());
  BOOST_TEST(ws::selectSubprotocol("", known).empty());
}

BOOST_AUTO_TEST_CASE(a_bearer_subprotocol_gives_the_token) {
  BOOST_TEST(ws::bearerSubprotocol("chatd.v1, bearer." + toBase64Url("t\xC3\xB6ken")).value() == "t\xC3\xB6ken");
  BOOST_TEST(ws::bearerSubprotocol("chatd.v1").value().empty());
  BOOST_TEST((ws::bearerSubprotocol("bearer.!").error().code() == Code::BadRequest));
  BOOST_TEST((ws::bearerSubprotocol("bearer.").error().code() == Code::BadRequest));
}

BOOST_AUTO_TEST_SUITE_END()
