// Apps, users, rooms and members. Runs on every database.
#include "store/connection.h"
#include "unit/store/fixture.h"

using namespace chatd;
using namespace chatd::test;

namespace {

template <class T>
Patch<T> to(T value) {
  return std::optional<T>(std::move(value));
}
Patch<std::string> cleared() { return std::optional<std::string>(); }

}  // namespace

BOOST_AUTO_TEST_SUITE(directory)

BOOST_AUTO_TEST_CASE_TEMPLATE(an_app_keeps_its_settings_and_verifiers, Db, Databases) {
  Fixture<Db> f;
  NewApp wanted;
  wanted.name = "shop";
  wanted.settings.autoCreateUsers = false;
  wanted.settings.allowPrivateNetworks = true;
  wanted.settings.quotas = {10, 20};
  wanted.verifiers = {
      {"http", R"({"url":"http://x/\"y"})", std::chrono::milliseconds(1), std::chrono::milliseconds(2), "inline"},
      {"jwt", "{}", std::chrono::milliseconds(3), std::chrono::milliseconds(4), ""}};
  const App made = must(f.directory().createApp(wanted));
  for (const App& app : {made, must(f.directory().app(made.id)), must(f.directory().appByName("shop"))}) {
    BOOST_TEST(app.name == "shop");
    BOOST_CHECK(app.settings == wanted.settings);
    BOOST_CHECK(app.verifiers == wanted.verifiers);
    BOOST_TEST(app.revision == 1);
  }
  BOOST_TEST(codeOf(f.directory().createApp(wanted)) == "already_exists");
  BOOST_TEST(codeOf(f.directory().app(AppId{999})) == "not_found");
  BOOST_TEST(codeOf(f.directory().appByName("none")) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_patch_that_changes_nothing_of_a_user_leaves_the_time_of_the_last_change, Db, Databases) {
  Fixture<Db> f;
  const AppId app = f.app();
  const UserPatch same{to<std::string>("Ann"), cleared(), {}, to<std::string>(R"({"a":1})")};
  const User made = must(f.directory().upsertUser(app, "ann", false, same, false)).user;
  f.clock.advance(std::chrono::seconds(5));
  BOOST_CHECK(must(f.directory().upsertUser(app, "ann", false, same, false)).user.updatedAt == made.updatedAt);
  BOOST_CHECK(must(f.directory().updateUser(made.id, same)).updatedAt == made.updatedAt);
  BOOST_CHECK(must(f.directory().user(made.id)).updatedAt == made.updatedAt);
  const UserPatch other{cleared(), {}, {}, {}};
  BOOST_CHECK(must(f.directory().updateUser(made.id, other)).updatedAt > made.updatedAt);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_apps_revision_rises_with_its_rules_only, Db, Databases) {
  Fixture<Db> f;
  const AppId id = f.app("one");
  f.app("two");
  BOOST_TEST(must(f.directory().updateApp(id, {"uno", {}, {}})).revision == 1);
  AppSettings strict;
  strict.autoCreateUsers = false;
  BOOST_TEST(must(f.directory().updateApp(id, {{}, strict, {}})).revision == 2);
  BOOST_TEST(must(f.directory().updateApp(id, {{}, strict, {}})).revision == 2);
  BOOST_TEST(must(f.directory().updateApp(id, {{}, {}, std::vector<VerifierSpec>{{}}})).revision == 3);
  BOOST_TEST(must(f.directory().appByName("uno")).settings.autoCreateUsers == false);
  BOOST_TEST(codeOf(f.directory().updateApp(id, {"two", {}, {}})) == "already_exists");
  BOOST_TEST(codeOf(f.directory().updateApp(AppId{999}, {"x", {}, {}})) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(apps_are_paged_by_id_and_filtered, Db, Databases) {
  Fixture<Db> f;
  std::vector<AppId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(f.app("a" + std::to_string(i)));
  const auto first = must(f.directory().apps({2, {}}, std::nullopt));
  BOOST_TEST(first.items.size() == 2u);
  BOOST_TEST(first.next.value() == raw(ids[1]));
  const auto rest = must(f.directory().apps({3, first.next}, std::nullopt));
  BOOST_TEST(rest.items.size() == 3u);
  BOOST_TEST(!rest.next.has_value());
  const std::vector<AppId> only{ids[4], ids[0], AppId{999}};
  const auto mine = must(f.directory().apps({1, {}}, only));
  BOOST_TEST(raw(mine.items.at(0).id) == raw(ids[0]));
  const auto more = must(f.directory().apps({1, mine.next}, only));
  BOOST_TEST(raw(more.items.at(0).id) == raw(ids[4]));
  BOOST_TEST(!more.next.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(an_owner_goes_with_the_last_app, Db, DurableDatabases) {
  Cast<Db> f;
  const AppId other = f.app("other");
  const auto account = [&](const char* login, AccountRole role, const std::vector<AppId>& apps) {
    return must(f.credentials().createAccount(login, "hash", role, apps)).id;
  };
  const AccountId owner = account("owner", AccountRole::Owner, {f.demo});
  const AccountId both = account("both", AccountRole::Owner, {f.demo, other});
  const AccountId none = account("none", AccountRole::Owner, {});
  const AccountId root = account("root", AccountRole::Operator, {f.demo});
  must(f.credentials().addAccountToken(owner, std::string(32, 'o'), f.clock.wall() + std::chrono::hours(1)));
  must(f.directory().deleteApp(f.demo));
  BOOST_TEST(codeOf(f.credentials().account(owner)) == "not_found");
  BOOST_TEST(codeOf(f.credentials().accountByToken(std::string(32, 'o'), f.clock.wall())) == "not_found");
  BOOST_TEST((must(f.credentials().account(both)).apps == std::vector<AppId>{other}));
  must(f.credentials().account(none));
  must(f.credentials().account(root));
  must(f.directory().deleteApp(other));
  BOOST_TEST(codeOf(f.credentials().account(both)) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deleted_app_is_gone_at_once_and_its_rows_follow, Db, DurableDatabases) {
  Cast<Db> f;
  for (int i = 0; i < 1'200; ++i) BOOST_REQUIRE(f.log().append(f.say("x", std::to_string(i))) == Offer::Taken);
  static_cast<void>(f.outcomes.appends(1'200));
  must(f.change(f.remove(must(f.log().history(f.hall, {})).front().id)));
  must(f.credentials().addKey(f.demo, std::string(32, 'h'), "abcd"));
  must(f.credentials().addToken(f.demo, f.ann, std::string(32, 't'), std::nullopt));
  must(f.directory().deleteApp(f.demo));
  BOOST_TEST(codeOf(f.directory().app(f.demo)) == "not_found");
  BOOST_TEST(codeOf(f.directory().appByName("demo")) == "not_found");
  BOOST_TEST(codeOf(f.directory().user(f.ann)) == "user_not_found");
  BOOST_TEST(codeOf(f.directory().room(f.hall)) == "room_not_found");
  BOOST_TEST(codeOf(f.directory().roomState(f.hall)) == "room_not_found");
  BOOST_TEST(codeOf(f.directory().upsertUser(f.demo, "new", false, {}, false)) == "not_found");
  BOOST_TEST(must(f.directory().users(f.demo, {})).items.empty());
  BOOST_TEST(must(f.directory().rooms(f.demo, {}, {})).items.empty());
  BOOST_TEST(must(f.credentials().tokens(std::string(32, 't'))).empty());
  BOOST_TEST(codeOf(f.credentials().keyByHash(std::string(32, 'h'), f.clock.wall())) == "not_found");
  BOOST_TEST(must(f.directory().apps({}, std::nullopt)).items.empty());
  BOOST_TEST(codeOf(f.directory().deleteApp(f.demo)) == "not_found");
  BOOST_TEST(raw(f.app("demo")) != raw(f.demo));
  f.reopen();  // what is left is taken up again
  using store::In;
  using store::Int;
  using store::Out;
  static constexpr store::Sql<In<>, Out<Int>> kLeft{
      "SELECT (SELECT count(*) FROM message) + (SELECT count(*) FROM message_key) + (SELECT count(*) FROM room_change) + "
      "(SELECT count(*) FROM room_member) + (SELECT count(*) FROM room) + (SELECT count(*) FROM room_counter) + "
      "(SELECT count(*) FROM app_user) + (SELECT count(*) FROM app_key) + (SELECT count(*) FROM user_token) + "
      "(SELECT count(*) FROM app WHERE deleted_at IS NOT NULL)"};
  const auto reader = f.database.dialect(f.clock)->connectReader();
  BOOST_TEST(eventually([&] { return reader->run(kLeft).template at<0>(0) == 0; }));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(upsert_changes_only_what_is_present_and_null_clears, Db, Databases) {
  Fixture<Db> f;
  const AppId app = f.app();
  const auto made =
      must(f.directory().upsertUser(app, "42", true, {to<std::string>("Ann"), {}, to<std::string>("Lee"), {}}, false));
  BOOST_TEST(made.created);
  BOOST_TEST(made.user.appUserIdInteger);
  const auto changed =
      must(f.directory().upsertUser(app, "42", false, {{}, to<std::string>("B"), cleared(), to<std::string>("{}")}, false));
  BOOST_TEST(!changed.created);
  BOOST_TEST(raw(changed.user.id) == raw(made.user.id));
  BOOST_TEST(changed.user.appUserIdInteger);  // as first registered
  BOOST_TEST(changed.user.firstName.value() == "Ann");
  BOOST_TEST(changed.user.middleName.value() == "B");
  BOOST_TEST(!changed.user.lastName.has_value());
  BOOST_TEST(changed.user.metadata.value() == "{}");
  BOOST_TEST(codeOf(f.directory().upsertUser(app, "42", false, {}, true)) == "already_exists");
  BOOST_TEST(raw(must(f.directory().userByAppId(app, "42")).id) == raw(made.user.id));
  BOOST_TEST(codeOf(f.directory().userByAppId(app, "43")) == "user_not_found");
  BOOST_TEST(raw(f.user(f.app("other"), "42")) != raw(made.user.id));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(ensure_creates_once_and_changes_nothing, Db, Databases) {
  Fixture<Db> f;
  const AppId app = f.app();
  const User made = must(f.directory().ensureUser(app, "ann", {to<std::string>("Ann"), {}, {}, {}}));
  const User again = must(f.directory().ensureUser(app, "ann", {to<std::string>("Eve"), {}, {}, {}}));
  BOOST_TEST(raw(again.id) == raw(made.id));
  BOOST_TEST(again.firstName.value() == "Ann");
  must(f.directory().deleteUser(made.id));
  BOOST_TEST(must(f.directory().ensureUser(app, "ann", {})).deletedAt.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_deleted_user_keeps_its_row_and_comes_back_clean, Db, Databases) {
  Cast<Db> f;
  must(f.directory().updateUser(f.ann, {to<std::string>("Ann"), {}, {}, {}}));
  must(f.credentials().addToken(f.demo, f.ann, std::string(32, 't'), std::nullopt));
  const auto rooms = must(f.directory().deleteUser(f.ann));
  BOOST_REQUIRE_EQUAL(rooms.size(), 1u);
  BOOST_TEST(raw(rooms[0]) == raw(f.hall));
  BOOST_TEST(must(f.directory().user(f.ann)).deletedAt.has_value());
  BOOST_TEST(must(f.directory().roomState(f.hall)).members.size() == 1u);
  BOOST_TEST(must(f.credentials().tokens(std::string(32, 't'))).empty());
  BOOST_TEST(must(f.directory().users(f.demo, {})).items.size() == 1u);
  BOOST_TEST(codeOf(f.directory().usersByAppId(f.demo, {"bob", "ann"})) == "user_not_found");
  BOOST_TEST(codeOf(f.directory().deleteUser(f.ann)) == "user_not_found");
  BOOST_TEST(codeOf(f.directory().updateUser(f.ann, {})) == "user_not_found");
  const auto back = must(f.directory().upsertUser(f.demo, "ann", false, {}, true));
  BOOST_TEST(back.created);
  BOOST_TEST(raw(back.user.id) == raw(f.ann));
  BOOST_TEST(!back.user.firstName.has_value());
  BOOST_TEST(!back.user.deletedAt.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_ban_holds_until_it_is_lifted_even_over_deletion, Db, Databases) {
  Cast<Db> f;
  const auto until = f.clock.wall() + std::chrono::hours(1);
  must(f.directory().setBan(f.ann, Ban{until, "spam"}));
  const User banned = must(f.directory().user(f.ann));
  BOOST_TEST(micros(banned.ban.value().until.value()) == micros(until));
  BOOST_TEST(banned.ban->reason.value() == "spam");
  must(f.directory().deleteUser(f.ann));
  BOOST_TEST(must(f.directory().upsertUser(f.demo, "ann", false, {}, false)).user.ban.has_value());
  must(f.directory().setBan(f.ann, std::nullopt));
  BOOST_TEST(!must(f.directory().user(f.ann)).ban.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(users_by_app_id_keep_the_order_given_and_name_the_first_unknown, Db, Databases) {
  Cast<Db> f;
  const auto users = must(f.directory().usersByAppId(f.demo, {"bob", "ann"}));
  BOOST_TEST(raw(users.at(0).id) == raw(f.bob));
  BOOST_TEST(raw(users.at(1).id) == raw(f.ann));
  const auto unknown = f.directory().usersByAppId(f.demo, {"bob", "zoe", "yan"});
  BOOST_TEST(unknown.error().detail().find("zoe") != std::string::npos);
  const auto page = must(f.directory().users(f.demo, {1, {}}));
  BOOST_TEST(page.items.at(0).appUserId == "ann");
  BOOST_TEST(must(f.directory().users(f.demo, {1, page.next})).items.at(0).appUserId == "bob");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_direct_pair_has_one_room, Db, Databases) {
  Cast<Db> f;
  const NewRoom wanted{f.demo, "usr-1-2", RoomType::Direct, {}, {}, {f.bob, f.ann}};
  const auto made = must(f.directory().createRoom(wanted));
  BOOST_TEST(made.created);
  NewRoom other = wanted;
  other.name = "another name";
  other.members = {f.ann, f.bob};
  const auto again = must(f.directory().createRoom(other));
  BOOST_TEST(!again.created);
  BOOST_TEST(raw(again.room.id) == raw(made.room.id));
  BOOST_TEST(again.room.name == "usr-1-2");
  for (const auto& members : {std::vector<UserId>{f.ann}, std::vector<UserId>{f.ann, f.ann}}) {
    other.members = members;
    BOOST_TEST(codeOf(f.directory().createRoom(other)) == "invalid");
  }
  BOOST_TEST(codeOf(f.directory().addMembers(made.room.id, {f.user(f.demo, "eve")})) == "conflict");
  BOOST_TEST(codeOf(f.directory().removeMembers(made.room.id, {f.ann})) == "conflict");
  // A member who was deleted and came back is in again when the pair is asked for.
  must(f.directory().deleteUser(f.bob));
  f.user(f.demo, "bob");
  BOOST_TEST(!must(f.directory().createRoom(wanted)).created);
  BOOST_TEST(must(f.directory().roomState(made.room.id)).members.size() == 2u);
  must(f.directory().deleteRoom(made.room.id));
  BOOST_TEST(must(f.directory().createRoom(wanted)).created);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_room_refuses_unknown_users_and_taken_names, Db, Databases) {
  Cast<Db> f;
  const UserId stranger = f.user(f.app("other"), "eve");
  BOOST_TEST(codeOf(f.directory().createRoom({f.demo, "hall", RoomType::Group, {}, {}, {}})) == "already_exists");
  BOOST_TEST(codeOf(f.directory().createRoom({f.demo, "new", RoomType::Group, {}, {}, {f.ann, stranger}})) ==
             "user_not_found");
  BOOST_TEST(codeOf(f.directory().roomByName(f.demo, "new")) == "room_not_found");  // nothing of it stayed
  BOOST_TEST(codeOf(f.directory().addMembers(f.hall, {stranger})) == "user_not_found");
  BOOST_TEST(codeOf(f.directory().addMembers(RoomId{999}, {f.ann})) == "room_not_found");
  BOOST_TEST(codeOf(f.directory().setRole(f.hall, stranger, Role::Moderator)) == "user_not_found");
  BOOST_TEST(codeOf(f.directory().createRoom({AppId{999}, "x", RoomType::Group, {}, {}, {}})) == "not_found");
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_room_can_be_renamed_and_described, Db, Databases) {
  Cast<Db> f;
  f.group(f.demo, "taken", {});
  const Room changed =
      must(f.directory().updateRoom(f.hall, {"foyer", to<std::string>("The foyer"), to<std::string>("{}")}));
  BOOST_TEST(changed.name == "foyer");
  BOOST_TEST(changed.title.value() == "The foyer");
  BOOST_TEST(changed.metadata.value() == "{}");
  BOOST_TEST(!must(f.directory().updateRoom(f.hall, {{}, cleared(), {}})).title.has_value());
  BOOST_TEST(codeOf(f.directory().updateRoom(f.hall, {"taken", {}, {}})) == "already_exists");
  BOOST_TEST(raw(must(f.directory().roomByName(f.demo, "foyer")).id) == raw(f.hall));
}

BOOST_AUTO_TEST_CASE_TEMPLATE(a_room_created_again_has_another_epoch, Db, Databases) {
  Cast<Db> f;
  must(f.send(f.say("old")));
  const auto epoch = must(f.directory().roomState(f.hall)).counter.epoch;
  must(f.directory().deleteRoom(f.hall));
  BOOST_TEST(codeOf(f.directory().roomByName(f.demo, "hall")) == "room_not_found");
  const RoomId again = f.group(f.demo, "hall", {f.ann});
  const auto state = must(f.directory().roomState(again));
  BOOST_TEST(raw(again) != raw(f.hall));
  BOOST_TEST(state.counter.epoch != epoch);
  BOOST_TEST(raw(state.counter.lastSeq) == 0);
  BOOST_TEST(!state.lastMessage.has_value());
}

BOOST_AUTO_TEST_CASE_TEMPLATE(room_lists_carry_the_last_message_and_what_is_unread, Db, Databases) {
  Cast<Db> f;
  const RoomId quiet = f.group(f.demo, "quiet", {f.bob});
  f.group(f.demo, "foreign", {f.ann});
  for (const char* text : {"one", "two", "three"}) must(f.send(f.say(text)));
  const auto bobs = must(f.directory().rooms(f.demo, f.bob, {}));
  BOOST_REQUIRE_EQUAL(bobs.items.size(), 2u);
  BOOST_TEST(raw(bobs.items[0].room.id) == raw(f.hall));
  BOOST_TEST(bobs.items[0].lastMessage.value().text == "three");
  BOOST_TEST(raw(bobs.items[0].counter.lastSeq) == 3);
  BOOST_TEST(bobs.items[0].unread.value() == 3);
  BOOST_TEST(raw(bobs.items[1].room.id) == raw(quiet));
  BOOST_TEST(!bobs.items[1].lastMessage.has_value());
  BOOST_TEST(bobs.items[1].unread.value() == 0);
  const auto all = must(f.directory().rooms(f.demo, std::nullopt, {2, {}}));
  BOOST_TEST(all.items.size() == 2u);
  BOOST_TEST(!all.items[0].unread.has_value());
  BOOST_TEST(must(f.directory().rooms(f.demo, std::nullopt, {2, all.next})).items.size() == 1u);

  must(f.directory().markRead(f.hall, f.bob, Seq{2}));
  BOOST_TEST(must(f.directory().rooms(f.demo, f.bob, {1, {}})).items[0].unread.value() == 1);
  must(f.directory().markRead(f.hall, f.bob, Seq{1}));  // never lowers
  BOOST_TEST(must(f.directory().rooms(f.demo, f.bob, {1, {}})).items[0].unread.value() == 1);
  must(f.directory().markRead(f.hall, f.bob, Seq{99}));  // nor goes past the end
  BOOST_TEST(must(f.directory().rooms(f.demo, f.bob, {1, {}})).items[0].unread.value() == 0);
  BOOST_TEST(codeOf(f.directory().markRead(quiet, f.ann, Seq{1})) == "user_not_found");
  // Who comes later has nothing unread.
  const UserId eve = f.user(f.demo, "eve");
  must(f.directory().addMembers(f.hall, {eve}));
  BOOST_TEST(must(f.directory().rooms(f.demo, eve, {})).items[0].unread.value() == 0);
}

BOOST_AUTO_TEST_CASE_TEMPLATE(room_state_has_members_by_id_with_roles, Db, Databases) {
  Cast<Db> f;
  must(f.directory().setRole(f.hall, f.bob, Role::Moderator));
  const auto state = must(f.directory().roomState(f.hall));
  BOOST_REQUIRE_EQUAL(state.members.size(), 2u);
  BOOST_TEST(state.members[0].user.appUserId == "ann");
  BOOST_CHECK(state.members[0].role == Role::Member);
  BOOST_CHECK(state.members[1].role == Role::Moderator);
  BOOST_TEST(!state.counter.epoch.empty());
}

BOOST_AUTO_TEST_SUITE_END()
