#include "cli/run.h"

#include <algorithm>
#include <ostream>

#include <fmt/format.h>

#include "base/json.h"
#include "base/text.h"
#include "cli/complete.h"
#include "cli/help.h"
#include "cli/layout.h"
#include "cli/tree.h"
#include "cli/visible.h"

namespace chatd::cli {

namespace {

/// Every line of the text by itself through visible(): our own line breaks stay, those of others were escaped before.
std::string visibleLines(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    out += visible(text.substr(0, end));
    if (end == std::string_view::npos) break;
    out += '\n';
    text.remove_prefix(end + 1);
  }
  return out;
}

/// JSON can carry any text but broken UTF-8, which strerror or a server's header might hold.
std::string utf8(const std::string& text) { return isUtf8(text) ? text : visible(text); }

void report(const Failure& failure, bool asJson, bool inColor, std::ostream& err) {
  if (asJson) {
    std::string line;
    JsonWriter json(line);
    json.beginObject().field("code", utf8(failure.code)).field("message", utf8(failure.message));
    json.field("hint", utf8(failure.hint)).field("requestId", utf8(failure.requestId)).endObject();
    err << line + '\n';
    return;
  }
  std::string text = fmt::format("{} {}\n", coloured("chatctl:", Colour::Red, inColor), visibleLines(failure.message));
  if (!failure.hint.empty()) text += fmt::format("hint: {}\n", visibleLines(failure.hint));
  if (!failure.requestId.empty()) text += fmt::format("request id: {}\n", visible(failure.requestId));
  err << text;  // in one go, as note() does
}

/// True for -o json, also if the rest of the line could not be parsed.
bool wantsJson(const CommandTree& tree, const Io& io) {
  const std::string written = tree.writtenFormat();
  return (written.empty() ? io.environment("CHATCTL_OUTPUT").value_or("") : written) == "json";
}

Outcome<void> dispatch(CommandTree& tree, Io& io) {
  const Handler* handler = tree.handler();
  if (handler == nullptr && tree.chosen().get_name() == "__man") {
    io.out << manPage(tree.root());
    return {};
  }
  if (handler == nullptr && tree.chosen().get_name() == "__reference") {
    io.out << reference(tree.root());
    return {};
  }
  if (handler == nullptr) {
    CHATD_TRY(text, helpText(tree));
    io.out << text;
    return {};
  }
  CHATD_TRY(settings, resolve(tree.flags(), io));
  if (settings.brokenContexts && !tree.findsFaults()) return *settings.brokenContexts;
  AdminClient client(settings, io.err);
  Printer printer(settings, io.out);
  if (tree.written() != nullptr) CHATD_CHECK(printer.expect(*tree.written()));
  Invocation invocation{settings, client, printer, io};
  return (*handler)(invocation);
}

Outcome<void> parseAndDispatch(CommandTree& tree, const std::vector<std::string>& words, Io& io) {
  if (!std::all_of(words.begin(), words.end(), [](const std::string& word) { return isUtf8(word); })) {
    return usage("the command line is not UTF-8");
  }
  try {
    CHATD_CHECK(tree.parse(words));
  } catch (const CLI::CallForHelp&) {
    io.out << helpOf(tree.chosen());
    return {};
  } catch (const CLI::CallForVersion&) {
    io.out << "chatctl " CHATCTL_VERSION "\n";
    return {};
  }
  return dispatch(tree, io);
}

}  // namespace

int run(const std::vector<std::string>& words, Io& io) {
  CommandTree tree;
  // Before the parser: what is being typed is no command line yet.
  if (!words.empty() && words.front() == "__complete") return printCompletion(tree, {words.begin() + 1, words.end()}, io);
  const auto outcome = parseAndDispatch(tree, words, io);
  io.out.flush();
  if (outcome.ok()) return static_cast<int>(Exit::Ok);
  const Failure& failure = outcome.error();
  // Nothing to say: Ctrl-C is how a tail ends, and of a broken output main() knows the reason.
  if (failure.message.empty() || (failure.code == "output" && !io.out.good())) return static_cast<int>(failure.exit);
  const bool color = io.errIsTerminal && !io.environment("NO_COLOR") && tree.flags().color.value_or("auto") != "never";
  report(outcome.error(), wantsJson(tree, io), color, io.err);
  return static_cast<int>(outcome.error().exit);
}

}  // namespace chatd::cli
