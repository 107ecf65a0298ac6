// A property of all codecs of a session together: what a stream of bytes means does not depend on where it is cut. Random
// streams, good and damaged, of WebSocket frames that carry Engine.IO, Socket.IO with attachments, and plain JSON requests,
// are read whole, one byte at a time, and in random pieces. The seed is in the name of what fails.
#include <boost/test/unit_test.hpp>
#include <random>
#include <string>
#include <vector>

#include "base/json.h"
#include "protocol/engine_io.h"
#include "protocol/socket_io.h"
#include "unit/protocol/frames.h"

using namespace chatd;
using namespace chatd::test;

namespace {

constexpr std::size_t kMaxMessage = 3000;

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  /// From 0 to `most`.
  std::size_t upTo(std::size_t most) { return std::uniform_int_distribution<std::size_t>(0, most)(engine_); }
  bool oneIn(std::size_t n) { return upTo(n - 1) == 0; }
  template <class T>
  const T& of(const std::vector<T>& choices) {
    return choices[upTo(choices.size() - 1)];
  }
  std::string bytes(std::size_t count) {
    std::string out(count, '\0');
    for (char& c : out) c = static_cast<char>(upTo(255));
    return out;
  }

 private:
  std::mt19937 engine_;
};

/// A message in frames of random sizes, with control frames between them.
std::string inFrames(Random& random, unsigned opcode, std::string_view message) {
  std::string out;
  do {
    const std::size_t size = random.oneIn(2) ? message.size() : random.upTo(message.size());
    const bool last = size == message.size() && !random.oneIn(4);
    const std::string mask = random.bytes(4);
    out += clientFrame(opcode, message.substr(0, size), last, 0, Length::Minimal, mask);
    message.remove_prefix(size);
    opcode = 0;
    if (random.oneIn(4)) out += clientFrame(random.oneIn(2) ? 0x9U : 0xAU, random.bytes(random.upTo(125)));
    if (last) return out;
  } while (true);
}

std::string packet(Random& random) {
  static const std::vector<std::string> kPackets = {
      R"(40{"token":"123"})",
      R"(40/custom,)",
      "41",
      R"(42["message",1,"2",{"3":[true]}])",
      R"(42/custom,17["join","usr-1-2"])",
      R"(43456[1,"κόσμε 😀",null])",
      R"(42["half","\ud83d"])",
      "42{}",
      "4abc",
      "2",
      "3",
      "2probe",
      "5",
      "6",
      "7",
      "",
      "b",
      R"({"type":"send","id":7,"room":"usr-1-2","text":"κόσμε"})",
      R"({"type":"sync","id":8,"rooms":{"a":{"since":1},"b":{"since":2,"epoch":"x"}}})",
      R"({"type":)",
      "[]"};
  return random.of(kPackets);
}

std::string stream(Random& random) {
  std::string out;
  const std::size_t messages = 1 + random.upTo(6);
  for (std::size_t i = 0; i < messages; ++i) {
    if (random.oneIn(3)) {
      // A binary event and what it announces.
      const std::size_t attachments = 1 + random.upTo(3);
      std::string text = "45" + std::to_string(attachments) + R"(-["message")";
      for (std::size_t n = 0; n < attachments; ++n) text += R"(,{"_placeholder":true,"num":)" + std::to_string(n) + "}";
      out += inFrames(random, 0x1, text + "]");
      for (std::size_t n = 0; n < attachments; ++n) out += inFrames(random, 0x2, random.bytes(random.upTo(700)));
    } else {
      out += inFrames(random, random.oneIn(10) ? 0x2 : 0x1, packet(random));
    }
  }
  if (random.oneIn(2)) out += clientClose(1000, "bye");
  // Every other stream is damaged somewhere.
  if (random.oneIn(2)) out[random.upTo(out.size() - 1)] ^= static_cast<char>(1 + random.upTo(254));
  return out;
}

std::string describe(const sio::Packet& packet) {
  std::string out = "packet " + std::to_string(static_cast<int>(packet.type)) + " " + packet.nsp + " " +
                    (packet.id ? std::to_string(*packet.id) : "-") + " " + toText(packet.data) +
                    (packet.fault ? " fault " + packet.fault->detail() : "");
  for (const std::string& buffer : packet.buffers) out += " [" + buffer + "]";
  return out;
}

