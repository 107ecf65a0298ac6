// WebSocketStream on a fake connection.
#include "engine/websocket_stream.h"

#include <boost/test/unit_test.hpp>

#include "engine/websocket_upgrade.h"
#include "protocol/permessage_deflate.h"
#include "support/client_frames.h"
#include "support/fake_connection.h"

using namespace chatd;
using namespace chatd::engine;
using test::clientFrame;

namespace {

/// Writes down what it hears.
struct Ear final : public TransportHandler {
  struct Heard {
    std::vector<std::string> texts;
    std::vector<std::string> binaries;
    int pongs = 0;
    int closed = 0;
    int drained = 0;
    bool full = false;
    Transport* transport = nullptr;
  };
  explicit Ear(Heard& h) : heard(h) {}
  void opened(Transport& t) override { heard.transport = &t; }
  void text(std::string_view m) override { heard.texts.emplace_back(m); }
  void binary(std::string_view m) override { heard.binaries.emplace_back(m); }
  void pong() override { ++heard.pongs; }
  [[nodiscard]] bool full() const override { return heard.full; }
  void drained() override { ++heard.drained; }
  void closed() override { ++heard.closed; }
  Heard& heard;
};

struct House {
  explicit House(WebSocketLimits limits = {})
      : connection(std::make_unique<WebSocketStream>(std::make_unique<Ear>(heard), limits)) {}
  [[nodiscard]] std::vector<test::ServerFrame> sent() const { return test::serverFrames(connection.unsent); }
  Ear::Heard heard;
  test::FakeConnection connection;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(websocket_stream)

BOOST_AUTO_TEST_CASE(texts_and_binaries_reach_the_handler_however_they_are_cut) {
  const std::string all = clientFrame(ws::Opcode::Text, "héllo") + clientFrame(ws::Opcode::Ping, "are you there") +
                          clientFrame(ws::Opcode::Binary, std::string(300, '\xff')) + clientFrame(ws::Opcode::Pong, "");
  for (const std::size_t step : {std::size_t{1}, std::size_t{7}, all.size()}) {
    House h;
    for (std::size_t i = 0; i < all.size(); i += step) h.connection.input(std::string_view(all).substr(i, step));
    BOOST_TEST(h.heard.texts == std::vector<std::string>{"héllo"}, boost::test_tools::per_element());
    BOOST_REQUIRE(h.heard.binaries.size() == 1U);
    BOOST_TEST(h.heard.binaries[0].size() == 300U);
    BOOST_TEST(h.heard.pongs == 1);
    BOOST_REQUIRE(h.sent().size() == 1U);
    BOOST_TEST((h.sent()[0].opcode == ws::Opcode::Pong));
    BOOST_TEST(h.sent()[0].payload == "are you there");
  }
}

BOOST_AUTO_TEST_CASE(a_full_handler_gets_the_rest_when_it_resumes) {
  House h;
  h.heard.full = true;
  h.heard.transport->pauseReading();
  h.heard.transport->resumeReading();
  h.connection.input(clientFrame(ws::Opcode::Text, "later"));
  BOOST_TEST(h.heard.texts.empty());
  h.heard.full = false;
  h.connection.input("");
  BOOST_TEST(h.heard.texts.size() == 1U);
}

BOOST_AUTO_TEST_CASE(after_thirty_two_messages_others_have_their_turn) {
  House h;
  std::string many;
  for (int i = 0; i < 40; ++i) many += clientFrame(ws::Opcode::Text, "m");
  h.connection.input(many);
  BOOST_TEST(h.heard.texts.size() == 32U);
  h.connection.turn();
  BOOST_TEST(h.heard.texts.size() == 40U);
}

BOOST_AUTO_TEST_CASE(a_broken_frame_ends_with_its_code_and_the_handler_hears_it_once) {
  House h;
  h.connection.input("\xff\xff\xff\xff\xff\xff");
  BOOST_REQUIRE(h.sent().size() == 1U);
  BOOST_TEST(test::closeCode(h.sent()[0].payload) == 1002);
  BOOST_TEST(h.heard.closed == 1);
  h.heard.transport->send(std::string("late"));
  h.heard.transport->close(ws::CloseCode::Normal, {});
  h.connection.lose();
  BOOST_TEST(h.sent().size() == 1U);
  BOOST_TEST(h.heard.closed == 1);
}

BOOST_AUTO_TEST_CASE(a_close_is_answered_with_its_code) {
  House h;
  h.connection.input(clientFrame(ws::Opcode::Close, std::string("\x0f\xa1", 2)));  // 4001
  BOOST_REQUIRE(h.sent().size() == 1U);
  BOOST_TEST(test::closeCode(h.sent()[0].payload) == 4001);
  BOOST_TEST(h.connection.closing());
}

BOOST_AUTO_TEST_CASE(who_does_not_read_is_closed_as_too_slow) {
  House h({.maxMessage = 1000, .outboxBytes = 1000});
  for (int i = 0; i < 3; ++i) {
    std::string frame;
    ws::appendFrame(frame, ws::Opcode::Text, std::string(400, 'x'));
    h.heard.transport->send(makeFrame(std::move(frame)));
  }
  BOOST_TEST(h.heard.closed == 1);
  BOOST_REQUIRE(h.sent().size() == 1U);
  BOOST_TEST(test::closeCode(h.sent()[0].payload) == 4008);
}

BOOST_AUTO_TEST_CASE(one_reply_may_be_larger_than_the_outbox_and_the_limit_comes_back) {
  House h({.maxMessage = 1000, .outboxBytes = 1000});
  h.heard.transport->sendReply(std::string(5000, 'x'));
  BOOST_TEST(h.heard.closed == 0);
  BOOST_TEST(h.connection.limit == 6000U);
  h.connection.drain();
  BOOST_TEST(h.connection.limit == 1000U);
  BOOST_TEST(h.heard.drained == 1);
}

BOOST_AUTO_TEST_CASE(with_deflate_long_messages_go_out_compressed_and_short_ones_as_they_are) {
  House h({.deflate = true});
  const std::string text(ws::kDeflateFrom, 'x');
  std::string frames;
  ws::appendFrame(frames, ws::Opcode::Text, "short");
  h.heard.transport->send(frames);
  BOOST_TEST(h.connection.unsent == frames);
  h.connection.drain();
  std::string frame;
  ws::appendFrame(frame, ws::Opcode::Text, text);
  for (int way = 0; way < 3; ++way) {
    if (way == 0) h.heard.transport->send(frame);
    if (way == 1) h.heard.transport->send(makeFrame(frame));
    if (way == 2) h.heard.transport->sendReply(frame);
    BOOST_TEST(h.connection.unsent.size() < 50U);
    BOOST_TEST((static_cast<unsigned char>(h.connection.unsent.front()) == 0xC1U));
    BOOST_REQUIRE(h.sent().size() == 1U);
    std::vector<char> back;
    BOOST_TEST((ws::inflateMessage(h.sent()[0].payload, 10'000, back) == ws::Inflated::Done));
    BOOST_TEST((std::string(back.begin(), back.end()) == text));
    h.connection.drain();
  }
}

BOOST_AUTO_TEST_CASE(a_shared_buffer_is_compressed_once_for_all_that_are_sent_it) {
  House first({.deflate = true});
  House second({.deflate = true});
  House plain;
  std::string bytes;
  ws::appendFrame(bytes, ws::Opcode::Text, std::string(2000, 'x'));
  const FramePtr frame = makeFrame(bytes);
  first.heard.transport->send(frame);
  // Made already: this maker is not asked.
  const FramePtr& twin = frame->twin([] { return FramePtr(); });
  BOOST_REQUIRE(twin != nullptr);
  second.heard.transport->send(frame);
  plain.heard.transport->send(frame);
  BOOST_TEST(first.connection.unsent == *twin);
  BOOST_TEST(second.connection.unsent == *twin);
  BOOST_TEST(plain.connection.unsent == bytes);
}

BOOST_AUTO_TEST_CASE(with_deflate_compressed_messages_reach_the_handler_and_without_they_close) {
  const auto shorter = ws::deflateMessage(std::string(300, 'y'));
  BOOST_REQUIRE(shorter.has_value());
  std::string frame = clientFrame(ws::Opcode::Text, *shorter);
  frame[0] = static_cast<char>(static_cast<unsigned char>(frame[0]) | 0x40U);
  House with({.deflate = true});
  with.connection.input(frame);
  BOOST_TEST(with.heard.texts == std::vector<std::string>{std::string(300, 'y')}, boost::test_tools::per_element());
  House without;
  without.connection.input(frame);
  BOOST_TEST(without.heard.texts.empty());
  BOOST_REQUIRE(without.sent().size() == 1U);
  BOOST_TEST(test::closeCode(without.sent()[0].payload) == 1002);
}

BOOST_AUTO_TEST_CASE(offers_over_several_header_lines_are_one_list) {
  net::HttpRequest request;
  request.headers = {{"Sec-WebSocket-Extensions", "permessage-deflate; server_max_window_bits=10"},
                     {"sec-websocket-extensions", "permessage-deflate; client_max_window_bits"}};
  net::HttpResponse response;
  BOOST_TEST(negotiateDeflate(request, response));
  BOOST_REQUIRE(response.headers.size() == 1U);
  BOOST_TEST(response.headers[0].first == "Sec-WebSocket-Extensions");
  request.headers.clear();
  BOOST_TEST(!negotiateDeflate(request, response));
  BOOST_TEST(response.headers.size() == 1U);
}

BOOST_AUTO_TEST_SUITE_END()
