#include "cli/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/compare.h"
#include "cli/layout.h"
#include "cli/nouns/apps.h"
#include "cli/nouns/rooms.h"

namespace chatd::cli {

namespace {

constexpr std::size_t kMembersInLists = 100;  // GET /room shows so many of a room; GET /room/{id} shows all
constexpr std::string_view kPlainRole = "member";
constexpr std::size_t kUsersACall = 1000;  // that POST /room and PUT /room/add take

using ByName = std::map<std::string, JsonDocument>;
using Pair = std::set<std::string>;  // the appUserIds of a direct room

/// `object` with `appId` in front of its members.
std::string withApp(const JsonValue& object, std::int64_t appId) {
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("appId", appId);
  for (const auto& member : object.GetObject()) out.key(asView(member.name)).raw(toText(member.value));
  out.endObject();
  return body;
}

/// The members of `wanted` that are no identity: the body of a PATCH.
std::string changesOf(const JsonValue& wanted) {
  std::string body;
  JsonWriter out(body);
  out.beginObject();
  for (const char* name : {"firstName", "middleName", "lastName", "name", "metadata"}) {
    const JsonValue* value = find(wanted, name);
    if (value != nullptr) out.key(name).raw(toText(*value));
  }
  out.endObject();
  return body;
}

/// Of PUT /room/add and /room/remove.
std::string membersBody(std::int64_t appId, const std::string& room, const std::vector<std::string>& ids) {
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("appId", appId).field("room", room).key("users").beginArray();
  for (const std::string& id : ids) out.raw(id);
  out.endArray().endObject();
  return body;
}

bool isDirect(const JsonValue& room) { return stringField(room, "type") == "direct"; }

/// Whom a direct room is of; nothing if one of them has left.
std::optional<Pair> pairOf(const JsonValue& room) {
  Pair pair = isDirect(room) ? memberIds(room) : Pair();
  return pair.size() == 2 ? std::optional(std::move(pair)) : std::nullopt;
}

std::string asJson(const std::string& text) {
  std::string json;
  appendJsonString(json, text);
  return json;
}

Step patchStep(std::string kind, std::string name, std::string path, std::string body) {
  return {Change::Update, std::move(kind), std::move(name), {}, [path, body](AdminClient&, std::int64_t) -> Outcome<Call> {
            return Call{"PATCH", path, {}, body};
          }};
}

Step deleteStep(std::string kind, std::string name, std::string path) {
  return {Change::Delete, std::move(kind), std::move(name), {}, [path](AdminClient&, std::int64_t) -> Outcome<Call> {
            return Call{"DELETE", path, {}, {}};
          }};
}

/// The step of a member who gets another role. Both are looked up when it is done: it may follow the steps that make them.
Step roleStep(const std::string& room, const DeclaredMember& member, std::string_view before) {
  Step step{Change::Update, "member", room + "/" + member.appUserId, {}, {}};
  step.lines.push_back(fmt::format("role: \"{}\" -> \"{}\"", before, *member.role));
  step.call = [room, user = member.appUserId, role = *member.role](AdminClient& client, std::int64_t app) -> Outcome<Call> {
    const Query query{{"appId", fmt::format("{}", app)}};
    CHATD_TRY(found, client.get("/room/" + percentEncode(room), query));
    CHATD_TRY(roomId, integerField(found.document, "id"));
    CHATD_TRY(users, client.get("/user", {query.front(), {"appUserId", user}}));
    const JsonValue* items = users.document.IsObject() ? find(users.document, "items") : nullptr;
    if (items == nullptr || !items->IsArray() || items->Empty())
      return Failure{Exit::NotFound, "not_found", fmt::format("there is no user {}", user), {}, {}};
    CHATD_TRY(userId, integerField(*items->Begin(), "id"));
    return Call{"PUT", fmt::format("/room/{}/members/{}", roomId, userId), {}, fmt::format(R"({{"role":"{}"}})", role)};
  };
  return step;
}

/// Everything of a list by the text of `field`.
Outcome<ByName> listBy(Invocation& run, const std::string& path, std::int64_t appId, std::string_view field) {
  ByName all;
  const ListCall list{path, {{"appId", fmt::format("{}", appId)}}};
  CHATD_CHECK(run.client.pages(list, [&](const JsonValue& items) -> Outcome<void> {
    for (const JsonValue& item : items.GetArray()) {
      const JsonValue* key = item.IsObject() ? find(item, field) : nullptr;
      if (key == nullptr) return other("bad_answer", fmt::format("the server's list has no {}", field));
      JsonDocument& kept = all[textOf(*key)];
      kept.CopyFrom(item, kept.GetAllocator());
    }
    return {};
  }));
  return all;
}

/// Makes the plan of one app.
class Planner {
 public:
  Planner(Invocation& run, const DeclaredApp& declared, bool prune) : run_(run), declared_(declared), prune_(prune) {
    plan_.name = declared.name;
  }
  Outcome<AppPlan> make();

