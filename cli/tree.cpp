#include "cli/tree.h"

#include <algorithm>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "cli/guess.h"
#include "cli/layout.h"
#include "cli/nouns/nouns.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

constexpr int kMaxRetries = 20;

bool isHidden(const CLI::App& command) { return command.get_group().empty(); }

std::vector<std::string> wordsOf(const CLI::App& command) {
  std::vector<std::string> words;
  for (const CLI::App* below : commandsBelow(command)) words.push_back(below->get_name());
  return words;
}

std::string fullName(const CLI::App& command) {
  return command.get_parent() == nullptr ? "chatctl" : fullName(*command.get_parent()) + " " + command.get_name();
}

/// The commands below `from` that are called so, by their whole names: of "room add", "chatctl room member add".
void namesakes(const CLI::App& from, const std::string& word, std::vector<std::string>& found) {
  for (const CLI::App* below : commandsBelow(from)) {
    if (below->get_name() == word) found.push_back(fullName(*below));
    namesakes(*below, word, found);
  }
}

/// What other programs call our verbs.
std::string ourWord(const std::string& word, const std::vector<std::string>& known) {
  constexpr std::pair<std::string_view, std::string_view> kOurs[] = {
      {"ls", "list"},     {"rm", "delete"},  {"remove", "delete"},    {"del", "delete"},
      {"new", "create"},  {"add", "create"}, {"show", "get"},         {"describe", "get"},
      {"edit", "update"}, {"set", "update"}, {"regenerate", "rotate"}};
  for (const auto& [theirs, ours] : kOurs) {
    if (word == theirs && std::find(known.begin(), known.end(), ours) != known.end()) return std::string(ours);
  }
  return {};
}

/// What a verb may mean that is further below: "chatctl a or chatctl b"; empty: none, or too many to say.
std::string elsewhere(const CLI::App& from, const std::string& word) {
  constexpr std::size_t kMost = 3;
  std::vector<std::string> found;
  namesakes(from, word, found);
  return found.size() > kMost ? std::string() : fmt::format("{}", fmt::join(found, " or "));
}

/// Long flags that hold at this command: its own and those of all above.
std::vector<std::string> longFlags(const CLI::App* command) {
  std::vector<std::string> flags;
  for (; command != nullptr; command = command->get_parent()) {
    for (const CLI::Option* option : command->get_options()) {
      for (const std::string& name : option->get_lnames()) flags.push_back("--" + name);
    }
  }
  return flags;
}

/// CLI11's own, but for the words that a value may be: they are in the text, and "ROLE :{a,b}" reads as a fault.
class HelpFormatter : public CLI::Formatter {
 public:
  std::string make_option_opts(const CLI::Option* option) const override {
    std::string text = CLI::Formatter::make_option_opts(option);
    const std::size_t begin = text.find(":{");
    const std::size_t end = begin == std::string::npos ? begin : text.find('}', begin);
    if (end == std::string::npos) return text;
    text.erase(begin, end - begin + 1);
    if (begin > 0 && text[begin - 1] == ' ') text.erase(begin - 1, 1);
    return text;
  }
};

CLI::App* childOf(CLI::App& command, const std::string& word) {
  const auto found = command.get_subcommands([&](const CLI::App* below) { return below->get_name() == word; });
  return found.empty() ? nullptr : found.front();
}

}  // namespace

std::vector<const CLI::App*> commandsBelow(const CLI::App& command) {
  return command.get_subcommands([](const CLI::App* below) { return !isHidden(*below); });
}

std::string helpOf(const CLI::App& command) {
  // Not App::help(): of a command that was parsed it shows the verb below instead.
  std::string text = command.get_formatter()->make_help(&command, fullName(command), CLI::AppFormatMode::Normal);
  if (command.get_parent() != nullptr) text += "Global flags (`chatctl --help`) hold here too; `--` ends the flags.\n";
  return text;
}

CLI::App* commandOf(CLI::App& from, const std::vector<std::string>& words) {
  CLI::App* at = &from;
  for (const std::string& word : words) {
    at = childOf(*at, word);
    if (at == nullptr) return nullptr;
  }
  return at;
}

