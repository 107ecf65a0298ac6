// What recovery reads: whether all is there, and the changes in the order of rev. Runs on every database.
#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(recovery_reads)

BOOST_AUTO_TEST_CASE_TEMPLATE(all_is_there_until_the_room_is_gone, Db, Databases) {
  Cast<Db> f;
  for (int i = 1; i <= 5; ++i) must(f.send(f.say(std::to_string(i))));
  const RoomId other = f.group(f.demo, "other", {f.ann});
  must(f.send(f.draft(f.demo, other, f.ann, "elsewhere")));
  BOOST_TEST(must(f.log().holdsAll(f.hall, Seq{0}, Seq{5})));
  BOOST_TEST(must(f.log().holdsAll(f.hall, Seq{3}, Seq{5})));
  BOOST_TEST(must(f.log().holdsAll(f.hall, Seq{5}, Seq{5})));
  BOOST_TEST(!must(f.log().holdsAll(f.hall, Seq{0}, Seq{6})));
  must(f.directory().deleteRoom(f.hall));
  BOOST_TEST(!must(f.log().holdsAll(f.hall, Seq{0}, Seq{5})));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(changes_come_in_the_order_of_rev_with_the_message_as_it_is_now, Db, Databases) {
  Cast<Db> f;
  std::vector<MessageId> ids;
  for (int i = 1; i <= 3; ++i) ids.push_back(must(f.send(f.say(std::to_string(i)))).message.id);
  must(f.change(f.edit(ids[1], "two, edited")));
  must(f.change(f.edit(ids[0], "one, edited")));
  must(f.change(f.edit(ids[1], "two, again")));
  must(f.change(f.remove(ids[2])));
  const auto all = must(f.log().changes(f.hall, Rev{0}, Rev{4}, 10));
  BOOST_REQUIRE_EQUAL(all.size(), 4U);
  for (std::size_t i = 0; i < all.size(); ++i) BOOST_TEST(raw(all[i].rev) == static_cast<std::int64_t>(i) + 1);
  BOOST_TEST(all[0].message.text == "two, again");
  BOOST_TEST(all[1].message.text == "one, edited");
  BOOST_TEST((all[3].kind == Change::Kind::Delete));
  BOOST_TEST(all[3].message.deletedAt.has_value());
  BOOST_TEST((all[2].kind == Change::Kind::Edit));
  const auto some = must(f.log().changes(f.hall, Rev{1}, Rev{3}, 1));
  BOOST_REQUIRE_EQUAL(some.size(), 1U);
  BOOST_TEST(raw(some[0].rev) == 2);
  BOOST_TEST(must(f.log().changes(f.hall, Rev{4}, Rev{9}, 10)).empty());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_list_of_rooms_says_where_each_stands, Db, Databases) {
  Cast<Db> f;
  const MessageId id = must(f.send(f.say("one"))).message.id;
  must(f.change(f.edit(id, "uno")));
  const auto page = must(f.directory().rooms(f.demo, f.bob, {}));
  BOOST_REQUIRE_EQUAL(page.items.size(), 1U);
  const auto state = must(f.directory().roomState(f.hall));
  BOOST_TEST(raw(page.items[0].counter.lastSeq) == 1);
  BOOST_TEST(raw(page.items[0].counter.lastRev) == 1);
  BOOST_TEST(page.items[0].counter.epoch == state.counter.epoch);
  BOOST_TEST(page.items[0].unread.value() == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_room_made_again_has_another_epoch_and_the_same_one_keeps_it_over_a_restart, Db,
                              DurableDatabases) {
  Cast<Db> f;
  const std::string epoch = must(f.directory().roomState(f.hall)).counter.epoch;
  f.reopen();
  BOOST_TEST(must(f.directory().roomState(f.hall)).counter.epoch == epoch);
  must(f.directory().deleteRoom(f.hall));
  const RoomId again = f.group(f.demo, "hall", {f.ann, f.bob});
  BOOST_TEST(must(f.directory().roomState(again)).counter.epoch != epoch);
}

BOOST_AUTO_TEST_SUITE_END()