 private:
  Outcome<void> app();
  Outcome<void> users();
  Outcome<void> rooms();
  Outcome<void> room(const DeclaredRoom& wanted, const JsonValue& found);
  Outcome<void> membersStay(const DeclaredRoom& wanted, const std::map<std::string, std::string>& roles) const;
  Outcome<void> members(const DeclaredRoom& wanted, const JsonValue& found, std::int64_t roomId);
  Outcome<ByName> present(const std::string& path, std::string_view field);
  void createUser(const DeclaredUser& wanted);
  Outcome<void> createRoom(const DeclaredRoom& wanted);
  void changeMember(Change change, const std::string& room, const DeclaredMember& member);

  Invocation& run_;
  const DeclaredApp& declared_;
  const bool prune_;
  AppPlan plan_;
  std::vector<Step> pruned_;            // users go after the rooms that they are in
  std::set<std::string> added_;         // users that a step makes
  std::map<Pair, std::string> direct_;  // the names of the direct rooms that are there
};

/// What the app has in this list; nothing if it is yet to be made.
Outcome<ByName> Planner::present(const std::string& path, std::string_view field) {
  if (!plan_.appId) return ByName();
  return listBy(run_, path, *plan_.appId, field);
}

void Planner::createUser(const DeclaredUser& wanted) {
  Step step{Change::Create, "user", wanted.appUserId, {}, {}};
  step.call = [text = toText(wanted.body)](AdminClient&, std::int64_t app) -> Outcome<Call> {
    const auto body = parseJson(text);
    CHATD_ASSERT(body.ok());  // written from a parsed value just above
    return Call{"POST", "/user", {}, withApp(*body, app)};
  };
  step.later = !plan_.appId;
  plan_.steps.push_back(std::move(step));
  added_.insert(wanted.appUserId);
}

/// The room, then what its first call cannot say: members beyond the thousandth, and who is a moderator.
Outcome<void> Planner::createRoom(const DeclaredRoom& wanted) {
  static const std::vector<DeclaredMember> kNobody;
  const auto& members = wanted.members ? *wanted.members : kNobody;
  if (isDirect(wanted.body) && members.size() != 2) {
    return Failure{Exit::Invalid,
                   "invalid",
                   fmt::format("room {} is declared as direct and has {}: a direct room is of exactly two", wanted.room,
                               counted(members.size(), "member")),
                   "Declare both of its users, or a group.",
                   {}};
  }
  if (isDirect(wanted.body)) {
    // POST /room would answer with it, and the next run would find the declared one missing again.
    const auto there = direct_.find({members[0].appUserId, members[1].appUserId});
    if (there != direct_.end())
      return otherDirectRoom(fmt::format("{}", fmt::join(there->first, " and ")), there->second, wanted.room, "declared");
  }
  std::vector<std::string> ids;
  bool later = !plan_.appId;
  for (const DeclaredMember& member : members) {
    later = later || added_.count(member.appUserId) > 0;
    if (ids.size() < kUsersACall) ids.push_back(member.id);
  }
  Step step{Change::Create, "room", wanted.room, {}, {}};
  step.later = later;
  step.call = [text = toText(wanted.body), ids](AdminClient&, std::int64_t app) -> Outcome<Call> {
    const auto body = parseJson(text);
    CHATD_ASSERT(body.ok());  // as in createUser()
    std::string whole = withApp(*body, app);
    whole.pop_back();
    return Call{"POST", "/room", {}, fmt::format("{},\"users\":[{}]}}", whole, fmt::join(ids, ","))};
  };
  plan_.steps.push_back(std::move(step));
  for (std::size_t i = kUsersACall; i < members.size(); ++i) {
    changeMember(Change::Create, wanted.room, members[i]);
    plan_.steps.back().later = true;
  }
  for (const DeclaredMember& member : members) {
    if (!member.role || *member.role == kPlainRole) continue;
    plan_.steps.push_back(roleStep(wanted.room, member, kPlainRole));
    plan_.steps.back().later = true;
  }
  return {};
}

void Planner::changeMember(Change change, const std::string& room, const DeclaredMember& member) {
  Step step{change, "member", room + "/" + member.appUserId, {}, {}};
  const char* path = change == Change::Create ? "/room/add" : "/room/remove";
  step.call = [path, room, id = member.id](AdminClient&, std::int64_t app) -> Outcome<Call> {
    return Call{"PUT", path, {}, membersBody(app, room, {id})};
  };
  step.later = added_.count(member.appUserId) > 0;
  plan_.steps.push_back(std::move(step));
}

Outcome<void> Planner::app() {
  auto found = run_.client.get("/app/" + percentEncode(declared_.name));
  if (!found.ok() && found.error().exit != Exit::NotFound) return std::move(found).error();
  if (!found.ok()) {
    std::string body;
    JsonWriter out(body);
    out.beginObject().field("name", declared_.name);
    for (const auto& member : declared_.body.GetObject()) out.key(asView(member.name)).raw(toText(member.value));
    out.endObject();
    plan_.steps.push_back({Change::Create, "app", declared_.name, {}, [body](AdminClient&, std::int64_t) -> Outcome<Call> {
                             return Call{"POST", "/app", {}, body};
                           }});
    return {};
  }
  CHATD_TRY(id, integerField(found.value().document, "appId"));
  plan_.appId = id;
  const std::string body = toText(declared_.body);
  CHATD_TRY(same, appIsAs(run_, found.value().document, body));
  if (same) {
    ++plan_.unchanged;
    return {};
  }
  Step step{Change::Update, "app", declared_.name, {}, [body](AdminClient&, std::int64_t appId) -> Outcome<Call> {
              return Call{"PATCH", fmt::format("/app/{}", appId), {}, body};
            }};
  appendDifferences(found.value().document, declared_.body, "", step.lines);
  plan_.steps.push_back(std::move(step));
  return {};
}

Outcome<void> Planner::users() {
  if (!declared_.users) return {};
  CHATD_TRY(present, this->present("/user", "appUserId"));
  for (const DeclaredUser& wanted : *declared_.users) {
    const auto found = present.find(wanted.appUserId);
    if (found == present.end()) {
      createUser(wanted);
      continue;
    }
    if (compareFields(found->second, wanted.body) == Match::Same) {
      ++plan_.unchanged;
    } else {
      CHATD_TRY(id, integerField(found->second, "id"));
      Step step = patchStep("user", wanted.appUserId, fmt::format("/user/{}", id), changesOf(wanted.body));
      appendDifferences(found->second, wanted.body, "", step.lines);
      plan_.steps.push_back(std::move(step));
    }
    present.erase(found);
  }
  for (const auto& [name, user] : present) {
    if (!prune_) break;
    CHATD_TRY(id, integerField(user, "id"));
    pruned_.push_back(deleteStep("user", name, fmt::format("/user/{}", id)));
  }
  return {};
}

/// The server lets nobody in or out of a direct room; told before anything is written. `roles`: those who are there.
Outcome<void> Planner::membersStay(const DeclaredRoom& wanted, const std::map<std::string, std::string>& roles) const {
  std::set<std::string> declared;
  for (const DeclaredMember& member : *wanted.members) declared.insert(member.appUserId);
  const bool same = std::all_of(declared.begin(), declared.end(), [&](const auto& user) { return roles.contains(user); }) &&
                    (!prune_ || declared.size() == roles.size());
  if (same) return {};
  std::vector<std::string> there;
  there.reserve(roles.size());
  for (const auto& [user, role] : roles) there.push_back(user);
  return Failure{Exit::Conflict,
                 "conflict",
                 fmt::format("room {} is direct and of {}; declared are {}", wanted.room, fmt::join(there, ", "),
                             declared.empty() ? std::string("none") : fmt::format("{}", fmt::join(declared, ", "))),
                 "The members of a direct room cannot change: delete the room, or declare it as it is.",
                 {}};
}

Outcome<void> Planner::members(const DeclaredRoom& wanted, const JsonValue& found, std::int64_t roomId) {
  if (!wanted.members) return {};
  JsonDocument whole;
  const JsonValue* list = find(found, "members");
  if (list == nullptr || !list->IsArray() || list->Size() >= kMembersInLists) {
    CHATD_TRY(answer, run_.client.get(fmt::format("/room/{}", roomId), {{"appId", fmt::format("{}", *plan_.appId)}}));
    whole = std::move(answer.document);
    list = whole.IsObject() ? find(whole, "members") : nullptr;
  }
  if (list == nullptr || !list->IsArray()) return other("bad_answer", "the server's answer has no members");
  std::map<std::string, std::string> roles;  // by appUserId, of those who are there
  for (const JsonValue& member : list->GetArray()) {
    const JsonValue* id = member.IsObject() ? find(member, "appUserId") : nullptr;
    if (id != nullptr) roles[textOf(*id)] = stringField(member, "role").value_or(std::string(kPlainRole));
  }
  if (isDirect(found)) CHATD_CHECK(membersStay(wanted, roles));
  for (const DeclaredMember& member : *wanted.members) {
    const auto present = roles.find(member.appUserId);
    const bool isNew = present == roles.end();
    const std::string role = isNew ? std::string(kPlainRole) : present->second;
    const bool otherRole = member.role && *member.role != role;
    if (isNew) changeMember(Change::Create, wanted.room, member);
    if (otherRole) plan_.steps.push_back(roleStep(wanted.room, member, role));
    if (otherRole && isNew) plan_.steps.back().later = true;
    if (!isNew && !otherRole) ++plan_.unchanged;
    if (!isNew) roles.erase(present);
  }
  if (!prune_) return {};
  for (const auto& [user, role] : roles) changeMember(Change::Delete, wanted.room, {user, asJson(user), {}});
  return {};
}

Outcome<void> Planner::room(const DeclaredRoom& wanted, const JsonValue& found) {
  const auto type = stringField(wanted.body, "type");
  if (type && stringField(found, "type") != type) {
    return Failure{Exit::Conflict,
                   "conflict",
                   fmt::format("room {} is of type {}, and declared as {}", wanted.room,
                               stringField(found, "type").value_or("?"), *type),
                   "The type of a room cannot change: delete the room, or declare it as it is.",
                   {}};
  }
  CHATD_TRY(id, integerField(found, "id"));
  if (compareFields(found, wanted.body) == Match::Same) {
    ++plan_.unchanged;
  } else {
    Step step = patchStep("room", wanted.room, fmt::format("/room/{}", id), changesOf(wanted.body));
    appendDifferences(found, wanted.body, "", step.lines);
    plan_.steps.push_back(std::move(step));
  }
  return members(wanted, found, id);
}

Outcome<void> Planner::rooms() {
  if (!declared_.rooms) return {};
  CHATD_TRY(present, this->present("/room", "room"));
  for (const auto& [name, room] : present) {
    if (auto pair = pairOf(room)) direct_.emplace(std::move(*pair), name);
  }
  for (const DeclaredRoom& wanted : *declared_.rooms) {
    const auto found = present.find(wanted.room);
    if (found == present.end()) {
      CHATD_CHECK(createRoom(wanted));
      continue;
    }
    CHATD_CHECK(room(wanted, found->second));
    present.erase(found);
  }
  for (const auto& [name, gone] : present) {
    if (!prune_) break;
    CHATD_TRY(id, integerField(gone, "id"));
    plan_.steps.push_back(deleteStep("room", name, fmt::format("/room/{}", id)));
  }
  return {};
}

Outcome<AppPlan> Planner::make() {
  CHATD_CHECK(app());
  CHATD_CHECK(users());
  CHATD_CHECK(rooms());
  for (Step& step : pruned_) plan_.steps.push_back(std::move(step));
  return std::move(plan_);
}

}  // namespace

std::string_view wordOf(Change change) {
  return change == Change::Create ? "created" : change == Change::Update ? "changed" : "deleted";
}

Outcome<AppPlan> planApp(Invocation& run, const DeclaredApp& declared, bool prune) {
  return Planner(run, declared, prune).make();
}

Outcome<AppPlan> planDelete(Invocation& run, const DeclaredApp& declared) {
  AppPlan plan;
  plan.name = declared.name;
  auto found = run.client.get("/app/" + percentEncode(declared.name));
  if (!found.ok() && found.error().exit == Exit::NotFound) {
    ++plan.unchanged;
    return plan;
  }
  if (!found.ok()) return std::move(found).error();
  CHATD_TRY(id, integerField(found.value().document, "appId"));
  plan.appId = id;
  plan.steps.push_back(deleteStep("app", declared.name, fmt::format("/app/{}", id)));
  return plan;
}

}  // namespace chatd::cli
