#include "config/documents.h"

#include <fmt/format.h>

#include <string_view>
#include <vector>

#include "config/option_table.h"

namespace chatd {

namespace {

std::string_view sectionOf(const OptionRow& row) {
  const std::size_t dot = row.path.find('.');
  return dot == std::string_view::npos ? std::string_view() : row.path.substr(0, dot);
}

std::string_view nameOf(const OptionRow& row) { return row.path.substr(row.path.rfind('.') + 1); }

/// "1024 to 67108864 bytes", "true or false"; empty where the meaning says it all.
std::string valuesOf(const OptionRow& row) {
  if (const auto* integer = std::get_if<IntegerKind>(&row.kind))
    return fmt::format("{} to {}{}{}", integer->least, integer->most, row.unit.empty() ? "" : " ", row.unit);
  if (std::get_if<BooleanKind>(&row.kind) != nullptr) return "true or false";
  if (const auto* choice = std::get_if<ChoiceKind>(&row.kind)) return fmt::format("{}", fmt::join(choice->names, ", "));
  return {};
}

std::string_view reloadOf(const OptionRow& row) { return row.reload == Reload::Live ? "reload" : "restart"; }

/// Words of `text` in lines of at most `width` characters.
std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines(1);
  while (!text.empty()) {
    const std::string_view word = text.substr(0, text.find(' '));
    text.remove_prefix(std::min(word.size() + 1, text.size()));
    if (!lines.back().empty() && lines.back().size() + 1 + word.size() > width) lines.emplace_back();
    if (!lines.back().empty()) lines.back().push_back(' ');
    lines.back() += word;
  }
  return lines;
}

/// For man(7): '-' stays a minus that can be copied, '\' is printed, and no line begins a request.
std::string roff(std::string_view text) {
  std::string out;
  if (!text.empty() && (text[0] == '.' || text[0] == '\'')) out += "\\&";
  for (const char c : text) {
    if (c == '\\') {
      out += "\\e";
    } else if (c == '-') {
      out += "\\-";
    } else {
      out.push_back(c);
    }
  }
  return out;
}

}  // namespace

std::string configFileDocument() {
  std::string out =
      "# chatd.yaml: the configuration of chatd. See chatd.yaml(5).\n"
      "#\n"
      "# Made from the table of options (daemon/config/option_table.cpp) by `cmake --build build --target generate`.\n"
      "# What is commented out has its default. A variable wins over this file: limits.replay is CHATD_LIMITS__REPLAY.\n"
      "# [reload]: `systemctl reload chatd` (SIGHUP) applies a change. [restart]: it takes a restart.\n"
      "# Check a change before with `chatd --check-config`.\n";
  std::string_view section;
  for (const OptionRow& row : optionTable()) {
    if (sectionOf(row) != section) {
      section = sectionOf(row);
      out += fmt::format("\n{}:\n", section);
    } else if (section.empty()) {
      out += "\n";
    }
    const std::string_view indent = section.empty() ? "" : "  ";
    const std::string values = valuesOf(row);
    for (const std::string& line : wrap(row.doc, 100)) out += fmt::format("{}# {}\n", indent, line);
    out += fmt::format("{}# [{}]{}{}\n", indent, reloadOf(row), values.empty() ? "" : " ", values);
    out += fmt::format("{}#{}: {}\n", indent, nameOf(row), row.standard);
  }
  return out;
}

std::string manualDocument() {
  std::string out =
      ".\\\" Made from the table of options by `cmake --build build --target generate`; see daemon/config/documents.cpp.\n"
      ".TH CHATD.YAML 5 \"\" \"chatd\" \"File formats\"\n"
      ".SH NAME\n"
      "chatd.yaml \\- configuration of the chat server chatd\n"
      ".SH SYNOPSIS\n"
      ".I /etc/chatd/chatd.yaml\n"
      ".SH DESCRIPTION\n"
      "A YAML file in UTF\\-8. Every key has a default, so an empty file is valid. A key that is not listed here, a key "
      "given\n"
      "twice and a value out of its range are errors; each is reported with file, line and key, and\n"
      ".BR chatd (8)\n"
      "does not start (exit status 78). On a reload such a file changes nothing.\n"
      ".PP\n"
      "Precedence: command line, then environment, then this file, then default. A key such as\n"
      ".B limits.replay\n"
      "is the key\n"
      ".B replay\n"
      "in the mapping\n"
      ".BR limits .\n"
      ".SH ENVIRONMENT\n"
      "The variable of a key is\n"
      ".B CHATD_\n"
      "and its path in upper case, joined by two underscores:\n"
      ".BR CHATD_LIMITS__REPLAY=500 .\n"
      "Its value is read as YAML:\n"
      ".BR \"CHATD_LISTEN='[{address: 0.0.0.0, port: 8080}]'\" .\n"
      "A variable that begins with CHATD_ and names no key is an error.\n"
      ".SH RELOAD\n"
      "On SIGHUP the file is read again. Keys marked \\(lqreload\\(rq take effect at once, or for what begins from then "
      "on;\n"
      "a change of a key marked \\(lqrestart\\(rq is logged and takes effect at the next start.\n"
      ".SH KEYS\n";
  for (const OptionRow& row : optionTable()) {
    out += fmt::format(".TP\n.B {}\n", roff(row.path));
    for (const std::string& line : wrap(row.doc, 100)) out += roff(line) + "\n";
    const std::string values = valuesOf(row);
    out += fmt::format(".br\nDefault: {}.{}{}{} On a change: {}.\n", roff(row.standard),
                       values.empty() ? "" : " Values: ", roff(values), values.empty() ? "" : ".", reloadOf(row));
  }
  out +=
      ".SH EXAMPLE\n"
      ".EX\n"
      "listen:\n"
      "  \\- {address: 127.0.0.1, port: 8080}\n"
      "  \\- {address: \"::\", port: 8443, tls: {certificate: /etc/chatd/chain.pem, key: /etc/chatd/key.pem}}\n"
      "trusted_proxies: [127.0.0.1]\n"
      "cors:\n"
      "  origins: [https://app.example.org]\n"
      "limits:\n"
      "  messages_per_second: 20\n"
      ".EE\n"
      ".SH SEE ALSO\n"
      ".BR chatd (8)\n";
  return out;
}

}  // namespace chatd
