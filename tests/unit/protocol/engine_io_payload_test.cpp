// Engine.IO payloads in their three forms.
#include "protocol/engine_io_payload.h"

#include <boost/test/unit_test.hpp>

#include "protocol/websocket.h"

using namespace chatd;
using namespace chatd::eio;

namespace {

/// Packets as text: "4hello", binary ones as "b:" and the bytes; a fault ends it with "fault".
std::vector<std::string> read(std::string body, PayloadForm form) {
  PayloadReader reader(std::move(body), form);
  std::vector<std::string> found;
  for (;;) {
    const auto packet = reader.next();
    if (!packet.ok()) {
      found.emplace_back("fault");
      const auto again = reader.next();
      BOOST_TEST((again.ok() && !again->has_value()));
      return found;
    }
    if (!packet->has_value()) return found;
    const Packet& p = **packet;
    found.push_back((p.binary ? "b:" : std::string(1, static_cast<char>(p.type))) + std::string(p.data));
  }
}

FramePtr frame(ws::Opcode opcode, std::string_view payload) {
  std::string out;
  ws::appendFrame(out, opcode, payload);
  return makeFrame(std::move(out));
}

using Texts = std::vector<std::string>;
void same(const Texts& a, const Texts& b) { BOOST_TEST(a == b, boost::test_tools::per_element()); }

}  // namespace

BOOST_AUTO_TEST_SUITE(engine_io_payload)

BOOST_AUTO_TEST_CASE(separated_packets_are_read_one_by_one) {
  same(read("4hello", PayloadForm::Separated), {"4hello"});
  same(read("4hello\x1e"
            "2\x1e"
            "4€",
            PayloadForm::Separated),
       {"4hello", "2", "4€"});
  same(read("bAQIDBA==\x1e"
            "4",
            PayloadForm::Separated),
       {"b:\1\2\3\4", "4"});
}

BOOST_AUTO_TEST_CASE(separated_payloads_with_a_fault_end_there) {
  same(read("", PayloadForm::Separated), {"fault"});
  same(read("abc", PayloadForm::Separated), {"fault"});
  same(read("4a\x1e", PayloadForm::Separated), {"fault"});
  same(read("4a\x1e\x1e"
            "4b",
            PayloadForm::Separated),
       {"4a", "fault"});
  same(read("4a\x1e"
            "bAQ=",
            PayloadForm::Separated),
       {"4a", "fault"});
}

BOOST_AUTO_TEST_CASE(counted_packets_are_counted_as_javascript_does) {
  same(read("6:4hello2:4€", PayloadForm::Counted), {"4hello", "4€"});
  // An emoji is two units.
  same(read("3:4😀1:2", PayloadForm::Counted), {"4😀", "2"});
  same(read("10:b4AQIDBA==", PayloadForm::Counted), {"b:\1\2\3\4"});
  BOOST_TEST(utf16Length("a€😀") == 4U);
}

BOOST_AUTO_TEST_CASE(counted_payloads_with_a_fault_end_there) {
  for (const char* body :
       {"", "4hello", ":4hello", "7:4hello", "5:4hello", "x:4", "-1:4", "99999999999:4", "2:4😀", "0:", "1:"}) {
    const auto found = read(body, PayloadForm::Counted);
    BOOST_TEST(found.back() == "fault", body);
  }
  same(read("10:b3AQIDBA==", PayloadForm::Counted), {"fault"});
}

BOOST_AUTO_TEST_CASE(bytes_hold_texts_and_binaries) {
  using namespace std::string_literals;
  same(read("\0\6\xff"
            "4hello\1\3\xff\4\1\2"s,
            PayloadForm::Bytes),
       {"4hello", "b:\1\2"});
  same(read("\0\1\1\xff"
            "4helloworld"s,
            PayloadForm::Bytes),
       {"4helloworld"});
  for (const std::string& body : {""s,
                                  "\2\1\xff"
                                  "4"s,
                                  "\0\xff"
                                  "4"s,
                                  "\0\2\xff"
                                  "4"s,
                                  "\0\1"s,
                                  "\0\x0a\xff"
                                  "4"s,
                                  "\1\1\xff\3"s,
                                  "\0\2\xff"
                                  "4\xff"s}) {
    BOOST_TEST(read(body, PayloadForm::Bytes).back() == "fault");
  }
}

BOOST_AUTO_TEST_CASE(shared_frames_become_payloads_as_they_are) {
  const std::string large(70'000, 'x');
  std::string joined = *frame(ws::Opcode::Text, "4a") + *frame(ws::Opcode::Text, "4" + std::string(300, 'y'));
  const std::vector<FramePtr> frames = {makeFrame(joined), frame(ws::Opcode::Text, "4" + large),
                                        frame(ws::Opcode::Text, "2")};
  PayloadForm form = PayloadForm::Separated;
  BOOST_TEST(encodePayload(frames, true, form) ==
             "4a\x1e"
             "4" +
                 std::string(300, 'y') +
                 "\x1e"
                 "4" +
                 large +
                 "\x1e"
                 "2");
  form = PayloadForm::Counted;
  BOOST_TEST(encodePayload(frames, true, form) == "2:4a301:4" + std::string(300, 'y') + "70001:4" + large + "1:2");
  BOOST_TEST((form == PayloadForm::Counted));
}

BOOST_AUTO_TEST_CASE(what_is_encoded_is_read_back) {
  const std::vector<FramePtr> frames = {
      frame(ws::Opcode::Text, "4é😀"), frame(ws::Opcode::Binary, std::string("\0\xff\x1e", 3)), frame(ws::Opcode::Text, "6")};
  const Texts expected = {"4é😀", "b:" + std::string("\0\xff\x1e", 3), "6"};
  for (const bool bytesAllowed : {true, false}) {
    for (const auto first : {PayloadForm::Separated, PayloadForm::Counted}) {
      PayloadForm form = first;
      const std::string body = encodePayload(frames, bytesAllowed, form);
      BOOST_TEST(((form == PayloadForm::Bytes) == (first == PayloadForm::Counted && bytesAllowed)));
      same(read(body, form), expected);
    }
  }
}

BOOST_AUTO_TEST_CASE(a_payload_cut_anywhere_is_never_read_past_its_end) {
  const std::vector<FramePtr> frames = {frame(ws::Opcode::Text, "4é😀"), frame(ws::Opcode::Binary, "\1\2\3"),
                                        frame(ws::Opcode::Text, "4last")};
  for (const bool bytesAllowed : {true, false}) {
    for (const auto first : {PayloadForm::Separated, PayloadForm::Counted}) {
      PayloadForm form = first;
      const std::string body = encodePayload(frames, bytesAllowed, form);
      const Texts whole = read(body, form);
      for (std::size_t cut = 0; cut < body.size(); ++cut) {
        Texts part = read(body.substr(0, cut), form);
        // What was read is a beginning of the whole, but for the packet that was cut.
        BOOST_TEST(part.size() <= whole.size());
        for (std::size_t i = 0; i + 1 < part.size(); ++i) BOOST_TEST(part[i] == whole[i]);
        if (form != PayloadForm::Separated && part.size() == whole.size()) BOOST_TEST(part.back() == "fault");
      }
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
