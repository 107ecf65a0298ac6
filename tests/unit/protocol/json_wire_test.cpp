// The JSON wire of /ws: what clients say, what of it is refused, and the exact bytes of what the server says.
#include "protocol/json_wire.h"

#include <boost/test/unit_test.hpp>

#include "base/json.h"
#include "unit/protocol/samples.h"

using namespace chatd;
using namespace chatd::test;
namespace jw = chatd::json_wire;

namespace {

/// The payload of the one frame in `bytes`, which must be a whole text frame.
std::string payload(const std::string& bytes) {
  BOOST_REQUIRE_GE(bytes.size(), 2U);
  BOOST_REQUIRE_EQUAL(static_cast<unsigned char>(bytes[0]), 0x81U);
  const auto size = static_cast<unsigned char>(bytes[1]);
  const std::size_t header = size == 127 ? 10 : size == 126 ? 4 : 2;
  std::string text = bytes.substr(header);
  BOOST_REQUIRE_MESSAGE(parseJson(text).ok(), text);
  return text;
}

template <class Body>
Body read(std::string_view frame) {
  auto request = jw::parse(frame);
  BOOST_REQUIRE_MESSAGE(request.body.ok(), frame);
  BOOST_REQUIRE(request.id.has_value());
  BOOST_REQUIRE_MESSAGE(std::holds_alternative<Body>(*request.body), frame);
  return std::get<Body>(std::move(*request.body));
}

std::string refusal(std::string_view frame) {
  const auto request = jw::parse(frame);
  return request.body.ok() ? "ok" : std::string(request.body.error().wire());
}

constexpr const char* kMessage =
    R"({"id":4,"roomId":1,"room":"usr-1-2","seq":3,"userId":2,"text":"héllo \"you\"","clientMsgId":null,"replyTo":null,)"
    R"("metadata":null,"createdAt":"2026-03-01T10:20:30.123Z","updatedAt":"2026-03-01T10:20:30.123Z","deletedAt":null})";

}  // namespace

BOOST_AUTO_TEST_SUITE(json_wire)

BOOST_AUTO_TEST_CASE(requests_are_read_with_their_fields_and_unknown_ones_are_ignored) {
  const auto join = read<jw::Join>(R"({"type":"join","id":1,"room":"a","since":3,"sinceRev":0,"epoch":"e","x":[]})");
  BOOST_TEST(std::get<std::string>(join.room) == "a");
  BOOST_TEST(raw(join.resume.since.value()) == 3);
  BOOST_TEST(raw(join.resume.sinceRev.value()) == 0);
  BOOST_TEST(join.resume.epoch.value() == "e");
  BOOST_TEST(raw(std::get<RoomId>(read<jw::Leave>(R"({"type":"leave","id":-2,"room":7})").room)) == 7);
  BOOST_TEST(raw(std::get<RoomId>(read<jw::Leave>(R"({"type":"leave","id":2,"room":"7"})").room)) == 7);
  BOOST_TEST(!read<jw::Join>(R"({"type":"join","id":1,"room":"a","since":null})").resume.since.has_value());
  const auto send =
      read<jw::Send>(R"({"type":"send","id":1,"room":"a","text":"t","clientMsgId":"c","replyTo":9,"metadata":{"k":1}})");
  BOOST_TEST(send.message.text == "t");
  BOOST_TEST(send.message.clientMsgId.value() == "c");
  BOOST_TEST(raw(send.message.replyTo.value()) == 9);
  BOOST_TEST(send.message.metadata.value() == R"({"k":1})");
  BOOST_TEST(read<jw::Typing>(R"({"type":"typing","id":1,"room":"a","typing":true})").typing);
  BOOST_TEST(raw(read<jw::Seen>(R"({"type":"seen","id":1,"room":"a","seq":4})").seq.value()) == 4);
  BOOST_TEST(raw(read<jw::Edit>(R"({"type":"edit","id":1,"messageId":4,"text":"x"})").message) == 4);
  BOOST_TEST(raw(read<jw::Delete>(R"({"type":"delete","id":1,"messageId":4})").message) == 4);
  BOOST_TEST(read<jw::History>(R"({"type":"history","id":1,"room":"a"})").limit == 20U);
  BOOST_TEST(raw(read<jw::History>(R"({"type":"history","id":1,"room":"a","after":0,"limit":100})").after.value()) == 0);
  BOOST_TEST(!read<jw::Rooms>(R"({"type":"rooms","id":1})").after.has_value());
  BOOST_TEST(read<jw::Auth>(R"({"type":"auth","id":1,"token":"t"})").token == "t");
  const auto sync = read<jw::Sync>(R"({"type":"sync","id":1,"rooms":{"a":{"since":1},"12":{}}})");
  BOOST_REQUIRE(sync.rooms.size() == 2U);
  BOOST_TEST(sync.rooms[0].key == "a");
  BOOST_TEST(raw(sync.rooms[0].resume.since.value()) == 1);
  BOOST_TEST(raw(std::get<RoomId>(sync.rooms[1].room)) == 12);
}

