// What waits for another try: the order of a room, what may pass it, and how long it is let be.
#include "store/held_rooms.h"

#include <boost/test/unit_test.hpp>

#include "store/fault_report.h"

using namespace chatd;
using namespace chatd::store;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

LogItem item(std::uint64_t order, std::int64_t room) {
  LogItem made;
  Append append;
  append.room = RoomId{room};
  made.request = append;
  made.order = order;
  return made;
}

std::vector<std::uint64_t> orders(const std::vector<LogItem>& items) {
  std::vector<std::uint64_t> found;
  for (const LogItem& each : items) found.push_back(each.order);
  return found;
}

const steady_clock::time_point kNow = steady_clock::now();

}  // namespace

BOOST_AUTO_TEST_SUITE(held_rooms)

BOOST_AUTO_TEST_CASE(a_room_keeps_the_order_of_arrival_whatever_comes_back_first) {
  HeldRooms held(100);
  for (const std::uint64_t order : {7u, 3u, 9u, 5u}) held.hold(item(order, 1), kNow);
  std::vector<LogItem> out;
  held.take(kNow, 3, out);
  BOOST_TEST((orders(out) == std::vector<std::uint64_t>{3, 5, 7}));
  BOOST_TEST(held.blocks(item(10, 1)));
  held.take(kNow, 4, out);
  BOOST_TEST(orders(out).back() == 9u);
  BOOST_TEST(held.empty());
}

BOOST_AUTO_TEST_CASE(only_what_is_behind_in_the_same_room_is_blocked) {
  HeldRooms held(100);
  held.hold(item(5, 1), kNow);
  BOOST_TEST(held.blocks(item(6, 1)));
  BOOST_TEST(!held.blocks(item(4, 1)));
  BOOST_TEST(!held.blocks(item(6, 2)));
}

BOOST_AUTO_TEST_CASE(a_locked_room_is_let_be_longer_each_time_and_then_goes_alone) {
  HeldRooms held(100);
  std::vector<LogItem> out;
  auto now = kNow;
  milliseconds last{0};
  for (int i = 0; i < 3; ++i) {
    held.hold(item(1, 1), now);
    held.locked(RoomId{1}, now);
    const auto pause = std::chrono::duration_cast<milliseconds>(held.due(now) - now);
    BOOST_TEST((pause > last));
    last = pause;
    now += pause;
    out.clear();
    held.take(now, 10, out);
    BOOST_TEST(out.size() == (i < 2 ? 1u : 0u));
  }
  BOOST_TEST((held.due(now + milliseconds(70)) == now + milliseconds(70)));  // not before such rooms may wait again
  held.takeStarved(now, 10, out);
  BOOST_TEST(out.size() == 1u);
  BOOST_TEST(!held.quiet());
  held.free(RoomId{1});
  BOOST_TEST(held.quiet());
}

BOOST_AUTO_TEST_CASE(what_is_removed_takes_its_room_with_it_and_full_is_said) {
  HeldRooms held(2);
  held.hold(item(1, 1), kNow);
  BOOST_TEST(!held.full());
  held.hold(item(2, 2), kNow);
  BOOST_TEST(held.full());
  held.removeIf([](const LogItem& each) { return each.order == 1; });
  BOOST_TEST(!held.full());
  BOOST_TEST(!held.blocks(item(3, 1)));
  BOOST_TEST(held.blocks(item(3, 2)));
}

BOOST_AUTO_TEST_CASE(an_outage_is_told_once_and_its_end) {
  std::vector<std::string> told;
  FaultReport report([&](const std::string& what) { told.push_back(what); },
                     [&](const std::string& what) { told.push_back(what); });
  for (int i = 0; i < 1'000; ++i) report.say("away");
  report.say("another");  // within the same second
  report.over("back");
  report.say("away");
  BOOST_TEST((told == std::vector<std::string>{"away", "back", "away"}));
}

BOOST_AUTO_TEST_SUITE_END()
