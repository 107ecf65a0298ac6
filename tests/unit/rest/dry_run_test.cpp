// dryRun=true against the call itself: it refuses what the call refuses, says whether the call would change something, and
// does nothing.
#include <boost/test/unit_test.hpp>

#include <string>
#include <vector>

#include "unit/rest/house.h"

using namespace chatd;
using namespace chatd::test;

namespace {

std::string idOf(auto id) { return std::to_string(raw(id)); }

struct Tried : House {
  Tried() {
    app = makeApp("a");
    other = makeApp("b");
    key = keyOf(app);
    owner = account("owner", AccountRole::Owner, {app});
    ann = makeUser(app, "ann");
    bob = makeUser(app, "bob");
    cid = makeUser(app, "cid");
    foreign = makeUser(other, "dan");
    annToken = userToken(app, "ann");
    bobToken = userToken(app, "bob");
    cidToken = userToken(app, "cid");
    den = makeRoom(app, "den", {ann, bob});
    makeRoom(app, "attic", {ann, bob, cid});
    message = call(annToken, "POST", "/chats/den/messages", R"({"text":"hello"})").at("id");
    gone = call(annToken, "POST", "/chats/den/messages", R"({"text":"gone"})").at("id");
    BOOST_REQUIRE(call(key, "DELETE", "/message/" + gone).status == 200);
  }

  Reply tried(const As& as, std::string_view method, const std::string& path, std::string_view body) {
    return call(as, method, path + (path.find('?') == std::string::npos ? "?" : "&") + "dryRun=true", body);
  }
  /// The dry run says what the call says then.
  void refused(const As& as, std::string_view method, const std::string& path, std::string_view body = {}) {
    const Reply dry = tried(as, method, path, body);
    const Reply real = call(as, method, path, body);
    BOOST_TEST(real.status >= 400, method << " " << path << " was done");
    BOOST_TEST(dry.status == real.status, method << " " << path << ": " << dry.body << " but " << real.body);
    BOOST_TEST(dry.code() == real.code(), method << " " << path << ": " << dry.body << " but " << real.body);
  }
  void done(const As& as, std::string_view method, const std::string& path, std::string_view body = {}) {
    const Reply dry = tried(as, method, path, body);
    BOOST_TEST(dry.status == 202, method << " " << path << ": " << dry.body);
    BOOST_TEST(dry.at("changes") == "true", method << " " << path);
    const Reply real = call(as, method, path, body);
    BOOST_TEST(real.status < 300, method << " " << path << ": " << real.body);
  }
  void unchanged(const As& as, std::string_view method, const std::string& path, std::string_view body = {}) {
    const Reply dry = tried(as, method, path, body);
    BOOST_TEST(dry.at("changes") == "false", method << " " << path << ": " << dry.body);
    const Reply real = call(as, method, path, body);
    BOOST_TEST(real.status < 300, method << " " << path << ": " << real.body);
  }

  AppId app{}, other{};
  As key, owner, annToken, bobToken, cidToken;
  UserId ann{}, bob{}, cid{}, foreign{};
  RoomId den{};
  std::string message, gone;
};

}  // namespace

BOOST_FIXTURE_TEST_SUITE(dry_run, Tried)

BOOST_AUTO_TEST_CASE(of_a_user_it_finds_that_there_is_none_and_that_nothing_changes) {
  for (const std::string& none : {std::string("99999"), idOf(foreign), std::string("x")}) {
    const std::string path = "/user/" + none;
    refused(key, "PATCH", path, R"({"firstName":"A"})");
    refused(key, "DELETE", path);
    refused(key, "DELETE", path + "/sessions");
    refused(key, "DELETE", path + "/tokens");
    refused(key, "PUT", path + "/ban", "{}");
    refused(key, "DELETE", path + "/ban");
  }
  const std::string path = "/user/" + idOf(bob);
  refused(key, "PUT", path + "/ban", R"({"until":"2020-01-01T00:00:00Z"})");
  done(key, "PATCH", path, R"({"firstName":"B"})");
  unchanged(key, "PATCH", path, R"({"firstName":"B"})");
  unchanged(key, "DELETE", path + "/sessions");
  unchanged(key, "DELETE", path + "/ban");
  done(key, "PUT", path + "/ban", R"({"reason":"spam"})");
  unchanged(key, "PUT", path + "/ban", R"({"reason":"spam"})");
  done(key, "DELETE", path + "/ban");
  done(key, "DELETE", path + "/tokens");
  done(key, "DELETE", path);
  refused(key, "DELETE", path);
}

