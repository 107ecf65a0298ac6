// The message log: order, once, access, changes, history. Runs on every database.
#include <algorithm>
#include <set>
#include <thread>

#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;

BOOST_AUTO_TEST_SUITE(message_log)

BOOST_AUTO_TEST_CASE_TEMPLATE(append_stores_every_field_and_hands_the_request_back, Db, Databases) {
  Cast<Db> f;
  Append first = f.say("h\xC3\xA9llo \xF0\x9F\x98\x80", "client-1");
  first.metadata = R"({"k":1})";
  first.ticket = {3, 77};
  BOOST_REQUIRE(f.log().append(std::move(first)) == Offer::Taken);
  auto outcome = std::move(f.outcomes.appends(1).front());
  BOOST_TEST(outcome.request.ticket.loop == 3u);
  BOOST_TEST(outcome.request.ticket.slot == 77u);
  const Appended stored = must(std::move(outcome.result));
  Append second = f.say("re");
  second.replyTo = stored.message.id;
  const Appended reply = must(f.send(std::move(second)));

  BOOST_TEST(!stored.duplicate);
  BOOST_TEST(raw(stored.message.seq) == 1);
  BOOST_TEST(raw(reply.message.seq) == 2);
  const auto found = must(f.log().find(stored.message.id));
  BOOST_TEST(raw(found.app) == raw(f.demo));
  for (const Message& m : {stored.message, found.message}) {
    BOOST_TEST(raw(m.room) == raw(f.hall));
    BOOST_TEST(raw(m.sender) == raw(f.ann));
    BOOST_TEST(m.text == "h\xC3\xA9llo \xF0\x9F\x98\x80");
    BOOST_TEST(m.clientMsgId.value() == "client-1");
    BOOST_TEST(m.metadata.value() == R"({"k":1})");
    BOOST_TEST(micros(m.createdAt) == micros(f.clock.wall()));
    BOOST_TEST(micros(m.updatedAt) == micros(m.createdAt));
    BOOST_TEST(!m.deletedAt.has_value());
  }
  BOOST_TEST(raw(must(f.log().find(reply.message.id)).message.replyTo.value()) == raw(stored.message.id));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(eight_threads_over_many_rooms_leave_no_gap_and_keep_each_senders_order, Db, Databases) {
  constexpr std::size_t kThreads = 8;
  constexpr std::size_t kRooms = 25;
  constexpr std::size_t kEach = 400;
  Cast<Db> f;
  std::vector<RoomId> rooms;
  std::vector<UserId> users;
  for (std::size_t t = 0; t < kThreads; ++t) users.push_back(f.user(f.demo, "u" + std::to_string(t)));
  for (std::size_t r = 0; r < kRooms; ++r) rooms.push_back(f.group(f.demo, "r" + std::to_string(r), users));
  std::vector<std::thread> threads;
  for (std::size_t t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      for (std::size_t i = 0; i < kEach; ++i) {
        Append a = f.draft(f.demo, rooms[(i + t) % kRooms], users[t], std::to_string(i));
        a.ticket.slot = i;
        if (f.log().append(std::move(a)) != Offer::Taken) std::abort();
      }
    });
  }
  for (auto& t : threads) t.join();
  const auto outcomes = f.outcomes.appends(kThreads * kEach);
  std::map<RoomId, std::int64_t> last;
  std::map<std::pair<RoomId, UserId>, std::uint64_t> lastSlot;
  std::set<MessageId> ids;
  for (const auto& o : outcomes) {
    const Message& m = o.result.value().message;
    BOOST_REQUIRE_EQUAL(raw(m.seq), ++last[m.room]);  // outcomes come in seq order, without gaps
    const auto [it, fresh] = lastSlot.try_emplace({m.room, m.sender}, o.request.ticket.slot);
    if (!fresh) BOOST_REQUIRE_LT(it->second, o.request.ticket.slot);
    it->second = o.request.ticket.slot;
    BOOST_REQUIRE(ids.insert(m.id).second);
  }
  std::size_t stored = 0;
  for (const RoomId room : rooms) {
    const auto all = must(f.log().range(room, Seq{0}, Seq{1000}, 1000));
    for (std::size_t i = 0; i < all.size(); ++i) BOOST_REQUIRE_EQUAL(raw(all[i].seq), static_cast<std::int64_t>(i) + 1);
    stored += all.size();
  }
  BOOST_TEST(stored == kThreads * kEach);
  BOOST_TEST(f.store->counts().batches < kThreads * kEach / 2);  // they did share commits
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_repeat_of_client_msg_id_answers_the_first_message, Db, Databases) {
  Cast<Db> f;
  const Appended first = must(f.send(f.say("one", "k")));
  const Appended again = must(f.send(f.say("one", "k")));
  BOOST_TEST(again.duplicate);
  BOOST_TEST(raw(again.message.id) == raw(first.message.id));
  BOOST_TEST(again.message.text == "one");
  BOOST_TEST(codeOf(f.send(f.say("two", "k"))) == "client_msg_id_reused");
  // Another sender and another room have ids of their own.
  Append bobs = f.draft(f.demo, f.hall, f.bob, "two");
  bobs.clientMsgId = "k";
  BOOST_TEST(!must(f.send(std::move(bobs))).duplicate);
  Append elsewhere = f.draft(f.demo, f.group(f.demo, "other", {f.ann}), f.ann, "two");
  elsewhere.clientMsgId = "k";
  BOOST_TEST(!must(f.send(std::move(elsewhere))).duplicate);
  BOOST_TEST(raw(must(f.send(f.say("three"))).message.seq) == 3);  // no seq was lost to the repeats
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_repeat_after_edit_or_deletion_answers_the_first_message_as_it_is, Db, Databases) {
  Cast<Db> f;
  const auto id = must(f.send(f.say("one", "k"))).message.id;
  must(f.change(f.edit(id, "edited")));
  BOOST_TEST(must(f.send(f.say("one", "k"))).message.text == "edited");
  must(f.change(f.remove(id)));
  const Appended gone = must(f.send(f.say("one", "k")));
  BOOST_TEST(gone.duplicate);
  BOOST_TEST(gone.message.deletedAt.has_value());
  BOOST_TEST(gone.message.text.empty());
  BOOST_TEST(codeOf(f.send(f.say("other", "k"))) == "client_msg_id_reused");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(repeats_within_one_batch_are_found, Db, Databases) {
  Cast<Db> f;
  const auto batches = f.store->counts().batches;
  f.faults->hold();
  BOOST_REQUIRE(f.log().append(f.say("plug")) == Offer::Taken);  // what the held commit thread may have taken already
  for (const char* text : {"one", "one", "two", "one"}) BOOST_REQUIRE(f.log().append(f.say(text, "k")) == Offer::Taken);
  BOOST_REQUIRE(f.log().append(f.say("last")) == Offer::Taken);
  f.faults->release();
  const auto out = f.outcomes.appends(6);
  BOOST_TEST(!out[1].result.value().duplicate);
  BOOST_TEST(out[2].result.value().duplicate);
  BOOST_TEST(codeOf(out[3].result) == "client_msg_id_reused");
  BOOST_TEST(out[4].result.value().duplicate);
  BOOST_TEST(raw(out[4].result.value().message.id) == raw(out[1].result.value().message.id));
  BOOST_TEST(raw(out[5].result.value().message.seq) == 3);
  BOOST_TEST(f.store->counts().batches <= batches + 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(the_same_send_twice_stores_once, Db, Databases) {
  Cast<Db> f;
  const Append once = f.say("once");
  const Appended first = must(f.send(once));
  const Appended second = must(f.send(once));
  BOOST_TEST(raw(second.message.id) == raw(first.message.id));
  BOOST_TEST(second.message.text == "once");
  BOOST_TEST(raw(must(f.directory().roomState(f.hall)).counter.lastSeq) == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_send_checked_under_an_older_access_revision_is_sent_back, Db, Databases) {
  Cast<Db> f;
  const AccessRev before = f.access(f.hall);
  Append a = f.say("hello");
  a.checkedUnder = before;
  BOOST_TEST(codeOf(f.send(a)) == "ok");
  must(f.directory().removeMembers(f.hall, {f.bob}));
  a.sendId = randomSendId();
  BOOST_TEST(codeOf(f.send(a)) == "access_changed");
  a.checkedUnder = f.access(f.hall);
  BOOST_TEST(raw(a.checkedUnder) > raw(before));
  BOOST_TEST(raw(must(f.send(a)).message.seq) == 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(every_change_of_membership_role_or_ban_raises_the_access_revision, Db, Databases) {
  Cast<Db> f;
  AccessRev last = f.access(f.hall);
  const auto rises = [&](const char* what) {
    const AccessRev now = f.access(f.hall);
    BOOST_TEST(raw(now) > raw(last), what);
    last = now;
  };
  const UserId eve = f.user(f.demo, "eve");
  must(f.directory().addMembers(f.hall, {eve}));
  rises("add");
  must(f.directory().addMembers(f.hall, {eve}));
  BOOST_TEST(raw(f.access(f.hall)) == raw(last));
  must(f.directory().setRole(f.hall, eve, Role::Moderator));
  rises("role");
  BOOST_TEST(must(f.directory().setBan(eve, Ban{std::nullopt, "spam"})).size() == 1u);
  rises("ban");
  must(f.directory().setBan(eve, std::nullopt));
  rises("unban");
  must(f.directory().removeMembers(f.hall, {eve}));
  rises("remove");
  BOOST_TEST(must(f.directory().deleteUser(f.bob)).size() == 1u);
  rises("delete");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deleted_room_and_a_deleted_app_take_no_message, Db, Databases) {
  Cast<Db> f;
  const auto id = must(f.send(f.say("hello"))).message.id;
  must(f.directory().deleteRoom(f.hall));
  BOOST_TEST(codeOf(f.send(f.say("late"))) == "room_deleted");
  BOOST_TEST(codeOf(f.change(f.edit(id, "late"))) == "room_deleted");
  BOOST_TEST(codeOf(f.log().find(id)) == "message_not_found");
  BOOST_TEST(must(f.log().history(f.hall, {})).empty());
  const RoomId other = f.group(f.demo, "other", {f.ann});
  must(f.directory().deleteApp(f.demo));
  BOOST_TEST(codeOf(f.send(f.draft(f.demo, other, f.ann, "late"))) == "room_deleted");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_reply_must_be_to_a_message_of_the_same_room, Db, Databases) {
  Cast<Db> f;
  const RoomId other = f.group(f.demo, "other", {f.ann});
  const auto elsewhere = must(f.send(f.draft(f.demo, other, f.ann, "there"))).message.id;
  Append a = f.say("re");
  a.replyTo = elsewhere;
  BOOST_TEST(codeOf(f.send(std::move(a))) == "invalid");
  Append b = f.say("re");
  b.replyTo = MessageId{999'999};
  BOOST_TEST(codeOf(f.send(std::move(b))) == "invalid");
  BOOST_TEST(raw(must(f.send(f.say("next"))).message.seq) == 1);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(who_writes_has_read_what_was_there, Db, Databases) {
  Cast<Db> f;
  must(f.send(f.say("one")));
  must(f.send(f.draft(f.demo, f.hall, f.bob, "two")));
  must(f.send(f.say("three")));
  const auto state = must(f.directory().roomState(f.hall));
  BOOST_TEST(raw(state.members.at(0).readSeq) == 3);
  BOOST_TEST(raw(state.members.at(1).readSeq) == 2);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(changes_take_the_next_rev_and_deleting_twice_changes_nothing, Db, Databases) {
  Cast<Db> f;
  const auto one = must(f.send(f.say("one"))).message.id;
  Append with = f.say("two");
  with.metadata = "{}";
  const auto two = must(f.send(std::move(with))).message.id;
  f.clock.advance(std::chrono::seconds(1));
  const Changed edited = must(f.change(f.edit(one, "eins")));
  BOOST_TEST(raw(edited.rev) == 1);
  BOOST_TEST(edited.changed);
  BOOST_TEST(edited.message.text == "eins");
  BOOST_TEST(micros(edited.message.updatedAt) > micros(edited.message.createdAt));
  const Changed deleted = must(f.change(f.remove(two)));
  BOOST_TEST(raw(deleted.rev) == 2);
  BOOST_TEST(deleted.message.text.empty());
  BOOST_TEST(!deleted.message.metadata.has_value());
  const Changed again = must(f.change(f.remove(two)));
  BOOST_TEST(!again.changed);
  BOOST_TEST(raw(again.rev) == 2);
  BOOST_TEST(codeOf(f.change(f.edit(two, "no"))) == "message_not_found");
  BOOST_TEST(codeOf(f.change(f.edit(MessageId{999'999}, "no"))) == "message_not_found");
  const auto state = must(f.directory().roomState(f.hall));
  BOOST_TEST(raw(state.counter.lastRev) == 2);
  BOOST_TEST(raw(state.counter.lastSeq) == 2);
  const auto kept = must(f.log().find(two)).message;
  BOOST_TEST(raw(kept.seq) == 2);
  BOOST_TEST(kept.text.empty());
  BOOST_TEST(kept.deletedAt.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(history_range_and_pages_pick_the_right_messages, Db, Databases) {
  Cast<Db> f;
  for (int i = 1; i <= 30; ++i) BOOST_REQUIRE(f.log().append(f.say(std::to_string(i))) == Offer::Taken);
  static_cast<void>(f.outcomes.appends(30));
  const auto seqs = [](const Result<std::vector<Message>>& messages) {
    std::string out;
    for (const Message& m : messages.value()) out += (out.empty() ? "" : " ") + std::to_string(raw(m.seq));
    return out;
  };
  BOOST_TEST(seqs(f.log().history(f.hall, {std::nullopt, std::nullopt, 3})) == "30 29 28");
  BOOST_TEST(seqs(f.log().history(f.hall, {Seq{10}, std::nullopt, 3})) == "9 8 7");
  BOOST_TEST(seqs(f.log().history(f.hall, {std::nullopt, Seq{10}, 3})) == "13 12 11");
  BOOST_TEST(seqs(f.log().history(f.hall, {Seq{12}, Seq{9}, 5})) == "11 10");
  BOOST_TEST(seqs(f.log().history(f.hall, {std::nullopt, Seq{30}, 3})) == "");
  BOOST_TEST(seqs(f.log().range(f.hall, Seq{4}, Seq{7}, 10)) == "5 6 7");
  BOOST_TEST(seqs(f.log().range(f.hall, Seq{4}, Seq{30}, 2)) == "5 6");
  BOOST_TEST(seqs(f.log().historyPage(f.hall, 1, 4)) == "30 29 28 27");
  BOOST_TEST(seqs(f.log().historyPage(f.hall, 8, 4)) == "2 1");
  BOOST_TEST(seqs(f.log().historyPage(f.hall, 9, 4)) == "");
  BOOST_TEST(codeOf(f.log().historyPage(f.hall, 0, 4)) == "invalid");
  BOOST_TEST(codeOf(f.log().historyPage(f.hall, 2503, 4)) == "invalid");
  BOOST_TEST(codeOf(f.log().historyPage(f.hall, 2501, 4)) == "ok");
  BOOST_TEST(seqs(f.log().history(RoomId{999'999}, {})) == "");
}

BOOST_AUTO_TEST_SUITE_END()
