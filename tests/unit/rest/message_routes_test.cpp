// /chats/{id}/messages, /message/{id}.
#include <boost/test/unit_test.hpp>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

namespace {

struct Den : House {
  Den() {
    app = makeApp("a");
    key = keyOf(app);
    u1 = userToken(app, "u1");
    u2 = userToken(app, "u2");
    outsider = userToken(app, "u3");
    room = makeRoom(app, "den", {makeUser(app, "u1"), makeUser(app, "u2")});
  }
  Reply say(const As& as, const std::string& text) {
    return call(as, "POST", "/chats/den/messages", R"({"text":")" + text + "\"}");
  }
  AppId app{};
  As key, u1, u2, outsider;
  RoomId room{};
};

}  // namespace

BOOST_AUTO_TEST_SUITE(message_routes)

BOOST_AUTO_TEST_CASE(a_member_speaks_and_the_answer_is_the_whole_message) {
  Den den;
  const Reply first = den.say(den.u1, "hello");
  BOOST_TEST(first.status == 201);
  BOOST_TEST(first.at("room") == "den");
  BOOST_TEST(first.at("seq") == "1");
  BOOST_TEST(first.at("deletedAt") == "null");
  const Reply second =
      den.call(den.u2, "POST", "/chats/" + std::to_string(raw(den.room)) + "/messages",
               R"({"text":"yes","replyTo":)" + first.at("id") + R"(,"metadata":{"m":[1]},"clientMsgId":"c"})");
  BOOST_TEST(second.at("seq") == "2");
  BOOST_TEST(second.at("replyTo") == first.at("id"));
  BOOST_TEST(second.at("metadata") == R"({"m":[1]})");
  BOOST_TEST(den.say(den.outsider, "let me in").code() == "forbidden");
}

