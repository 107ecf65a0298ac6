// permessage-deflate against RFC 7692: the offers, the examples of section 7.2.3, bombs, and what the parser makes of RSV1.
#include "protocol/permessage_deflate.h"

#include <zlib.h>

#include <boost/test/unit_test.hpp>
#include <random>
#include <thread>

#include "base/frame.h"
#include "frames.h"

using namespace chatd;
using namespace chatd::test;
using Kind = ws::Step::Kind;
using ws::Inflated;

namespace {

constexpr unsigned kContinuation = 0x0;
constexpr unsigned kText = 0x1;
constexpr unsigned kBinary = 0x2;
constexpr unsigned kPing = 0x9;
constexpr unsigned kRsv1 = 4;

std::string bytes(std::initializer_list<int> values) {
  std::string out;
  for (const int value : values) out.push_back(static_cast<char>(value));
  return out;
}

/// "text", or what went wrong.
std::string inflated(std::string_view payload, std::size_t most = 1'000'000) {
  std::vector<char> out;
  switch (ws::inflateMessage(payload, most, out)) {
    case Inflated::TooBig:
      return "too big";
    case Inflated::Broken:
      return "broken";
    case Inflated::Done:
      break;
  }
  return {out.begin(), out.end()};
}

/// As a client would compress, with the tail that separates messages (so that the results may be joined).
std::string deflatedWithTail(std::string_view text, int level = 9) {
  z_stream stream{};
  BOOST_REQUIRE(::deflateInit2(&stream, level, Z_DEFLATED, -15, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(text.size() + text.size() / 8 + 100, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  BOOST_REQUIRE(::deflate(&stream, Z_SYNC_FLUSH) == Z_OK);
  out.resize(out.size() - stream.avail_out);
  ::deflateEnd(&stream);
  return out;
}
std::string deflated(std::string_view text, int level = 9) {
  std::string out = deflatedWithTail(text, level);
  out.resize(out.size() - 4);
  return out;
}

/// About a thousandth of what it inflates to, a mebibyte a step.
std::string bomb(std::size_t mebibytes) {
  const std::string step = deflatedWithTail(std::string(1 << 20, '\0'));
  std::string out;
  for (std::size_t i = 0; i < mebibytes; ++i) out += step;
  return out;
}

std::string words(std::size_t size) {
  std::mt19937 random(7);
  static const std::vector<std::string> kWords = {"hello ", "order ", "your ",   "is ", "on ",
                                                  "the ",   "way ",   "thanks ", "42 "};
  std::string out;
  while (out.size() < size) out += kWords[random() % kWords.size()];
  out.resize(size);
  return out;
}

std::string noise(std::size_t size) {
  std::mt19937 random(9);
  std::string out(size, '\0');
  for (char& c : out) c = static_cast<char>(random());
  return out;
}

std::string answerTo(std::string_view offers) { return ws::negotiateDeflate(offers).value_or("none"); }
const std::string kPlain = "permessage-deflate; server_no_context_takeover; client_no_context_takeover";

/// All outcomes of a deflating parser, which must be the same however the bytes are cut.
std::vector<Outcome> read(std::string_view stream, std::size_t most = 1'000'000) {
  const auto whole = Reader(most, true).feed(stream);
  if (stream.size() < 5000) {
    for (const std::size_t chunk : {std::size_t{1}, std::size_t{2}, std::size_t{7}}) {
      BOOST_TEST((Reader(most, true).feed(stream, chunk) == whole));
    }
  }
  return whole;
}

unsigned faultOf(std::string_view stream, std::size_t most = 1'000'000) {
  const auto outcomes = read(stream, most);
  return !outcomes.empty() && outcomes.back().kind == Kind::Fault ? outcomes.back().code : 0;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(deflate_offers)

BOOST_AUTO_TEST_CASE(nothing_is_kept_between_messages_whatever_was_offered) {
  BOOST_TEST(answerTo("permessage-deflate") == kPlain);
  BOOST_TEST(answerTo("Permessage-Deflate ; client_max_window_bits") == kPlain);
  BOOST_TEST(answerTo("permessage-deflate;server_no_context_takeover;client_no_context_takeover") == kPlain);
  BOOST_TEST(answerTo("permessage-deflate; client_max_window_bits=8") == kPlain);
  BOOST_TEST(answerTo("permessage-deflate; client_max_window_bits=\"10\"") == kPlain);
  BOOST_TEST(answerTo("permessage-deflate; server_max_window_bits=15") == kPlain + "; server_max_window_bits=15");
  BOOST_TEST(answerTo("permessage-deflate; server_max_window_bits=\"15\"; client_max_window_bits") ==
             kPlain + "; server_max_window_bits=15");
}

BOOST_AUTO_TEST_CASE(an_offer_that_cannot_be_taken_is_passed_over) {
  for (const char* parameter :
       {"unknown", "server_no_context_takeover=1", "client_no_context_takeover=\"x\"", "server_max_window_bits",
        "server_max_window_bits=7", "server_max_window_bits=16", "server_max_window_bits=015", "server_max_window_bits=x",
        "client_max_window_bits=7", "client_max_window_bits=16", "client_max_window_bits=08",
        "server_no_context_takeover; server_no_context_takeover", "client_no_context_takeover; client_no_context_takeover",
        "client_max_window_bits; client_max_window_bits=15", "server_max_window_bits=15; server_max_window_bits=15",
        // A smaller window of ours: what is compressed is shared, and zlib has no raw window of 8.
        "server_max_window_bits=8", "server_max_window_bits=9", "server_max_window_bits=14"}) {
    const std::string offer = "permessage-deflate; " + std::string(parameter);
    BOOST_TEST(answerTo(offer) == "none");
    BOOST_TEST(answerTo(offer + ", permessage-deflate; client_max_window_bits") == kPlain);
  }
}

BOOST_AUTO_TEST_CASE(other_extensions_are_nothing_to_us) {
  BOOST_TEST(answerTo("") == "none");
  BOOST_TEST(answerTo("x-webkit-deflate-frame") == "none");
  BOOST_TEST(answerTo("foo; bar=\"baz\", , permessage-deflate") == kPlain);
  BOOST_TEST(answerTo("permessage-deflate-2") == "none");
}

BOOST_AUTO_TEST_CASE(a_malformed_header_gives_no_extension) {
  for (const char* header :
       {";", "permessage-deflate;", "permessage-deflate; =1", "permessage-deflate; a=", "permessage-deflate a",
        "permessage-deflate; a=\"", "permessage-deflate; a=\"b", "permessage-deflate; a=\"b c\"", "permessage-deflate, @",
        "permessage-deflate; a==b", "\"permessage-deflate\""})
    BOOST_TEST(answerTo(header) == "none");
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(deflate_messages)

BOOST_AUTO_TEST_CASE(the_examples_of_the_rfc_are_read) {
  BOOST_TEST(inflated(bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00})) == "Hello");                          // 7.2.3.1
  BOOST_TEST(inflated(bytes({0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00})) == "Hello");  // 7.2.3.3
  BOOST_TEST(inflated(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00})) == "Hello");                    // 7.2.3.4
  BOOST_TEST(inflated(bytes({0xf2, 0x48, 0x05, 0x00, 0x00, 0x00, 0xff, 0xff, 0xca, 0xc9, 0xc9, 0x07, 0x00})) ==
             "Hello");                          // 7.2.3.5
  BOOST_TEST(inflated(bytes({0x00})).empty());  // 7.2.3.6
  // Many leave out the byte behind a block that calls itself the last.
  BOOST_TEST(inflated(bytes({0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00})) == "Hello");
}

BOOST_AUTO_TEST_CASE(a_message_that_leans_on_the_one_before_is_broken) {
  // 7.2.3.2: "Hello" again, as a reference into the window that was not to be kept.
  BOOST_TEST(inflated(bytes({0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00})) == "Hello");
  BOOST_TEST(inflated(bytes({0xf2, 0x00, 0x11, 0x00, 0x00})) == "broken");
}

BOOST_AUTO_TEST_CASE(every_cut_of_a_message_is_broken) {
  const std::string payload = deflated(words(300));
  for (std::size_t size = 0; size + 1 < payload.size(); ++size) BOOST_TEST(inflated(payload.substr(0, size)) == "broken");
  BOOST_TEST(inflated(payload) == words(300));
  BOOST_TEST(inflated(payload) == words(300));  // and what was broken leaves nothing behind
}

BOOST_AUTO_TEST_CASE(a_message_of_just_the_limit_passes_and_of_one_more_does_not) {
  for (const std::size_t size : {std::size_t{1}, std::size_t{100}, std::size_t{16 * 1024}, std::size_t{100'000}}) {
    const std::string text = words(size);
    BOOST_TEST((inflated(deflated(text), size) == text));
    BOOST_TEST(inflated(deflated(text), size - 1) == "too big");
  }
}

BOOST_AUTO_TEST_CASE(a_megabyte_that_would_inflate_to_a_gibibyte_grows_nothing) {
  const std::string payload = bomb(1024);
  BOOST_TEST(payload.size() < 1'100'000U);
  std::vector<char> out;
  BOOST_TEST((ws::inflateMessage(payload, 1'000'000, out) == Inflated::TooBig));
  BOOST_TEST(out.capacity() <= 1'000'000U);
}

BOOST_AUTO_TEST_CASE(what_is_compressed_reads_back_and_is_shorter) {
  for (const std::size_t size : {5U, 63U, 512U, 4096U, 65'536U, 1'000'000U}) {
    const std::string text = words(size);
    const auto shorter = ws::deflateMessage(text);
    if (size >= 63) BOOST_REQUIRE(shorter.has_value());
    if (!shorter) continue;
    BOOST_TEST(shorter->size() < size);
    BOOST_TEST((inflated(*shorter) == text));
  }
}

BOOST_AUTO_TEST_CASE(what_would_not_become_shorter_is_left_alone) {
  for (const std::size_t size : {0U, 1U, 4U, 5U, 600U, 100'000U}) BOOST_TEST(!ws::deflateMessage(noise(size)).has_value());
}

BOOST_AUTO_TEST_CASE(of_several_frames_those_that_are_worth_it_are_compressed_in_place) {
  std::string frames;
  ws::appendFrame(frames, ws::Opcode::Text, "small");
  ws::appendFrame(frames, ws::Opcode::Text, words(2000));
  ws::appendFrame(frames, ws::Opcode::Ping, words(100));
  ws::appendFrame(frames, ws::Opcode::Binary, noise(2000));
  ws::appendFrame(frames, ws::Opcode::Binary, words(70'000));
  ws::appendFrame(frames, ws::Opcode::Text, words(ws::kDeflateUpTo + 1));
  const std::string shorter = ws::deflateFrames(frames);
  BOOST_TEST(shorter.size() < frames.size() - 50'000);
  std::vector<std::string> found;
  std::string compressed;
  for (std::string_view rest = shorter; !rest.empty();) {
    const bool marked = (static_cast<unsigned char>(rest.front()) & 0x40) != 0;
    const ws::ServerFrame frame = ws::takeServerFrame(rest);
    found.push_back(marked ? inflated(frame.payload) : std::string(frame.payload));
    compressed += marked ? '1' : '0';
  }
  BOOST_TEST(compressed == "010010");
  BOOST_REQUIRE(found.size() == 6U);
  BOOST_TEST((found == std::vector<std::string>{"small", words(2000), words(100), noise(2000), words(70'000),
                                                words(ws::kDeflateUpTo + 1)}));
  std::string none;
  ws::appendFrame(none, ws::Opcode::Text, words(ws::kDeflateFrom - 1));
  BOOST_TEST(ws::deflateFrames(none).empty());
}

BOOST_AUTO_TEST_CASE(the_other_form_of_a_frame_is_made_once_for_all_threads) {
  const FramePtr frame = makeFrame("plain");
  std::atomic<int> made{0};
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      const FramePtr& twin = frame->twin([&] {
        ++made;
        return makeFrame("other");
      });
      if (*twin != "other") ++made;
    });
  }
  for (std::thread& thread : threads) thread.join();
  BOOST_TEST(made == 1);
  BOOST_TEST(makeFrame("x")->twin([] { return FramePtr(); }).get() == nullptr);
}

BOOST_AUTO_TEST_SUITE_END()

BOOST_AUTO_TEST_SUITE(deflate_frames)

BOOST_AUTO_TEST_CASE(a_compressed_message_is_read_in_one_frame_and_in_many) {
  const std::string payload = deflated("Hello, compressed world, hello!");
  std::string stream = clientFrame(kText, payload, true, kRsv1);
  stream += clientFrame(kText, payload.substr(0, 5), false, kRsv1) + clientFrame(kPing, "p") +
            clientFrame(kContinuation, "", false) + clientFrame(kContinuation, payload.substr(5));
  stream += clientFrame(kText, "plain") + clientFrame(kBinary, payload, true, kRsv1);
  const auto outcomes = read(stream);
  BOOST_REQUIRE(outcomes.size() == 5U);
  BOOST_TEST(outcomes[0].payload == "Hello, compressed world, hello!");
  BOOST_TEST((outcomes[1].opcode == ws::Opcode::Ping));
  BOOST_TEST(outcomes[2].payload == "Hello, compressed world, hello!");
  BOOST_TEST(outcomes[3].payload == "plain");
  BOOST_TEST((outcomes[4].opcode == ws::Opcode::Binary));
}

BOOST_AUTO_TEST_CASE(rsv1_is_a_fault_where_it_has_no_meaning) {
  const std::string payload = deflated("Hello");
  BOOST_TEST(Reader().feed(clientFrame(kText, payload, true, kRsv1)).at(0).code == 1002U);  // not negotiated
  BOOST_TEST(faultOf(clientFrame(kPing, "p", true, kRsv1)) == 1002U);
  BOOST_TEST(faultOf(clientFrame(0x8, "", true, kRsv1)) == 1002U);
  BOOST_TEST(faultOf(clientFrame(kText, payload.substr(0, 2), false, kRsv1) +
                     clientFrame(kContinuation, payload.substr(2), true, kRsv1)) == 1002U);
  BOOST_TEST(faultOf(clientFrame(kText, "a", false) + clientFrame(kContinuation, "b", true, kRsv1)) == 1002U);
  for (const unsigned reserved : {1U, 2U, 3U, 5U, 6U, 7U})
    BOOST_TEST(faultOf(clientFrame(kText, payload, true, reserved)) == 1002U);
}

BOOST_AUTO_TEST_CASE(text_is_checked_after_it_was_inflated) {
  BOOST_TEST(faultOf(clientFrame(kText, deflated("h\xC3\xA9llo \xFF"), true, kRsv1)) == 1007U);
  BOOST_TEST(faultOf(clientFrame(kText, deflated("cut off \xC3"), true, kRsv1)) == 1007U);
  // What is no UTF-8 while compressed is nobody's business.
  BOOST_TEST(read(clientFrame(kText, deflated("h\xC3\xA9llo"), true, kRsv1)).at(0).payload == "h\xC3\xA9llo");
}

BOOST_AUTO_TEST_CASE(data_that_is_not_deflate_closes_with_1007) {
  BOOST_TEST(faultOf(clientFrame(kBinary, "\xFF\xFF\xFF\xFF", true, kRsv1)) == 1007U);
  BOOST_TEST(faultOf(clientFrame(kBinary, "", true, kRsv1)) == 1007U);
}

BOOST_AUTO_TEST_CASE(a_bomb_closes_with_1009_and_leaves_no_memory) {
  const std::string payload = bomb(900);
  BOOST_TEST(payload.size() <= 1'000'000U);
  Reader reader(1'000'000, true);
  const auto outcomes = reader.feed(clientFrame(kBinary, payload, true, kRsv1), 64 * 1024);
  BOOST_REQUIRE(outcomes.size() == 1U);
  BOOST_TEST(outcomes[0].code == 1009U);
  BOOST_TEST(reader.parser.held() == 0U);
}

BOOST_AUTO_TEST_CASE(the_compressed_form_is_bounded_too) {
  const std::string payload = deflated(noise(2000));
  BOOST_TEST(faultOf(clientFrame(kBinary, payload, true, kRsv1), 1000) == 1009U);
}

BOOST_AUTO_TEST_CASE(what_was_inflated_lives_until_the_next_step_and_no_longer) {
  ws::FrameParser parser(1'000'000, true);
  std::string stream = clientFrame(kBinary, deflated(words(50'000)), true, kRsv1);
  const ws::Step step = parser.next(stream);
  BOOST_REQUIRE((step.kind == Kind::Message));
  BOOST_TEST((step.payload == words(50'000)));
  BOOST_TEST(parser.held() >= 50'000U);
  std::string nothing;
  BOOST_TEST((parser.next(nothing).kind == Kind::NeedMore));
  BOOST_TEST(parser.held() == 0U);
}

BOOST_AUTO_TEST_SUITE_END()
