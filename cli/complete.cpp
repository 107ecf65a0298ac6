#include "cli/complete.h"

#include <algorithm>
#include <map>
#include <ostream>
#include <sstream>

#include <fmt/format.h>

#include "base/text.h"
#include "cli/client.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr std::chrono::milliseconds kPatience{2000};

/// Words that a value can be, by the placeholder of its flag or position, where no check of CLI11 lists them.
const std::map<std::string, std::vector<std::string>>& fixedWords() {
  static const std::map<std::string, std::vector<std::string>> all = {
      {"FORMAT", {"table", "wide", "json", "ndjson", "yaml", "tsv", "name"}},
      {"WHEN", {"auto", "always", "never"}},
      {"METHOD", {"GET", "POST", "PUT", "PATCH", "DELETE"}}};
  return all;
}

/// What CLI11 says of a value: "TYPE", or "TYPE:{direct,group}" where a check lists what it may be.
struct Placeholder {
  std::string name;
  std::vector<std::string> words;
};

Placeholder placeholderOf(const CLI::Option& option) {
  Placeholder out;
  const std::string type = option.get_type_name();
  const std::size_t colon = type.find(':');
  out.name = option.get_positional() ? option.get_name(true) : type.substr(0, colon);
  const std::size_t open = type.find('{');
  if (open == std::string::npos || !type.ends_with('}')) return out;
  std::istringstream rest(type.substr(open + 1, type.size() - open - 2));
  for (std::string word; std::getline(rest, word, ',');) out.words.push_back(word);
  return out;
}

/// What the line says so far.
struct Typed {
  const CLI::App* at = nullptr;         ///< the command
  const CLI::Option* flag = nullptr;    ///< the flag whose value is being typed
  std::vector<std::string> positional;  ///< words of the command before the cursor
  bool plain = false;                   ///< after `--`
  GlobalFlags flags;                    ///< as far as names need them
};

const CLI::Option* flagOf(const CLI::App* command, const std::string& word) {
  for (; command != nullptr; command = command->get_parent()) {
    for (const CLI::Option* option : command->get_options()) {
      if (!option->get_positional() && option->check_name(word)) return option;
    }
  }
  return nullptr;
}

void remember(GlobalFlags& flags, const CLI::Option& option, const std::string& value) {
  if (option.check_name("--server")) flags.server = value;
  if (option.check_name("--context")) flags.context = value;
  if (option.check_name("--app")) flags.app = value;
  if (option.check_name("--token-file")) flags.tokenFile = value;
}

bool takesValue(const CLI::Option& option) { return option.get_items_expected_max() > 0; }

Typed read(const CLI::App& root, const std::vector<std::string>& words) {
  Typed typed;
  typed.at = &root;
  for (std::size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (typed.flag != nullptr) {
      remember(typed.flags, *typed.flag, word);
      typed.flag = nullptr;
    } else if (!typed.plain && word == "--") {
      typed.plain = true;
    } else if (!typed.plain && word.starts_with('-') && word.size() > 1) {
      const std::size_t equals = word.find('=');
      const CLI::Option* option = flagOf(typed.at, word.substr(0, equals));
      if (option == nullptr || !takesValue(*option)) continue;
      if (equals == std::string::npos) typed.flag = option;
      if (equals != std::string::npos) remember(typed.flags, *option, word.substr(equals + 1));
    } else {
      const auto below = commandsBelow(*typed.at);
      const auto next =
          std::find_if(below.begin(), below.end(), [&](const CLI::App* one) { return one->get_name() == word; });
      if (next != below.end()) {
        typed.at = *next;
      } else {
        typed.positional.push_back(word);
      }
    }
  }
  return typed;
}

/// The position that the cursor is at, or nullptr; the last one may take many words.
const CLI::Option* positionOf(const Typed& typed) {
  std::size_t left = typed.positional.size();
  for (const CLI::Option* option : typed.at->get_options()) {
    if (!option->get_positional()) continue;
    if (left == 0 || option->get_items_expected_max() > 1) return option;
    --left;
  }
  return nullptr;
}

