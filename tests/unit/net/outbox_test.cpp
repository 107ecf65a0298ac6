// Outbox: bytes in order, shared frames uncopied, small strings together, what dropping keeps.
#include <array>
#include <boost/test/unit_test.hpp>

#include "net/outbox.h"

using namespace chatd;
using namespace chatd::net;

namespace {

std::string content(const Outbox& box) {
  std::array<iovec, 64> pieces;
  std::string out;
  const std::size_t count = box.gather(pieces);
  for (std::size_t i = 0; i < count; ++i) out.append(static_cast<const char*>(pieces[i].iov_base), pieces[i].iov_len);
  return out;
}

std::size_t pieces(const Outbox& box) {
  std::array<iovec, 64> all;
  return box.gather(all);
}

}  // namespace

BOOST_AUTO_TEST_SUITE(outbox)

BOOST_AUTO_TEST_CASE(a_shared_frame_is_not_copied) {
  const FramePtr frame = makeFrame(std::string(100, 'x'));
  Outbox box;
  box.push(frame);
  std::array<iovec, 1> piece;
  BOOST_TEST(box.gather(piece) == 1U);
  BOOST_TEST(piece[0].iov_base == frame->data());
  BOOST_TEST(frame.use_count() == 2);
  box.sent(100);
  BOOST_TEST(frame.use_count() == 1);
  BOOST_TEST(box.empty());
}

BOOST_AUTO_TEST_CASE(small_strings_gather_in_one_piece_but_never_in_a_shared_frame) {
  Outbox box;
  box.push(std::string("a"));
  box.push(std::string("b"));
  BOOST_TEST(pieces(box) == 1U);
  const FramePtr shared = makeFrame("C");
  box.push(shared);
  box.push(std::string("d"));
  box.push(std::string("e"));
  BOOST_TEST(pieces(box) == 3U);
  BOOST_TEST(content(box) == "abCde");
  BOOST_TEST(*shared == "C");
}

BOOST_AUTO_TEST_CASE(any_partial_write_leaves_exactly_the_rest) {
  std::string all;
  const auto fill = [&](Outbox& box) {
    all.clear();
    for (int i = 0; i < 40; ++i) {
      const std::string text(static_cast<std::size_t>(i % 7), static_cast<char>('a' + i % 26));
      all += text;
      if (i % 3 == 0) {
        box.push(text);
      } else {
        box.push(makeFrame(text));
      }
    }
  };
  for (std::size_t step = 1; step < 130; step += 3) {
    Outbox box;
    fill(box);
    BOOST_REQUIRE(box.bytes() == all.size());
    while (!box.empty()) {
      BOOST_REQUIRE(content(box) == all);
      const std::size_t n = std::min(step, box.bytes());
      box.sent(n);
      all.erase(0, n);
    }
    BOOST_REQUIRE(all.empty());
  }
}

BOOST_AUTO_TEST_CASE(dropping_keeps_the_frame_that_has_begun_and_nothing_else) {
  Outbox box;
  box.push(makeFrame("first"));
  box.push(makeFrame("second"));
  box.push(makeFrame("third"));
  box.sent(7);
  box.dropUnstarted();
  BOOST_TEST(content(box) == "cond");
  BOOST_TEST(box.bytes() == 4U);
  box.push(std::string("bye"));
  BOOST_TEST(content(box) == "condbye");
}

BOOST_AUTO_TEST_CASE(dropping_between_frames_leaves_nothing) {
  Outbox box;
  box.push(makeFrame("first"));
  box.push(makeFrame("second"));
  box.sent(5);
  box.dropUnstarted();
  BOOST_TEST(box.empty());
  BOOST_TEST(pieces(box) == 0U);
}

BOOST_AUTO_TEST_CASE(empty_frames_are_ignored) {
  Outbox box;
  box.push(std::string());
  box.push(makeFrame(""));
  BOOST_TEST(box.empty());
  BOOST_TEST(pieces(box) == 0U);
}

BOOST_AUTO_TEST_CASE(thousands_of_frames_through_a_slow_socket_stay_in_order) {
  Outbox box;
  std::string expected;
  std::string got;
  for (int round = 0; round < 2000; ++round) {
    const std::string text = std::to_string(round) + ";";
    expected += text;
    box.push(makeFrame(text));
    if (round % 2 == 0) {
      got += content(box).substr(0, 5);
      box.sent(std::min<std::size_t>(5, box.bytes()));
    }
  }
  while (!box.empty()) {
    const std::string some = content(box);
    got += some;
    box.sent(some.size());
  }
  BOOST_TEST((got == expected));
}

BOOST_AUTO_TEST_SUITE_END()
