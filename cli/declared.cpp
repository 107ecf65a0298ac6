#include "cli/declared.h"

#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <set>
#include <sstream>
#include <string_view>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/guess.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::size_t kMaxFile = 64UL << 20U;
constexpr int kMaxDepth = 32;

/// One file on its way in. A fault ends the reading: fault_ is set and everything after it is skipped.
class Reader {
 public:
  explicit Reader(std::string file) : file_(std::move(file)) {}

  Outcome<std::vector<DeclaredApp>> read(const std::string& text);
  /// False if there was nothing to read: no document, or empty ones.
  [[nodiscard]] bool said() const { return said_; }

 private:
  [[nodiscard]] std::string at(const YAML::Node& node) const { return fmt::format("{}:{}", file_, node.Mark().line + 1); }
  void fail(const YAML::Node& node, const std::string& what);
  bool keys(const YAML::Node& map, std::string_view what, std::initializer_list<const char*> known);
  std::string name(const YAML::Node& map, const char* key);
  JsonDocument json(const YAML::Node& node, std::initializer_list<const char*> members);
  void append(JsonWriter& out, const YAML::Node& node, int depth);
  void appendScalar(JsonWriter& out, const YAML::Node& node);

  void document(const YAML::Node& root);
  void app(const YAML::Node& node);
  DeclaredUser user(const YAML::Node& node);
  DeclaredRoom room(const YAML::Node& node);
  DeclaredMember member(const YAML::Node& node);

  std::string file_;
  bool said_ = false;
  std::vector<DeclaredApp> apps_;
  std::optional<Failure> fault_;
};

void Reader::fail(const YAML::Node& node, const std::string& what) {
  if (fault_) return;
  fault_ = Failure{Exit::Invalid,
                   "bad_file",
                   fmt::format("{}: {}", visible(at(node)), visible(what)),
                   "Nothing was sent. `chatctl help files` shows the form.",
                   {}};
}

/// True if the node is a map with known keys, each once.
bool Reader::keys(const YAML::Node& map, std::string_view what, std::initializer_list<const char*> known) {
  if (!map.IsMap()) {
    fail(map, fmt::format("{} must be a map of {}", what, fmt::join(known, ", ")));
    return false;
  }
  std::set<std::string> seen;
  for (const auto& entry : map) {
    const std::string key = entry.first.Scalar();
    if (std::find(known.begin(), known.end(), key) == known.end()) {
      const std::string meant = closest(key, {known.begin(), known.end()});
      fail(entry.first,
           fmt::format("{} has no {}{}", what, key, meant.empty() ? "" : fmt::format("; did you mean {}?", meant)));
    } else if (!seen.insert(key).second) {
      fail(entry.first, fmt::format("{} is given twice", key));
    }
  }
  return !fault_;
}

std::string Reader::name(const YAML::Node& map, const char* key) {
  const YAML::Node value = map[key];
  if (!value || !value.IsScalar() || value.Scalar().empty()) {
    fail(value ? value : map, fmt::format("{} is missing", key));
    return {};
  }
  return value.Scalar();
}

/// Of the core schema of YAML 1.2: a quoted scalar is a string, a plain one may be null, a boolean or a number.
void Reader::appendScalar(JsonWriter& out, const YAML::Node& node) {
  const std::string& text = node.Scalar();
  if (!isUtf8(text)) return fail(node, "is not UTF-8");
  if (node.Tag() == "!" || node.Tag() == "tag:yaml.org,2002:str") return void(out.string(text));
  if (text.empty() || text == "~" || text == "null" || text == "Null" || text == "NULL") return void(out.null());
  if (text == "true" || text == "True" || text == "TRUE") return void(out.boolean(true));
  if (text == "false" || text == "False" || text == "FALSE") return void(out.boolean(false));
  const auto number = parseJson(text);
  if (number.ok() && number->IsNumber()) return void(out.raw(text));
  out.string(text);
}

void Reader::append(JsonWriter& out, const YAML::Node& node, int depth) {
  if (fault_) return void(out.null());
  if (depth > kMaxDepth) {
    fail(node, "is nested too deep");
    return void(out.null());
  }
  if (node.IsMap()) {
    out.beginObject();
    for (const auto& entry : node) {
      out.key(entry.first.Scalar());
      append(out, entry.second, depth + 1);
    }
    out.endObject();
  } else if (node.IsSequence()) {
    out.beginArray();
    for (const auto& item : node) append(out, item, depth + 1);
    out.endArray();
  } else if (node.IsScalar()) {
    appendScalar(out, node);
  } else {
    out.null();
  }
}