BOOST_AUTO_TEST_CASE(what_cannot_be_answered_by_its_id_has_none) {
  for (const char* frame : {"", "{", "[]", "1", "null", "{}", R"({"type":"rooms"})", R"({"type":"rooms","id":"1"})",
                            R"({"type":"rooms","id":1.5})", R"({"type":"rooms","id":null})", R"({"id":1,"id":2})",
                            R"({"type":"rooms","id":9007199254740993})"}) {
    const auto request = jw::parse(frame);
    BOOST_TEST(!request.id.has_value(), frame);
    BOOST_TEST(!request.body.ok(), frame);
    BOOST_TEST(!request.body.error().detail().empty());
  }
}

BOOST_AUTO_TEST_CASE(bad_fields_are_named) {
  BOOST_TEST(refusal(R"({"id":1})") == "invalid");
  BOOST_TEST(refusal(R"({"id":1,"type":5})") == "invalid");
  BOOST_TEST(refusal(R"({"id":1,"type":"nonsense"})") == "unknown_event");
  const std::pair<const char*, const char*> cases[] = {
      {R"({"id":1,"type":"join"})", "room"},
      {R"({"id":1,"type":"join","room":""})", "room"},
      {R"({"id":1,"type":"join","room":0})", "room"},
      {R"({"id":1,"type":"join","room":"a","since":-1})", "since"},
      {R"({"id":1,"type":"join","room":"a","sinceRev":"1"})", "sinceRev"},
      {R"({"id":1,"type":"join","room":"a","epoch":1})", "epoch"},
      {R"({"id":1,"type":"sync"})", "rooms"},
      {R"({"id":1,"type":"sync","rooms":{}})", "rooms"},
      {R"({"id":1,"type":"sync","rooms":{"a":1}})", "rooms"},
      {R"({"id":1,"type":"sync","rooms":{"a":{"since":"1"}}})", "since"},
      {R"({"id":1,"type":"typing","room":"a"})", "typing"},
      {R"({"id":1,"type":"seen","room":"a","seq":1.5})", "seq"},
      {R"({"id":1,"type":"send","room":"a"})", "text"},
      {R"({"id":1,"type":"send","room":"a","text":"x","clientMsgId":""})", "clientMsgId"},
      {R"({"id":1,"type":"send","room":"a","text":"x","replyTo":"1"})", "replyTo"},
      {R"({"id":1,"type":"send","room":"a","text":"x","metadata":[]})", "metadata"},
      {R"({"id":1,"type":"edit","text":"x"})", "messageId"},
      {R"({"id":1,"type":"edit","messageId":1})", "text"},
      {R"({"id":1,"type":"delete","messageId":0})", "messageId"},
      {R"({"id":1,"type":"history","room":"a","before":0})", "before"},
      {R"({"id":1,"type":"history","room":"a","before":1,"after":1})", "after"},
      {R"({"id":1,"type":"history","room":"a","limit":101})", "limit"},
      {R"({"id":1,"type":"rooms","after":-1})", "after"},
      {R"({"id":1,"type":"auth"})", "token"},
  };
  for (const auto& [frame, field] : cases) {
    const auto request = jw::parse(frame);
    BOOST_REQUIRE_MESSAGE(!request.body.ok(), frame);
    BOOST_TEST(request.id.value() == 1);
    BOOST_REQUIRE_MESSAGE(request.body.error().fields().size() == 1U, frame);
    BOOST_TEST(request.body.error().fields()[0].field == field, frame);
  }
  std::string rooms;
  for (std::size_t i = 0; i <= jw::kMaxSyncRooms; ++i) rooms += (i == 0 ? "\"r" : ",\"r") + std::to_string(i) + "\":{}";
  BOOST_TEST(refusal(R"({"id":1,"type":"sync","rooms":{)" + rooms + "}}") == "invalid");
}