CommandTree::CommandTree() : root_("Administers chatd: apps, users, rooms and messages, from a shell.", "chatctl") {
  auto formatter = std::make_shared<HelpFormatter>();
  formatter->label("SUBCOMMAND", "COMMAND");
  root_.formatter(formatter);  // inherited, as is the next
  root_.fallthrough();         // inherited: global flags hold before and after the noun
  root_.require_subcommand(1);
  root_.set_version_flag("--version", "chatctl " CHATCTL_VERSION, "show the version and leave");
  root_.set_help_flag("-h,--help", "show help for the command and leave");
  addGlobalFlags();
  for (const Noun* noun : nouns()) {
    CLI::App* command = &root_;
    if (*noun->word != '\0') {
      command = root_.add_subcommand(noun->word, noun->summary)->require_subcommand(1)->group("Nouns");
    }
    for (const Verb& verb : noun->verbs) addVerb(*command, verb, *noun->word == '\0' ? noun->summary : "Verbs");
  }
  auto* help = root_.add_subcommand("help", "Explain a command or a topic: exit-codes, formats, environment, files")
                   ->group("The daemon");
  help->add_option("WORD", helpWords_, "a topic, or the words of a command");
  root_.add_subcommand("__man", "write chatctl(1)")->group("");
  root_.add_subcommand("__reference", "write the reference of the commands, in Markdown")->group("");
}

void CommandTree::addGlobalFlags() {
  const auto flag = [&](const char* name, std::optional<std::string>& to, const char* type, const char* text) {
    bindWord(root_, name, to, text)->type_name(type)->group("Global flags");
  };
  flag("--server", flags_.server, "URL", "http(s)://HOST:PORT or unix:/PATH");
  flag("-c,--context", flags_.context, "NAME", "a context of the configuration file");
  flag("-a,--app", flags_.app, "APP", "the app, by name or id");
  flag("-o,--output", flags_.output, "FORMAT", "table, wide, json, ndjson, yaml, tsv or name");
  flag("--fields", flags_.fields, "A,B", "only these fields, in this order; b.c is a field of a field");
  flag("--color", flags_.color, "WHEN", "auto, always or never; auto by itself");
  flag("--token-file", flags_.tokenFile, "FILE", "a file with the bearer token");
  flag("--timeout", flags_.timeout, "TIME", "how long a request with its retries may take: 30, 500ms, 2m; 30 s by itself");
  flag("--confirm", flags_.confirm, "NAME", "the name of what is deleted, beside --yes");
  root_
      .add_option("--retries", flags_.retries,
                  "repeat a failed request so often within --timeout, if that is safe; 0 by itself")
      ->type_name("N")
      ->check(CLI::Validator(CLI::Range(0, kMaxRetries)).description(""))
      ->group("Global flags");
  const auto boolean = [&](const char* name, bool& to, const char* text) {
    root_.add_flag(name, to, text)->group("Global flags");
  };
  boolean("-q,--quiet", flags_.quiet, "ids only");
  boolean("--no-headers", flags_.noHeaders, "no line of titles in table and tsv");
  boolean("-y,--yes", flags_.yes, "do not ask");
  boolean("--no-input", flags_.noInput, "never ask: what would need an answer fails");
  boolean("--dry-run", flags_.dryRun, "let the server check what would be changed, and change nothing");
  boolean("-v,--verbose", flags_.verbose, "a line on stderr for each request");
  boolean("--debug", flags_.debug, "requests and answers on stderr, secrets as ***");
}

void CommandTree::addVerb(CLI::App& noun, const Verb& verb, const char* group) {
  std::istringstream words(verb.words);
  std::vector<std::string> path;
  for (std::string word; words >> word;) path.push_back(word);
  CLI::App* at = &noun;
  for (std::size_t i = 0; i + 1 < path.size(); ++i) {
    CLI::App* below = childOf(*at, path[i]);
    at = below != nullptr ? below
                          : at->add_subcommand(path[i], fmt::format("The {}s of {} {}", path[i],
                                                                    noun.get_name() == "app" ? "an" : "a", noun.get_name()))
                                ->require_subcommand(1)
                                ->group(group);
  }
  CLI::App* command = at->add_subcommand(path.back(), verb.summary)->group(group);
  verbs_[command] = {verb.configure(*command), verb.written, verb.findsFaults};
}

Outcome<void> CommandTree::parse(const std::vector<std::string>& words) {
  std::vector<std::string> reversed = shield(words);
  std::reverse(reversed.begin(), reversed.end());
  try {
    root_.parse(reversed);
  } catch (const CLI::CallForHelp&) {
    throw;
  } catch (const CLI::CallForVersion&) {
    throw;
  } catch (const CLI::ParseError& error) {
    return explain(error);
  }
  return {};
}

