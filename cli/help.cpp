#include "cli/help.h"

#include <fmt/format.h>

#include "cli/guess.h"
#include "cli/layout.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

std::string exitCodes() {
  std::vector<std::vector<std::string>> rows;
  for (const ExitRow& row : exitTable())
    rows.push_back({fmt::format("{:>3}", static_cast<int>(row.exit)), std::string(row.text)});
  return layOut(rows);
}

constexpr std::string_view kFormats =
    R"(-o table    for people: columns that fit; one object as a list of its fields
-o wide     the same with more columns, cut to no width
-o json     the object of the REST interface, unchanged; a list as
            {"items":[...],"nextCursor":null}, all pages in one
-o ndjson   one object a line, printed while the pages come
-o yaml     the same as json, as YAML
-o tsv      the columns of the table, tabs between them, \t \n \\ escaped
-o name     one name a line: what the other commands take
-q          one id a line
--fields A,B.C  only these fields: columns of a table, members of json

Control characters in names and texts are shown as \n, \x1b, \u{202e}; json and
ndjson carry them as JSON does. All pages of a list are followed; --limit bounds.
Data goes to the standard output, everything else to the standard error. With
-o json a failure is one line there: {"code","message","hint","requestId"}.
)";

constexpr std::string_view kEnvironment =
    R"(CHATCTL_SERVER    the daemon: http(s)://HOST:PORT or unix:/PATH
CHATCTL_TOKEN     the bearer token: of an account, or an app key
CHATCTL_CONTEXT   the context, as -c
CHATCTL_APP       the app, as -a
CHATCTL_OUTPUT    the format, as -o
CHATCTL_TIMEOUT   how long a request may take, as --timeout
NO_COLOR          if set, no colours
XDG_CONFIG_HOME   where chatctl/config.yaml is kept; ~/.config by itself
SSL_CERT_FILE     certificates to trust for https, in PEM

A flag wins over the environment, the environment over the context in force
(`chatctl context`), that over unix:/run/chatd/admin.sock. A token that
`chatctl login` has stored is sent to its own server only.
)";

constexpr std::string_view kApply =
    R"(A file of `apply`, `diff` and `delete` declares apps and what is in them, as YAML:

apps:
  - name: shop
    settings: {autoCreateUsers: false}
    verifiers:                      # the chain; or tokenVerificationUrl: https://...
      - plugin: http
        config: {url: https://shop.example/api/me}
        timeoutMs: 2000
    users:
      - {appUserId: 42, firstName: Ada}
      - {appUserId: "43"}
    rooms:
      - room: support
        type: group
        name: Help
        users: [42, {appUserId: "43", role: moderator}]

What is not mentioned is left alone: a member without a role keeps the one it
has, and `role: member` takes a moderator's back. --prune deletes what a list that
is there does not have. Apps are deleted by `delete` alone. A second apply writes
nothing. A quoted id is a text, a plain one a number.
)";

std::string joined(const std::vector<std::string>& words) { return fmt::format("{}", fmt::join(words, " ")); }

}  // namespace

const std::vector<Topic>& topics() {
  static const std::vector<Topic> all = {{"exit-codes", "EXIT STATUS", exitCodes()},
                                         {"formats", "FORMATS", std::string(kFormats)},
                                         {"environment", "ENVIRONMENT", std::string(kEnvironment)},
                                         {"files", "DECLARED STATE", std::string(kApply)}};
  return all;
}

std::string optionWords(const CLI::Option& option) {
  if (option.get_positional()) {
    const std::string name = option.get_name(true) + (option.get_items_expected_max() > 1 ? "..." : "");
    return option.get_required() ? name : "[" + name + "]";
  }
  std::string words;
  for (const std::string& name : option.get_snames()) words += (words.empty() ? "-" : ", -") + name;
  for (const std::string& name : option.get_lnames()) words += (words.empty() ? "--" : ", --") + name;
  // A flag's type has no items. What may be said there, as CLI11 adds it ("STATE:{a,b}"), the text says.
  const std::string type = option.get_type_name();
  if (option.get_items_expected_max() > 0 && !type.empty()) words += " " + type.substr(0, type.find(":{"));
  return words;
}

Outcome<std::string> helpText(CommandTree& tree) {
  const auto& words = tree.helpWords();
  std::vector<std::string> known;
  for (const Topic& topic : topics()) {
    if (words.size() == 1 && words.front() == topic.word) return topic.text;
    known.emplace_back(topic.word);
  }
  CLI::App* command = commandOf(tree.root(), words);
  if (command != nullptr) return helpOf(*command);
  for (const CLI::App* below : commandsBelow(tree.root())) known.push_back(below->get_name());
  const std::string meant = closest(words.front(), known);
  return usage(fmt::format("there is no help about {}", visible(joined(words))),
               meant.empty() ? "`chatctl help` shows what there is." : fmt::format("Did you mean {}?", meant));
}

}  // namespace chatd::cli