BOOST_AUTO_TEST_CASE(answers_are_exact) {
  BOOST_TEST(payload(jw::ok(7)) == R"({"type":"ok","id":7})");
  BOOST_TEST(payload(jw::okAuth(7, kTime)) == R"({"type":"ok","id":7,"expiresAt":"2026-03-01T10:20:30.123Z"})");
  BOOST_TEST(payload(jw::okAuth(7, std::nullopt)) == R"({"type":"ok","id":7,"expiresAt":null})");
  BOOST_TEST(payload(jw::okSeen(7, Seq{3})) == R"({"type":"ok","id":7,"seq":3})");
  BOOST_TEST(payload(jw::okSend(7, sampleMessage(), "usr-1-2", true)) ==
             R"({"type":"ok","id":7,"message":)" + std::string(kMessage) + R"(,"duplicate":true})");
  BOOST_TEST(payload(jw::okChange(7, sampleMessage(), "usr-1-2", Rev{5})) ==
             R"({"type":"ok","id":7,"message":)" + std::string(kMessage) + R"(,"rev":5})");
  const std::vector<Message> messages{sampleMessage()};
  BOOST_TEST(payload(jw::okHistory(7, messages, "usr-1-2", true, Seq{2})) ==
             R"({"type":"ok","id":7,"messages":[)" + std::string(kMessage) + R"(],"more":true,"firstSeq":2})");
  BOOST_TEST(payload(jw::error(std::nullopt, Code::NotJoined)) ==
             R"({"type":"error","id":null,"code":"not_joined","message":"Join the room first.","retryable":false})");
  Error limited(Code::RateLimited, "Slowly.");
  limited.after(std::chrono::seconds(2));
  BOOST_TEST(payload(jw::error(7, limited)) ==
             R"({"type":"error","id":7,"code":"rate_limited","message":"Slowly.","retryable":true,"retryAfter":2})");
}