/// The members of the map that are given, as one JSON object.
JsonDocument Reader::json(const YAML::Node& node, std::initializer_list<const char*> members) {
  std::string text;
  JsonWriter out(text);
  out.beginObject();
  for (const char* member : members) {
    const YAML::Node value = node[member];
    if (!value) continue;
    out.key(member);
    append(out, value, 1);
  }
  out.endObject();
  auto document = fault_ ? parseJson("{}") : parseJson(text);
  if (!document.ok()) {
    fail(node, document.error().detail());
    document = parseJson("{}");
  }
  return std::move(*document);
}

/// An id, or {appUserId, role}.
DeclaredMember Reader::member(const YAML::Node& node) {
  DeclaredMember member;
  YAML::Node id = node;
  if (node.IsMap()) {
    if (!keys(node, "a member", {"appUserId", "role"})) return member;
    if (name(node, "appUserId").empty()) return member;
    id.reset(node["appUserId"]);  // an assignment would change the file's own node
    if (const YAML::Node role = node["role"]) {
      member.role = role.IsScalar() ? role.Scalar() : "";
      if (member.role != "member" && member.role != "moderator") fail(role, "a role is member or moderator");
    }
  }
  if (fault_) return member;
  if (!id.IsScalar() || id.Scalar().empty()) {
    fail(node, "a member is its id in the app, a text or a number, or a map of appUserId and role");
    return member;
  }
  member.appUserId = id.Scalar();
  JsonWriter out(member.id);
  appendScalar(out, id);
  return member;
}

DeclaredUser Reader::user(const YAML::Node& node) {
  DeclaredUser user;
  if (!keys(node, "a user", {"appUserId", "firstName", "middleName", "lastName", "metadata"})) return user;
  user.appUserId = name(node, "appUserId");
  user.body = json(node, {"appUserId", "firstName", "middleName", "lastName", "metadata"});
  return user;
}

DeclaredRoom Reader::room(const YAML::Node& node) {
  DeclaredRoom room;
  if (!keys(node, "a room", {"room", "type", "name", "metadata", "users"})) return room;
  room.room = name(node, "room");
  room.body = json(node, {"room", "type", "name", "metadata"});
  const YAML::Node users = node["users"];
  if (!users) return room;
  if (!users.IsSequence()) {
    fail(users, "users must be a list of ids, or of maps of appUserId and role");
    return room;
  }
  room.members.emplace();
  std::set<std::string> seen;
  for (const auto& one : users) {
    room.members->push_back(member(one));
    if (!seen.insert(room.members->back().appUserId).second) fail(one, "the member is declared twice");
  }
  return room;
}

/// Whom a direct room is of; nobody if it is none, or not of two.
std::set<std::string> pairOf(const DeclaredRoom& room) {
  std::set<std::string> pair;
  const JsonValue* type = room.body.IsObject() ? find(room.body, "type") : nullptr;
  if (!room.members || type == nullptr || !type->IsString() || asView(*type) != "direct") return pair;
  for (const DeclaredMember& member : *room.members) pair.insert(member.appUserId);
  return pair.size() == 2 ? pair : std::set<std::string>();
}

void Reader::app(const YAML::Node& node) {
  DeclaredApp app;
  if (!keys(node, "an app", {"name", "settings", "verifiers", "tokenVerificationUrl", "users", "rooms"})) return;
  app.name = name(node, "name");
  app.where = at(node);
  app.body = json(node, {"settings", "verifiers", "tokenVerificationUrl"});
  const auto list = [&](const char* key) -> std::optional<YAML::Node> {
    const YAML::Node value = node[key];
    if (!value || value.IsNull()) return std::nullopt;
    if (!value.IsSequence()) {
      fail(value, fmt::format("{} must be a list", key));
      return std::nullopt;
    }
    return value;
  };
  std::set<std::string> seen;
  if (const auto users = list("users")) {
    app.users.emplace();
    for (const auto& one : *users) {
      app.users->push_back(user(one));
      if (!seen.insert(app.users->back().appUserId).second) fail(one, "the user is declared twice");
    }
  }
  seen.clear();
  std::set<std::set<std::string>> pairs;
  if (const auto rooms = list("rooms")) {
    app.rooms.emplace();
    for (const auto& one : *rooms) {
      app.rooms->push_back(room(one));
      if (!seen.insert(app.rooms->back().room).second) fail(one, "the room is declared twice");
      const auto pair = pairOf(app.rooms->back());
      if (!pair.empty() && !pairs.insert(pair).second)
        fail(one, fmt::format("the direct room of {} is declared twice", fmt::join(pair, " and ")));
    }
  }
  apps_.push_back(std::move(app));
}

