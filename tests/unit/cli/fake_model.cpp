// What the fake daemon knows: apps, users, rooms, messages. Every function here runs under its mutex.
#include <algorithm>
#include <sstream>

#include <fmt/format.h>

#include "base/text.h"
#include "unit/cli/fake_daemon.h"

namespace chatd::test {

namespace {

std::string quoted(const std::string& text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

std::string word(const JsonDocument& body, const char* key) {
  const JsonValue* value = body.IsObject() ? find(body, key) : nullptr;
  if (value == nullptr) return {};
  return value->IsString() ? std::string(asView(*value)) : toText(*value);
}

std::int64_t number(const std::string& text) { return text.empty() ? 0 : std::stoll(text); }
bool digits(const std::string& text) { return text.find_first_not_of("0123456789") == std::string::npos; }

/// `limit` and `cursor` (here: how many went before) over the shown items.
Reply page(const std::vector<std::string>& items, const std::map<std::string, std::string>& query) {
  const auto limit = query.count("limit") != 0 ? std::stoul(query.at("limit")) : 20;
  const auto from = query.count("cursor") != 0 ? std::stoul(query.at("cursor").substr(1)) : 0;
  const std::size_t to = std::min(items.size(), from + limit);
  std::string body;
  for (std::size_t i = from; i < to; ++i) body += (i > from ? "," : "") + items[i];
  const std::string next = to < items.size() ? fmt::format("\"c{}\"", to) : "null";
  return {200, fmt::format(R"({{"items":[{}],"nextCursor":{}}})", body, next)};
}

}  // namespace

Reply FakeDaemon::problem(int status, const std::string& code, const std::string& detail) {
  return {status,
          fmt::format(
              R"({{"type":"urn:chatd:error:{1}","title":"T","status":{0},"detail":{2},"code":"{1}","requestId":"req-1"}})",
              status, code, quoted(detail)),
          {{"Content-Type", "application/problem+json"}}};
}

std::string FakeDaemon::show(const App& app) const {
  return fmt::format(R"({{"appId":{},"name":{},"tokenVerificationUrl":{},"createdAt":"2026-01-01T00:00:00.000Z"}})", app.id,
                     quoted(app.name), app.url.empty() ? "null" : quoted(app.url));
}
std::string FakeDaemon::show(const User& user) const {
  return fmt::format(R"({{"id":{},"appId":{},"appUserId":{},"firstName":{}}})", user.id, user.app, quoted(user.appUserId),
                     user.firstName.empty() ? "null" : quoted(user.firstName));
}
std::string FakeDaemon::show(const Room& room) const {
  std::string members;
  for (const User& user : users_) {
    if (std::find(room.members.begin(), room.members.end(), user.id) == room.members.end()) continue;
    members += fmt::format(R"({}{{"id":{},"appUserId":{},"role":"member"}})", members.empty() ? "" : ",", user.id,
                           quoted(user.appUserId));
  }
  return fmt::format(R"({{"id":{},"appId":{},"room":{},"type":"{}","name":{},"metadata":null,"members":[{}]}})", room.id,
                     room.app, quoted(room.name), room.type, room.title.empty() ? "null" : quoted(room.title), members);
}
std::string FakeDaemon::show(const Message& m) const {
  return fmt::format(R"({{"id":{},"roomId":{},"seq":{},"userId":{},"text":{},"clientMsgId":{}}})", m.id, m.room, m.seq,
                     m.user, quoted(m.text), quoted(m.clientMsgId));
}

FakeDaemon::App* FakeDaemon::findApp(const std::string& name) {
  for (App& app : apps_) {
    if (digits(name) ? app.id == number(name) : app.name == name) return &app;
  }
  return nullptr;
}
FakeDaemon::Room* FakeDaemon::findRoom(const std::string& name, std::int64_t app) {
  for (Room& room : rooms_) {
    if (digits(name) ? room.id == number(name) : room.name == name && room.app == app) return &room;
  }
  return nullptr;
}
FakeDaemon::User* FakeDaemon::findUser(std::int64_t app, const std::string& appUserId) {
  for (User& user : users_) {
    if (user.app == app && user.appUserId == appUserId) return &user;
  }
  return nullptr;
}

Reply FakeDaemon::model(const SeenRequest& request) {
  Target at;
  const std::size_t question = request.target.find('?');
  std::istringstream path(request.target.substr(1, question == std::string::npos ? question : question - 1));
  for (std::string part; std::getline(path, part, '/');) at.path.push_back(percentDecode(part, false).value());
  std::istringstream query(question == std::string::npos ? "" : request.target.substr(question + 1));
  for (std::string part; std::getline(query, part, '&');) {
    at.query[part.substr(0, part.find('='))] = percentDecode(part.substr(part.find('=') + 1), true).value();
  }
  if (request.header("authorization") == "Bearer wrong") return problem(401, "unauthorized", "The credential is not valid.");
  const std::string key = request.header("idempotency-key");
  if (const auto it = kept_.find(key); !key.empty() && it != kept_.end()) return it->second;
  JsonDocument body;
  if (!request.body.empty()) {
    auto parsed = parseJson(request.body);
    if (!parsed.ok()) return problem(400, "not_json", parsed.error().detail());
    body = std::move(*parsed);
  }
  const std::string noun = at.path.empty() ? "" : at.path.front();
  Reply reply = noun == "app"                          ? apps(request, at, body)
                : noun == "user"                       ? users(request, at, body)
                : noun == "room"                       ? rooms(request, at, body)
                : noun == "chats" || noun == "message" ? messages(request, at, body)
                                                       : problem(404, "not_found", "There is no such thing.");
  if (!key.empty() && reply.status < 400) kept_[key] = reply;
  return reply;
}

Reply FakeDaemon::apps(const SeenRequest& request, const Target& at, const JsonDocument& body) {
  if (at.path.size() == 1 && request.method == "GET") {
    std::vector<std::string> items;
    for (const App& app : apps_) items.push_back(show(app));
    return page(items, at.query);
  }
  if (request.method == "POST") {
    if (findApp(word(body, "name")) != nullptr) return problem(409, "already_exists", "The name is taken.");
    apps_.push_back({++lastId_, word(body, "name"), word(body, "tokenVerificationUrl")});
    std::string shown = show(apps_.back());
    shown.pop_back();
    return {201, shown + R"(,"apiKey":"ck_secret","login":{"login":"owner","password":"pw"}})"};
  }
  App* app = findApp(at.path.at(1));
  if (app == nullptr) return problem(404, "not_found", "There is no such app.");
  if (request.method == "PATCH") app->url = word(body, "tokenVerificationUrl");
  if (request.method != "DELETE") return {200, show(*app)};
  apps_.erase(apps_.begin() + (app - apps_.data()));
  return {204, ""};
}

Reply FakeDaemon::users(const SeenRequest& request, const Target& at, const JsonDocument& body) {
  if (request.method == "GET") {
    const auto wanted = at.query.find("appUserId");
    std::vector<std::string> items;
    for (const User& user : users_) {
      if (user.app == number(at.query.at("appId")) && (wanted == at.query.end() || wanted->second == user.appUserId))
        items.push_back(show(user));
    }
    return page(items, at.query);
  }
  if (request.method == "DELETE") {
    std::erase_if(users_, [&](const User& user) { return user.id == number(at.path.at(1)); });
    return {204, ""};
  }
  User* user = findUser(number(word(body, "appId")), word(body, "appUserId"));
  const bool exists = user != nullptr;
  if (exists && request.header("if-none-match") == "*") return problem(409, "already_exists", "The user exists.");
  if (!exists) users_.push_back({++lastId_, number(word(body, "appId")), word(body, "appUserId"), ""});
  if (!exists) user = &users_.back();
  if (find(body, "firstName") != nullptr) user->firstName = word(body, "firstName");
  return {exists ? 200 : 201, show(*user)};
}

Reply FakeDaemon::changeMembers(const Target& at, const JsonDocument& body) {
  Room* room = findRoom(word(body, "room"), number(word(body, "appId")));
  if (room == nullptr) return problem(404, "room_not_found", "There is no such room.");
  for (const JsonValue& name : find(body, "users")->GetArray()) {
    const User* user = findUser(room->app, std::string(asView(name)));
    if (user == nullptr) return problem(404, "user_not_found", "There is no such user.");
    if (at.path.at(1) == "remove") std::erase(room->members, user->id);
    if (at.path.at(1) == "add") room->members.push_back(user->id);
  }
  return {200, show(*room)};
}

Reply FakeDaemon::rooms(const SeenRequest& request, const Target& at, const JsonDocument& body) {
  if (request.method == "PUT") return changeMembers(at, body);
  if (request.method == "POST") {
    const std::int64_t app = number(word(body, "appId"));
    if (findRoom(word(body, "room"), app) != nullptr) return problem(409, "already_exists", "The name is taken.");
    Room room{++lastId_,          app, word(body, "room"), word(body, "type").empty() ? "group" : word(body, "type"),
              word(body, "name"), {}};
    for (const JsonValue& name : find(body, "users")->GetArray()) {
      const User* user = findUser(app, std::string(asView(name)));
      if (user == nullptr) return problem(404, "user_not_found", "There is no such user.");
      room.members.push_back(user->id);
    }
    rooms_.push_back(room);
    return {201, show(room)};
  }
  if (at.path.size() == 1) {
    std::vector<std::string> items;
    for (const Room& room : rooms_) {
      if (room.app == number(at.query.at("appId"))) items.push_back(show(room));
    }
    return page(items, at.query);
  }
  Room* room = findRoom(at.path.at(1), at.query.count("appId") != 0 ? number(at.query.at("appId")) : 0);
  if (room == nullptr) return problem(404, "room_not_found", "There is no such room.");
  if (request.method == "PATCH" && find(body, "name") != nullptr) room->title = word(body, "name");
  if (request.method != "DELETE") return {200, show(*room)};
  rooms_.erase(rooms_.begin() + (room - rooms_.data()));
  return {204, ""};
}

Reply FakeDaemon::messages(const SeenRequest& request, const Target& at, const JsonDocument& body) {
  if (at.path.front() == "message") {
    for (Message& m : messages_) {
      if (m.id != number(at.path.at(1))) continue;
      if (request.method == "DELETE") m.text.clear();
      return {200, show(m)};
    }
    return problem(404, "message_not_found", "There is no such message.");
  }
  const Room* room = findRoom(at.path.at(1), 0);
  if (room == nullptr) return problem(404, "room_not_found", "There is no such room.");
  if (request.method == "GET") {
    if (at.query.count("cursor") != 0 && at.query.count("before") != 0)
      return problem(422, "invalid", "give only one of before, cursor");
    const std::int64_t before = at.query.count("before") != 0 ? number(at.query.at("before")) : 1L << 52U;
    std::vector<std::string> items;
    for (auto m = messages_.rbegin(); m != messages_.rend(); ++m) {
      if (m->room == room->id && m->seq < before) items.push_back(show(*m));
    }
    return page(items, at.query);
  }
  const User* user = findUser(room->app, word(body, "appUserId"));
  if (user == nullptr) return problem(404, "user_not_found", "There is no such user.");
  if (word(body, "text").empty()) return problem(422, "empty_text", "The text is empty.");
  std::int64_t seq = 1;
  for (const Message& m : messages_) {
    if (m.room == room->id) ++seq;
    if (m.room == room->id && m.user == user->id && m.clientMsgId == word(body, "clientMsgId")) return {200, show(m)};
  }
  messages_.push_back({++lastId_, room->id, seq, user->id, word(body, "text"), word(body, "clientMsgId")});
  return {201, show(messages_.back())};
}

}  // namespace chatd::test