BOOST_AUTO_TEST_CASE(texts_are_judged_by_the_domain) {
  Den den;
  BOOST_TEST(den.say(den.u1, "").code() == "empty_text");
  BOOST_TEST(den.say(den.u1, "a\\u0000b").code() == "invalid_text");
  const Reply large = den.say(den.u1, std::string(16'385, 'x'));
  BOOST_TEST(large.status == 413);
  BOOST_TEST(large.code() == "too_large");
  BOOST_TEST(den.say(den.u1, std::string(16'384, 'x')).status == 201);
  BOOST_TEST(den.call(den.u1, "POST", "/chats/den/messages", R"({"text":5})").status == 422);
  BOOST_TEST(den.call(den.u1, "POST", "/chats/den/messages", R"({"text":"x","replyTo":12345})").status == 422);
}

BOOST_AUTO_TEST_CASE(a_repeat_is_the_first_message_and_another_text_is_refused) {
  Den den;
  const auto send = [&](const char* text) {
    return den.call(den.u1, "POST", "/chats/den/messages", std::string(R"({"clientMsgId":"k1","text":")") + text + "\"}");
  };
  const Reply first = send("one");
  BOOST_TEST(first.status == 201);
  BOOST_TEST(first.at("duplicate") == "");
  const Reply again = send("one");
  BOOST_TEST(again.status == 200);
  BOOST_TEST(again.at("id") == first.at("id"));
  BOOST_TEST(again.at("duplicate") == "true");
  BOOST_TEST(send("two").code() == "client_msg_id_reused");
}

BOOST_AUTO_TEST_CASE(the_app_speaks_for_its_users) {
  Den den;
  const std::string chat = "/chats/den/messages";
  const Reply said = den.call(den.key, "POST", chat, R"({"text":"x","appUserId":"u1"})");
  BOOST_TEST(said.status == 201);
  BOOST_TEST(said.at("userId") == std::to_string(raw(den.makeUser(den.app, "u1"))));
  BOOST_TEST(den.call(den.key, "POST", chat, R"({"text":"x"})").at("errors.0.field") == "appUserId");
  BOOST_TEST(den.call(den.u1, "POST", chat, R"({"text":"x","appUserId":"u2"})").at("errors.0.field") == "appUserId");
  BOOST_TEST(den.call(den.key, "POST", chat, R"({"text":"x","appUserId":"ghost"})").code() == "user_not_found");
  BOOST_TEST(den.call(den.peer, "POST", chat, R"({"text":"x","appUserId":"u1"})").at("errors.0.field") == "appId");
  const std::string app = std::to_string(raw(den.app));
  BOOST_TEST(den.call(den.peer, "POST", chat, R"({"text":"x","appUserId":"u1","appId":)" + app + "}").status == 201);
  BOOST_TEST(den.call(den.key, "POST", "/chats/nowhere/messages", R"({"text":"x","appUserId":"u1"})").code() ==
             "room_not_found");
  const std::string ban = "/user/" + std::to_string(raw(den.makeUser(den.app, "u1"))) + "/ban";
  BOOST_REQUIRE(den.call(den.key, "PUT", ban).status == 200);
  BOOST_TEST(den.call(den.key, "POST", chat, R"({"text":"x","appUserId":"u1"})").code() == "banned");
}

BOOST_AUTO_TEST_CASE(history_is_newest_first_by_cursor_by_seq_and_by_page) {
  Den den;
  for (int i = 1; i <= 7; ++i) BOOST_REQUIRE(den.say(den.u1, "m" + std::to_string(i)).status == 201);
  const auto seqs = [&](const std::string& query) {
    const Reply page = den.call(den.u2, "GET", "/chats/den/messages" + query);
    std::string text;
    for (std::size_t i = 0; i < page.size("items"); ++i) text += page.at("items." + std::to_string(i) + ".seq");
    return std::pair(text, page.at("nextCursor"));
  };
  BOOST_TEST(seqs("").first == "7654321");
  BOOST_TEST(seqs("").second == "null");
  auto page = seqs("?limit=3");
  BOOST_TEST(page.first == "765");
  page = seqs("?limit=3&cursor=" + page.second);
  BOOST_TEST(page.first == "432");
  page = seqs("?limit=3&cursor=" + page.second);
  BOOST_TEST(page.first == "1");
  BOOST_TEST(page.second == "null");
  BOOST_TEST(seqs("?before=4").first == "321");
  page = seqs("?after=2&limit=2");
  BOOST_TEST(page.first == "43");
  page = seqs("?limit=2&cursor=" + page.second);
  BOOST_TEST(page.first == "65");
  BOOST_TEST(seqs("?page=2&limit=3").first == "432");
  BOOST_TEST(seqs("?page=3&limit=3").second == "null");
  BOOST_TEST(seqs("?before=6&after=2").first == "543");
  page = seqs("?before=6&after=2&limit=2");
  BOOST_TEST(page.first == "43");
  page = seqs("?limit=2&cursor=" + page.second);
  BOOST_TEST(page.first == "5");
  BOOST_TEST(page.second == "null");
  for (const char* query :
       {"?before=3&cursor=YjM", "?page=1&before=2", "?cursor=YjM&after=1", "?page=1002&limit=10", "?before=0"}) {
    BOOST_TEST(den.call(den.u2, "GET", std::string("/chats/den/messages") + query).status == 422, query);
  }
}

BOOST_AUTO_TEST_CASE(a_page_of_a_room_in_use_asks_the_database_for_no_message) {
  Den den;
  for (int i = 1; i <= 7; ++i) BOOST_REQUIRE(den.say(den.u1, "m" + std::to_string(i)).status == 201);
  const auto before = den.chat.historyCounts();
  const Reply page = den.call(den.u2, "GET", "/chats/den/messages?limit=3");
  BOOST_TEST(page.at("items.0.text") == "m7");
  BOOST_TEST(den.chat.historyCounts().hits == before.hits + 1);
  // It shows an edit and a deletion as soon as they are answered.
  const std::string newest = "/message/" + page.at("items.0.id");
  BOOST_REQUIRE(den.call(den.u1, "PATCH", newest, R"({"text":"edited"})").status == 200);
  BOOST_TEST(den.call(den.u2, "GET", "/chats/den/messages?limit=3").at("items.0.text") == "edited");
  BOOST_REQUIRE(den.call(den.u1, "DELETE", newest).status == 200);
  BOOST_TEST(den.call(den.u2, "GET", "/chats/den/messages?limit=3").at("items.0.text") == "");
  BOOST_TEST(den.chat.historyCounts().misses == before.misses);
}

BOOST_AUTO_TEST_CASE(history_is_for_members_and_the_app) {
  Den den;
  den.say(den.u1, "x");
  BOOST_TEST(den.call(den.outsider, "GET", "/chats/den/messages").status == 403);
  BOOST_TEST(den.call(den.key, "GET", "/chats/den/messages").size("items") == 1U);
  BOOST_TEST(den.call(den.peer, "GET", "/chats/" + std::to_string(raw(den.room)) + "/messages").size("items") == 1U);
}

BOOST_AUTO_TEST_CASE(a_message_is_read_by_members_and_changed_by_its_author) {
  Den den;
  const std::string path = "/message/" + den.say(den.u1, "draft").at("id");
  BOOST_TEST(den.call(den.u2, "GET", path).at("text") == "draft");
  BOOST_TEST(den.call(den.outsider, "GET", path).code() == "message_not_found");
  den.clock.advance(std::chrono::seconds(1));
  const Reply changed = den.call(den.u1, "PATCH", path, R"({"text":"final"})");
  BOOST_TEST(changed.status == 200);
  BOOST_TEST(changed.at("text") == "final");
  BOOST_TEST(changed.at("updatedAt") != changed.at("createdAt"));
  BOOST_TEST(den.call(den.u2, "PATCH", path, R"({"text":"mine"})").status == 403);
  BOOST_TEST(den.call(den.u1, "PATCH", path, R"({"text":""})").code() == "empty_text");
  BOOST_TEST(den.call(den.u1, "PATCH", "/message/999999", R"({"text":"x"})").code() == "message_not_found");
  BOOST_TEST(den.call(den.u1, "GET", "/message/abc").code() == "message_not_found");
}

BOOST_AUTO_TEST_CASE(a_deletion_keeps_the_seq_and_loses_the_text) {
  Den den;
  const Reply mine = den.say(den.u1, "oops");
  const Reply theirs = den.say(den.u2, "stays?");
  BOOST_TEST(den.call(den.u1, "DELETE", "/message/" + theirs.at("id")).status == 403);
  const Reply gone = den.call(den.u1, "DELETE", "/message/" + mine.at("id"));
  BOOST_TEST(gone.status == 200);
  BOOST_TEST(gone.at("text") == "");
  BOOST_TEST(gone.at("deletedAt") != "null");
  BOOST_TEST(den.call(den.key, "DELETE", "/message/?id=" + theirs.at("id")).at("seq") == "2");
  BOOST_TEST(den.call(den.key, "DELETE", "/message/").at("errors.0.field") == "id");
  const Reply history = den.call(den.u1, "GET", "/chats/den/messages");
  BOOST_TEST(history.size("items") == 2U);
  BOOST_TEST(history.at("items.1.text") == "");
}

BOOST_AUTO_TEST_CASE(a_moderator_deletes_what_others_said) {
  Den den;
  const Reply said = den.say(den.u1, "bad");
  const std::string u2 = std::to_string(raw(den.makeUser(den.app, "u2")));
  BOOST_REQUIRE(den.call(den.key, "PUT", "/room/den/members/" + u2, R"({"role":"moderator"})").status == 200);
  BOOST_TEST(den.call(den.u2, "DELETE", "/message/" + said.at("id")).status == 200);
}

BOOST_AUTO_TEST_SUITE_END()