void Reader::document(const YAML::Node& root) {
  if (root.IsNull()) return;
  said_ = true;
  if (!keys(root, "the file", {"apps"})) return;
  const YAML::Node apps = root["apps"];
  if (!apps || !apps.IsSequence()) return fail(root, "apps must be a list");
  for (const auto& one : apps) {
    if (!fault_) app(one);
  }
}

Outcome<std::vector<DeclaredApp>> Reader::read(const std::string& text) {
  try {
    for (const YAML::Node& root : YAML::LoadAll(text)) document(root);
  } catch (const YAML::Exception& e) {
    return Failure{
        Exit::Invalid, "bad_file", fmt::format("{}:{}: {}", visible(file_), e.mark.line + 1, visible(e.msg)), "", {}};
  }
  if (fault_) return *fault_;
  return std::move(apps_);
}

Outcome<std::string> contentOf(std::istream& in, const std::string& what) {
  std::string text;
  char block[16384];
  while (in.read(block, sizeof block) || in.gcount() > 0) {
    text.append(block, static_cast<std::size_t>(in.gcount()));
    if (text.size() > kMaxFile) return usage(fmt::format("{} is larger than 64 MiB", visible(what)));
  }
  if (in.bad()) return usage(fmt::format("cannot read {}", visible(what)));
  return text;
}

Outcome<std::vector<std::string>> filesOf(const std::string& path) {
  std::error_code error;
  if (!std::filesystem::is_directory(path, error)) return std::vector<std::string>{path};
  std::vector<std::string> files;
  for (const auto& entry : std::filesystem::directory_iterator(path, error)) {
    const std::string extension = entry.path().extension().string();
    if (extension == ".yaml" || extension == ".yml" || extension == ".json") files.push_back(entry.path().string());
  }
  if (error) return usage(fmt::format("cannot read the folder {}: {}", visible(path), error.message()));
  if (files.empty()) return usage(fmt::format("the folder {} has no *.yaml, *.yml or *.json", visible(path)));
  std::sort(files.begin(), files.end());
  return files;
}

}  // namespace

Outcome<std::vector<DeclaredApp>> readDeclared(const std::string& path, std::istream& in) {
  std::vector<DeclaredApp> all;
  std::set<std::string> names;
  bool said = false;
  const auto take = [&](std::istream& from, const std::string& file) -> Outcome<void> {
    CHATD_TRY(text, contentOf(from, file));
    Reader reader(file);
    CHATD_TRY(apps, reader.read(text));
    said = said || reader.said();
    for (DeclaredApp& app : apps) {
      if (!names.insert(app.name).second) {
        return Failure{Exit::Invalid,
                       "bad_file",
                       fmt::format("{}: the app {} is declared twice", visible(app.where), visible(app.name)),
                       "",
                       {}};
      }
      all.push_back(std::move(app));
    }
    return {};
  };
  // An empty pipe is a program in front that failed. A list without an entry is an answer: `apps: []`.
  const auto nothing = [](const std::string& where) {
    return usage(fmt::format("{} declares nothing", visible(where)), "`chatctl help files` shows the form.");
  };
  if (path == "-") {
    CHATD_CHECK(take(in, "standard input"));
    if (!said) return nothing("the standard input");
    return all;
  }
  CHATD_TRY(files, filesOf(path));
  for (const std::string& name : files) {
    std::ifstream file(name, std::ios::binary);
    if (!file) return usage(fmt::format("cannot read {}", visible(name)));
    CHATD_CHECK(take(file, name));
  }
  if (!said) return nothing(path);
  return all;
}

}  // namespace chatd::cli
