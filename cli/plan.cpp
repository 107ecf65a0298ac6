#include "cli/plan.h"

#include <algorithm>
#include <map>
#include <set>

#include <fmt/format.h>

#include "cli/compare.h"
#include "cli/nouns/apps.h"

namespace chatd::cli {

namespace {

constexpr std::size_t kMembersInLists = 100;  // GET /room shows so many of a room; GET /room/{id} shows all

using ByName = std::map<std::string, JsonDocument>;

std::string textOf(const JsonValue& value) { return value.IsString() ? std::string(asView(value)) : toText(value); }

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

std::string membersBody(std::int64_t appId, const std::string& room, const std::string& user) {
  std::string body;
  JsonWriter out(body);
  out.beginObject().field("appId", appId).field("room", room).key("users").beginArray().string(user).endArray().endObject();
  return body;
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
  Outcome<void> members(const DeclaredRoom& wanted, const JsonValue& found, std::int64_t roomId);
  void create(const std::string& kind, const std::string& name, const std::string& path, const JsonValue& body);

  Invocation& run_;
  const DeclaredApp& declared_;
  const bool prune_;
  AppPlan plan_;
  std::vector<Step> pruned_;  // users go after the rooms that they are in
};

void Planner::create(const std::string& kind, const std::string& name, const std::string& path, const JsonValue& body) {
  const std::string text = toText(body);
  plan_.steps.push_back({Change::Create, kind, name, {}, [path, text](std::int64_t appId) {
                           const auto parsed = parseJson(text);
                           CHATD_ASSERT(parsed.ok());  // written from a parsed value just above
                           return Call{"POST", path, {}, withApp(*parsed, appId)};
                         }});
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
    plan_.steps.push_back({Change::Create, "app", declared_.name, {}, [body](std::int64_t) {
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
  Step step{Change::Update, "app", declared_.name, {}, [body](std::int64_t appId) {
              return Call{"PATCH", fmt::format("/app/{}", appId), {}, body};
            }};
  appendDifferences(found.value().document, declared_.body, "", step.lines);
  plan_.steps.push_back(std::move(step));
  return {};
}

Outcome<void> Planner::users() {
  if (!declared_.users) return {};
  ByName present;
  if (plan_.appId) {
    CHATD_TRY(listed, listBy(run_, "/user", *plan_.appId, "appUserId"));
    present = std::move(listed);
  }
  for (const DeclaredUser& wanted : *declared_.users) {
    const auto found = present.find(wanted.appUserId);
    if (found == present.end()) {
      create("user", wanted.appUserId, "/user", wanted.body);
      continue;
    }
    if (compareFields(found->second, wanted.body) == Match::Same) {
      ++plan_.unchanged;
    } else {
      CHATD_TRY(id, integerField(found->second, "id"));
      Step step{Change::Update, "user", wanted.appUserId, {}, [id, body = changesOf(wanted.body)](std::int64_t) {
                  return Call{"PATCH", fmt::format("/user/{}", id), {}, body};
                }};
      appendDifferences(found->second, wanted.body, "", step.lines);
      plan_.steps.push_back(std::move(step));
    }
    present.erase(found);
  }
  for (const auto& [name, user] : present) {
    if (!prune_) break;
    CHATD_TRY(id, integerField(user, "id"));
    pruned_.push_back({Change::Delete, "user", name, {}, [id](std::int64_t) {
                         return Call{"DELETE", fmt::format("/user/{}", id), {}, {}};
                       }});
  }
  return {};
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
  std::set<std::string> present;
  for (const JsonValue& member : list->GetArray()) {
    const JsonValue* id = member.IsObject() ? find(member, "appUserId") : nullptr;
    if (id != nullptr) present.insert(textOf(*id));
  }
  const auto change = [&](Change kind, const char* path, const std::string& user) {
    plan_.steps.push_back(
        {kind, "member", wanted.room + "/" + user, {}, [path, room = wanted.room, user](std::int64_t appId) {
           return Call{"PUT", path, {}, membersBody(appId, room, user)};
         }});
  };
  for (const std::string& user : *wanted.members) {
    if (present.erase(user) > 0) {
      ++plan_.unchanged;
    } else {
      change(Change::Create, "/room/add", user);
    }
  }
  if (!prune_) return {};
  for (const std::string& user : present) change(Change::Delete, "/room/remove", user);
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
    Step step{Change::Update, "room", wanted.room, {}, [id, body = changesOf(wanted.body)](std::int64_t) {
                return Call{"PATCH", fmt::format("/room/{}", id), {}, body};
              }};
    appendDifferences(found, wanted.body, "", step.lines);
    plan_.steps.push_back(std::move(step));
  }
  return members(wanted, found, id);
}

Outcome<void> Planner::rooms() {
  if (!declared_.rooms) return {};
  ByName present;
  if (plan_.appId) {
    CHATD_TRY(listed, listBy(run_, "/room", *plan_.appId, "room"));
    present = std::move(listed);
  }
  for (const DeclaredRoom& wanted : *declared_.rooms) {
    const auto found = present.find(wanted.room);
    if (found == present.end()) {
      create("room", wanted.room, "/room", wanted.body);
      continue;
    }
    CHATD_CHECK(room(wanted, found->second));
    present.erase(found);
  }
  for (const auto& [name, gone] : present) {
    if (!prune_) break;
    CHATD_TRY(id, integerField(gone, "id"));
    plan_.steps.push_back({Change::Delete, "room", name, {}, [id](std::int64_t) {
                             return Call{"DELETE", fmt::format("/room/{}", id), {}, {}};
                           }});
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
  plan.steps.push_back({Change::Delete, "app", declared.name, {}, [](std::int64_t appId) {
                          return Call{"DELETE", fmt::format("/app/{}", appId), {}, {}};
                        }});
  return plan;
}

}  // namespace chatd::cli