CLI::App& CommandTree::chosen() {
  CLI::App* at = &root_;
  // A verb that was found through its ancestors is listed by all of them: the first is the child.
  for (;;) {
    const auto below = at->get_subcommands();
    if (below.empty()) return *at;
    at = below.front();
  }
}

const CommandTree::Parsed* CommandTree::parsed() {
  const auto it = verbs_.find(&chosen());
  return it == verbs_.end() ? nullptr : &it->second;
}

const Handler* CommandTree::handler() { return parsed() == nullptr ? nullptr : &parsed()->handler; }
const View* CommandTree::written() { return parsed() == nullptr ? nullptr : parsed()->written; }
bool CommandTree::findsFaults() { return parsed() != nullptr && parsed()->findsFaults; }

std::string CommandTree::writtenFormat() const {
  const CLI::Option* option = root_.get_option_no_throw("--output");
  return option == nullptr || option->results().empty() ? std::string() : option->results().back();
}

namespace {

/// What CLI11 says of a value ("ROLE: king not in {operator,owner}", "--limit: 1 required N missing") in words for people.
Failure wrongValue(const std::string& command, const std::string& said, const std::string& help) {
  constexpr std::string_view kNone = " not in {";
  constexpr std::string_view kRange = " not in range ";
  constexpr std::string_view kMissing = " missing";
  constexpr std::string_view kRequired = ": 1 required ";
  const std::size_t colon = said.find(": ");
  if (const std::size_t none = said.find(kNone); none != std::string::npos && colon < none && said.ends_with('}')) {
    const std::string typed = said.substr(colon + 2, none - colon - 2);
    std::istringstream rest(said.substr(none + kNone.size(), said.size() - none - kNone.size() - 1));
    std::vector<std::string> known;
    for (std::string word; std::getline(rest, word, ',');) known.push_back(word);
    const std::string meant = closest(typed, known);
    return usage(
        fmt::format("{}: {} is {}, and not {}", command, said.substr(0, colon), fmt::join(known, " or "), visible(typed)),
        meant.empty() ? help : fmt::format("Did you mean {}?", meant));
  }
  if (const std::size_t range = said.find(kRange); range != std::string::npos) {
    return usage(
        fmt::format("{}: {} is a number from {}", command, said.substr(0, colon), said.substr(range + kRange.size())), help);
  }
  if (const std::size_t required = said.find(kRequired); required != std::string::npos && said.ends_with(kMissing)) {
    const std::size_t begin = required + kRequired.size();
    const std::string what = said.substr(begin, said.size() - begin - kMissing.size());
    return usage(fmt::format("{}: {} wants {} behind it", command, said.substr(0, required), what), help);
  }
  return usage(fmt::format("{}: {}", command, visible(said)), help);
}

}  // namespace

Failure CommandTree::explain(const CLI::ParseError& error) {
  CLI::App& at = chosen();
  const std::string help = fmt::format("`{} --help` shows what there is.", fullName(at));
  // remaining() of every level: which one keeps an unknown word depends on how far CLI11 passed it up.
  const auto known = wordsOf(at);
  for (const std::string& shielded : root_.remaining(true)) {
    const std::string word = unshield(shielded);
    // After `--` nothing is a flag.
    const bool isFlag = word == shielded && word.starts_with('-') && word.size() > 1;
    const std::string flag = word.substr(0, word.find('='));
    std::string meant = isFlag ? closest(flag, longFlags(&at)) : closest(word, known);
    if (meant.empty() && !isFlag && !known.empty()) {
      // Below this command before all others: `room add` is about members.
      meant = elsewhere(at, word);
      if (meant.empty()) meant = ourWord(word, known);
      if (meant.empty()) meant = elsewhere(root_, word);
    }
    const std::string what = isFlag          ? fmt::format("there is no flag {} here", visible(flag))
                             : known.empty() ? fmt::format("one word too many: {}", visible(word))
                                             : fmt::format("there is no command {} {}", fullName(at), visible(word));
    return usage(what, meant.empty() ? help : fmt::format("Did you mean {}?", meant));
  }
  if (!known.empty()) {
    Rows rows;
    for (const CLI::App* below : commandsBelow(at)) rows.push_back({"  " + below->get_name(), below->get_description()});
    std::string list = layOut(rows);
    list.pop_back();  // the line's end
    return usage(fmt::format("which {}?\n{}", at.get_parent() == nullptr ? "command" : "verb of " + at.get_name(), list),
                 help);
  }
  // Its own name is in front of every message.
  return wrongValue(fullName(at).substr(std::string_view("chatctl ").size()), error.what(), help);
}

}  // namespace chatd::cli