/// Names from the server. What fails gives none: a completion is no place for errors.
class Names {
 public:
  Names(const GlobalFlags& flags, const Io& io) : nowhere_(nullptr) {
    const Io quiet{io.in, nowhere_, nowhere_, false, io.environment, {}};
    auto settings = resolve(flags, quiet);
    if (!settings.ok()) return;
    settings_ = std::move(settings.value());
    settings_.timeout = std::min(settings_.timeout, kPatience);
    client_.emplace(settings_, nowhere_);
  }

  void contexts(std::vector<Candidate>& to) const {
    for (const auto& [name, context] : settings_.contexts.byName) to.push_back({name, context.server});
  }
  void apps(std::vector<Candidate>& to) { list("/app", {}, "name", "appId", to); }
  void users(std::vector<Candidate>& to) { inApp("/user", "appUserId", "firstName", to); }
  void rooms(std::vector<Candidate>& to) { inApp("/room", "room", "name", to); }
  void accounts(std::vector<Candidate>& to) { list("/account", {}, "login", "role", to); }
  void plugins(std::vector<Candidate>& to) { list("/plugin", {}, "name", "title", to, false); }
  void backups(std::vector<Candidate>& to) { list("/backup", {}, "name", "state", to, false); }
  void keys(const std::string& app, std::vector<Candidate>& to) {
    list("/app/" + percentEncode(app) + "/keys", {}, "id", "hint", to, false);
  }

 private:
  void inApp(const char* path, std::string_view name, std::string_view help, std::vector<Candidate>& to) {
    if (!client_) return;
    const auto query = client_->appQuery();
    if (query.ok()) list(path, query.value(), name, help, to);
  }
  /// One page: more than a hundred names help nobody.
  void list(const std::string& path, Query query, std::string_view name, std::string_view help, std::vector<Candidate>& to,
            bool paged = true) {
    if (!client_) return;
    if (paged) query.emplace_back("limit", "100");
    auto answer = client_->get(path, std::move(query));
    const JsonValue* items =
        answer.ok() && answer.value().document.IsObject() ? find(answer.value().document, "items") : nullptr;
    if (items == nullptr || !items->IsArray()) return;
    const auto text = [](const JsonValue& item, std::string_view key) -> std::string {
      const JsonValue* value = item.IsObject() ? find(item, key) : nullptr;
      if (value == nullptr || value->IsNull()) return {};
      return textOf(*value);
    };
    for (const JsonValue& item : items->GetArray()) to.push_back({text(item, name), text(item, help)});
  }

  std::ostream nowhere_;
  Settings settings_;
  std::optional<AdminClient> client_;
};

/// The candidates for a value.
void addValues(const CLI::Option& option, const Typed& typed, const Io& io, Completion& to) {
  const Placeholder value = placeholderOf(option);
  for (const std::string& word : value.words) to.candidates.push_back({word, ""});
  const std::string placeholder = option.check_name("--context") ? "CONTEXT" : value.name;
  const auto fixed = fixedWords().find(placeholder);
  if (fixed != fixedWords().end()) {
    for (const std::string& word : fixed->second) to.candidates.push_back({word, ""});
    return;
  }
  if (placeholder == "FILE" || placeholder == "@FILE" || placeholder == "DIR" || placeholder == "BODY") {
    to.files = true;
    return;
  }
  const bool ofContexts = typed.at->get_parent() != nullptr && typed.at->get_parent()->get_name() == "context";
  Names names(typed.flags, io);
  if (placeholder == "CONTEXT" || (placeholder == "NAME" && ofContexts)) names.contexts(to.candidates);
  if (placeholder == "APP") names.apps(to.candidates);
  if (placeholder == "APPUSERID") names.users(to.candidates);
  if (placeholder == "ROOM") names.rooms(to.candidates);
  if (placeholder == "LOGIN") names.accounts(to.candidates);
  if (placeholder == "PLUGIN") names.plugins(to.candidates);
  if (placeholder == "BACKUP") names.backups(to.candidates);
  if (placeholder == "KEYID" && !typed.positional.empty()) names.keys(typed.positional.front(), to.candidates);
}