/// All codecs over one stream, and what came out of them.
class Session {
 public:
  void feed(std::string_view bytes) {
    for (const Outcome& outcome : reader_.feed(bytes)) take(outcome);
  }
  [[nodiscard]] const std::vector<std::string>& seen() const { return seen_; }

 private:
  void take(const Outcome& outcome) {
    seen_.push_back(std::to_string(static_cast<int>(outcome.kind)) + "/" + std::to_string(static_cast<int>(outcome.opcode)) +
                    "/" + std::to_string(outcome.code) + "/" + outcome.reason + "/" + outcome.payload);
    if (outcome.kind != ws::Step::Kind::Message) return;
    if (outcome.opcode == ws::Opcode::Binary) return attachment(outcome.payload);
    const auto json = parseJson(outcome.payload);
    seen_.push_back(json.ok() ? "json " + toText(*json) : "no json: " + json.error().detail());
    const auto engine = eio::decode(outcome.payload);
    if (!engine.ok()) return seen_.push_back("no packet: " + engine.error().detail());
    if (engine->type != eio::PacketType::Message) return;
    auto decoded = sio::decode(engine->data);
    if (!decoded.ok()) return seen_.push_back("no packet: " + decoded.error().detail());
    settle(attachments_.begin(*std::move(decoded)));
  }
  void attachment(std::string_view bytes) { settle(attachments_.add(bytes)); }
  void settle(const Result<bool>& complete) {
    if (!complete.ok()) return seen_.push_back("refused: " + complete.error().detail());
    if (*complete) seen_.push_back(describe(attachments_.take()));
  }

  Reader reader_{kMaxMessage};
  sio::Attachments attachments_{1500};
  std::vector<std::string> seen_;
};

std::vector<std::string> whole(std::string_view bytes) {
  Session session;
  session.feed(bytes);
  return session.seen();
}

std::vector<std::string> inBytes(std::string_view bytes) {
  Session session;
  for (std::size_t i = 0; i < bytes.size(); ++i) session.feed(bytes.substr(i, 1));
  return session.seen();
}

std::vector<std::string> inPieces(Random& random, std::string_view bytes) {
  Session session;
  while (!bytes.empty()) {
    const std::size_t size = std::min(bytes.size(), 1 + random.upTo(random.oneIn(3) ? 400 : 9));
    session.feed(bytes.substr(0, size));
    bytes.remove_prefix(size);
  }
  return session.seen();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(split_input)

BOOST_AUTO_TEST_CASE(a_session_means_the_same_however_its_bytes_are_cut) {
  constexpr unsigned kStreams = 1500;
  std::size_t packets = 0;
  for (unsigned seed = 1; seed <= kStreams; ++seed) {
    Random random(seed);
    const std::string bytes = stream(random);
    const auto expected = whole(bytes);
    for (const std::string& one : expected) packets += one.starts_with("packet ") ? 1U : 0U;
    BOOST_REQUIRE_MESSAGE(inBytes(bytes) == expected, "one byte at a time, seed " << seed);
    for (int i = 0; i < 5; ++i) BOOST_REQUIRE_MESSAGE(inPieces(random, bytes) == expected, "in pieces, seed " << seed);
  }
  // The streams say something, or the property would be an empty one.
  BOOST_TEST(packets > kStreams);
}

BOOST_AUTO_TEST_CASE(a_message_of_fragments_means_what_it_means_in_one_frame) {
  for (unsigned seed = 1; seed <= 300; ++seed) {
    Random random(seed);
    const std::string text = packet(random);
    for (std::size_t at = 0; at <= text.size(); ++at) {
      const std::string cut = clientFrame(0x1, text.substr(0, at), false) + clientFrame(0x0, text.substr(at));
      BOOST_REQUIRE_MESSAGE(whole(cut) == whole(clientFrame(0x1, text)), "cut at " << at << ", seed " << seed);
    }
  }
}

BOOST_AUTO_TEST_SUITE_END()