BOOST_AUTO_TEST_CASE(answers_about_rooms_say_where_they_stand) {
  const Room room = sampleRoom();
  const Message last = sampleMessage();
  jw::Standing standing{&room, {Seq{3}, Rev{1}, AccessRev{1}, "e1"}, 2, &last, true};
  const std::string join = payload(jw::okJoin(1, standing, sampleMembers()));
  BOOST_TEST(join.starts_with(R"({"type":"ok","id":1,"room":{"id":1,)"));
  BOOST_TEST(join.ends_with(R"(,"unread":2},"roomId":1,"epoch":"e1","seq":3,"rev":1,"recovered":true})"));
  standing.recovered.reset();
  BOOST_TEST(payload(jw::okJoin(1, standing, {})).ends_with(R"("seq":3,"rev":1})"));
  jw::SyncAnswer sync(2);
  standing.recovered = false;
  sync.room("usr-1-2", standing);
  sync.refused("a\"b", Code::RoomNotFound);
  const std::string answer = payload(sync.finish());
  BOOST_TEST(answer.find(R"("usr-1-2":{"room":{"id":1,)") != std::string::npos);
  BOOST_TEST(answer.find(R"("recovered":false},"a\"b":{"error":{"code":"room_not_found","message":)") != std::string::npos);
  jw::RoomsAnswer rooms(3);
  standing.recovered.reset();
  rooms.room(standing);
  BOOST_TEST(
      payload(rooms.finish(RoomId{9})).ends_with(R"("unread":2,"roomId":1,"epoch":"e1","seq":3,"rev":1}],"next":9})"));
  BOOST_TEST(payload(jw::RoomsAnswer(3).finish(std::nullopt)) == R"({"type":"ok","id":3,"rooms":[],"next":null})");
}

BOOST_AUTO_TEST_CASE(events_are_exact_and_carry_room_and_id) {
  const Room room = sampleRoom();
  const Message m = sampleMessage();
  const std::string head = R"(,"room":"usr-1-2","roomId":1)";
  const std::string profile = R"({"id":2,"appUserId":"u-2","firstName":"Ann","middleName":null,"lastName":"O\"Neil"})";
  BOOST_TEST(payload(jw::message(room, m)) == R"({"type":"message")" + head + R"(,"seq":3,"message":)" + kMessage + "}");
  BOOST_TEST(payload(jw::updated(room, m, Rev{2})) ==
             R"({"type":"updated")" + head + R"(,"rev":2,"message":)" + kMessage + "}");
  BOOST_TEST(payload(jw::deleted(room, m, Rev{2})) ==
             R"({"type":"deleted")" + head + R"(,"rev":2,"messageId":4,"seq":3,"message":)" + kMessage + "}");
  BOOST_TEST(payload(jw::typing(room, sampleUser(), true)) ==
             R"({"type":"typing")" + head + R"(,"user":)" + profile + R"(,"typing":true})");
  SeenEvent seen{std::make_shared<const User>(sampleUser()), MessageId{0}, Seq{3}, kTime};
  BOOST_TEST(payload(jw::seen(room, seen)) == R"({"type":"seen")" + head + R"(,"user":)" + profile +
                                                  R"(,"messageId":null,"seq":3,"seenAt":"2026-03-01T10:20:30.123Z"})");
  const std::vector<RosterEntry> entries{{{0, SessionId{1}}, UserId{2}, "s1"}};
  BOOST_TEST(payload(jw::presenceList(room, entries, 5)) ==
             R"({"type":"presence")" + head + R"(,"users":[{"userId":2,"session":"s1"}],"total":5})");
  BOOST_TEST(payload(jw::presenceChange(room, {}, entries, 4)) ==
             R"({"type":"presence")" + head + R"(,"joined":[],"left":[{"userId":2,"session":"s1"}],"total":4})");
  BOOST_TEST(payload(jw::activity(room, Seq{3}, 1, &m)) ==
             R"({"type":"room")" + head + R"(,"seq":3,"unread":1,"lastMessage":)" + kMessage + "}");
  const MemberChange change{std::make_shared<const User>(sampleUser()), Role::Moderator, MemberChange::Kind::Role};
  BOOST_TEST(payload(jw::member(room, change)) ==
             R"({"type":"member")" + head + R"(,"change":"role","user":)" + profile + R"(,"role":"moderator"})");
  BOOST_TEST(payload(jw::left(room, Code::RoomDeleted)) ==
             R"({"type":"left")" + head + R"(,"code":"room_deleted","message":"The room has been deleted."})");
}

BOOST_AUTO_TEST_CASE(half_an_emoji_is_refused_under_the_id_of_its_request) {
  for (const char* text : {R"({"type":"send","id":11,"room":"r","text":"\ud800"})",
                           R"({"text":"\\\ud83d","id":11,"metadata":{"id":3,"a":"\uDE00"},"type":"send"})"}) {
    const auto request = jw::parse(text);
    BOOST_REQUIRE(!request.body.ok());
    BOOST_TEST((request.body.error().code() == Code::InvalidText));
    BOOST_TEST((request.id == 11));
  }
}

BOOST_AUTO_TEST_CASE(hello_names_the_limits_and_holds_no_token) {
  const std::string hello = payload(
      jw::hello("s1", sampleUser(), kTime,
                {16384, 10, 50, 1000, 1 << 20, 1'000'000, 1000, std::chrono::seconds(25), std::chrono::seconds(20)}));
  BOOST_TEST(hello.starts_with(R"({"type":"hello","session":"s1","user":{"id":2,)"));
  BOOST_TEST(hello.find(R"("limits":{"message_bytes":16384,"messages_per_second":10,)") != std::string::npos);
  BOOST_TEST(hello.find("token") == std::string::npos);
}

BOOST_AUTO_TEST_SUITE_END()