void addFlags(const CLI::App* command, std::vector<Candidate>& to) {
  for (; command != nullptr; command = command->get_parent()) {
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) to.push_back({"--" + name, option->get_description()});
    }
  }
}

void addTopics(const CLI::App& root, std::vector<Candidate>& to) {
  for (const char* topic : {"exit-codes", "formats", "environment", "files"}) to.push_back({topic, "a topic"});
  for (const CLI::App* below : commandsBelow(root)) to.push_back({below->get_name(), below->get_description()});
}

/// True if a shell can take it as one word of the line without harm. A name with a dash is offered where it is no flag.
bool isSafe(const Candidate& one, bool dashIsPlain) {
  return !one.word.empty() && visible(one.word) == one.word && (dashIsPlain || !one.word.starts_with('-'));
}

}  // namespace

Completion complete(CommandTree& tree, const std::vector<std::string>& words, const Io& io) {
  Completion to;
  if (words.empty()) return to;
  const Typed typed = read(tree.root(), words);
  std::string last = words.back();
  std::string before;              // "--output=" of "--output=j"
  bool dashIsPlain = typed.plain;  // after `--` and `--app=`; and flags are ours
  const CLI::Option* flag = typed.flag;
  if (flag == nullptr && !typed.plain && last.starts_with("--") && last.find('=') != std::string::npos) {
    before = last.substr(0, last.find('=') + 1);
    dashIsPlain = true;
    last.erase(0, before.size());
    flag = flagOf(typed.at, before.substr(0, before.size() - 1));
    if (flag == nullptr) return to;
  }
  if (flag != nullptr) {
    addValues(*flag, typed, io, to);
  } else if (last.starts_with('-') && !typed.plain) {
    dashIsPlain = true;
    addFlags(typed.at, to.candidates);
  } else if (const auto below = commandsBelow(*typed.at); !below.empty()) {
    for (const CLI::App* one : below) to.candidates.push_back({one->get_name(), one->get_description()});
  } else if (typed.at->get_name() == "help") {
    addTopics(tree.root(), to.candidates);
  } else if (const CLI::Option* position = positionOf(typed)) {
    addValues(*position, typed, io, to);
  }
  std::erase_if(to.candidates,
                [&](const Candidate& one) { return !one.word.starts_with(last) || !isSafe(one, dashIsPlain); });
  for (Candidate& one : to.candidates) one.word.insert(0, before);
  return to;
}

std::vector<std::string> splitLine(std::string_view line) {
  std::vector<std::string> words;
  std::string word;
  bool open = false;  // a word has begun
  char quote = '\0';
  for (std::size_t i = 0; i < line.size(); ++i) {
    const char c = line[i];
    if (quote == '\'' ? c != '\'' : quote == '"' && c != '"' && c != '\\') {
      word.push_back(c);
    } else if (c == '\\' && quote != '\'') {
      if (i + 1 < line.size()) word.push_back(line[++i]);
      open = true;
    } else if (quote != '\0') {
      quote = '\0';
    } else if (c == '\'' || c == '"') {
      quote = c;
      open = true;
    } else if (c == ' ' || c == '\t' || c == '\n') {
      if (open) words.push_back(std::move(word));
      word.clear();
      open = false;
    } else {
      word.push_back(c);
      open = true;
    }
  }
  words.push_back(std::move(word));
  words.erase(words.begin());  // the program
  return words;
}

int printCompletion(CommandTree& tree, const std::vector<std::string>& words, Io& io) {
  const bool asLine = words.size() == 2 && words.front() == "--line";
  std::vector<std::string> typed = asLine ? splitLine(words.back()) : words;
  if (!asLine && !typed.empty() && typed.front() == "--") typed.erase(typed.begin());
  if (!std::all_of(typed.begin(), typed.end(), [](const std::string& word) { return isUtf8(word); })) return 0;
  const Completion found = complete(tree, typed, io);
  for (const Candidate& one : found.candidates) io.out << one.word << '\t' << visible(one.help) << '\n';
  if (found.files) io.out << ":files\n";
  io.out.flush();
  return 0;
}

}  // namespace chatd::cli
