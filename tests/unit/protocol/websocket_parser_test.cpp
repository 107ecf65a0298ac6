// FrameParser against RFC 6455 sections 5 to 8, a case a rule.
#include <boost/test/unit_test.hpp>

#include <random>

#include "frames.h"

using namespace chatd;
using namespace chatd::test;
using Kind = ws::Step::Kind;

namespace {

constexpr unsigned kContinuation = 0x0;
constexpr unsigned kText = 0x1;
constexpr unsigned kBinary = 0x2;
constexpr unsigned kPing = 0x9;
constexpr unsigned kPong = 0xA;

/// The only outcome is a fault with this code.
bool faults(std::string_view bytes, unsigned code, std::size_t maxMessage = 1'000'000) {
  for (const std::size_t chunk : {std::size_t{1}, bytes.size()}) {
    Reader reader(maxMessage);
    const auto outcomes = reader.feed(bytes, chunk);
    if (outcomes.size() != 1 || outcomes[0].kind != Kind::Fault || outcomes[0].code != code) return false;
    if (outcomes[0].reason.empty()) return false;
  }
  return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(websocket_parser)

BOOST_AUTO_TEST_CASE(the_masked_hello_of_the_rfc_is_read) {
  Reader reader;
  const auto outcomes = reader.feed("\x81\x85\x37\xfa\x21\x3d\x7f\x9f\x4d\x51\x58");
  BOOST_REQUIRE(outcomes.size() == 1);
  BOOST_TEST((outcomes[0].kind == Kind::Message));
  BOOST_TEST((outcomes[0].opcode == ws::Opcode::Text));
  BOOST_TEST(outcomes[0].payload == "Hello");
}

BOOST_AUTO_TEST_CASE(a_whole_frame_is_handed_out_where_it_lies) {
  ws::FrameParser parser(1000);
  std::string bytes = clientFrame(kText, "Hello");
  const ws::Step step = parser.next(bytes);
  BOOST_TEST((step.kind == Kind::Message));
  BOOST_TEST((step.payload.data() == bytes.data() + 6));
  BOOST_TEST(parser.held() == 0U);
}

BOOST_AUTO_TEST_CASE(unmasking_agrees_with_one_byte_at_a_time_for_every_length_and_alignment) {
  std::mt19937 random(1);
  for (std::size_t offset = 0; offset < 8; ++offset) {
    for (std::size_t size = 0; size < 40; ++size) {
      std::string buffer(offset + size, '\0');
      for (char& c : buffer) c = static_cast<char>(random());
      const std::string mask = {'\x11', '\x72', '\xC3', '\x94'};
      std::string expected = buffer.substr(offset);
      for (std::size_t i = 0; i < size; ++i) expected[i] = static_cast<char>(expected[i] ^ mask[i % 4]);
      std::uint32_t word = 0;
      std::copy(mask.begin(), mask.end(), reinterpret_cast<char*>(&word));
      const std::uint32_t turned = ws::unmask(std::span(buffer).subspan(offset), word);
      BOOST_TEST(buffer.substr(offset) == expected);
      std::string next(4, '\0');
      ws::unmask(next, turned);
      for (std::size_t i = 0; i < 4; ++i) BOOST_TEST(next[i] == mask[(size + i) % 4]);
    }
  }
}

BOOST_AUTO_TEST_CASE(every_form_of_the_length_is_read) {
  for (const std::size_t size : {0U, 1U, 125U, 126U, 127U, 65'535U, 65'536U, 70'000U}) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{7}, std::size_t{4096}, std::size_t{1'000'000}}) {
      const std::string payload(size, 'x');
      Reader reader;
      const auto outcomes = reader.feed(clientFrame(kBinary, payload), chunk);
      BOOST_REQUIRE(outcomes.size() == 1);
      BOOST_TEST((outcomes[0].payload == payload));
      BOOST_TEST(reader.left.empty());
    }
  }
}

BOOST_AUTO_TEST_CASE(a_frame_without_a_mask_is_refused) { BOOST_TEST(faults(std::string("\x81\x05Hello", 7), 1002)); }

BOOST_AUTO_TEST_CASE(a_reserved_bit_is_refused) {
  for (const unsigned bit : {1U, 2U, 4U}) BOOST_TEST(faults(clientFrame(kText, "x", true, bit), 1002));
}

BOOST_AUTO_TEST_CASE(a_reserved_opcode_is_refused) {
  for (const unsigned opcode : {0x3U, 0x4U, 0x5U, 0x6U, 0x7U, 0xBU, 0xCU, 0xDU, 0xEU, 0xFU}) {
    BOOST_TEST(faults(clientFrame(opcode, "x"), 1002));
  }
}

BOOST_AUTO_TEST_CASE(a_fragmented_control_frame_is_refused) {
  for (const unsigned opcode : {0x8U, kPing, kPong}) BOOST_TEST(faults(clientFrame(opcode, "", false), 1002));
}

BOOST_AUTO_TEST_CASE(a_control_frame_has_125_bytes_at_most) {
  Reader reader;
  BOOST_TEST(reader.feed(clientFrame(kPing, std::string(125, 'p'))).at(0).payload.size() == 125U);
  BOOST_TEST(faults(clientFrame(kPing, std::string(126, 'p')), 1002));
}

BOOST_AUTO_TEST_CASE(a_length_that_is_not_minimal_is_refused) {
  BOOST_TEST(faults(clientFrame(kText, "Hello", true, 0, Length::As16), 1002));
  BOOST_TEST(faults(clientFrame(kText, std::string(125, 'x'), true, 0, Length::As16), 1002));
  BOOST_TEST(faults(clientFrame(kText, "Hello", true, 0, Length::As64), 1002));
  BOOST_TEST(faults(clientFrame(kText, std::string(65'535, 'x'), true, 0, Length::As64), 1002));
}

BOOST_AUTO_TEST_CASE(a_length_with_the_highest_bit_is_refused) {
  BOOST_TEST(faults(std::string("\x82\xFF\x80\0\0\0\0\0\0\x01mask", 14), 1002));
}

BOOST_AUTO_TEST_CASE(a_length_that_lies_takes_no_memory_before_the_bytes_are_there) {
  Reader reader(std::size_t{1} << 40);
  const auto outcomes = reader.feed(std::string("\x82\xFF\0\0\0\xFF\0\0\0\0mask", 14) + std::string(100, 'x'));
  BOOST_TEST(outcomes.empty());
  BOOST_TEST(reader.parser.held() <= 200U);
}

BOOST_AUTO_TEST_CASE(a_message_over_the_limit_is_refused_by_its_header) {
  Reader reader(1000);
  BOOST_TEST(reader.feed(clientFrame(kBinary, std::string(1000, 'x'))).at(0).payload.size() == 1000U);
  BOOST_TEST(faults(clientFrame(kBinary, std::string(1001, 'x')).substr(0, 8), 1009, 1000));
  BOOST_TEST(faults(std::string("\x82\xFF\x7F\xFF\xFF\xFF\xFF\xFF\xFF\xFFmask", 14), 1009));
}

BOOST_AUTO_TEST_CASE(the_limit_counts_all_fragments_of_a_message) {
  const std::string parts = clientFrame(kBinary, std::string(600, 'a'), false);
  Reader reader(1000);
  BOOST_TEST(reader.feed(parts + clientFrame(kContinuation, std::string(400, 'b'))).at(0).payload.size() == 1000U);
  BOOST_TEST(faults(parts + clientFrame(kContinuation, std::string(401, 'b')), 1009, 1000));
}

BOOST_AUTO_TEST_CASE(memory_of_a_message_stays_within_the_limit_and_goes_with_it) {
  Reader reader(100'000);
  std::string bytes = clientFrame(kBinary, std::string(60'000, 'a'), false);
  (void)reader.feed(bytes, 1000);
  bytes = clientFrame(kContinuation, std::string(39'999, 'b'), false);
  (void)reader.feed(bytes, 1000);
  BOOST_TEST(reader.parser.held() <= 100'000U);
  BOOST_TEST(reader.feed(clientFrame(kContinuation, "c")).at(0).payload.size() == 100'000U);
  BOOST_TEST(reader.parser.held() == 0U);
}

BOOST_AUTO_TEST_CASE(little_is_ever_left_with_the_caller) {
  Reader reader;
  std::string bytes = clientFrame(kText, std::string(5000, 'a'), false) + clientFrame(kPing, std::string(125, 'p')) +
                      clientFrame(kContinuation, std::string(70'000, 'b'));
  BOOST_TEST(reader.feed(bytes, 1).size() == 2U);
  BOOST_TEST(reader.mostLeft <= 131U);
}

BOOST_AUTO_TEST_CASE(fragments_make_one_message_and_control_frames_pass_between_them) {
  Reader reader;
  const auto outcomes =
      reader.feed(clientFrame(kText, "Hel", false) + clientFrame(kPing, "p") + clientFrame(kContinuation, "", false) +
                  clientFrame(kPong, "q") + clientFrame(kContinuation, "lo") + clientFrame(kBinary, "next"));
  BOOST_REQUIRE(outcomes.size() == 4);
  BOOST_TEST((outcomes[0].opcode == ws::Opcode::Ping));
  BOOST_TEST(outcomes[0].payload == "p");
  BOOST_TEST((outcomes[1].opcode == ws::Opcode::Pong));
  BOOST_TEST((outcomes[2].opcode == ws::Opcode::Text));
  BOOST_TEST(outcomes[2].payload == "Hello");
  BOOST_TEST((outcomes[3].opcode == ws::Opcode::Binary));
  BOOST_TEST(outcomes[3].payload == "next");
}

BOOST_AUTO_TEST_CASE(a_continuation_of_nothing_is_refused) {
  BOOST_TEST(faults(clientFrame(kContinuation, "x"), 1002));
  Reader reader;
  const auto outcomes = reader.feed(clientFrame(kText, "whole") + clientFrame(kContinuation, "x"));
  BOOST_REQUIRE(outcomes.size() == 2);
  BOOST_TEST(outcomes[1].code == 1002U);
}

BOOST_AUTO_TEST_CASE(a_message_inside_another_one_is_refused) {
  BOOST_TEST(faults(clientFrame(kText, "a", false) + clientFrame(kText, "b"), 1002));
  BOOST_TEST(faults(clientFrame(kBinary, "a", false) + clientFrame(kText, "b", false), 1002));
}

BOOST_AUTO_TEST_CASE(text_must_be_utf8_and_binary_need_not) {
  for (const char* bad : {"\x80", "\xC0\xAF", "\xED\xA0\x80", "\xF4\x90\x80\x80", "\xE2\x82", "good \xFF"}) {
    BOOST_TEST(faults(clientFrame(kText, bad), 1007));
    Reader reader;
    BOOST_TEST((reader.feed(clientFrame(kBinary, bad)).at(0).kind == Kind::Message));
  }
  for (const char* good : {"\xE2\x82\xAC", "\xF0\x9F\x98\x80", "\xF4\x8F\xBF\xBF"}) {
    for (const std::size_t chunk : {1U, 2U, 100U}) {
      Reader reader;
      BOOST_TEST(reader.feed(clientFrame(kText, good), chunk).at(0).payload == good);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_character_may_lie_across_fragments) {
  Reader reader;
  const auto outcomes = reader.feed(clientFrame(kText, "\xF0\x9F", false) + clientFrame(kContinuation, "\x98\x80"));
  BOOST_TEST(outcomes.at(0).payload == "\xF0\x9F\x98\x80");
}

BOOST_AUTO_TEST_CASE(broken_text_is_refused_before_the_message_is_whole) {
  Reader fragments;
  BOOST_TEST(fragments.feed(clientFrame(kText, "ok", false) + clientFrame(kContinuation, "\xFF", false)).at(0).code ==
             1007U);
  Reader partial;
  BOOST_TEST(partial.feed(clientFrame(kText, "ab\xFF" + std::string(500, 'x')).substr(0, 20)).at(0).code == 1007U);
  BOOST_TEST(faults(clientFrame(kText, "\xE2", false) + clientFrame(kContinuation, ""), 1007));
}

BOOST_AUTO_TEST_CASE(a_close_says_its_code_and_reason) {
  Reader reader;
  const Outcome close = reader.feed(clientClose(1000, "bye")).at(0);
  BOOST_TEST((close.kind == Kind::Control));
  BOOST_TEST((close.opcode == ws::Opcode::Close));
  BOOST_TEST(close.code == 1000U);
  BOOST_TEST(close.reason == "bye");
  Reader empty;
  BOOST_TEST(empty.feed(clientFrame(0x8, "")).at(0).code == 1005U);
}

BOOST_AUTO_TEST_CASE(a_close_code_must_be_one_that_may_be_sent) {
  for (const unsigned code : {1000U, 1001U, 1002U, 1003U, 1007U, 1008U, 1009U, 1010U, 1011U, 1012U, 1014U, 3000U, 4999U}) {
    Reader reader;
    BOOST_TEST(reader.feed(clientClose(code)).at(0).code == code);
  }
  for (const unsigned code : {0U, 999U, 1004U, 1005U, 1006U, 1015U, 1016U, 2000U, 2999U, 5000U, 65535U}) {
    BOOST_TEST(faults(clientClose(code), 1002));
  }
}

BOOST_AUTO_TEST_CASE(a_close_of_one_byte_is_refused) { BOOST_TEST(faults(clientFrame(0x8, "\x03"), 1002)); }

BOOST_AUTO_TEST_CASE(a_close_reason_must_be_utf8) { BOOST_TEST(faults(clientClose(1000, "\xC3"), 1007)); }

BOOST_AUTO_TEST_CASE(nothing_is_read_after_a_close_or_a_fault) {
  for (const std::string& last : {clientClose(1000), clientFrame(0x3, "")}) {
    Reader reader;
    BOOST_TEST(reader.feed(last + clientFrame(kText, "late")).size() == 1U);
    BOOST_TEST(reader.feed(clientFrame(kText, "later")).empty());
    BOOST_TEST(reader.left.empty());
  }
}

BOOST_AUTO_TEST_CASE(how_the_bytes_are_cut_changes_nothing) {
  std::mt19937 random(7);
  const auto pick = [&](unsigned below) { return static_cast<unsigned>(random() % below); };
  for (int round = 0; round < 400; ++round) {
    std::string stream;
    for (unsigned i = 0; i < 6; ++i) {
      const unsigned opcodes[] = {kContinuation, kText, kText, kBinary, kPing, kPong};
      std::string payload(pick(3) == 0 ? pick(70'000) : pick(300), 'a');
      const unsigned opcode = opcodes[pick(6)];
      if (opcode >= 8) payload.resize(std::min<std::size_t>(payload.size(), 125));
      if (pick(10) == 0 && !payload.empty()) payload[pick(static_cast<unsigned>(payload.size()))] = '\xE9';
      stream += clientFrame(opcode, payload, opcode >= 8 || pick(2) == 0);
    }
    if (pick(4) == 0) stream += clientClose(pick(2) == 0 ? 1000 : 1005);
    if (pick(4) == 0) stream[pick(static_cast<unsigned>(stream.size()))] ^= static_cast<char>(1U << pick(8));
    Reader whole(100'000);
    Reader pieces(100'000);
    Reader bytes(100'000);
    const auto expected = whole.feed(stream);
    BOOST_TEST((pieces.feed(stream, 1 + pick(500)) == expected));
    if (round % 10 == 0) BOOST_TEST((bytes.feed(stream, 1) == expected));
  }
}

BOOST_AUTO_TEST_SUITE_END()
