// RecentHistory: what it answers, when it does not, and that it stays within its bytes.
#include "chat/recent_history.h"

#include <boost/test/unit_test.hpp>

using namespace chatd;

namespace {

constexpr RoomId kRoom{7};

std::shared_ptr<const Message> message(std::int64_t seq, std::string text = "t", RoomId room = kRoom) {
  Message m;
  m.id = MessageId{seq};
  m.room = room;
  m.seq = Seq{seq};
  m.text = std::move(text);
  return std::make_shared<const Message>(std::move(m));
}

RoomCounter counter(std::int64_t last, std::int64_t first = 1) {
  RoomCounter c;
  c.lastSeq = Seq{last};
  c.firstSeq = Seq{first};
  return c;
}

struct Held {
  RecentHistory history{1u << 20};
  /// A room that had `before` messages when it came into use, and got up to `last` since.
  Held(std::int64_t before, std::int64_t last) {
    history.open(kRoom, counter(before));
    for (std::int64_t seq = before + 1; seq <= last; ++seq) history.append(counter(seq), message(seq));
  }
  static std::string text(const std::optional<std::vector<Message>>& found) {
    if (!found) return "miss";
    std::string out;
    for (const Message& m : *found) out += (out.empty() ? "" : " ") + std::to_string(raw(m.seq));
    return out;
  }
  std::string newest(std::size_t limit, std::optional<std::int64_t> before = {}, std::optional<std::int64_t> after = {}) {
    HistoryQuery query;
    if (before) query.before = Seq{*before};
    if (after) query.after = Seq{*after};
    query.limit = limit;
    return text(history.history(kRoom, query));
  }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(recent_history)

BOOST_AUTO_TEST_CASE(a_range_that_is_all_here_is_answered_and_any_other_is_not) {
  Held h(10, 20);
  BOOST_TEST(h.newest(3) == "20 19 18");
  BOOST_TEST(h.newest(3, 14) == "13 12 11");
  BOOST_TEST(h.newest(3, 13) == "miss");
  BOOST_TEST(h.newest(2, std::nullopt, 15) == "17 16");
  BOOST_TEST(h.newest(5, 18, 15) == "17 16");
  BOOST_TEST(h.newest(2, std::nullopt, 20) == "");
  BOOST_TEST(h.newest(2, std::nullopt, 9) == "miss");
  BOOST_TEST(Held::text(h.history.range(kRoom, Seq{12}, Seq{15}, 10)) == "13 14 15");
  BOOST_TEST(Held::text(h.history.range(kRoom, Seq{12}, Seq{15}, 2)) == "13 14");
  BOOST_TEST(Held::text(h.history.range(kRoom, Seq{9}, Seq{15}, 2)) == "miss");
  BOOST_TEST(Held::text(h.history.page(kRoom, 2, 5)) == "15 14 13 12 11");
  BOOST_TEST(Held::text(h.history.page(kRoom, 3, 5)) == "miss");
  BOOST_TEST(Held::text(h.history.page(kRoom, 0, 5)) == "miss");
  BOOST_TEST(Held::text(h.history.page(RoomId{8}, 1, 5)) == "miss");
  BOOST_TEST(h.history.hits() == 8u);
}

BOOST_AUTO_TEST_CASE(a_room_that_is_here_from_its_beginning_needs_no_log) {
  Held h(0, 3);
  BOOST_TEST(h.newest(20) == "3 2 1");
  BOOST_TEST(h.newest(20, 2) == "1");
  BOOST_TEST(h.newest(20, 1) == "");
  Held empty(0, 0);
  BOOST_TEST(empty.newest(20) == "");
  Held trimmed(0, 9);
  trimmed.history.trim(kRoom, Seq{8});
  BOOST_TEST(trimmed.newest(20) == "9 8");
  trimmed.history.trim(kRoom, Seq{10});
  BOOST_TEST(trimmed.newest(20) == "");
}

BOOST_AUTO_TEST_CASE(an_edit_is_seen_by_the_next_reader) {
  Held h(0, 5);
  h.history.change(message(3, "edited"));
  const auto page = h.history.page(kRoom, 1, 5);
  BOOST_REQUIRE(page.has_value());
  BOOST_TEST((*page)[2].text == "edited");
}

BOOST_AUTO_TEST_CASE(what_was_read_from_the_log_makes_it_longer_unless_something_changed_since) {
  Held h(10, 12);
  const std::vector<Message> read{*message(12), *message(11), *message(10), *message(9), *message(7)};
  auto mark = h.history.mark(kRoom).value();
  h.history.change(message(9, "edited meanwhile"));
  h.history.extend(kRoom, mark, read);
  BOOST_TEST(h.newest(3) == "miss");
  mark = h.history.mark(kRoom).value();
  h.history.append(counter(13), message(13));
  h.history.extend(kRoom, mark, read);
  BOOST_TEST(h.newest(5) == "13 12 11 10 9");
  BOOST_TEST(h.newest(6) == "miss");
  // A room that left and came back is another one.
  mark = h.history.mark(kRoom).value();
  h.history.forget(kRoom);
  h.history.open(kRoom, counter(13));
  h.history.extend(kRoom, mark, std::vector<Message>{*message(13)});
  BOOST_TEST(h.newest(1) == "miss");
}

BOOST_AUTO_TEST_CASE(a_gap_begins_a_new_stretch) {
  Held h(0, 5);
  h.history.append(counter(8), message(8));
  BOOST_TEST(h.newest(1) == "8");
  BOOST_TEST(h.newest(2) == "miss");
  h.history.open(kRoom, counter(11));
  BOOST_TEST(h.newest(1) == "miss");
}

BOOST_AUTO_TEST_CASE(a_message_that_was_counted_before_it_came_is_left_to_the_log) {
  Held h(0, 5);
  h.history.open(kRoom, counter(7));
  h.history.append(counter(7), message(6));
  BOOST_TEST(h.newest(1) == "miss");
  h.history.append(counter(7), message(7));
  h.history.append(counter(8), message(8));
  BOOST_TEST(h.newest(1) == "8");
  BOOST_TEST(h.newest(2) == "miss");
}

BOOST_AUTO_TEST_CASE(it_stays_within_its_bytes_and_the_rooms_longest_unread_go_first) {
  RecentHistory history(16 * 64 * 1024);
  const std::string text(1000, 'x');
  for (std::int64_t room = 1; room <= 3000; ++room) {
    for (std::int64_t seq = 1; seq <= 3; ++seq) history.append(counter(seq), message(seq, text, RoomId{room}));
    (void)history.page(RoomId{1}, 1, 1);
    BOOST_REQUIRE(history.bytes() <= 16u * 64 * 1024);
  }
  BOOST_TEST(history.page(RoomId{1}, 1, 1).has_value());
  BOOST_TEST(!history.page(RoomId{2}, 1, 1).has_value());
  BOOST_TEST(history.page(RoomId{3000}, 1, 1).has_value());
  for (std::int64_t room = 1; room <= 3000; ++room) history.forget(RoomId{room});
  BOOST_TEST(history.bytes() == 0u);
}

BOOST_AUTO_TEST_CASE(one_busy_room_has_its_part_and_no_more) {
  RecentHistory history(16 * 64 * 1024);
  for (std::int64_t seq = 1; seq <= 5000; ++seq) {
    history.append(counter(seq), message(seq, std::string(100, 'x')));
    BOOST_REQUIRE(history.page(kRoom, 1, 1).has_value());
  }
  BOOST_TEST(history.bytes() <= 8u * 1024);
  BOOST_TEST(history.page(kRoom, 1, 5).has_value());
}

BOOST_AUTO_TEST_CASE(a_room_that_nobody_asks_for_keeps_nothing_until_somebody_does) {
  Held h(0, 200);
  BOOST_TEST(h.newest(1) == "200");
  for (std::int64_t seq = 201; seq <= 400; ++seq) h.history.append(counter(seq), message(seq));
  const auto held = h.history.bytes();
  h.history.append(counter(401), message(401));
  BOOST_TEST(h.history.bytes() < held / 10);
  BOOST_TEST(h.newest(1) == "miss");
  const auto mark = h.history.mark(kRoom).value();
  h.history.append(counter(402), message(402));
  h.history.extend(kRoom, mark, std::vector<Message>{*message(401), *message(400)});
  BOOST_TEST(h.newest(3) == "402 401 400");
}

BOOST_AUTO_TEST_CASE(without_bytes_it_holds_and_answers_nothing) {
  RecentHistory off(0);
  off.open(kRoom, counter(0));
  off.append(counter(1), message(1));
  BOOST_TEST(!off.page(kRoom, 1, 1).has_value());
  BOOST_TEST(!off.mark(kRoom).has_value());
  BOOST_TEST(off.bytes() == 0u);
  BOOST_TEST(off.misses() == 0u);
}

BOOST_AUTO_TEST_SUITE_END()
