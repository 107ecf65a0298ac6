// plugins/host: the messages between the daemon and a host process.
#include <boost/test/unit_test.hpp>

#include "host/wire.h"

namespace chatd::hostwire {
namespace {

Assembler::State feed(Assembler& assembler, const std::vector<std::string>& parts, Message& out) {
  auto state = Assembler::State::More;
  for (const std::string& part : parts) state = assembler.take(part, out);
  return state;
}

BOOST_AUTO_TEST_SUITE(plugin_wire)

BOOST_AUTO_TEST_CASE(a_message_comes_back_as_it_was) {
  Answered answer;
  answer.instance = 7;
  answer.hasResult = true;
  answer.verdict = 1;
  answer.user = "ann";
  answer.claims = R"({"a":1})";
  answer.expiresAtMs = 1'700'000'000'000;
  answer.cacheTtlMs = 0;
  answer.grants = {{3, "room-*"}};
  const auto back = decode<Answered>(encode(answer));
  BOOST_REQUIRE(back.has_value());
  BOOST_TEST(back->user == "ann");
  BOOST_TEST(back->claims == answer.claims);
  BOOST_TEST(back->expiresAtMs == answer.expiresAtMs);
  BOOST_TEST(back->grants.at(0).glob == "room-*");
  Fetched fetched{200, std::string(100'000, 'x'), "", {{"content-type", "text/plain"}}};
  BOOST_TEST((decode<Fetched>(encode(fetched))->headers == fetched.headers));
}

BOOST_AUTO_TEST_CASE(a_large_message_is_cut_and_put_together) {
  const std::string payload(kMaxMessage, 'p');
  const auto parts = datagrams(Type::Fetched, 9, payload);
  BOOST_TEST(parts.size() == kMaxMessage / kMaxPayload);
  for (const std::string& part : parts) BOOST_TEST(part.size() <= kMaxDatagram);
  Assembler assembler;
  Message message;
  BOOST_TEST((feed(assembler, parts, message) == Assembler::State::Whole));
  BOOST_TEST(message.id == 9U);
  BOOST_TEST(message.payload == payload);
  BOOST_TEST((feed(assembler, datagrams(Type::Destroyed, 3, ""), message) == Assembler::State::Whole));
  BOOST_TEST(message.payload.empty());
}

BOOST_AUTO_TEST_CASE(nothing_that_is_no_message_is_taken) {
  const std::string good = datagrams(Type::Said, 1, encode(Said{1, "x"})).front();
  Message out;
  const auto state = [&](const std::string& datagram) { return Assembler().take(datagram, out); };
  BOOST_TEST((state(good) == Assembler::State::Whole));
  BOOST_TEST((state("") == Assembler::State::Broken));
  BOOST_TEST((state(good.substr(0, kHeader - 1)) == Assembler::State::Broken));
  BOOST_TEST((state(good + "x") == Assembler::State::Broken));
  BOOST_TEST((state("X" + good.substr(1)) == Assembler::State::Broken));
  // The parts of two messages mixed.
  const auto one = datagrams(Type::Fetched, 1, std::string(kMaxPayload + 1, 'a'));
  Assembler mixed;
  BOOST_TEST((mixed.take(one.front(), out) == Assembler::State::More));
  BOOST_TEST((mixed.take(good, out) == Assembler::State::Broken));
  // One that never ends.
  Assembler endless;
  std::size_t taken = 0;
  while (endless.take(one.front(), out) == Assembler::State::More) ++taken;
  BOOST_TEST(taken == kMaxMessage / kMaxPayload);
}

BOOST_AUTO_TEST_CASE(every_cut_and_every_wrong_length_of_a_payload_is_refused) {
  Verify question;
  question.token = "t";
  question.fields = {{"a", "b"}};
  const std::string whole = encode(question);
  BOOST_REQUIRE(decode<Verify>(whole).has_value());
  for (std::size_t i = 0; i < whole.size(); ++i) BOOST_TEST(!decode<Verify>(whole.substr(0, i)).has_value(), i);
  BOOST_TEST(!decode<Verify>(whole + "x").has_value());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(0xFF);
    static_cast<void>(decode<Verify>(damaged));  // must neither crash nor allocate without bound
  }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace
}  // namespace chatd::hostwire