BOOST_AUTO_TEST_CASE(of_a_room_it_finds_a_taken_name_and_who_is_no_member) {
  for (const char* none : {"cellar", "99999"}) {
    const std::string path = std::string("/room/") + none;
    refused(key, "PATCH", path, R"({"name":"N"})");
    refused(key, "DELETE", path);
    refused(key, "PUT", path + "/members/" + idOf(ann), R"({"role":"moderator"})");
  }
  refused(key, "PATCH", "/room/den", R"({"room":"attic"})");
  for (const std::string& stranger : {idOf(cid), idOf(foreign), std::string("99999"), std::string("x")}) {
    refused(key, "PUT", "/room/den/members/" + stranger, R"({"role":"moderator"})");
  }
  done(key, "PUT", "/room/den/members/" + idOf(bob), R"({"role":"moderator"})");
  unchanged(key, "PUT", "/room/den/members/" + idOf(bob), R"({"role":"moderator"})");
  done(key, "PATCH", "/room/den", R"({"name":"The den","metadata":{"a":1}})");
  unchanged(key, "PATCH", "/room/den", R"({"room":"den","name":"The den","metadata":{"a":1}})");
  done(key, "PATCH", "/room/den", R"({"room":"cave"})");
  done(key, "DELETE", "/room/cave");
}

BOOST_AUTO_TEST_CASE(of_a_message_it_finds_who_may_not_and_what_is_no_text) {
  const std::string said = R"({"text":"hi","appUserId":"ann"})";
  refused(key, "POST", "/chats/cellar/messages", said);
  refused(key, "POST", "/chats/den/messages", R"({"text":"hi","appUserId":"nobody"})");
  refused(key, "POST", "/chats/den/messages", R"({"text":"hi","appUserId":"cid"})");
  refused(key, "POST", "/chats/den/messages", R"({"text":"","appUserId":"ann"})");
  refused(key, "POST", "/chats/den/messages", R"({"text":")" + std::string(16'385, 'x') + R"(","appUserId":"ann"})");
  refused(cidToken, "POST", "/chats/den/messages", R"({"text":"hi"})");
  done(key, "POST", "/chats/den/messages", said);

  for (const std::string& none : {std::string("99999"), std::string("x")}) {
    refused(annToken, "PATCH", "/message/" + none, R"({"text":"new"})");
    refused(key, "DELETE", "/message/" + none);
  }
  refused(key, "DELETE", "/message/?id=99999");
  const std::string path = "/message/" + message;
  refused(bobToken, "PATCH", path, R"({"text":"new"})");
  refused(cidToken, "PATCH", path, R"({"text":"new"})");
  refused(annToken, "PATCH", path, R"({"text":""})");
  refused(annToken, "PATCH", "/message/" + gone, R"({"text":"back"})");
  refused(bobToken, "DELETE", path);
  refused(cidToken, "DELETE", path);
  unchanged(key, "DELETE", "/message/" + gone);
  done(annToken, "PATCH", path, R"({"text":"new"})");
  done(annToken, "DELETE", path);
}

BOOST_AUTO_TEST_CASE(of_apps_keys_and_accounts_it_finds_what_is_not_there_or_taken) {
  refused(peer, "DELETE", "/app/nothing");
  refused(peer, "POST", "/app/nothing/keys", "{}");
  refused(peer, "DELETE", "/app/nothing/keys/1");
  refused(peer, "DELETE", "/app/a/keys/99999");
  refused(peer, "DELETE", "/app/a/keys/x");
  refused(owner, "DELETE", "/app/b/keys/1");
  refused(peer, "POST", "/auth/register", R"({"login":"owner","password":"long enough"})");
  refused(peer, "POST", "/auth/register", R"({"login":"new","password":"short"})");
  refused(peer, "POST", "/auth/register", R"({"login":" new","password":"long enough"})");
  refused(peer, "POST", "/auth/register", R"({"login":"new","password":"long enough","appIds":[99999]})");
  refused(peer, "POST", "/plugin/nothing/reload");
  refused(peer, "POST", "/plugin/jwt/reload");
  refused(peer, "PATCH", "/account/99999", R"({"role":"operator"})");
  refused(peer, "DELETE", "/account/99999");
  const std::string kept = call(peer, "GET", "/app/a/keys").at("items.0.id");
  done(peer, "DELETE", "/app/a/keys/" + kept);
  done(peer, "DELETE", "/app/a");
}

BOOST_AUTO_TEST_SUITE_END()
