// The reference of the commands in Markdown (CommonMark with tables), from the command tree.
#include <fmt/format.h>

#include "cli/help.h"

namespace chatd::cli {

namespace {

/// Text in a cell of a table.
std::string cellOf(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '|') out.push_back('\\');
    out.push_back(c == '\n' ? ' ' : c);
  }
  return out;
}

void describeOptions(std::string& out, const CLI::App& command) {
  std::string rows;
  for (const CLI::Option* option : command.get_options()) {
    if (option == command.get_help_ptr() && command.get_parent() != nullptr) continue;
    rows += fmt::format("| `{}` | {} |\n", cellOf(optionWords(*option)), cellOf(option->get_description()));
  }
  if (!rows.empty()) out += "\n| word | meaning |\n| --- | --- |\n" + rows;
}

void describe(std::string& out, const CLI::App& command, const std::string& path) {
  const auto below = commandsBelow(command);
  for (const CLI::App* child : below) describe(out, *child, path + " " + child->get_name());
  if (!below.empty()) return;
  std::string head = path;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) head += " " + optionWords(*option);
  }
  out += fmt::format("\n## `{}`\n\n{}.\n", head, command.get_description());
  describeOptions(out, command);
}

}  // namespace

std::string reference(const CLI::App& root) {
  std::string out = fmt::format("# chatctl {}\n\n{}\n\n## Global flags\n", CHATCTL_VERSION, root.get_description());
  describeOptions(out, root);
  for (const CLI::App* child : commandsBelow(root)) describe(out, *child, "chatctl " + child->get_name());
  for (const Topic& topic : topics()) out += fmt::format("\n## Topic: {}\n\n```\n{}```\n", topic.word, topic.text);
  return out;
}

}  // namespace chatd::cli
