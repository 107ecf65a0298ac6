// chatctl(1) from the command tree. Source of the macros: man(7).
#include <algorithm>

#include <fmt/format.h>

#include "cli/help.h"

namespace chatd::cli {

namespace {

/// Text that roff prints as it is: no escape, no request at the beginning of a line, dashes that can be copied.
std::string roff(std::string_view text) {
  std::string out;
  bool lineStart = true;
  for (const char c : text) {
    if (lineStart && (c == '.' || c == '\'')) out += "\\&";
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out.push_back(c);
    }
    lineStart = c == '\n';
  }
  return out;
}

void describeOptions(std::string& out, const CLI::App& command) {
  for (const CLI::Option* option : command.get_options()) {
    if (option == command.get_help_ptr() && command.get_parent() != nullptr) continue;
    out += fmt::format(".TP\n\\fB{}\\fR\n{}\n", roff(optionWords(*option)), roff(option->get_description()));
  }
}

void describeCommand(std::string& out, const CLI::App& command, const std::string& path) {
  const auto below = commandsBelow(command);
  for (const CLI::App* child : below) describeCommand(out, *child, path + " " + child->get_name());
  if (!below.empty()) return;
  std::string head = path;
  for (const CLI::Option* option : command.get_options()) {
    if (option->get_positional()) head += " " + optionWords(*option);
  }
  out += fmt::format(".SS {}\n{}.\n", roff(head), roff(command.get_description()));
  describeOptions(out, command);
}

}  // namespace

std::string manPage(const CLI::App& root) {
  std::string out =
      fmt::format(".TH CHATCTL 1 \"\" \"chatd {0}\" \"chatd\"\n.SH NAME\nchatctl \\- administer the chat daemon chatd\n",
                  CHATCTL_VERSION);
  out += ".SH SYNOPSIS\n\\fBchatctl\\fR [\\fIGLOBAL FLAGS\\fR] \\fINOUN VERB\\fR [\\fIWORDS\\fR]\n.SH DESCRIPTION\n";
  out += roff(root.get_description()) +
         "\nGlobal flags hold before and after the noun. After a word \\-\\- everything is a word and no flag.\n";
  out += ".SH GLOBAL FLAGS\n";
  describeOptions(out, root);
  out += ".SH COMMANDS\n";
  for (const CLI::App* child : commandsBelow(root)) describeCommand(out, *child, child->get_name());
  for (const Topic& topic : topics()) out += fmt::format(".SH {}\n.nf\n{}.fi\n", topic.title, roff(topic.text));
  out += ".SH FILES\n.TP\n\\fI~/.config/chatctl/config.yaml\\fR\ncontexts and their tokens, mode 0600\n";
  out += ".TP\n\\fI/run/chatd/admin.sock\\fR\nthe daemon's admin socket\n.SH SEE ALSO\n\\fBchatd\\fR(8)\n";
  return out;
}

}  // namespace chatd::cli
